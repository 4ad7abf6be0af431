"""Containers that somebody asks for over the operator API: nested ones, and standalone ones.

Source: ``Http::launchNestedContainer``, ``launchContainer``, ``waitContainer``, ``killContainer``,
``removeContainer`` and ``launchNestedContainerSession`` of Mesos's agent. Default executors run
their tasks so; people look into containers with sessions, which end with their connection.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.agent import nested_calls, paths, permissions
from mesos_compat.agent.actions import (
    Answer,
    DestroyContainer,
    LaunchContainer,
    OpenSession,
    RemoveContainer,
    Reply,
    ScheduleGc,
    SignalContainer,
)
from mesos_compat.agent.context import Context
from mesos_compat.agent.events import ContainerCalled, Route
from mesos_compat.agent.executor_calls import NOT_RECOVERED_TEXT
from mesos_compat.agent.nested_calls import Purpose, Wanted
from mesos_compat.agent.state import Container, Executor, Phase
from mesos_compat.containers.spec import (
    ContainerId,
    ContainerKind,
    ContainerSpec,
    Termination,
    container_id_text,
)

_SIGKILL = 9
_FORBIDDEN_TEXT = "403 Forbidden."


def called(context: Context, event: ContainerCalled) -> None:
    """A call about a container; answered now or when it is done."""
    if context.state.phase is Phase.RECOVERING:
        context.emit(Reply(event.route, 503, NOT_RECOVERED_TEXT))
        return
    wanted = nested_calls.read(event.call)
    if not permissions.may_handle(context, wanted, event.principal, event.claims):
        context.emit(Reply(event.route, 403, _FORBIDDEN_TEXT))
        return
    if wanted.purpose is Purpose.LAUNCH:
        _launch(context, event.route, wanted)
    elif wanted.purpose is Purpose.WAIT:
        _wait(context, event.route, wanted)
    elif wanted.purpose is Purpose.KILL:
        _kill(context, event.route, wanted)
    else:
        _remove(context, event.route, wanted)


# Launching.


@dataclass(frozen=True, slots=True)
class _Parent:
    """Where a nested container is put."""

    sandbox: str
    executor: Executor | None


def _parent_of(context: Context, container_id: ContainerId) -> _Parent | None:
    above = container_id[:-1]
    executor = context.state.executors_by_container.get(container_id[0])
    if len(above) == 1 and executor is not None and executor.has_container:
        return _Parent(executor.sandbox, executor)
    container = context.state.containers.get(above)
    if container is None or container.termination is not None or container.pid is None:
        return None
    return _Parent(container.sandbox, executor)


def _launch(context: Context, route: Route, wanted: Wanted) -> None:
    container_id = wanted.container_id
    if container_id in context.state.containers:
        context.emit(Reply(route, 202))
        return
    checkpoint = False
    if len(container_id) == 1:
        if container_id[0] in context.state.executors_by_container:
            context.emit(Reply(route, 202))
            return
        sandbox = paths.standalone_sandbox(context.settings.work_dir, container_id[0])
    else:
        parent = _parent_of(context, container_id)
        if parent is None:
            above = container_id_text(container_id[:-1])
            context.emit(Reply(route, 500, f"Parent container {above} does not exist"))
            return
        sandbox = paths.nested_sandbox(parent.sandbox, container_id[-1])
        checkpoint = parent.executor is not None and parent.executor.checkpoint
    context.state.containers[container_id] = Container(
        container_id, sandbox, launcher=route, is_session=wanted.is_session
    )
    context.note(container_id_text(container_id), "to be launched")
    context.emit(LaunchContainer(_spec(context, wanted, sandbox, checkpoint=checkpoint)))


def _spec(context: Context, wanted: Wanted, sandbox: str, *, checkpoint: bool) -> ContainerSpec:
    user = wanted.command.user if wanted.command.HasField("user") else None
    return ContainerSpec(
        container_id=wanted.container_id,
        command=wanted.command,
        sandbox=sandbox,
        # A session has all that its parent has.
        environment={} if wanted.is_session else {"MESOS_SANDBOX": sandbox},
        container=wanted.container,
        resources=wanted.resources,
        limits=wanted.limits,
        user=user if context.settings.switch_user else None,
        checkpoint=checkpoint,
        kind=ContainerKind.DEBUG if wanted.is_session else ContainerKind.DEFAULT,
    )


def launched(context: Context, container: Container, pid: int) -> None:
    """The container's command runs: whoever asked for it hears that."""
    container.pid = pid
    context.note(container_id_text(container.container_id), f"runs as process {pid}")
    route, container.launcher = container.launcher, None
    if container.is_session:
        if route is None:
            # The reader has gone meanwhile.
            context.emit(DestroyContainer(container.container_id))
        else:
            container.reader = route
            context.emit(OpenSession(route, container.container_id))
    elif route is not None:
        context.emit(Reply(route, 200))


