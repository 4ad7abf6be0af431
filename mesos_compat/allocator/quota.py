"""Quotas: what top-level roles are guaranteed, what they may have at most, what they consume.

Source: the quota part of HierarchicalAllocator. A role consumes what its subtree holds of
unreserved scalars, and all that is reserved for its subtree, held or not. Revocable resources
are outside of all this. So that a guarantee can be met when the role wants it, others leave
*headroom*: what is free, unreserved and not revocable must be at least what all guarantees
together still lack.

A limit of a top-level role binds the roles below it as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mesos_compat.allocator.state import Amounts, add_to
from mesos_compat.resources import Limits, Quantities


@dataclass(frozen=True, slots=True)
class Quota:
    """One top-level role's."""

    guarantees: Quantities
    limits: Limits


@dataclass(slots=True)
class QuotaBook:
    """Quotas, and the sums that they are held against."""

    quotas: dict[str, Quota] = field(default_factory=dict)
    # By top-level role: scalars reserved on any agent, and plain ones that are held.
    reserved: dict[str, Amounts] = field(default_factory=dict)
    held_plain: dict[str, Amounts] = field(default_factory=dict)
    # Plain scalars of all agents, and of those what is held by anybody.
    plain_total: Amounts = field(default_factory=dict)
    plain_held: Amounts = field(default_factory=dict)
    # What guarantees lack, by top-level role, without those that lack nothing; and together.
    lacking: dict[str, Amounts] = field(default_factory=dict)
    required: Amounts = field(default_factory=dict)

    def set_quota(self, role: str, quota: Quota | None) -> None:
        """``role`` has this quota from now on, or none."""
        if quota is None or (not quota.guarantees and not quota.limits):
            self.quotas.pop(role, None)
        else:
            self.quotas[role] = quota
        self._weigh(role)

    def change_reserved(self, role: str, change: Amounts, sign: int) -> None:
        """So much more, or less, is reserved below the top-level ``role``."""
        _add_by_role(self.reserved, role, change, sign)
        self._weigh(role)

    def change_held(self, role: str, change: Amounts) -> None:
        """So much more of plain scalars is held below the top-level ``role``."""
        add_to(self.plain_held, change)
        _add_by_role(self.held_plain, role, change, 1)
        if role in self.quotas:
            self._weigh(role)

    def consumed(self, role: str, name: str) -> int:
        """The thousandths of ``name`` that the top-level ``role`` consumes."""
        reserved = self.reserved.get(role)
        held = self.held_plain.get(role)
        return (reserved.get(name, 0) if reserved else 0) + (held.get(name, 0) if held else 0)

    def available(self, name: str) -> int:
        """What is free of plain scalars; less than nothing when an agent has shrunk."""
        return self.plain_total.get(name, 0) - self.plain_held.get(name, 0)

    def headroom(self) -> Amounts | None:
        """How much may be taken without touching what guarantees need; None for anything."""
        if not self.required:
            return None
        # Other names than those that some guarantee lacks are not bounded by headroom.
        return {
            name: max(0, self.available(name) - amount) for name, amount in self.required.items()
        }

    def remaining(self, role: str) -> Amounts | None:
        """How much the top-level ``role`` may still take by its limits; None for anything."""
        quota = self.quotas.get(role)
        if quota is None or not quota.limits:
            return None
        return {
            name: max(0, limit - self.consumed(role, name)) for name, limit in quota.limits.items()
        }

    def _weigh(self, role: str) -> None:
        """Work out anew what the guarantee of ``role`` lacks."""
        before = self.lacking.pop(role, None)
        if before:
            add_to(self.required, before, -1)
        quota = self.quotas.get(role)
        if quota is None:
            return
        lacking = {
            name: guarantee - self.consumed(role, name)
            for name, guarantee in quota.guarantees.items()
            if guarantee > self.consumed(role, name)
        }
        if lacking:
            self.lacking[role] = lacking
            add_to(self.required, lacking)


def _add_by_role(sums: dict[str, Amounts], role: str, change: Amounts, sign: int) -> None:
    of_role = sums.setdefault(role, {})
    add_to(of_role, change, sign)
    if not of_role:
        del sums[role]


def least(*bounds: Amounts | None) -> Amounts | None:
    """What all of several bounds allow; None, and a name that is not in one, bound nothing."""
    result: Amounts | None = None
    for bound in bounds:
        if bound is None:
            continue
        if result is None:
            result = dict(bound)
            continue
        for name, amount in bound.items():
            have = result.get(name)
            if have is None or amount < have:
                result[name] = amount
    return result
