"""What the simulated disk keeps and what it loses."""

from __future__ import annotations

import errno
import random

import pytest

from zkserver.sim.disk import SECTOR_BYTES, OutOfTimeError, SimDisk
from zkserver.storage import DirectoryLocked, DiskFailed


def disk_of(seed: int = 0) -> SimDisk:
    disk = SimDisk(random.Random(seed))
    disk.make_directory("d")
    return disk


def contents(disk: SimDisk, path: str) -> bytes:
    file = disk.open(path, write=False)
    return file.pread(file.size(), 0)


def flushed(disk: SimDisk, data: bytes) -> None:
    file = disk.create("d/f")
    file.pwrite(data, 0)
    file.datasync()
    disk.sync_directory("d")


@pytest.mark.parametrize("seed", range(20))
def test_what_was_flushed_survives_losing_power(seed: int) -> None:
    disk = disk_of(seed)
    flushed(disk, b"x" * 2000)
    disk.lose_power()
    assert contents(disk, "d/f") == b"x" * 2000


def test_of_what_was_not_flushed_any_part_may_survive() -> None:
    found = set()
    for seed in range(200):
        disk = disk_of(seed)
        flushed(disk, b"a" * (3 * SECTOR_BYTES))
        disk.open("d/f").pwrite(b"b" * (3 * SECTOR_BYTES), 0)
        disk.lose_power()
        sectors = [contents(disk, "d/f")[at * 512 : at * 512 + 512] for at in range(3)]
        found.add("".join("t" if len(set(s)) > 1 else chr(s[0]) for s in sectors))
    assert {"aaa", "bbb"} <= found
    assert any("t" in one for one in found), "no sector was ever torn"
    assert any(one[2] == "b" and one[0] == "a" for one in found), "always in order"


def test_a_killed_process_loses_nothing_that_the_kernel_has() -> None:
    disk = disk_of()
    file = disk.create("d/f")
    file.pwrite(b"abc", 0)
    disk.kill()
    assert contents(disk, "d/f") == b"abc"
    with pytest.raises(DiskFailed):
        file.pwrite(b"x", 0)


def test_a_name_that_was_not_flushed_may_be_gone() -> None:
    survived = set()
    for seed in range(40):
        disk = disk_of(seed)
        disk.create("d/f").datasync()
        disk.lose_power()
        survived.add(disk.list("d") == ["f"])
    assert survived == {True, False}


def test_a_failed_flush_drops_what_it_should_have_written() -> None:
    lost = False
    for seed in range(40):
        disk = disk_of(seed)
        flushed(disk, b"a" * 512)
        file = disk.open("d/f")
        file.pwrite(b"b" * 512, 0)
        disk.fail("flush", errno.EIO)
        with pytest.raises(DiskFailed):
            file.datasync()
        file.datasync()
        disk.lose_power()
        lost = lost or contents(disk, "d/f") == b"a" * 512
    assert lost


def test_a_full_disk_refuses_to_grow_until_it_is_mended() -> None:
    disk = disk_of()
    file = disk.create("d/f")
    disk.free_bytes = 10
    with pytest.raises(DiskFailed) as refused:
        file.pwrite(b"x" * 11, 0)
    assert refused.value.errno == errno.ENOSPC
    disk.mend()
    file.pwrite(b"x" * 11, 0)


def test_a_process_may_die_between_two_writes() -> None:
    disk = disk_of()
    file = disk.create("d/f")
    disk.patience = 1
    file.pwrite(b"a", 0)
    with pytest.raises(OutOfTimeError):
        file.pwrite(b"b", 1)
    disk.kill()
    assert contents(disk, "d/f") == b"a"


def test_a_directory_belongs_to_one_process_until_it_ends() -> None:
    disk = disk_of()
    disk.lock_directory("d")
    with pytest.raises(DirectoryLocked):
        disk.lock_directory("d")
    disk.kill()
    disk.lock_directory("d").release()
    disk.lock_directory("d")
