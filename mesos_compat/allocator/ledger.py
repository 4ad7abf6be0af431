"""Who holds what: the one place where candidates, agents, quotas and the policy change together.

Invariants: what a candidate holds is the sum of what agents say it holds; the same change
reaches the agent, the candidate, the quota book and the policy, or none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesos_compat.allocator.policy import Policy
from mesos_compat.allocator.quota import QuotaBook
from mesos_compat.allocator.state import (
    NO_RESOURCES,
    AgentState,
    Amounts,
    Candidate,
    FrameworkState,
    Held,
    Measure,
    add_to,
    reserved_by_top_role,
    top_level,
)
from mesos_compat.errors import invariant
from mesos_compat.resources import Quantities, Resources


@dataclass(slots=True)
class Ledger:
    """All state that offers depend on, apart from the time."""

    policy: Policy
    # The smallest offers of frameworks that do not say anything else.
    minimum: tuple[Quantities, ...]
    agents: dict[str, AgentState] = field(default_factory=dict)
    frameworks: dict[str, FrameworkState] = field(default_factory=dict)
    # By role and framework.
    candidates: dict[tuple[str, str], Candidate] = field(default_factory=dict)
    quota: QuotaBook = field(default_factory=QuotaBook)
    # All scalars of all agents, in thousandths.
    totals: Amounts = field(default_factory=dict)
    # How often any candidate began to want offers.
    wanting_number: int = 0
    # Whether the policy has yet to be told of the totals.
    totals_changed: bool = False

    # Agents.

    def add_agent(self, agent: AgentState) -> None:
        """A new agent of which nothing is held."""
        self.agents[agent.agent_id] = agent
        self._count_total(agent, 1)

    def remove_agent(self, agent: AgentState) -> None:
        """The agent and all that is held of it are gone."""
        for key in list(agent.held):
            self.hold(agent, self.candidates[key], NO_RESOURCES)
        self._count_total(agent, -1)
        del self.agents[agent.agent_id]
        for candidate in self.candidates.values():
            candidate.refusals.pop(agent.agent_id, None)
            candidate.excluded.pop(agent.agent_id, None)
        for framework in self.frameworks.values():
            framework.inverse_refused_until_ms.pop(agent.agent_id, None)

    def set_total(self, agent: AgentState, total: Resources) -> None:
        """The agent has ``total`` now; what is held of it stays held."""
        self._count_total(agent, -1)
        agent.set_total(total)
        self._count_total(agent, 1)

    def _count_total(self, agent: AgentState, sign: int) -> None:
        measure = Measure.of(agent.total)
        add_to(self.totals, measure.scalars, sign)
        add_to(self.quota.plain_total, measure.plain, sign)
        for role, amounts in reserved_by_top_role(agent.total).items():
            self.quota.change_reserved(role, amounts, sign)
        self.totals_changed = True

    def tell_totals(self) -> None:
        """Let the policy know of the totals, if they have changed since."""
        if self.totals_changed:
            self.policy.set_totals(self.totals)
            self.totals_changed = False

    # Candidates.

    def candidate(self, role: str, framework_id: str) -> Candidate:
        """The candidate for a role of a framework, made when it is not there yet."""
        candidate = self.candidates.get((role, framework_id))
        if candidate is None:
            candidate = Candidate(
                role,
                framework_id,
                top_level(role),
                framework=self.frameworks.get(framework_id),
                minimum=self.minimum,
            )
            self.candidates[candidate.key] = candidate
        return candidate

    def candidates_of(self, framework_id: str) -> list[Candidate]:
        """A framework's candidates, also for roles that it only still holds resources for."""
        return [one for one in self.candidates.values() if one.framework_id == framework_id]

    def settle(self, candidate: Candidate) -> None:
        """Let the policy know when ``candidate`` begins or ceases to want offers."""
        framework = candidate.framework
        subscribed = framework is not None and candidate.role in framework.roles
        wants = (
            framework is not None
            and subscribed
            and framework.active
            and candidate.role not in framework.suppressed
        )
        if wants and not candidate.wants:
            self.wanting_number += 1
            candidate.wanting_number = self.wanting_number
            candidate.wants = True
            self.policy.enter(candidate)
        elif candidate.wants and not wants:
            candidate.wants = False
            self.policy.leave(candidate)
        if not subscribed:
            candidate.refusals.clear()
            if not candidate.holdings:
                self.policy.forget(candidate)
                del self.candidates[candidate.key]

    # Resources.

    def hold(self, agent: AgentState, candidate: Candidate, resources: Resources) -> None:
        """From now on ``candidate`` holds ``resources`` of ``agent``, unallocated, and no more."""
        before = agent.held.get(candidate.key)
        if before is not None:
            agent.taken = agent.taken - before.resources.nonshared()
        agent.taken = agent.taken + resources.nonshared()
        agent.touch()
        self._book(agent, candidate, before, resources, Measure.of(resources), picked=False)
        if not candidate.holdings and not candidate.wants:
            self.settle(candidate)

    def give(
        self, agent: AgentState, candidate: Candidate, resources: Resources, measure: Measure
    ) -> None:
        """Free ``resources`` of ``agent`` are offered to ``candidate``, besides what it holds."""
        agent.take(resources)
        before = agent.held.get(candidate.key)
        if before is not None:
            resources = before.resources + resources
            measure = Measure.of(resources)
        self._book(agent, candidate, before, resources, measure, picked=True)

    def _book(
        self,
        agent: AgentState,
        candidate: Candidate,
        before: Held | None,
        resources: Resources,
        measure: Measure,
        *,
        picked: bool,
    ) -> None:
        key = candidate.key
        if resources:
            agent.held[key] = Held(resources, measure)
            candidate.holdings += before is None
        elif before is not None:
            del agent.held[key]
            candidate.holdings -= 1
        change, plain = measure
        if before is not None:
            change, plain = dict(change), dict(plain)
            add_to(change, before.measure.scalars, -1)
            add_to(plain, before.measure.plain, -1)
        add_to(candidate.allocated, change)
        self.quota.change_held(candidate.top_role, plain)
        self.policy.changed(candidate, change, picked=picked)

    def add_used(self, agent: AgentState, framework_id: str, used: Resources) -> None:
        """The framework already holds ``used`` there, for the roles that it is allocated to.

        Both its agent and the framework tell of this, and whoever comes first is believed.
        """
        allocations = used.allocations()
        whole = sum(len(resources) for resources in allocations.values())
        invariant(whole == len(used), "what is held is allocated to a role", used=used)
        for role, resources in allocations.items():
            candidate = self.candidate(role, framework_id)
            if candidate.key not in agent.held:
                self.hold(agent, candidate, resources.unallocate())

    # Verification.

    def check(self) -> None:
        """Raise :class:`~mesos_compat.errors.InvariantBroken` when the books do not agree."""
        totals: Amounts = {}
        held: dict[tuple[str, str], Amounts] = {}
        plain: Amounts = {}
        for agent in self.agents.values():
            add_to(totals, Measure.of(agent.total).scalars)
            _check_agent(agent)
            for key, one in agent.held.items():
                add_to(held.setdefault(key, {}), one.measure.scalars)
                add_to(plain, one.measure.plain)
        invariant(totals == self.totals, "totals are the sum of agents", totals=self.totals)
        invariant(plain == self.quota.plain_held, "plain scalars held add up", plain=plain)
        for key, candidate in self.candidates.items():
            invariant(
                candidate.allocated == held.get(key, {}), "a candidate holds what agents say",
                key=key, allocated=candidate.allocated, held=held.get(key),
            )  # fmt: skip
            framework = self.frameworks.get(candidate.framework_id)
            invariant(candidate.framework is framework, "a candidate knows its framework", key=key)
        self._check_quota(held_keys=held)
        check = getattr(getattr(self.policy, "tree", None), "check", None)
        if check is not None:
            self.tell_totals()
            check()

    def _check_quota(self, held_keys: Mapping[tuple[str, str], Amounts]) -> None:
        for key in held_keys:
            invariant(key in self.candidates, "who holds something is known", key=key)
        reserved: dict[str, Amounts] = {}
        held: dict[str, Amounts] = {}
        for agent in self.agents.values():
            for role, amounts in reserved_by_top_role(agent.total).items():
                add_to(reserved.setdefault(role, {}), amounts)
            for (role, _framework_id), one in agent.held.items():
                add_to(held.setdefault(top_level(role), {}), one.measure.plain)
        for sums, kept in ((reserved, self.quota.reserved), (held, self.quota.held_plain)):
            wanted = {role: amounts for role, amounts in sums.items() if amounts}
            invariant(wanted == kept, "what roles consume adds up", wanted=wanted, kept=kept)


def _check_agent(agent: AgentState) -> None:
    taken = NO_RESOURCES
    for key, one in agent.held.items():
        invariant(one.resources, "what is held is something", agent=agent.agent_id, key=key)
        invariant(one.measure == Measure.of(one.resources), "a measure is up to date", key=key)
        taken = taken + one.resources.nonshared()
    invariant(taken == agent.taken, "what is taken is what all hold", agent=agent.agent_id)
    invariant(
        agent.total.contains(agent.free.resources), "what is free is there", agent=agent.agent_id
    )
    free = agent.free.resources.nonshared()
    if agent.total.contains(taken):
        invariant(
            free + taken == agent.total.nonshared(), "an agent is free or taken",
            agent=agent.agent_id, free=free, taken=taken,
        )  # fmt: skip
