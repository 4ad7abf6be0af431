"""What the master knows.

Plain data, changed by the modules of the nouns and by nobody else. Identifiers are the text of
Mesos's ids; times are nanoseconds since 1970 or milliseconds of the clock that never goes back,
as the names say. Resources of offers, tasks and executors are allocated to a role, totals are
not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mesos_compat.master.events import Route
from mesos_compat.master.validation.framework import has_capability, roles_of
from mesos_compat.master.validation.maintenance import MachineKey
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import maintenance_pb2, mesos_pb2, quota_pb2, scheduler_pb2

_Capability = mesos_pb2.FrameworkInfo.Capability

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

TERMINAL_OPERATION_STATES: Final = (
    mesos_pb2.OPERATION_FINISHED,
    mesos_pb2.OPERATION_FAILED,
    mesos_pb2.OPERATION_ERROR,
    mesos_pb2.OPERATION_DROPPED,
    mesos_pb2.OPERATION_GONE_BY_OPERATOR,
)


class TaskKey(NamedTuple):
    """A task; ids are the framework's own."""

    framework_id: str
    task_id: str


@dataclass(slots=True, eq=False)
class Task:
    """A task that the master knows: its message, as operators see it, and what is kept beside."""

    message: mesos_pb2.Task
    # What it uses, allocated to a role; free again once it is terminal or unreachable.
    resources: Resources
    # When the ACCEPT came, on the clock that never goes back; None for tasks brought by agents.
    accepted_ms: int | None = None

    @property
    def task_id(self) -> str:
        """Unique within the framework."""
        return self.message.task_id.value

    @property
    def framework_id(self) -> str:
        """Whose it is."""
        return self.message.framework_id.value

    @property
    def agent_id(self) -> str:
        """Where it runs, or ran."""
        return self.message.agent_id.value

    @property
    def holds_resources(self) -> bool:
        """Whether what it uses is still used."""
        return (
            self.message.state not in TERMINAL_STATES
            and self.message.state != mesos_pb2.TASK_UNREACHABLE
        )


@dataclass(slots=True, eq=False)
class Operation:
    """An operation that an agent was sent; the master's totals have it already."""

    message: mesos_pb2.Operation
    # None for an operator's.
    framework_id: str | None
    agent_id: str
    # By which version of its resources the agent is to check it.
    resource_version: bytes | None = None

    @property
    def uuid(self) -> bytes:
        """The master's own name of it, 16 bytes."""
        return self.message.uuid.value

    @property
    def operation_id(self) -> str | None:
        """The framework's name of it, if it wants to hear of it."""
        return self.message.info.id.value if self.message.info.HasField("id") else None


@dataclass(slots=True, eq=False)
class Offer:
    """An outstanding offer."""

    offer_id: str
    framework_id: str
    agent_id: str
    role: str
    # What is offered, allocated to the role.
    resources: Resources
    # As the framework sees it, by its capabilities.
    message: mesos_pb2.Offer


@dataclass(slots=True, eq=False)
class InverseOffer:
    """A question to a framework whether an agent may become unavailable."""

    offer_id: str
    framework_id: str
    agent_id: str
    message: mesos_pb2.InverseOffer


@dataclass(slots=True, eq=False)
class Framework:
    """A framework that is subscribed, was so lately, or of which agents have told."""

    framework_id: str
    info: mesos_pb2.FrameworkInfo
    # Its event stream; None while it is not subscribed.
    route: Route | None = None
    stream_id: str = ""
    # Whether it is known from agents only, since this master leads.
    is_recovered: bool = False
    registered_ns: int = 0
    reregistered_ns: int = 0
    # Zero while it is not completed.
    unregistered_ns: int = 0
    suppressed_roles: dict[str, None] = field(default_factory=dict)
    offer_constraints: scheduler_pb2.OfferConstraints | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    # Bounded: the oldest are forgotten.
    unreachable_tasks: dict[str, Task] = field(default_factory=dict)
    completed_tasks: deque[mesos_pb2.Task] = field(default_factory=deque)
    offers: dict[str, Offer] = field(default_factory=dict)
    inverse_offers: dict[str, InverseOffer] = field(default_factory=dict)
    # By uuid, and the uuids by the framework's own ids.
    operations: dict[bytes, Operation] = field(default_factory=dict)
    operation_uuids: dict[str, bytes] = field(default_factory=dict)
    # Agents on which there is anything of it.
    agent_ids: dict[str, None] = field(default_factory=dict)

    @property
    def is_connected(self) -> bool:
        """Whether events reach it; only then it is offered anything."""
        return self.route is not None

    @property
    def roles(self) -> list[str]:
        """The roles that it has, sorted."""
        return roles_of(self.info)

    @property
    def is_partition_aware(self) -> bool:
        """Whether it knows more states than TASK_LOST for tasks that cannot be seen."""
        return has_capability(self.info, _Capability.PARTITION_AWARE)

    @property
    def principal(self) -> str | None:
        """Whose it is."""
        return self.info.principal if self.info.HasField("principal") else None


def pid_of(address: mesos_pb2.Address) -> str:
    """``slave(1)@ip:port``."""
    return f"slave(1)@{address.ip or address.hostname}:{address.port}"


