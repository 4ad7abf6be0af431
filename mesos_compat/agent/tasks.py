"""Tasks: what becomes of them here, and how they get to their executors.

Source: ``Slave::statusUpdate``, ``Executor::updateTaskState`` and ``Slave::___run``. A task is
queued until its executor is subscribed and its container is large enough; launched until its
last status comes; terminated until that is acknowledged; completed then.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.agent import executor_events, status_updates, statuses
from mesos_compat.agent.actions import SendToExecutor, UpdateContainer
from mesos_compat.agent.context import Context
from mesos_compat.agent.state import (
    TERMINAL_STATES,
    Executor,
    ExecutorState,
    Framework,
    Task,
)
from mesos_compat.resources import Resources
from mesos_compat.resources.formats import upgrade_all
from mesos_compat.resources.values import to_double
from mesos_compat.wire.v1 import mesos_pb2

_Status = mesos_pb2.TaskStatus


def make(info: mesos_pb2.TaskInfo, framework_id: str) -> Task:
    """A task that came from the master. Source: ``protobuf::createTask``."""
    kept = mesos_pb2.TaskInfo()
    kept.CopyFrom(info)
    upgrade_all(kept)
    message = mesos_pb2.Task(
        name=kept.name,
        task_id=kept.task_id,
        framework_id=mesos_pb2.FrameworkID(value=framework_id),
        agent_id=kept.agent_id,
        state=mesos_pb2.TASK_STAGING,
        resources=kept.resources,
    )
    if kept.HasField("executor"):
        message.executor_id.CopyFrom(kept.executor.executor_id)
    for member in ("labels", "discovery", "container", "health_check", "kill_policy"):
        if kept.HasField(member):
            getattr(message, member).CopyFrom(getattr(kept, member))
    if kept.command.HasField("user"):
        message.user = kept.command.user
    elif kept.executor.command.HasField("user"):
        message.user = kept.executor.command.user
    for name, limit in kept.limits.items():
        message.limits[name].CopyFrom(limit)
    return Task(message, Resources(kept.resources), kept)


# Statuses.


def apply(context: Context, executor: Executor, task: Task, status: mesos_pb2.TaskStatus) -> None:
    """Take over what a status says; one that ends the task moves it among the terminated."""
    message = task.message
    message.state = status.state
    if message.statuses and message.statuses[-1].state == status.state:
        del message.statuses[-1]
    message.statuses.add().CopyFrom(status)
    name = mesos_pb2.TaskState.Name(status.state)
    context.note(task.task_id, name)
    if not task.is_terminal:
        return
    context.metrics.ended(status.state)
    dequeue(executor, task.task_id)
    executor.launched.pop(task.task_id, None)
    executor.kills.pop(task.task_id, None)
    executor.terminated[task.task_id] = task


def dequeue(executor: Executor, task_id: str) -> None:
    """A task is not to be delivered any more; the others of its group still are."""
    if executor.queued.pop(task_id, None) is None:
        return
    executor.queue = [
        one for one in executor.queue if any(member in executor.queued for member in one.task_ids)
    ]


def updated_by_executor(
    context: Context, framework: Framework, executor: Executor, given: mesos_pb2.TaskStatus
) -> None:
    """A status of an executor, found whole.

    It is acknowledged when it will not be lost any more; also one that nobody wants, so that
    it is not sent again: of a framework that is over, of an unknown task, after the last status, or
    before the task was delivered, unless it says that there will be none.
    """
    task_id, uuid = given.task_id.value, given.uuid

    def acknowledge() -> None:
        if executor.route is not None:
            event = executor_events.acknowledged(task_id, uuid)
            context.emit(SendToExecutor(executor.route, event))

    update = statuses.of_executor(context, framework, executor, given)
    stream = context.state.update_streams.get(status_updates.key_of(update))
    if stream is not None and uuid in stream.received:
        status_updates.take(context, update, stream.run_path, acknowledge)
        return
    task = None if framework.is_terminating else executor.live_task(task_id)
    is_early = task_id in executor.queued and update.status.state not in TERMINAL_STATES
    if task is None or is_early:
        context.metrics.count("invalid_status_updates")
        acknowledge()
        return
    context.metrics.count("valid_status_updates")
    executor.was_used = True
    apply(context, executor, task, update.status)
    run_path = executor.run_path if executor.checkpoint else None
    status_updates.take(context, update, run_path, acknowledge)
    if task.is_terminal and not executor.is_generated:
        # What ran for a command task ends with it; others' containers shrink.
        fit(context, executor)


def end(
    context: Context,
    framework: Framework,
    executor: Executor,
    task: Task,
    state: mesos_pb2.TaskState,
    message: str,
    reason: mesos_pb2.TaskStatus.Reason,
    limited: Iterable[mesos_pb2.Resource] = (),
) -> None:
    """The agent says by itself that a task has ended."""
    update = statuses.make(
        context,
        framework.framework_id,
        task.task_id,
        statuses.state_for(framework.info, state),
        message,
        reason,
        executor.executor_id,
    )
    for resource in limited:
        update.status.limitation.resources.add().CopyFrom(resource)
    apply(context, executor, task, update.status)
    run_path = executor.run_path if executor.checkpoint else None
    status_updates.take(context, update, run_path, lambda: None)


def refuse(
    context: Context,
    info: mesos_pb2.FrameworkInfo,
    task_ids: Iterable[str],
    state: mesos_pb2.TaskState,
    message: str,
    reason: mesos_pb2.TaskStatus.Reason,
) -> None:
    """Tasks that no executor of this agent has, and that no executor will get."""
    for task_id in task_ids:
        told = statuses.state_for(info, state)
        update = statuses.make(context, info.id.value, task_id, told, message, reason)
        context.note(task_id, f"refused: {message}")
        context.metrics.ended(told)
        status_updates.take(context, update, None, lambda: None)


def drop(
    context: Context,
    info: mesos_pb2.FrameworkInfo,
    task_ids: Iterable[str],
    message: str,
    reason: mesos_pb2.TaskStatus.Reason,
) -> None:
    """Tasks that are not launched, for no fault of theirs: TASK_DROPPED."""
    refuse(context, info, task_ids, mesos_pb2.TASK_DROPPED, message, reason)


# To the executor.


def limits_of(executor: Executor) -> dict[str, float]:
    """The upper bounds of its container, where they are not what is requested.

    Source: ``computeExecutorLimits``: what has no bound of its own counts with its request.
    """
    infos = [task.message for task in (*executor.queued.values(), *executor.launched.values())]
    limits = {}
    for name in ("cpus", "mem"):
        if not any(name in info.limits for info in infos):
            continue
        total = to_double(executor.resources.amount(name))
        for info in infos:
            if name in info.limits:
                total += info.limits[name].value
            else:
                total += to_double(Resources(info.resources).amount(name))
        limits[name] = total
    return limits


def fit(context: Context, executor: Executor) -> bool:
    """Let the container have what its executor and tasks use; whether it has it already."""
    if not executor.has_container or executor.is_updating:
        return False
    wanted, limits = executor.allocated, limits_of(executor)
    if executor.contained == wanted and executor.contained_limits == limits:
        return True
    executor.is_updating = True
    executor.contained, executor.contained_limits = wanted, limits
    context.emit(UpdateContainer((executor.container_id,), tuple(wanted), limits))
    return False


def deliver(context: Context, executor: Executor) -> None:
    """Send what is queued, if the executor is there and its container is large enough."""
    if executor.state is not ExecutorState.RUNNING or executor.route is None:
        return
    ready = [one for one in executor.queue if one.is_stored]
    if not ready or not fit(context, executor):
        return
    executor.queue = [one for one in executor.queue if not one.is_stored]
    for delivery in ready:
        sent = []
        for task_id in delivery.task_ids:
            task = executor.queued.pop(task_id, None)
            if task is not None and task.info is not None:
                executor.launched[task_id] = task
                sent.append(task.info)
                context.note(task_id, f"delivered to executor {executor.executor_id}")
        if delivery.is_group:
            # What of it has ended meanwhile the executor need not know of.
            group = mesos_pb2.TaskGroupInfo(tasks=sent)
            events = [executor_events.launch_group(group)]
        else:
            events = [executor_events.launch(info) for info in sent]
        for event in events:
            context.emit(SendToExecutor(executor.route, event))
