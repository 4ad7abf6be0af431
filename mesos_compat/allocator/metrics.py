"""The allocator's numbers, by the names that Mesos gives them.

Source: ``allocator/mesos/...`` of HierarchicalAllocator's metrics. How long runs take is
measured by whoever has a clock.
"""

from __future__ import annotations

from mesos_compat.allocator import filters
from mesos_compat.allocator.ledger import Ledger
from mesos_compat.allocator.state import Amounts, Measure, add_to
from mesos_compat.resources import roles
from mesos_compat.resources.values import to_double

PREFIX = "allocator/mesos"
# Always there, even when no agent has any.
_USUAL_NAMES = ("cpus", "disk", "gpus", "mem")


def resource_metrics(ledger: Ledger) -> dict[str, int | float]:
    """What all agents have and what of it is offered or in use."""
    held: Amounts = {}
    for agent in ledger.agents.values():
        if agent.held:
            resources = agent.taken
            for one in agent.held.values():
                shared = one.resources.shared()
                if shared and not resources.contains(shared):
                    # A shared volume counts once, whoever uses it.
                    resources = resources + (shared - resources.shared())
            add_to(held, Measure.of(resources).scalars)
    shown: dict[str, int | float] = {}
    for name in sorted(dict.fromkeys((*_USUAL_NAMES, *ledger.totals))):
        key = f"{PREFIX}/resources/{name}"
        shown[f"{key}/total"] = to_double(ledger.totals.get(name, 0))
        shown[f"{key}/offered_or_allocated"] = to_double(held.get(name, 0))
    return shown


def role_metrics(
    ledger: Ledger, excluded_names: tuple[str, ...], now_ms: int
) -> dict[str, int | float]:
    """Dominant shares and refusals by role, and quotas."""
    held: dict[str, Amounts] = {}
    refusals: dict[str, int] = {}
    for candidate in ledger.candidates.values():
        refusals.setdefault(candidate.role, 0)
        for newest in candidate.refusals.values():
            refusals[candidate.role] += filters.count(newest, now_ms)
        for role in (candidate.role, *roles.ancestors(candidate.role)):
            add_to(held.setdefault(role, {}), candidate.allocated)
    shown: dict[str, int | float] = {}
    for role in sorted(held):
        shown[f"{PREFIX}/roles/{role}/shares/dominant"] = max(
            (
                amount / ledger.totals[name]
                for name, amount in held[role].items()
                if name not in excluded_names and ledger.totals.get(name)
            ),
            default=0.0,
        )
    for role in sorted(refusals):
        shown[f"{PREFIX}/offer_filters/roles/{role}/active"] = refusals[role]
    for role in sorted(ledger.quota.quotas):
        shown.update(_quota_metrics(ledger, role, held.get(role, {})))
    return shown


def _quota_metrics(ledger: Ledger, role: str, held: Amounts) -> dict[str, int | float]:
    quota = ledger.quota.quotas[role]
    shown: dict[str, int | float] = {}
    for name, guarantee in quota.guarantees.items():
        key = f"{PREFIX}/quota/roles/{role}/resources/{name}"
        shown[f"{key}/guarantee"] = to_double(guarantee)
        shown[f"{key}/offered_or_allocated"] = to_double(held.get(name, 0))
    for name, limit in quota.limits.items():
        key = f"{PREFIX}/quota/roles/{role}/resources/{name}"
        shown[f"{key}/limit"] = to_double(limit)
        shown[f"{key}/offered_or_allocated"] = to_double(held.get(name, 0))
    return shown
