"""Whole clusters under fixed seeds: nothing that was promised is broken."""

from __future__ import annotations

import pytest

from mesos_compat.sim.cluster import run
from mesos_compat.sim.scenario import ALLOCATORS, Scenario, draw


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_without_faults_a_cluster_keeps_every_promise(allocator: str) -> None:
    verdict = run(draw(10, allocator, with_faults=False))
    assert verdict.violation is None
    assert verdict.tasks > 5
    assert verdict.statuses > verdict.tasks


@pytest.mark.parametrize("seed", range(36))
def test_with_faults_a_cluster_keeps_every_promise(seed: int) -> None:
    verdict = run(draw(seed, ALLOCATORS[seed % len(ALLOCATORS)]))
    assert verdict.violation is None
    assert verdict.happened


def test_a_task_is_over_for_its_framework_though_nobody_was_there_when_it_ended() -> None:
    text = """mesozoic-mesos-sim 1
seed 3 end 4000 allocator drf
knob agents 1
knob schedulers 1
knob late_percent 0
at 1000 scheduler-crash 0 2500 0
at 1500 agent-crash 0 400 0
at 1600 master-crash 0 300 0
"""
    verdict = run(Scenario.parse(text), keep_trace=True)
    assert verdict.violation is None
    lines = [line.split() for line in verdict.trace.lines()]
    told = {line[3] for line in lines if line[1].startswith("x") and line[2] == "TASK_FINISHED"}
    heard = {line[3] for line in lines if line[1] == "f0" and line[2] == "TASK_FINISHED"}
    assert told
    assert told <= heard
