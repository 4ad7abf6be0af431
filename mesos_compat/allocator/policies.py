"""Policies by the names that ``--allocator`` knows them by."""

from __future__ import annotations

from typing import Final

from mesos_compat.allocator.capacity import CapacityScheduling
from mesos_compat.allocator.drf import DominantResourceFairness
from mesos_compat.allocator.fcfs import FirstComeFirstServed
from mesos_compat.allocator.interface import AllocatorOptions
from mesos_compat.allocator.lrf import LeastResourceFirst
from mesos_compat.allocator.policy import Policy
from mesos_compat.allocator.random_order import Below
from mesos_compat.errors import FlagError

# The first two are what Mesos calls its only one.
_DRF_NAMES: Final = ("hierarchical", "HierarchicalDRF", "drf")
POLICY_NAMES: Final = (*_DRF_NAMES, "fcfs", "lrf", "capacity")
_SORTERS: Final = ("drf", "random")


def make_policy(name: str, options: AllocatorOptions, below: Below) -> Policy:
    """The policy ``name``; raises :class:`FlagError` for what the flags cannot mean."""
    for flag, sorter in (
        ("role_sorter", options.role_sorter),
        ("framework_sorter", options.framework_sorter),
    ):
        if sorter not in _SORTERS:
            raise FlagError(f"--{flag}: '{sorter}' is none of {', '.join(_SORTERS)}")
    if name in _DRF_NAMES:
        return DominantResourceFairness(
            below,
            options.fair_sharing_excluded_resource_names,
            random_roles=options.role_sorter == "random",
            random_frameworks=options.framework_sorter == "random",
        )
    if name == "fcfs":
        return FirstComeFirstServed()
    if name == "lrf":
        return LeastResourceFirst(options.ageing_ms)
    if name == "capacity":
        if options.policy_text is None:
            raise FlagError("--allocator=capacity needs a policy file with its queues")
        return CapacityScheduling(options.policy_text, options.fair_sharing_excluded_resource_names)
    raise FlagError(f"--allocator: '{name}' is none of {', '.join(POLICY_NAMES)}")
