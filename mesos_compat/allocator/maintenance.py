"""Inverse offers: asking frameworks to leave agents that will be unavailable.

Source: ``generateInverseOffers`` and ``updateInverseOffer`` of HierarchicalAllocator. A
framework is asked about each agent on which it holds something, one question at a time; its
last answer is kept until the plan changes. As with offers, an answer with filters keeps the
next question away for a while.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.allocator.filters import refuse_ms
from mesos_compat.allocator.interface import InverseAllotment
from mesos_compat.allocator.ledger import Ledger
from mesos_compat.allocator.state import NO_RESOURCES, AgentState, Maintenance
from mesos_compat.wire.v1 import allocator_pb2, mesos_pb2


def make_inverse_offers(
    ledger: Ledger, agents: Iterable[AgentState], now_ms: int
) -> tuple[InverseAllotment, ...]:
    """The questions to ask now about ``agents``; they are outstanding from now on."""
    made: list[InverseAllotment] = []
    for agent in agents:
        maintenance = agent.maintenance
        if maintenance is None:
            continue
        for framework_id in dict.fromkeys(one for _role, one in agent.held):
            framework = ledger.frameworks.get(framework_id)
            if (
                framework is None
                or not framework.active
                or framework_id in maintenance.outstanding
                or framework.inverse_refused_until_ms.get(agent.agent_id, now_ms) > now_ms
            ):
                continue
            maintenance.outstanding[framework_id] = None
            made.append(
                InverseAllotment(
                    framework_id, agent.agent_id, NO_RESOURCES, maintenance.unavailability
                )
            )
    return tuple(made)


def update_unavailability(
    ledger: Ledger, agent: AgentState, unavailability: mesos_pb2.Unavailability | None
) -> None:
    """A new plan, or none: answers and refusals were about the old one."""
    for framework in ledger.frameworks.values():
        framework.inverse_refused_until_ms.pop(agent.agent_id, None)
    agent.maintenance = None
    if unavailability is not None:
        kept = mesos_pb2.Unavailability()
        kept.CopyFrom(unavailability)
        agent.maintenance = Maintenance(kept)


def update_inverse_offer(
    ledger: Ledger,
    agent: AgentState,
    framework_id: str,
    status: allocator_pb2.InverseOfferStatus | None,
    filters: mesos_pb2.Filters | None,
    interval_ms: int,
    now_ms: int,
) -> None:
    """The framework's answer; one to a question that is not outstanding is too late."""
    framework = ledger.frameworks.get(framework_id)
    maintenance = agent.maintenance
    if framework is None or maintenance is None:
        return
    if framework_id in maintenance.outstanding:
        del maintenance.outstanding[framework_id]
        if status is not None:
            kept = allocator_pb2.InverseOfferStatus()
            kept.CopyFrom(status)
            maintenance.statuses[framework_id] = kept
    refused_ms = refuse_ms(filters, interval_ms) if filters is not None else 0
    if refused_ms:
        until = framework.inverse_refused_until_ms
        until[agent.agent_id] = max(until.get(agent.agent_id, 0), now_ms + refused_ms)


def forget_framework(ledger: Ledger, framework_id: str) -> None:
    """No questions to, and no answers of, a framework that is gone."""
    for agent in ledger.agents.values():
        if agent.maintenance is not None:
            agent.maintenance.outstanding.pop(framework_id, None)
            agent.maintenance.statuses.pop(framework_id, None)
