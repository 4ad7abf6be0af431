"""The statuses of one task, and what else its messages say of how to tell them (pure)."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final

from mesos_compat import uuids
from mesos_compat.executors.events import Now
from mesos_compat.wire.v1 import mesos_pb2

_NS_PER_SECOND: Final = 1_000_000_000
_UUID_BYTES: Final = 16

_EXIT_CODE_SHIFT: Final = 8
_SIGNAL_MASK: Final = 0x7F
_CORE_FLAG: Final = 0x80


class TaskStatuses:
    """What is known of one task and goes into each of its statuses.

    The agent fills in its own id and the executor's.
    """

    __slots__ = ("_random_bytes", "_task_id", "check_status", "container_status", "healthy")

    def __init__(self, task: mesos_pb2.TaskInfo, random_bytes: Callable[[int], bytes]) -> None:
        self._task_id = task.task_id
        self._random_bytes = random_bytes
        #: None before the first result of a health check.
        self.healthy: bool | None = None
        #: Of the type of the task's check, if it has one, and empty before the first result.
        self.check_status: mesos_pb2.CheckStatusInfo | None = None
        #: In which nested container the task runs.
        self.container_status: mesos_pb2.ContainerStatus | None = None
        if task.HasField("check"):
            self.check_status = empty_check_status(task.check)

    def make(
        self,
        state: mesos_pb2.TaskState,
        now: Now,
        *,
        message: str | None = None,
        reason: mesos_pb2.TaskStatus.Reason | None = None,
        limitation: mesos_pb2.TaskResourceLimitation | None = None,
    ) -> mesos_pb2.TaskStatus:
        """A status with a uuid of its own."""
        status = mesos_pb2.TaskStatus(
            task_id=self._task_id,
            state=state,
            source=mesos_pb2.TaskStatus.SOURCE_EXECUTOR,
            uuid=uuids.version_4(self._random_bytes(uuids.BYTES)),
            timestamp=now.wall_ns / _NS_PER_SECOND,
            message=message,
            reason=reason,
            limitation=limitation,
            check_status=self.check_status,
            container_status=self.container_status,
        )
        if self.healthy is not None:
            status.healthy = self.healthy
        return status


def empty_check_status(check: mesos_pb2.CheckInfo) -> mesos_pb2.CheckStatusInfo:
    """The result of a check that has none."""
    status = mesos_pb2.CheckStatusInfo(type=check.type)
    if check.type == mesos_pb2.CheckInfo.COMMAND:
        status.command.SetInParent()
    elif check.type == mesos_pb2.CheckInfo.HTTP:
        status.http.SetInParent()
    elif check.type == mesos_pb2.CheckInfo.TCP:
        status.tcp.SetInParent()
    return status


def succeeded(wait_status: int) -> bool:
    """Whether a process has exited with 0."""
    return wait_status == 0


def describe_exit(wait_status: int) -> str:
    """How a command has ended, in the words of Mesos (``WSTRINGIFY``)."""
    number = wait_status & _SIGNAL_MASK
    if number == 0:
        return f"Command exited with status {wait_status >> _EXIT_CODE_SHIFT}"
    text = signal.strsignal(number) or f"Unknown signal {number}"
    core = " (core dumped)" if wait_status & _CORE_FLAG else ""
    return f"Command terminated with signal {text}{core}"


def may_tell_killing(framework: mesos_pb2.FrameworkInfo) -> bool:
    """Whether a framework knows TASK_KILLING."""
    wanted = mesos_pb2.FrameworkInfo.Capability.TASK_KILLING_STATE
    return any(capability.type == wanted for capability in framework.capabilities)


def allocation_environment(task: mesos_pb2.TaskInfo) -> dict[str, str]:
    """What an executor adds to the environment of its task."""
    for resource in task.resources:
        if resource.allocation_info.HasField("role"):
            return {"MESOS_ALLOCATION_ROLE": resource.allocation_info.role}
    return {}
