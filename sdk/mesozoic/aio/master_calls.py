"""Every call of a master's operator API as a method: what :class:`OperatorClient` inherits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from mesos_compat.wire.v1 import maintenance_pb2, mesos_pb2, quota_pb2
from mesos_compat.wire.v1.master_pb2 import Call, Response
from mesozoic.core.calls import AgentId
from mesozoic.core.calls import agent_id as id_of

_NS_PER_S = 1_000_000_000


class FileContent(NamedTuple):
    """A part of a file, and how long all of it is, in bytes."""

    size: int
    data: bytes


def duration_of(seconds: float) -> mesos_pb2.DurationInfo:
    """A duration as Mesos has it."""
    return mesos_pb2.DurationInfo(nanoseconds=round(seconds * _NS_PER_S))


class MasterCalls(ABC):
    """The calls; what sends them is left to who inherits."""

    @abstractmethod
    async def call(self, call: Call) -> Response:
        """Make any call; those that change something answer an empty response."""

    # The master itself.

    async def get_health(self) -> bool:
        """GET_HEALTH."""
        return (await self.call(Call(type=Call.GET_HEALTH))).get_health.healthy

    async def get_flags(self) -> dict[str, str]:
        """GET_FLAGS: what the master was started with, by name."""
        answer = await self.call(Call(type=Call.GET_FLAGS))
        return {flag.name: flag.value for flag in answer.get_flags.flags}

    async def get_version(self) -> mesos_pb2.VersionInfo:
        """GET_VERSION."""
        return (await self.call(Call(type=Call.GET_VERSION))).get_version.version_info

    async def get_metrics(self, timeout_s: float | None = None) -> dict[str, float]:
        """GET_METRICS, by name; those that are not computed in time are left out."""
        call = Call(type=Call.GET_METRICS, get_metrics=Call.GetMetrics())
        if timeout_s is not None:
            call.get_metrics.timeout.CopyFrom(duration_of(timeout_s))
        answer = await self.call(call)
        return {metric.name: metric.value for metric in answer.get_metrics.metrics}

    async def get_logging_level(self) -> int:
        """GET_LOGGING_LEVEL."""
        return (await self.call(Call(type=Call.GET_LOGGING_LEVEL))).get_logging_level.level

    async def set_logging_level(self, level: int, duration_s: float) -> None:
        """SET_LOGGING_LEVEL for a while."""
        member = Call.SetLoggingLevel(level=level, duration=duration_of(duration_s))
        await self.call(Call(type=Call.SET_LOGGING_LEVEL, set_logging_level=member))

    async def list_files(self, path: str) -> list[mesos_pb2.FileInfo]:
        """LIST_FILES of a directory that the master shows."""
        call = Call(type=Call.LIST_FILES, list_files=Call.ListFiles(path=path))
        return list((await self.call(call)).list_files.file_infos)

    async def read_file(self, path: str, offset: int = 0, length: int | None = None) -> FileContent:
        """READ_FILE: at most ``length`` bytes from ``offset`` on."""
        member = Call.ReadFile(path=path, offset=offset, length=length)
        answer = await self.call(Call(type=Call.READ_FILE, read_file=member))
        return FileContent(answer.read_file.size, answer.read_file.data)

    async def get_master(self) -> Response.GetMaster:
        """GET_MASTER: who leads, and since when."""
        return (await self.call(Call(type=Call.GET_MASTER))).get_master

    # The cluster.

    async def get_state(self) -> Response.GetState:
        """GET_STATE: agents, frameworks, executors and tasks of one moment."""
        return (await self.call(Call(type=Call.GET_STATE))).get_state

    async def get_agents(self) -> Response.GetAgents:
        """GET_AGENTS."""
        return (await self.call(Call(type=Call.GET_AGENTS))).get_agents

    async def get_frameworks(self) -> Response.GetFrameworks:
        """GET_FRAMEWORKS, those that are over too."""
        return (await self.call(Call(type=Call.GET_FRAMEWORKS))).get_frameworks

    async def get_executors(self) -> Response.GetExecutors:
        """GET_EXECUTORS; those of command tasks are not shown."""
        return (await self.call(Call(type=Call.GET_EXECUTORS))).get_executors

    async def get_operations(self) -> list[mesos_pb2.Operation]:
        """GET_OPERATIONS that have not ended, or whose end is not acknowledged."""
        return list((await self.call(Call(type=Call.GET_OPERATIONS))).get_operations.operations)

    async def get_tasks(self) -> Response.GetTasks:
        """GET_TASKS: running, unreachable and completed ones."""
        return (await self.call(Call(type=Call.GET_TASKS))).get_tasks

    async def get_roles(self) -> list[mesos_pb2.Role]:
        """GET_ROLES."""
        return list((await self.call(Call(type=Call.GET_ROLES))).get_roles.roles)

    async def teardown(self, framework_id: str) -> None:
        """TEARDOWN: end a framework and kill all its tasks."""
        member = Call.Teardown(framework_id=mesos_pb2.FrameworkID(value=framework_id))
        await self.call(Call(type=Call.TEARDOWN, teardown=member))

    # Weights and quota.

    async def get_weights(self) -> list[mesos_pb2.WeightInfo]:
        """GET_WEIGHTS that are set."""
        return list((await self.call(Call(type=Call.GET_WEIGHTS))).get_weights.weight_infos)

    async def update_weights(self, weights: Iterable[mesos_pb2.WeightInfo]) -> None:
        """UPDATE_WEIGHTS of these roles; others keep theirs."""
        member = Call.UpdateWeights(weight_infos=weights)
        await self.call(Call(type=Call.UPDATE_WEIGHTS, update_weights=member))

    async def get_quota(self) -> quota_pb2.QuotaStatus:
        """GET_QUOTA."""
        return (await self.call(Call(type=Call.GET_QUOTA))).get_quota.status

    async def update_quota(
        self, configs: Iterable[quota_pb2.QuotaConfig], force: bool | None = None
    ) -> None:
        """UPDATE_QUOTA of these roles, all or none; ``force`` skips checks of capacity."""
        member = Call.UpdateQuota(quota_configs=configs)
        if force is not None:
            member.force = force
        await self.call(Call(type=Call.UPDATE_QUOTA, update_quota=member))

    async def set_quota(self, request: quota_pb2.QuotaRequest) -> None:
        """SET_QUOTA, the older way: limits are the guarantees."""
        member = Call.SetQuota(quota_request=request)
        await self.call(Call(type=Call.SET_QUOTA, set_quota=member))

    async def remove_quota(self, role: str) -> None:
        """REMOVE_QUOTA, the older way."""
        await self.call(Call(type=Call.REMOVE_QUOTA, remove_quota=Call.RemoveQuota(role=role)))

    # Reservations and volumes.

    async def reserve_resources(
        self,
        agent_id: AgentId,
        resources: Iterable[mesos_pb2.Resource],
        source: Iterable[mesos_pb2.Resource] = (),
    ) -> None:
        """RESERVE_RESOURCES of an agent; ``source`` is what they are reserved as until now."""
        member = Call.ReserveResources(agent_id=id_of(agent_id), resources=resources, source=source)
        await self.call(Call(type=Call.RESERVE_RESOURCES, reserve_resources=member))

    async def unreserve_resources(
        self, agent_id: AgentId, resources: Iterable[mesos_pb2.Resource]
    ) -> None:
        """UNRESERVE_RESOURCES of an agent."""
        member = Call.UnreserveResources(agent_id=id_of(agent_id), resources=resources)
        await self.call(Call(type=Call.UNRESERVE_RESOURCES, unreserve_resources=member))

    async def create_volumes(
        self, agent_id: AgentId, volumes: Iterable[mesos_pb2.Resource]
    ) -> None:
        """CREATE_VOLUMES on reserved disk."""
        member = Call.CreateVolumes(agent_id=id_of(agent_id), volumes=volumes)
        await self.call(Call(type=Call.CREATE_VOLUMES, create_volumes=member))

    async def destroy_volumes(
        self, agent_id: AgentId, volumes: Iterable[mesos_pb2.Resource]
    ) -> None:
        """DESTROY_VOLUMES, with what is in them."""
        member = Call.DestroyVolumes(agent_id=id_of(agent_id), volumes=volumes)
        await self.call(Call(type=Call.DESTROY_VOLUMES, destroy_volumes=member))

    async def grow_volume(
        self, agent_id: AgentId, volume: mesos_pb2.Resource, addition: mesos_pb2.Resource
    ) -> None:
        """GROW_VOLUME by ``addition``."""
        member = Call.GrowVolume(agent_id=id_of(agent_id), volume=volume, addition=addition)
        await self.call(Call(type=Call.GROW_VOLUME, grow_volume=member))

    async def shrink_volume(
        self, agent_id: AgentId, volume: mesos_pb2.Resource, subtract_mb: float
    ) -> None:
        """SHRINK_VOLUME by so many megabytes."""
        member = Call.ShrinkVolume(
            agent_id=id_of(agent_id),
            volume=volume,
            subtract=mesos_pb2.Value.Scalar(value=subtract_mb),
        )
        await self.call(Call(type=Call.SHRINK_VOLUME, shrink_volume=member))

    # Maintenance, and agents that are to go.

    async def get_maintenance_status(self) -> maintenance_pb2.ClusterStatus:
        """GET_MAINTENANCE_STATUS: machines that drain or are down."""
        answer = await self.call(Call(type=Call.GET_MAINTENANCE_STATUS))
        return answer.get_maintenance_status.status

    async def get_maintenance_schedule(self) -> maintenance_pb2.Schedule:
        """GET_MAINTENANCE_SCHEDULE."""
        answer = await self.call(Call(type=Call.GET_MAINTENANCE_SCHEDULE))
        return answer.get_maintenance_schedule.schedule

    async def update_maintenance_schedule(self, schedule: maintenance_pb2.Schedule) -> None:
        """UPDATE_MAINTENANCE_SCHEDULE: replace it."""
        member = Call.UpdateMaintenanceSchedule(schedule=schedule)
        await self.call(
            Call(type=Call.UPDATE_MAINTENANCE_SCHEDULE, update_maintenance_schedule=member)
        )

    async def start_maintenance(self, machines: Iterable[mesos_pb2.MachineID]) -> None:
        """START_MAINTENANCE: these machines are down."""
        member = Call.StartMaintenance(machines=machines)
        await self.call(Call(type=Call.START_MAINTENANCE, start_maintenance=member))

    async def stop_maintenance(self, machines: Iterable[mesos_pb2.MachineID]) -> None:
        """STOP_MAINTENANCE: these machines are up again."""
        member = Call.StopMaintenance(machines=machines)
        await self.call(Call(type=Call.STOP_MAINTENANCE, stop_maintenance=member))

    async def drain_agent(
        self,
        agent_id: AgentId,
        max_grace_period_s: float | None = None,
        mark_gone: bool | None = None,
    ) -> None:
        """DRAIN_AGENT: kill its tasks within that time, and then perhaps mark it gone."""
        member = Call.DrainAgent(agent_id=id_of(agent_id))
        if mark_gone is not None:
            member.mark_gone = mark_gone
        if max_grace_period_s is not None:
            period_ns = round(max_grace_period_s * _NS_PER_S)
            member.max_grace_period.seconds = period_ns // _NS_PER_S
            member.max_grace_period.nanos = period_ns % _NS_PER_S
        await self.call(Call(type=Call.DRAIN_AGENT, drain_agent=member))

    async def deactivate_agent(self, agent_id: AgentId) -> None:
        """DEACTIVATE_AGENT: its resources are not offered, its tasks go on."""
        member = Call.DeactivateAgent(agent_id=id_of(agent_id))
        await self.call(Call(type=Call.DEACTIVATE_AGENT, deactivate_agent=member))

    async def reactivate_agent(self, agent_id: AgentId) -> None:
        """REACTIVATE_AGENT that was drained or deactivated."""
        member = Call.ReactivateAgent(agent_id=id_of(agent_id))
        await self.call(Call(type=Call.REACTIVATE_AGENT, reactivate_agent=member))

    async def mark_agent_gone(self, agent_id: AgentId) -> None:
        """MARK_AGENT_GONE: it never comes back."""
        member = Call.MarkAgentGone(agent_id=id_of(agent_id))
        await self.call(Call(type=Call.MARK_AGENT_GONE, mark_agent_gone=member))
