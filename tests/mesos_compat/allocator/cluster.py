"""A small cluster around an allocator: short names, one clock, and declining by default."""

from __future__ import annotations

import random

from mesos_compat.allocator import (
    AllocatorOptions,
    Allotment,
    HierarchicalAllocator,
    InverseAllotment,
    Reason,
)
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

MODERN_AGENT = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT")


def agent_capabilities(names: tuple[str, ...]) -> list[mesos_pb2.AgentInfo.Capability]:
    kind = mesos_pb2.AgentInfo.Capability.Type
    return [mesos_pb2.AgentInfo.Capability(type=kind.Name(kind.Value(name))) for name in names]


def domain(region: str, zone: str = "z") -> mesos_pb2.DomainInfo:
    info = mesos_pb2.DomainInfo()
    info.fault_domain.region.name = region
    info.fault_domain.zone.name = zone
    return info


def framework_info(
    *roles: str,
    can: tuple[str, ...] = (),
    user: str = "user",
    minimum: dict[str, list[dict[str, float]]] | None = None,
) -> mesos_pb2.FrameworkInfo:
    info = mesos_pb2.FrameworkInfo(user=user, name="test", roles=roles)
    for name in ("MULTI_ROLE", "RESERVATION_REFINEMENT", *can):
        info.capabilities.add(type=mesos_pb2.FrameworkInfo.Capability.Type.Value(name))
    for role, alternatives in (minimum or {}).items():
        wanted = info.offer_filters[role].min_allocatable_resources
        wanted.SetInParent()
        for amounts in alternatives:
            quantities = wanted.quantities.add().quantities
            for name, amount in amounts.items():
                quantities[name].value = amount
    return info


class Cluster:
    """One allocator and the time."""

    def __init__(
        self, policy: str = "drf", options: AllocatorOptions | None = None, seed: int = 1
    ) -> None:
        chance = random.Random(seed)
        self.options = options or AllocatorOptions()
        self.allocator = HierarchicalAllocator(policy, self.options, chance.randrange)
        self.now_ms = 0
        self.inverse: list[InverseAllotment] = []

    def agent(
        self,
        agent_id: str,
        total: str | Resources,
        *,
        can: tuple[str, ...] = MODERN_AGENT,
        attributes: str = "",
        region: str | None = None,
        unavailability: mesos_pb2.Unavailability | None = None,
        used: dict[str, Resources] | None = None,
    ) -> None:
        self.allocator.add_agent(
            agent_id,
            self.agent_info(agent_id, attributes, region),
            capabilities=agent_capabilities(can),
            unavailability=unavailability,
            total=Resources.parse(total) if isinstance(total, str) else total,
            used=used or {},
            now_ms=self.now_ms,
        )

    def agent_info(
        self, agent_id: str, attributes: str = "", region: str | None = None
    ) -> mesos_pb2.AgentInfo:
        info = mesos_pb2.AgentInfo(hostname=f"{agent_id}.example")
        info.id.value = agent_id
        for pair in filter(None, attributes.split(";")):
            name, _colon, value = pair.partition(":")
            attribute = info.attributes.add(name=name, type=mesos_pb2.Value.TEXT)
            if value.isdigit():
                attribute.type = mesos_pb2.Value.SCALAR
                attribute.scalar.value = int(value)
            else:
                attribute.text.value = value
        if region is not None:
            info.domain.CopyFrom(domain(region))
        return info

    def framework(
        self,
        framework_id: str,
        *roles: str,
        can: tuple[str, ...] = (),
        user: str = "user",
        minimum: dict[str, list[dict[str, float]]] | None = None,
        active: bool = True,
        suppressed: tuple[str, ...] = (),
        constraints: scheduler_pb2.OfferConstraints | None = None,
        used: dict[str, Resources] | None = None,
    ) -> None:
        self.allocator.add_framework(
            framework_id,
            framework_info(*(roles or ("role",)), can=can, user=user, minimum=minimum),
            used=used or {},
            active=active,
            suppressed_roles=suppressed,
            offer_constraints=constraints,
            now_ms=self.now_ms,
        )

    def run(self, after_ms: int = 0) -> list[Allotment]:
        """What a run offers, ``after_ms`` later; the books are checked after it."""
        self.now_ms += after_ms
        allocation = self.allocator.allocate(self.now_ms)
        self.inverse = list(allocation.inverse_offers)
        self.allocator.check()
        return list(allocation.offers)

    def tick(self) -> list[Allotment]:
        """What the next periodic run offers."""
        return self.run(self.options.allocation_interval_ms)

    def decline(
        self, offer: Allotment, seconds: float | None = None, part: Resources | None = None
    ) -> None:
        """Give ``part`` or all of an offer back, refused for so long; None means the default."""
        filters = mesos_pb2.Filters()
        if seconds is not None:
            filters.refuse_seconds = seconds
        self.recover(offer, offer.resources if part is None else part, filters)

    def recover(
        self, offer: Allotment, part: Resources, filters: mesos_pb2.Filters | None = None
    ) -> None:
        self.allocator.recover_resources(
            offer.framework_id, offer.agent_id, part, filters, self.now_ms
        )

    def accept(self, offer: Allotment, task: str, seconds: float = 0) -> bool:
        """Launch a task with these resources; too small an offer is declined."""
        wanted = Resources.parse(task).allocate(offer.role)
        fits = offer.resources.contains(wanted)
        self.decline(offer, seconds, offer.resources - wanted if fits else None)
        return fits

    def end(self, framework_id: str, agent_id: str, task: str, role: str = "role") -> None:
        """A task ends."""
        freed = Resources.parse(task).allocate(role)
        self.allocator.recover_resources(framework_id, agent_id, freed, None, self.now_ms)

    def reason(self, framework_id: str, agent_id: str, role: str | None = None) -> Reason:
        """The explanation's only verdict on a framework and an agent."""
        explanation = self.allocator.explain(framework_id, role, agent_id, now_ms=self.now_ms)
        (verdict,) = explanation.verdicts
        return verdict.reason

    def share(self, role: str) -> float:
        return self.allocator.metrics()[f"allocator/mesos/roles/{role}/shares/dominant"]


def shown(offers: list[Allotment]) -> list[tuple[str, str, str, str]]:
    """Offers as framework, role, agent and text without the allocation, sorted."""
    return sorted(
        (one.framework_id, one.role, one.agent_id, str(one.resources.unallocate()))
        for one in offers
    )


def holders(offers: list[Allotment]) -> dict[str, str]:
    """Who was offered which agent, where each went to one."""
    found = {one.agent_id: one.framework_id for one in offers}
    assert len(found) == len(offers)
    return found
