"""What the agent knows.

Plain data, changed by the modules of the nouns and by nobody else. Identifiers are the text of
Mesos's ids; times are nanoseconds since 1970 or milliseconds of the clock that never goes back,
as the names say. Resources of tasks and executors are allocated to a role, totals are not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from mesos_compat.agent.events import Link, Route
from mesos_compat.containers.spec import ContainerId, Termination
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

TERMINAL_STATES: Final = (
    mesos_pb2.TASK_FINISHED,
    mesos_pb2.TASK_FAILED,
    mesos_pb2.TASK_KILLED,
    mesos_pb2.TASK_ERROR,
    mesos_pb2.TASK_LOST,
    mesos_pb2.TASK_DROPPED,
    mesos_pb2.TASK_GONE,
    mesos_pb2.TASK_GONE_BY_OPERATOR,
)


class TaskKey(NamedTuple):
    """A task; ids are the framework's own."""

    framework_id: str
    task_id: str


class ExecutorKey(NamedTuple):
    """An executor; ids are the framework's own."""

    framework_id: str
    executor_id: str


class Phase(Enum):
    """How far the agent is. Source: ``Slave::State``."""

    RECOVERING = "looks for what an earlier agent has left"
    DISCONNECTED = "is not registered with a master, or not any more"
    RUNNING = "is registered"
    TERMINATING = "ends its executors and then itself"


class ExecutorState(Enum):
    """How far an executor is. Source: ``Executor::State``."""

    REGISTERING = "launched, or found again, and not subscribed yet"
    RUNNING = "subscribed, now or before"
    TERMINATING = "asked to end, or being destroyed"
    TERMINATED = "gone; its tasks' last statuses may not be acknowledged yet"


@dataclass(slots=True, eq=False)
class Task:
    """A task that an executor has got or is to get: its message, as operators see it."""

    message: mesos_pb2.Task
    # What it uses, allocated to a role.
    resources: Resources
    # What the executor is to get; None for a task of an earlier agent.
    info: mesos_pb2.TaskInfo | None = None

    @property
    def task_id(self) -> str:
        """Unique within the framework."""
        return self.message.task_id.value

    @property
    def is_terminal(self) -> bool:
        """Whether it is over."""
        return self.message.state in TERMINAL_STATES


@dataclass(frozen=True, slots=True)
class PendingTermination:
    """Why the agent destroys an executor's container: what its tasks' last statuses say."""

    reason: mesos_pb2.TaskStatus.Reason
    message: str
    # TASK_FAILED, or TASK_GONE for what is nobody's fault.
    state: mesos_pb2.TaskState = mesos_pb2.TASK_FAILED


@dataclass(slots=True, eq=False)
class Delivery:
    """What an executor is to get in one piece."""

    task_ids: tuple[str, ...]
    # Whether they come together, or it is a task alone.
    is_group: bool
    # Whether it may be sent: it is durable, or need not be.
    is_stored: bool = False


@dataclass(slots=True, eq=False)
class Executor:
    """An executor that is launched, runs, or is over and has statuses to be acknowledged."""

    framework_id: str
    info: mesos_pb2.ExecutorInfo
    container_id: str
    # Absolute, and relative to the work directory.
    sandbox: str
    run_path: str
    # Whether the agent has made it for one command task.
    is_generated: bool
    # Whether an agent that starts anew shall find it.
    checkpoint: bool
    # As whom it runs; None is whoever the agent runs as.
    user: str | None
    state: ExecutorState = ExecutorState.REGISTERING
    # Its event stream; None while it is not subscribed.
    route: Route | None = None
    # The process id of its command; None while it is being launched, and when unknown.
    pid: int | None = None
    # Whether LaunchContainer, or RecoverContainers, was asked for and has not ended.
    has_container: bool = False
    # What its container is bounded by now; None while it is not known.
    contained: Resources | None = None
    contained_limits: dict[str, float] = field(default_factory=dict)
    # Whether an UpdateContainer is under way.
    is_updating: bool = False
    # What is to be delivered when it is subscribed and its container is large enough.
    queue: list[Delivery] = field(default_factory=list)
    # A task is in one of these, by its id.
    queued: dict[str, Task] = field(default_factory=dict)
    launched: dict[str, Task] = field(default_factory=dict)
    # Over, with statuses that are not acknowledged.
    terminated: dict[str, Task] = field(default_factory=dict)
    # Bounded: the oldest are forgotten.
    completed: deque[mesos_pb2.Task] = field(default_factory=deque)
    # To be killed when it is subscribed.
    kills: dict[str, mesos_pb2.KillPolicy | None] = field(default_factory=dict)
    # Whether it has ever told of a task (Executor::everSentTask).
    was_used: bool = False
    pending_termination: PendingTermination | None = None

    @property
    def executor_id(self) -> str:
        """Unique within the framework."""
        return self.info.executor_id.value

    @property
    def key(self) -> ExecutorKey:
        """Its name among all frameworks."""
        return ExecutorKey(self.framework_id, self.executor_id)

    @property
    def resources(self) -> Resources:
        """What it uses without its tasks."""
        return Resources(self.info.resources)

    @property
    def allocated(self) -> Resources:
        """What it and its tasks use; nothing when it is gone."""
        if self.state is ExecutorState.TERMINATED:
            return Resources()
        return sum(
            (task.resources for task in (*self.queued.values(), *self.launched.values())),
            self.resources,
        )

    @property
    def has_incomplete_tasks(self) -> bool:
        """Whether anything of its tasks is left to be done or told."""
        return bool(self.queued or self.launched or self.terminated)

    def live_task(self, task_id: str) -> Task | None:
        """A task that is not over."""
        return self.queued.get(task_id) or self.launched.get(task_id)

    def find(self, task_id: str) -> Task | None:
        """A task that is not completed."""
        return self.live_task(task_id) or self.terminated.get(task_id)

    def tasks(self) -> Iterator[Task]:
        """All but the completed ones."""
        yield from self.queued.values()
        yield from self.launched.values()
        yield from self.terminated.values()


