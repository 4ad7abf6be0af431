"""The checks of a chaos run find each promise that was broken, and a run's parts do theirs."""

from __future__ import annotations

import io
import random
import socket
from dataclasses import replace
from pathlib import Path

from conformance.chaos.client import Holding
from conformance.chaos.faults import Bag
from conformance.chaos.history import (
    EPHEMERALS,
    INITIAL,
    UNIQUE,
    Action,
    Entry,
    Outcome,
    Recorder,
    read_history,
    register_path,
)
from conformance.chaos.probes import Probes, Write
from conformance.chaos.redirect import redirecting
from conformance.chaos.tree import Node, Tree
from conformance.chaos.verdict import Evidence, Verdict, check_all
from conformance.chaos.verify import (
    check_ephemerals,
    check_errors,
    check_load,
    check_registers,
    check_replicas,
    check_session_order,
    check_unique,
    check_zxids,
)
from conformance.rawclient import Stat

REGISTER = register_path(0)
LEAF = f"{UNIQUE}/c1/c1-1"


def stat(mzxid: int = 0, version: int = 0, owner: int = 0) -> Stat:
    return Stat(*[0] * len(Stat._fields))._replace(
        mzxid=mzxid, version=version, ephemeral_owner=owner
    )


def entry(action: Action, path: str, start_s: float, **more: object) -> Entry:
    made = Entry("c1", 7, action, path, Outcome.OK, start_s, start_s + 1)
    return made._replace(**more)  # type: ignore[arg-type]


CREATED = entry(Action.CREATE, LEAF, 1, value="c1-1", version=0, mzxid=5)
DELETED = entry(Action.DELETE, LEAF, 3)
SET = entry(Action.SET, REGISTER, 1, value="a", version=1, mzxid=6)
READ = entry(Action.READ, REGISTER, 3, value="a", version=1, mzxid=6)
GOOD_TREE: Tree = {
    REGISTER: Node(b"a", stat(6, 1)),
    LEAF: Node(b"c1-1", stat(5)),
    f"{EPHEMERALS}/c1-7": Node(b"", stat(owner=7)),
}
SETTLED = Holding("c1", 7, f"{EPHEMERALS}/c1-7", settled=True)


def without(path: str) -> Tree:
    return {other: node for other, node in GOOD_TREE.items() if other != path}


def registers(history: list[Entry], tree: Tree) -> list[str]:
    return check_registers(history, tree, 100, 101)


def test_a_good_run_has_no_problems() -> None:
    evidence = Evidence(
        history=[CREATED, SET, READ],
        holdings=[SETTLED],
        trees={1: GOOD_TREE, 2: dict(GOOD_TREE)},
        read_start_s=100,
        read_end_s=101,
        load_root="/bench64",
        load_acknowledged=0,
    )
    checks = check_all(evidence)
    assert [problem for check in checks for problem in check.problems] == []
    lost = replace(evidence, trees={1: GOOD_TREE, 2: without(LEAF)})
    problems = [problem for check in check_all(lost) for problem in check.problems]
    assert any("server 2: LOST" in problem for problem in problems)


def test_a_lost_creation_is_found() -> None:
    assert check_unique([CREATED], GOOD_TREE) == []
    (problem,) = check_unique([CREATED], without(LEAF))
    assert problem.startswith("LOST")


def test_a_creation_without_an_answer_may_be_there_or_not() -> None:
    unknown = CREATED._replace(outcome=Outcome.UNKNOWN)
    assert check_unique([unknown], GOOD_TREE) == []
    assert check_unique([unknown], without(LEAF)) == []


def test_a_deletion_that_did_not_last_is_found() -> None:
    assert check_unique([CREATED, DELETED], without(LEAF)) == []
    assert "deletion was acknowledged" in check_unique([CREATED, DELETED], GOOD_TREE)[0]


def test_a_znode_that_nobody_made_is_found() -> None:
    assert "never created" in check_unique([], GOOD_TREE)[0]


def test_a_creation_done_twice_is_found() -> None:
    twice = CREATED._replace(outcome=Outcome.REFUSED, error="NodeExistsError")
    assert "NodeExistsError" in check_unique([twice], GOOD_TREE)[0]


def test_another_zxid_or_other_data_than_told_are_found() -> None:
    assert "zxid" in check_unique([CREATED._replace(mzxid=4)], GOOD_TREE)[0]
    assert "was written" in check_unique([CREATED._replace(value="x")], GOOD_TREE)[0]


def test_a_lost_set_is_found() -> None:
    assert registers([SET, READ], GOOD_TREE) == []
    rolled_back = {**GOOD_TREE, REGISTER: Node(INITIAL.encode(), stat(2, 0))}
    problems = registers([SET], rolled_back)
    assert any("NOT LINEARIZABLE" in problem for problem in problems)
    assert any("version 0 after 1 acknowledged" in problem for problem in problems)


def test_a_stale_read_behind_a_sync_is_found_and_one_without_is_none() -> None:
    stale = READ._replace(value=INITIAL, version=0)
    assert "NOT LINEARIZABLE" in registers([SET, stale], GOOD_TREE)[0]
    assert registers([SET, stale._replace(action=Action.PEEK)], GOOD_TREE) == []


def test_two_swaps_for_one_value_are_found() -> None:
    swap = entry(Action.SWAP, REGISTER, 3, value="b", expected="a", version=2, mzxid=7)
    other = swap._replace(client="c2", value="c", mzxid=8)
    tree = {**GOOD_TREE, REGISTER: Node(b"c", stat(8, 2))}
    problems = registers([SET, swap, other], tree)
    assert any("swapped twice" in problem for problem in problems)
    assert any("version 2 was given" in problem for problem in problems)


