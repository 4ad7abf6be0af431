"""What Apache Mesos 1.11.0 was asked and what it answered, from ``tests/mesos_compat/golden``."""

from __future__ import annotations

from pathlib import Path

from mesos_compat.wire import json_dialect
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def call(section: str, case: str) -> scheduler_pb2.Call:
    """The scheduler call in the body of a recorded request."""
    _head, body = (GOLDEN / section / f"{case}.req").read_bytes().split(b"\r\n\r\n", 1)
    return json_dialect.loads(body, scheduler_pb2.Call)


def operations(section: str, case: str) -> list[mesos_pb2.Offer.Operation]:
    """The operations of a recorded ACCEPT."""
    return list(call(section, case).accept.operations)


def event(section: str, name: str) -> scheduler_pb2.Event:
    """A recorded event of a scheduler's stream."""
    return json_dialect.loads((GOLDEN / section / name).read_bytes(), scheduler_pb2.Event)


def offered(section: str, name: str) -> list[mesos_pb2.Resource]:
    """The resources of the only offer in a recorded OFFERS event."""
    (offer,) = event(section, name).offers.offers
    return list(offer.resources)
