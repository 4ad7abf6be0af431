"""A disk in memory that forgets what was not flushed, as a real one may.

Contents are kept twice: as processes see them, and as they are on the medium. When power
fails, of each unflushed 512-byte sector either the old or the new bytes are left, or one
of them is torn in the middle, and each unflushed change of a directory has happened or
not. When only the process dies, the kernel still holds everything. A failed flush drops the
dirty sectors and lets the next one succeed, as Linux does.
"""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass, field
from typing import Final

from zkserver.storage import DirectoryLock, DirectoryLocked, DiskFailed, DiskFile

SECTOR_BYTES: Final = 512


class OutOfTimeError(Exception):
    """The process ends in the middle of its work on the disk (see :attr:`SimDisk.patience`)."""


@dataclass(slots=True, eq=False)
class _Inode:
    """The contents of a file."""

    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    #: Sectors whose bytes may differ from the medium's; a dict because its order is defined.
    dirty: dict[int, None] = field(default_factory=dict)
    #: Sectors that the kernel gave up after a failed flush.
    abandoned: dict[int, None] = field(default_factory=dict)

    def write(self, data: bytes, offset: int) -> None:
        end = offset + len(data)
        if end > len(self.live):
            self.live.extend(bytes(end - len(self.live)))
        self.live[offset:end] = data
        dirty = self.dirty
        for sector in range(offset // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
            dirty[sector] = None

    def flush(self) -> None:
        live, durable = self.live, self.durable
        self._resize_durable()
        for sector in self.dirty:
            start = sector * SECTOR_BYTES
            durable[start : start + SECTOR_BYTES] = live[start : start + SECTOR_BYTES]
        self.dirty.clear()

    def lose_power(self, stream: random.Random) -> None:
        unsure = [*self.dirty, *self.abandoned]
        if not unsure and len(self.live) == len(self.durable):
            return
        if len(self.live) != len(self.durable) and stream.random() < 0.5:
            self._resize_durable()
        torn = stream.choice(unsure) if unsure and stream.random() < 0.6 else -1
        share = stream.choice((0.0, 0.5, 1.0))
        prefix = stream.random() < 0.5
        for position, sector in enumerate(unsure):
            start = sector * SECTOR_BYTES
            survives = position < share * len(unsure) if prefix else stream.random() < share
            if sector == torn:
                end = start + stream.randrange(SECTOR_BYTES + 1)
            elif survives:
                end = start + SECTOR_BYTES
            else:
                continue
            end = min(end, len(self.durable), len(self.live))
            if end > start:
                self.durable[start:end] = self.live[start:end]
        self.live = bytearray(self.durable)
        self.dirty.clear()
        self.abandoned.clear()

    def _resize_durable(self) -> None:
        del self.durable[len(self.live) :]
        self.durable.extend(bytes(len(self.live) - len(self.durable)))


@dataclass(frozen=True, slots=True)
class _NameChange:
    """A change of a directory that is not durable yet."""

    directory: str
    #: ``None``: the source name is only removed.
    inode: _Inode | None
    source: str | None
    target: str | None

    def apply(self, names: dict[str, _Inode]) -> None:
        if self.source is not None:
            names.pop(self.source, None)
        if self.target is not None and self.inode is not None:
            names[self.target] = self.inode


class _File:
    """An open file; it is of no use once the process that opened it is gone."""

    __slots__ = ("_disk", "_inode", "_is_open", "_life", "_path")

    def __init__(self, disk: SimDisk, path: str, inode: _Inode) -> None:
        self._disk = disk
        self._path = path
        self._inode = inode
        self._life = disk.life
        self._is_open = True

    def pwrite(self, data: bytes, offset: int) -> None:
        """Write; into the cache of the kernel."""
        disk = self._disk
        self._check("write")
        code = disk.take_fault("write")
        growth = offset + len(data) - len(self._inode.live)
        if code is None and growth > 0 and disk.free_bytes is not None:
            if growth > disk.free_bytes:
                code = errno.ENOSPC
            else:
                disk.free_bytes -= growth
        if code is not None:
            # The kernel may have taken a part before it found out.
            self._inode.write(data[: disk.stream.randrange(len(data) + 1)], offset)
            raise DiskFailed(self._path, "write", code)
        self._inode.write(data, offset)

    def pread(self, n: int, offset: int) -> bytes:
        """Read what processes see."""
        self._check("read")
        return bytes(memoryview(self._inode.live)[offset : offset + n])

    def datasync(self) -> None:
        """Make the contents durable, or fail once and drop them."""
        self._check("flush")
        code = self._disk.take_fault("flush")
        if code is not None:
            self._inode.abandoned.update(self._inode.dirty)
            self._inode.dirty.clear()
            raise DiskFailed(self._path, "flush", code)
        self._inode.flush()

    def size(self) -> int:
        """Bytes in the file."""
        self._check("read the size of")
        return len(self._inode.live)

    def truncate(self, n: int) -> None:
        """Set the size."""
        self._check("resize")
        del self._inode.live[n:]
        self._inode.live.extend(bytes(n - len(self._inode.live)))

    def close(self) -> None:
        """Give the handle back."""
        self._is_open = False

    def _check(self, operation: str) -> None:
        if not self._is_open or self._life != self._disk.life:
            raise DiskFailed(self._path, operation, errno.EBADF)
        if operation in ("write", "flush"):
            self._disk.spend()


class _Lock:
    def __init__(self, disk: SimDisk, directory: str) -> None:
        self._disk = disk
        self._directory = directory

    def release(self) -> None:
        self._disk.locked.pop(self._directory, None)


class SimDisk:
    """A ``Disk`` with faults; everything random comes from ``stream``."""

    def __init__(self, stream: random.Random) -> None:
        self.stream = stream
        #: Counts processes: a handle of an earlier one is refused.
        self.life = 0
        #: Growth that is left, bytes; ``None``: no limit.
        self.free_bytes: int | None = None
        #: Writes and flushes until the process dies in the middle; ``None``: it does not.
        self.patience: int | None = None
        self.locked: dict[str, None] = {}
        self._live: dict[str, _Inode] = {}
        self._durable: dict[str, _Inode] = {}
        self._changes: list[_NameChange] = []
        self._directories: dict[str, None] = {}
        self._faults: dict[str, int] = {}

    # Faults.

    def fail(self, operation: str, code: int) -> None:
        """Let the next ``operation`` (write, flush) fail with ``code``."""
        self._faults[operation] = code

    def take_fault(self, operation: str) -> int | None:
        """The error number with which the current operation fails, if it does."""
        return self._faults.pop(operation, None) if self._faults else None

    def spend(self) -> None:
        """Count an operation against :attr:`patience`; raises :class:`OutOfTimeError`."""
        if self.patience is not None:
            self.patience -= 1
            if self.patience < 0:
                raise OutOfTimeError

    def kill(self) -> None:
        """The process dies: its handles and locks are gone, its writes are with the kernel."""
        self.locked.clear()
        self.patience = None
        self.life += 1

    def lose_power(self) -> None:
        """The machine dies: a random part of what was not flushed is gone."""
        self.kill()
        for change in self._changes:
            if self.stream.random() < 0.5:
                change.apply(self._durable)
        self._changes.clear()
        self._live = dict(self._durable)
        for inode in self._live.values():
            inode.lose_power(self.stream)

    def mend(self) -> None:
        """The operator makes room, and no further failures are planned."""
        self._faults.clear()
        self.free_bytes = None

    def flip(self, path: str, offset: int, bit: int) -> None:
        """Change one stored bit."""
        inode = self._live[path]
        inode.live[offset] ^= 1 << bit
        if offset < len(inode.durable):
            inode.durable[offset] ^= 1 << bit

    # The protocol ``zkserver.storage.Disk``.

    def open(self, path: str, *, write: bool = True) -> DiskFile:
        """Open an existing file."""
        if path not in self._live:
            raise DiskFailed(path, "open" if write else "open for reading", errno.ENOENT)
        return _File(self, path, self._live[path])

    def create(self, path: str) -> DiskFile:
        """Create a file."""
        self.spend()
        directory = path.rpartition("/")[0]
        if directory not in self._directories:
            raise DiskFailed(path, "create", errno.ENOENT)
        if self.free_bytes is not None and self.free_bytes < SECTOR_BYTES:
            raise DiskFailed(path, "create", errno.ENOSPC)
        self._change(_NameChange(directory, _Inode(), None, path))
        return _File(self, path, self._live[path])

    def appender(self, path: str, file: DiskFile, offset: int) -> DiskFile:
        """The file as it is: that it may lose more than a real one is what it is made for."""
        del path, offset
        return file

    def list(self, directory: str) -> list[str]:
        """Sorted names."""
        prefix = directory + "/"
        names = [path.removeprefix(prefix) for path in self._live if path.startswith(prefix)]
        return sorted(name for name in names if "/" not in name)

    def rename(self, source: str, target: str) -> None:
        """Rename within a directory."""
        self.spend()
        if source not in self._live:
            raise DiskFailed(source, "rename", errno.ENOENT)
        directory = source.rpartition("/")[0]
        self._change(_NameChange(directory, self._live[source], source, target))

    def remove(self, path: str) -> None:
        """Remove a file."""
        self.spend()
        if path not in self._live:
            raise DiskFailed(path, "remove", errno.ENOENT)
        self._change(_NameChange(path.rpartition("/")[0], None, path, None))

    def sync_directory(self, directory: str) -> None:
        """Make the names durable."""
        self.spend()
        for change in self._changes:
            if change.directory == directory:
                change.apply(self._durable)
        self._changes = [one for one in self._changes if one.directory != directory]

    def make_directory(self, directory: str) -> None:
        """Make a directory."""
        self._directories[directory] = None

    def lock_directory(self, directory: str) -> DirectoryLock:
        """Take a directory; there is one process at a time, so only it itself is in the way."""
        if directory in self.locked:
            raise DirectoryLocked(directory, None)
        self.locked[directory] = None
        return _Lock(self, directory)

    def _change(self, change: _NameChange) -> None:
        change.apply(self._live)
        self._changes.append(change)