def test_a_write_that_took_effect_twice_is_found() -> None:
    tree = {**GOOD_TREE, REGISTER: Node(b"a", stat(9, 2))}
    assert "version 2 after 1" in registers([SET, READ], tree)[0]


def test_a_register_that_is_gone_is_found() -> None:
    assert "gone" in registers([SET], without(REGISTER))[0]


def test_zxids_against_real_time_are_found() -> None:
    later = CREATED._replace(start_s=10, end_s=11)
    assert check_zxids([later._replace(mzxid=9), SET]) == []
    assert "after" in check_zxids([later, SET])[0]
    assert any("was given to" in why for why in check_zxids([CREATED._replace(mzxid=6), SET]))


def test_a_session_that_goes_back_in_time_is_found() -> None:
    back = entry(Action.PEEK, REGISTER, 5, value=INITIAL, version=0)
    assert "at least 1" in check_session_order([SET, back])[0]
    assert check_session_order([SET, back._replace(session=8)]) == []
    assert check_session_order([SET, back._replace(session=0)]) == []


def test_the_ephemeral_of_a_living_session_must_be_there() -> None:
    assert check_ephemerals([SETTLED], GOOD_TREE) == []
    (problem,) = check_ephemerals([SETTLED], without(SETTLED.ephemeral))
    assert "is gone" in problem


def test_an_ephemeral_that_outlived_its_session_is_found() -> None:
    moved = Holding("c1", 8, f"{EPHEMERALS}/c1-8", [SETTLED.ephemeral], settled=True)
    tree = {**GOOD_TREE, moved.ephemeral: Node(b"", stat(owner=8))}
    assert check_ephemerals([moved], tree) == [f"{SETTLED.ephemeral} outlived its session"]


def test_a_client_without_a_session_at_the_end_is_found() -> None:
    assert "has no session" in check_ephemerals([replace(SETTLED, settled=False)], {})[0]


def test_replicas_that_differ_are_found() -> None:
    assert check_replicas({1: GOOD_TREE, 2: dict(GOOD_TREE)}) == []
    other = {**GOOD_TREE, REGISTER: Node(b"a", stat(7, 1))}
    assert REGISTER in check_replicas({1: GOOD_TREE, 2: other})[0]


def test_an_error_that_no_fault_explains_is_found() -> None:
    lost = SET._replace(outcome=Outcome.UNKNOWN, error="ConnectionLoss")
    late = lost._replace(error="KazooTimeoutError")
    moved = SET._replace(action=Action.SWAP, outcome=Outcome.REFUSED, error="BadVersionError")
    assert check_errors([SET, lost, moved]) == []
    assert "KazooTimeoutError 1 times" in check_errors([lost, late])[0]
    assert check_errors([moved._replace(action=Action.SET)]) != []


def test_lost_writes_of_the_load_generator_are_found() -> None:
    tree = {"/bench64/p00000/k0": Node(b"", stat(version=9))}
    assert check_load(tree, "/bench64", 9) == []
    assert check_load(tree, "/bench64", 10)[0].startswith("LOST")


def test_a_slow_median_is_a_problem() -> None:
    verdict = Verdict(1, recoveries_s={"kill_leader": [0.1, 0.2, 5.0]})
    verdict.check_recovery("kill_leader", 1.0)
    assert verdict.problems == []
    verdict.recoveries_s["kill_leader"] = [0.1, 1.5, 2.0]
    verdict.check_recovery("kill_leader", 1.0)
    assert verdict.problems == ["the median after kill_leader is 1.50 s"]


def test_the_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history"
    stream = io.StringIO()
    for each in (CREATED, SET, READ):
        Recorder(stream).add(each)
    path.write_text(stream.getvalue() + '["c1", 7, "se')
    assert read_history([path]) == [CREATED, SET, READ]


def test_no_fault_comes_again_before_all_have_come() -> None:
    bag = Bag(["a", "b", "c"], random.Random(1))
    for _ in range(5):
        assert sorted(bag.draw() for _ in range(3)) == ["a", "b", "c"]


def test_gaps_and_recoveries_are_measured_from_the_probes_writes() -> None:
    probes = Probes({1: 1, 2: 2})
    first, second = probes._of(None)
    first.writes += [Write(1, 0, 1), Write(1, 2, 3), Write(1, 9, 10)]
    second.writes += [Write(2, 5, 6)]
    assert probes.longest_gap_s(1, 0, 11) == 7
    assert probes.longest_gap_s(None, 0, 11) == 4
    assert probes.longest_gap_s(2, 7, 11) == 4
    assert probes.first_write_s(2.5) == 6
    assert probes.first_write_s(2.5, 1) == 10
    assert probes.first_write_s(9.5) is None
    assert probes.count(None, 3, 10) == 2


def test_a_server_dials_the_proxies_of_its_table() -> None:
    dialled = []
    connect = redirecting(lambda _, address: dialled.append(address), {2888: 9})
    with socket.socket() as sock:
        for address in (("127.0.0.1", 2888), ("127.0.0.1", 3888), ("::1", 2888, 0, 0), "/a/path"):
            connect(sock, address)
    assert dialled == [("127.0.0.1", 9), ("127.0.0.1", 3888), ("::1", 9, 0, 0), "/a/path"]
