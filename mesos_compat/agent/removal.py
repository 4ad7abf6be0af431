"""What is over: tasks that are acknowledged, executors and frameworks of which nothing is left.

Source: ``Slave::removeExecutor``, ``removeFramework`` and ``updateDrainStatus``. Sandboxes are kept
for a while; what is remembered of executors and frameworks is bounded.
"""

from __future__ import annotations

from mesos_compat.agent import checkpoint, paths, status_updates
from mesos_compat.agent.actions import AttachFiles, DetachFiles, ScheduleGc, Stop, UnscheduleGc
from mesos_compat.agent.context import Context
from mesos_compat.agent.state import (
    TERMINAL_STATES,
    CompletedExecutor,
    Executor,
    ExecutorKey,
    ExecutorState,
    Framework,
    Phase,
    Task,
    TaskKey,
)
from mesos_compat.master import action_objects
from mesos_compat.wire.v1 import mesos_pb2


def acknowledged(context: Context, key: TaskKey, uuid: bytes) -> None:
    """ACKNOWLEDGE of a framework; that of the last status completes the task."""
    status = status_updates.acknowledge(context, key, uuid)
    if status is None or status.state not in TERMINAL_STATES:
        return
    framework = context.state.frameworks.get(key.framework_id)
    executor = None if framework is None else framework.holders.get(key.task_id)
    if framework is None or executor is None:
        return
    task = executor.terminated.get(key.task_id)
    if task is not None:
        complete_task(context, framework, executor, task)
    remove_if_done(context, framework, executor)
    end_draining_if_done(context)


def complete_task(context: Context, framework: Framework, executor: Executor, task: Task) -> None:
    """Nothing is left to be told of a task; it can be looked at for a while."""
    del executor.terminated[task.task_id]
    del framework.holders[task.task_id]
    executor.completed.append(task.message)
    while len(executor.completed) > context.settings.max_completed_tasks_per_executor:
        executor.completed.popleft()


def remove_if_done(context: Context, framework: Framework, executor: Executor) -> None:
    """Forget an executor that is gone, when all its tasks' statuses are acknowledged."""
    if executor.state is not ExecutorState.TERMINATED:
        return
    if executor.has_incomplete_tasks and not framework.is_terminating:
        return
    remove_executor(context, framework, executor)
    remove_framework_if_idle(context, framework)


def remove_executor(context: Context, framework: Framework, executor: Executor) -> None:
    """Forget an executor, and keep its sandbox for a while."""
    del framework.executors[executor.executor_id]
    for task in executor.tasks():
        del framework.holders[task.task_id]
        executor.completed.append(task.message)
    completed = framework.completed_executors
    completed.append(
        CompletedExecutor(
            executor.info,
            executor.container_id,
            executor.sandbox,
            executor.is_generated,
            list(executor.completed),
        )
    )
    while len(completed) > context.settings.max_completed_executors_per_framework:
        _forget_latest(context, framework, completed.popleft())
    context.note(executor.executor_id, "forgotten")
    if executor.checkpoint:
        context.store([checkpoint.executor_ended(executor.run_path)], lambda: None)
    run_path = executor.run_path
    executor_path = run_path.rpartition("/runs/")[0]
    work_dir = context.settings.work_dir
    context.emit(ScheduleGc(f"{work_dir}/{run_path}"))
    # The directory above holds other runs, if the same executor is launched again.
    context.emit(ScheduleGc(f"{work_dir}/{executor_path}"))
    if executor.checkpoint:
        context.emit(ScheduleGc(f"{work_dir}/{paths.meta(run_path)}"))
        context.emit(ScheduleGc(f"{work_dir}/{paths.meta(executor_path)}"))


def attach_files(context: Context, framework: Framework, executor: Executor) -> None:
    """Let an executor's sandbox be seen in ``/files``."""
    virtual = (executor.sandbox, *_latest_paths(context, executor.key))
    user = action_objects.executor_user(executor.info, framework.info)
    context.emit(AttachFiles(executor.sandbox, virtual, user))


