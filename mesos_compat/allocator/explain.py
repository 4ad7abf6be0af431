"""Explanations: for every framework, role and agent, what the next run would do and why.

Nothing is changed. The order is the policy's present one (where chance decides, that without
chance); what a run would give to one is
not taken from what the explanation says of the next, but that one is told who comes first.
"""

from __future__ import annotations

from collections.abc import Callable

from mesos_compat.allocator.filters import refused_free, refused_offer
from mesos_compat.allocator.interface import Explanation, Reason, Verdict
from mesos_compat.allocator.ledger import Ledger
from mesos_compat.allocator.proposing import Proposal, Proposer
from mesos_compat.allocator.state import NO_RESOURCES, AgentState, Candidate
from mesos_compat.resources import Resources


class Explainer:
    """Answers one question."""

    def __init__(
        self,
        ledger: Ledger,
        proposer: Proposer,
        is_whitelisted: Callable[[AgentState], bool],
        *,
        paused: bool,
        now_ms: int,
    ) -> None:
        self._ledger = ledger
        self._proposer = proposer
        self._is_whitelisted = is_whitelisted
        self._paused = paused
        self._now_ms = now_ms

    def explain(
        self, framework_id: str | None, role: str | None, agent_id: str | None
    ) -> Explanation:
        """The verdicts on all that match, by agent and then by who would be served first."""
        order = self._ledger.policy.standing(self._now_ms)
        others = [
            candidate for candidate in self._ledger.candidates.values() if not candidate.wants
        ]
        verdicts: list[Verdict] = []
        for agent in self._ledger.agents.values():
            if agent_id not in (None, agent.agent_id):
                continue
            first: Candidate | None = None
            for candidate in (*order, *others):
                verdict = self._judge(candidate, agent, first)
                if verdict.reason is Reason.WAITING and first is None:
                    first = candidate
                if framework_id in (None, candidate.framework_id) and role in (
                    None,
                    candidate.role,
                ):
                    verdicts.append(verdict)
        return Explanation(
            self._ledger.policy.name,
            tuple(candidate.key for candidate in order),
            tuple(verdicts),
        )

    def _judge(self, candidate: Candidate, agent: AgentState, first: Candidate | None) -> Verdict:
        held = agent.held.get(candidate.key)
        reason = self._obstacle(candidate, agent)
        if reason is not None:
            return _verdict(candidate, agent, reason)
        found = self._found(candidate, agent)
        if isinstance(found, Proposal):
            if first is not None:
                return _verdict(
                    candidate, agent, Reason.BEHIND, found.resources,
                    holders=(first.framework_id,),
                )  # fmt: skip
            return _verdict(candidate, agent, Reason.WAITING, found.resources)
        if found is Reason.FILTERED:
            return self._filtered(candidate, agent)
        if held is not None:
            return _verdict(candidate, agent, Reason.OFFERED, held.resources)
        if found is Reason.NOTHING:
            return self._why_nothing(candidate, agent)
        if found is Reason.BELOW_MINIMUM and agent.held:
            return _verdict(
                candidate, agent, Reason.BELOW_MINIMUM, agent.free.resources,
                holders=_holders(agent),
            )  # fmt: skip
        return _verdict(candidate, agent, found, agent.free.resources)

    def _obstacle(self, candidate: Candidate, agent: AgentState) -> Reason | None:
        """What has nothing to do with how much is free."""
        framework = candidate.framework
        if self._paused:
            return Reason.PAUSED
        if framework is None or not framework.active:
            return Reason.FRAMEWORK_INACTIVE
        if candidate.role not in framework.roles:
            return Reason.NOT_SUBSCRIBED
        if not candidate.wants:
            return Reason.SUPPRESSED
        if not agent.active:
            return Reason.AGENT_INACTIVE
        if not self._is_whitelisted(agent):
            return Reason.NOT_WHITELISTED
        return self._proposer.unfit(candidate, framework, agent)

    def _found(self, candidate: Candidate, agent: AgentState) -> Proposal | Reason:
        """What the most generous pass would propose."""
        last_pass = self._ledger.policy.passes - 1
        found = self._proposer.propose(candidate, agent, last_pass)
        framework = candidate.framework
        if found is Reason.BELOW_MINIMUM and framework is not None:
            return self._proposer.why_bounded(candidate, framework, agent) or found
        return found

    def _filtered(self, candidate: Candidate, agent: AgentState) -> Verdict:
        free = agent.free.resources
        newest = candidate.refusals.get(agent.agent_id)
        refusal = refused_free(newest, free, agent.generation, self._now_ms)
        if refusal is None and candidate.framework is not None:
            offer = agent.free.offering(candidate.role, candidate.framework.stripped).whole
            refusal = refused_offer(newest, offer, self._now_ms)
        return _verdict(
            candidate, agent, Reason.FILTERED, free,
            until_ms=refusal.expires_ms if refusal is not None else None,
        )  # fmt: skip

    def _why_nothing(self, candidate: Candidate, agent: AgentState) -> Verdict:
        free = agent.free.resources
        if free:
            reserved = not any(
                kind.is_allocatable_to(candidate.role) for kind, _amount in free.kinds()
            )
            reason = Reason.RESERVED if reserved else Reason.FRAMEWORK_CAPABILITY
            return _verdict(candidate, agent, reason, free)
        if agent.held:
            return _verdict(candidate, agent, Reason.TAKEN, holders=_holders(agent))
        return _verdict(candidate, agent, Reason.NOTHING)


def _holders(agent: AgentState) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(framework_id for _role, framework_id in agent.held)))


def _verdict(
    candidate: Candidate,
    agent: AgentState,
    reason: Reason,
    resources: Resources = NO_RESOURCES,
    *,
    until_ms: int | None = None,
    holders: tuple[str, ...] = (),
) -> Verdict:
    return Verdict(
        candidate.framework_id, candidate.role, agent.agent_id, reason, resources,
        until_ms, holders,
    )  # fmt: skip
