"""The sequence of one server: boundaries, cutting and giving up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkserver.errors import InvariantBrokenError
from zkserver.paxos.log import STOP, Log, Record

sizes = st.lists(st.integers(1, 4), max_size=8)


def log_of(counts: list[int], start: int = 0) -> Log:
    log = Log(start, start)
    for count in counts:
        log.append(Record(log.end, count, log.end + 1, 0, b"x" * count))
    return log


@given(sizes, st.integers(0, 5), st.data())
def test_cut_and_trimmed_logs_hold_what_is_between(
    counts: list[int], start: int, data: st.DataObject
) -> None:
    log = log_of(counts, start)
    boundaries = [start, *(record.end for record in log.records)]
    front, back = sorted(data.draw(st.tuples(*[st.sampled_from(boundaries)] * 2)))
    kept = [record for record in log.records if front <= record.first < back]
    log.truncate(back)
    log.trim(front)
    assert log.records == kept
    assert (log.start, log.end) == (front, back)
    assert (log.start_zxid, log.last_zxid) == (front, back)
    assert log.payload_bytes == back - front


@given(sizes, st.integers(0, 5))
def test_zxid_is_known_exactly_where_a_record_ends(counts: list[int], start: int) -> None:
    log = log_of(counts, start)
    boundaries = {start, *(record.end for record in log.records)}
    for position in range(log.end + 3):
        assert log.zxid_before(position) == (position if position in boundaries else None)


def test_a_gap_is_our_own_mistake() -> None:
    with pytest.raises(InvariantBrokenError, match="a gap in the log"):
        log_of([2]).append(Record(3, 1, 9, 0, b""))


def test_a_position_inside_a_record_is_no_boundary() -> None:
    log = log_of([3, 2])
    with pytest.raises(InvariantBrokenError, match="inside a record"):
        log.truncate(1)
    with pytest.raises(InvariantBrokenError, match="inside a record"):
        log.since(4)


def test_zxids_have_to_grow() -> None:
    with pytest.raises(InvariantBrokenError, match="zxids have to grow"):
        log_of([2]).extend([Record(2, 1, 2, 0, b"")])


def test_only_the_first_byte_tells_what_stops() -> None:
    assert Record(0, 1, 1, 0, STOP + b"x").stops
    assert not Record(0, 1, 1, 0, b"x" + STOP).stops
    assert not Record(0, 1, 1, 0, b"").stops
