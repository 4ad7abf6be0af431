"""Tasks of LAUNCH. Source: ``validation::task``; the order of the checks is Mesos's.

Whether the principal may launch the task is asked before, with
:mod:`mesos_compat.master.authorization`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mesos_compat.master.validation import check as checks
from mesos_compat.master.validation import command as commands
from mesos_compat.master.validation import container as containers
from mesos_compat.master.validation import executor as executors
from mesos_compat.master.validation.allocation import validate_used
from mesos_compat.master.validation.identifiers import validate_id
from mesos_compat.resources import Resources
from mesos_compat.resources.validation import (
    overlaps,
    validate_revocable_mix,
    validate_unique_persistence_ids,
)
from mesos_compat.resources.values import to_double
from mesos_compat.wire.v1 import mesos_pb2

_Capability = mesos_pb2.AgentInfo.Capability

# Names that limits may have, and how Mesos calls limit and request of each.
_LIMITED: Final = {"cpus": ("CPU", "cpu"), "mem": ("memory", "memory")}


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a task is checked against. The containers may be the master's own; none is changed."""

    framework_id: str
    agent_id: str
    # Of the agent.
    capabilities: Container[int]
    # Ids of the framework's tasks that are not yet removed, terminal ones included.
    task_ids: Container[str]
    # Ids of the framework's unreachable tasks.
    unreachable_ids: Container[str]
    # The framework's executors that run on the agent, by id.
    executors: Mapping[str, mesos_pb2.ExecutorInfo]
    # The framework's tasks on the agent, unreachable ones included; only groups look at it.
    tasks_on_agent: Iterable[mesos_pb2.Task] = ()


def validate(task: mesos_pb2.TaskInfo, context: TaskContext, offered: Resources) -> str | None:
    """Why ``task`` cannot be launched with what is left of the offers; or None.

    The text is the message of its TASK_ERROR. Shared volumes that tasks of the same ACCEPT have
    used already belong to ``offered`` still.
    """
    resources = Resources(task.resources)
    return (
        validate_task(task, context, resources)
        or _executor_fault(task, context, resources, offered)
        or _share_cgroups_fault(task)
    )


def validate_task(
    task: mesos_pb2.TaskInfo, context: TaskContext, resources: Resources
) -> str | None:
    """Checks all but the executor; ``resources`` are the task's."""
    return (
        validate_id(task.task_id.value)
        or _id_reuse_fault(task.task_id.value, context)
        or _agent_fault(task, context)
        or _times_fault(task)
        or _checks_fault(task)
        or _resources_fault(task, resources)
        or _command_fault(task)
        or _limits_fault(task, context, resources)
    )


def _id_reuse_fault(task_id: str, context: TaskContext) -> str | None:
    if task_id in context.task_ids:
        return f"Task has duplicate ID: {task_id}"
    if task_id in context.unreachable_ids:
        return f"Task reuses the ID of an unreachable task: {task_id}"
    return None


def _agent_fault(task: mesos_pb2.TaskInfo, context: TaskContext) -> str | None:
    if task.agent_id.value == context.agent_id:
        return None
    return (
        f"Task uses invalid agent {task.agent_id.value} while agent {context.agent_id} is expected"
    )


def _times_fault(task: mesos_pb2.TaskInfo) -> str | None:
    if task.kill_policy.grace_period.nanoseconds < 0:
        return "Task's 'kill_policy.grace_period' must be non-negative"
    if task.max_completion_time.nanoseconds < 0:
        return "Task's `max_completion_time` must be non-negative"
    return None


def _checks_fault(task: mesos_pb2.TaskInfo) -> str | None:
    if task.HasField("check"):
        fault = checks.validate_check(task.check)
        if fault is not None:
            return f"Task uses invalid check: {fault}"
    if task.HasField("health_check"):
        fault = checks.validate_health_check(task.health_check)
        if fault is not None:
            return f"Task uses invalid health check: {fault}"
    return None