@dataclass(slots=True, eq=False)
class Agent:
    """A registered agent, connected or expected back soon."""

    agent_id: str
    info: mesos_pb2.AgentInfo
    version: str
    address: mesos_pb2.Address
    machine_id: mesos_pb2.MachineID
    capabilities: tuple[mesos_pb2.AgentInfo.Capability.Type, ...]
    # All that it has, with oversubscribed resources; allocated to nobody.
    total: Resources
    resource_version: bytes | None
    registered_ns: int
    # Zero while it never came back.
    reregistered_ns: int = 0
    route: Route | None = None
    stream_id: str = ""
    # Operators have taken it out of use, for good or to drain it.
    is_deactivated: bool = False
    drain_info: mesos_pb2.DrainInfo | None = None
    drain_start_ns: int = 0
    # Pings that it has not answered, and whether it has answered the last one.
    missed_pings: int = 0
    has_answered: bool = True
    # What its containers really use, as it said last.
    cpus_measured: float = 0.0
    mem_measured_bytes: float = 0.0
    # By framework id.
    tasks: dict[str, dict[str, Task]] = field(default_factory=dict)
    executors: dict[str, dict[str, mesos_pb2.ExecutorInfo]] = field(default_factory=dict)
    # What tasks and executors use.
    used: dict[str, Resources] = field(default_factory=dict)
    operations: dict[bytes, Operation] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    inverse_offers: dict[str, InverseOffer] = field(default_factory=dict)
    # Tasks that it should have told of when it came back; only while it is greeted.
    missing: tuple[TaskKey, ...] = ()
    # To be killed as soon as it is back, with the policies to do it by.
    kills: dict[TaskKey, mesos_pb2.KillPolicy | None] = field(default_factory=dict)

    @property
    def is_connected(self) -> bool:
        """Whether events reach it."""
        return self.route is not None

    @property
    def is_active(self) -> bool:
        """Whether its resources may be offered."""
        return self.route is not None and not self.is_deactivated

    @property
    def is_draining(self) -> bool:
        """Whether its tasks are being ended so that it can be taken away."""
        return self.drain_info is not None and self.drain_info.state == mesos_pb2.DRAINING

    @property
    def pid(self) -> str:
        """``slave(1)@ip:port``, as agents of Mesos are called."""
        return pid_of(self.address)

    def __str__(self) -> str:
        return f"{self.agent_id} at {self.pid} ({self.info.hostname})"


@dataclass(slots=True, eq=False)
class RecoveredAgent:
    """An agent of the registry that has not come back to this master yet."""

    info: mesos_pb2.AgentInfo
    drain_info: mesos_pb2.DrainInfo | None = None
    is_deactivated: bool = False


@dataclass(slots=True, eq=False)
class UnreachableAgent:
    """An agent that was given up, and may come back."""

    unreachable_ns: int
    drain_info: mesos_pb2.DrainInfo | None = None
    is_deactivated: bool = False


@dataclass(slots=True, eq=False)
class Machine:
    """A machine with agents on it, or with maintenance planned."""

    info: mesos_pb2.MachineInfo
    agent_ids: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Registration:
    """An agent that waits until the registry has it; the newest stream counts."""

    route: Route
    subscribe: link_pb2.Call.Subscribe


@dataclass(slots=True, eq=False)
class Subscriber:
    """Who reads an operator's stream."""

    route: Route
    principal: str | None


@dataclass(slots=True, eq=False)
class MasterState:
    """Everything, by id."""

    info: mesos_pb2.MasterInfo
    started_ns: int = 0
    # None until this master leads, and until it has what the last one stored.
    elected_ns: int | None = None
    # The same on the clock that nobody changes.
    elected_ms: int = 0
    is_recovered: bool = False
    # The numbers that the next ids get.
    next_framework: int = 0
    next_agent: int = 0
    next_offer: int = 0

    frameworks: dict[str, Framework] = field(default_factory=dict)
    # Bounded: the oldest are forgotten, and may come back then.
    completed_frameworks: dict[str, Framework] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    # The ids of registered agents by their pids.
    agents_by_pid: dict[str, str] = field(default_factory=dict)
    recovered_agents: dict[str, RecoveredAgent] = field(default_factory=dict)
    unreachable_agents: dict[str, UnreachableAgent] = field(default_factory=dict)
    # When they were marked, in nanoseconds.
    gone_agents: dict[str, int] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    inverse_offers: dict[str, InverseOffer] = field(default_factory=dict)

    machines: dict[MachineKey, Machine] = field(default_factory=dict)
    schedule: maintenance_pb2.Schedule = field(default_factory=maintenance_pb2.Schedule)
    weights: dict[str, float] = field(default_factory=dict)
    quotas: dict[str, quota_pb2.QuotaConfig] = field(default_factory=dict)

    scheduler_routes: dict[Route, str] = field(default_factory=dict)
    agent_routes: dict[Route, str] = field(default_factory=dict)
    # The oldest first.
    subscribers: dict[Route, Subscriber] = field(default_factory=dict)

    # Changes that the registry has not stored yet: new agents by pid, others by agent id.
    registering: dict[str, Registration] = field(default_factory=dict)
    reregistering: dict[str, Registration] = field(default_factory=dict)
    marking_unreachable: dict[str, None] = field(default_factory=dict)
    marking_gone: dict[str, None] = field(default_factory=dict)
    removing: dict[str, None] = field(default_factory=dict)
    marking_drained: dict[str, None] = field(default_factory=dict)
    # Agents that are to be marked unreachable when the rate allows, and why.
    doomed_agents: dict[str, str] = field(default_factory=dict)
    # When the rate allows the next, in milliseconds.
    next_removal_ms: int = 0
