"""What Apache Mesos 1.11.0 was asked and what it answered, from ``tests/mesos_compat/golden``."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message

from mesos_compat.wire import json_dialect
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

GOLDEN = Path(__file__).resolve().parents[2] / "golden"

M = TypeVar("M", bound=Message)


def body(section: str, case: str) -> bytes:
    """The body of a recorded request."""
    return (GOLDEN / section / f"{case}.req").read_bytes().partition(b"\r\n\r\n")[2]


def request(section: str, case: str, cls: type[M]) -> M:
    """The call in a recorded request."""
    return json_dialect.loads(body(section, case), cls)


def answer(section: str, case: str) -> tuple[int, str]:
    """Status and body of a recorded response."""
    head, _, text = (GOLDEN / section / f"{case}.res").read_bytes().partition(b"\r\n\r\n")
    return int(head.split()[1]), text.decode()


def event(section: str, name: str) -> scheduler_pb2.Event:
    """A recorded event of a scheduler's stream."""
    path = GOLDEN / section / f"{name}.event.json"
    return json_dialect.loads(path.read_bytes(), scheduler_pb2.Event)


def has_event(section: str, name: str) -> bool:
    return (GOLDEN / section / f"{name}.event.json").exists()


def operations(section: str, case: str) -> list[mesos_pb2.Offer.Operation]:
    """The operations of a recorded ACCEPT."""
    return list(request(section, case, scheduler_pb2.Call).accept.operations)


def cases(section: str, suffix: str = ".req") -> list[str]:
    return sorted(path.name.removesuffix(suffix) for path in (GOLDEN / section).glob(f"*{suffix}"))
