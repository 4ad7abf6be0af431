"""Every call of an agent's operator API that is answered at once, as a method.

Those with streams are in :mod:`mesozoic.aio.process_streams`; both make up ``AgentClient``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.agent_pb2 import Call, Response
from mesozoic.aio.master_calls import FileContent, duration_of


class AgentCalls(ABC):
    """The calls; what sends them is left to who inherits."""

    @abstractmethod
    async def call(self, call: Call, timeout_s: float | None = 120.0) -> Response:
        """Make any call that is not answered by a stream."""

    # The agent itself.

    async def get_health(self) -> bool:
        """GET_HEALTH."""
        return (await self.call(Call(type=Call.GET_HEALTH))).get_health.healthy

    async def get_flags(self) -> dict[str, str]:
        """GET_FLAGS: what the agent was started with, by name."""
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
        """LIST_FILES of a directory that the agent shows, such as a sandbox."""
        call = Call(type=Call.LIST_FILES, list_files=Call.ListFiles(path=path))
        return list((await self.call(call)).list_files.file_infos)

    async def read_file(self, path: str, offset: int = 0, length: int | None = None) -> FileContent:
        """READ_FILE: at most ``length`` bytes from ``offset`` on."""
        member = Call.ReadFile(path=path, offset=offset, length=length)
        answer = await self.call(Call(type=Call.READ_FILE, read_file=member))
        return FileContent(answer.read_file.size, answer.read_file.data)

    async def get_agent(self) -> Response.GetAgent:
        """GET_AGENT: who it is, and whether it drains."""
        return (await self.call(Call(type=Call.GET_AGENT))).get_agent

    # What is on it.

    async def get_state(self) -> Response.GetState:
        """GET_STATE: frameworks, executors and tasks of one moment."""
        return (await self.call(Call(type=Call.GET_STATE))).get_state

    async def get_containers(
        self, show_nested: bool | None = None, show_standalone: bool | None = None
    ) -> list[Response.GetContainers.Container]:
        """GET_CONTAINERS with what they use; by default those of executors alone."""
        call = Call(type=Call.GET_CONTAINERS)
        if show_nested is not None:
            call.get_containers.show_nested = show_nested
        if show_standalone is not None:
            call.get_containers.show_standalone = show_standalone
        return list((await self.call(call)).get_containers.containers)

    async def get_frameworks(self) -> Response.GetFrameworks:
        """GET_FRAMEWORKS with executors here, now or before."""
        return (await self.call(Call(type=Call.GET_FRAMEWORKS))).get_frameworks

    async def get_executors(self) -> Response.GetExecutors:
        """GET_EXECUTORS."""
        return (await self.call(Call(type=Call.GET_EXECUTORS))).get_executors

    async def get_operations(self) -> list[mesos_pb2.Operation]:
        """GET_OPERATIONS that the agent has not done with."""
        return list((await self.call(Call(type=Call.GET_OPERATIONS))).get_operations.operations)

    async def get_tasks(self) -> Response.GetTasks:
        """GET_TASKS, by how far they have come."""
        return (await self.call(Call(type=Call.GET_TASKS))).get_tasks

    # Containers.

    async def launch_container(
        self,
        container_id: mesos_pb2.ContainerID,
        command: mesos_pb2.CommandInfo | None = None,
        *,
        resources: Iterable[mesos_pb2.Resource] = (),
        container: mesos_pb2.ContainerInfo | None = None,
        limits: Mapping[str, float] | None = None,
    ) -> None:
        """LAUNCH_CONTAINER: nested when its id has a parent, else standalone."""
        member = Call.LaunchContainer(
            container_id=container_id, command=command, resources=resources, container=container
        )
        for name, value in (limits or {}).items():
            member.limits[name].value = value
        await self.call(Call(type=Call.LAUNCH_CONTAINER, launch_container=member))

    async def wait_container(self, container_id: mesos_pb2.ContainerID) -> Response.WaitContainer:
        """WAIT_CONTAINER: how it has ended, when it has."""
        member = Call.WaitContainer(container_id=container_id)
        call = Call(type=Call.WAIT_CONTAINER, wait_container=member)
        return (await self.call(call, timeout_s=None)).wait_container

    async def kill_container(
        self, container_id: mesos_pb2.ContainerID, signal: int | None = None
    ) -> None:
        """KILL_CONTAINER with a signal, by default SIGKILL."""
        member = Call.KillContainer(container_id=container_id, signal=signal)
        await self.call(Call(type=Call.KILL_CONTAINER, kill_container=member))

    async def remove_container(self, container_id: mesos_pb2.ContainerID) -> None:
        """REMOVE_CONTAINER that has ended, with its sandbox."""
        member = Call.RemoveContainer(container_id=container_id)
        await self.call(Call(type=Call.REMOVE_CONTAINER, remove_container=member))

    async def launch_nested_container(
        self,
        container_id: mesos_pb2.ContainerID,
        command: mesos_pb2.CommandInfo | None = None,
        container: mesos_pb2.ContainerInfo | None = None,
    ) -> None:
        """LAUNCH_NESTED_CONTAINER, the older way."""
        member = Call.LaunchNestedContainer(
            container_id=container_id, command=command, container=container
        )
        call = Call(type=Call.LAUNCH_NESTED_CONTAINER, launch_nested_container=member)
        await self.call(call)

    async def wait_nested_container(
        self, container_id: mesos_pb2.ContainerID
    ) -> Response.WaitNestedContainer:
        """WAIT_NESTED_CONTAINER, the older way."""
        member = Call.WaitNestedContainer(container_id=container_id)
        call = Call(type=Call.WAIT_NESTED_CONTAINER, wait_nested_container=member)
        return (await self.call(call, timeout_s=None)).wait_nested_container

    async def kill_nested_container(
        self, container_id: mesos_pb2.ContainerID, signal: int | None = None
    ) -> None:
        """KILL_NESTED_CONTAINER, the older way."""
        member = Call.KillNestedContainer(container_id=container_id, signal=signal)
        await self.call(Call(type=Call.KILL_NESTED_CONTAINER, kill_nested_container=member))

    async def remove_nested_container(self, container_id: mesos_pb2.ContainerID) -> None:
        """REMOVE_NESTED_CONTAINER, the older way."""
        member = Call.RemoveNestedContainer(container_id=container_id)
        await self.call(Call(type=Call.REMOVE_NESTED_CONTAINER, remove_nested_container=member))

    # Resource providers and images, where the agent has them.

    async def get_resource_providers(
        self,
    ) -> list[Response.GetResourceProviders.ResourceProvider]:
        """GET_RESOURCE_PROVIDERS."""
        answer = await self.call(Call(type=Call.GET_RESOURCE_PROVIDERS))
        return list(answer.get_resource_providers.resource_providers)

    async def add_resource_provider_config(self, info: mesos_pb2.ResourceProviderInfo) -> None:
        """ADD_RESOURCE_PROVIDER_CONFIG."""
        member = Call.AddResourceProviderConfig(info=info)
        await self.call(
            Call(type=Call.ADD_RESOURCE_PROVIDER_CONFIG, add_resource_provider_config=member)
        )

    async def update_resource_provider_config(self, info: mesos_pb2.ResourceProviderInfo) -> None:
        """UPDATE_RESOURCE_PROVIDER_CONFIG."""
        member = Call.UpdateResourceProviderConfig(info=info)
        await self.call(
            Call(type=Call.UPDATE_RESOURCE_PROVIDER_CONFIG, update_resource_provider_config=member)
        )

    async def remove_resource_provider_config(self, kind: str, name: str) -> None:
        """REMOVE_RESOURCE_PROVIDER_CONFIG; ``kind`` is its ``type``."""
        member = Call.RemoveResourceProviderConfig(type=kind, name=name)
        await self.call(
            Call(type=Call.REMOVE_RESOURCE_PROVIDER_CONFIG, remove_resource_provider_config=member)
        )

    async def mark_resource_provider_gone(self, resource_provider_id: str) -> None:
        """MARK_RESOURCE_PROVIDER_GONE."""
        member = Call.MarkResourceProviderGone(
            resource_provider_id=mesos_pb2.ResourceProviderID(value=resource_provider_id)
        )
        await self.call(
            Call(type=Call.MARK_RESOURCE_PROVIDER_GONE, mark_resource_provider_gone=member)
        )

    async def prune_images(self, excluded_images: Iterable[mesos_pb2.Image] = ()) -> None:
        """PRUNE_IMAGES that no container uses."""
        member = Call.PruneImages(excluded_images=excluded_images)
        await self.call(Call(type=Call.PRUNE_IMAGES, prune_images=member))
