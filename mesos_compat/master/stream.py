"""The operator's event stream. Source: ``Master::Subscribers``.

A subscriber gets the whole state first, and then each change of what it may see.
"""

from __future__ import annotations

from collections.abc import Callable

from mesos_compat.master import shown
from mesos_compat.master.actions import CloseOperator, SendToOperator
from mesos_compat.master.context import Context
from mesos_compat.master.events import Route
from mesos_compat.master.shown import Viewer
from mesos_compat.master.state import Agent, Framework, Subscriber, Task
from mesos_compat.master.timers import Timer, TimerKind
from mesos_compat.wire.v1 import master_pb2, mesos_pb2

_Event = master_pb2.Event


def subscribe(context: Context, route: Route, principal: str | None) -> None:
    """SUBSCRIBED with the state, and a HEARTBEAT at once; the oldest of too many is closed."""
    state, settings = context.state, context.settings
    while len(state.subscribers) >= settings.max_operator_event_stream_subscribers > 0:
        oldest = next(iter(state.subscribers))
        lost(context, oldest)
        context.emit(CloseOperator(oldest))
    state.subscribers[route] = Subscriber(route, principal)
    event = _Event(type=_Event.SUBSCRIBED)
    viewer = Viewer(context.authorizer, principal)
    event.subscribed.get_state.CopyFrom(shown.get_state(state, viewer))
    event.subscribed.heartbeat_interval_seconds = settings.heartbeat_interval_ms / 1000
    context.emit(SendToOperator(route, event))
    heartbeat(context, str(route))


def lost(context: Context, route: Route) -> None:
    """The stream is over."""
    if context.state.subscribers.pop(route, None) is not None:
        context.timers.cancel(Timer(TimerKind.OPERATOR_HEARTBEAT, str(route)))


def heartbeat(context: Context, key: str) -> None:
    """The timer OPERATOR_HEARTBEAT is due."""
    context.emit(SendToOperator(Route(int(key)), _Event(type=_Event.HEARTBEAT)))
    context.timers.set(
        Timer(TimerKind.OPERATOR_HEARTBEAT, key),
        context.now.mono_ms + context.settings.heartbeat_interval_ms,
    )


def _publish(context: Context, make: Callable[[Viewer], master_pb2.Event | None]) -> None:
    """Send each subscriber what ``make`` gives for what it may see."""
    for subscriber in context.state.subscribers.values():
        event = make(Viewer(context.authorizer, subscriber.principal))
        if event is not None:
            context.emit(SendToOperator(subscriber.route, event))


def task_added(context: Context, task: Task, info: mesos_pb2.FrameworkInfo) -> None:
    """TASK_ADDED."""

    def make(viewer: Viewer) -> master_pb2.Event | None:
        if not viewer.sees_task(task.message, info):
            return None
        event = _Event(type=_Event.TASK_ADDED)
        event.task_added.task.CopyFrom(task.message)
        return event

    _publish(context, make)


def task_updated(
    context: Context, task: Task, info: mesos_pb2.FrameworkInfo, status: mesos_pb2.TaskStatus
) -> None:
    """TASK_UPDATED."""

    def make(viewer: Viewer) -> master_pb2.Event | None:
        if not viewer.sees_task(task.message, info):
            return None
        event = _Event(type=_Event.TASK_UPDATED)
        event.task_updated.framework_id.CopyFrom(task.message.framework_id)
        event.task_updated.status.CopyFrom(status)
        event.task_updated.state = task.message.state
        return event

    _publish(context, make)


def agent_added(context: Context, agent: Agent) -> None:
    """AGENT_ADDED."""

    def make(viewer: Viewer) -> master_pb2.Event:
        event = _Event(type=_Event.AGENT_ADDED)
        event.agent_added.agent.CopyFrom(shown.agent(agent, viewer))
        return event

    _publish(context, make)


def agent_removed(context: Context, agent_id: str) -> None:
    """AGENT_REMOVED."""

    def make(_viewer: Viewer) -> master_pb2.Event:
        event = _Event(type=_Event.AGENT_REMOVED)
        event.agent_removed.agent_id.value = agent_id
        return event

    _publish(context, make)


def _shown(context: Context, framework: Framework) -> master_pb2.Response.GetFrameworks.Framework:
    made = shown.framework(framework, context.state)
    # In events Mesos writes the one although it is nothing, and leaves out the other.
    made.unregistered_time.nanoseconds = framework.unregistered_ns
    made.ClearField("offer_constraints")
    return made


def framework_added(context: Context, framework: Framework) -> None:
    """FRAMEWORK_ADDED."""

    def make(viewer: Viewer) -> master_pb2.Event | None:
        if not viewer.sees_framework(framework.info):
            return None
        event = _Event(type=_Event.FRAMEWORK_ADDED)
        event.framework_added.framework.CopyFrom(_shown(context, framework))
        return event

    _publish(context, make)


def framework_updated(context: Context, framework: Framework) -> None:
    """FRAMEWORK_UPDATED."""

    def make(viewer: Viewer) -> master_pb2.Event | None:
        if not viewer.sees_framework(framework.info):
            return None
        event = _Event(type=_Event.FRAMEWORK_UPDATED)
        event.framework_updated.framework.CopyFrom(_shown(context, framework))
        return event

    _publish(context, make)


def framework_removed(context: Context, info: mesos_pb2.FrameworkInfo) -> None:
    """FRAMEWORK_REMOVED."""

    def make(viewer: Viewer) -> master_pb2.Event | None:
        if not viewer.sees_framework(info):
            return None
        event = _Event(type=_Event.FRAMEWORK_REMOVED)
        event.framework_removed.framework_info.CopyFrom(info)
        return event

    _publish(context, make)
