"""KILL_TASK: at once for what its executor has not got yet, else passed on.

Source: ``Slave::killTask`` and ``Slave::drain``.
"""

from __future__ import annotations

from mesos_compat.agent import checkpoint, executor_events, executors, removal, tasks
from mesos_compat.agent.actions import SendToExecutor
from mesos_compat.agent.context import Context
from mesos_compat.agent.state import Executor, ExecutorState, Framework, Task
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_Status = mesos_pb2.TaskStatus
_DURING_LAUNCH = _Status.REASON_TASK_KILLED_DURING_LAUNCH


def kill_task(context: Context, call: link_pb2.Event.KillTask) -> None:
    """KILL_TASK."""
    framework = context.state.frameworks.get(call.framework_id.value)
    if framework is None or framework.is_terminating:
        return
    task_id = call.task_id.value
    executor = framework.holders.get(task_id)
    if executor is None:
        reason = _Status.REASON_EXECUTOR_TERMINATED
        tasks.drop(context, framework.info, [task_id], "Cannot find executor", reason)
        return
    policy = call.kill_policy if call.HasField("kill_policy") else None
    kill(context, framework, executor, task_id, policy)


def kill(
    context: Context,
    framework: Framework,
    executor: Executor,
    task_id: str,
    policy: mesos_pb2.KillPolicy | None,
) -> None:
    """Kill a task of an executor that has not ended."""
    if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return
    context.note(task_id, "to be killed")
    if task_id in executor.queued:
        _kill_queued(context, framework, executor, task_id)
    elif task_id in executor.launched:
        if executor.route is not None:
            event = executor_events.kill(task_id, policy)
            context.emit(SendToExecutor(executor.route, event))
        else:
            executor.kills[task_id] = policy


def _kill_queued(context: Context, framework: Framework, executor: Executor, task_id: str) -> None:
    """End a task that its executor has not got; of a group all, which live and die together."""
    killed, text = [executor.queued[task_id]], "Killed before delivery to the executor"
    for delivery in executor.queue:
        if task_id in delivery.task_ids and delivery.is_group:
            killed = [executor.queued[one] for one in delivery.task_ids if one in executor.queued]
            text = "A task within the task group was killed before delivery to the executor"
    for task in killed:
        tasks.end(context, framework, executor, task, mesos_pb2.TASK_KILLED, text, _DURING_LAUNCH)
    if executor.state is ExecutorState.RUNNING and is_useless(executor):
        executors.shut_down(context, executor)


def is_useless(executor: Executor) -> bool:
    """Whether an executor has never got a task, as far as is known, and there is none for it."""
    return not (executor.was_used or executor.queued or executor.launched)


def send_kills(context: Context, executor: Executor) -> None:
    """The executor is back: it hears what it was to kill meanwhile."""
    kills = dict(executor.kills)
    executor.kills.clear()
    for task_id, policy in kills.items():
        if task_id in executor.launched and executor.route is not None:
            event = executor_events.kill(task_id, policy)
            context.emit(SendToExecutor(executor.route, event))


# Draining.


def drain(context: Context, config: mesos_pb2.DrainConfig) -> None:
    """DRAIN: end all tasks, and take no new ones."""
    state = context.state
    kept = mesos_pb2.DrainConfig()
    kept.CopyFrom(config)
    state.drain_config = kept
    state.drain_start_ns = context.now.wall_ns
    context.note("agent", "draining")
    record = checkpoint.drain_config(state.agent_id, kept)
    context.store([record], lambda: _kill_all(context))


def _kill_all(context: Context) -> None:
    state = context.state
    for framework in list(state.frameworks.values()):
        for executor in list(framework.executors.values()):
            for task in (*executor.queued.values(), *executor.launched.values()):
                if task.task_id in executor.queued or task.task_id in executor.launched:
                    policy = _policy(state.drain_config, task)
                    kill(context, framework, executor, task.task_id, policy)
    removal.end_if_idle(context)


def _policy(config: mesos_pb2.DrainConfig | None, task: Task) -> mesos_pb2.KillPolicy | None:
    """How to kill a task that may take no longer than ``config`` says."""
    if config is None or not config.HasField("max_grace_period"):
        return None
    most_ns = config.max_grace_period.nanoseconds
    own = task.message.kill_policy
    if own.HasField("grace_period") and own.grace_period.nanoseconds <= most_ns:
        return None
    policy = mesos_pb2.KillPolicy()
    policy.grace_period.nanoseconds = most_ns
    return policy
