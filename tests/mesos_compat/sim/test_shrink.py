"""Shrinking keeps what matters and drops the rest."""

from __future__ import annotations

from mesos_compat.sim.knobs import Knobs
from mesos_compat.sim.scenario import Scenario, draw
from mesos_compat.sim.shrink import shrink


def large() -> Scenario:
    """A scenario in which much happens."""
    return next(one for one in map(draw, range(100)) if len(one.happenings) >= 10)


def test_only_what_the_failure_needs_is_left() -> None:
    scenario = large()
    needed = scenario.happenings[1], scenario.happenings[7]

    def runner(tried: Scenario) -> str:
        return "books" if all(one in tried.happenings for one in needed) else ""

    small = shrink(scenario, runner=runner)
    assert small.happenings == needed
    assert small.knobs == Knobs()


def test_knobs_that_matter_stay() -> None:
    scenario = large()
    knobs = scenario.knobs
    usual = Knobs()
    (name, *_rest) = (line.split()[0] for line in knobs.lines())

    def runner(tried: Scenario) -> str:
        return "" if getattr(tried.knobs, name) == getattr(usual, name) else "books"

    assert [line.split()[0] for line in shrink(scenario, runner=runner).knobs.lines()] == [name]


def test_another_failure_does_not_count() -> None:
    def runner(tried: Scenario) -> str:
        return "first" if len(tried.happenings) > 4 else "second"

    assert len(shrink(large(), runner=runner).happenings) == 5


def test_a_scenario_that_does_not_fail_is_left_alone() -> None:
    scenario = large()
    verdicts = iter([""])
    assert shrink(scenario, runner=lambda _: next(verdicts)) is scenario


def test_no_more_runs_are_made_than_allowed() -> None:
    runs: list[Scenario] = []

    def runner(tried: Scenario) -> str:
        runs.append(tried)
        return "books"

    shrink(large(), runs=3, runner=runner)
    assert len(runs) == 3
