"""What counts as a large request in work, and when it no longer does."""

from __future__ import annotations

import pytest

from zkserver.replica.batch import Batch
from zkserver.replica.connection import Connection
from zkserver.replica.large_requests import LargeRequests


def connection() -> Connection:
    return Connection("10.0.0.1", 1, 0)


def test_two_wait_for_room_for_both() -> None:
    large = LargeRequests(100, 250)
    one, two, three = connection(), connection(), connection()
    assert large.begins(one, 150)
    assert not large.begins(two, 150)
    assert large.begins(three, 100), "it is not large"
    assert (large.bytes, large.rejected) == (150, 1)
    large.served(one)
    assert large.begins(two, 150)


def test_one_that_is_looked_at_again_counts_once() -> None:
    large, one = LargeRequests(100, 250), connection()
    assert large.begins(one, 150)
    assert large.begins(one, 150)
    assert large.bytes == 150


def test_a_write_counts_until_its_batch_is_executed() -> None:
    large, one, batch = LargeRequests(100, 250), connection(), Batch()
    assert large.begins(one, 150)
    one.pending = batch
    large.served(one)
    assert not large.begins(connection(), 150)
    large.executed(batch)
    assert large.bytes == 0


def test_what_a_lost_connection_began_does_not_count() -> None:
    large, one = LargeRequests(100, 250), connection()
    assert large.begins(one, 150)
    large.lost(one)
    assert large.bytes == 0


@pytest.mark.parametrize("threshold", [-1, 0])
def test_without_a_threshold_nothing_is_large(threshold: int) -> None:
    large = LargeRequests(threshold, 0)
    assert large.begins(connection(), 1 << 30)
    assert large.bytes == 0
