"""What comes out of the agent: everything that a shell is to do.

Actions are done in their order. What names a route or a link that is over is left undone.
Nothing here waits for the disk: what must be checkpointed before it is told is decided only
when :class:`~mesos_compat.agent.events.Checkpointed` comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mesos_compat.agent.checkpoint import Record
from mesos_compat.agent.events import Link, Route
from mesos_compat.containers.spec import ContainerId, ContainerSpec
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import agent_pb2, executor_pb2, mesos_pb2


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Subscribe with a master; events come as LinkEvent, a failure and the end as LinkLost."""

    link: Link
    master: mesos_pb2.MasterInfo
    subscribe: link_pb2.Call


@dataclass(frozen=True, slots=True)
class CloseLink:
    """End a link after what was sent on it; no LinkLost is expected for it."""

    link: Link


@dataclass(frozen=True, slots=True)
class SendToMaster:
    """Say something on a link, behind what was said before."""

    link: Link
    call: link_pb2.Call


@dataclass(frozen=True, slots=True)
class OpenExecutor:
    """Answer 200; the route is a stream of executor events from now on."""

    route: Route


@dataclass(frozen=True, slots=True)
class SendToExecutor:
    """Write one event to an executor's stream."""

    route: Route
    event: executor_pb2.Event


@dataclass(frozen=True, slots=True)
class CloseExecutor:
    """End a stream, after what was written to it; no ExecutorLost is expected for it."""

    route: Route


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a call: an HTTP status, and the text that goes with it."""

    route: Route
    status: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a call of the operator API: 200, with this response."""

    route: Route
    response: agent_pb2.Response


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Answer 200; the route is a stream of the output of this debug container from now on.

    When the reader goes before the container has ended, that is a ContainerCallerLost.
    """

    route: Route
    container_id: ContainerId


@dataclass(frozen=True, slots=True)
class LaunchContainer:
    """Start a container; ContainerLaunched or ContainerLaunchFailed follows.

    After ContainerLaunched, ContainerExited follows when it has ended.
    """

    spec: ContainerSpec


@dataclass(frozen=True, slots=True)
class DestroyContainer:
    """Kill all of a container, also one that is still being launched.

    ContainerExited, or ContainerLaunchFailed for the latter, follows.
    """

    container_id: ContainerId


@dataclass(frozen=True, slots=True)
class SignalContainer:
    """Signal the command of a container, if it still runs."""

    container_id: ContainerId
    number: int


@dataclass(frozen=True, slots=True)
class UpdateContainer:
    """Give a container other resources; ContainerUpdated or ContainerUpdateFailed follows.

    One that has ended meanwhile counts as updated: its end is told by ContainerExited.
    """

    container_id: ContainerId
    resources: tuple[mesos_pb2.Resource, ...]
    # Upper bounds by resource name, as ContainerSpec.limits.
    limits: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Forget a nested container that has ended, with its sandbox."""

    container_id: ContainerId


@dataclass(frozen=True, slots=True)
class RecoverContainers:
    """Find these root containers again, and destroy all others of an earlier agent.

    ContainersRecovered follows, and ContainerExited for each that has ended or does later.
    """

    containers: tuple[ContainerId, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Make all ``records`` durable, after those before; report the token as Checkpointed."""

    token: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class AttachFiles:
    """Let a sandbox be seen below these virtual paths of ``/files``.

    ``user`` is whose it is: the object of the ACL ``access_sandboxes``.
    """

    path: str
    virtual_paths: tuple[str, ...]
    user: str


@dataclass(frozen=True, slots=True)
class DetachFiles:
    """Let nothing be seen below these virtual paths any more."""

    virtual_paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScheduleGc:
    """Remove a directory when it is old enough (--gc_delay), by when it was last changed.

    Then the virtual path of the same name is to be detached, too.
    """

    path: str


@dataclass(frozen=True, slots=True)
class UnscheduleGc:
    """Keep a directory after all: it is in use again."""

    path: str


@dataclass(frozen=True, slots=True)
class CreateVolume:
    """Make the directory of a persistent volume, if it is not there."""

    volume: mesos_pb2.Resource


@dataclass(frozen=True, slots=True)
class DestroyVolume:
    """Remove a persistent volume's directory and all in it; of a disk of its own, all in it."""

    volume: mesos_pb2.Resource


@dataclass(frozen=True, slots=True)
class Stop:
    """This agent must not go on: end the process, and say why."""

    why: str
    # Whether that is as it should be: exit with status 0.
    is_regular: bool = False


Action = (
    OpenLink
    | CloseLink
    | SendToMaster
    | OpenExecutor
    | SendToExecutor
    | CloseExecutor
    | Reply
    | Answer
    | OpenSession
    | LaunchContainer
    | DestroyContainer
    | SignalContainer
    | UpdateContainer
    | RemoveContainer
    | RecoverContainers
    | Checkpoint
    | AttachFiles
    | DetachFiles
    | ScheduleGc
    | UnscheduleGc
    | CreateVolume
    | DestroyVolume
    | Stop
)