def launch_failed(context: Context, container: Container, why: str) -> None:
    """The container could not be started; it may be tried again."""
    del context.state.containers[container.container_id]
    context.note(container_id_text(container.container_id), f"could not be launched: {why}")
    if container.launcher is not None:
        context.emit(Reply(container.launcher, 500, why))
    _tell_missing(context, container)


def caller_lost(context: Context, route: Route) -> None:
    """Whoever waited for a container has gone; a session ends with its reader."""
    for container in context.state.containers.values():
        container.waiters.pop(route, None)
        if container.launcher == route:
            container.launcher = None
        if container.reader == route:
            container.reader = None
            if container.termination is None:
                context.emit(DestroyContainer(container.container_id))


# Its end.


def exited(context: Context, container: Container, termination: Termination) -> None:
    """The container is gone; how it ended can be asked until it is removed, or its root is."""
    container.termination = termination
    status = termination.status
    context.note(container_id_text(container.container_id), f"has ended, status {status}")
    for route, is_newer in container.waiters.items():
        context.emit(Answer(route, nested_calls.waited(termination, is_newer=is_newer)))
    container.waiters.clear()
    if len(container.container_id) == 1:
        if context.settings.gc_non_executor_container_sandboxes:
            context.emit(ScheduleGc(container.sandbox))
        forget_below(context, container.container_id[0])


def forget_below(context: Context, root: str) -> None:
    """A root container is gone, and with it all that was nested in it."""
    containers = context.state.containers
    for container_id in [one for one in containers if one[0] == root]:
        container = containers.pop(container_id)
        if container.launcher is not None:
            context.emit(Reply(container.launcher, 500, "The container's root has ended"))
        _tell_missing(context, container)


def _tell_missing(context: Context, container: Container) -> None:
    for route in container.waiters:
        context.emit(Reply(route, 404, _missing_text(container.container_id)))


def _missing_text(container_id: ContainerId) -> str:
    return f"Container {container_id_text(container_id)} cannot be found"


def _wait(context: Context, route: Route, wanted: Wanted) -> None:
    container = context.state.containers.get(wanted.container_id)
    if container is None:
        context.emit(Reply(route, 404, _missing_text(wanted.container_id)))
    elif container.termination is not None:
        response = nested_calls.waited(container.termination, is_newer=wanted.is_newer)
        context.emit(Answer(route, response))
    else:
        container.waiters[route] = wanted.is_newer


def _kill(context: Context, route: Route, wanted: Wanted) -> None:
    container_id = wanted.container_id
    container = context.state.containers.get(container_id)
    is_there = container is not None and container.termination is None
    if len(container_id) == 1 and container_id[0] in context.state.executors_by_container:
        is_there = True
    if not is_there:
        text = f"{_missing_text(container_id)} (or is already killed)"
        context.emit(Reply(route, 404, text))
        return
    if container is not None and container.pid is None:
        # There is nothing yet that could be signalled.
        context.emit(DestroyContainer(container_id))
    else:
        number = _SIGKILL if wanted.signal is None else wanted.signal
        context.emit(SignalContainer(container_id, number))
    context.emit(Reply(route, 200))


def _remove(context: Context, route: Route, wanted: Wanted) -> None:
    container = context.state.containers.get(wanted.container_id)
    if container is None:
        context.emit(Reply(route, 404, _missing_text(wanted.container_id)))
    elif container.termination is None:
        context.emit(Reply(route, 500, "Nested container has not terminated yet"))
    else:
        depth = len(wanted.container_id)
        known = context.state.containers
        for other in [one for one in known if one[:depth] == wanted.container_id]:
            del known[other]
        context.emit(RemoveContainer(wanted.container_id))
        context.emit(Reply(route, 200))


def recovered(context: Context, container_id: ContainerId, sandbox: str, pid: int | None) -> None:
    """A nested container of an earlier agent was found; its end is told as any other's."""
    context.state.containers[container_id] = Container(
        container_id, sandbox, launcher=None, pid=pid
    )
