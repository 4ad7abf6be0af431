"""The one door to the disk: files, names, flushing and the directory lock.

``Disk`` and ``DiskFile`` are the seam between storage and the world. ``OsDisk``
is the real one; a simulator brings another that can lose unflushed sectors.
Writes name their offset, nothing is buffered in the process, and a failure of
any kind is a ``DiskFailed`` that says which file, what was tried and why.
"""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH100, PTH103, PTH105, PTH108, PTH110, PTH120, PTH208

from __future__ import annotations

import errno
import fcntl
import os
from typing import Protocol

_FILE_MODE = 0o600  # Snapshots hold password digests: only the server's user may read them.
_LOCK_NAME = "lock"
# No descriptor has this number, so the system answers EBADF for a closed file.
_CLOSED = 0x7FFFFFFF

_ADVICE = {
    errno.ENOSPC: "free space on that file system, then start the server again",
    errno.EDQUOT: "raise the disk quota of the server's user, then start the server again",
    errno.EROFS: "mount that file system writable, then start the server again",
    errno.EACCES: "give the server's user access to it",
    errno.EPERM: "give the server's user access to it",
    errno.EIO: "check the disk; the server must be started again after it is replaced",
}

# macOS has no fdatasync; os.fsync is the closest it offers.
_datasync = getattr(os, "fdatasync", os.fsync)


class DiskFailed(Exception):  # noqa: N818 - an event of the world, named as the design names it
    """The operating system refused a disk operation.

    ``path`` is the file or directory, ``operation`` a verb such as ``write``, and
    ``errno`` the system's number for the reason.
    """

    def __init__(self, path: str, operation: str, code: int) -> None:
        self.path = path
        self.operation = operation
        self.errno = code
        advice = _ADVICE.get(code)
        text = f"cannot {operation} {path}: {os.strerror(code)}"
        super().__init__(f"{text}; {advice}" if advice else text)

    def again(self) -> DiskFailed:
        """A fresh exception for the same failure, with no traceback of its own yet."""
        return DiskFailed(self.path, self.operation, self.errno)


class DirectoryLocked(Exception):  # noqa: N818 - names the state found
    """Another server uses the directory; ``pid`` is its process id when it is known."""

    def __init__(self, directory: str, pid: int | None) -> None:
        self.directory = directory
        self.pid = pid
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(
            f"{directory} is in use by {holder}; stop that server or give this one "
            "a directory of its own"
        )


class DiskFile(Protocol):
    """An open file. Every method raises ``DiskFailed``; offsets and sizes are bytes."""

    def pwrite(self, data: bytes, offset: int) -> None:
        """Write all of ``data`` at ``offset``, growing the file when needed."""

    def pread(self, n: int, offset: int) -> bytes:
        """Up to ``n`` bytes from ``offset``; fewer only where the file ends."""

    def datasync(self) -> None:
        """Make the contents and the size durable."""

    def size(self) -> int:
        """The size of the file."""

    def truncate(self, n: int) -> None:
        """Set the size to ``n``."""

    def close(self) -> None:
        """Give the handle back; says nothing about durability."""


class DirectoryLock(Protocol):
    """The right to use a directory, held until ``release`` or the end of the process."""

    def release(self) -> None:
        """Let others have the directory."""


class Disk(Protocol):
    """Names and files. Every method raises ``DiskFailed``."""

    def open(self, path: str, *, write: bool = True) -> DiskFile:
        """Open an existing file, for reading and, unless told otherwise, writing."""

    def create(self, path: str) -> DiskFile:
        """A new, empty file; an existing one is emptied."""

    def appender(self, path: str, file: DiskFile, offset: int) -> DiskFile:
        """``file``, for writes that follow one another from ``offset`` on and are all flushed.

        Its name may have become ``path`` since it was opened. What is not flushed may be lost
        with the process. ``file`` is closed with the result.
        """

    def list(self, directory: str) -> list[str]:
        """The sorted names in ``directory``; none when it does not exist."""

    def rename(self, source: str, target: str) -> None:
        """Give ``source`` the name ``target``, replacing a file of that name."""

    def remove(self, path: str) -> None:
        """Remove a file."""

    def sync_directory(self, directory: str) -> None:
        """Make created, renamed and removed names of ``directory`` durable."""

    def make_directory(self, directory: str) -> None:
        """Create ``directory`` and its parents, durably; it may exist already."""

    def lock_directory(self, directory: str) -> DirectoryLock:
        """Take ``directory`` for this process alone, or raise ``DirectoryLocked``."""


def _failed(path: str, operation: str, cause: OSError) -> DiskFailed:
    return DiskFailed(path, operation, cause.errno or errno.EIO)


