"""The leader's counting: what a majority has on disk is decided, and stays so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkserver.errors import InvariantBrokenError
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.leader import Leader

BALLOT = Ballot(1, 1)


def test_positions_are_handed_out_one_after_the_other() -> None:
    leader = Leader(BALLOT, (1,), 10)
    assert [leader.propose(3), leader.propose(1), leader.propose(2)] == [10, 13, 14]
    assert leader.proposed == 16
    assert leader.decided == 10


def test_alone_the_own_disk_is_the_majority() -> None:
    leader = Leader(BALLOT, (1,), 0)
    leader.propose(2)
    assert leader.accepted(1, 1) == 1
    assert leader.accepted(1, 2) == 2


@pytest.mark.parametrize(("voters", "majority"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_entry_is_decided_by_exactly_a_majority(voters: int, majority: int) -> None:
    leader = Leader(BALLOT, range(1, voters + 1), 0)
    leader.propose(4)
    for voter in range(1, voters + 1):
        assert leader.accepted(voter, 4) == (4 if voter >= majority else 0)


def test_decided_is_what_the_slowest_of_the_fastest_majority_has() -> None:
    leader = Leader(BALLOT, range(1, 6), 0)
    leader.propose(9)
    for voter, length in ((1, 9), (2, 3), (3, 7), (4, 1)):
        leader.accepted(voter, length)
    assert leader.decided == 3
    assert leader.accepted(5, 5) == 5


def test_one_voter_saying_it_twice_is_no_majority() -> None:
    leader = Leader(BALLOT, (1, 2, 3), 0)
    leader.propose(1)
    assert leader.accepted(2, 1) == 0
    assert leader.accepted(2, 1) == 0


def test_late_news_take_nothing_back() -> None:
    leader = Leader(BALLOT, (1, 2, 3), 0)
    leader.propose(5)
    leader.accepted(1, 5)
    assert leader.accepted(2, 5) == 5
    assert leader.accepted(2, 3) == 5
    assert leader.accepted_by[2] == 5


def test_what_was_decided_before_the_ballot_stays_decided() -> None:
    leader = Leader(BALLOT, (1, 2, 3), 7)
    assert leader.accepted(1, 2) == 7


def test_accepting_what_was_never_proposed_is_refused() -> None:
    leader = Leader(BALLOT, (1, 2, 3), 2)
    with pytest.raises(InvariantBrokenError, match="accepted before proposed"):
        leader.accepted(1, 3)


def test_ballot_without_voters_is_refused() -> None:
    with pytest.raises(InvariantBrokenError, match="without voters"):
        Leader(BALLOT, (), 0)


@given(
    st.sampled_from((1, 3, 5)),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.integers(0, 4)), max_size=30),
)
def test_counts_only_grow_and_a_majority_has_all_that_is_decided(
    voters: int, steps: list[tuple[int, int, int]]
) -> None:
    leader = Leader(BALLOT, range(voters), 0)
    on_disk = dict.fromkeys(range(voters), 0)
    decided = 0
    for voter, length, more in steps:
        leader.propose(more)
        length = min(length, leader.proposed)
        on_disk[voter % voters] = max(on_disk[voter % voters], length)
        now = leader.accepted(voter % voters, length)
        assert decided <= now == leader.decided <= leader.proposed
        decided = now
        assert sum(has >= decided for has in on_disk.values()) > voters // 2
        assert sum(has >= decided + 1 for has in on_disk.values()) <= voters // 2
