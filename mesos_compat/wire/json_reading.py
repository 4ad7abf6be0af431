"""Reads messages from JSON in Mesos's dialect, as leniently as Mesos does.

For each type of message there is, once one was met, a dictionary from the names of its fields to
what stores a JSON value there. Errors are in Mesos's words, which name the field and not its path.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from mesos_compat.errors import DecodeError
from mesos_compat.wire.fields import Field, fields_of
from mesos_compat.wire.json_text import JsonSyntaxError, JsonValue, parse
from mesos_compat.wire.soundness import MESSAGE_DEPTH_MAX

M = TypeVar("M", bound=Message)


class JsonConversionError(DecodeError):
    """The JSON is not the message. The text is what Mesos has after its ``protobuf: ``."""


def from_value(value: JsonValue, cls: type[M]) -> M:
    """Make a message of type ``cls`` from what a JSON text holds.

    Unknown names and nulls are passed over, and so are unknown names of enums but in required
    fields. Numbers and booleans may be strings; ``"Infinity"`` is a double. What is no list
    does for one of one element. Raises :class:`JsonConversionError`; of several errors the one
    in the alphabetically first field is told, then missing required fields.
    """
    if not isinstance(value, dict):
        raise JsonConversionError("Expecting a JSON object")
    message: Any = cls()
    try:
        _fill(message, value, 0)
    except UnicodeEncodeError:
        # Not from JSON text: its reader has refused halves of surrogate pairs.
        raise JsonConversionError("Expecting Unicode in strings") from None
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())
        raise JsonConversionError(f"Missing required fields: {missing}")
    filled: M = message
    return filled


_Store: TypeAlias = Callable[[Any, JsonValue, int], None]
_Convert: TypeAlias = Callable[[JsonValue], Any]

_stores: dict[Descriptor, dict[str, _Store]] = {}

_INT32: Final = (-(1 << 31), (1 << 31) - 1)
_INT64: Final = (-(1 << 63), (1 << 63) - 1)
_UINT32: Final = (0, (1 << 32) - 1)
_UINT64: Final = (0, (1 << 64) - 1)
_RANGES: Final = {
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
}
_INFINITIES: Final = {"Infinity": float("inf"), "-Infinity": float("-inf")}
_BLANK: Final = re.compile(r"[ \t\n\v\f\r]+")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]")


def _fill(message: Any, value: Mapping[str, JsonValue], depth: int) -> None:
    if depth > MESSAGE_DEPTH_MAX:
        raise JsonConversionError(f"Messages are nested more than {MESSAGE_DEPTH_MAX} deep")
    stores = _stores.get(message.DESCRIPTOR)
    if stores is None:
        fields = fields_of(message.DESCRIPTOR)
        stores = {field.name: _make_store(field) for field in fields}
        _stores[message.DESCRIPTOR] = stores
    # Mesos keeps the members of an object in the order of their names.
    for name in sorted(value):
        store = stores.get(name)
        if store is not None and value[name] is not None:
            store(message, value[name], depth)


def _make_store(field: Field) -> _Store:
    """What puts a JSON value, which is not null, into one field of a message."""
    if field.is_map:
        return _store_in_map(field)
    if field.message_type is not None:
        return _store_messages(field) if field.is_repeated else _store_message(field)
    name = field.name
    convert = _converter(field)

    def store_one(message: Any, value: JsonValue, _: int) -> None:
        if isinstance(value, list):
            _refuse(value, name)
        converted = convert(value)
        if converted is not None:
            setattr(message, name, converted)

    def store_all(message: Any, value: JsonValue, _: int) -> None:
        elements = getattr(message, name)
        for element in _elements(value):
            converted = convert(element)
            if converted is not None:
                elements.append(converted)

    return store_all if field.is_repeated else store_one


def _store_message(field: Field) -> _Store:
    name = field.name

    def store(message: Any, value: JsonValue, depth: int) -> None:
        if not isinstance(value, dict):
            _refuse(value, name)
        inner = getattr(message, name)
        inner.SetInParent()
        _fill(inner, value, depth + 1)

    return store


def _store_messages(field: Field) -> _Store:
    name = field.name

    def store(message: Any, value: JsonValue, depth: int) -> None:
        elements = getattr(message, name)
        for element in _elements(value):
            if not isinstance(element, dict):
                _refuse(element, name)
            _fill(elements.add(), element, depth + 1)

    return store


def _store_in_map(field: Field) -> _Store:
    name = field.name
    key_field, value_field = field.entry
    convert_key = _converter(key_field)
    convert_value = _converter(value_field) if value_field.message_type is None else None
    unset = value_field.descriptor.default_value

    def store(message: Any, value: JsonValue, depth: int) -> None:
        entries = getattr(message, name)
        for element in _elements(value):
            if not isinstance(element, dict):
                _refuse(element, name)
            for key, member in element.items():
                place = convert_key(key)
                if convert_value is None:
                    if not isinstance(member, dict | None):
                        _refuse(member, "value")
                    _fill(entries[place], member or {}, depth + 1)
                    continue
                converted = None if member is None else convert_value(member)
                # An entry without a value has the default of the type.
                entries[place] = unset if converted is None else converted

    return store


def _elements(value: JsonValue) -> Iterator[JsonValue]:
    """The values for a repeated field: Mesos flattens lists of lists and passes over nulls."""
    waiting = [value]
    while waiting:
        element = waiting.pop()
        if isinstance(element, list):
            waiting.extend(reversed(element))
        elif element is not None:
            yield element


def _converter(field: Field) -> _Convert:
    """From JSON to a scalar of ``field``'s type, or to None where the field is to stay unset."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return _string_converter(field)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes_converter(field)
    if field.enum_numbers:
        return _enum_converter(field)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _bool_converter(field)
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return _double_converter(field)
    return _integer_converter(field)


