"""Changes of what frameworks hold: converted by operations, or given back and refused.

Source: ``updateAllocation``, ``updateAvailable`` and ``recoverResources`` of
HierarchicalAllocator.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.allocator.filters import refuse_ms, with_refusal
from mesos_compat.allocator.ledger import Ledger
from mesos_compat.allocator.state import AgentState, Candidate
from mesos_compat.errors import invariant
from mesos_compat.resources import Conversion, ResourceError, Resources
from mesos_compat.resources.convert import apply as apply_operation
from mesos_compat.wire.v1 import mesos_pb2


def convert(
    ledger: Ledger, framework_id: str, agent: AgentState, conversions: Iterable[Conversion]
) -> None:
    """What the framework holds there becomes something else, and so does the agent's total.

    A conversion that consumes nothing is a further use of a shared volume, which the total
    does not count; one that makes nothing takes resources away for good.
    """
    total = agent.total
    for conversion in conversions:
        consumed, made = conversion.consumed.unallocate(), conversion.converted.unallocate()
        roles = list((conversion.consumed + conversion.converted).allocations())
        invariant(len(roles) == 1, "a conversion is for one role", roles=roles)
        candidate = ledger.candidate(roles[0], framework_id)
        held = agent.held.get(candidate.key)
        before = held.resources if held is not None else Resources()
        invariant(
            before.contains(consumed), "what is converted is held",
            framework_id=framework_id, agent_id=agent.agent_id, consumed=consumed,
        )  # fmt: skip
        ledger.hold(agent, candidate, before - consumed + made)
        if consumed:
            total = Conversion(consumed, made).apply(total)
    if total != agent.total:
        ledger.set_total(agent, total)


def operate(
    ledger: Ledger, agent: AgentState, operations: Iterable[mesos_pb2.Offer.Operation]
) -> str | None:
    """Carry out an operator's operations on what is free; why they cannot be, or None."""
    free, total = agent.free.resources, agent.total
    try:
        for operation in operations:
            free = apply_operation(free, operation)
            total = apply_operation(total, operation)
    except ResourceError as error:
        return str(error)
    ledger.set_total(agent, total)
    return None


def recover(
    ledger: Ledger,
    framework_id: str,
    agent: AgentState,
    resources: Resources,
    filters: mesos_pb2.Filters | None,
    interval_ms: int,
    now_ms: int,
) -> None:
    """The framework gives ``resources`` back, with ``filters`` because it refuses them.

    Of a candidate that holds nothing there nothing can be given back: it has been removed
    together with all that it held.
    """
    for role, allocated in resources.allocations().items():
        candidate = ledger.candidates.get((role, framework_id))
        held = agent.held.get((role, framework_id))
        if candidate is None or held is None:
            continue
        freed = allocated.unallocate()
        invariant(
            held.resources.contains(freed), "what is recovered is held",
            framework_id=framework_id, agent_id=agent.agent_id, freed=freed,
            held=held.resources,
        )  # fmt: skip
        if freed == held.resources:
            # One object for all who refuse the same, since there may be very many.
            freed = held.resources
        ledger.hold(agent, candidate, held.resources - freed)
        if filters is not None:
            _refuse(candidate, agent, freed, refuse_ms(filters, interval_ms), now_ms)


def _refuse(
    candidate: Candidate, agent: AgentState, refused: Resources, duration_ms: int, now_ms: int
) -> None:
    framework = candidate.framework
    if duration_ms and framework is not None and candidate.role in framework.roles:
        candidate.refusals[agent.agent_id] = with_refusal(
            candidate.refusals.get(agent.agent_id), refused, now_ms + duration_ms, now_ms
        )
