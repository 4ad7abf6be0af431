"""A disk in memory that forgets what was not flushed, as a real one may.

Contents are kept twice: as the process sees them, and as they are on the medium.
A crash leaves of each unflushed 512-byte sector either the old or the new bytes,
tears one of them in the middle, and lets each unflushed change of a directory
happen or not. A failed flush drops the dirty sectors and lets the next flush
succeed, as Linux does, so code that retries one is caught.
"""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass, field

from zkserver.storage import DirectoryLock, DirectoryLocked, DiskFailed, DiskFile

SECTOR = 512


@dataclass(slots=True, eq=False)
class _Inode:
    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    # Sectors whose bytes differ from the medium's; a dict because its order is defined.
    dirty: dict[int, None] = field(default_factory=dict)
    # Sectors the kernel gave up on after a failed flush.
    abandoned: dict[int, None] = field(default_factory=dict)

    def write(self, data: bytes, offset: int) -> None:
        end = offset + len(data)
        if end > len(self.live):
            self.live.extend(bytes(end - len(self.live)))
        self.live[offset:end] = data
        for sector in range(offset // SECTOR, -(-end // SECTOR)):
            self.dirty[sector] = None

    def flush(self) -> None:
        self._resize_durable(len(self.live))
        for sector in self.dirty:
            where = slice(sector * SECTOR, (sector + 1) * SECTOR)
            self.durable[where] = self.live[where]
        self.dirty.clear()

    def crash(self, rng: random.Random) -> None:
        unsure = [*self.dirty, *self.abandoned]
        if len(self.live) != len(self.durable) and rng.random() < 0.5:
            self._resize_durable(len(self.live))
        torn = rng.choice(unsure) if unsure else -1
        share = rng.choice([0.0, 0.5, 1.0])
        for sector in unsure:
            start = sector * SECTOR
            if sector == torn:
                end = start + rng.randrange(SECTOR + 1)
            elif rng.random() < share:
                end = start + SECTOR
            else:
                continue
            end = min(end, len(self.durable), len(self.live))
            if end > start:
                self.durable[start:end] = self.live[start:end]
        self.live = bytearray(self.durable)
        self.dirty.clear()
        self.abandoned.clear()

    def _resize_durable(self, size: int) -> None:
        del self.durable[size:]
        self.durable.extend(bytes(size - len(self.durable)))


@dataclass(frozen=True, slots=True)
class _NameChange:
    directory: str
    inode: _Inode | None  # None: the source name is only removed.
    source: str | None
    target: str | None

    def apply(self, names: dict[str, _Inode]) -> None:
        if self.source is not None:
            names.pop(self.source, None)
        if self.target is not None and self.inode is not None:
            names[self.target] = self.inode


class _SimulatedFile:
    def __init__(self, disk: SimulatedDisk, path: str, inode: _Inode) -> None:
        self._disk = disk
        self._path = path
        self._inode = inode
        self._life = disk.life
        self._open = True

    def pwrite(self, data: bytes, offset: int) -> None:
        self._check("write")
        code = self._disk.injected("write")
        growth = offset + len(data) - len(self._inode.live)
        if code is None and growth > 0 and self._disk.free_bytes is not None:
            if growth > self._disk.free_bytes:
                code = errno.ENOSPC
            else:
                self._disk.free_bytes -= growth
        if code is not None:
            # The kernel may have taken a part before it found out.
            self._inode.write(data[: self._disk.rng.randrange(len(data) + 1)], offset)
            raise DiskFailed(self._path, "write", code)
        self._inode.write(data, offset)

    def pread(self, n: int, offset: int) -> bytes:
        self._check("read")
        code = self._disk.injected("read")
        if code is not None:
            raise DiskFailed(self._path, "read", code)
        return bytes(self._inode.live[offset : offset + n])

    def datasync(self) -> None:
        self._check("flush")
        code = self._disk.injected("flush")
        if code is not None:
            self._inode.abandoned.update(self._inode.dirty)
            self._inode.dirty.clear()
            raise DiskFailed(self._path, "flush", code)
        self._inode.flush()

    def size(self) -> int:
        self._check("read the size of")
        return len(self._inode.live)

    def truncate(self, n: int) -> None:
        self._check("resize")
        del self._inode.live[n:]
        self._inode.live.extend(bytes(n - len(self._inode.live)))

    def close(self) -> None:
        self._open = False

    def _check(self, operation: str) -> None:
        if not self._open or self._life != self._disk.life:
            raise DiskFailed(self._path, operation, errno.EBADF)


class _SimulatedLock:
    def __init__(self, disk: SimulatedDisk, directory: str) -> None:
        self._disk = disk
        self._directory = directory

    def release(self) -> None:
        self._disk.locked.discard(self._directory)


class SimulatedDisk:
    """A ``Disk`` with faults; everything random comes from ``seed``."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = random.Random(seed)
        self.life = 0
        self.free_bytes: int | None = None  # Growth that is left; None: no limit.
        self.locked: set[str] = set()
        self.created = 0  # Files made, to tell new ones from reused ones.
        self._live: dict[str, _Inode] = {}
        self._durable: dict[str, _Inode] = {}
        self._changes: list[_NameChange] = []
        self._directories: dict[str, None] = {}
        self._faults: dict[str, tuple[int, int]] = {}

    def fail(self, operation: str, code: int, after: int = 0) -> None:
        """Let one ``operation`` (write, read, flush) fail with ``code`` after some good ones."""
        self._faults[operation] = (code, after)

    def injected(self, operation: str) -> int | None:
        """The error number the current ``operation`` fails with, if it does."""
        if operation not in self._faults:
            return None
        code, after = self._faults.pop(operation)
        if after > 0:
            self._faults[operation] = (code, after - 1)
            return None
        return code

    def crash(self) -> None:
        """Lose power: a random part of what was not flushed is gone, all handles too."""
        for change in self._changes:
            if self.rng.random() < 0.5:
                change.apply(self._durable)
        self._changes.clear()
        self._live = dict(self._durable)
        for inode in self._live.values():
            inode.crash(self.rng)
        self._faults.clear()
        self.free_bytes = None
        self.locked.clear()
        self.life += 1

    def flip(self, path: str, offset: int, bit: int) -> None:
        """Change one stored bit."""
        inode = self._live[path]
        inode.live[offset] ^= 1 << bit
        inode.durable[offset] ^= 1 << bit

    def contents(self, path: str) -> bytes:
        """What a process reads from ``path``."""
        return bytes(self._live[path].live)

    def open(self, path: str, *, write: bool = True) -> DiskFile:
        if path not in self._live:
            raise DiskFailed(path, "open" if write else "open for reading", errno.ENOENT)
        return _SimulatedFile(self, path, self._live[path])

    def create(self, path: str) -> DiskFile:
        directory = path.rpartition("/")[0]
        if directory not in self._directories:
            raise DiskFailed(path, "create", errno.ENOENT)
        self.created += 1
        self._change(_NameChange(directory, _Inode(), None, path))
        return _SimulatedFile(self, path, self._live[path])

    def appender(self, path: str, file: DiskFile, offset: int) -> DiskFile:
        del path, offset
        return file

    def list(self, directory: str) -> list[str]:
        prefix = directory + "/"
        names = [path.removeprefix(prefix) for path in self._live if path.startswith(prefix)]
        return sorted(name for name in names if "/" not in name)

    def rename(self, source: str, target: str) -> None:
        if source not in self._live:
            raise DiskFailed(source, "rename", errno.ENOENT)
        directory = source.rpartition("/")[0]
        self._change(_NameChange(directory, self._live[source], source, target))

    def remove(self, path: str) -> None:
        if path not in self._live:
            raise DiskFailed(path, "remove", errno.ENOENT)
        self._change(_NameChange(path.rpartition("/")[0], None, path, None))

    def sync_directory(self, directory: str) -> None:
        for change in self._changes:
            if change.directory == directory:
                change.apply(self._durable)
        self._changes = [one for one in self._changes if one.directory != directory]

    def make_directory(self, directory: str) -> None:
        self._directories[directory] = None

    def lock_directory(self, directory: str) -> DirectoryLock:
        if directory in self.locked:
            raise DirectoryLocked(directory, None)
        self.locked.add(directory)
        return _SimulatedLock(self, directory)

    def _change(self, change: _NameChange) -> None:
        change.apply(self._live)
        self._changes.append(change)
