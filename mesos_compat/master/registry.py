"""The registry, and what can be done to it.

It is what outlives a master: agents, whether present, unreachable or gone, maintenance, quotas
and weights. Each operation is applied to the tables and says whether it changed anything.
Source: ``RegistryOperation`` and the classes derived from it in Mesos.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from mesos_compat.master.validation.maintenance import MachineKey, machine_key
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import maintenance_pb2, mesos_pb2, quota_pb2

_Mode = mesos_pb2.MachineInfo.Mode


@dataclass(slots=True)
class RegistryTables:
    """The registry by id; the order is that in which things came."""

    master: mesos_pb2.MasterInfo | None = None
    agents: dict[str, link_pb2.Registry.Agent] = field(default_factory=dict)
    unreachable: dict[str, link_pb2.Registry.UnreachableAgent] = field(default_factory=dict)
    gone: dict[str, link_pb2.Registry.GoneAgent] = field(default_factory=dict)
    machines: dict[MachineKey, mesos_pb2.MachineInfo] = field(default_factory=dict)
    schedule: maintenance_pb2.Schedule = field(default_factory=maintenance_pb2.Schedule)
    weights: dict[str, float] = field(default_factory=dict)
    quotas: dict[str, quota_pb2.QuotaConfig] = field(default_factory=dict)

    @classmethod
    def of(cls, registry: link_pb2.Registry) -> RegistryTables:
        """The tables of a stored registry, which stays as it is."""
        kept = link_pb2.Registry()
        kept.CopyFrom(registry)
        return cls(
            master=kept.master if kept.HasField("master") else None,
            agents={agent.info.id.value: agent for agent in kept.agents},
            unreachable={agent.id.value: agent for agent in kept.unreachable},
            gone={agent.id.value: agent for agent in kept.gone},
            machines={machine_key(machine.id): machine for machine in kept.machines},
            schedule=kept.schedules[0] if kept.schedules else maintenance_pb2.Schedule(),
            weights={weight.role: weight.weight for weight in kept.weights},
            quotas={config.role: config for config in kept.quota_configs},
        )

    def message(self) -> link_pb2.Registry:
        """All of it, to be stored."""
        made = link_pb2.Registry(
            agents=self.agents.values(),
            unreachable=self.unreachable.values(),
            gone=self.gone.values(),
            machines=self.machines.values(),
            schedules=[self.schedule] if self.schedule.windows else [],
            weights=[
                mesos_pb2.WeightInfo(role=role, weight=weight)
                for role, weight in self.weights.items()
            ],
            quota_configs=self.quotas.values(),
        )
        if self.master is not None:
            made.master.CopyFrom(self.master)
        return made


class RegistryOperation(Protocol):
    """One change."""

    def apply(self, tables: RegistryTables) -> bool:
        """Change the tables; False when there was nothing to change."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Another master leads."""

    info: mesos_pb2.MasterInfo

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        tables.master = self.info
        return True


@dataclass(frozen=True, slots=True)
class AdmitAgent:
    """A new agent."""

    info: mesos_pb2.AgentInfo

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        tables.agents[self.info.id.value] = link_pb2.Registry.Agent(info=self.info)
        return True


