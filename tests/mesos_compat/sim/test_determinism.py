"""A run is a function of its scenario, whatever the order of sets is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mesos_compat.sim.cluster import run
from mesos_compat.sim.scenario import Scenario, draw

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
from mesos_compat.sim.cluster import run
from mesos_compat.sim.scenario import ALLOCATORS, draw
for seed, allocator in zip((2, 9, 13, 15), ALLOCATORS, strict=True):
    verdict = run(draw(seed, allocator))
    print(verdict.trace.digest, verdict.trace.count, verdict.violation)
"""


def trace_hashes(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_the_trace_does_not_depend_on_the_hash_seed() -> None:
    told = trace_hashes("1")
    assert told.count("\n") == 4
    assert trace_hashes("4711") == told


def test_two_seeds_are_two_runs() -> None:
    assert run(draw(0)).trace.digest != run(draw(1)).trace.digest


def test_a_scenario_that_was_written_down_is_the_same_run() -> None:
    scenario = draw(2)
    again = Scenario.parse(scenario.text())
    assert again == scenario
    assert run(again).trace.digest == run(scenario).trace.digest
