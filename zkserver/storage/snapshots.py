"""Snapshots: a complete state at one zxid, in a file that is whole or refused.

::

    header   8s magic   I version   I crc   q zxid   Q index   Q ballot   q time_ms
    block    I length   I crc   the bytes           (any number of them)
    seal     I 0xFFFFFFFF   I crc   Q blocks   Q bytes of all blocks

A block's checksum starts from the header's plus the number of the block, so
blocks cannot be missing, repeated, swapped or taken from another snapshot. The
file is written under a temporary name and renamed once it is durable. Nothing
here uses threads or logs, so a forked child may write a snapshot.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from zkserver.storage.disk import Disk, DiskFile
from zkserver.storage.segments import TEMPORARY_SUFFIX

MAGIC: Final = b"MZSNAP\r\n"
VERSION: Final = 1
_HEADER: Final = struct.Struct(">8sIIqQQq")
_HEADER_START: Final = struct.Struct(">8sII")
_HEADER_REST: Final = struct.Struct(">qQQq")
_BLOCK: Final = struct.Struct(">II")
_TOTALS: Final = struct.Struct(">QQ")
_SEAL_MARK: Final = 0xFFFFFFFF
_PREFIX: Final = "snapshot-"
# Small blocks are gathered, so that each write and read moves about this much.
_CHUNK_BYTES: Final = 1 << 20
# Flushing as we go keeps the log's flushes from queueing behind the whole file.
_FLUSH_BYTES: Final = 8 << 20
BLOCK_BYTES_MAX: Final = 1 << 30


class CorruptSnapshot(Exception):  # noqa: N818 - names the state found
    """A snapshot is damaged or cut short; ``file`` and ``offset`` (bytes) say where."""

    def __init__(self, file: str, offset: int, why: str) -> None:
        self.file = file
        self.offset = offset
        self.why = why
        super().__init__(f"{file}, offset {offset}: {why}")


@dataclass(frozen=True, slots=True)
class SnapshotMeta:
    """What a snapshot contains."""

    zxid: int  # Of the last entry in it; not negative.
    index: int  # Number of entries it contains: the next position to replay.
    ballot: int  # The ballot under which it was taken, kept for the consensus.
    time_ms: int  # Wall time it was taken at.


def snapshot_name(zxid: int) -> str:
    """File name of the snapshot at ``zxid``."""
    return f"{_PREFIX}{zxid:016x}"


def snapshot_zxid(name: str) -> int | None:
    """The zxid in a snapshot's file name; ``None`` for any other file."""
    digits = name.removeprefix(_PREFIX)
    if len(digits) != 16 or not digits.isalnum():
        return None
    try:
        zxid = int(digits, 16)
    except ValueError:
        return None
    return zxid if snapshot_name(zxid) == name else None


class _Writer:
    """Gathers small pieces into large writes at the end of a new file."""

    def __init__(self, file: DiskFile) -> None:
        self._file = file
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._offset = 0
        self._flushed = 0

    def add(self, piece: bytes) -> None:
        """Append ``piece``; it may stay in memory until ``finish``."""
        self._pieces.append(piece)
        self._gathered += len(piece)
        if self._gathered >= _CHUNK_BYTES:
            self._write()

    def finish(self) -> None:
        """Write what is left and make the file durable."""
        self._write()
        self._file.datasync()

    def _write(self) -> None:
        self._file.pwrite(b"".join(self._pieces), self._offset)
        self._offset += self._gathered
        self._pieces.clear()
        self._gathered = 0
        if self._offset - self._flushed >= _FLUSH_BYTES:
            self._file.datasync()
            self._flushed = self._offset


def write_snapshot(disk: Disk, directory: str, meta: SnapshotMeta, blocks: Iterable[bytes]) -> str:
    """Write a snapshot and return its path; durable when this returns.

    A snapshot of the same zxid is replaced. Raises ``DiskFailed``; whatever goes
    wrong, including in ``blocks``, no file of the final name appears.
    """
    if meta.zxid < 0:
        raise ValueError(f"a snapshot's zxid may not be negative: {meta.zxid}")
    path = f"{directory}/{snapshot_name(meta.zxid)}"
    temporary = path + TEMPORARY_SUFFIX
    file = disk.create(temporary)
    try:
        rest = _HEADER_REST.pack(meta.zxid, meta.index, meta.ballot, meta.time_ms)
        seed = crc32(rest)
        writer = _Writer(file)
        writer.add(_HEADER_START.pack(MAGIC, VERSION, seed) + rest)
        count = total = 0
        for block in blocks:
            if len(block) > BLOCK_BYTES_MAX:
                raise ValueError(f"a block of {len(block)} bytes is more than {BLOCK_BYTES_MAX}")
            writer.add(_BLOCK.pack(len(block), crc32(block, seed + count & 0xFFFFFFFF)))
            writer.add(block)
            count += 1
            total += len(block)
        totals = _TOTALS.pack(count, total)
        writer.add(_BLOCK.pack(_SEAL_MARK, crc32(totals, seed)) + totals)
        writer.finish()
    finally:
        file.close()
    disk.rename(temporary, path)
    disk.sync_directory(directory)
    return path


def read_snapshot(
    disk: Disk, path: str, zxid: int | None = None
) -> tuple[SnapshotMeta, Generator[bytes, None, None]]:
    """The meta data of a snapshot and its blocks, each checked as it is taken.

    It has to be that of ``zxid``, which its name says unless it is given. Raises
    ``CorruptSnapshot`` at once for a bad header, and from the iterator for whatever is
    wrong further on: the snapshot is valid only if the iterator ends.
    """
    file = disk.open(path, write=False)
    try:
        meta, seed = _read_header(file, path, zxid)
    except BaseException:
        file.close()
        raise
    return meta, _read_blocks(file, path, seed)