@dataclass(frozen=True, slots=True)
class UpdateAgent:
    """An agent came back changed."""

    info: mesos_pb2.AgentInfo

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`. One that is no longer admitted stays so."""
        agent = tables.agents.get(self.info.id.value)
        if agent is None or agent.info == self.info:
            return False
        agent.info.CopyFrom(self.info)
        return True


@dataclass(frozen=True, slots=True)
class MarkUnreachable:
    """An agent has been silent for too long."""

    agent_id: str
    time_ns: int

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        agent = tables.agents.pop(self.agent_id, None)
        if agent is None:
            return False
        made = link_pb2.Registry.UnreachableAgent(id=mesos_pb2.AgentID(value=self.agent_id))
        made.timestamp.nanoseconds = self.time_ns
        if agent.HasField("drain_info"):
            made.drain_info.CopyFrom(agent.drain_info)
        if agent.deactivated:
            made.deactivated = True
        tables.unreachable[self.agent_id] = made
        return True


@dataclass(frozen=True, slots=True)
class MarkReachable:
    """An agent came back that was unreachable, or of which nothing was known any more."""

    info: mesos_pb2.AgentInfo

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        agent_id = self.info.id.value
        if agent_id in tables.agents:
            return UpdateAgent(self.info).apply(tables)
        made = link_pb2.Registry.Agent(info=self.info)
        before = tables.unreachable.pop(agent_id, None)
        if before is not None and before.HasField("drain_info"):
            made.drain_info.CopyFrom(before.drain_info)
        if before is not None and before.deactivated:
            made.deactivated = True
        tables.agents[agent_id] = made
        return True


@dataclass(frozen=True, slots=True)
class MarkGone:
    """An agent will never be back."""

    agent_id: str
    time_ns: int

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        if self.agent_id in tables.gone:
            return False
        tables.agents.pop(self.agent_id, None)
        tables.unreachable.pop(self.agent_id, None)
        made = link_pb2.Registry.GoneAgent(id=mesos_pb2.AgentID(value=self.agent_id))
        made.timestamp.nanoseconds = self.time_ns
        tables.gone[self.agent_id] = made
        return True


@dataclass(frozen=True, slots=True)
class RemoveAgent:
    """An agent has ended."""

    agent_id: str

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        return tables.agents.pop(self.agent_id, None) is not None


@dataclass(frozen=True, slots=True)
class Prune:
    """Forget agents that were unreachable or gone for long."""

    unreachable: tuple[str, ...]
    gone: tuple[str, ...]

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        changed = False
        for agent_id in self.unreachable:
            changed = tables.unreachable.pop(agent_id, None) is not None or changed
        for agent_id in self.gone:
            changed = tables.gone.pop(agent_id, None) is not None or changed
        return changed


def prune(
    unreachable: Iterable[tuple[str, int]],
    gone: Iterable[tuple[str, int]],
    *,
    oldest_ns: int,
    count_max: int,
) -> Prune:
    """What is to be forgotten of agents and their times: what is too old, or one too many.

    Both lists, which are in the order of their times, are bounded by themselves.
    """

    def chosen(agents: list[tuple[str, int]]) -> tuple[str, ...]:
        surplus = len(agents) - count_max
        return tuple(
            agent_id
            for place, (agent_id, time_ns) in enumerate(agents)
            if place < surplus or time_ns < oldest_ns
        )

    return Prune(chosen(list(unreachable)), chosen(list(gone)))


@dataclass(frozen=True, slots=True)
class DrainAgent:
    """An agent is to be emptied, and offered no more."""

    agent_id: str
    config: mesos_pb2.DrainConfig

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        entry = _entry(tables, self.agent_id)
        if entry is None:
            return False
        entry.drain_info.state = mesos_pb2.DRAINING
        entry.drain_info.config.CopyFrom(self.config)
        entry.deactivated = True
        return True


@dataclass(frozen=True, slots=True)
class MarkDrained:
    """An agent is empty."""

    agent_id: str

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        entry = _entry(tables, self.agent_id)
        if entry is None or entry.drain_info.state != mesos_pb2.DRAINING:
            return False
        entry.drain_info.state = mesos_pb2.DRAINED
        return True


@dataclass(frozen=True, slots=True)
class DeactivateAgent:
    """An agent is offered no more."""

    agent_id: str

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        entry = _entry(tables, self.agent_id)
        if entry is None or entry.deactivated:
            return False
        entry.deactivated = True
        return True


@dataclass(frozen=True, slots=True)
class ReactivateAgent:
    """An agent is offered again."""

    agent_id: str

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        entry = _entry(tables, self.agent_id)
        if entry is None or not entry.deactivated:
            return False
        entry.ClearField("deactivated")
        entry.ClearField("drain_info")
        return True


def _entry(
    tables: RegistryTables, agent_id: str
) -> link_pb2.Registry.Agent | link_pb2.Registry.UnreachableAgent | None:
    return tables.agents.get(agent_id) or tables.unreachable.get(agent_id)


@dataclass(frozen=True, slots=True)
class UpdateSchedule:
    """Another maintenance schedule. Machines in it that are not down are to be drained."""

    schedule: maintenance_pb2.Schedule

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        tables.machines = machines_of(self.schedule, tables.machines)
        tables.schedule = maintenance_pb2.Schedule()
        tables.schedule.CopyFrom(self.schedule)
        return True


def machines_of(
    schedule: maintenance_pb2.Schedule, before: dict[MachineKey, mesos_pb2.MachineInfo]
) -> dict[MachineKey, mesos_pb2.MachineInfo]:
    """The machines of a new schedule; those that are down stay down."""
    machines: dict[MachineKey, mesos_pb2.MachineInfo] = {}
    for window in schedule.windows:
        for machine_id in window.machine_ids:
            key = machine_key(machine_id)
            made = mesos_pb2.MachineInfo(
                id=machine_id, mode=_Mode.DRAINING, unavailability=window.unavailability
            )
            if key in before and before[key].mode == _Mode.DOWN:
                made.mode = _Mode.DOWN
            machines[key] = made
    return machines


@dataclass(frozen=True, slots=True)
class StartMaintenance:
    """Machines go down."""

    machine_ids: tuple[mesos_pb2.MachineID, ...]

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        changed = False
        for machine_id in self.machine_ids:
            machine = tables.machines.get(machine_key(machine_id))
            if machine is not None and machine.mode != _Mode.DOWN:
                machine.mode = _Mode.DOWN
                changed = True
        return changed


@dataclass(frozen=True, slots=True)
class StopMaintenance:
    """Machines are up again, and out of the schedule."""

    machine_ids: tuple[mesos_pb2.MachineID, ...]

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        for machine_id in self.machine_ids:
            tables.machines.pop(machine_key(machine_id), None)
        tables.schedule = without_machines(tables.schedule, self.machine_ids)
        return True


def without_machines(
    schedule: maintenance_pb2.Schedule, machine_ids: Iterable[mesos_pb2.MachineID]
) -> maintenance_pb2.Schedule:
    """``schedule`` without some machines, and without windows that have none left."""
    dropped = dict.fromkeys(machine_key(machine_id) for machine_id in machine_ids)
    kept = maintenance_pb2.Schedule()
    for window in schedule.windows:
        left = [one for one in window.machine_ids if machine_key(one) not in dropped]
        if left:
            kept.windows.add(machine_ids=left, unavailability=window.unavailability)
    return kept


@dataclass(frozen=True, slots=True)
class UpdateQuota:
    """Quotas of some roles. A role with nothing in its quota stays listed, as in Mesos."""

    configs: tuple[quota_pb2.QuotaConfig, ...]

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        for config in self.configs:
            tables.quotas[config.role] = config
        return bool(self.configs)


@dataclass(frozen=True, slots=True)
class RemoveQuota:
    """A role has no quota."""

    role: str

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        return tables.quotas.pop(self.role, None) is not None


@dataclass(frozen=True, slots=True)
class UpdateWeights:
    """Weights of some roles."""

    weights: tuple[tuple[str, float], ...]

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`RegistryOperation`."""
        changed = [pair for pair in self.weights if tables.weights.get(pair[0]) != pair[1]]
        tables.weights.update(changed)
        return bool(changed)
