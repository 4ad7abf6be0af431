"""The tasks of a default executor, each in a nested container (pure)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mesos_compat.executors.actions import LaunchNested
from mesos_compat.executors.events import Now
from mesos_compat.executors.killing import Killing
from mesos_compat.executors.monitoring import TaskMonitor
from mesos_compat.executors.statuses import TaskStatuses, allocation_environment
from mesos_compat.wire.v1 import mesos_pb2

_UUID_BYTES: Final = 16
_UUID_VERSION: Final = 4


class Phase(Enum):
    """How far a nested container is."""

    LAUNCHING = "asked for and not answered"
    RUNNING = "launched; its end is waited for"


@dataclass(slots=True, eq=False)
class NestedTask:
    """A task that is not over."""

    task: mesos_pb2.TaskInfo
    container_id: mesos_pb2.ContainerID
    # The ids of all tasks that came with it, its own among them.
    group: tuple[str, ...]
    statuses: TaskStatuses
    phase: Phase = Phase.LAUNCHING
    # When to ask the agent again, whose answer was lost; None while an answer is awaited.
    retry_ms: int | None = None
    monitor: TaskMonitor | None = None
    killing: Killing | None = None
    # When it has run for too long; None is never.
    completion_ms: int | None = None
    ran_too_long: bool = False

    @property
    def task_id(self) -> str:
        """Unique within the executor."""
        return self.task.task_id.value

    def deadline_ms(self) -> int | None:
        """When a Tick is due."""
        due = [self.retry_ms, self.completion_ms]
        if self.monitor is not None:
            due.append(self.monitor.deadline_ms())
        if self.killing is not None:
            due.append(self.killing.due_ms())
        return min((at for at in due if at is not None), default=None)


def new_task(
    task: mesos_pb2.TaskInfo,
    group: tuple[str, ...],
    parent: mesos_pb2.ContainerID,
    random_bytes: Callable[[int], bytes],
) -> NestedTask:
    """A task that is to be launched, in a container with a new id."""
    value = uuid.UUID(bytes=random_bytes(_UUID_BYTES), version=_UUID_VERSION)
    container_id = mesos_pb2.ContainerID(value=str(value), parent=parent)
    statuses = TaskStatuses(task, random_bytes)
    statuses.container_status = mesos_pb2.ContainerStatus(container_id=container_id)
    return NestedTask(task, container_id, group, statuses)


def start_monitoring(nested: NestedTask, now: Now) -> None:
    """Its command runs: check it from now on."""
    # What a check runs in its container has the container's environment without our help.
    nested.monitor = TaskMonitor(nested.task, now, {}, nested.container_id)


def launch_of(nested: NestedTask, container_ip: str) -> LaunchNested:
    """How a task's container is launched."""
    task = nested.task
    command = mesos_pb2.CommandInfo()
    command.CopyFrom(task.command)
    known = {variable.name for variable in command.environment.variables}
    told = {"MESOS_CONTAINER_IP": container_ip, **allocation_environment(task)}
    for name, value in told.items():
        if name not in known:
            command.environment.variables.add(name=name, value=value)
    linux = task.container.linux_info
    is_apart = linux.HasField("share_cgroups") and not linux.share_cgroups
    return LaunchNested(
        nested.container_id,
        command,
        _container_of(task),
        resources=tuple(task.resources) if is_apart else (),
        limits={name: one.value for name, one in task.limits.items()} if is_apart else {},
    )


def _container_of(task: mesos_pb2.TaskInfo) -> mesos_pb2.ContainerInfo | None:
    """The task's own, and its persistent volumes, which are in the executor's sandbox."""
    volumes = [
        resource.disk.volume
        for resource in task.resources
        if resource.disk.HasField("persistence") and resource.disk.HasField("volume")
    ]
    if not volumes and not task.HasField("container"):
        return None
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    if task.HasField("container"):
        container.CopyFrom(task.container)
    for volume in volumes:
        added = container.volumes.add(mode=volume.mode, container_path=volume.container_path)
        added.source.type = mesos_pb2.Volume.Source.SANDBOX_PATH
        added.source.sandbox_path.type = mesos_pb2.Volume.Source.SandboxPath.PARENT
        added.source.sandbox_path.path = volume.container_path
    return container
