"""Whether what was parsed can be printed, and sent on inside of another message.

Protobuf takes strings that are not UTF-8, and messages in messages up to a depth that leaves no
room for another one around them. Neither comes from a JSON body, and no honest client sends it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from mesos_compat.wire.fields import Field, fields_of

#: Messages inside of messages. Protobuf's parsers, our peers' too, stop at 100.
MESSAGE_DEPTH_MAX: Final = 64

_Check: TypeAlias = Callable[[Any, int], bool]


def is_sound(message: Message) -> bool:
    """Whether all text in ``message`` is UTF-8 and its depth bounded."""
    return _is_sound_at(message, 0)


def _is_sound_at(message: Any, depth: int) -> bool:
    if depth > MESSAGE_DEPTH_MAX:
        return False
    checks = _checks_of(message.DESCRIPTOR)
    for field, value in message.ListFields():
        check = checks.get(field)
        if check is not None and not check(value, depth):
            return False
    return True


@cache
def _checks_of(descriptor: Descriptor) -> dict[FieldDescriptor, _Check]:
    """What looks at the value of a field and the depth of the message around, where one has to."""
    made = [(field.descriptor, _check_of(field)) for field in fields_of(descriptor)]
    return {field: check for field, check in made if check is not None}


def _check_of(field: Field) -> _Check | None:
    if field.is_map:
        return _check_of_map(field)
    check_element: _Check
    if field.message_type is not None and _can_be_unsound(field.message_type, ()):
        check_element = _is_sound_inside
    elif field.type == FieldDescriptor.TYPE_STRING:
        check_element = _is_text
    else:
        return None
    if not field.is_repeated:
        return check_element
    return lambda elements, depth: all(check_element(element, depth) for element in elements)


def _check_of_map(field: Field) -> _Check:
    of_keys, of_values = map(_check_of, field.entry)

    def check(entries: Any, depth: int) -> bool:
        return all(
            (of_keys is None or of_keys(key, depth))
            and (of_values is None or of_values(entries[key], depth))
            for key in entries
        )

    return check


def _can_be_unsound(descriptor: Descriptor, around: tuple[Descriptor, ...]) -> bool:
    """Whether messages of this type can have text in them, or themselves to any depth."""
    return descriptor in around or any(
        field.type == FieldDescriptor.TYPE_STRING
        or (
            field.message_type is not None
            and _can_be_unsound(field.message_type, (*around, descriptor))
        )
        for field in fields_of(descriptor)
    )


def _is_text(value: object, _: int) -> bool:
    # The library gives what is not UTF-8 as bytes.
    return isinstance(value, str)


def _is_sound_inside(message: Any, depth: int) -> bool:
    return _is_sound_at(message, depth + 1)
