"""What the master asks of an allocator, and what it gets back.

Source: ``mesos::allocator::Allocator``. The callbacks for offers and inverse offers are here
the result of :meth:`Allocator.allocate`; there is no queue, since nothing here waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, Protocol

from mesos_compat.resources import Limits, Quantities, Resources
from mesos_compat.resources.convert import Conversion
from mesos_compat.wire.v1 import allocator_pb2, mesos_pb2, scheduler_pb2

DEFAULT_REFUSE_MS: Final = 5_000
MAX_REFUSE_MS: Final = 365 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class AllocatorOptions:
    """The master's flags that concern the allocator."""

    # --allocation_interval: all agents are looked at this often.
    allocation_interval_ms: int = 1000
    # --role_sorter and --framework_sorter: "drf" or "random"; only policy drf looks at them.
    role_sorter: str = "drf"
    framework_sorter: str = "drf"
    # --fair_sharing_excluded_resource_names: these never make a share dominant.
    fair_sharing_excluded_resource_names: tuple[str, ...] = ()
    # --filter_gpu_resources: agents with gpus are for GPU_RESOURCES frameworks only.
    filter_gpu_resources: bool = True
    # --min_allocatable_resources: any one of these suffices; when empty, anything does.
    min_allocatable: tuple[Quantities, ...] = (
        Quantities([("cpus", 10)]),
        Quantities([("mem", 32_000)]),
    )
    # --allocator_recovery_timeout and --allocator_agent_recovery_factor.
    recovery_timeout_ms: int = 600_000
    agent_recovery_factor: Fraction = Fraction(4, 5)
    # --offer_constraints_re2_max_mem and _max_program_size.
    constraints_max_mem_bytes: int = 4096
    constraints_max_program_size: int = 100
    # The contents of the policy file, which only policy capacity has.
    policy_text: str | None = None
    # Least-resource-first: a demand that has waited this long counts half.
    ageing_ms: int = 60_000
    # --domain of the master.
    domain: mesos_pb2.DomainInfo | None = None


@dataclass(frozen=True, slots=True)
class Allotment:
    """What the master is to offer: resources of one agent, allocated to one role."""

    framework_id: str
    role: str
    agent_id: str
    resources: Resources


