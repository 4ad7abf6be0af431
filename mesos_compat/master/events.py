"""What comes into the master: everything that :meth:`MasterCore.step` takes.

A route is a number that the shell gives to a request, and that names its answer or its stream
from then on. A stream ends with one of the ``...Lost`` events, or with a ``Close...`` action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, NewType

from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, scheduler_pb2

Route = NewType("Route", int)


class Now(NamedTuple):
    """The time, on a clock that never goes back and on that of the wall."""

    mono_ms: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class SchedulerSubscribed:
    """SUBSCRIBE, found whole; ``route`` is to be the stream."""

    route: Route
    call: scheduler_pb2.Call
    # The authenticated one, if there is one.
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class SchedulerCalled:
    """Any other call of a scheduler, found whole; answered by a Reply at once."""

    route: Route
    call: scheduler_pb2.Call
    principal: str | None = None
    # What the header Mesos-Stream-Id says, if it is there.
    stream_id: str | None = None


@dataclass(frozen=True, slots=True)
class SchedulerLost:
    """The stream has ended from the other side."""

    route: Route


@dataclass(frozen=True, slots=True)
class AgentSubscribed:
    """An agent's SUBSCRIBE; ``route`` is to be the stream, or the answer of a refusal."""

    route: Route
    call: link_pb2.Call
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class AgentCalled:
    """Another call of an agent, on the stream ``route``."""

    route: Route
    call: link_pb2.Call


@dataclass(frozen=True, slots=True)
class AgentLost:
    """The stream has ended from the other side."""

    route: Route


@dataclass(frozen=True, slots=True)
class OperatorCalled:
    """A call of the operator API that changes something, found whole."""

    route: Route
    call: master_pb2.Call
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class OperatorSubscribed:
    """An operator's SUBSCRIBE; ``route`` is to be the stream."""

    route: Route
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class OperatorLost:
    """The stream has ended from the other side."""

    route: Route


@dataclass(frozen=True, slots=True)
class Elected:
    """This master leads now."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What FetchRegistry has found; an empty registry when nothing was stored yet."""

    registry: link_pb2.Registry


@dataclass(frozen=True, slots=True)
class RegistryStored:
    """The StoreRegistry of this token is durable."""

    token: int


@dataclass(frozen=True, slots=True)
class RegistryFailed:
    """The registry could not be fetched or stored."""

    why: str


@dataclass(frozen=True, slots=True)
class WhitelistRead:
    """The contents of the file of ``--whitelist``; None means that all agents may be offered."""

    hostnames: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    SchedulerSubscribed
    | SchedulerCalled
    | SchedulerLost
    | AgentSubscribed
    | AgentCalled
    | AgentLost
    | OperatorCalled
    | OperatorSubscribed
    | OperatorLost
    | Elected
    | Recovered
    | RegistryStored
    | RegistryFailed
    | WhitelistRead
    | Tick
)
