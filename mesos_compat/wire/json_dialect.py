"""Messages as JSON, in Mesos's dialect and not protobuf's own.

Out: fields in the order of their declaration under their names in the ``.proto`` file, enums by
name, bytes in base64, integers of 64 bits as numbers, maps as objects. What is unset stays out,
but for fields with a default of their own that are not deprecated. Printed by
:mod:`mesos_compat.wire.json_printing`.

In: lenient, see :func:`from_value`, read by :mod:`mesos_compat.wire.json_reading`. What is
between, JSON text and plain values, is in :mod:`mesos_compat.wire.json_text`.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from google.protobuf.message import Message

from mesos_compat.wire.json_printing import printer
from mesos_compat.wire.json_reading import JsonConversionError, from_value
from mesos_compat.wire.json_text import JsonSyntaxError, JsonValue, encode_value, parse

__all__ = [
    "JsonConversionError",
    "JsonSyntaxError",
    "JsonValue",
    "dumps",
    "encode_value",
    "from_value",
    "loads",
    "parse",
    "to_value",
]

M = TypeVar("M", bound=Message)


def dumps(message: Message) -> str:
    """Print ``message`` on one line of ASCII."""
    descriptor: Any = message.DESCRIPTOR
    return printer(descriptor)(message)


def to_value(message: Message) -> dict[str, JsonValue]:
    """``message`` as plain values, for :func:`encode_value` inside of others."""
    value: dict[str, JsonValue] = json.loads(dumps(message))
    return value


def loads(data: bytes | str, cls: type[M]) -> M:
    """Read a message of type ``cls``.

    Raises :class:`JsonSyntaxError` or :class:`JsonConversionError`, whose texts come behind
    different words in Mesos's answers.
    """
    return from_value(parse(data), cls)
