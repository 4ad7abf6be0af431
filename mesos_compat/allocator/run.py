"""One allocation run: agents in random order, each offered to those whose turn it is.

Source: ``HierarchicalAllocatorProcess::__generateOffers``. First roles with a guarantee that is
not met get what it lacks; then everybody gets the rest in the policy's order. Offers are
coarse: the first who may have an agent gets all of it that it may have, and what it got counts
at once, for the next agent.
"""

from __future__ import annotations

from mesos_compat.allocator.filters import count
from mesos_compat.allocator.interface import Allotment
from mesos_compat.allocator.ledger import Ledger
from mesos_compat.allocator.proposing import QUOTA_PASS, Proposal, Proposer
from mesos_compat.allocator.random_order import Below, shuffle
from mesos_compat.allocator.state import AgentState, Candidate
from mesos_compat.resources import Quantities, Resources


class Run:
    """A run in progress."""

    def __init__(self, ledger: Ledger, proposer: Proposer, below: Below, now_ms: int) -> None:
        self._ledger = ledger
        self._policy = ledger.policy
        self._quota = ledger.quota
        self._proposer = proposer
        self._below = below
        self._now_ms = now_ms
        # What was given, unallocated, by framework, role and agent.
        self._given: dict[str, dict[tuple[str, str], Resources]] = {}
        # Agents whose shared volumes were offered, which may be offered again in the next run.
        self._gave_shared: dict[str, AgentState] = {}

    def go(self, agents: list[AgentState]) -> tuple[Allotment, ...]:
        """Offer what ``agents`` have left; they are whitelisted and active."""
        smallest = self._smallest_offers()
        worthwhile = [agent for agent in agents if _may_offer(agent, smallest)]
        if self._quota.required:
            shuffle(worthwhile, self._below)
            for agent in worthwhile:
                if not self._quota.required:
                    break
                self._meet_guarantees(agent)
        for pass_number in range(self._policy.passes):
            shuffle(worthwhile, self._below)
            for agent in worthwhile:
                self._share_out(agent, pass_number)
        for agent in self._gave_shared.values():
            agent.touch()
        return tuple(
            Allotment(framework_id, role, agent_id, resources.allocate(role))
            for framework_id, given in self._given.items()
            for (role, agent_id), resources in given.items()
        )

    def _smallest_offers(self) -> list[Quantities] | None:
        """What is too small for all of these is too small for everybody; None: nothing is."""
        smallest: dict[Quantities, None] = {}
        for candidate in self._ledger.candidates.values():
            if candidate.wants:
                if not candidate.minimum:
                    return None
                smallest.update(dict.fromkeys(candidate.minimum))
        return list(smallest)

    def _meet_guarantees(self, agent: AgentState) -> None:
        for candidate in self._policy.order():
            if candidate.top_role not in self._quota.lacking:
                continue
            if not agent.free.resources:
                break
            self._offer(candidate, agent, QUOTA_PASS)

    def _share_out(self, agent: AgentState, pass_number: int) -> None:
        if not agent.free.resources:
            return
        agent_id, generation, now_ms = agent.agent_id, agent.generation, self._now_ms
        for candidate in self._policy.order():
            # Most pairs end here when most frameworks refuse most agents, so this is what the
            # proposer would find, only sooner.
            refusal = candidate.refusals.get(agent_id)
            if (
                refusal is not None
                and refusal.all_refused_in == generation
                and refusal.expires_ms > now_ms
            ):
                continue
            if self._offer(candidate, agent, pass_number):
                if not agent.free.resources:
                    break
                generation = agent.generation

    def _offer(self, candidate: Candidate, agent: AgentState, pass_number: int) -> bool:
        proposal = self._proposer.propose(candidate, agent, pass_number)
        if not isinstance(proposal, Proposal):
            return False
        refusal = candidate.refusals.get(agent.agent_id)
        if refusal is not None and not count(refusal, self._now_ms):
            del candidate.refusals[agent.agent_id]
        self._ledger.give(agent, candidate, proposal.resources, proposal.measure)
        given = self._given.setdefault(candidate.framework_id, {})
        key = candidate.role, agent.agent_id
        before = given.get(key)
        given[key] = proposal.resources if before is None else before + proposal.resources
        if any(kind.shared for kind, _amount in proposal.resources.kinds()):
            self._gave_shared[agent.agent_id] = agent
        return True


def _may_offer(agent: AgentState, smallest: list[Quantities] | None) -> bool:
    free = agent.free.resources
    if not free:
        return False
    if smallest is None:
        return True
    quantities = free.quantities()
    return any(quantities.contains(offer) for offer in smallest)
