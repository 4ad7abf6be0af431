"""Executors: launched, subscribed, asked to end, gone.

Source: ``Slave::launchExecutor``, ``subscribe``, ``_shutdownExecutor``, ``executorTerminated`` and
the timeouts beside them. An executor ends in one way only: its container has exited, or could not
be launched. Whoever wants it gone says why in ``pending_termination`` and has the container
destroyed; what its tasks are told follows from that.
"""

from __future__ import annotations

from mesos_compat.agent import (
    checkpoint,
    environment,
    executor_events,
    executor_infos,
    link_calls,
    paths,
    removal,
    status_updates,
    tasks,
)
from mesos_compat.agent.actions import (
    CloseExecutor,
    DestroyContainer,
    LaunchContainer,
    OpenExecutor,
    SendToExecutor,
)
from mesos_compat.agent.context import Context
from mesos_compat.agent.events import Route
from mesos_compat.agent.state import (
    Executor,
    ExecutorState,
    Framework,
    PendingTermination,
)
from mesos_compat.agent.timers import Timer, TimerKind
from mesos_compat.containers.spec import Termination
from mesos_compat.errors import invariant
from mesos_compat.wire.text import format_duration
from mesos_compat.wire.v1 import mesos_pb2

_Status = mesos_pb2.TaskStatus
_NS_PER_MS = 1_000_000
_LIMITATIONS = {
    "memory": _Status.REASON_CONTAINER_LIMITATION_MEMORY,
    "disk": _Status.REASON_CONTAINER_LIMITATION_DISK,
}


def _timer(kind: TimerKind, executor: Executor) -> Timer:
    return Timer(kind, (executor.container_id,))


def framework_of(context: Context, executor: Executor) -> Framework:
    """The framework of an executor that is not forgotten."""
    return context.state.frameworks[executor.framework_id]


# Launching.


def add(
    context: Context,
    framework: Framework,
    info: mesos_pb2.ExecutorInfo,
    *,
    is_generated: bool,
) -> Executor:
    """An executor that is to be launched, in a sandbox of its own."""
    state, settings = context.state, context.settings
    container_id = context.new_uuid_text()
    run_path = paths.run(
        state.agent_id, framework.framework_id, info.executor_id.value, container_id
    )
    executor = Executor(
        framework.framework_id,
        info,
        container_id,
        sandbox=f"{settings.work_dir}/{run_path}",
        run_path=run_path,
        is_generated=is_generated,
        checkpoint=framework.info.checkpoint,
        user=executor_infos.user_of(settings, framework.info, info),
    )
    framework.executors[executor.executor_id] = executor
    state.executors_by_container[container_id] = executor
    context.note(executor.executor_id, f"to be launched as container {container_id}")
    removal.keep_directories(context, framework.framework_id, executor.executor_id)
    return executor


def launch(context: Context, executor: Executor) -> None:
    """Start the container of an executor whose records are durable.

    If all its tasks were killed meanwhile it is not wanted any more.
    """
    if executor.state is not ExecutorState.REGISTERING:
        return
    if not executor.queued:
        ended(context, executor, None)
        return
    executor.has_container = True
    executor.contained = executor.allocated
    executor.contained_limits = tasks.limits_of(executor)
    spec = executor_infos.container_spec(context.settings, context.state.agent_id, executor)
    link, _, container_id = executor.run_path.rpartition("/")
    context.store([checkpoint.WriteLink(f"{link}/{paths.LATEST}", container_id)], lambda: None)
    context.emit(LaunchContainer(spec))
    removal.attach_files(context, framework_of(context, executor), executor)
    context.set_timer(
        _timer(TimerKind.EXECUTOR_REGISTRATION, executor),
        context.settings.executor_registration_timeout_ms,
    )


def launched(context: Context, executor: Executor, pid: int) -> None:
    """The container's command runs."""
    executor.pid = pid
    context.note(executor.executor_id, f"runs as process {pid}")


def launch_failed(context: Context, executor: Executor, why: str) -> None:
    """The container could not be started."""
    context.metrics.count("container_launch_errors")
    if executor.pending_termination is None and executor.state is ExecutorState.REGISTERING:
        executor.pending_termination = PendingTermination(
            _Status.REASON_CONTAINER_LAUNCH_FAILED, f"Failed to launch container: {why}"
        )
    ended(context, executor, None)


# Its stream.


def connect(context: Context, executor: Executor, route: Route) -> None:
    """Open the stream of an executor that may run, in place of one that it may have had."""
    state, framework = context.state, framework_of(context, executor)
    disconnect(context, executor)
    executor.route = route
    state.executor_routes[route] = executor
    executor.state = ExecutorState.RUNNING
    context.timers.cancel(_timer(TimerKind.EXECUTOR_REGISTRATION, executor))
    context.set_timer(
        _timer(TimerKind.EXECUTOR_HEARTBEAT, executor),
        context.settings.executor_heartbeat_interval_ms,
    )
    context.note(executor.executor_id, "subscribed")
    context.emit(OpenExecutor(route))
    event = executor_events.subscribed(
        executor.info, framework.info, state.info, executor.container_id
    )
    context.emit(SendToExecutor(route, event))


def disconnect(context: Context, executor: Executor) -> None:
    """End the stream of an executor, if it has one."""
    if executor.route is not None:
        context.emit(CloseExecutor(executor.route))
        lost(context, executor.route)


def lost(context: Context, route: Route) -> None:
    """A stream has ended; the executor may come back."""
    executor = context.state.executor_routes.pop(route, None)
    if executor is not None and executor.route == route:
        executor.route = None
        context.timers.cancel(_timer(TimerKind.EXECUTOR_HEARTBEAT, executor))


