"""What is due when. A timer is set again or cancelled by its name."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mesos_compat.due import DueTimes


class TimerKind(StrEnum):
    """What a timer is for."""

    FRAMEWORK_HEARTBEAT = "a framework's next heartbeat"
    FRAMEWORK_FAILOVER = "a framework has not come back"
    AGENT_PING = "an agent's next ping"
    AGENT_REREGISTER = "a disconnected agent has not come back"
    RECOVERED_AGENTS = "agents of the registry have not come back"
    AGENT_REMOVAL = "the rate allows another agent to be given up"
    OFFER_TIMEOUT = "an offer has been out for too long"
    OPERATOR_HEARTBEAT = "an operator's next heartbeat"
    REGISTRY_GC = "the registry is to be tidied"
    REGISTRY_STORE = "the registry takes too long to store"


class Timer(NamedTuple):
    """A timer's name: what for, and for whom."""

    kind: TimerKind
    key: str = ""


class Timers(DueTimes[Timer]):
    """Timers by when they are due."""

    __slots__ = ()
