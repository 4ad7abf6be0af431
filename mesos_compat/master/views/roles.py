"""Roles that are known, who is in them, and what they hold.

Source: ``Master::knownRoles`` and ``RoleResourceBreakdown``: what a role holds, all roles below
it hold with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import Agent, Framework, MasterState
from mesos_compat.resources import Quantities, Resources
from mesos_compat.resources import roles as names

DEFAULT_WEIGHT = 1.0


@dataclass(slots=True)
class Role:
    """What a role and the roles below it hold; frameworks are of the role itself."""

    name: str
    weight: float = DEFAULT_WEIGHT
    frameworks: dict[str, None] = field(default_factory=dict)
    allocated: Quantities = field(default_factory=Quantities)
    offered: Quantities = field(default_factory=Quantities)
    reserved: Quantities = field(default_factory=Quantities)
    # Reserved, and used by nobody.
    idle: Quantities = field(default_factory=Quantities)

    @property
    def consumed(self) -> Quantities:
        """What counts against the quota: reservations do even when they are not used."""
        return self.allocated + self.idle


def known_roles(state: MasterState, settings: MasterSettings) -> list[Role]:
    """All roles, sorted by name: those of ``--roles``, or all that anything is known about."""
    found: dict[str, Role] = {}
    for framework in state.frameworks.values():
        for name in framework.roles:
            _role(found, name).frameworks[framework.framework_id] = None
        _add_offers(found, framework)
    for agent in state.agents.values():
        _add_agent(found, agent)
    for name in (*state.weights, *state.quotas, *(settings.roles or ())):
        _role(found, name)
    for name, weight in state.weights.items():
        found[name].weight = weight
    if settings.roles is not None:
        shown = _with_ancestors(settings.roles)
        found = {name: role for name, role in found.items() if name in shown}
    return [found[name] for name in sorted(found)]


def _with_ancestors(wanted: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(one for name in wanted for one in (name, *names.ancestors(name)))


def _role(found: dict[str, Role], name: str) -> Role:
    """The role, made when it is new, and those above it too."""
    known = found.get(name)
    if known is None:
        for above in names.ancestors(name):
            found.setdefault(above, Role(above))
        known = found[name] = Role(name)
    return known


def _with_above(found: dict[str, Role], name: str) -> list[Role]:
    return [_role(found, name), *(found[above] for above in names.ancestors(name))]


def _add_offers(found: dict[str, Role], framework: Framework) -> None:
    offered = Resources()
    for offer in framework.offers.values():
        offered += offer.resources
    for name, part in offered.allocations().items():
        quantities = part.quantities()
        for role in _with_above(found, name):
            role.offered += quantities


def _add_agent(found: dict[str, Role], agent: Agent) -> None:
    used: dict[str, Quantities] = {}
    for framework_id, resources in agent.used.items():
        for name, part in resources.allocations().items():
            # Also a role that the framework has left with tasks running in it.
            _role(found, name).frameworks[framework_id] = None
            quantities = part.quantities()
            for role in _with_above(found, name):
                role.allocated += quantities
        for name, part in resources.reservations().items():
            used[name] = used.get(name, Quantities()) + part.quantities()
    for name, part in agent.total.reservations().items():
        reserved = part.quantities()
        idle = reserved - used.get(name, Quantities())
        for role in _with_above(found, name):
            role.reserved += reserved
            role.idle += idle
