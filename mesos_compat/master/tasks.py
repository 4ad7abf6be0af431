"""Tasks: launched, updated, acknowledged, killed, and moved out of the way when they are over.

Source: ``Master::addTask``, ``updateTask``, ``removeTask``, ``statusUpdate``, ``acknowledge`` and
``kill``. A task's resources are free when a terminal update arrives; the task itself is kept
until the framework has acknowledged that update, so that it can be asked about.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.errors import invariant
from mesos_compat.master import (
    agent_events,
    holdings,
    reconcile,
    scheduler_events,
    statuses,
    stream,
)
from mesos_compat.master.context import Context
from mesos_compat.master.state import TERMINAL_STATES, Agent, Framework, Task, TaskKey
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_Status = mesos_pb2.TaskStatus

# Checks tell their results in states that are not new.
_CHECK_REASONS = (
    _Status.REASON_TASK_CHECK_STATUS_UPDATED,
    _Status.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED,
)


def make_message(info: mesos_pb2.TaskInfo, framework_id: str) -> mesos_pb2.Task:
    """The task of ``info`` as operators see it. Source: ``protobuf::createTask``."""
    task = mesos_pb2.Task(
        name=info.name,
        task_id=info.task_id,
        framework_id=mesos_pb2.FrameworkID(value=framework_id),
        agent_id=info.agent_id,
        state=mesos_pb2.TASK_STAGING,
        resources=info.resources,
    )
    if info.HasField("executor"):
        task.executor_id.CopyFrom(info.executor.executor_id)
    for member in ("labels", "discovery", "container", "health_check", "kill_policy"):
        if info.HasField(member):
            getattr(task, member).CopyFrom(getattr(info, member))
    if info.command.HasField("user"):
        task.user = info.command.user
    elif info.executor.command.HasField("user"):
        task.user = info.executor.command.user
    for name, limit in info.limits.items():
        task.limits[name].CopyFrom(limit)
    return task


def add(
    context: Context, framework: Framework, agent: Agent, info: mesos_pb2.TaskInfo
) -> Resources:
    """A task that was accepted; what it and its executor, if that is new, take of the offer."""
    resources = Resources(info.resources)
    task = Task(
        make_message(info, framework.framework_id), resources, accepted_ms=context.now.mono_ms
    )
    consumed = resources
    if info.HasField("executor"):
        executors = agent.executors.get(framework.framework_id, {})
        if info.executor.executor_id.value not in executors:
            consumed = consumed + holdings.add_executor(
                agent, info.executor, framework.framework_id
            )
    keep(framework, agent, task)
    context.note(task.task_id, f"accepted on {agent.agent_id}")
    stream.task_added(context, task, framework.info)
    return consumed


def keep(framework: Framework, agent: Agent, task: Task) -> None:
    """Let both sides know of ``task``, and count what it uses."""
    framework.tasks[task.task_id] = task
    framework.agent_ids[agent.agent_id] = None
    agent.tasks.setdefault(framework.framework_id, {})[task.task_id] = task
    if task.holds_resources:
        holdings.use(agent, framework.framework_id, task.resources)


def forward(context: Context, framework: Framework, status: mesos_pb2.TaskStatus) -> None:
    """Send a status to a framework. One that is not connected asks when it is back."""
    context.tell(framework, scheduler_events.update(status))


def update(
    context: Context,
    task: Task,
    status: mesos_pb2.TaskStatus,
    latest_state: mesos_pb2.TaskState | None = None,
) -> None:
    """Take over what ``status`` says; ``latest_state`` is how far the agent's task is already.

    A state that ends a task is not left again.
    """
    message = task.message
    held = task.holds_resources
    is_news = status.reason in _CHECK_REASONS and status.HasField("reason")
    if status.HasField("uuid"):
        message.status_update_state = status.state
        message.status_update_uuid = status.uuid
    if message.state not in TERMINAL_STATES:
        state = status.state if latest_state is None else latest_state
        is_news = is_news or state != message.state
        message.state = state
        if state == mesos_pb2.TASK_RUNNING and task.accepted_ms is not None:
            context.metrics.started(context.now.mono_ms - task.accepted_ms)
            task.accepted_ms = None
    _record(message, status)
    framework = context.state.frameworks[task.framework_id]
    if is_news:
        context.note(task.task_id, mesos_pb2.TaskState.Name(message.state))
        stream.task_updated(context, task, framework.info, message.statuses[-1])
    if held and not task.holds_resources:
        _recover(context, task)
        context.metrics.ended(task.framework_id, status, message.state)


def _record(message: mesos_pb2.Task, status: mesos_pb2.TaskStatus) -> None:
    """Keep the newest status of each state, without the data, which may be large."""
    if message.statuses and message.statuses[-1].state == status.state:
        del message.statuses[-1]
    kept = message.statuses.add()
    kept.CopyFrom(status)
    kept.ClearField("data")


def _recover(context: Context, task: Task) -> None:
    agent = context.state.agents.get(task.agent_id)
    if agent is not None:
        holdings.release(agent, task.framework_id, task.resources)
        context.allocator.recover_resources(
            task.framework_id, task.agent_id, task.resources, None, context.now.mono_ms
        )


def remove(context: Context, task: Task, *, unreachable: bool = False) -> None:
    """The task is over, or its agent is; it is kept where it can be looked at for a while."""
    if task.holds_resources:
        _recover(context, task)
    framework = context.state.frameworks[task.framework_id]
    del framework.tasks[task.task_id]
    agent = context.state.agents.get(task.agent_id)
    if agent is not None:
        of_framework = agent.tasks[task.framework_id]
        del of_framework[task.task_id]
        if not of_framework:
            del agent.tasks[task.framework_id]
            holdings.leave(context, agent, task.framework_id)
        agent.kills.pop(TaskKey(task.framework_id, task.task_id), None)
    if not unreachable:
        complete(framework, task.message)
        return
    kept = framework.unreachable_tasks
    kept[task.task_id] = task
    while len(kept) > context.settings.max_unreachable_tasks_per_framework:
        del kept[next(iter(kept))]


def complete(framework: Framework, message: mesos_pb2.Task) -> None:
    """Keep a task that is over; the oldest of too many is forgotten."""
    framework.completed_tasks.append(message)


def refuse(
    context: Context,
    framework: Framework,
    infos: Iterable[mesos_pb2.TaskInfo],
    state: mesos_pb2.TaskState,
    message: str,
    reason: mesos_pb2.TaskStatus.Reason,
) -> None:
    """Tell a framework that tasks are not launched; the master forgets them at once."""
    for info in infos:
        status = statuses.make(
            context, info.task_id.value, info.agent_id.value, state, message, reason
        )
        context.metrics.ended(framework.framework_id, status, state)
        context.note(info.task_id.value, f"refused: {message}")
        forward(context, framework, status)


def end(
    context: Context, task: Task, status: mesos_pb2.TaskStatus, *, unreachable: bool = False
) -> None:
    """The master ends a task by itself: nobody need acknowledge it, and the framework is told."""
    framework = context.state.frameworks[task.framework_id]
    update(context, task, status)
    remove(context, task, unreachable=unreachable)
    forward(context, framework, status)


def status_update(context: Context, agent: Agent, call: link_pb2.Call.StatusUpdate) -> None:
    """STATUS_UPDATE of an agent: passed on, even if the master has never heard of the task.

    Nobody will acknowledge that of a framework that is over, and the agent, which may have missed
    that, would send it for ever; in Mesos it does.
    """
    metrics, status = context.metrics, call.status
    metrics.count("messages_status_update")
    framework = context.state.frameworks.get(call.framework_id.value)
    if framework is None:
        metrics.valid("status_updates", is_valid=False)
        framework_id = call.framework_id.value
        if context.is_framework_over(framework_id):
            context.tell_agent(agent, agent_events.shutdown_framework(framework_id))
        return
    forward(context, framework, status)
    task = agent.tasks.get(framework.framework_id, {}).get(status.task_id.value)
    metrics.valid("status_updates", is_valid=task is not None)
    if task is None:
        return
    latest = call.latest_state if call.HasField("latest_state") else None
    update(context, task, status, latest)
    if task.message.state in TERMINAL_STATES and not status.HasField("uuid"):
        remove(context, task)


def acknowledge(
    context: Context, framework: Framework, call: scheduler_pb2.Call.Acknowledge
) -> None:
    """ACKNOWLEDGE: passed on; that of the terminal update ends the task here too."""
    agent = context.state.agents.get(call.agent_id.value)
    is_valid = agent is not None and agent.is_connected
    task = None
    if agent is not None:
        task = agent.tasks.get(framework.framework_id, {}).get(call.task_id.value)
    if task is not None and not task.message.HasField("status_update_state"):
        # Nothing of it has been delivered, so nothing can have been acknowledged.
        is_valid = False
    context.metrics.valid("status_update_acknowledgements", is_valid=is_valid)
    if agent is None or not is_valid:
        return
    if (
        task is not None
        and task.message.status_update_state in TERMINAL_STATES
        and task.message.status_update_uuid == call.uuid
    ):
        context.note(task.task_id, "acknowledged")
        remove(context, task)
    key = TaskKey(framework.framework_id, call.task_id.value)
    context.tell_agent(agent, agent_events.acknowledge(key, call.uuid))


def kill(context: Context, framework: Framework, call: scheduler_pb2.Call.Kill) -> None:
    """KILL: passed on, now or when the agent is back. Of an unknown task the framework is told."""
    task = framework.tasks.get(call.task_id.value)
    if task is None:
        agent_id = call.agent_id.value if call.HasField("agent_id") else None
        reconcile.answer(context, framework, call.task_id.value, agent_id)
        return
    if call.HasField("agent_id") and call.agent_id.value != task.agent_id:
        return
    agent = context.state.agents.get(task.agent_id)
    if agent is None:
        invariant(False, "a task that is not unreachable has an agent", task_id=task.task_id)
        return
    policy = call.kill_policy if call.HasField("kill_policy") else None
    key = TaskKey(framework.framework_id, task.task_id)
    # Also when the agent seems to be there: it may not be.
    agent.kills[key] = policy
    context.note(task.task_id, "to be killed")
    context.tell_agent(agent, agent_events.kill_task(key, policy))


def send_kills(context: Context, agent: Agent) -> None:
    """The agent is back: kill what was to be killed meanwhile."""
    kills = dict(agent.kills)
    agent.kills.clear()
    for key, policy in kills.items():
        context.tell_agent(agent, agent_events.kill_task(key, policy))
