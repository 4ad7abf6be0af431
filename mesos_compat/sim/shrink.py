"""Makes a failing scenario small: leaves happenings out while it still fails.

Halves first, then quarters, and so on down to single ones (Zeller's delta debugging), and then
the knobs, each set back to what is usual. Another violation than the first one does not count,
so that the small scenario shows the same thing as the large one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Final

from mesos_compat.sim.cluster import run
from mesos_compat.sim.happenings import Happening
from mesos_compat.sim.knobs import Knobs
from mesos_compat.sim.scenario import Scenario

#: Runs after which the smallest scenario found so far is good enough.
RUNS_MAX: Final = 200

#: Which check a scenario fails; empty for none.
Runner = Callable[[Scenario], str]


class _Attempts:
    """The smallest scenario so far, and how many runs are left to find a smaller one."""

    def __init__(self, scenario: Scenario, runs: int, failing: Runner) -> None:
        self.smallest = scenario
        self._left = runs - 1
        self._failing = failing
        self._check = failing(scenario)

    @property
    def is_failing(self) -> bool:
        """Whether the first scenario fails at all."""
        return bool(self._check)

    def take(self, scenario: Scenario) -> bool:
        """Whether ``scenario`` fails as the first did; then it is the smallest."""
        if self._left <= 0:
            return False
        self._left -= 1
        if self._failing(scenario) != self._check:
            return False
        self.smallest = scenario
        return True


def shrink(scenario: Scenario, runs: int = RUNS_MAX, runner: Runner | None = None) -> Scenario:
    """The smallest scenario found within ``runs`` runs that fails the same check.

    ``runner`` says which check a scenario fails; it runs the scenario by default.
    """
    attempts = _Attempts(scenario, runs, runner or failed_check)
    if attempts.is_failing:
        _fewer_happenings(attempts)
        _usual_knobs(attempts)
    return attempts.smallest


def _fewer_happenings(attempts: _Attempts) -> None:
    size = len(attempts.smallest.happenings)
    while size:
        at = 0
        while at < len(attempts.smallest.happenings):
            kept: tuple[Happening, ...] = attempts.smallest.happenings
            rest = kept[:at] + kept[at + size :]
            if not attempts.take(replace(attempts.smallest, happenings=rest)):
                at += size
        size //= 2


def _usual_knobs(attempts: _Attempts) -> None:
    usual = Knobs()
    for one in fields(Knobs):
        value = getattr(usual, one.name)
        knobs = attempts.smallest.knobs
        if getattr(knobs, one.name) != value:
            changed = replace(knobs, **{one.name: value})
            attempts.take(replace(attempts.smallest, knobs=changed))


def failed_check(scenario: Scenario) -> str:
    """The name of the check that a scenario fails, empty for none."""
    found = run(scenario).violation
    return "" if found is None else found.check
