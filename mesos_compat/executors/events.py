"""What happens to an executor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, NewType

from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

#: One attempt to subscribe and the stream that comes of it; attempts count from 1.
StreamId = NewType("StreamId", int)


class Now(NamedTuple):
    """The time, on a clock that never goes back and on that of the wall."""

    ms: int
    wall_ns: int


class CheckKind(Enum):
    """Which of a task's two checks."""

    HEALTH = "health check"
    CHECK = "check"


class CheckId(NamedTuple):
    """One run of one check of a task; runs count from 1."""

    task_id: str
    kind: CheckKind
    run: int


@dataclass(frozen=True, slots=True)
class Started:
    """The program runs: time to look for the agent."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; what is due is looked up."""


@dataclass(frozen=True, slots=True)
class Received:
    """The agent has said something on a stream."""

    stream: StreamId
    event: executor_pb2.Event


@dataclass(frozen=True, slots=True)
class StreamLost:
    """There is no stream, or none any more."""

    stream: StreamId
    why: str
    # The agent's answer where it has refused to open the stream.
    status: int | None = None


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call that was sent while ``stream`` was the stream did not reach the agent, or was
    refused.
    """

    stream: StreamId
    why: str
    # The agent's answer; None when there was none.
    status: int | None = None


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """The command of a command task runs."""

    pid: int


@dataclass(frozen=True, slots=True)
class TaskExited:
    """The command of a command task has ended, with the status that waitpid gives."""

    wait_status: int


@dataclass(frozen=True, slots=True)
class Checked:
    """A run of a check is over: an exit code, an HTTP status or whether TCP connected (1, 0)."""

    check: CheckId
    # None when there is no result: the check has failed itself, or took too long.
    value: int | None
    # Why there is none.
    why: str = ""


@dataclass(frozen=True, slots=True)
class ContainerLaunchAnswered:
    """The agent has answered the launch of a nested container."""

    container_id: str
    # 200 or 202 when it runs; None when there was no answer.
    status: int | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class ContainerEnded:
    """A nested container has ended."""

    container_id: str
    # As waitpid gives it; None when nobody knows.
    wait_status: int | None
    reason: mesos_pb2.TaskStatus.Reason | None = None
    message: str = ""
    limitation: mesos_pb2.TaskResourceLimitation | None = None


@dataclass(frozen=True, slots=True)
class ContainerWaitFailed:
    """The agent could not be asked for the end of a nested container, or does not know it."""

    container_id: str
    # The agent's answer; None when there was none.
    status: int | None
    message: str = ""


Event = (
    Started
    | Tick
    | Received
    | StreamLost
    | CallFailed
    | TaskStarted
    | TaskExited
    | Checked
    | ContainerLaunchAnswered
    | ContainerEnded
    | ContainerWaitFailed
)
