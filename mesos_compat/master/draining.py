"""Taking agents out of use: drained, deactivated, reactivated, marked gone.

Source: ``Master::Http::_drainAgent`` and its neighbours, and
``Master::checkAndTransitionDrainingAgent``. A deactivated agent is offered no more, and what runs
there goes on. A drained one is deactivated too, and told to end its tasks:

::

    DRAIN_AGENT --> DRAINING --all tasks and operations over--> DRAINED --REACTIVATE_AGENT--> in use
                                          \\--with mark_gone--> gone

All of it is kept by the registry, so it holds for agents that are unreachable, or that have not
come back to this master yet: they are told as soon as they do. The core asks
:func:`check_drained` about each draining agent at the end of each step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from mesos_compat.master import agent_events, agent_removal, inverse_offers
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import Reply
from mesos_compat.master.context import Context
from mesos_compat.master.events import OperatorCalled
from mesos_compat.master.registry import (
    DeactivateAgent,
    DrainAgent,
    MarkDrained,
    ReactivateAgent,
)
from mesos_compat.master.state import Agent, MasterState, RecoveredAgent, UnreachableAgent
from mesos_compat.master.validation.operator import (
    AgentFacts,
    RegisteredFacts,
    validate_deactivate,
    validate_drain,
    validate_mark_gone,
    validate_reactivate,
)
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.wire.v1 import master_pb2, mesos_pb2

_Call = master_pb2.Call

_NS_PER_SECOND: Final = 1_000_000_000
# A duration is nanoseconds in 64 bits.
_DURATION_NS_MAX: Final = (1 << 63) - 1

_FORBIDDEN: Final = Refusal(HTTPStatus.FORBIDDEN, "403 Forbidden.")
_REMOVED: Final = Refusal(HTTPStatus.CONFLICT, "Agent removed while processing the call")


def drain(context: Context, event: OperatorCalled) -> None:
    """DRAIN_AGENT: end what runs on an agent, and offer it no more. Again is anew."""
    call = event.call.drain_agent
    agent_id, config = call.agent_id.value, drain_config(call)
    wanted = ["drain_agents", "mark_agents_gone"] if config.mark_gone else ["drain_agents"]
    refusal = _forbidden(context, event, *wanted)
    if refusal is None:
        facts = _facts(context.state, agent_id)
        refusal = validate_drain(facts, context.state.schedule)
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return

    def stored(_changed: bool) -> None:
        _drain(context, agent_id, config)
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(DrainAgent(agent_id, config), stored)


def drain_config(call: master_pb2.Call.DrainAgent) -> mesos_pb2.DrainConfig:
    """How to drain; a grace period beyond what a duration can be is as long as it can be."""
    config = mesos_pb2.DrainConfig(mark_gone=call.mark_gone)
    if call.HasField("max_grace_period"):
        given = call.max_grace_period
        grace_ns = given.seconds * _NS_PER_SECOND + given.nanos
        config.max_grace_period.nanoseconds = max(
            -_DURATION_NS_MAX, min(grace_ns, _DURATION_NS_MAX)
        )
    return config


def deactivate(context: Context, event: OperatorCalled) -> None:
    """DEACTIVATE_AGENT: offer an agent no more; doing it twice is no mistake."""
    agent_id = event.call.deactivate_agent.agent_id.value
    refusal = _forbidden(context, event, "deactivate_agents")
    refusal = refusal or validate_deactivate(_facts(context.state, agent_id))
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return

    def stored(_changed: bool) -> None:
        known = _find(context.state, agent_id)
        if known is not None:
            known.is_deactivated = True
        if isinstance(known, Agent):
            context.note(agent_id, "deactivated")
            _withdraw(context, known)
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(DeactivateAgent(agent_id), stored)


def reactivate(context: Context, event: OperatorCalled) -> None:
    """REACTIVATE_AGENT: offer an agent again, unless it is draining."""
    agent_id = event.call.reactivate_agent.agent_id.value
    refusal = _forbidden(context, event, "reactivate_agents")
    refusal = refusal or validate_reactivate(_facts(context.state, agent_id))
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return

    def stored(_changed: bool) -> None:
        answer = _reactivate(context, agent_id)
        context.emit(Reply(event.route, *answer) if answer else Reply(event.route, HTTPStatus.OK))

    context.store(ReactivateAgent(agent_id), stored)


def mark_gone(context: Context, event: OperatorCalled) -> None:
    """MARK_AGENT_GONE: an agent will never be back, nor what ran there; twice is no mistake."""
    agent_id = event.call.mark_agent_gone.agent_id.value
    refusal = _forbidden(context, event, "mark_agents_gone")
    refusal = refusal or validate_mark_gone(_facts(context.state, agent_id))
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return
    done = Reply(event.route, HTTPStatus.OK)
    if agent_id in context.state.gone_agents:
        context.emit(done)
        return
    agent_removal.mark_gone(context, agent_id, lambda: context.emit(done))


CALLS: Final[Mapping[master_pb2.Call.Type, Callable[[Context, OperatorCalled], None]]] = {
    _Call.DRAIN_AGENT: drain,
    _Call.DEACTIVATE_AGENT: deactivate,
    _Call.REACTIVATE_AGENT: reactivate,
    _Call.MARK_AGENT_GONE: mark_gone,
}


def _forbidden(context: Context, event: OperatorCalled, *actions: str) -> Refusal | None:
    is_allowed = all(context.authorizer.allows(action, event.principal) for action in actions)
    return None if is_allowed else _FORBIDDEN


def _find(state: MasterState, agent_id: str) -> Agent | RecoveredAgent | UnreachableAgent | None:
    """What is known of an agent that is not gone."""
    return (
        state.agents.get(agent_id)
        or state.recovered_agents.get(agent_id)
        or state.unreachable_agents.get(agent_id)
    )


def _facts(state: MasterState, agent_id: str) -> AgentFacts:
    known = _find(state, agent_id)
    registered = None
    if isinstance(known, Agent):
        registered = RegisteredFacts(known.machine_id, known.capabilities)
    return AgentFacts(
        agent_id,
        registered,
        is_known=known is not None,
        is_gone=agent_id in state.gone_agents,
        is_being_marked_gone=agent_id in state.marking_gone,
        is_being_removed=agent_id in state.removing,
        is_being_marked_unreachable=agent_id in state.marking_unreachable,
        is_deactivated=known is not None and known.is_deactivated,
        is_draining=known is not None and _is_draining(known),
    )


def _is_draining(known: Agent | RecoveredAgent | UnreachableAgent) -> bool:
    return known.drain_info is not None and known.drain_info.state == mesos_pb2.DRAINING


def _withdraw(context: Context, agent: Agent) -> None:
    """Offer an agent no more, and take back what is offered of it."""
    context.allocator.deactivate_agent(agent.agent_id)
    offering.rescind_all(context, agent.offers.values())
    inverse_offers.withdraw_all(context, agent.inverse_offers.values())


def _drain(context: Context, agent_id: str, config: mesos_pb2.DrainConfig) -> None:
    """The registry knows that an agent is to be drained."""
    known = _find(context.state, agent_id)
    if known is None:
        # It was removed, or marked gone, before.
        return
    known.drain_info = mesos_pb2.DrainInfo(state=mesos_pb2.DRAINING, config=config)
    known.is_deactivated = True
    context.note(agent_id, "to be drained")
    if isinstance(known, Agent):
        _withdraw(context, known)
        context.tell_agent(known, agent_events.drain(config))
        known.drain_start_ns = context.now.wall_ns


def _reactivate(context: Context, agent_id: str) -> Refusal | None:
    """The registry knows that an agent is in use again; the answer when it is not there."""
    known = _find(context.state, agent_id)
    if known is None:
        return _REMOVED
    known.drain_info, known.is_deactivated = None, False
    context.note(agent_id, "reactivated")
    if isinstance(known, Agent):
        known.drain_start_ns = 0
        if known.is_connected:
            context.allocator.activate_agent(agent_id)
    return None


def check_drained(context: Context, agent: Agent) -> None:
    """If a registered agent is draining and nothing is left there: it is drained, or gone.

    Tasks and operations count until whoever wants to hear of their end has heard.
    """
    state, agent_id = context.state, agent.agent_id
    info = agent.drain_info
    if info is None or not agent.is_draining or agent.tasks or agent.operations:
        return
    if agent_id in state.marking_drained or agent_id in state.marking_gone:
        return
    if info.config.mark_gone:
        agent_removal.mark_gone(context, agent_id, lambda: None)
    else:
        state.marking_drained[agent_id] = None
        context.store(MarkDrained(agent_id), lambda _changed: _drained(context, agent_id))


def _drained(context: Context, agent_id: str) -> None:
    """The registry has it that an agent is drained."""
    del context.state.marking_drained[agent_id]
    known = _find(context.state, agent_id)
    if known is None or known.drain_info is None or known.drain_info.config.mark_gone:
        # It is gone, or in use again, or was drained anew meanwhile to be gone afterwards.
        return
    known.drain_info.state = mesos_pb2.DRAINED
    context.note(agent_id, "drained")
