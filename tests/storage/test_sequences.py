"""Sequences in the log: several records written as one, there as a whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.entries import pack_entries, sequence
from tests.storage.simulated_disk import SimulatedDisk
from zkserver.storage import DiskFailed, Recovered, WalOptions, recover
from zkserver.storage.segments import Kind, list_segments, load_segment
from zkserver.storage.wal import Member

LOG = "d/mesozoic-1"
TINY = WalOptions(segment_bytes_min=1024, segment_bytes_max=2048, growth=2, background=False)


def start(disk: SimulatedDisk, options: WalOptions = TINY) -> Recovered:
    return recover(disk, "d", None, options)


def members(first: int, *groups: list[bytes], zxid: int = 100) -> list[Member]:
    """A record for each group of entries, behind one another from position ``first`` on."""
    made = []
    for group in groups:
        payload = b"".join(pack_entries(group))
        made.append(Member(first, len(group), zxid + first, 7 + first, payload))
        first += len(group)
    return made


def log_of(*entries: bytes, ballot: int = 1) -> tuple[SimulatedDisk, Recovered]:
    """A flushed log with one record for each entry."""
    disk = SimulatedDisk()
    recovered = start(disk)
    for index, entry in enumerate(entries):
        recovered.wal.append(ballot, index, index + 1, 0, 1, pack_entries([entry]))
    recovered.wal.sync()
    return disk, recovered


def test_a_sequence_comes_back_as_the_records_it_was_made_of() -> None:
    disk, recovered = log_of(b"a")
    written = members(1, [b"b", b"c"], [b"d"], [b""])
    recovered.wal.append_sequence(4, written)
    assert recovered.wal.next_index == 5
    assert (recovered.wal.promised, recovered.wal.accepted) == (4, 4)
    recovered.close()
    again = start(disk)
    found = list(again.records())[1:]
    assert [Member(one.index, one.count, one.zxid, one.time_ms, one.payload) for one in found] == (
        written
    )
    assert {one.ballot for one in found} == {4}
    assert sequence(again) == [b"a", b"b", b"c", b"d", b""]
    assert (again.promised, again.accepted, again.wal.next_index) == (4, 4, 5)


def test_a_sequence_replaces_what_lay_there() -> None:
    disk, recovered = log_of(b"a", b"old1", b"old2", b"old3")
    recovered.wal.append_sequence(2, members(1, [b"b"], [b"c"]))
    recovered.close()
    again = start(disk)
    assert sequence(again) == [b"a", b"b", b"c"]
    assert again.wal.next_index == 3


def test_the_log_goes_on_behind_a_sequence() -> None:
    disk, recovered = log_of(b"a")
    recovered.wal.append_sequence(2, members(1, [b"b"], [b"c"]))
    recovered.wal.append(2, 3, 104, 0, 1, pack_entries([b"d"]))
    recovered.close()
    assert sequence(start(disk)) == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize("index", range(1, 6))
def test_a_later_record_supersedes_a_part_of_a_sequence(index: int) -> None:
    disk, recovered = log_of(b"a")
    recovered.wal.append_sequence(2, members(1, [b"b", b"c"], [b"d"], [b"e", b"f"]))
    recovered.wal.append(3, index, 200, 0, 1, pack_entries([b"new"]))
    recovered.close()
    whole = [b"a", b"b", b"c", b"d", b"e", b"f"]
    again = start(disk)
    assert sequence(again) == [*whole[:index], b"new"]
    ends = [one.index + one.count for one in again.records()]
    assert [one.index for one in again.records()] == [0, *ends[:-1]]


@pytest.mark.parametrize("index", range(1, 6))
def test_the_log_may_be_cut_inside_a_sequence(index: int) -> None:
    disk, recovered = log_of(b"a")
    recovered.wal.append_sequence(2, members(1, [b"b", b"c"], [b"d"], [b"e", b"f"]))
    recovered.wal.reset_to(3, index, 200, 0)
    recovered.close()
    again = start(disk)
    assert sequence(again) == [b"a", b"b", b"c", b"d", b"e", b"f"][:index]
    assert (again.wal.next_index, again.accepted) == (index, 3)


def test_one_sequence_supersedes_a_part_of_another() -> None:
    disk, recovered = log_of(b"a")
    recovered.wal.append_sequence(2, members(1, [b"b"], [b"c"], [b"d"]))
    recovered.wal.append_sequence(3, members(2, [b"C"], [b"D"], [b"E"], zxid=200))
    recovered.close()
    assert sequence(start(disk)) == [b"a", b"b", b"C", b"D", b"E"]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(0, 900), min_size=1, max_size=8),
    back=st.integers(0, 3),
)
def test_a_crash_leaves_all_of_a_sequence_or_what_was_before(
    seed: int, sizes: list[int], back: int
) -> None:
    disk = SimulatedDisk(seed)
    before = [b"a", b"b", b"c", b"d"]
    # One segment holds everything: a roll would flush what lies before it.
    roomy = WalOptions(segment_bytes_min=64 << 10, segment_bytes_max=64 << 10, background=False)
    recovered = start(disk, roomy)
    recovered.wal.append(1, 0, 1, 0, 4, pack_entries(before))
    recovered.wal.sync()
    first = len(before) - back
    groups = [[bytes([number]) * size] for number, size in enumerate(sizes)]
    recovered.wal.append_sequence(2, members(first, *groups))
    disk.crash()
    again = start(disk, roomy)
    after = before[:first] + [group[0] for group in groups]
    found = (sequence(again), again.accepted)
    assert found in ((before, 1), (after, 2)), "a part of the sequence is there"


def test_a_torn_sequence_is_cut_and_told() -> None:
    torn = 0
    for seed in range(40):
        disk = SimulatedDisk(seed)
        recovered = start(disk)
        recovered.wal.append(1, 0, 1, 0, 1, pack_entries([b"a"]))
        recovered.wal.sync()
        recovered.wal.append_sequence(2, members(1, *([b"x" * 300] for _ in range(4))))
        disk.crash()
        again = start(disk)
        if again.notes:
            torn += 1
            assert sequence(again) == [b"a"]
            assert (again.accepted, again.wal.next_index) == (1, 1)
    assert torn, "no crash tore the sequence"


def test_a_sequence_is_one_record_even_when_it_is_larger_than_a_segment() -> None:
    disk, recovered = log_of(b"a")
    entries = [bytes([number]) * 700 for number in range(20)]
    recovered.wal.append_sequence(2, members(1, *([entry] for entry in entries)))
    recovered.close()
    kinds = [
        place.kind
        for serial, path in list_segments(disk, LOG)
        for place in load_segment(disk, serial, path).places
    ]
    assert kinds.count(Kind.SEQUENCE) == 1
    assert sequence(start(disk)) == [b"a", *entries]


def test_a_flushed_sequence_survives_every_crash() -> None:
    for seed in range(20):
        disk = SimulatedDisk(seed)
        recovered = start(disk)
        recovered.wal.append_sequence(2, members(0, [b"x" * 400], [b"y" * 400]))
        recovered.wal.sync()
        disk.crash()
        assert sequence(start(disk)) == [b"x" * 400, b"y" * 400]


def test_the_callers_mistakes_are_refused_and_change_nothing() -> None:
    disk, recovered = log_of(b"a", ballot=4)
    with pytest.raises(ValueError, match="entry 2 would leave a gap"):
        recovered.wal.append_sequence(4, members(2, [b"x"]))
    with pytest.raises(ValueError, match="ballot 3 may not replace entry 0"):
        recovered.wal.append_sequence(3, members(0, [b"x"]))
    recovered.close()
    assert sequence(start(disk)) == [b"a"]


def test_a_failed_write_ends_the_log() -> None:
    disk, recovered = log_of(b"a")
    disk.fail("write", 5)
    with pytest.raises(DiskFailed):
        recovered.wal.append_sequence(2, members(1, [b"b"]))
    assert (recovered.wal.next_index, recovered.wal.accepted) == (1, 1)
    with pytest.raises(DiskFailed):
        recovered.wal.sync()
