"""The contract of a Disk, held against the real one and against the simulated one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.storage.simulated_disk import SECTOR, SimulatedDisk
from zkserver.storage import DirectoryLocked, Disk, DiskFailed, OsDisk, recover


@dataclass
class Place:
    disk: Disk
    directory: str


@pytest.fixture(params=["os", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    disk: Disk = OsDisk() if request.param == "os" else SimulatedDisk()
    directory = str(tmp_path / "some" / "where")
    disk.make_directory(directory)
    return Place(disk, directory)


def test_bytes_are_read_where_they_were_written(place: Place) -> None:
    file = place.disk.create(f"{place.directory}/a")
    file.pwrite(b"hello", 3)
    file.pwrite(b"J", 3)
    assert file.size() == 8
    assert file.pread(100, 0) == b"\0\0\0Jello"
    assert file.pread(2, 6) == b"lo"
    assert file.pread(5, 8) == b""
    file.datasync()
    file.close()
    again = place.disk.open(f"{place.directory}/a", write=False)
    assert again.pread(8, 0) == b"\0\0\0Jello"
    again.close()


def test_truncate_cuts_and_extends_with_zeros(place: Place) -> None:
    file = place.disk.create(f"{place.directory}/a")
    file.pwrite(b"0123456789", 0)
    file.truncate(4)
    assert file.pread(20, 0) == b"0123"
    file.truncate(6)
    assert file.pread(20, 0) == b"0123\0\0"
    file.close()


def test_names_are_listed_renamed_and_removed(place: Place) -> None:
    disk, directory = place.disk, place.directory
    for name in ("b", "a", "c"):
        file = disk.create(f"{directory}/{name}")
        file.pwrite(name.encode(), 0)
        file.close()
    assert disk.list(directory) == ["a", "b", "c"]
    disk.rename(f"{directory}/a", f"{directory}/b")
    disk.remove(f"{directory}/c")
    disk.sync_directory(directory)
    assert disk.list(directory) == ["b"]
    file = disk.open(f"{directory}/b")
    assert file.pread(1, 0) == b"a"
    file.close()


def test_a_missing_directory_has_no_names(place: Place) -> None:
    assert place.disk.list(f"{place.directory}/absent") == []


def test_create_empties_an_existing_file(place: Place) -> None:
    path = f"{place.directory}/a"
    file = place.disk.create(path)
    file.pwrite(b"old", 0)
    file.close()
    file = place.disk.create(path)
    assert file.size() == 0
    file.close()


def test_a_directory_may_be_made_twice(place: Place) -> None:
    place.disk.make_directory(place.directory)
    assert place.disk.list(place.directory) == []


def test_what_is_missing_is_named(place: Place) -> None:
    path = f"{place.directory}/absent"
    with pytest.raises(DiskFailed) as opened:
        place.disk.open(path)
    assert (opened.value.path, opened.value.errno) == (path, errno.ENOENT)
    with pytest.raises(DiskFailed, match=r"cannot remove .*absent"):
        place.disk.remove(path)
    with pytest.raises(DiskFailed, match=r"cannot rename .*absent"):
        place.disk.rename(path, path + "2")


def test_a_closed_file_fails(place: Place) -> None:
    file = place.disk.create(f"{place.directory}/a")
    file.close()
    file.close()
    with pytest.raises(DiskFailed, match="cannot write"):
        file.pwrite(b"x", 0)
    with pytest.raises(DiskFailed, match="cannot flush"):
        file.datasync()


def test_a_directory_has_one_owner_at_a_time(place: Place) -> None:
    lock = place.disk.lock_directory(place.directory)
    with pytest.raises(DirectoryLocked):
        place.disk.lock_directory(place.directory)
    lock.release()
    place.disk.lock_directory(place.directory).release()


def test_a_full_disk_is_reported_with_advice() -> None:
    full = "/dev/full"
    if not Path(full).exists():
        pytest.skip("this system has no /dev/full")
    file = OsDisk().open(full)
    with pytest.raises(DiskFailed, match=r"cannot write /dev/full: .*; free space") as error:
        file.pwrite(b"x", 0)
    assert error.value.errno == errno.ENOSPC
    file.close()


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, bytes(data[:3]), at))
    file = OsDisk().create(str(tmp_path / "a"))
    file.pwrite(b"0123456789", 1)
    assert file.pread(20, 0) == b"\x000123456789"
    file.close()


def test_unflushed_sectors_may_be_lost_and_flushed_ones_never() -> None:
    outcomes = set()
    for seed in range(40):
        disk = SimulatedDisk(seed)
        disk.make_directory("d")
        file = disk.create("d/a")
        file.pwrite(b"a" * (3 * SECTOR), 0)
        file.datasync()
        disk.sync_directory("d")
        file.pwrite(b"b" * (2 * SECTOR), SECTOR)
        disk.crash()
        data = disk.contents("d/a")
        assert data[:SECTOR] == b"a" * SECTOR
        assert set(data) <= set(b"ab")
        outcomes.add(data)
        with pytest.raises(DiskFailed):
            file.pread(1, 0)
    assert len(outcomes) > 10
    assert any(b"ba" in data for data in outcomes), "no sector was torn or lost"


def test_unflushed_names_may_be_lost() -> None:
    kept = set()
    for seed in range(20):
        disk = SimulatedDisk(seed)
        disk.make_directory("d")
        disk.create("d/a").datasync()
        disk.crash()
        kept.add(tuple(disk.list("d")))
    assert kept == {(), ("a",)}


def test_a_failed_flush_loses_what_it_should_have_written() -> None:
    lost = 0
    for seed in range(20):
        disk = SimulatedDisk(seed)
        disk.make_directory("d")
        file = disk.create("d/a")
        disk.sync_directory("d")
        file.pwrite(b"a" * SECTOR, 0)
        disk.fail("flush", errno.EIO)
        with pytest.raises(DiskFailed):
            file.datasync()
        file.datasync()
        disk.crash()
        lost += disk.contents("d/a") != b"a" * SECTOR
    assert lost > 0


_HOLDER = """
import sys
from zkserver.storage import OsDisk, recover
held = recover(OsDisk(), sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_cannot_use_one_directory(tmp_path: Path) -> None:
    directory = str(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DirectoryLocked, match=f"in use by process {holder.pid};") as error:
            recover(OsDisk(), directory)
        assert error.value.pid == holder.pid
        holder.kill()
    recover(OsDisk(), directory).close()
