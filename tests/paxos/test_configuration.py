"""Majorities."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zkserver.paxos.configuration import Configuration


@given(st.integers(1, 9))
def test_two_majorities_share_a_voter(count: int) -> None:
    configuration = Configuration(0, tuple(range(count)))
    least = min(n for n in range(count + 1) if configuration.is_majority(n))
    assert 2 * least > count >= 2 * (least - 1)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=9))
def test_majority_of_lengths_is_the_greatest_that_a_majority_reached(lengths: list[int]) -> None:
    configuration = Configuration(0, tuple(range(len(lengths))))
    reached = configuration.majority_of(lengths)
    assert configuration.is_majority(sum(length >= reached for length in lengths))
    assert not configuration.is_majority(sum(length > reached for length in lengths))


@given(st.integers(0, 20), st.lists(st.integers(0, 20), min_size=1, max_size=8))
def test_one_short_is_what_one_more_voter_makes_the_majority_s(own: int, others: list[int]) -> None:
    configuration = Configuration(0, tuple(range(len(others) + 1)))
    short = configuration.one_short_of_majority(others)
    # Whatever its length is, it decides that much of it and no more.
    assert configuration.majority_of([*others, min(own, short)]) >= min(own, short)
    assert not configuration.is_majority(sum(length > short for length in others) + 1)


def test_observers_are_members_without_a_vote() -> None:
    configuration = Configuration(0, (1,), (2, 3))
    assert configuration.members == (1, 2, 3)
    assert configuration.is_majority(1)
