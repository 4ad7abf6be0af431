"""A server killed under load keeps what it promised; and the checker sees it when not."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from conformance.crash.checker import Tally
from conformance.crash.connection import SEQUENTIAL
from conformance.crash.rounds import CrashTest, Kind
from conformance.crash.workload import Op, Step, Subtree, Verb, Workload

SERVER = "mesozoic"


def ignore_progress(_number: int, _kind: Kind, _tally: Tally) -> None:
    pass


class RolledBack(CrashTest):
    """A crash that loses everything since the load began, as a server without a log would."""

    def __init__(self, copy: Path) -> None:
        super().__init__(SERVER, rounds=1, writers=2, seed=5)
        self._mix = [Kind.LOAD]
        self._copy = copy

    def _round(self, kind: Kind) -> Tally:
        shutil.copytree(self.server.data_dir, self._copy)
        return super()._round(kind)

    def _kill(self) -> None:
        super()._kill()
        shutil.rmtree(self.server.data_dir)
        shutil.copytree(self._copy, self.server.data_dir)


@pytest.mark.real
def test_five_crashes_lose_nothing() -> None:
    test = CrashTest(SERVER, rounds=5, writers=4, seed=1)
    test._mix = [Kind.LOAD, Kind.CLOSE, Kind.RECOVERY, Kind.SNAPSHOT, Kind.LOAD]
    summary = test.run(ignore_progress)
    assert summary.violation is None, f"{summary.violation}\n{summary.log_tail}"
    assert summary.rounds.total() == 5
    assert summary.kills >= 7
    assert summary.tally.acknowledged > 100
    assert summary.tally.ephemerals > 0


@pytest.mark.real
def test_lost_writes_are_noticed(tmp_path: Path) -> None:
    summary = RolledBack(tmp_path / "copy").run(ignore_progress)
    assert summary.violation is not None
    assert "zxid" in summary.violation or "prefix" in summary.violation


def test_the_model_follows_a_workload() -> None:
    workload = Workload("/crash/w", random.Random(3))
    model = Subtree()
    layout = Op(-1, workload.setup_steps())
    for subtree in (model, workload.ahead):
        subtree.apply(layout, workload.root, 7)
    for _ in range(300):
        model.apply(workload.next_op(7), workload.root, 7)
    assert model.same_as(workload.ahead)
    assert model.sequence > 10
    kept = [path for path, node in model.nodes.items() if not node.owner]
    model.end_session(7)
    assert sorted(model.nodes) == sorted(kept)
    assert not model.same_as(workload.ahead)


def test_a_refused_op_leaves_no_trace() -> None:
    model = Subtree()
    model.apply(Op(0, (Step(Verb.CREATE, "/r/a"),)), "/r", 1)
    before = model.copy()
    model.apply(Op(1, (Step(Verb.SET, "/r/a", b"x"),), fails=True), "/r", 1)
    assert model.same_as(before)
    model.apply(Op(2, (Step(Verb.SET, "/r/a", b"x"),)), "/r", 1)
    assert "/r/a" in before.difference(model)


def test_a_sequential_step_asks_without_its_number() -> None:
    step = Step(Verb.CREATE, "/r/seq/s-0000000012", flags=SEQUENTIAL)
    assert step.requested_path == "/r/seq/s-"
