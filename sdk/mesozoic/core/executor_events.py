"""What happens to an executor's driver, and what its core wants done. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

# Events.


@dataclass(frozen=True, slots=True)
class Started:
    """The driver runs."""


@dataclass(frozen=True, slots=True)
class Received:
    """The agent has said something."""

    stream: int
    event: executor_pb2.Event


@dataclass(frozen=True, slots=True)
class StreamLost:
    """There is no such stream, or no more. ``status`` is that of an answer which was none."""

    stream: int
    why: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call was lost (no ``status``) or refused."""

    stream: int
    call: executor_pb2.Call
    why: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class UpdateMade:
    """The author tells the status of a task, which has its uuid."""

    status: mesos_pb2.TaskStatus


@dataclass(frozen=True, slots=True)
class MessageMade:
    """The author sends bytes to the scheduler."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ShutdownDone:
    """The author's handler of SHUTDOWN has returned, or he wants to leave."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Something may be due."""


Event = (
    Started | Received | StreamLost | CallFailed | UpdateMade | MessageMade | ShutdownDone | Tick
)

# Actions.


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a stream with ``call``."""

    stream: int
    call: executor_pb2.Call


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close a stream."""

    stream: int


@dataclass(frozen=True, slots=True)
class Send:
    """Make a call, behind those before."""

    stream: int
    call: executor_pb2.Call


@dataclass(frozen=True, slots=True)
class TellEvent:
    """Tell the author what the agent has said; ``is_again`` of any SUBSCRIBED but the first."""

    event: executor_pb2.Event
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class TellDisconnected:
    """Tell the author that the agent is being looked for."""

    why: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Nothing is unacknowledged any more."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The driver is over: there is nothing left to tell, or nobody to tell it to."""

    why: str


@dataclass(frozen=True, slots=True)
class Note:
    """For the log."""

    text: str


Action = Connect | Disconnect | Send | TellEvent | TellDisconnected | Acknowledged | Finish | Note
