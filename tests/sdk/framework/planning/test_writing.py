"""Writes are of a size that a store can do, and what waits for them waits for all."""

from __future__ import annotations

import pytest

from mesozoic.framework.planning.actions import Change, Delete, Put
from mesozoic.framework.planning.writing import Behind, Writes
from tests.sdk.framework.scripted import status


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ([Delete(str(number)) for number in range(501)], [500, 1]),
        ([Put(str(number), b"x" * 200_000) for number in range(3)], [1, 1, 1]),
        ([Put("large", b"x" * 900_000), Delete("small")], [1, 1]),
        ([], []),
    ],
)
def test_what_is_too_much_is_written_in_parts(changes: list[Change], sizes: list[int]) -> None:
    asked = Writes().ask(tuple(changes), Behind())
    assert [len(write.changes) for write in asked] == sizes
    assert [change for write in asked for change in write.changes] == changes
    assert [write.token for write in asked] == list(range(1, len(sizes) + 1))


def test_what_waits_waits_for_the_last_part() -> None:
    writes = Writes()
    ended = status("t", "TASK_FINISHED")
    changes = tuple(Delete(str(number)) for number in range(501))
    first, second = writes.ask(changes, Behind(statuses=[ended]))
    assert writes.done(first.token) == Behind()
    assert not writes.is_idle
    assert writes.done(second.token).statuses == [ended]
    assert writes.is_idle


def test_status_without_a_change_waits_for_what_was_written_before() -> None:
    writes = Writes()
    (write,) = writes.ask((), Behind(statuses=[status("t", "TASK_FINISHED")]))
    assert write.changes == ()
    assert writes.done(write.token).statuses
