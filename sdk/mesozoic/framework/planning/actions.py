"""What a framework's plan asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.wire.v1 import mesos_pb2


@dataclass(frozen=True, slots=True)
class Put:
    """Keep ``data`` under ``key``, whether there is something or not."""

    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Keep nothing under ``key``."""

    key: str


Change = Put | Delete


@dataclass(frozen=True, slots=True)
class Write:
    """Make all of this durable or nothing, behind all writes of before; then say Written."""

    token: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Launch:
    """ACCEPT these offers, which are of one agent, and launch the tasks."""

    offer_ids: tuple[str, ...]
    tasks: tuple[mesos_pb2.TaskInfo, ...]


@dataclass(frozen=True, slots=True)
class Kill:
    """KILL a task, which may be asked for again."""

    task_id: str
    agent_id: str | None


@dataclass(frozen=True, slots=True)
class Decline:
    """DECLINE offers, for long."""

    offer_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AskForOffers:
    """There is new work: offers that were declined are wanted after all (REVIVE)."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """ACKNOWLEDGE an update: what it says is durable, if that matters."""

    status: mesos_pb2.TaskStatus


Action = Write | Launch | Kill | Decline | AskForOffers | Acknowledge
