"""An agent that starts: what an earlier one has left, taken over or brought to an end.

Source: ``Slave::recover``, ``_recoverContainerizer``, ``reregisterExecutorTimeout``, ``__recover``.

1. What is checkpointed is read. The agent must be what it was, as ``--reconfiguration_policy``
   demands, else it does not start; after a reboot of the host it starts as a new one.
2. The containers of its executors are found again, all others are destroyed.
3. Executors come back within ``--executor_reregistration_timeout``; those that do not are
   destroyed. With ``--recover=cleanup`` all are asked to end.
4. Only then the agent subscribes with a master, with all that runs.
"""

from __future__ import annotations

from mesos_compat.agent import (
    checkpoint,
    executor_infos,
    executors,
    nested,
    operations,
    paths,
    registration,
    removal,
    status_updates,
    tasks,
)
from mesos_compat.agent.actions import RecoverContainers, ScheduleGc, Stop
from mesos_compat.agent.context import Context
from mesos_compat.agent.events import ContainersRecovered, Recovered
from mesos_compat.agent.recovered import (
    RecoveredExecutor,
    RecoveredFramework,
    RecoveredState,
    RecoveredTask,
)
from mesos_compat.agent.state import (
    TERMINAL_STATES,
    CompletedExecutor,
    Executor,
    ExecutorState,
    Framework,
    PendingTermination,
    Phase,
    Task,
    TaskKey,
)
from mesos_compat.agent.timers import Timer, TimerKind
from mesos_compat.resources import ResourceError, Resources
from mesos_compat.resources.convert import apply_checkpointed
from mesos_compat.wire.text import format_duration
from mesos_compat.wire.v1 import mesos_pb2

_NS_PER_MS = 1_000_000
_LATE = Timer(TimerKind.EXECUTOR_REREGISTRATION)
_LINE = "-" * 60


def recover(context: Context, event: Recovered) -> None:
    """Take over what was found on the disk."""
    state, found = context.state, event.state
    state.started_ns = context.now.wall_ns
    state.boot_id = event.boot_id
    context.metrics.count("recovery_errors", len(found.errors))
    fault = _fault(context, found)
    if fault is not None:
        context.emit(Stop(f"Failed to perform recovery: {fault}"))
        return
    work_dir = context.settings.work_dir
    for agent_id in found.older_agents:
        context.emit(ScheduleGc(f"{work_dir}/{paths.agent(agent_id)}"))
        context.emit(ScheduleGc(f"{work_dir}/{paths.meta(paths.agent(agent_id))}"))
    rebooted = found.boot_id is not None and found.boot_id != event.boot_id
    if found.info is not None and not _recover_agent(context, found, found.info, rebooted=rebooted):
        return
    known = tuple((one,) for one in state.executors_by_container)
    context.store(
        [*found.repairs, checkpoint.boot_id(event.boot_id)],
        lambda: context.emit(RecoverContainers(known)),
    )


def _fault(context: Context, found: RecoveredState) -> str | None:
    """Why this agent must not start; None when it may. Takes over resources."""
    state = context.state
    if found.errors and context.settings.strict:
        return "; ".join(found.errors)
    if found.resources is not None:
        try:
            marked = operations.marked(found.resources)
            state.total = apply_checkpointed(state.flag_total, marked)
        except ResourceError as error:
            return str(error)
    return None


