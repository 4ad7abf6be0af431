"""Snapshots are whole or refused."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.simulated_disk import SimulatedDisk
from zkserver.storage import (
    CorruptSnapshot,
    DiskFailed,
    SnapshotMeta,
    list_snapshots,
    read_snapshot,
    retain,
    write_snapshot,
)
from zkserver.storage import snapshots as module

META = SnapshotMeta(zxid=0x2A, index=7, ballot=3, time_ms=1234)


def fresh_disk(seed: int = 0) -> SimulatedDisk:
    disk = SimulatedDisk(seed)
    disk.make_directory("s")
    return disk


def read_all(disk: SimulatedDisk, path: str) -> tuple[SnapshotMeta, list[bytes]]:
    meta, blocks = read_snapshot(disk, path)
    return meta, list(blocks)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_what_is_written_is_read(blocks: list[bytes]) -> None:
    disk = fresh_disk()
    path = write_snapshot(disk, "s", META, iter(blocks))
    assert path == "s/snapshot-000000000000002a"
    assert read_all(disk, path) == (META, blocks)


def test_blocks_larger_than_the_read_size_are_read() -> None:
    disk = fresh_disk()
    blocks = [b"a" * (6 << 20), b"b", b"c" * (3 << 20), b"d" * (1 << 20)]
    assert read_all(disk, write_snapshot(disk, "s", META, blocks)) == (META, blocks)


def cut_at(disk: SimulatedDisk, path: str, size: int) -> None:
    file = disk.open(path)
    file.truncate(size)
    file.close()


def test_a_snapshot_cut_anywhere_is_refused() -> None:
    disk = fresh_disk()
    path = write_snapshot(disk, "s", META, [b"first", b"", b"third"])
    for size in reversed(range(len(disk.contents(path)))):
        cut_at(disk, path, size)
        with pytest.raises(CorruptSnapshot) as refused:
            read_all(disk, path)
        assert refused.value.file == path
        assert refused.value.offset <= size


def test_a_snapshot_that_goes_on_after_its_seal_is_refused() -> None:
    disk = fresh_disk()
    path = write_snapshot(disk, "s", META, [b"first"])
    cut_at(disk, path, len(disk.contents(path)) + 1)
    with pytest.raises(CorruptSnapshot, match="goes on after its seal"):
        read_all(disk, path)


def test_any_flipped_bit_is_noticed() -> None:
    disk = fresh_disk()
    path = write_snapshot(disk, "s", META, [b"first", b"second"])
    for offset in range(len(disk.contents(path))):
        for bit in range(8):
            disk.flip(path, offset, bit)
            with pytest.raises(CorruptSnapshot):
                read_all(disk, path)
            disk.flip(path, offset, bit)
    assert read_all(disk, path) == (META, [b"first", b"second"])


def test_swapped_blocks_are_noticed() -> None:
    disk = fresh_disk()
    path = write_snapshot(disk, "s", META, [b"one", b"two"])
    data = disk.contents(path)
    start = data.index(b"one") - 8
    file = disk.open(path)
    file.pwrite(data[start + 11 : start + 22] + data[start : start + 11], start)
    file.close()
    with pytest.raises(CorruptSnapshot, match="checksum of block 0") as refused:
        read_all(disk, path)
    assert refused.value.offset == start


def test_a_renamed_snapshot_is_refused() -> None:
    disk = fresh_disk()
    path = write_snapshot(disk, "s", META, [b"one"])
    other = "s/snapshot-000000000000002b"
    disk.rename(path, other)
    with pytest.raises(CorruptSnapshot, match="zxid 0x2a"):
        read_all(disk, other)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    flushes=st.integers(0, 1),
    sizes=st.lists(st.integers(0, 2000), max_size=6),
)
def test_a_crash_leaves_the_old_snapshot_or_the_new_one(
    seed: int, flushes: int, sizes: list[int]
) -> None:
    disk = fresh_disk(seed)
    old = write_snapshot(disk, "s", META, [b"old"])
    disk.fail("flush", errno.EIO, after=flushes)
    newer = SnapshotMeta(zxid=0x2B, index=9, ballot=3, time_ms=0)
    blocks = [b"n" * size for size in sizes]
    done = True
    try:
        write_snapshot(disk, "s", newer, blocks)
    except DiskFailed:
        done = False
    disk.crash()
    found = list_snapshots(disk, "s")
    assert found[-1] == old
    assert (len(found) == 2) == done
    assert read_all(disk, old) == (META, [b"old"])
    if done:
        assert read_all(disk, found[0]) == (newer, blocks)


def test_a_writer_that_fails_leaves_no_snapshot() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"one"
        raise KeyError("the tree broke")

    disk = fresh_disk()
    with pytest.raises(KeyError):
        write_snapshot(disk, "s", META, blocks())
    assert list_snapshots(disk, "s") == []


def test_snapshots_are_listed_newest_first_and_others_ignored() -> None:
    disk = fresh_disk()
    for zxid in (5, 1 << 32, 17):
        write_snapshot(disk, "s", SnapshotMeta(zxid, 0, 0, 0), [])
    for name in ("snapshot-5", "snapshot-00000000000000FF", "snapshot-zzzzzzzzzzzzzzzz", "lock"):
        disk.create(f"s/{name}")
    assert list_snapshots(disk, "s") == [f"s/snapshot-{zxid:016x}" for zxid in (1 << 32, 17, 5)]


def test_retain_keeps_the_newest_and_removes_leftovers() -> None:
    disk = fresh_disk()
    for zxid in range(1, 6):
        write_snapshot(disk, "s", SnapshotMeta(zxid, 0, 0, 0), [])
    disk.create("s/snapshot-00000000000000ff.tmp")
    disk.create("s/wal-0000000000000001.log.tmp")
    kept = retain(disk, "s", 2)
    assert kept == [f"s/snapshot-{zxid:016x}" for zxid in (5, 4)]
    assert disk.list("s") == sorted(
        ["wal-0000000000000001.log.tmp", *(path.removeprefix("s/") for path in kept)]
    )
    with pytest.raises(ValueError, match="at least one"):
        retain(disk, "s", 0)


def test_limits_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = fresh_disk()
    monkeypatch.setattr(module, "BLOCK_BYTES_MAX", 10)
    with pytest.raises(ValueError, match="a block of 11 bytes"):
        write_snapshot(disk, "s", META, [b"x" * 11])
    with pytest.raises(ValueError, match="may not be negative"):
        write_snapshot(disk, "s", SnapshotMeta(-1, 0, 0, 0), [])
    assert list_snapshots(disk, "s") == []
