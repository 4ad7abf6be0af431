"""The allocator: takes what the master tells it, decides when to run, and runs.

Source: ``HierarchicalAllocatorProcess``. Frameworks that are added, activated or revived and
agents that are added or changed want a run at once, for the agents concerned; what is freed
waits for the next periodic run, which is for all agents. However much happens between two
runs, the next is one run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from mesos_compat.allocator import holdings, maintenance, metrics
from mesos_compat.allocator.constraints import ConstraintsFilter
from mesos_compat.allocator.explain import Explainer
from mesos_compat.allocator.interface import (
    Allocation,
    Allocator,
    AllocatorOptions,
    Explanation,
)
from mesos_compat.allocator.ledger import Ledger
from mesos_compat.allocator.policies import make_policy
from mesos_compat.allocator.proposing import Proposer
from mesos_compat.allocator.quota import Quota
from mesos_compat.allocator.random_order import Below
from mesos_compat.allocator.run import Run
from mesos_compat.allocator.state import (
    AgentState,
    Amounts,
    Candidate,
    FrameworkState,
    Maintenance,
    Measure,
    add_to,
)
from mesos_compat.allocator.triggers import Triggers
from mesos_compat.errors import invariant
from mesos_compat.resources import Conversion, Limits, Quantities, Resources
from mesos_compat.wire.v1 import allocator_pb2, mesos_pb2, scheduler_pb2


class HierarchicalAllocator(Allocator):
    """Everything that is the same for all policies, around one policy."""

    def __init__(self, policy_name: str, options: AllocatorOptions, below: Below) -> None:
        """``below(n)`` gives numbers of a seeded random stream, from 0 and less than ``n``.

        Raises :class:`~mesos_compat.errors.FlagError` for what ``options`` cannot mean.
        """
        self._options = options
        self._below = below
        self._ledger = Ledger(make_policy(policy_name, options, below), options.min_allocatable)
        self._weights: dict[str, Fraction] = {}
        self._whitelist: dict[str, None] | None = None
        self._triggers = Triggers(options.allocation_interval_ms)
        self._runs = 0
        # The latest time that anybody has told.
        self._now_ms = 0

    # Recovery.

    def recover(self, expected_agents: int, has_quota: bool, now_ms: int) -> None:
        """See :class:`Allocator`."""
        self._now_ms = now_ms
        if has_quota:
            self._triggers.pause(
                expected_agents,
                self._options.agent_recovery_factor,
                now_ms + self._options.recovery_timeout_ms,
            )

    # Frameworks.

    def add_framework(
        self,
        framework_id: str,
        info: mesos_pb2.FrameworkInfo,
        *,
        used: Mapping[str, Resources],
        active: bool,
        suppressed_roles: Iterable[str],
        offer_constraints: scheduler_pb2.OfferConstraints | None,
        now_ms: int,
    ) -> None:
        """See :class:`Allocator`."""
        self._now_ms = now_ms
        ledger = self._ledger
        invariant(
            framework_id not in ledger.frameworks,
            "a framework is added once",
            framework_id=framework_id,
        )
        framework = FrameworkState(
            framework_id,
            info,
            (),
            dict.fromkeys(suppressed_roles),
            active,
            self._filter_of(offer_constraints),
        )
        framework.set_info(info)
        ledger.frameworks[framework_id] = framework
        # Agents may have told of it before.
        for candidate in ledger.candidates_of(framework_id):
            candidate.framework = framework
        for role in framework.roles:
            self._prepare(ledger.candidate(role, framework_id), framework)
        for agent_id, resources in used.items():
            agent = ledger.agents.get(agent_id)
            if agent is not None:
                ledger.add_used(agent, framework_id, resources)
        if active:
            self._triggers.concern(self._ledger.agents)

    def _filter_of(
        self, constraints: scheduler_pb2.OfferConstraints | None
    ) -> ConstraintsFilter | None:
        if constraints is None or not constraints.role_constraints:
            return None
        return ConstraintsFilter(
            constraints,
            self._options.constraints_max_mem_bytes,
            self._options.constraints_max_program_size,
        )

    def _prepare(self, candidate: Candidate, framework: FrameworkState) -> None:
        """Take over what the framework's info says about the role."""
        candidate.has_own_minimum = False
        candidate.minimum = self._options.min_allocatable
        if candidate.role in framework.info.offer_filters:
            offer_filters = framework.info.offer_filters[candidate.role]
            if offer_filters.HasField("min_allocatable_resources"):
                candidate.has_own_minimum = True
                candidate.minimum = tuple(
                    Quantities.from_map(one.quantities)
                    for one in offer_filters.min_allocatable_resources.quantities
                )
        constraints = framework.constraints
        candidate.is_constrained = constraints is not None and constraints.constrains(
            candidate.role
        )
        candidate.excluded.clear()
        self._ledger.settle(candidate)

    def remove_framework(self, framework_id: str) -> None:
        """See :class:`Allocator`."""
        ledger = self._ledger
        framework = self._framework(framework_id)
        framework.active = False
        framework.roles = ()
        for candidate in ledger.candidates_of(framework_id):
            candidate.refusals.clear()
            ledger.settle(candidate)
        for agent in ledger.agents.values():
            for key in list(agent.held):
                if key[1] == framework_id:
                    ledger.hold(agent, ledger.candidates[key], Resources())
        del ledger.frameworks[framework_id]
        ledger.policy.requested(framework_id, None)
        maintenance.forget_framework(ledger, framework_id)

    def activate_framework(self, framework_id: str) -> None:
        """See :class:`Allocator`."""
        self._framework(framework_id).active = True
        self._settle_all(framework_id)
        self._triggers.concern(self._ledger.agents)

    def deactivate_framework(self, framework_id: str) -> None:
        """See :class:`Allocator`."""
        framework = self._framework(framework_id)
        framework.active = False
        framework.inverse_refused_until_ms.clear()
        for candidate in self._ledger.candidates_of(framework_id):
            candidate.refusals.clear()
        for agent in self._ledger.agents.values():
            if agent.maintenance is not None:
                # The master withdraws its inverse offers, so they may be made again.
                agent.maintenance.outstanding.pop(framework_id, None)
        self._settle_all(framework_id)

    def update_framework(
        self,
        framework_id: str,
        info: mesos_pb2.FrameworkInfo,
        *,
        suppressed_roles: Iterable[str],
        offer_constraints: scheduler_pb2.OfferConstraints | None,
    ) -> None:
        """See :class:`Allocator`."""
        framework = self._framework(framework_id)
        revived = dict.fromkeys(framework.suppressed)
        framework.set_info(info)
        framework.suppressed = dict.fromkeys(suppressed_roles)
        framework.constraints = self._filter_of(offer_constraints)
        for candidate in self._ledger.candidates_of(framework_id):
            if candidate.role not in framework.roles:
                self._ledger.settle(candidate)
        for role in framework.roles:
            candidate = self._ledger.candidate(role, framework_id)
            if role in revived and role not in framework.suppressed:
                candidate.refusals.clear()
                framework.inverse_refused_until_ms.clear()
            self._prepare(candidate, framework)

    def _framework(self, framework_id: str) -> FrameworkState:
        frameworks = self._ledger.frameworks
        invariant(framework_id in frameworks, "the framework is known", framework_id=framework_id)
        return frameworks[framework_id]

    def _settle_all(self, framework_id: str) -> None:
        for candidate in self._ledger.candidates_of(framework_id):
            self._ledger.settle(candidate)

    # Agents.

    def add_agent(
        self,
        agent_id: str,
        info: mesos_pb2.AgentInfo,
        *,
        capabilities: Iterable[mesos_pb2.AgentInfo.Capability],
        unavailability: mesos_pb2.Unavailability | None,
        total: Resources,
        used: Mapping[str, Resources],
        now_ms: int,
    ) -> None:
        """See :class:`Allocator`."""
        self._now_ms = now_ms
        invariant(agent_id not in self._ledger.agents, "an agent is added once", agent_id=agent_id)
        agent = AgentState(agent_id, info, total)
        agent.set_capabilities(list(capabilities))
        agent.set_total(total)
        agent.is_remote = self._is_remote(agent)
        if unavailability is not None:
            agent.maintenance = Maintenance(unavailability)
        self._ledger.add_agent(agent)
        for framework_id, resources in used.items():
            self._ledger.add_used(agent, framework_id, resources)
        self._triggers.agent_added(len(self._ledger.agents))
        self._triggers.concern((agent_id,))

    def _is_remote(self, agent: AgentState) -> bool:
        domain = self._options.domain
        if domain is None or not domain.HasField("fault_domain") or agent.region is None:
            return False
        return agent.region != domain.fault_domain.region.name

    def remove_agent(self, agent_id: str) -> None:
        """See :class:`Allocator`."""
        self._ledger.remove_agent(self._agent(agent_id))
        self._triggers.concerned.pop(agent_id, None)

    def update_agent(
        self,
        agent_id: str,
        *,
        info: mesos_pb2.AgentInfo,
        total: Resources | None = None,
        capabilities: Iterable[mesos_pb2.AgentInfo.Capability] | None = None,
    ) -> None:
        """See :class:`Allocator`."""
        agent = self._agent(agent_id)
        if list(info.attributes) != list(agent.info.attributes):
            # Frameworks may have refused it for attributes that it did not have.
            for candidate in self._ledger.candidates.values():
                candidate.refusals.pop(agent_id, None)
        for candidate in self._ledger.candidates.values():
            candidate.excluded.pop(agent_id, None)
        changed = info != agent.info
        agent.info = info
        agent.is_remote = self._is_remote(agent)
        if capabilities is not None:
            before = agent.multi_role, agent.hierarchical_role
            agent.set_capabilities(list(capabilities))
            changed = changed or before != (agent.multi_role, agent.hierarchical_role)
        if total is not None and total != agent.total:
            self._ledger.set_total(agent, total)
            changed = True
        if changed:
            self._triggers.concern((agent_id,))

    def activate_agent(self, agent_id: str) -> None:
        """See :class:`Allocator`."""
        self._agent(agent_id).active = True
        self._triggers.concern((agent_id,))

    def deactivate_agent(self, agent_id: str) -> None:
        """See :class:`Allocator`."""
        self._agent(agent_id).active = False

    def update_whitelist(self, hostnames: Iterable[str] | None) -> None:
        """See :class:`Allocator`."""
        self._whitelist = None if hostnames is None else dict.fromkeys(hostnames)

    def _agent(self, agent_id: str) -> AgentState:
        agents = self._ledger.agents
        invariant(agent_id in agents, "the agent is known", agent_id=agent_id)
        return agents[agent_id]

    def _is_whitelisted(self, agent: AgentState) -> bool:
        return self._whitelist is None or agent.info.hostname in self._whitelist

    # Resources.

    def request_resources(self, framework_id: str, requests: Iterable[mesos_pb2.Request]) -> None:
        """See :class:`Allocator`. The latest REQUEST takes the place of those before."""
        amounts: Amounts = {}
        for request in requests:
            add_to(amounts, Measure.of(Resources(request.resources)).scalars)
        self._ledger.policy.requested(framework_id, amounts)

    def update_allocation(
        self, framework_id: str, agent_id: str, conversions: Iterable[Conversion]
    ) -> None:
        """See :class:`Allocator`."""
        holdings.convert(self._ledger, framework_id, self._agent(agent_id), conversions)

    def update_available(
        self, agent_id: str, operations: Iterable[mesos_pb2.Offer.Operation]
    ) -> str | None:
        """See :class:`Allocator`."""
        return holdings.operate(self._ledger, self._agent(agent_id), operations)

    def recover_resources(
        self,
        framework_id: str,
        agent_id: str,
        resources: Resources,
        filters: mesos_pb2.Filters | None,
        now_ms: int,
    ) -> None:
        """See :class:`Allocator`. What is not known to be held is not an error, as in Mesos."""
        self._now_ms = now_ms
        agent = self._ledger.agents.get(agent_id)
        if agent is not None:
            holdings.recover(
                self._ledger, framework_id, agent, resources, filters,
                self._options.allocation_interval_ms, now_ms,
            )  # fmt: skip

    # Maintenance.

    def update_unavailability(
        self, agent_id: str, unavailability: mesos_pb2.Unavailability | None
    ) -> None:
        """See :class:`Allocator`."""
        maintenance.update_unavailability(self._ledger, self._agent(agent_id), unavailability)
        self._triggers.concern((agent_id,))

    def update_inverse_offer(
        self,
        agent_id: str,
        framework_id: str,
        unavailable_resources: Resources | None,  # noqa: ARG002
        status: allocator_pb2.InverseOfferStatus | None,
        filters: mesos_pb2.Filters | None,
        now_ms: int,
    ) -> None:
        """See :class:`Allocator`."""
        self._now_ms = now_ms
        agent = self._ledger.agents.get(agent_id)
        if agent is not None:
            maintenance.update_inverse_offer(
                self._ledger, agent, framework_id, status, filters,
                self._options.allocation_interval_ms, now_ms,
            )  # fmt: skip

    def inverse_offer_statuses(self) -> dict[str, dict[str, allocator_pb2.InverseOfferStatus]]:
        """See :class:`Allocator`."""
        return {
            agent.agent_id: dict(agent.maintenance.statuses)
            for agent in self._ledger.agents.values()
            if agent.maintenance is not None
        }

    # What frameworks and operators want.

    def suppress(self, framework_id: str, roles: Iterable[str]) -> None:
        """See :class:`Allocator`."""
        framework = self._framework(framework_id)
        framework.suppressed.update(dict.fromkeys(list(roles) or framework.roles))
        self._settle_all(framework_id)

    def revive(self, framework_id: str, roles: Iterable[str], now_ms: int) -> None:
        """See :class:`Allocator`."""
        self._now_ms = now_ms
        framework = self._framework(framework_id)
        framework.inverse_refused_until_ms.clear()
        for role in list(roles) or framework.roles:
            framework.suppressed.pop(role, None)
            candidate = self._ledger.candidates.get((role, framework_id))
            if candidate is not None:
                candidate.refusals.clear()
                self._ledger.settle(candidate)
        self._triggers.concern(self._ledger.agents)

    def update_quota(self, role: str, guarantees: Quantities, limits: Limits | None) -> None:
        """See :class:`Allocator`."""
        self._ledger.quota.set_quota(role, Quota(guarantees, limits or Limits()))

    def remove_quota(self, role: str) -> None:
        """See :class:`Allocator`."""
        self._ledger.quota.set_quota(role, None)

    def update_weights(self, weights: Mapping[str, Fraction | int]) -> None:
        """See :class:`Allocator`."""
        for role, weight in weights.items():
            invariant(weight > 0, "a weight is more than zero", role=role, weight=weight)
            self._weights[role] = Fraction(weight)
        self._ledger.policy.set_weights(self._weights)

    # Running.

    def wants_run(self, now_ms: int) -> bool:
        """See :class:`Allocator`."""
        return self._triggers.wants_run(now_ms)

    def next_due_ms(self) -> int:
        """See :class:`Allocator`. Zero until there has been a run."""
        return self._triggers.next_due_ms()

    def allocate(self, now_ms: int) -> Allocation:
        """See :class:`Allocator`."""
        self._now_ms = now_ms
        if self._triggers.is_paused(now_ms):
            return Allocation()
        self._runs += 1
        ledger = self._ledger
        concerned = [
            ledger.agents[agent_id] for agent_id in self._triggers.begin(now_ms, ledger.agents)
        ]
        ledger.tell_totals()
        ledger.policy.begin_run(now_ms)
        run = Run(ledger, self._proposer(now_ms), self._below, now_ms)
        offers = run.go(
            [agent for agent in concerned if agent.active and self._is_whitelisted(agent)]
        )
        return Allocation(offers, maintenance.make_inverse_offers(ledger, concerned, now_ms))

    def _proposer(self, now_ms: int) -> Proposer:
        return Proposer(
            self._ledger, now_ms, filter_gpu_resources=self._options.filter_gpu_resources
        )

    # Looking inside.

    def metrics(self) -> dict[str, int | float]:
        """See :class:`Allocator`."""
        return {
            f"{metrics.PREFIX}/allocation_runs": self._runs,
            # There is no queue, so nothing is ever in it.
            f"{metrics.PREFIX}/event_queue_dispatches": 0,
            **metrics.resource_metrics(self._ledger),
            **metrics.role_metrics(
                self._ledger, self._options.fair_sharing_excluded_resource_names, self._now_ms
            ),
        }

    def explain(
        self,
        framework_id: str | None = None,
        role: str | None = None,
        agent_id: str | None = None,
        *,
        now_ms: int | None = None,
    ) -> Explanation:
        """See :class:`Allocator`."""
        now_ms = self._now_ms if now_ms is None else now_ms
        self._ledger.tell_totals()
        explainer = Explainer(
            self._ledger,
            self._proposer(now_ms),
            self._is_whitelisted,
            paused=self._triggers.is_paused(now_ms),
            now_ms=now_ms,
        )
        return explainer.explain(framework_id, role, agent_id)

    def check(self) -> None:
        """See :class:`Allocator`."""
        self._ledger.check()
        for agent_id in self._triggers.concerned:
            invariant(agent_id in self._ledger.agents, "who is concerned is known", id=agent_id)
