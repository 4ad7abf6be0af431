"""Whole ensembles under fixed seeds: nothing that was promised is broken."""

from __future__ import annotations

import pytest

from zkserver.sim.cluster import run
from zkserver.sim.knobs import Knobs
from zkserver.sim.scenario import Scenario, draw


@pytest.mark.parametrize("seed", range(4))
def test_without_faults_three_servers_keep_every_promise(seed: int) -> None:
    verdict = run(draw(seed, 3, with_faults=False))
    assert verdict.violation is None
    assert verdict.entries > 30
    assert verdict.replies > 30


@pytest.mark.parametrize("seed", range(10))
def test_with_faults_three_servers_keep_every_promise(seed: int) -> None:
    verdict = run(draw(seed, 3))
    assert verdict.violation is None
    assert verdict.injected


@pytest.mark.parametrize("seed", range(5))
def test_with_faults_five_servers_keep_every_promise(seed: int) -> None:
    verdict = run(draw(seed, 5))
    assert verdict.violation is None
    assert verdict.injected


def test_no_write_is_acknowledged_without_a_majority() -> None:
    text = """mesozoic-sim 1
seed 5 servers 3 clients 1 end 3000
fault 500 kill 1 2 2600 0
fault 500 kill 2 1 2600 0
op 1000 0 create /r0 0
op 1500 0 set /r0 0
"""
    verdict = run(Scenario.parse(text), keep_trace=True)
    assert verdict.violation is None
    replied = [line.split() for line in verdict.trace.lines() if " create " in line]
    assert replied
    assert all(float(words[0]) > 3000 for words in replied)


def test_a_server_that_lost_its_log_to_a_snapshot_comes_back() -> None:
    knobs = "\n".join(f"knob {line}" for line in Knobs(snapshot_every=3).lines())
    operations = "\n".join(f"op {600 + n * 10} 0 set /r0 0" for n in range(60))
    text = f"""mesozoic-sim 1
seed 3 servers 3 clients 1 end 2000
{knobs}
fault 500 kill 3 1 1200 0
{operations}
"""
    verdict = run(Scenario.parse(text), keep_trace=True)
    assert verdict.violation is None
    assert any("installed" in line for line in verdict.trace.lines())
