"""Our ensemble keeps its promises while it is broken; the long run is ``conformance.chaos run``."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.chaos.bridge import measure_bridge
from conformance.chaos.run import Plan, run_chaos

FAULTS = ("kill_leader", "pause_leader", "isolate_leader", "mute_leader")


def ignore(_line: str) -> None:
    pass


@pytest.mark.real
def test_a_kill_a_pause_and_cuts_break_no_promise(tmp_path: Path) -> None:
    plan = Plan(
        seconds=8,
        clients=6,
        workers=2,
        seed=5,
        faults=FAULTS,
        fault_s=(0.3, 0.6),
        calm_s=(0.2, 0.4),
        load=False,
    )
    verdict = run_chaos(plan, ignore, tmp_path)
    assert verdict.problems == []
    assert verdict.recoveries_s
    assert all(check.count for check in verdict.checks if "load" not in check.promise)
    assert verdict.sessions.moves > 0
    assert verdict.probe_writes > 0


@pytest.mark.real
def test_a_bridge_leaves_the_leader_and_the_middle_one_serving() -> None:
    (cut,) = measure_bridge("mesozoic", 1, 2.0, 1, ignore)
    through = {serving.role: serving.late_writes for serving in cut.serving}
    assert through["leader"]
    assert through["middle"]
    assert not through["other"]
    assert cut.back_s is not None
