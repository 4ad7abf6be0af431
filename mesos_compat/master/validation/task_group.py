"""Task groups of LAUNCH_GROUP: all of it can be launched, or nothing is.

Source: ``validation::task::group``. The master copies the group's executor into tasks that
bring none before it asks.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.master.validation import container as containers
from mesos_compat.master.validation import executor as executors
from mesos_compat.master.validation.task import TaskContext, validate_task
from mesos_compat.master.validation.texts import list_text
from mesos_compat.resources import Resources
from mesos_compat.resources.validation import (
    overlaps,
    validate_revocable_mix,
    validate_unique_persistence_ids,
)
from mesos_compat.resources.values import SCALE, to_double
from mesos_compat.wire.text import format_bytes
from mesos_compat.wire.v1 import mesos_pb2

_DOCKER = mesos_pb2.ContainerInfo.DOCKER
_NETWORK_CHECKS: Final = (mesos_pb2.HealthCheck.HTTP, mesos_pb2.HealthCheck.TCP)

# What an executor of a group must have at least: 0.01 cpus and 32 MB.
_CPUS_MIN_THOUSANDTHS: Final = 10
_MEM_MIN_MEGABYTES: Final = 32
_MEGABYTE: Final = 1 << 20


def validate_group(
    group: mesos_pb2.TaskGroupInfo,
    executor: mesos_pb2.ExecutorInfo,
    context: TaskContext,
    offered: Resources,
) -> str | None:
    """Why ``group`` cannot be launched with what is left of the offers; or None.

    The text is the message of the TASK_ERROR of each of its tasks.
    """
    parts = [Resources(task.resources) for task in group.tasks]
    for task, resources in zip(group.tasks, parts, strict=True):
        fault = validate_task(task, context, resources) or _member_fault(task)
        if fault is not None:
            return f"Task '{task.task_id.value}' is invalid: {fault}"
    return _executor_fault(group, executor, context, parts, offered) or _share_cgroups_fault(
        group, executor, context
    )


def _member_fault(task: mesos_pb2.TaskInfo) -> str | None:
    if not task.HasField("executor"):
        return "'TaskInfo.executor' must be set"
    container = task.container
    if container.network_infos and task.health_check.type in _NETWORK_CHECKS:
        return (
            "HTTP and TCP health checks are not supported for nested containers not joining"
            " parent's network"
        )
    if task.HasField("container") and container.type == _DOCKER:
        return "Docker ContainerInfo is not supported on the task"
    if task.limits and containers.shares_cgroups(container):
        return (
            "Resource limits may only be set for tasks within a task group when"
            " the 'share_cgroups' field is set to 'false'."
        )
    return None


def _executor_fault(
    group: mesos_pb2.TaskGroupInfo,
    executor: mesos_pb2.ExecutorInfo,
    context: TaskContext,
    parts: list[Resources],
    offered: Resources,
) -> str | None:
    """Checks the executor, and that all together can be had from ``offered``."""
    of_executor = Resources(executor.resources)
    fault = (
        executors.validate(executor, context.framework_id, context.executors)
        or _kind_fault(group, executor)
        or _minimum_fault(executor.executor_id.value, of_executor)
        or _combined_fault(parts, of_executor)
    )
    if fault is not None:
        return fault
    total = sum(parts, Resources())
    if executor.executor_id.value not in context.executors:
        total += of_executor
    if not offered.contains(total):
        return (
            f"Total resources {total} required by task group and its executor are more than"
            f" available {offered}"
        )
    return None


def _kind_fault(group: mesos_pb2.TaskGroupInfo, executor: mesos_pb2.ExecutorInfo) -> str | None:
    if not executor.HasField("type"):
        return "'ExecutorInfo.type' must be set"
    if executor.type == mesos_pb2.ExecutorInfo.UNKNOWN:
        return "Unknown executor type"
    if executor.HasField("container") and executor.container.type == _DOCKER:
        return "Docker ContainerInfo is not supported on the executor"
    for task in group.tasks:
        if task.HasField("executor") and not executors.is_same(task.executor, executor):
            return (
                f"The `ExecutorInfo` of task '{task.task_id.value}' is different from executor"
                f" '{executor.executor_id.value}'"
            )
    return None


def _minimum_fault(executor_id: str, resources: Resources) -> str | None:
    cpus, mem = resources.amount("cpus"), resources.amount("mem")
    if cpus < _CPUS_MIN_THOUSANDTHS:
        return (
            f"Executor '{executor_id}' uses less CPUs"
            f" ({f'{to_double(cpus):g}' if cpus else 'None'})"
            f" than the minimum required ({to_double(_CPUS_MIN_THOUSANDTHS):g})"
        )
    if mem // SCALE < _MEM_MIN_MEGABYTES:
        return (
            f"Executor '{executor_id}' uses less memory"
            f" ({format_bytes(mem // SCALE * _MEGABYTE) if mem else 'None'})"
            f" than the minimum required ({format_bytes(_MEM_MIN_MEGABYTES * _MEGABYTE)})"
        )
    if not resources.amount("disk"):
        return f"Executor '{executor_id}' uses no disk"
    return None


def _combined_fault(parts: list[Resources], of_executor: Resources) -> str | None:
    total = sum(parts, of_executor)
    fault = validate_unique_persistence_ids(total)
    if fault is not None:
        return f"Task group and executor use duplicate persistence ID: {fault}"
    fault = validate_revocable_mix(total)
    if fault is not None:
        return f"Task group and executor mix revocable and non-revocable resources: {fault}"
    if overlaps((*parts, of_executor)):
        return (
            "There are overlapping resources in the task group's task resources"
            f" {list_text(parts)} and/or executor resources {of_executor}"
        )
    return None


def _share_cgroups_fault(
    group: mesos_pb2.TaskGroupInfo, executor: mesos_pb2.ExecutorInfo, context: TaskContext
) -> str | None:
    """Checks that under one executor all share the cgroups, or none does."""
    if containers.asks_to_share_cgroups(executor.container):
        return "The 'share_cgroups' field cannot be set to 'true' on executor containers"
    sharing = [containers.shares_cgroups(task.container) for task in group.tasks]
    executor_id = executor.executor_id.value
    if sharing and executor_id in context.executors:
        sharing.extend(
            containers.shares_cgroups(task.container)
            for task in context.tasks_on_agent
            if task.agent_id.value == context.agent_id
            and task.HasField("executor_id")
            and task.executor_id.value == executor_id
        )
    if all(one == sharing[0] for one in sharing):
        return None
    return (
        "If set, the value of 'share_cgroups' must be the same for all tasks in each task group"
        " and under a single executor"
    )
