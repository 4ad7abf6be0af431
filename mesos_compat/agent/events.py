"""What comes into the agent: everything that :meth:`AgentCore.step` takes.

A route is a number that the shell gives to a request, and that names its answer or its stream
from then on. A link is a number that the core gives to its attempt to reach a master.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, NewType

from mesos_compat.agent.recovered import RecoveredState
from mesos_compat.containers.spec import ContainerId, Termination
from mesos_compat.containers.spec import Recovered as RecoveredContainer
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import agent_pb2, executor_pb2, mesos_pb2

Route = NewType("Route", int)
Link = NewType("Link", int)


class Now(NamedTuple):
    """The time, on a clock that never goes back and on that of the wall."""

    mono_ms: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found below ``<work_dir>/meta``; the first event, once containers can be run."""

    state: RecoveredState
    # What the kernel calls this boot of the host.
    boot_id: str


@dataclass(frozen=True, slots=True)
class ContainersRecovered:
    """RecoverContainers is done; what has ended meanwhile is told by ContainerExited."""

    containers: tuple[RecoveredContainer, ...]


@dataclass(frozen=True, slots=True)
class MasterDetected:
    """This master leads now."""

    master: mesos_pb2.MasterInfo


@dataclass(frozen=True, slots=True)
class MasterLost:
    """No master leads."""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """The master says something."""

    link: Link
    event: link_pb2.Event


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The link could not be opened, or is over, and it was not CloseLink."""

    link: Link
    why: str


@dataclass(frozen=True, slots=True)
class ExecutorSubscribed:
    """SUBSCRIBE of an executor, found whole; ``route`` is to be the stream."""

    route: Route
    call: executor_pb2.Call
    # Of its token, when executors are authenticated.
    claims: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ExecutorCalled:
    """Any other call of an executor, found whole; answered by a Reply at once."""

    route: Route
    call: executor_pb2.Call
    claims: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ExecutorLost:
    """The stream has ended from the other side."""

    route: Route


@dataclass(frozen=True, slots=True)
class ContainerLaunched:
    """The container's command runs."""

    container_id: ContainerId
    # As this host sees it.
    pid: int


@dataclass(frozen=True, slots=True)
class ContainerLaunchFailed:
    """The container could not be started, and nothing of it is left."""

    container_id: ContainerId
    # Without the prefix ``Failed to launch container: ``.
    why: str


@dataclass(frozen=True, slots=True)
class ContainerExited:
    """The container has ended and nothing of it is left but its sandbox."""

    container_id: ContainerId
    termination: Termination


@dataclass(frozen=True, slots=True)
class ContainerUpdated:
    """UpdateContainer is done. There is never more than one under way for a container."""

    container_id: ContainerId


@dataclass(frozen=True, slots=True)
class ContainerUpdateFailed:
    """UpdateContainer could not be done."""

    container_id: ContainerId
    why: str


@dataclass(frozen=True, slots=True)
class ContainerCalled:
    """A call of the operator API about a container that the core decides on, found whole.

    LAUNCH_CONTAINER, WAIT_, KILL_ and REMOVE_CONTAINER, the same with NESTED, and
    LAUNCH_NESTED_CONTAINER_SESSION.
    """

    route: Route
    call: agent_pb2.Call
    claims: Mapping[str, str] | None = None
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerCallerLost:
    """Who waits for an answer to ContainerCalled, or reads a session, has gone."""

    route: Route


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """The Checkpoint of this token is durable."""

    token: int


@dataclass(frozen=True, slots=True)
class CheckpointFailed:
    """A Checkpoint could not be made."""

    why: str


@dataclass(frozen=True, slots=True)
class UnregisterAsked:
    """Somebody wants the agent gone for good (SIGUSR1): its tasks are to end."""

    why: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    Recovered
    | ContainersRecovered
    | MasterDetected
    | MasterLost
    | LinkEvent
    | LinkLost
    | ExecutorSubscribed
    | ExecutorCalled
    | ExecutorLost
    | ContainerLaunched
    | ContainerLaunchFailed
    | ContainerExited
    | ContainerUpdated
    | ContainerUpdateFailed
    | ContainerCalled
    | ContainerCallerLost
    | Checkpointed
    | CheckpointFailed
    | UnregisterAsked
    | Tick
)
