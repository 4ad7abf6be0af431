"""What an executor wants done. Actions are done in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mesos_compat.executors.events import CheckId, StreamId
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

_NO_LIMITS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Subscribe; what the agent says comes as Received, the end or a failure as StreamLost."""

    stream: StreamId
    subscribe: executor_pb2.Call


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Have done with a stream; nothing that still comes of it matters."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class Send:
    """Make a call, behind those before; a failure comes as CallFailed of this stream."""

    stream: StreamId
    call: executor_pb2.Call


@dataclass(frozen=True, slots=True)
class StartTask:
    """Run a command; TaskStarted comes next of all events, TaskExited when it has ended."""

    command: mesos_pb2.CommandInfo
    # What is set in its environment besides what this process has; the command's own wins.
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SignalTask:
    """Signal the processes of the command: its tree, process groups and sessions."""

    number: int


@dataclass(frozen=True, slots=True)
class CommandProbe:
    """Run a command in the task's environment and tell its exit code."""

    command: mesos_pb2.CommandInfo
    environment: Mapping[str, str]
    # In whose nested container; None is this process's own.
    container_id: mesos_pb2.ContainerID | None = None


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """Tell the status with which an HTTP GET is answered."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """Tell whether a connection comes about."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RunCheck:
    """Run a check once; Checked follows, at the latest after the timeout."""

    check: CheckId
    probe: CommandProbe | HttpProbe | TcpProbe
    # None is no timeout.
    timeout_ms: int | None


@dataclass(frozen=True, slots=True)
class LaunchNested:
    """Launch a nested container; ContainerLaunchAnswered follows.

    One that was launched before counts as launched.
    """

    container_id: mesos_pb2.ContainerID
    command: mesos_pb2.CommandInfo
    container: mesos_pb2.ContainerInfo | None = None
    # Its own, apart from those of the executor's container; none to share these.
    resources: tuple[mesos_pb2.Resource, ...] = ()
    # Upper bounds by resource name, with resources of its own (TaskInfo.limits).
    limits: Mapping[str, float] = field(default_factory=lambda: _NO_LIMITS)


@dataclass(frozen=True, slots=True)
class WaitNested:
    """Wait for the end of a nested container; ContainerEnded or ContainerWaitFailed follows."""

    container_id: mesos_pb2.ContainerID


@dataclass(frozen=True, slots=True)
class SignalNested:
    """Signal a nested container, if it still runs."""

    container_id: mesos_pb2.ContainerID
    number: int


@dataclass(frozen=True, slots=True)
class Note:
    """Say something in the executor's log."""

    text: str


@dataclass(frozen=True, slots=True)
class Exit:
    """End this program with a status, and with it all that it runs."""

    status: int


Action = (
    OpenStream
    | CloseStream
    | Send
    | StartTask
    | SignalTask
    | RunCheck
    | LaunchNested
    | WaitNested
    | SignalNested
    | Note
    | Exit
)