def heartbeat(context: Context, executor: Executor) -> None:
    """The timer EXECUTOR_HEARTBEAT is due."""
    if executor.route is not None:
        context.emit(SendToExecutor(executor.route, executor_events.heartbeat()))
        context.set_timer(
            _timer(TimerKind.EXECUTOR_HEARTBEAT, executor),
            context.settings.executor_heartbeat_interval_ms,
        )


def turn_away(context: Context, route: Route) -> None:
    """An executor that is to end wants to subscribe: it hears just that."""
    context.emit(OpenExecutor(route))
    context.emit(SendToExecutor(route, executor_events.shutdown()))
    context.emit(CloseExecutor(route))


# Its end.


def shut_down(context: Context, executor: Executor) -> None:
    """Ask an executor to end; its container is destroyed if it does not in time."""
    if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return
    executor.state = ExecutorState.TERMINATING
    context.note(executor.executor_id, "to be shut down")
    if not executor.has_container:
        ended(context, executor, None)
        return
    context.timers.cancel(_timer(TimerKind.EXECUTOR_REGISTRATION, executor))
    if executor.route is not None:
        context.emit(SendToExecutor(executor.route, executor_events.shutdown()))
    context.set_timer(
        _timer(TimerKind.EXECUTOR_SHUTDOWN, executor),
        environment.shutdown_grace_period_ms(context.settings, executor),
    )


def shut_down_framework(context: Context, framework_id: str) -> None:
    """SHUTDOWN_FRAMEWORK: it is over; nothing of it is told any more.

    Not either of tasks that were refused, of which the agent knows nothing but that.
    """
    status_updates.forget_framework(context, framework_id)
    framework = context.state.frameworks.get(framework_id)
    if framework is None or framework.is_terminating:
        return
    framework.is_terminating = True
    for executor in list(framework.executors.values()):
        if executor.state is ExecutorState.TERMINATED:
            removal.remove_executor(context, framework, executor)
        else:
            shut_down(context, executor)
    removal.remove_framework_if_idle(context, framework)


def destroy(context: Context, executor: Executor, why: PendingTermination | None) -> None:
    """Have the container destroyed; the first reason is the one that tasks are told."""
    if executor.state is ExecutorState.TERMINATED:
        return
    if why is not None and executor.pending_termination is None:
        executor.pending_termination = why
    executor.state = ExecutorState.TERMINATING
    context.timers.cancel(_timer(TimerKind.EXECUTOR_REGISTRATION, executor))
    context.emit(DestroyContainer((executor.container_id,)))


def registration_is_late(context: Context, executor: Executor) -> None:
    """The timer EXECUTOR_REGISTRATION is due."""
    late = format_duration(context.settings.executor_registration_timeout_ms * _NS_PER_MS)
    why = PendingTermination(
        _Status.REASON_EXECUTOR_REGISTRATION_TIMEOUT, f"Executor did not register within {late}"
    )
    if executor.state is ExecutorState.REGISTERING:
        destroy(context, executor, why)


def shutdown_is_late(context: Context, executor: Executor) -> None:
    """The timer EXECUTOR_SHUTDOWN is due."""
    destroy(context, executor, None)


def update_failed(context: Context, executor: Executor, why: str) -> None:
    """The container cannot have the resources that its tasks need."""
    executor.is_updating = False
    termination = PendingTermination(
        _Status.REASON_CONTAINER_UPDATE_FAILED,
        f"Failed to update resources for container: {why}",
        mesos_pb2.TASK_GONE,
    )
    destroy(context, executor, termination)


def updated(context: Context, executor: Executor) -> None:
    """The container has the resources that were wanted when it was asked for."""
    executor.is_updating = False
    if executor.state is ExecutorState.RUNNING and tasks.fit(context, executor):
        tasks.deliver(context, executor)


def ended(context: Context, executor: Executor, termination: Termination | None) -> None:
    """An executor is gone, or has never been there; its tasks have ended with it.

    The framework hears of the executor first. Source: ``Slave::executorTerminated``.
    """
    framework = framework_of(context, executor)
    invariant(
        executor.state is not ExecutorState.TERMINATED,
        "an executor ends once",
        executor_id=executor.executor_id,
    )
    disconnect(context, executor)
    executor.state = ExecutorState.TERMINATED
    executor.has_container = executor.is_updating = False
    executor.pid = None
    del context.state.executors_by_container[executor.container_id]
    for kind in (TimerKind.EXECUTOR_REGISTRATION, TimerKind.EXECUTOR_SHUTDOWN):
        context.timers.cancel(_timer(kind, executor))
    context.metrics.count("executors_terminated")
    status = None if termination is None else termination.status
    context.note(executor.executor_id, f"has ended, status {status}")
    if not executor.is_generated:
        context.tell_exit(link_calls.exited_executor(executor.key, status))
    if not framework.is_terminating:
        _end_tasks(context, framework, executor, termination)
    removal.remove_if_done(context, framework, executor)


def _end_tasks(
    context: Context, framework: Framework, executor: Executor, termination: Termination | None
) -> None:
    state, reason = mesos_pb2.TASK_FAILED, _Status.REASON_EXECUTOR_TERMINATED
    messages: list[str] = []
    limited: tuple[mesos_pb2.Resource, ...] = ()
    if termination is not None and termination.limitation is not None:
        reason = _LIMITATIONS[termination.limitation]
        limited = termination.limited
    pending = executor.pending_termination
    if pending is not None:
        state, reason = pending.state, pending.reason
        messages.append(pending.message)
    if termination is not None and termination.message:
        messages.append(termination.message)
    message = "; ".join(messages) or "Executor terminated"
    for task in (*executor.launched.values(), *executor.queued.values()):
        tasks.end(context, framework, executor, task, state, message, reason, limited)
