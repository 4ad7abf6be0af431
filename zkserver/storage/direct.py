"""Appending to a file past the page cache.

A flush of a few hundred bytes by ``write`` and ``fdatasync`` costs the kernel more than the
disk: the page is looked up, dirtied, found again and written back. Written with ``O_DIRECT``
and ``O_DSYNC`` from memory that is aligned as the disk wants it, the same blocks are durable
when one call returns, in two thirds of the time and half the processor's.

Such a write covers whole blocks, so the block that holds the end of the file's records is
written again and again as it fills, as the page cache would do it too. Behind the last record
it has zeros.
"""

from __future__ import annotations

import errno
import mmap
import os
from typing import Final

from zkserver.storage.disk import DiskFailed, DiskFile, OsFile

#: What every disk in use takes as a unit; a multiple of its sectors.
_BLOCK_BYTES: Final = 4096
#: More than this is written in several calls.
_WINDOW_BYTES: Final = 1 << 20
_ZEROS: Final = bytes(_BLOCK_BYTES)
#: What a file system answers that knows no such access.
_UNSUPPORTED: Final = (errno.EINVAL, errno.EOPNOTSUPP)


class DirectFile:
    """A ``DiskFile`` for records that follow one another from ``offset`` on.

    What is written is in this process's memory until :meth:`datasync`, so that a process that
    is killed before loses it, as everybody who has to flush anyhow may. Where the file system
    does not take such writes, ``plain`` does the work.
    """

    __slots__ = ("_base", "_clean", "_end", "_fd", "_memory", "_plain", "_proved", "_view", "path")

    def __init__(self, path: str, plain: OsFile, fd: int, offset: int) -> None:
        self.path: Final = path
        self._plain: Final = plain
        #: Opened for direct access; -1 when that does not work here.
        self._fd = fd
        self._memory = mmap.mmap(-1, _WINDOW_BYTES)
        self._view = memoryview(self._memory)
        #: Where in the file the window begins.
        self._base = offset & -_BLOCK_BYTES
        #: Where in the window the records end, and where the first block begins that has to
        #: be written.
        self._end = offset - self._base
        self._clean = 0
        #: The file system has taken a direct write.
        self._proved = False
        self._view[: self._end] = plain.pread(self._end, self._base)

    @classmethod
    def behind(cls, path: str, plain: OsFile, offset: int) -> DiskFile:
        """A file for records from ``offset`` on: this kind where there is one, else ``plain``."""
        flags = getattr(os, "O_DIRECT", 0)
        if not flags:
            return plain
        try:
            fd = os.open(path, os.O_RDWR | flags | os.O_DSYNC)
        except OSError:
            return plain
        return cls(path, plain, fd, offset)

    def pwrite(self, data: bytes, offset: int) -> None:
        """Take ``data``, which comes behind all before; a gap becomes zeros."""
        if self._fd < 0:
            self._plain.pwrite(data, offset)
            return
        start = offset - self._base
        if start < self._end:
            raise ValueError(f"{self.path}: offset {offset} is written already")
        stop = start + len(data)
        if stop <= _WINDOW_BYTES:
            if start > self._end:
                self._view[self._end : start] = bytes(start - self._end)
            self._view[start:stop] = data
            self._end = stop
            return
        self._take_much(bytes(start - self._end) + data)

    def _take_much(self, data: bytes) -> None:
        """Take what does not fit into the window, window by window."""
        pos = 0
        while pos < len(data):
            if self._end == _WINDOW_BYTES:
                self._write_out()
                if self._fd < 0:
                    self._plain.pwrite(data[pos:], self._base + self._end)
                    self._end += len(data) - pos
                    return
            taken = min(len(data) - pos, _WINDOW_BYTES - self._end)
            self._view[self._end : self._end + taken] = data[pos : pos + taken]
            self._end += taken
            pos += taken

    def datasync(self) -> None:
        """Make durable what was taken."""
        if self._fd >= 0 and self._clean < self._end:
            self._write_out()
        if self._fd < 0:
            self._plain.datasync()

    def _write_out(self) -> None:
        """Write the blocks from ``_clean`` to the end; the last one will be written again."""
        stop = -(-self._end // _BLOCK_BYTES) * _BLOCK_BYTES
        view = self._view
        view[self._end : stop] = _ZEROS[: stop - self._end]
        at = self._clean
        try:
            while at < stop:
                written = os.pwrite(self._fd, view[at:stop], self._base + at)
                if written <= 0 or written % _BLOCK_BYTES:
                    raise OSError(errno.EIO, "a part of a block was written")
                at += written
        except OSError as error:
            if error.errno in _UNSUPPORTED and not self._proved:
                self._go_plain()
                return
            code = error.errno or errno.EIO
            raise DiskFailed(self.path, "write", code) from error
        self._proved = True
        self._clean = self._end & -_BLOCK_BYTES
        if self._clean > _WINDOW_BYTES // 2:
            # The block that is not full goes to the front.
            rest = self._end - self._clean
            view[:rest] = bytes(view[self._clean : self._end])
            self._base += self._clean
            self._clean, self._end = 0, rest

    def _go_plain(self) -> None:
        """Hand what was taken to the page cache, and leave it at that."""
        os.close(self._fd)
        self._fd = -1
        self._plain.pwrite(bytes(self._view[self._clean : self._end]), self._base + self._clean)

    def pread(self, n: int, offset: int) -> bytes:
        """As ``OsFile``: what is durable."""
        return self._plain.pread(n, offset)

    def size(self) -> int:
        """As ``OsFile``."""
        return self._plain.size()

    def truncate(self, n: int) -> None:
        """As ``OsFile``."""
        self._plain.truncate(n)

    def close(self) -> None:
        """Close both; what was not flushed is gone."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        self._view.release()
        self._memory.close()
        self._plain.close()
