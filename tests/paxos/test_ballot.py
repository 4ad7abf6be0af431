"""Ballots: their order, their packed form, and the zxids of their epochs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zkserver.paxos.ballot import COUNTER_MAX, Ballot, counter_is_full, first_zxid

ballots = st.builds(
    Ballot, st.integers(0, (1 << 15) - 1), st.integers(0, (1 << 32) - 2), st.integers(0, 255)
)


@given(ballots, ballots)
def test_packed_ballots_order_as_ballots_do(one: Ballot, other: Ballot) -> None:
    assert (one < other) == (one.packed() < other.packed())
    assert (one == other) == (one.packed() == other.packed())


@given(ballots)
def test_ballot_comes_back_from_its_packed_form(ballot: Ballot) -> None:
    assert Ballot.unpacked(ballot.packed()) == ballot
    assert 0 <= ballot.packed() < 1 << 63


@given(ballots, st.integers(0, 255))
def test_next_ballot_is_above_whoever_owned_the_one_before(ballot: Ballot, server: int) -> None:
    following = ballot.next_for(server)
    assert following > ballot
    assert following.server_id == server
    assert first_zxid(following) > first_zxid(ballot) + COUNTER_MAX - 1


def test_number_decides_before_the_server_id() -> None:
    assert Ballot(0, 2, 0) > Ballot(0, 1, 255)
    assert Ballot(0, 2, 3) > Ballot(0, 2, 2)


def test_epoch_is_the_high_half_of_a_zxid() -> None:
    assert first_zxid(Ballot(0, 5, 9)) == 5 << 32


def test_counter_is_full_only_when_it_would_run_over() -> None:
    start = first_zxid(Ballot(0, 3, 1))
    assert not counter_is_full(start, COUNTER_MAX)
    assert counter_is_full(start, COUNTER_MAX + 1)
    assert not counter_is_full(start + COUNTER_MAX - 1, 1)
    assert counter_is_full(start + COUNTER_MAX, 1)
