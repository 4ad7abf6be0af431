"""What is due when. A timer is set again or cancelled by its name."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mesos_compat.due import DueTimes


class TimerKind(StrEnum):
    """What a timer is for."""

    LINK = "the master is to be subscribed with"
    PING = "the master has not been heard of"
    EXECUTOR_REGISTRATION = "an executor has not subscribed"
    EXECUTOR_REREGISTRATION = "executors have not come back to this agent"
    EXECUTOR_SHUTDOWN = "an executor has not ended"
    EXECUTOR_HEARTBEAT = "an executor's next heartbeat"
    STATUS_UPDATE = "a status has not been acknowledged"
    OPERATION_STATUS = "an operation's status has not been acknowledged"


class Timer(NamedTuple):
    """A timer's name: what for, and for whom."""

    kind: TimerKind
    key: tuple[str, ...] = ()


class Timers(DueTimes[Timer]):
    """Timers by when they are due."""

    __slots__ = ()