def _string_converter(field: Field) -> _Convert:
    def convert(value: JsonValue) -> str:
        if not isinstance(value, str):
            _refuse(value, field.name)
        return value

    return convert


def _bytes_converter(field: Field) -> _Convert:
    def convert(value: JsonValue) -> bytes:
        if not isinstance(value, str):
            _refuse(value, field.name)
        # Mesos looks at nothing behind the first '=', nor does it count these.
        letters = _BLANK.sub("", value.partition("=")[0])
        stray = _NOT_BASE64.search(letters)
        if stray:
            raise JsonConversionError(
                f"Failed to base64 decode bytes field '{field.name}':"
                f" Invalid character '{stray[0]}'"
            )
        if len(letters) % 4 == 1:
            # Six bits make no byte.
            letters = letters[:-1]
        return a2b_base64(letters + "=" * (-len(letters) % 4))

    return convert


def _enum_converter(field: Field) -> _Convert:
    def convert(value: JsonValue) -> int | None:
        if not isinstance(value, str):
            _refuse(value, field.name)
        number = field.enum_numbers.get(value)
        if number is None and field.is_required:
            raise JsonConversionError(f"Failed to find enum for '{value}'")
        return number

    return convert


def _bool_converter(field: Field) -> _Convert:
    def convert(value: JsonValue) -> bool:
        if isinstance(value, str):
            value = _parse_scalar(value, bool, "boolean", field.name)
        if not isinstance(value, bool):
            _refuse(value, field.name)
        return value

    return convert


def _double_converter(field: Field) -> _Convert:
    def convert(value: JsonValue) -> float:
        if isinstance(value, str):
            if value in _INFINITIES:
                return _INFINITIES[value]
            value = _parse_scalar(value, (int, float), "number", field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            _refuse(value, field.name)
        try:
            return float(value)
        except OverflowError:
            raise JsonConversionError(f"Number out of range for field '{field.name}'") from None

    return convert


def _integer_converter(field: Field) -> _Convert:
    low, high = _RANGES[field.type]

    def convert(value: JsonValue) -> int:
        if isinstance(value, str):
            value = _parse_scalar(value, (int, float), "number", field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            _refuse(value, field.name)
        # Mesos cuts decimals off; beyond the range its result is undefined, ours an error.
        number = int(value)
        if not low <= number <= high:
            raise JsonConversionError(f"Number out of range for field '{field.name}'")
        return number

    return convert


def _parse_scalar(text: str, types: type | tuple[type, ...], called: str, name: str) -> JsonValue:
    """What a string holds that stands for a number or a boolean."""
    try:
        value = parse(text)
        if not isinstance(value, types) or (called == "number" and isinstance(value, bool)):
            raise JsonSyntaxError("Unexpected JSON type parsed")
    except JsonSyntaxError as error:
        raise JsonConversionError(
            f"Failed to parse '{text}' as a JSON {called} for field '{name}': {error}"
        ) from None
    return value


def _refuse(value: JsonValue, name: str) -> NoReturn:
    kind = "number"
    if isinstance(value, bool):
        kind = "boolean"
    elif isinstance(value, str):
        kind = "string"
    elif isinstance(value, dict):
        kind = "object"
    elif isinstance(value, list):
        kind = "array"
    raise JsonConversionError(f"Not expecting a JSON {kind} for field '{name}'")
