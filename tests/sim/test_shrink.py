"""Shrinking keeps what matters and drops the rest."""

from __future__ import annotations

from zkserver.sim.planted import planted
from zkserver.sim.scenario import Scenario, draw
from zkserver.sim.shrink import failed_check, shrink


def test_only_what_the_failure_needs_is_left() -> None:
    scenario = draw(3, 3)
    needed = scenario.operations[7], scenario.operations[40]

    def runner(tried: Scenario) -> str:
        return "order" if all(one in tried.operations for one in needed) else ""

    small = shrink(scenario, runner=runner)
    assert small.operations == needed
    assert small.faults == ()


def test_another_failure_does_not_count() -> None:
    scenario = draw(3, 3)

    def runner(tried: Scenario) -> str:
        return "first" if len(tried.operations) > 10 else "second" if tried.operations else ""

    assert len(shrink(scenario, runner=runner).operations) == 11


def test_a_scenario_that_does_not_fail_is_left_alone() -> None:
    scenario = draw(3, 3)
    verdicts = iter([""])
    assert shrink(scenario, runner=lambda _: next(verdicts)) is scenario


def test_a_planted_fault_shrinks_to_a_few_lines() -> None:
    text = "mesozoic-sim 1\nseed 1 servers 3 clients 1 end 1200\nknob flush_us 5000\n"
    lines = ["op 400 0 exists /r0 0"]
    for n in range(12):
        lines += [f"op {700 + 20 * n} 0 set /r0 0", f"op {701 + 20 * n} 0 get /r0 0"]
    scenario = Scenario.parse(text + "\n".join(lines))
    with planted("read-not-held"):
        assert failed_check(scenario) == "order"
        small = shrink(scenario, runs=60)
        assert failed_check(small) == "order"
    assert len(small.operations) <= 8
    assert Scenario.parse(small.text()) == small
