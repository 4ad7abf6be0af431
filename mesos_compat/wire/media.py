"""Media types of the v1 APIs: which a request has, which it takes, and messages in either.

Bodies come from anybody, so :func:`decode` lets nothing pass that the rest of the program could
not print or send on: see :mod:`mesos_compat.wire.soundness`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Final, TypeVar

from google.protobuf import message as protobuf
from google.protobuf.message import Message

from mesos_compat.errors import DecodeError, invariant
from mesos_compat.wire.json_dialect import dumps, loads
from mesos_compat.wire.json_reading import JsonConversionError
from mesos_compat.wire.json_text import JsonSyntaxError
from mesos_compat.wire.soundness import is_sound

M = TypeVar("M", bound=Message)


class ContentType(Enum):
    """What a body may be; the values are the media types."""

    JSON = "application/json"
    PROTOBUF = "application/x-protobuf"
    RECORDIO = "application/recordio"


_TYPES: Final = {content_type.value: content_type for content_type in ContentType}


def content_type_of(header: str) -> ContentType | None:
    """The type that a ``Content-Type`` names; None for another, or one with parameters.

    Mesos compares the whole header: ``application/json; charset=utf-8`` is not JSON to it.
    """
    return _TYPES.get(header)


def accepts(header: str | None, candidates: Sequence[ContentType]) -> ContentType | None:
    """Which of ``candidates`` an ``Accept`` header likes best; None if it takes none of them.

    Of equally liked ones the first in ``candidates`` is chosen. No header takes everything, an
    empty one nothing. For each candidate its own entry counts before ``application/*`` and that
    before ``*/*``; as in Mesos an entry whose weight is 0, or no number, excludes.
    """
    if header is None:
        return candidates[0]
    weights = _weights(header)
    chosen = None
    chosen_weight = 0.0
    for candidate in candidates:
        name = candidate.value
        ranges = (name, f"{name.partition('/')[0]}/*", "*/*")
        weight = next((weights[known] for known in ranges if known in weights), 0.0)
        if weight > chosen_weight:
            chosen, chosen_weight = candidate, weight
    return chosen


def _weights(header: str) -> dict[str, float]:
    """The media ranges of an ``Accept`` header, in small letters, and their weights."""
    weights: dict[str, float] = {}
    for entry in header.lower().split(","):
        media_range, *parameters = [part.strip() for part in entry.split(";")]
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = _weight(value.strip())
        weights.setdefault(media_range.replace(" ", ""), weight)
    return weights


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(weight) else weight


def encode(message: Message, content_type: ContentType) -> bytes:
    """``message`` as a body or a record of the given type."""
    if content_type is ContentType.JSON:
        return dumps(message).encode("ascii")
    invariant(content_type is ContentType.PROTOBUF, "not a type of messages", type=content_type)
    return message.SerializeToString()


def decode(data: bytes, content_type: ContentType, cls: type[M]) -> M:
    """The message of type ``cls`` that a body or a record of the given type holds.

    Raises :class:`DecodeError`, whose text is all of what Mesos answers with 400.
    """
    name = cls.DESCRIPTOR.name
    if content_type is ContentType.JSON:
        try:
            return loads(data, cls)
        except JsonSyntaxError as error:
            raise DecodeError(f"Failed to parse body into JSON: {error}") from None
        except JsonConversionError as error:
            raise DecodeError(f"Failed to convert JSON into {name} protobuf: {error}") from None
    invariant(content_type is ContentType.PROTOBUF, "not a type of messages", type=content_type)
    message = cls()
    try:
        message.ParseFromString(data)
    except protobuf.DecodeError:
        raise DecodeError(f"Failed to parse body into {name} protobuf") from None
    if not message.IsInitialized() or not is_sound(message):
        raise DecodeError(f"Failed to parse body into {name} protobuf")
    return message
