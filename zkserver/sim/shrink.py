"""Makes a failing scenario small: drops what does not matter while it still fails.

Faults first, then operations: halves, quarters, and so on down to single ones (Zeller's
delta debugging). Another violation than the first one does not count, so that the small
scenario shows the same thing as the large one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from zkserver.sim.cluster import run
from zkserver.sim.scenario import Scenario

T = TypeVar("T")
#: Runs after which the smallest scenario found so far is good enough.
RUNS_MAX: Final = 400


class _Budget:
    """Counts runs."""

    def __init__(self, runs: int) -> None:
        self.left = runs

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


def _fewer(items: tuple[T, ...], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """The smallest part of ``items`` found that still fails, in its order."""
    size = len(items)
    while items and size:
        at = 0
        while at < len(items):
            rest = items[:at] + items[at + size :]
            if fails(rest):
                items = rest
            else:
                at += size
        size //= 2
    return items


def shrink(
    scenario: Scenario,
    runs: int = RUNS_MAX,
    runner: Callable[[Scenario], str] | None = None,
) -> Scenario:
    """The smallest scenario found that fails the same check.

    ``runner`` says which check a scenario fails, ``""`` for none; the simulator by default.
    """
    failing = runner or failed_check
    budget = _Budget(runs)
    check = failing(scenario)

    def attempt(**changes: Any) -> bool:
        nonlocal scenario
        if not budget.spend():
            return False
        smaller = replace(scenario, **changes)
        if failing(smaller) != check:
            return False
        scenario = smaller
        return True

    if not check:
        return scenario
    _fewer(scenario.faults, lambda faults: attempt(faults=faults))
    _fewer(scenario.operations, lambda operations: attempt(operations=operations))
    _fewer(scenario.faults, lambda faults: attempt(faults=faults))
    return scenario


def failed_check(scenario: Scenario) -> str:
    """The name of the check that a scenario fails, ``""`` for none."""
    found = run(scenario).violation
    return "" if found is None else found.check
