"""What the allocator knows of frameworks and agents.

:class:`Candidate` is a framework in one of its roles: what offers are for, what refusals and
shares belong to. :class:`AgentState` says what an agent has, who holds what of it, and (as a
:class:`Free`, made when asked for) what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mesos_compat.allocator.constraints import ConstraintsFilter
from mesos_compat.allocator.filters import Refusal
from mesos_compat.resources import Kind, Quantities, Resources
from mesos_compat.wire.v1 import allocator_pb2, mesos_pb2

_Capability = mesos_pb2.FrameworkInfo.Capability
_AgentCapability = mesos_pb2.AgentInfo.Capability

# Thousandths by name; an amount of a change may be negative.
Amounts = dict[str, int]

NO_RESOURCES: Final = Resources()


def top_level(role: str) -> str:
    """The role at the top of the path, which is the one that can have a quota."""
    return role.partition("/")[0]


def add_to(sums: Amounts, more: Amounts, sign: int = 1) -> None:
    """Add ``more`` to ``sums``, or take it away; names that come to nothing are dropped."""
    for name, amount in more.items():
        total = sums.get(name, 0) + sign * amount
        if total:
            sums[name] = total
        else:
            sums.pop(name, None)


def is_plain(kind: Kind) -> bool:
    """Whether quotas bound it: an unreserved scalar that cannot be taken away again."""
    return kind.is_scalar and not kind.reservations and not kind.revocable and not kind.shared


class Measure(NamedTuple):
    """Scalars of some resources by name: all of them, and the plain ones."""

    scalars: Amounts
    plain: Amounts

    @classmethod
    def of(cls, resources: Resources) -> Measure:
        """The measure of ``resources``; a shared volume counts once, however often it is held."""
        scalars: Amounts = {}
        plain: Amounts = {}
        for kind, amount in resources.kinds():
            if not kind.is_scalar or not isinstance(amount, int):
                continue
            if kind.size is not None and isinstance(kind.size, int):
                amount = kind.size if kind.shared else amount * kind.size
            scalars[kind.name] = scalars.get(kind.name, 0) + amount
            if is_plain(kind):
                plain[kind.name] = plain.get(kind.name, 0) + amount
        return cls(scalars, plain)


NOTHING: Final = Measure({}, {})


def reserved_by_top_role(total: Resources) -> dict[str, Amounts]:
    """Reserved scalars by the top-level role that they are reserved under."""
    sums: dict[str, Amounts] = {}
    for role, resources in total.nonrevocable().reservations().items():
        add_to(sums.setdefault(top_level(role), {}), Measure.of(resources).scalars)
    return sums


@dataclass(slots=True, eq=False)
class FrameworkState:
    """A framework, as far as it matters for offers."""

    framework_id: str
    info: mesos_pb2.FrameworkInfo
    # Its roles in its own order, and those it wants nothing for just now.
    roles: tuple[str, ...]
    suppressed: dict[str, None]
    # False while it is disconnected or has been deactivated.
    active: bool
    constraints: ConstraintsFilter | None
    # Agents about which it wants no inverse offer before this time, in ms.
    inverse_refused_until_ms: dict[str, int] = field(default_factory=dict)
    # Its capabilities.
    gpu_resources: bool = False
    region_aware: bool = False
    multi_role: bool = False
    # Whether it may have revocable, shared and refined resources.
    stripped: tuple[bool, bool, bool] = (False, False, False)

    def set_info(self, info: mesos_pb2.FrameworkInfo) -> None:
        """Take over roles and capabilities from ``info``."""
        self.info = info
        capabilities = [capability.type for capability in info.capabilities]
        self.multi_role = _Capability.MULTI_ROLE in capabilities
        self.gpu_resources = _Capability.GPU_RESOURCES in capabilities
        self.region_aware = _Capability.REGION_AWARE in capabilities
        self.stripped = (
            _Capability.REVOCABLE_RESOURCES not in capabilities,
            _Capability.SHARED_RESOURCES not in capabilities,
            _Capability.RESERVATION_REFINEMENT not in capabilities,
        )
        self.roles = tuple(dict.fromkeys(info.roles)) if self.multi_role else (info.role,)


@dataclass(slots=True, eq=False)
class Candidate:
    """A framework in one role, subscribed to it or only still holding resources for it."""

    role: str
    framework_id: str
    # The role at the top of its path.
    top_role: str
    # None while only agents have told of it.
    framework: FrameworkState | None = None
    # Whether it is to be offered anything: active, subscribed to the role, not suppressed.
    wants: bool = False
    # Counts the transitions to wanting, of all candidates together.
    wanting_number: int = 0
    # Refusals by agent, the newest of each.
    refusals: dict[str, Refusal] = field(default_factory=dict)
    # The smallest offers it wants, of which any one suffices; all are wanted when empty.
    minimum: tuple[Quantities, ...] = ()
    has_own_minimum: bool = False
    # All scalars that it holds, in thousandths.
    allocated: Amounts = field(default_factory=dict)
    # How many agents it holds something on.
    holdings: int = 0
    # Whether there are constraints for the role.
    is_constrained: bool = False
    # Whether its constraints exclude an agent, as far as that has been asked.
    excluded: dict[str, bool] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Role and framework."""
        return self.role, self.framework_id