def _recover_agent(
    context: Context, found: RecoveredState, info: mesos_pb2.AgentInfo, *, rebooted: bool
) -> bool:
    """Take over the last agent and what ran on it; False when this one must not start."""
    state = context.state
    agent_path = paths.agent(info.id.value)
    difference = incompatibility(info, state.info, context.settings.reconfiguration_policy)
    if difference is not None and not rebooted:
        latest = f"{context.settings.work_dir}/{paths.LATEST_AGENT}"
        context.emit(Stop(_incompatible_text(info, state.info, difference, latest)))
        return False
    if difference is not None:
        # Nothing of it runs any more; this is a new agent.
        context.emit(ScheduleGc(f"{context.settings.work_dir}/{agent_path}"))
        context.emit(ScheduleGc(f"{context.settings.work_dir}/{paths.meta(agent_path)}"))
        # Also when it is started once more before a master has made it one.
        found.repairs.append(checkpoint.RemoveFile(paths.LATEST_AGENT))
        return True
    state.info.id.CopyFrom(info.id)
    if found.resources is not None:
        operations.recover(context, found.resources)
    for framework in found.frameworks:
        if rebooted:
            found.repairs.extend(_ended_by_reboot(context, framework))
            _forget_framework(context, framework)
        else:
            _recover_framework(context, framework)
    state.drain_config = found.drain_config
    if found.drain_config is not None:
        state.drain_start_ns = context.now.wall_ns
        removal.end_if_idle(context)
    return True


def incompatibility(old: mesos_pb2.AgentInfo, new: mesos_pb2.AgentInfo, policy: str) -> str | None:
    """What of an agent has changed that must not; None when it is what it was.

    Source: ``slave/compatibility.cpp``: with "additive" there may be more than before.
    """
    for member in ("hostname", "port", "domain"):
        if getattr(old, member) != getattr(new, member):
            return member
    if policy == "equal":
        if Resources(old.resources) != Resources(new.resources):
            return "resources"
        if _attributes(old) != _attributes(new):
            return "attributes"
        return None
    if not Resources(new.resources).contains(Resources(old.resources)):
        return "resources"
    known = _attributes(new)
    return None if all(one in known for one in _attributes(old)) else "attributes"


def _attributes(info: mesos_pb2.AgentInfo) -> list[bytes]:
    return sorted(one.SerializeToString(deterministic=True) for one in info.attributes)


def _incompatible_text(
    old: mesos_pb2.AgentInfo, new: mesos_pb2.AgentInfo, member: str, latest: str
) -> str:
    return (
        f"Failed to perform recovery: Incompatible agent info detected ({member}).\n{_LINE}\n"
        f"Old agent info:\n{old}\n{_LINE}\nNew agent info:\n{new}\n{_LINE}\n"
        f"To remedy this do as follows:\nStep 1: rm -f {latest}\n"
        "        This ensures agent doesn't recover old live executors.\n"
        "Step 2: Restart the agent."
    )


def _forget_framework(context: Context, found: RecoveredFramework) -> None:
    """The host was rebooted: nothing runs, and the master finds out by itself."""
    path = paths.framework(context.state.agent_id, found.info.id.value)
    context.emit(ScheduleGc(f"{context.settings.work_dir}/{path}"))
    context.emit(ScheduleGc(f"{context.settings.work_dir}/{paths.meta(path)}"))


def _ended_by_reboot(context: Context, framework: RecoveredFramework) -> list[checkpoint.Record]:
    """Marks of what is over, so that the agent does not take it for alive at its next start.

    That start is in the same boot, and the directories are still there.
    """
    agent_id, framework_id = context.state.agent_id, framework.info.id.value
    return [
        checkpoint.executor_ended(
            paths.run(agent_id, framework_id, one.info.executor_id.value, one.container_id)
        )
        for one in framework.executors
        if one.container_id is not None and not one.is_completed
    ]


def _recover_framework(context: Context, found: RecoveredFramework) -> None:
    framework = Framework(found.info)
    context.state.frameworks[framework.framework_id] = framework
    for executor in found.executors:
        _recover_executor(context, framework, executor)
    removal.remove_framework_if_idle(context, framework)


