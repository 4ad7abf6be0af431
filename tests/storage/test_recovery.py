"""Recovery: what it repairs, what it refuses, and what it says about either."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.entries import pack_entries, sequence
from tests.storage.simulated_disk import SimulatedDisk
from zkserver.storage import (
    CorruptLog,
    CorruptSnapshot,
    OsDisk,
    Recovered,
    SnapshotMeta,
    WalOptions,
    list_snapshots,
    recover,
    write_snapshot,
)
from zkserver.storage.check import check_directory
from zkserver.storage.segments import RECORD_BYTES, Place, list_segments, load_segment

LOG = "d/mesozoic-1"
TINY = WalOptions(segment_bytes_min=1024, segment_bytes_max=2048, growth=2, background=False)


def start(disk: SimulatedDisk, options: WalOptions = TINY) -> Recovered:
    return recover(disk, "d", None, options)


def add(recovered: Recovered, entry: bytes, ballot: int = 1, index: int | None = None) -> None:
    """Append one entry and flush."""
    index = recovered.wal.next_index if index is None else index
    recovered.wal.append(ballot, index, index + 1, 0, 1, pack_entries([entry]))
    recovered.wal.sync()


def log_of(count: int, size: int = 60) -> SimulatedDisk:
    disk = SimulatedDisk()
    recovered = start(disk)
    for number in range(count):
        add(recovered, bytes([number]) * size)
    recovered.close()
    return disk


def places(disk: SimulatedDisk) -> list[tuple[str, Place]]:
    """All records on the disk with the path of their segment."""
    found = []
    for serial, path in list_segments(disk, LOG):
        found += [(path, place) for place in load_segment(disk, serial, path).places]
    return found


def test_an_empty_directory_starts_empty() -> None:
    recovered = start(SimulatedDisk())
    assert recovered.snapshot is None
    assert list(recovered.records()) == []
    assert (recovered.promised, recovered.accepted, recovered.wal.last_index) == (0, 0, -1)
    assert recovered.notes == []


def test_records_come_back_as_they_were_written() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    recovered.wal.append(3, 0, 17, 99, 2, [b"ab", b"", b"cd"])
    recovered.wal.append_promise(9)
    recovered.wal.append(9, 2, -5, -1, 1, [])
    recovered.close()
    again = start(disk)
    first, second = again.records()
    assert (first.ballot, first.index, first.zxid, first.time_ms) == (3, 0, 17, 99)
    assert (first.count, first.payload) == (2, b"abcd")
    assert (second.ballot, second.index, second.zxid, second.time_ms) == (9, 2, -5, -1)
    assert (second.count, second.payload) == (1, b"")
    assert (again.promised, again.accepted, again.wal.next_index) == (9, 9, 3)


def test_a_promise_survives_alone() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    recovered.wal.append_promise(7)
    recovered.wal.sync()
    disk.crash()
    again = start(disk)
    assert (again.promised, again.accepted) == (7, 0)


def test_a_record_larger_than_any_segment_gets_one_of_its_own() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    entries = [b"small", b"L" * 50_000, b"small again", b"M" * 5_000]
    for entry in entries:
        add(recovered, entry)
    disk.crash()
    assert sequence(start(disk)) == entries


def test_a_superseded_suffix_is_gone_and_a_record_cut_by_it_is_shortened() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    recovered.wal.append(1, 0, 1, 0, 3, pack_entries([b"a", b"b", b"c"]))
    recovered.wal.append(1, 3, 4, 0, 1, pack_entries([b"d"]))
    recovered.wal.append(2, 1, 5, 0, 1, pack_entries([b"B"]))
    recovered.close()
    again = start(disk)
    assert [(one.index, one.count) for one in again.records()] == [(0, 1), (1, 1)]
    assert sequence(again) == [b"a", b"B"]
    assert again.wal.next_index == 2


def test_the_callers_mistakes_are_refused_and_change_nothing() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    add(recovered, b"a", ballot=4)
    with pytest.raises(ValueError, match="entry 2 would leave a gap"):
        add(recovered, b"x", ballot=4, index=2)
    with pytest.raises(ValueError, match="ballot 3 may not replace entry 0"):
        add(recovered, b"x", ballot=3, index=0)
    with pytest.raises(ValueError, match="at least one entry"):
        recovered.wal.append(4, 1, 2, 0, 0, [])
    with pytest.raises(ValueError, match="ballot 3 may not"):
        recovered.wal.reset_to(3, 0, 0, 0)
    recovered.close()
    assert sequence(start(disk)) == [b"a"]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_refused_by_name_and_offset_unless_it_is_the_tail(
    data: st.DataObject,
) -> None:
    disk = log_of(30)
    found = places(disk)
    number = data.draw(st.integers(0, len(found) - 1))
    path, place = found[number]
    offset = data.draw(st.integers(place.offset, place.end - 1))
    disk.flip(path, offset, data.draw(st.integers(0, 7)))
    if number < len(found) - 1:
        with pytest.raises(CorruptLog) as refused:
            start(disk)
        assert (refused.value.file, refused.value.offset) == (path, place.offset)
        assert f"{path}, offset {place.offset}: " in str(refused.value)
        assert not check_directory(disk, "d").can_start
        assert disk.locked == set()
    else:
        recovered = start(disk)
        assert sequence(recovered) == [bytes([number]) * 60 for number in range(29)]


@settings(max_examples=60, deadline=None)
@given(byte=st.integers(0, 39), bit=st.integers(0, 7), segment=st.integers(0, 3))
def test_a_damaged_segment_header_is_refused(byte: int, bit: int, segment: int) -> None:
    disk = log_of(30)
    path = list_segments(disk, LOG)[segment][1]
    disk.flip(path, byte, bit)
    with pytest.raises(CorruptLog) as refused:
        start(disk)
    assert refused.value.file == path


def test_a_damaged_seal_is_refused_once_the_log_went_on() -> None:
    disk = log_of(30)
    serial, path = list_segments(disk, LOG)[0]
    scan = load_segment(disk, serial, path)
    assert scan.sealed
    disk.flip(path, scan.end - RECORD_BYTES, 0)
    with pytest.raises(CorruptLog, match="the log goes on in the next segment") as refused:
        start(disk)
    assert refused.value.offset == scan.end - RECORD_BYTES


@pytest.mark.parametrize("which", [0, 1, -2])
def test_a_missing_segment_is_refused(which: int) -> None:
    disk = log_of(30)
    used = sorted({path for path, _ in places(disk)})
    disk.remove(used[which])
    with pytest.raises(CorruptLog):
        start(disk)


def test_all_segments_after_a_seal_missing_is_refused() -> None:
    disk = log_of(30)
    for _, path in list_segments(disk, LOG)[1:]:
        disk.remove(path)
    with pytest.raises(CorruptLog, match="sealed, but the next one is missing"):
        start(disk)


def test_a_cut_tail_is_noted_and_cannot_come_back() -> None:
    disk = log_of(3)
    path, place = places(disk)[-1]
    disk.flip(path, place.end - 1, 0)
    recovered = start(disk)
    assert len(recovered.notes) == 1
    assert f"{path}: " in recovered.notes[0]
    assert f"from offset {place.offset} on were cut" in recovered.notes[0]
    disk.flip(path, place.end - 1, 0)
    disk.crash()
    again = start(disk)
    assert sequence(again) == [bytes([0]) * 60, bytes([1]) * 60]
    assert again.notes == []


def test_younger_records_behind_a_hole_that_was_never_flushed_are_cut() -> None:
    """A crash may keep the second of two unflushed records and lose the first."""
    disk = SimulatedDisk()
    recovered = start(disk)
    add(recovered, b"kept")
    for number in (1, 2):
        recovered.wal.append(1, number, number, 0, 1, pack_entries([b"lost"]))
    path, first = places(disk)[1]
    disk.flip(path, first.offset + 40, 3)
    disk.locked.clear()  # The process is gone.
    again = start(disk)
    assert sequence(again) == [b"kept"]
    # A record of the same length, so the next would begin where the old one lies.
    add(again, b"new!")
    disk.crash()
    assert sequence(start(disk)) == [b"kept", b"new!"]


def snapshot_at(disk: SimulatedDisk, entries: list[bytes], ballot: int = 1) -> str:
    meta = SnapshotMeta(zxid=len(entries), index=len(entries), ballot=ballot, time_ms=0)
    return write_snapshot(disk, LOG, meta, [b"".join(pack_entries(entries))])


def test_replay_starts_at_the_snapshot() -> None:
    disk = log_of(30)
    entries = [bytes([number]) * 60 for number in range(30)]
    snapshot_at(disk, entries[:20])
    recovered = start(disk)
    assert recovered.snapshot is not None
    assert [one.index for one in recovered.records()] == list(range(20, 30))
    assert recovered.record_count == 10
    assert sequence(recovered) == entries


def test_a_damaged_snapshot_is_replaced_by_an_older_one_and_the_log() -> None:
    disk = log_of(30)
    entries = [bytes([number]) * 60 for number in range(30)]
    snapshot_at(disk, entries[:10])
    path = snapshot_at(disk, entries[:20])
    disk.flip(path, len(disk.contents(path)) - 1, 0)
    recovered = start(disk)
    assert sequence(recovered) == entries
    assert recovered.snapshot is not None
    assert recovered.snapshot.index == 10
    assert len(recovered.notes) == 1
    assert path in recovered.notes[0]


@pytest.mark.parametrize("older", [True, False])
def test_a_damaged_snapshot_the_log_cannot_make_up_for_is_refused(older: bool) -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    entries = [bytes([number]) * 60 for number in range(30)]
    for entry in entries:
        add(recovered, entry)
    if older:
        snapshot_at(disk, entries[:2])
    path = snapshot_at(disk, entries[:25])
    assert recovered.wal.purge_before(25) > 0
    recovered.close()
    disk.flip(path, 70, 0)
    with pytest.raises(CorruptSnapshot, match="cannot be done without") as refused:
        start(disk)
    assert refused.value.file == path


@pytest.mark.parametrize("at", [20, 70])
def test_a_damaged_snapshot_beyond_the_log_is_refused(at: int) -> None:
    """As after an import: the log is empty, so a start without the snapshot would be empty."""
    disk = SimulatedDisk()
    start(disk).close()
    path = snapshot_at(disk, [b"imported"] * 9)
    disk.flip(path, at, 0)
    with pytest.raises(CorruptSnapshot):
        start(disk)
    report = check_directory(disk, "d")
    assert not report.can_start
    assert any("PROBLEM" in line and path in line for line in report.lines)


def test_a_log_without_the_snapshot_before_it_is_refused() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    entries = [bytes([number]) * 60 for number in range(30)]
    for entry in entries:
        add(recovered, entry)
    path = snapshot_at(disk, entries)
    assert recovered.wal.purge_before(30) > 0
    recovered.close()
    disk.remove(path)
    with pytest.raises(CorruptLog, match=r"entries from 0 on are gone"):
        start(disk)


def test_a_snapshot_beyond_the_log_moves_the_log() -> None:
    disk = log_of(3)
    entries = [b"%d" % number for number in range(40)]
    snapshot_at(disk, entries, ballot=6)
    recovered = start(disk)
    assert recovered.promised == 6
    assert recovered.wal.next_index == 40
    assert "the log goes on from the snapshot" in recovered.notes[0]
    add(recovered, b"next", ballot=6)
    disk.crash()
    assert sequence(start(disk)) == [*entries, b"next"]


def test_ballots_survive_the_purge_of_the_segments_they_were_written_in() -> None:
    disk = SimulatedDisk()
    recovered = start(disk)
    recovered.wal.append_promise(50)
    entries = [bytes([number]) * 60 for number in range(30)]
    for entry in entries:
        add(recovered, entry, ballot=8)
    snapshot_at(disk, entries)
    assert recovered.wal.purge_before(30) > 1
    assert list_segments(disk, LOG)[0][0] > 1
    disk.crash()
    again = start(disk)
    assert (again.promised, again.accepted) == (50, 8)


@pytest.mark.parametrize("seed", range(60))
def test_a_segment_is_not_purged_before_its_ballots_are_durable_elsewhere(seed: int) -> None:
    disk = SimulatedDisk(seed)
    recovered = start(disk)
    recovered.wal.append_promise(50)
    entries: list[bytes] = []
    while disk.list(LOG)[-1].endswith("1.log"):  # Until the second segment is prepared.
        entries.append(b"e" * 60)
        add(recovered, entries[-1])
    # Too large for what is left of the first segment, and not flushed.
    recovered.wal.append(1, len(entries), 0, 0, 1, pack_entries([b"x" * 700]))
    snapshot_at(disk, entries)
    recovered.wal.purge_before(len(entries))
    disk.crash()
    assert start(disk).promised == 50


def test_what_recovery_returned_survives_the_next_crash() -> None:
    """A killed process leaves records that only the page cache holds yet."""
    for seed in range(12):
        disk = SimulatedDisk(seed)
        recovered = start(disk)
        recovered.wal.append(1, 0, 1, 0, 1, pack_entries([b"e" * 900]))
        disk.locked.clear()  # The process is gone; the machine runs on.
        assert sequence(start(disk)) == [b"e" * 900]
        disk.crash()
        assert sequence(start(disk)) == [b"e" * 900]


def test_purging_keeps_every_segment_with_a_live_entry() -> None:
    disk = log_of(30)
    recovered = start(disk)
    before: dict[str, list[int]] = {}
    for path, place in places(disk):
        before.setdefault(path, []).extend([place.index] if place.count else [])
    recovered.wal.purge_before(11)
    left = {path for _, path in list_segments(disk, LOG)}
    for path, indices in before.items():
        if indices and max(indices) >= 11:
            assert path in left
    assert any(path not in left for path in before)


def test_a_recycled_segment_shows_nothing_of_its_earlier_life() -> None:
    options = WalOptions(segment_bytes_min=1024, segment_bytes_max=1024, growth=1, background=False)
    disk = SimulatedDisk()
    recovered = start(disk, options)
    live: list[bytes] = []
    for number in range(200):
        live.append(b"%03d" % number * 20)
        add(recovered, live[-1])
        if number % 10 == 9:
            snapshot_at(disk, live)
            recovered.wal.purge_before(len(live))
            assert [place.index for _, place in places(disk) if place.count][-1:] in ([], [number])
    files_made = disk.created - len(list_snapshots(disk, LOG))
    assert files_made < list_segments(disk, LOG)[-1][0] // 2, "segments were not reused"
    disk.crash()
    again = start(disk, options)
    assert sequence(again) == live
    assert again.notes == []


def test_leftovers_of_a_crash_are_removed() -> None:
    disk = log_of(2)
    for name in ("snapshot-00000000000000ff.tmp", "wal-00000000000000ff.log.tmp"):
        disk.create(f"{LOG}/{name}").pwrite(b"half", 0)
    start(disk).close()
    assert [name for name in disk.list(LOG) if name.endswith(".tmp")] == []


def test_check_changes_nothing_and_reports_every_file(tmp_path: Path) -> None:
    disk = OsDisk()
    recovered = recover(disk, str(tmp_path), options=TINY)
    for number in range(30):
        recovered.wal.append(1, number, 0x100 + number, 0, 1, [b"x" * 60])
    recovered.wal.sync()
    meta = SnapshotMeta(zxid=0x109, index=10, ballot=1, time_ms=0)
    write_snapshot(disk, recovered.snapshot_dir, meta, [b"state"])
    recovered.close()
    files = {path: path.read_bytes() for path in (tmp_path / "mesozoic-1").iterdir()}
    report = check_directory(disk, str(tmp_path))
    assert files == {path: path.read_bytes() for path in (tmp_path / "mesozoic-1").iterdir()}
    assert report.problems == ()
    assert report.can_start
    assert len(report.lines) == len(files) - 1  # All but the lock.
    assert sum(one.entries for one in report.files if one.kind == "log") == 30
    logs = [one for one in report.files if one.kind == "log" and one.entries]
    assert (logs[0].first_zxid, logs[-1].last_zxid) == (0x100, 0x100 + 29)
    assert "zxid 0x109 to 0x109: ok" in report.lines[0]


def test_snapshots_and_log_may_live_apart(tmp_path: Path) -> None:
    disk = OsDisk()
    data, log = tmp_path / "data", tmp_path / "log"
    recovered = recover(disk, str(data), str(log))
    recovered.wal.append(1, 0, 1, 0, 1, pack_entries([b"a"]))
    meta = SnapshotMeta(zxid=1, index=1, ballot=1, time_ms=0)
    write_snapshot(disk, recovered.snapshot_dir, meta, pack_entries([b"a"]))
    recovered.close()
    assert list_snapshots(disk, str(data / "mesozoic-1")) != []
    assert list_segments(disk, str(log / "mesozoic-1")) != []
    again = recover(disk, str(data), str(log))
    assert sequence(again) == [b"a"]
    again.close()


_WRITER = """
import sys
from zkserver.storage import OsDisk, WalOptions, recover
wal = recover(OsDisk(), sys.argv[1], options=WalOptions(segment_bytes_min=4096)).wal
while True:
    index = wal.next_index
    wal.append(1, index, index, 0, 1, [b"%d" % index * 50])
    wal.sync()
    print(index, flush=True)
"""


def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(300):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout:
            acknowledged = int(line) if line.endswith("\n") else acknowledged
    recovered = recover(OsDisk(), str(tmp_path))
    payloads = [record.payload for record in recovered.records()]
    assert len(payloads) >= acknowledged + 1 >= 300
    assert payloads == [b"%d" % index * 50 for index in range(len(payloads))]
    recovered.close()