class Offering(NamedTuple):
    """What could be offered at most to some candidates: unbounded parts, and plain scalars."""

    unbounded: Resources
    plain: Resources
    whole: Resources
    measure: Measure


class Free:
    """What is free on an agent, sorted by who may have it."""

    __slots__ = ("_has_reserved", "_is_special", "_offerings", "resources")

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self._offerings: dict[tuple[str | None, tuple[bool, bool, bool] | None], Offering] = {}
        self._has_reserved = False
        self._is_special = False
        for kind, _amount in resources.kinds():
            if kind.reservations:
                self._has_reserved = True
            if kind.revocable or kind.shared or len(kind.reservations) > 1:
                self._is_special = True

    def offering(self, role: str, stripped: tuple[bool, bool, bool]) -> Offering:
        """What ``role`` may have, without what the framework is not capable of."""
        key = (role if self._has_reserved else None, stripped if self._is_special else None)
        offering = self._offerings.get(key)
        if offering is None:
            offering = self._offerings[key] = self._made(role, stripped)
        return offering

    def _made(self, role: str, stripped: tuple[bool, bool, bool]) -> Offering:
        no_revocable, no_shared, no_refined = stripped
        unbounded = []
        plain = []
        for kind, amount in self.resources.kinds():
            if is_plain(kind):
                plain.append((kind, amount))
            elif (
                kind.is_allocatable_to(role)
                and not (no_revocable and kind.revocable)
                and not (no_shared and kind.shared)
                and not (no_refined and len(kind.reservations) > 1)
            ):
                unbounded.append((kind, amount))
        first, second = Resources.of_kinds(unbounded), Resources.of_kinds(plain)
        whole = first + second
        return Offering(first, second, whole, Measure.of(whole))


class Held(NamedTuple):
    """What a candidate holds on an agent, offered or in use; unallocated."""

    resources: Resources
    measure: Measure


@dataclass(slots=True, eq=False)
class Maintenance:
    """When an agent will be unavailable, and what frameworks said to that."""

    unavailability: mesos_pb2.Unavailability
    # Frameworks with an inverse offer to answer.
    outstanding: dict[str, None] = field(default_factory=dict)
    # Last answers by framework.
    statuses: dict[str, allocator_pb2.InverseOfferStatus] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class AgentState:
    """An agent, as far as it matters for offers."""

    agent_id: str
    info: mesos_pb2.AgentInfo
    # All that it has, unallocated; a shared volume is there once.
    total: Resources
    # Whether its resources may be offered.
    active: bool = True
    multi_role: bool = False
    hierarchical_role: bool = False
    # Whether it has gpus, free or not, and whether it is in another region than the master.
    has_gpus: bool = False
    is_remote: bool = False
    maintenance: Maintenance | None = None
    # By role and framework; together they may be more than the total, if that has shrunk.
    held: dict[tuple[str, str], Held] = field(default_factory=dict)
    # What is held of other than shared resources.
    taken: Resources = field(default_factory=Resources)
    # Grows whenever what is free changes.
    generation: int = 0
    _free: Free | None = None
    # The free resources while nobody holds any.
    _untouched: Free | None = None

    def set_capabilities(self, capabilities: list[mesos_pb2.AgentInfo.Capability]) -> None:
        """Take over what the agent says it can."""
        types = [capability.type for capability in capabilities]
        self.multi_role = _AgentCapability.MULTI_ROLE in types
        self.hierarchical_role = _AgentCapability.HIERARCHICAL_ROLE in types

    @property
    def region(self) -> str | None:
        """The region of its fault domain, if it has one."""
        domain = self.info.domain
        return domain.fault_domain.region.name if domain.HasField("fault_domain") else None

    def set_total(self, total: Resources) -> None:
        """It has ``total`` from now on."""
        self.total = total
        self.has_gpus = any(kind.name == "gpus" for kind, _amount in total.kinds())
        self._untouched = None
        self.touch()

    def touch(self) -> None:
        """What is free may have changed."""
        self._free = None
        self.generation += 1

    def take(self, resources: Resources) -> None:
        """Part of what is free was offered; shared volumes are not offered again in this run."""
        self.taken = self.taken + resources.nonshared()
        self._free = Free(self.free.resources - resources)
        self.generation += 1

    @property
    def free(self) -> Free:
        """What is left to offer."""
        if self._free is None:
            if self.taken:
                shared = self.total.shared()
                left = self.total.nonshared() if shared else self.total
                self._free = Free(left - self.taken + shared)
            else:
                if self._untouched is None:
                    self._untouched = Free(self.total)
                self._free = self._untouched
        return self._free