def _recover_executor(context: Context, framework: Framework, found: RecoveredExecutor) -> None:
    state, work_dir = context.state, context.settings.work_dir
    executor_id = found.info.executor_id.value
    key = (state.agent_id, framework.framework_id, executor_id)
    gone = list(found.older_runs)
    if found.container_id is not None and found.is_completed:
        gone.append(found.container_id)
    for container_id in gone:
        path = paths.run(*key, container_id)
        context.emit(ScheduleGc(f"{work_dir}/{path}"))
        context.emit(ScheduleGc(f"{work_dir}/{paths.meta(path)}"))
    if found.container_id is None:
        return
    run_path = paths.run(*key, found.container_id)
    sandbox = f"{work_dir}/{run_path}"
    if found.is_completed:
        framework.completed_executors.append(
            CompletedExecutor(found.info, found.container_id, sandbox, found.is_generated, [])
        )
        return
    executor = Executor(
        framework.framework_id,
        found.info,
        found.container_id,
        sandbox,
        run_path,
        is_generated=found.is_generated,
        checkpoint=True,
        user=executor_infos.user_of(context.settings, framework.info, found.info),
        has_container=True,
    )
    framework.executors[executor_id] = executor
    state.executors_by_container[found.container_id] = executor
    removal.attach_files(context, framework, executor)
    for task in found.tasks:
        _recover_task(context, framework, executor, task)


def _recover_task(
    context: Context, framework: Framework, executor: Executor, found: RecoveredTask
) -> None:
    task = Task(found.message, Resources(found.message.resources))
    executor.launched[task.task_id] = task
    framework.holders[task.task_id] = executor
    is_acknowledged = False
    for update in found.updates:
        if task.is_terminal:
            break
        tasks.apply(context, executor, task, update.status)
        if update.status.source == mesos_pb2.TaskStatus.SOURCE_EXECUTOR:
            executor.was_used = True
        is_acknowledged = update.status.uuid in found.acknowledged
        if is_acknowledged:
            task.message.status_update_state = update.status.state
            task.message.status_update_uuid = update.status.uuid
    if task.message.state in TERMINAL_STATES and is_acknowledged:
        removal.complete_task(context, framework, executor, task)
        return
    key = TaskKey(framework.framework_id, task.task_id)
    status_updates.recover(context, key, executor.run_path, found.updates, found.acknowledged)


def containers_recovered(context: Context, event: ContainersRecovered) -> None:
    """Containers are found: their executors may come back."""
    state = context.state
    state.is_reconnecting = True
    for found in event.containers:
        executor = state.executors_by_container.get(found.container_id[0])
        if executor is None:
            continue
        if len(found.container_id) == 1:
            executor.pid = found.pid
        else:
            sandbox = executor.sandbox
            for part in found.container_id[1:]:
                sandbox = paths.nested_sandbox(sandbox, part)
            nested.recovered(context, found.container_id, sandbox, found.pid)
    if state.executors_by_container:
        late_ms = context.settings.executor_reregistration_timeout_ms
        context.set_timer(_LATE, late_ms)
    else:
        finish(context)


def finish_if_all_back(context: Context) -> None:
    """An executor has come back, or is gone: perhaps there is nothing left to wait for."""
    state = context.state
    if state.phase is not Phase.RECOVERING or not state.is_reconnecting:
        return
    if not any(_is_awaited(one) for one in state.executors_by_container.values()):
        finish(context)


def _is_awaited(executor: Executor) -> bool:
    return executor.state is ExecutorState.REGISTERING


def finish(context: Context) -> None:
    """Recovery is over; also the timer EXECUTOR_REREGISTRATION."""
    state, settings = context.state, context.settings
    context.timers.cancel(_LATE)
    late = format_duration(settings.executor_reregistration_timeout_ms * _NS_PER_MS)
    why = PendingTermination(
        mesos_pb2.TaskStatus.REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
        f"Executor did not reregister within {late}",
        mesos_pb2.TASK_GONE,
    )
    for executor in list(state.executors_by_container.values()):
        if _is_awaited(executor):
            executors.destroy(context, executor, why)
    state.phase = Phase.DISCONNECTED
    started_ns = context.now.wall_ns if state.started_ns is None else state.started_ns
    state.recovery_ms = (context.now.wall_ns - started_ns) // _NS_PER_MS
    context.note("agent", "recovered")
    if settings.recover == "cleanup":
        state.is_cleaning_up = True
        # No master will be told, and none acknowledges.
        for framework_id in list(state.frameworks):
            executors.shut_down_framework(context, framework_id)
        removal.end_if_idle(context)
    else:
        registration.begin(context)