def read_meta(disk: Disk, path: str) -> SnapshotMeta:
    """The meta data alone. Raises ``CorruptSnapshot`` for a bad header, else checks nothing."""
    file = disk.open(path, write=False)
    try:
        return _read_header(file, path)[0]
    finally:
        file.close()


def _read_header(
    file: DiskFile, path: str, expected: int | None = None
) -> tuple[SnapshotMeta, int]:
    data = file.pread(_HEADER.size, 0)
    if len(data) < _HEADER.size:
        raise CorruptSnapshot(path, len(data), "the file ends within its header")
    magic, version, crc, zxid, index, ballot, time_ms = _HEADER.unpack(data)
    if magic != MAGIC:
        raise CorruptSnapshot(path, 0, "this is no snapshot: its first bytes are wrong")
    if version != VERSION:
        raise CorruptSnapshot(
            path, 8, f"the format version is {version}, this server knows {VERSION}"
        )
    if crc32(_HEADER_REST.pack(zxid, index, ballot, time_ms)) != crc:
        raise CorruptSnapshot(path, 12, "the checksum of the header is wrong")
    if expected is None:
        expected = snapshot_zxid(path.rpartition("/")[2])
    if zxid != expected:
        raise CorruptSnapshot(path, 16, f"it holds the state at zxid {zxid:#x}, not its name's")
    return SnapshotMeta(zxid, index, ballot, time_ms), crc


class _Reader:
    """Takes exact numbers of bytes from a file, reading it in large pieces."""

    def __init__(self, file: DiskFile, path: str, offset: int) -> None:
        self._file = file
        self._path = path
        self._data = b""
        self._used = 0
        self._size = file.size()
        self.offset = offset  # Of the next byte to be taken.

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes; raises ``CorruptSnapshot`` when the file ends before."""
        if self._size - self.offset < n:
            raise CorruptSnapshot(self._path, self.offset, "the file ends here, without its seal")
        if len(self._data) - self._used < n:
            want = min(max(n, _CHUNK_BYTES * 4), self._size - self.offset)
            self._data = self._file.pread(want, self.offset)
            self._used = 0
            if len(self._data) < n:
                raise CorruptSnapshot(self._path, self.offset, "the file shrinks while it is read")
        taken = self._data[self._used : self._used + n]
        self._used += n
        self.offset += n
        return taken

    def at_end(self) -> bool:
        """All bytes were taken."""
        return self.offset == self._size


def _read_blocks(file: DiskFile, path: str, seed: int) -> Generator[bytes, None, None]:
    try:
        reader = _Reader(file, path, _HEADER.size)
        count = total = 0
        while True:
            start = reader.offset
            length, crc = _BLOCK.unpack(reader.take(_BLOCK.size))
            if length == _SEAL_MARK:
                break
            block = reader.take(length)
            if crc32(block, seed + count & 0xFFFFFFFF) != crc:
                raise CorruptSnapshot(path, start, f"the checksum of block {count} is wrong")
            count += 1
            total += length
            yield block
        totals = reader.take(_TOTALS.size)
        if crc32(totals, seed) != crc or _TOTALS.unpack(totals) != (count, total):
            raise CorruptSnapshot(path, start, "the seal does not match the blocks before it")
        if not reader.at_end():
            raise CorruptSnapshot(path, reader.offset, "the file goes on after its seal")
    finally:
        file.close()


def verify_snapshot(disk: Disk, path: str, zxid: int | None = None) -> SnapshotMeta:
    """Read a whole snapshot and return its meta data; raises ``CorruptSnapshot``.

    It has to be that of ``zxid``, which its name says unless it is given.
    """
    meta, blocks = read_snapshot(disk, path, zxid)
    for _ in blocks:
        pass
    return meta


def list_snapshots(disk: Disk, directory: str) -> list[str]:
    """Paths of the snapshots in ``directory``, newest first; their contents are not read."""
    found = [
        (zxid, name) for name in disk.list(directory) if (zxid := snapshot_zxid(name)) is not None
    ]
    return [f"{directory}/{name}" for _, name in sorted(found, reverse=True)]


def remove_leftovers(disk: Disk, directory: str) -> int:
    """Remove files that never got their final name; returns how many.

    Only for whoever knows that nobody is writing one now.
    """
    names = [name for name in disk.list(directory) if name.endswith(TEMPORARY_SUFFIX)]
    for name in names:
        disk.remove(f"{directory}/{name}")
    if names:
        disk.sync_directory(directory)
    return len(names)


def retain(disk: Disk, directory: str, keep: int) -> list[str]:
    """Keep the ``keep`` newest snapshots and remove older ones and leftovers.

    Returns the paths kept, newest first; purge the log only up to the index of the
    oldest of them, or the older ones are of no use. Must not run while a snapshot is
    being written into ``directory``. Raises ``DiskFailed``.
    """
    if keep < 1:
        raise ValueError(f"at least one snapshot must be kept, not {keep}")
    paths = list_snapshots(disk, directory)
    for path in paths[keep:]:
        disk.remove(path)
    for name in disk.list(directory):
        if name.startswith(_PREFIX) and name.endswith(TEMPORARY_SUFFIX):
            disk.remove(f"{directory}/{name}")
    disk.sync_directory(directory)
    return paths[:keep]
