"""What one agent could offer one candidate now, or the reason why it offers nothing.

The run and the explanation both ask here, so an explanation says what a run would do.

Source: the inner loops of HierarchicalAllocator: ``isCapableOfReceivingAgent``, ``isFiltered``,
``allocatable``, ``shrinkResources`` and the two stages of quota.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mesos_compat.allocator.filters import refused_free, refused_offer
from mesos_compat.allocator.interface import Reason
from mesos_compat.allocator.ledger import Ledger
from mesos_compat.allocator.quota import least
from mesos_compat.allocator.state import (
    AgentState,
    Amounts,
    Candidate,
    FrameworkState,
    Measure,
    Offering,
)
from mesos_compat.resources import Limits, Quantities, Resources


class Proposal(NamedTuple):
    """Resources to offer, unallocated, and their measure."""

    resources: Resources
    measure: Measure


# The pass in which a role gets what its quota guarantees, before any of the policy's.
QUOTA_PASS: Final = -1


class Proposer:
    """Looks at pairs of a candidate and an agent at one time; changes nothing."""

    __slots__ = ("_filter_gpus", "_last_pass", "_ledger", "_now_ms", "_policy", "_quota")

    def __init__(self, ledger: Ledger, now_ms: int, *, filter_gpu_resources: bool) -> None:
        self._ledger = ledger
        self._policy = ledger.policy
        self._quota = ledger.quota
        self._now_ms = now_ms
        self._filter_gpus = filter_gpu_resources
        self._last_pass = ledger.policy.passes - 1

    def unfit(
        self, candidate: Candidate, framework: FrameworkState, agent: AgentState
    ) -> Reason | None:
        """Why the framework is not to see the agent for the role, whatever is free there."""
        if candidate.is_constrained and _excludes(candidate, framework, agent):
            return Reason.CONSTRAINT
        if agent.has_gpus and self._filter_gpus and not framework.gpu_resources:
            return Reason.GPU
        if agent.is_remote and not framework.region_aware:
            return Reason.REGION
        if framework.multi_role and not agent.multi_role:
            return Reason.AGENT_CAPABILITY
        if not agent.hierarchical_role and "/" in candidate.role:
            return Reason.AGENT_CAPABILITY
        return None

    def propose(
        self, candidate: Candidate, agent: AgentState, pass_number: int
    ) -> Proposal | Reason:
        """What the candidate could be offered of what is free there."""
        free = agent.free
        refusal = candidate.refusals.get(agent.agent_id)
        if refusal is not None and refused_free(
            refusal, free.resources, agent.generation, self._now_ms
        ):
            return Reason.FILTERED
        framework = candidate.framework
        if framework is None:
            return Reason.FRAMEWORK_INACTIVE
        unfit = self.unfit(candidate, framework, agent)
        if unfit is not None:
            return unfit
        offering = free.offering(candidate.role, framework.stripped)
        if not offering.whole:
            return Reason.NOTHING
        if pass_number == QUOTA_PASS:
            plain = self._guaranteed_part(candidate, offering)
        else:
            plain = _bounded(
                offering.plain, offering.measure.plain, self._bounds(candidate, pass_number)
            )
        if not plain and pass_number != self._last_pass:
            # What is not bounded waits for the last pass, or it would go by another order.
            return Reason.POLICY_LIMIT
        if plain is offering.plain:
            offer, measure = offering.whole, offering.measure
        else:
            offer = offering.unbounded + plain
            measure = Measure.of(offer)
        if not is_allocatable(offer, candidate):
            return Reason.BELOW_MINIMUM
        if refusal is not None and refused_offer(refusal, offer, self._now_ms):
            return Reason.FILTERED
        return Proposal(offer, measure)

    def _bounds(self, candidate: Candidate, pass_number: int) -> Amounts | None:
        allowance = self._policy.allowance(candidate, pass_number)
        if not self._quota.quotas:
            return allowance
        return least(allowance, self._quota.remaining(candidate.top_role), self._quota.headroom())

    def _guaranteed_part(self, candidate: Candidate, offering: Offering) -> Resources:
        """What the role's guarantee lacks, and what else limits and headroom allow."""
        lacking = self._quota.lacking.get(candidate.top_role)
        allowance = self._policy.allowance(candidate, self._last_pass)
        allowed = _bounded(offering.plain, offering.measure.plain, allowance)
        guaranteed = allowed.shrink_to(Quantities(lacking.items() if lacking else ()))
        if not guaranteed:
            return guaranteed
        taken = Measure.of(guaranteed).plain
        # Headroom is as it was: what the guarantee takes, it also lacks no more.
        remaining = self._quota.remaining(candidate.top_role)
        if remaining is not None:
            remaining = {
                name: max(0, amount - taken.get(name, 0)) for name, amount in remaining.items()
            }
        rest = allowed - guaranteed
        bounds = least(remaining, self._quota.headroom())
        return guaranteed + _bounded(rest, Measure.of(rest).plain, bounds)

    def why_bounded(
        self, candidate: Candidate, framework: FrameworkState, agent: AgentState
    ) -> Reason | None:
        """Which bound made the offer too small, or None when it would be without any.

        When only several of them together do, it is the first that takes anything away.
        """
        offering = agent.free.offering(candidate.role, framework.stripped)
        if not is_allocatable(offering.whole, candidate):
            return None
        bounds = (
            (Reason.QUOTA_LIMIT, self._quota.remaining(candidate.top_role)),
            (Reason.HEADROOM, self._quota.headroom()),
            (Reason.POLICY_LIMIT, self._policy.allowance(candidate, self._last_pass)),
        )
        first: Reason | None = None
        for reason, bound in bounds:
            part = _bounded(offering.plain, offering.measure.plain, bound)
            if not is_allocatable(offering.unbounded + part, candidate):
                return reason
            if first is None and part is not offering.plain:
                first = reason
        return first


def _excludes(candidate: Candidate, framework: FrameworkState, agent: AgentState) -> bool:
    """Whether constraints exclude the agent, which is worked out once."""
    excluded = candidate.excluded.get(agent.agent_id)
    if excluded is None:
        constraints = framework.constraints
        excluded = constraints is not None and constraints.excludes(candidate.role, agent.info)
        candidate.excluded[agent.agent_id] = excluded
    return excluded


def is_allocatable(resources: Resources, candidate: Candidate) -> bool:
    """Whether an offer of ``resources`` is large enough to be made."""
    if not resources:
        return False
    if not candidate.minimum:
        return True
    quantities = resources.quantities()
    return any(quantities.contains(least_offer) for least_offer in candidate.minimum)


def _bounded(plain: Resources, measure: Amounts, bounds: Amounts | None) -> Resources:
    """As much of ``plain`` as ``bounds`` allow; names that these lack are not bounded."""
    if bounds is None or all(
        amount <= bounds[name] for name, amount in measure.items() if name in bounds
    ):
        return plain
    return plain.shrink_to(Limits(bounds.items()))
