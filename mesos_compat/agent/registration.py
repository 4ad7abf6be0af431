"""The link to the master: opened, registered on, watched, opened again.

Source: ``Slave::detected``, ``doReliableRegistration``, ``registered``, ``ping``. An agent
that has heard of a master waits a random part of ``--registration_backoff_factor`` before
it subscribes, and longer each time that fails, so that not all agents come at once.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.agent import (
    checkpoint,
    executors,
    link_calls,
    operations,
    removal,
    status_updates,
    tasks,
)
from mesos_compat.agent.actions import CloseLink, OpenLink, Stop
from mesos_compat.agent.context import Context
from mesos_compat.agent.events import Link
from mesos_compat.agent.state import Phase
from mesos_compat.agent.timers import Timer, TimerKind
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_SUBSCRIBE: Final = Timer(TimerKind.LINK)
_PING: Final = Timer(TimerKind.PING)
#: How long a master may take to answer a SUBSCRIBE; what it takes to be pinged by default.
_ANSWER_MS: Final = 75_000


def master_detected(context: Context, master: mesos_pb2.MasterInfo) -> None:
    """This master leads now, in place of whoever did."""
    _drop_link(context)
    context.state.master = master
    begin(context)


def master_lost(context: Context) -> None:
    """No master leads; the agent waits for one."""
    _drop_link(context)
    context.state.master = None
    context.timers.cancel(_SUBSCRIBE)


def begin(context: Context) -> None:
    """Subscribe soon, if there is a master and the agent may."""
    state = context.state
    if state.master is None or state.phase is Phase.RECOVERING or state.is_cleaning_up:
        return
    state.backoff_ms = context.settings.registration_backoff_factor_ms
    _wait(context)


def _wait(context: Context) -> None:
    context.set_timer(_SUBSCRIBE, context.below(context.state.backoff_ms + 1))


def _drop_link(context: Context) -> None:
    state = context.state
    if state.link is not None:
        context.emit(CloseLink(state.link))
        _forget_link(context)


def _forget_link(context: Context) -> None:
    state = context.state
    state.link = None
    if state.phase is Phase.RUNNING:
        state.phase = Phase.DISCONNECTED
        context.note("agent", "disconnected")
    context.timers.cancel(_PING)


def subscribe(context: Context) -> None:
    """The timer LINK is due."""
    state = context.state
    if state.master is None or state.link is not None:
        return
    state.link = Link(state.next_link)
    state.next_link += 1
    state.backoff_ms = min(state.backoff_ms * 2, context.settings.registration_backoff_max_ms)
    state.deferred.clear()
    call = link_calls.subscribe(state, context.settings)
    context.emit(OpenLink(state.link, state.master, call))
    context.set_timer(_PING, _ANSWER_MS)


def link_lost(context: Context, link: Link, why: str) -> None:
    """The link could not be opened, or is over: try again."""
    state = context.state
    if link != state.link:
        return
    context.note("agent", f"link lost: {why}")
    was_registered = state.phase is Phase.RUNNING
    _forget_link(context)
    if was_registered:
        begin(context)
    elif state.master is not None:
        _wait(context)


def ping_is_late(context: Context) -> None:
    """The timer PING is due: the master is not there, or believes that we are not."""
    if context.state.link is None:
        return
    context.note("agent", "no ping from the master")
    _drop_link(context)
    begin(context)


def ping(context: Context, call: link_pb2.Event.Ping) -> None:
    """PING: answered; a master that does not know us is subscribed with again."""
    state = context.state
    if state.phase not in (Phase.RUNNING, Phase.TERMINATING):
        return
    context.set_timer(_PING, state.ping_timeout_ms)
    context.tell_master(link_calls.pong())
    if not call.connected and state.phase is Phase.RUNNING:
        _drop_link(context)
        begin(context)


def registered(context: Context, call: link_pb2.Event.Registered) -> None:
    """REGISTERED or REREGISTERED: tell the master what it has missed."""
    state, agent_id = context.state, call.agent_id.value
    if state.agent_id and state.agent_id != agent_id:
        # Source: Slave::registered.
        why = f"Registered but got wrong id: {agent_id} (expected: {state.agent_id})"
        context.emit(Stop(why))
        return
    if not state.agent_id:
        state.info.id.value = agent_id
        # Records of tasks come behind this one, so that none is there without its agent.
        context.store(checkpoint.agent_info(state.info), lambda: None)
    if state.phase is Phase.DISCONNECTED:
        state.phase = Phase.RUNNING
    state.master_hostname = call.master_hostname if call.HasField("master_hostname") else None
    state.ping_timeout_ms = round(call.ping_timeout_seconds * 1000)
    state.backoff_ms = context.settings.registration_backoff_factor_ms
    context.set_timer(_PING, state.ping_timeout_ms)
    context.note("agent", f"registered as {agent_id}")
    deferred, state.deferred = state.deferred, []
    for told in deferred:
        context.tell_master(told)
    status_updates.resume(context)
    operations.resume(context)
    for one in call.reconciliations:
        _reconcile(context, one)


def _reconcile(context: Context, call: link_pb2.Event.Reconciliation) -> None:
    """The master believes a task to be here."""
    framework_id, task_id = call.framework_id.value, call.task_id.value
    framework = context.state.frameworks.get(framework_id)
    if framework is not None and framework.find(task_id) is not None:
        return
    info = call.framework if call.HasField("framework") else _info_of(context, framework_id)
    reason = mesos_pb2.TaskStatus.REASON_RECONCILIATION
    tasks.drop(context, info, [task_id], "Reconciliation: task unknown to the agent", reason)


def _info_of(context: Context, framework_id: str) -> mesos_pb2.FrameworkInfo:
    """As much as is known of a framework; one that is not is told TASK_LOST, which all know."""
    state = context.state
    framework = state.frameworks.get(framework_id) or state.completed_frameworks.get(framework_id)
    if framework is not None:
        return framework.info
    return mesos_pb2.FrameworkInfo(user="", name="", id=mesos_pb2.FrameworkID(value=framework_id))


def shut_down(context: Context, why: str) -> None:
    """SHUTDOWN: end all executors, then the agent."""
    state = context.state
    state.phase = Phase.TERMINATING
    context.note("agent", f"shutting down: {why}")
    for framework_id in list(state.frameworks):
        executors.shut_down_framework(context, framework_id)
    removal.end_if_idle(context)


def unregister(context: Context, why: str) -> None:
    """Somebody wants the agent gone for good: the master is told."""
    context.tell_master(link_calls.unregister())
    shut_down(context, why)
