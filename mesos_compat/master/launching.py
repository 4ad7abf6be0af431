"""LAUNCH and LAUNCH_GROUP of an ACCEPT.

The tasks of a LAUNCH are independent of each other; of a group all are launched, or none. What
passes the checks is TASK_STAGING, of which nobody is told, and goes to the agent.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.master import action_objects, agent_events, tasks
from mesos_compat.master.acceptance import Acceptance
from mesos_compat.master.context import Context
from mesos_compat.master.validation import task as task_validation
from mesos_compat.master.validation import task_group as group_validation
from mesos_compat.master.validation.task import TaskContext
from mesos_compat.wire.v1 import mesos_pb2

_Status = mesos_pb2.TaskStatus


def launch(
    context: Context, acceptance: Acceptance, operation: mesos_pb2.Offer.Operation.Launch
) -> None:
    """LAUNCH: each task by itself."""
    for task in operation.task_infos:
        _complete(task)
        if task.HasField("executor") and not task.executor.HasField("framework_id"):
            task.executor.framework_id.value = acceptance.framework.framework_id
        fault, reason = _task_fault(context, acceptance, task)
        if fault is not None:
            tasks.refuse(
                context, acceptance.framework, (task,), mesos_pb2.TASK_ERROR, fault, reason
            )
        else:
            _run(context, acceptance, task)


def _complete(task: mesos_pb2.TaskInfo) -> None:
    """A health check of older clients says by its members what it is."""
    check = task.health_check
    if not task.HasField("health_check") or check.HasField("type"):
        return
    if check.HasField("command"):
        check.type = mesos_pb2.HealthCheck.COMMAND
    elif check.HasField("http"):
        check.type = mesos_pb2.HealthCheck.HTTP


def _task_fault(
    context: Context, acceptance: Acceptance, task: mesos_pb2.TaskInfo
) -> tuple[str | None, mesos_pb2.TaskStatus.Reason]:
    denied = _denied(context, acceptance, (task,))
    if denied is not None:
        return denied, _Status.REASON_TASK_UNAUTHORIZED
    fault = task_validation.validate(task, _task_context(acceptance), acceptance.available)
    return fault, _Status.REASON_TASK_INVALID


def _denied(
    context: Context, acceptance: Acceptance, infos: Iterable[mesos_pb2.TaskInfo]
) -> str | None:
    framework = acceptance.framework
    denied = action_objects.first_denied(
        [action_objects.run_task(task, framework.info) for task in infos],
        context.authorizer,
        framework.principal,
    )
    return f"Not authorized to {denied.text}" if denied is not None else None


def _task_context(acceptance: Acceptance) -> TaskContext:
    framework, agent = acceptance.framework, acceptance.agent
    framework_id = framework.framework_id
    on_agent = [task.message for task in agent.tasks.get(framework_id, {}).values()]
    on_agent += [task.message for task in framework.unreachable_tasks.values()]
    return TaskContext(
        framework_id=framework_id,
        agent_id=agent.agent_id,
        capabilities=agent.capabilities,
        task_ids=framework.tasks,
        unreachable_ids=framework.unreachable_tasks,
        executors=agent.executors.get(framework_id, {}),
        tasks_on_agent=on_agent,
    )


def _run(context: Context, acceptance: Acceptance, task: mesos_pb2.TaskInfo) -> None:
    framework, agent = acceptance.framework, acceptance.agent
    executors = agent.executors.get(framework.framework_id, {})
    launch_executor = (
        not task.HasField("executor") or task.executor.executor_id.value not in executors
    )
    acceptance.consume(tasks.add(context, framework, agent, task))
    event = agent_events.run_task(
        framework.info,
        task,
        launch_executor=launch_executor,
        resource_version=agent.resource_version,
    )
    context.tell_agent(agent, event)


def launch_group(
    context: Context, acceptance: Acceptance, operation: mesos_pb2.Offer.Operation.LaunchGroup
) -> None:
    """LAUNCH_GROUP: all tasks under one executor, or none."""
    infos = operation.task_group.tasks
    for task in infos:
        _complete(task)
        if not task.HasField("executor"):
            task.executor.CopyFrom(operation.executor)
    fault, reason = _group_fault(context, acceptance, operation)
    if fault is not None:
        tasks.refuse(context, acceptance.framework, infos, mesos_pb2.TASK_ERROR, fault, reason)
    elif infos:
        _run_group(context, acceptance, operation)


def _group_fault(
    context: Context, acceptance: Acceptance, operation: mesos_pb2.Offer.Operation.LaunchGroup
) -> tuple[str | None, mesos_pb2.TaskStatus.Reason]:
    infos = operation.task_group.tasks
    denied = _denied(context, acceptance, infos)
    if denied is not None:
        return denied, _Status.REASON_TASK_GROUP_UNAUTHORIZED
    seen: dict[str, None] = {}
    fault = None
    for task in infos:
        # Within a group nobody else notices.
        if task.task_id.value in seen:
            fault = (
                f"Task '{task.task_id.value}' is invalid:"
                f" Task has duplicate ID: {task.task_id.value}"
            )
        seen[task.task_id.value] = None
    fault = fault or group_validation.validate_group(
        operation.task_group, operation.executor, _task_context(acceptance), acceptance.available
    )
    return fault, _Status.REASON_TASK_GROUP_INVALID


def _run_group(
    context: Context, acceptance: Acceptance, operation: mesos_pb2.Offer.Operation.LaunchGroup
) -> None:
    framework, agent = acceptance.framework, acceptance.agent
    executors = agent.executors.get(framework.framework_id, {})
    launch_executor = operation.executor.executor_id.value not in executors
    for task in operation.task_group.tasks:
        # The first of them brings the executor.
        acceptance.consume(tasks.add(context, framework, agent, task))
    event = agent_events.run_task_group(
        framework.info,
        operation,
        launch_executor=launch_executor,
        resource_version=agent.resource_version,
    )
    context.tell_agent(agent, event)
