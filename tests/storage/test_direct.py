"""Appending past the page cache: what is flushed is in the file, whatever the sizes."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from zkserver.storage.direct import DirectFile
from zkserver.storage.disk import DiskFailed, DiskFile, OsDisk, OsFile

OLD = b"o" * 9000
FILE_BYTES = 4 << 20


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file of zeros with some records at its beginning."""
    name = tmp_path / "segment"
    name.write_bytes(OLD + bytes(FILE_BYTES - len(OLD)))
    return str(name)


def appender(path: str, offset: int = len(OLD)) -> DiskFile:
    disk = OsDisk()
    return disk.appender(path, disk.open(path), offset)


def test_file_systems_of_tests_take_direct_writes(path: str) -> None:
    # Otherwise the other tests here would prove nothing.
    file = appender(path)
    assert isinstance(file, DirectFile)
    file.close()


def test_what_is_flushed_stands_behind_what_was_there(path: str) -> None:
    file = appender(path)
    file.pwrite(b"abc", len(OLD))
    file.datasync()
    assert Path(path).read_bytes()[: len(OLD) + 8] == OLD + b"abc" + bytes(5)
    assert file.size() == FILE_BYTES
    file.close()


def test_what_is_not_flushed_is_not_there(path: str) -> None:
    file = appender(path)
    file.pwrite(b"abc", len(OLD))
    file.close()
    assert Path(path).read_bytes()[len(OLD) : len(OLD) + 3] == bytes(3)


def test_gaps_become_zeros_even_where_a_recycled_file_has_something_else(path: str) -> None:
    Path(path).write_bytes(b"x" * FILE_BYTES)
    file = appender(path, 10)
    file.pwrite(b"abc", 10)
    file.pwrite(b"def", 16)
    file.datasync()
    assert Path(path).read_bytes()[:19] == b"x" * 10 + b"abc" + bytes(3) + b"def"
    file.close()


def test_writing_again_what_was_written_is_refused(path: str) -> None:
    file = appender(path)
    file.pwrite(b"abc", len(OLD))
    with pytest.raises(ValueError, match="written already"):
        file.pwrite(b"abc", len(OLD))
    file.close()


@pytest.mark.parametrize("largest", [50, 5_000, 1_200_000], ids=["small", "pages", "windows"])
@pytest.mark.parametrize("seed", range(3))
def test_random_appends_end_as_they_would_in_the_page_cache(
    path: str, seed: int, largest: int
) -> None:
    stream = random.Random(seed)
    file, expected = appender(path), bytearray(OLD)
    for _ in range(200):
        data = stream.randbytes(stream.randint(1, largest))
        at = len(expected) + 7 & ~7
        if at + len(data) > FILE_BYTES:
            break
        file.pwrite(data, at)
        expected += bytes(at - len(expected)) + data
        if stream.random() < 0.5:
            file.datasync()
            assert file.pread(len(expected), 0) == expected
        if stream.random() < 0.1:
            file.datasync()
            file.close()
            file = appender(path, len(expected))
    file.datasync()
    assert Path(path).read_bytes()[: len(expected)] == expected
    file.close()


def test_file_systems_without_direct_access_get_the_page_cache(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.open

    def refuse(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "no direct access")
        return whole(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    file = appender(path)
    assert isinstance(file, OsFile)
    file.close()


def refuse_direct_writes(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    whole = os.pwrite

    def refuse(fd: int, data: bytes | memoryview, offset: int) -> int:
        if isinstance(data, memoryview):
            raise OSError(code, os.strerror(code))
        return whole(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", refuse)


def test_first_refused_write_goes_through_the_page_cache_with_all_that_follow(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = appender(path)
    refuse_direct_writes(monkeypatch, errno.EINVAL)
    file.pwrite(b"abc", len(OLD))
    file.datasync()
    file.pwrite(b"de", len(OLD) + 3)
    file.datasync()
    assert Path(path).read_bytes()[: len(OLD) + 5] == OLD + b"abcde"
    file.close()


def test_a_large_first_write_may_be_refused_as_well(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = appender(path)
    refuse_direct_writes(monkeypatch, errno.EINVAL)
    data = random.Random(1).randbytes(2_500_000)
    file.pwrite(data, len(OLD))
    file.datasync()
    assert Path(path).read_bytes()[: len(OLD) + len(data)] == OLD + data
    file.close()


def test_failure_names_file_and_reason(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = appender(path)
    refuse_direct_writes(monkeypatch, errno.EIO)
    file.pwrite(b"abc", len(OLD))
    with pytest.raises(DiskFailed, match=r"cannot write .*segment"):
        file.datasync()
    file.close()
