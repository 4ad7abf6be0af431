"""What comes out of the master: everything that a shell is to do.

Actions are done in their order. Nothing here waits for the disk: what must be stored before
anybody is told of it is decided only when :class:`~mesos_compat.master.events.RegistryStored`
comes, so no shell can tell it early.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.master.events import Route
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, scheduler_pb2


@dataclass(frozen=True, slots=True)
class OpenScheduler:
    """Answer 200 with the header Mesos-Stream-Id; the route is a stream from now on."""

    route: Route
    stream_id: str


@dataclass(frozen=True, slots=True)
class SendToScheduler:
    """Write one event to a stream."""

    route: Route
    event: scheduler_pb2.Event


@dataclass(frozen=True, slots=True)
class CloseScheduler:
    """End a stream, after what was written to it; no SchedulerLost is expected for it."""

    route: Route


@dataclass(frozen=True, slots=True)
class OpenAgent:
    """Answer 200; the agent's calls come with this stream id from now on."""

    route: Route
    stream_id: str


@dataclass(frozen=True, slots=True)
class SendToAgent:
    """Write one event to an agent's stream."""

    route: Route
    event: link_pb2.Event


@dataclass(frozen=True, slots=True)
class CloseAgent:
    """End an agent's stream, after what was written to it; no AgentLost is expected for it."""

    route: Route


@dataclass(frozen=True, slots=True)
class SendToOperator:
    """Write one event to an operator's stream, which is open since it subscribed."""

    route: Route
    event: master_pb2.Event


@dataclass(frozen=True, slots=True)
class CloseOperator:
    """End an operator's stream; no OperatorLost is expected for it."""

    route: Route


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a call: an HTTP status, and the text that goes with it."""

    route: Route
    status: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class FetchRegistry:
    """Read what was stored last, and report it as Recovered."""


@dataclass(frozen=True, slots=True)
class StoreRegistry:
    """Store all of this in place of what was there, and report the token as RegistryStored.

    There is never more than one under way.
    """

    token: int
    registry: link_pb2.Registry


@dataclass(frozen=True, slots=True)
class Stop:
    """This master must not go on: end the process, and say why."""

    why: str


Action = (
    OpenScheduler
    | SendToScheduler
    | CloseScheduler
    | OpenAgent
    | SendToAgent
    | CloseAgent
    | SendToOperator
    | CloseOperator
    | Reply
    | FetchRegistry
    | StoreRegistry
    | Stop
)
