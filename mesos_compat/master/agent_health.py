"""Whether agents are there: pings, and what follows when they are not answered.

Source: ``SlaveObserver``, ``Master::agentReregisterTimeout`` and
``_doRegistryGc``. Agents that are given up wait for their turn if ``--agent_removal_rate_limit``
says so; a PONG that comes meanwhile saves them.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.master import agent_events, agent_removal
from mesos_compat.master.actions import Stop
from mesos_compat.master.context import Context
from mesos_compat.master.registry import Prune, prune
from mesos_compat.master.state import Agent
from mesos_compat.master.timers import Timer, TimerKind
from mesos_compat.wire.text import format_duration

_NS_PER_MS: Final = 1_000_000


def ping(context: Context, agent_id: str) -> None:
    """The timer AGENT_PING is due: PING, and count that the last one was not answered."""
    agent = context.state.agents[agent_id]
    if not agent.has_answered:
        agent.missed_pings += 1
    agent.has_answered = False
    context.timers.set(
        Timer(TimerKind.AGENT_PING, agent_id),
        context.now.mono_ms + context.settings.agent_ping_timeout_ms,
    )
    if agent.missed_pings >= context.settings.max_agent_ping_timeouts:
        doom(context, agent_id, "health check timed out")
    else:
        context.tell_agent(agent, agent_events.ping(connected=True))


def answered(context: Context, agent: Agent) -> None:
    """PONG."""
    agent.missed_pings, agent.has_answered = 0, True
    spare(context, agent.agent_id)


def spare(context: Context, agent_id: str) -> None:
    """The agent is there: do not give it up, if that has not begun."""
    if context.state.doomed_agents.pop(agent_id, None) is not None:
        context.metrics.count("slave_unreachable_canceled")
        context.metrics.count("slave_shutdowns_canceled")


def disconnected_for_long(context: Context, agent_id: str) -> None:
    """The timer AGENT_REREGISTER is due."""
    doom(context, agent_id, f"{_late(context)} after disconnecting")


def _late(context: Context) -> str:
    timeout_ns = context.settings.agent_reregister_timeout_ms * _NS_PER_MS
    return f"agent did not re-register within {format_duration(timeout_ns)}"


def doom(context: Context, agent_id: str, why: str) -> None:
    """Give an agent up, as soon as the rate allows it."""
    state = context.state
    if (
        agent_id in state.doomed_agents
        or agent_id in state.marking_unreachable
        or agent_id in state.marking_gone
        or agent_id in state.removing
        or agent_id in state.reregistering
    ):
        return
    context.metrics.count("slave_unreachable_scheduled")
    context.metrics.count("slave_shutdowns_scheduled")
    state.doomed_agents[agent_id] = why
    give_up(context)


def give_up(context: Context) -> None:
    """Mark as many agents unreachable as the rate allows now; also the timer AGENT_REMOVAL."""
    state, rate = context.state, context.settings.agent_removal_rate_limit
    now_ms = context.now.mono_ms
    while state.doomed_agents:
        if rate is not None and now_ms < state.next_removal_ms:
            context.timers.set(Timer(TimerKind.AGENT_REMOVAL), state.next_removal_ms)
            return
        agent_id = next(iter(state.doomed_agents))
        why = state.doomed_agents.pop(agent_id)
        if rate is not None:
            state.next_removal_ms = now_ms + -(-rate.interval_ms // rate.permits)
        agent_removal.mark_unreachable(context, agent_id, why)


def recovered_for_long(context: Context, total: int) -> None:
    """The timer RECOVERED_AGENTS is due: those of ``total`` that are not back are given up.

    Unless they are too many, which is more likely to be our fault than theirs.
    """
    state, limit = context.state, context.settings.recovery_agent_removal_limit
    missing = [one for one in state.recovered_agents if one not in state.reregistering]
    if missing and len(missing) * limit.denominator > total * limit.numerator:
        late = format_duration(context.settings.agent_reregister_timeout_ms * _NS_PER_MS)
        context.emit(
            Stop(
                f"Post-recovery agent removal limit exceeded! After {late} there were"
                f" {len(missing)} ({100 * len(missing) / total:g}%) agents recovered from the"
                f" registry that did not reregister: {', '.join(missing)}. The configured"
                f" removal limit is {float(limit * 100):g}%. Please investigate or increase this"
                " limit to proceed further"
            )
        )
        return
    for agent_id in missing:
        doom(context, agent_id, f"{_late(context)} after master failover")


def tidy(context: Context) -> None:
    """The timer REGISTRY_GC is due: forget agents that were unreachable or gone for long."""
    settings, state = context.settings, context.state
    context.timers.set(
        Timer(TimerKind.REGISTRY_GC), context.now.mono_ms + settings.registry_gc_interval_ms
    )
    operation = prune(
        [(agent_id, one.unreachable_ns) for agent_id, one in state.unreachable_agents.items()],
        list(state.gone_agents.items()),
        oldest_ns=context.now.wall_ns - settings.registry_max_agent_age_ms * _NS_PER_MS,
        count_max=settings.registry_max_agent_count,
    )
    if operation.unreachable or operation.gone:
        context.store(operation, lambda _changed: _tidied(context, operation))


def _tidied(context: Context, operation: Prune) -> None:
    forgotten: dict[str, None] = {}
    for agent_id in operation.unreachable:
        # It may have come back meanwhile.
        if agent_id not in context.registrar.tables.unreachable:
            context.state.unreachable_agents.pop(agent_id, None)
            forgotten[agent_id] = None
    # Who asks after its tasks is told that they are unknown. Source: Master::_doRegistryGc.
    for framework in context.state.frameworks.values():
        unreachable = framework.unreachable_tasks
        for task_id in [one.task_id for one in unreachable.values() if one.agent_id in forgotten]:
            del unreachable[task_id]
    for agent_id in operation.gone:
        context.state.gone_agents.pop(agent_id, None)