class OsFile:
    """A ``DiskFile`` on a file descriptor."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd

    def pwrite(self, data: bytes, offset: int) -> None:
        """Write all of ``data``; a short write is continued, as POSIX allows it."""
        try:
            written = os.pwrite(self._fd, data, offset)
            while written < len(data):
                more = os.pwrite(self._fd, memoryview(data)[written:], offset + written)
                if more == 0:
                    raise OSError(errno.EIO, "nothing was written")
                written += more
        except OSError as error:
            raise _failed(self.path, "write", error) from error

    def pread(self, n: int, offset: int) -> bytes:
        """Read until ``n`` bytes are there or the file ends."""
        try:
            data = os.pread(self._fd, n, offset)
            if len(data) == n or not data:
                return data
            parts = [data]
            got = len(data)
            # One call returns at most 2 GiB - 4 KiB on Linux, and may return less.
            while got < n and (data := os.pread(self._fd, n - got, offset + got)):
                parts.append(data)
                got += len(data)
        except OSError as error:
            raise _failed(self.path, "read", error) from error
        return b"".join(parts)

    def datasync(self) -> None:
        """``fdatasync``: the size is flushed too, the times of the file are not."""
        try:
            _datasync(self._fd)
        except OSError as error:
            raise _failed(self.path, "flush", error) from error

    def size(self) -> int:
        """``fstat``'s size in bytes."""
        try:
            return os.fstat(self._fd).st_size
        except OSError as error:
            raise _failed(self.path, "read the size of", error) from error

    def truncate(self, n: int) -> None:
        """Cut or extend with zeros to ``n`` bytes."""
        try:
            os.ftruncate(self._fd, n)
        except OSError as error:
            raise _failed(self.path, "resize", error) from error

    def close(self) -> None:
        """Close once; closing again does nothing."""
        fd, self._fd = self._fd, _CLOSED
        if fd != _CLOSED:
            try:
                os.close(fd)
            except OSError as error:
                raise _failed(self.path, "close", error) from error


class OsLock:
    """An ``flock`` on the lock file of a directory."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Unlock, even where a forked child still holds a copy of the descriptor."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)


class OsDisk:
    """The operating system's files, as a ``Disk``."""

    def open(self, path: str, *, write: bool = True) -> DiskFile:
        """Open an existing file."""
        try:
            return OsFile(path, os.open(path, os.O_RDWR if write else os.O_RDONLY))
        except OSError as error:
            raise _failed(path, "open", error) from error

    def create(self, path: str) -> DiskFile:
        """Create or empty a file that only its owner may read."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
        except OSError as error:
            raise _failed(path, "create", error) from error
        return OsFile(path, fd)

    def appender(self, path: str, file: DiskFile, offset: int) -> DiskFile:
        """Past the page cache, where the file system allows it."""
        # Imported here because it builds on this module.
        from zkserver.storage.direct import DirectFile

        return DirectFile.behind(path, file, offset) if isinstance(file, OsFile) else file

    def list(self, directory: str) -> list[str]:
        """Names in byte order."""
        try:
            return sorted(os.listdir(directory))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _failed(directory, "list", error) from error

    def rename(self, source: str, target: str) -> None:
        """Rename atomically; durable after ``sync_directory``."""
        try:
            os.replace(source, target)
        except OSError as error:
            raise _failed(source, "rename", error) from error

    def remove(self, path: str) -> None:
        """Unlink; durable after ``sync_directory``."""
        try:
            os.unlink(path)
        except OSError as error:
            raise _failed(path, "remove", error) from error

    def sync_directory(self, directory: str) -> None:
        """``fsync`` on the directory, which is what makes names durable on Linux."""
        try:
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise _failed(directory, "flush the directory", error) from error

    def make_directory(self, directory: str) -> None:
        """Create what is missing and flush the parent of each new directory."""
        missing = []
        at = os.path.abspath(directory)
        while not os.path.exists(at):
            missing.append(at)
            at = os.path.dirname(at)
        try:
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise _failed(directory, "create the directory", error) from error
        for one in reversed(missing):
            self.sync_directory(os.path.dirname(one))

    def lock_directory(self, directory: str) -> DirectoryLock:
        """Lock ``<directory>/lock`` with ``flock``; the kernel frees it when we die."""
        path = f"{directory}/{_LOCK_NAME}"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE)
        except OSError as error:
            raise _failed(path, "open", error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).strip()
            os.close(fd)
            raise DirectoryLocked(directory, int(holder) if holder.isdigit() else None) from None
        except OSError as error:
            os.close(fd)
            raise _failed(path, "lock", error) from error
        return OsLock(fd)
