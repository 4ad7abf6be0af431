"""What was said to and by a real Mesos 1.11: requests, events and streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mesos_compat.wire.media import ContentType, content_type_of
from mesos_compat.wire.recordio import Decoder

GOLDEN = Path(__file__).resolve().parents[2] / "mesos_compat" / "golden"
_RECORD_BYTES_MAX = 1 << 24


class Recorded(NamedTuple):
    """One body."""

    name: str
    body: bytes
    content_type: ContentType | None


def requests(path: str) -> Iterator[Recorded]:
    """Bodies POSTed to ``path``."""
    for file in sorted(GOLDEN.glob("*/*.req")):
        head, _, body = file.read_bytes().partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        if lines[0] == f"POST {path} HTTP/1.1":
            name = f"{file.parent.name}/{file.stem}"
            yield Recorded(name, body, content_type_of(fields.get("content-type", "")))


def events() -> Iterator[Recorded]:
    """Single events of schedulers' streams, of both codecs."""
    for file in sorted(GOLDEN.glob("*/*.event.json")):
        yield Recorded(f"{file.parent.name}/{file.name}", file.read_bytes(), ContentType.JSON)
    for file in sorted(GOLDEN.glob("*/*.event.pb")):
        yield Recorded(f"{file.parent.name}/{file.name}", file.read_bytes(), ContentType.PROTOBUF)


def stream(name: str) -> list[bytes]:
    """The records of a stream."""
    return Decoder(_RECORD_BYTES_MAX).feed((GOLDEN / name).read_bytes())
