"""What a handler answers: a status and a body, in the words of libprocess where there are some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from google.protobuf.message import Message

from mesos_compat.wire.json_dialect import JsonValue, encode_value
from mesos_compat.wire.media import ContentType, encode

_PLAIN: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``headers`` go on top of those that every answer has."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    #: Sent compressed to those who ask for it, unless it is short.
    may_compress: bool = True


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file that is sent as it is read, so that any size may be asked for."""

    size: int
    #: Gives bytes at an offset, up to so many; raises ``OSError``.
    read: Callable[[int, int], bytes]
    close: Callable[[], None]
    headers: dict[str, str]


def told(status: int, message: str = "") -> Answer:
    """A status and a sentence; without one an empty body."""
    if not message:
        return Answer(status)
    return Answer(status, message.encode(), _PLAIN)


def not_there() -> Answer:
    """404 with nothing, whose type is said all the same: of files that are not there."""
    return Answer(404, b"", _PLAIN)


def said(status: int) -> Answer:
    """A status in words: ``404 Not Found.``."""
    return told(status, f"{status} {HTTPStatus(status).phrase}.")


def values(value: JsonValue) -> Answer:
    """Plain values as JSON."""
    return Answer(200, encode_value(value).encode("ascii"), ContentType.JSON.value)


def json_text(text: str) -> Answer:
    """JSON that is printed already."""
    return Answer(200, text.encode("ascii"), ContentType.JSON.value)


def message(one: Message, content_type: ContentType) -> Answer:
    """A message in the type that was asked for."""
    return Answer(200, encode(one, content_type), content_type.value)


def method_not_allowed(allowed: Sequence[str], method: str) -> Answer:
    """405, which names what would be allowed."""
    shown = ", ".join(f"'{one}'" for one in allowed)
    text = f"405 Method Not Allowed. Expecting one of {{ {shown} }}, but received '{method}'."
    return Answer(405, text.encode(), _PLAIN, {"Allow": ", ".join(allowed)})


def redirected(location: str) -> Answer:
    """307: the same request, at another place."""
    return Answer(307, b"", None, {"Location": location})


def unauthorized(challenges: Sequence[str]) -> Answer:
    """401, with how to say who one is."""
    body = b"401 Unauthorized."
    return Answer(401, body, _PLAIN, {"WWW-Authenticate": ", ".join(challenges)})