def _latest_paths(context: Context, key: ExecutorKey) -> tuple[str, ...]:
    """How the last run of an executor is called, whichever it is."""
    latest = paths.latest_run(context.state.agent_id, *key)
    return f"{context.settings.work_dir}/{latest}", paths.virtual_run(*key)


def _forget_latest(context: Context, framework: Framework, forgotten: CompletedExecutor) -> None:
    """Nobody is told of an executor any more; its last run can be found by its own path only."""
    executor_id = forgotten.info.executor_id
    later = [one.info.executor_id for one in framework.completed_executors]
    if executor_id.value not in framework.executors and executor_id not in later:
        key = ExecutorKey(framework.framework_id, executor_id.value)
        context.emit(DetachFiles(_latest_paths(context, key)))


def keep_directories(context: Context, framework_id: str, executor_id: str) -> None:
    """An executor is launched, perhaps not for the first time: its directories are in use."""
    agent_id, work_dir = context.state.agent_id, context.settings.work_dir
    framework_path = paths.framework(agent_id, framework_id)
    executor_path = paths.executor(agent_id, framework_id, executor_id)
    for path in (framework_path, executor_path):
        context.emit(UnscheduleGc(f"{work_dir}/{path}"))
        context.emit(UnscheduleGc(f"{work_dir}/{paths.meta(path)}"))


def remove_framework_if_idle(context: Context, framework: Framework) -> None:
    """Forget a framework that has no executor here any more."""
    state, framework_id = context.state, framework.framework_id
    if framework.executors or framework_id not in state.frameworks:
        return
    del state.frameworks[framework_id]
    if framework.completed_executors:
        _remember(context, framework)
        path = paths.framework(state.agent_id, framework_id)
        context.emit(ScheduleGc(f"{context.settings.work_dir}/{path}"))
        if framework.info.checkpoint:
            context.emit(ScheduleGc(f"{context.settings.work_dir}/{paths.meta(path)}"))
    end_if_idle(context)


def _remember(context: Context, framework: Framework) -> None:
    completed = context.state.completed_frameworks
    completed[framework.framework_id] = framework
    while len(completed) > context.settings.max_completed_frameworks:
        forgotten = completed.pop(next(iter(completed)))
        while forgotten.completed_executors:
            _forget_latest(context, forgotten, forgotten.completed_executors.popleft())


def end_draining_if_done(context: Context) -> None:
    """Nothing is left to be done or told on a draining agent: it is drained.

    Executors without tasks may still be there (in Mesos not): the master does not count them
    either, and an agent that is in use again must not refuse the first tasks.
    """
    state = context.state
    if state.drain_config is None or state.operations:
        return
    for framework in state.frameworks.values():
        if any(executor.has_incomplete_tasks for executor in framework.executors.values()):
            return
    state.drain_config = None
    state.drain_start_ns = 0
    context.note("agent", "drained")
    context.store([checkpoint.drain_config(state.agent_id, None)], lambda: None)


def end_if_idle(context: Context) -> None:
    """Nothing runs any more: a drained agent is drained, and one that is to end does."""
    state = context.state
    end_draining_if_done(context)
    if state.frameworks:
        return
    if state.phase is Phase.TERMINATING:
        _stop(context, "All executors have ended")
    elif state.is_cleaning_up and state.phase is not Phase.RECOVERING:
        _stop(context, "All executors of an earlier agent have ended")


def _stop(context: Context, why: str) -> None:
    # One that starts after this is a new agent.
    forget = checkpoint.RemoveFile(paths.LATEST_AGENT)
    context.store([forget], lambda: context.emit(Stop(why, is_regular=True)))


def framework_of(context: Context, info: mesos_pb2.FrameworkInfo) -> Framework:
    """The framework that ``info`` is of, which is made when it is not there."""
    state = context.state
    known = state.frameworks.get(info.id.value)
    if known is not None:
        return known
    kept = mesos_pb2.FrameworkInfo()
    kept.CopyFrom(info)
    framework = Framework(kept)
    before = state.completed_frameworks.pop(info.id.value, None)
    if before is not None:
        framework.completed_executors = before.completed_executors
    state.frameworks[info.id.value] = framework
    return framework