@dataclass(slots=True, eq=False)
class CompletedExecutor:
    """An executor of which nothing is left to be told."""

    info: mesos_pb2.ExecutorInfo
    container_id: str
    sandbox: str
    is_generated: bool
    tasks: list[mesos_pb2.Task]


@dataclass(slots=True, eq=False)
class Framework:
    """A framework with executors here."""

    info: mesos_pb2.FrameworkInfo
    # Whether the master wants all of it ended.
    is_terminating: bool = False
    executors: dict[str, Executor] = field(default_factory=dict)
    # The executors of tasks that are not completed, by the tasks' ids.
    holders: dict[str, Executor] = field(default_factory=dict)
    # Bounded: the oldest are forgotten.
    completed_executors: deque[CompletedExecutor] = field(default_factory=deque)

    @property
    def framework_id(self) -> str:
        """Given by a master."""
        return self.info.id.value

    def has_capability(self, capability: mesos_pb2.FrameworkInfo.Capability.Type) -> bool:
        """Whether the framework says that it knows this."""
        return any(one.type == capability for one in self.info.capabilities)

    def find(self, task_id: str) -> Task | None:
        """A task that is not completed."""
        executor = self.holders.get(task_id)
        return None if executor is None else executor.find(task_id)


@dataclass(slots=True, eq=False)
class PendingUpdate:
    """A status that is to be acknowledged."""

    update: link_pb2.Call.StatusUpdate
    # Whether it may be sent: it is durable, or need not be.
    is_stored: bool = False

    @property
    def uuid(self) -> bytes:
        """Its name, 16 bytes."""
        return self.update.status.uuid


@dataclass(slots=True, eq=False)
class UpdateStream:
    """The statuses of one task that are not acknowledged, the oldest first."""

    key: TaskKey
    # Where they are checkpointed; None when they are not.
    run_path: str | None
    pending: deque[PendingUpdate] = field(default_factory=deque)
    # The uuids that have come, so that none is taken twice.
    received: dict[bytes, None] = field(default_factory=dict)
    # The newest state that has come.
    latest_state: mesos_pb2.TaskState = mesos_pb2.TASK_STAGING
    # How long after the oldest was sent it is sent again.
    retry_ms: int = 0


@dataclass(slots=True, eq=False)
class Operation:
    """An operation whose last status is not acknowledged."""

    message: mesos_pb2.Operation
    is_stored: bool = False
    retry_ms: int = 0

    @property
    def uuid(self) -> bytes:
        """The master's name of it, 16 bytes."""
        return self.message.uuid.value


@dataclass(slots=True, eq=False)
class Container:
    """A nested or standalone container that somebody has asked for."""

    container_id: ContainerId
    sandbox: str
    # Who asked for it and is to be answered when it runs; None when that is done.
    launcher: Route | None
    # Whether the launcher gets its output, and ends it by going.
    is_session: bool = False
    # The reader of the output, once it runs.
    reader: Route | None = None
    pid: int | None = None
    # How it has ended, once it has.
    termination: Termination | None = None
    # Who waits for its end: routes, and whether by the newer name of the call.
    waiters: dict[Route, bool] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class AgentState:
    """Everything, by id."""

    # With its id, once it has one.
    info: mesos_pb2.AgentInfo
    # What the flags say, and with reservations and volumes.
    flag_total: Resources
    total: Resources
    # By which version of its resources the master's operations are checked.
    resource_version: bytes
    started_ns: int | None = None
    phase: Phase = Phase.RECOVERING
    boot_id: str = ""
    recovery_ms: int = 0

    # Whether executors may subscribe: those of an earlier agent are known.
    is_reconnecting: bool = False
    # Who leads, as far as known; and the link to it, with what it said of itself.
    master: mesos_pb2.MasterInfo | None = None
    link: Link | None = None
    next_link: int = 1
    master_hostname: str | None = None
    # What the master is to hear as soon as it has taken in what it was told by SUBSCRIBE.
    deferred: list[link_pb2.Call] = field(default_factory=list)
    ping_timeout_ms: int = 0
    backoff_ms: int = 0

    frameworks: dict[str, Framework] = field(default_factory=dict)
    # Bounded: the oldest are forgotten.
    completed_frameworks: dict[str, Framework] = field(default_factory=dict)
    # Executors that are not gone, by the values of their containers' ids.
    executors_by_container: dict[str, Executor] = field(default_factory=dict)
    executor_routes: dict[Route, Executor] = field(default_factory=dict)
    update_streams: dict[TaskKey, UpdateStream] = field(default_factory=dict)
    operations: dict[bytes, Operation] = field(default_factory=dict)
    # Parents before their children.
    containers: dict[ContainerId, Container] = field(default_factory=dict)
    drain_config: mesos_pb2.DrainConfig | None = None
    drain_start_ns: int = 0
    # Whether --recover=cleanup was asked for: executors of an earlier agent end, then this.
    is_cleaning_up: bool = False

    @property
    def agent_id(self) -> str:
        """Empty until a master has given one."""
        return self.info.id.value

    def executors(self) -> Iterable[Executor]:
        """Of all frameworks, those included that are gone and not forgotten."""
        for framework in self.frameworks.values():
            yield from framework.executors.values()
