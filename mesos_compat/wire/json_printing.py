"""Prints messages as JSON in Mesos's dialect.

A printer is a function from a message to text. There is one for each type of message, made from
its descriptor when the first is asked for: a dictionary from fields to printers of their values,
so that what is not set costs nothing.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mesos_compat.errors import invariant
from mesos_compat.wire.fields import Field, fields_of
from mesos_compat.wire.json_text import print_double, quote

Print: TypeAlias = Callable[[Any], str]
_Printers: TypeAlias = dict[Descriptor, Print]

#: Lists that are printed even when empty: Mesos writes these answers by hand
#: (master/readonly_handler.cpp and slave/http.cpp), and tools index them unasked.
WRITTEN_WHEN_EMPTY: Final[Mapping[str, tuple[str, ...]]] = {
    "mesos.v1.master.Response.GetAgents": ("agents", "recovered_agents"),
    "mesos.v1.master.Response.GetExecutors": ("executors",),
    "mesos.v1.master.Response.GetFrameworks": ("frameworks", "completed_frameworks"),
    "mesos.v1.master.Response.GetTasks": ("tasks", "unreachable_tasks", "completed_tasks"),
    "mesos.v1.agent.Response.GetExecutors": ("executors", "completed_executors"),
    "mesos.v1.agent.Response.GetFrameworks": ("frameworks", "completed_frameworks"),
    "mesos.v1.agent.Response.GetTasks": (
        "pending_tasks",
        "queued_tasks",
        "launched_tasks",
        "terminated_tasks",
        "completed_tasks",
    ),
}

#: Types of messages that are printed empty with these values of their ``type``: Mesos's v1 names
#: lack the capability, and mesos-go ends the stream at a name of an enum that it does not know.
UNNAMED: Final[Mapping[str, tuple[str, ...]]] = {"mesos.v1.MasterInfo.Capability": ("QUOTA_V2",)}

_printers: _Printers = {}


def printer(descriptor: Descriptor) -> Print:
    """What prints messages of the type that ``descriptor`` describes, on one line of ASCII."""
    known = _printers.get(descriptor)
    if known is None:
        # Published only when whole: another thread may look for one that this one is making.
        made: _Printers = {}
        known = _make_printer(descriptor, made)
        _printers.update(made)
    return known


def _make_printer(descriptor: Descriptor, made: _Printers) -> Print:
    """What prints messages of one type. Types may contain themselves: hence ``made``."""
    known = _printers.get(descriptor) or made.get(descriptor)
    if known is not None:
        return known
    # Of each field: its place in the order of declaration, its name with the colon, its printer.
    plan: dict[FieldDescriptor, tuple[int, str, Print]] = {}

    def print_ordered(message: Any) -> str:
        parts = []
        for field, value in message.ListFields():
            _, name, print_value = plan[field]
            parts.append(name + print_value(value))
        return "{" + ",".join(parts) + "}"

    def print_placed(message: Any) -> str:
        places = unset.copy()
        for field, value in message.ListFields():
            place, name, print_value = plan[field]
            places[place] = name + print_value(value)
        return "{" + ",".join(filter(None, places)) + "}"

    fields = fields_of(descriptor)
    numbers = [field.number for field in fields]
    unset = [_print_unset(field, descriptor.full_name) for field in fields]
    # ListFields is in the order of the numbers, and the order of declaration often the same.
    is_plain = numbers == sorted(numbers) and not any(unset)
    made[descriptor] = print_ordered if is_plain else print_placed
    if descriptor.full_name in UNNAMED:
        made[descriptor] = _print_named(made[descriptor], descriptor)
    for place, field in enumerate(fields):
        plan[field.descriptor] = (place, f'"{field.name}":', _value_printer(field, made))
    return made[descriptor]


def _print_named(print_message: Print, descriptor: Descriptor) -> Print:
    """``print_message`` for all but the types that have no name in Mesos's v1 JSON."""
    kinds = descriptor.fields_by_name["type"].enum_type
    invariant(kinds is not None, "the type is an enum", message=descriptor.full_name)
    numbers = kinds.values_by_name  # type: ignore[union-attr]
    unnamed = [numbers[name].number for name in UNNAMED[descriptor.full_name]]
    return lambda message: "{}" if message.type in unnamed else print_message(message)


def _print_unset(field: Field, message_name: str) -> str | None:
    """What is printed, with the name, of a field that is not set."""
    if field.default is not None:
        return f'"{field.name}":{_element_printer(field, {})(field.default)}'
    if field.name in WRITTEN_WHEN_EMPTY.get(message_name, ()):
        return f'"{field.name}":[]'
    return None


def _value_printer(field: Field, made: _Printers) -> Print:
    if field.is_map:
        return _map_printer(field, made)
    print_element = _element_printer(field, made)
    if not field.is_repeated:
        return print_element

    def print_elements(elements: Any) -> str:
        return "[" + ",".join([print_element(element) for element in elements]) + "]"

    return print_elements


def _map_printer(field: Field, made: _Printers) -> Print:
    key_field, value_field = field.entry
    print_key = _element_printer(key_field, made)
    print_value = _element_printer(value_field, made)
    has_text_keys = key_field.type == FieldDescriptor.TYPE_STRING

    def print_entries(entries: Any) -> str:
        parts = []
        # A map has no order; one that changes from time to time would help nobody.
        for key in sorted(entries):
            name = print_key(key) if has_text_keys else f'"{print_key(key)}"'
            parts.append(f"{name}:{print_value(entries[key])}")
        return "{" + ",".join(parts) + "}"

    return print_entries


def _element_printer(field: Field, made: _Printers) -> Print:
    if field.message_type is not None:
        return _make_printer(field.message_type, made)
    if field.enum_numbers:
        # Enums are closed: a number without a name is not among the fields of a message.
        return {number: f'"{name}"' for name, number in field.enum_numbers.items()}.__getitem__
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: f'"{b64encode(value).decode()}"'
    if field.type == FieldDescriptor.TYPE_STRING:
        return quote
    if field.type == FieldDescriptor.TYPE_BOOL:
        return {True: "true", False: "false"}.__getitem__
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return print_double
    return int.__repr__