@dataclass(frozen=True, slots=True)
class InverseAllotment:
    """An inverse offer to make. As in Mesos ``resources`` is empty: all of the agent is meant."""

    framework_id: str
    agent_id: str
    resources: Resources
    unavailability: mesos_pb2.Unavailability


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one run came to; the offers are grouped by framework."""

    offers: tuple[Allotment, ...] = ()
    inverse_offers: tuple[InverseAllotment, ...] = ()


class Reason(StrEnum):
    """Why a framework has, or has not, been offered an agent for a role."""

    OFFERED = "has been offered what it has there"
    PAUSED = "paused until enough agents are back"
    FRAMEWORK_INACTIVE = "framework is inactive"
    NOT_SUBSCRIBED = "framework is not subscribed to the role any more"
    SUPPRESSED = "framework has suppressed the role"
    AGENT_INACTIVE = "agent is inactive"
    NOT_WHITELISTED = "agent is not on the whitelist"
    CONSTRAINT = "offer constraints exclude the agent"
    GPU = "agent has gpus, framework lacks GPU_RESOURCES"
    REGION = "agent is in another region, framework lacks REGION_AWARE"
    AGENT_CAPABILITY = "agent lacks MULTI_ROLE or HIERARCHICAL_ROLE"
    NOTHING = "agent has no resources"
    FRAMEWORK_CAPABILITY = "framework lacks the capability for what is left"
    RESERVED = "what is left is reserved for another role"
    TAKEN = "others have what the agent has"
    BELOW_MINIMUM = "less is left than the smallest offer"
    QUOTA_LIMIT = "quota limit of the role is reached"
    HEADROOM = "held back for guarantees of other roles"
    POLICY_LIMIT = "policy allows no more now"
    FILTERED = "framework has refused it for now"
    BEHIND = "another framework comes first"
    WAITING = "comes with the next run"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of an explanation."""

    framework_id: str
    role: str
    agent_id: str
    reason: Reason
    # What is or could be offered, unallocated; empty when nothing is left.
    resources: Resources
    # The time when a refusal ends, on the clock of ``now_ms``; with FILTERED only.
    until_ms: int | None = None
    # Who holds what the agent has, sorted, with TAKEN and BELOW_MINIMUM; who comes first, with
    # BEHIND.
    holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why things are as they are, for the frameworks, roles and agents asked about."""

    policy: str
    # The pairs of role and framework as the policy would serve them, the first first.
    order: tuple[tuple[str, str], ...]
    verdicts: tuple[Verdict, ...]


class Allocator(Protocol):
    """Decides who is offered what. Times are milliseconds of one clock that never goes back."""

    def recover(self, expected_agents: int, has_quota: bool, now_ms: int) -> None:
        """After a failover: with quotas, offer nothing until enough agents are back."""

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
        """A new framework. ``used`` by agent id: what it has that no agent has told of yet."""

    def remove_framework(self, framework_id: str) -> None:
        """It is gone, and what it still has is free."""

    def activate_framework(self, framework_id: str) -> None:
        """It may be offered resources again."""

    def deactivate_framework(self, framework_id: str) -> None:
        """It is offered nothing, and its filters are forgotten; what it has it keeps."""

    def update_framework(
        self,
        framework_id: str,
        info: mesos_pb2.FrameworkInfo,
        *,
        suppressed_roles: Iterable[str],
        offer_constraints: scheduler_pb2.OfferConstraints | None,
    ) -> None:
        """New roles, capabilities, filters and constraints; ``suppressed_roles`` is complete."""

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
        """A new agent. ``used`` by framework id; those frameworks may be unknown as yet."""

    def remove_agent(self, agent_id: str) -> None:
        """It is gone, and so is what frameworks had there."""

    def update_agent(
        self,
        agent_id: str,
        *,
        info: mesos_pb2.AgentInfo,
        total: Resources | None = None,
        capabilities: Iterable[mesos_pb2.AgentInfo.Capability] | None = None,
    ) -> None:
        """It came back changed; None is what it was. New attributes end its filters."""

    def activate_agent(self, agent_id: str) -> None:
        """Its resources may be offered again."""

    def deactivate_agent(self, agent_id: str) -> None:
        """Its resources are not offered."""

    def update_whitelist(self, hostnames: Iterable[str] | None) -> None:
        """Only agents on these hosts are offered; None means all."""

    # Resources.

    def request_resources(self, framework_id: str, requests: Iterable[mesos_pb2.Request]) -> None:
        """REQUEST: only policy lrf makes use of it."""

    def update_allocation(
        self, framework_id: str, agent_id: str, conversions: Iterable[Conversion]
    ) -> None:
        """Operations have changed what the framework holds there, all of it allocated."""

    def update_available(
        self, agent_id: str, operations: Iterable[mesos_pb2.Offer.Operation]
    ) -> str | None:
        """An operator's operations on what is free; why it cannot be, or None when done."""

    def recover_resources(
        self,
        framework_id: str,
        agent_id: str,
        resources: Resources,
        filters: mesos_pb2.Filters | None,
        now_ms: int,
    ) -> None:
        """Allocated resources are free again; with ``filters`` they were refused."""

    # Maintenance.

    def update_unavailability(
        self, agent_id: str, unavailability: mesos_pb2.Unavailability | None
    ) -> None:
        """Maintenance is planned, planned anew, or called off."""

    def update_inverse_offer(
        self,
        agent_id: str,
        framework_id: str,
        unavailable_resources: Resources | None,
        status: allocator_pb2.InverseOfferStatus | None,
        filters: mesos_pb2.Filters | None,
        now_ms: int,
    ) -> None:
        """An inverse offer was answered, or (without ``status``) withdrawn."""

    def inverse_offer_statuses(self) -> dict[str, dict[str, allocator_pb2.InverseOfferStatus]]:
        """The last answers by agent and framework, of the agents with planned maintenance."""

    # What frameworks and operators want.

    def suppress(self, framework_id: str, roles: Iterable[str]) -> None:
        """No offers for these roles, or for all of the framework's when there are none."""

    def revive(self, framework_id: str, roles: Iterable[str], now_ms: int) -> None:
        """Offers again and filters gone, for these roles, or for all when there are none."""

    def update_quota(self, role: str, guarantees: Quantities, limits: Limits | None) -> None:
        """A top-level role's quota, which counts for all roles below it too."""

    def remove_quota(self, role: str) -> None:
        """No guarantees and no limits for this role."""

    def update_weights(self, weights: Mapping[str, Fraction | int]) -> None:
        """Weights of roles, which are more than zero; others stay."""

    # Running.

    def wants_run(self, now_ms: int) -> bool:
        """Whether :meth:`allocate` has something to do now."""

    def next_due_ms(self) -> int:
        """When to ask :meth:`wants_run` again at the latest, if nothing happens before."""

    def allocate(self, now_ms: int) -> Allocation:
        """One run over the agents concerned, or over all when the interval has passed."""

    def metrics(self) -> dict[str, int | float]:
        """The numbers of ``allocator/mesos/...`` by their full names, as of the latest time."""

    def explain(
        self,
        framework_id: str | None = None,
        role: str | None = None,
        agent_id: str | None = None,
        *,
        now_ms: int | None = None,
    ) -> Explanation:
        """What the next run would do and why, for one or for all of each; changes nothing.

        Without ``now_ms`` the latest time that the allocator was told.
        """

    def check(self) -> None:
        """Raise :class:`~mesos_compat.errors.InvariantBroken` when the books do not agree."""