def _resources_fault(task: mesos_pb2.TaskInfo, resources: Resources) -> str | None:
    # A resource of zero is one here, although nothing is left of it below.
    if not task.resources:
        return "Task uses no resources"
    return validate_used(task.resources, resources, "Task")


def _command_fault(task: mesos_pb2.TaskInfo) -> str | None:
    if task.HasField("command"):
        fault = commands.validate(task.command)
        if fault is not None:
            return f"Task's `CommandInfo` is invalid: {fault}"
    if task.HasField("container"):
        fault = containers.validate(task.container)
        if fault is not None:
            return f"Task's `ContainerInfo` is invalid: {fault}"
    return None


def _limits_fault(
    task: mesos_pb2.TaskInfo, context: TaskContext, resources: Resources
) -> str | None:
    if not task.limits:
        return None
    if _Capability.TASK_RESOURCE_LIMITS not in context.capabilities:
        return "Agent is not capable of handling task resource limits"
    if any(name not in _LIMITED for name in task.limits):
        return "Only cpus and mem may be included in a task's resource limits"
    for name, (of_limit, of_request) in _LIMITED.items():
        if name not in task.limits:
            continue
        requested = resources.amount(name)
        if not requested:
            return (
                f"When a {of_limit} limit is specified, a {of_limit} request must also be specified"
            )
        # Infinity is a limit; what is no number fails the comparison.
        if not task.limits[name].value >= to_double(requested):
            return (
                f"The {of_request} limit must be greater than or equal to the {of_request} request"
            )
    return None


def _executor_fault(
    task: mesos_pb2.TaskInfo, context: TaskContext, resources: Resources, offered: Resources
) -> str | None:
    """Checks the executor, and that both together can be had from ``offered``."""
    if task.HasField("executor") == task.HasField("command"):
        return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    total = resources
    if task.HasField("executor"):
        executor = task.executor
        fault = executors.validate(
            executor, context.framework_id, context.executors
        ) or _custom_executor_fault(executor)
        if fault is None:
            fault = _combined_fault(task, resources)
        if fault is not None:
            return fault
        if executor.executor_id.value not in context.executors:
            total = resources + Resources(executor.resources)
    if not offered.contains(total):
        return (
            f"Total resources {total} required by task and its executor is more than available"
            f" {offered}"
        )
    return None


def _custom_executor_fault(executor: mesos_pb2.ExecutorInfo) -> str | None:
    if executor.HasField("type") and executor.type != mesos_pb2.ExecutorInfo.CUSTOM:
        return "'ExecutorInfo.type' must be 'CUSTOM'"
    if not executor.HasField("command"):
        return "'ExecutorInfo.command' must be set"
    resources = Resources(executor.resources)
    if resources.shared():
        return f"Executor resources {resources} should not contain any shared resources"
    if containers.asks_to_share_cgroups(executor.container):
        return "The 'share_cgroups' field cannot be set to 'true' on executor containers"
    return None


def _combined_fault(task: mesos_pb2.TaskInfo, resources: Resources) -> str | None:
    """Checks what the resources of a task and of its executor, each valid, are together."""
    of_executor = Resources(task.executor.resources)
    total = resources + of_executor
    if overlaps((resources, of_executor)):
        return (
            f"There are overlapping resources in the task resources {resources}"
            f" and executor resources {of_executor}"
        )
    fault = validate_unique_persistence_ids(total)
    if fault is not None:
        return f"Task and its executor use duplicate persistence ID: {fault}"
    fault = validate_revocable_mix(total)
    if fault is not None:
        return f"Task and its executor mix revocable and non-revocable resources: {fault}"
    return None


def _share_cgroups_fault(task: mesos_pb2.TaskInfo) -> str | None:
    if containers.shares_cgroups(task.container):
        return None
    return "Only tasks in a task group may have 'share_cgroups' set to 'false'"
