"""Reading a transaction log of Apache's: its entries, and how it ends.

::

    header   "ZKLG"  int 2  long dbid
    entry    long adler32   int length   the bytes   "B"      (any number of them)
    zeros    to the end of the file, which is preallocated

Apache takes as the end whatever cannot be an entry: no length, or bytes that do not end with
a ``B`` (``FileTxnIterator.next``). A wrong checksum and an impossible length are errors
there and here. What Apache does not look for are whole entries behind the end: then
something before them was damaged, or a crash has written a group of entries in part.
"""

# ruff: noqa: PTH123 - read by its path, as in the other modules of storage.

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from typing import Final, Self

from zkserver.apache.directory import DamagedFileError
from zkserver.apache.transactions import HEADER, Transaction, read_transaction
from zkserver.wire.jute import DecodeError

MAGIC: Final = b"ZKLG"
_FILE_HEADER: Final = struct.Struct(">4siq")
_ENTRY: Final = struct.Struct(">qi")
_END: Final = 0x42
_ZEROS_CHUNK: Final = 1 << 20
_HIGH_HALF: Final = bytes(4)
_ZXID: Final = struct.Struct(">q")
_ZXID_OFFSET: Final = _ENTRY.size + 12


class LogFile:
    """One log, read in order.

    :meth:`entries` yields the transactions; after it has ended, ``end`` is the offset behind
    the last one and ``torn_bytes`` how far behind it bytes that are no padding reach. Raises
    :class:`DamagedFileError` for what Apache refuses.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        #: Where the last entry begins, and where it ends.
        self.at = self.end = 0
        self.torn_bytes = 0
        self.count = 0
        self.first_zxid = self.last_zxid = -1
        self._data: mmap.mmap | bytes = b""

    @classmethod
    def read(cls, path: str) -> Self:
        """The log with all its entries gone through, none of them kept."""
        log = cls(path)
        for _ in log.entries():
            pass
        return log

    def entries(self) -> Iterator[Transaction]:
        """The transactions of the file, in order."""
        with open(self.path, "rb") as file:
            size = file.seek(0, 2)
            if not size:
                return
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            try:
                yield from self._entries(size)
                self.torn_bytes = self._reach_of_bytes(size)
            finally:
                self._data.close()

    def _entries(self, size: int) -> Iterator[Transaction]:
        data = self._data
        if size < _FILE_HEADER.size:
            raise DamagedFileError(self.path, size, "the file ends within its header")
        magic, _, _ = _FILE_HEADER.unpack_from(data)
        if magic != MAGIC:
            raise DamagedFileError(self.path, 0, "this is no transaction log: it begins otherwise")
        self.end = _FILE_HEADER.size
        while self.end + _ENTRY.size <= size:
            checksum, length = _ENTRY.unpack_from(data, self.end)
            if not length:
                return
            start = self.end + _ENTRY.size
            if length < 0 or start + length + 1 > size:
                raise DamagedFileError(
                    self.path, self.end, f"an entry of {length} bytes, which cannot be"
                )
            if data[start + length] != _END:
                return
            entry = bytes(data[start : start + length])
            if zlib.adler32(entry) != checksum:
                raise DamagedFileError(self.path, self.end, "the checksum of the entry is wrong")
            try:
                transaction = read_transaction(entry)
            except DecodeError as error:
                raise DamagedFileError(self.path, self.end, str(error)) from error
            self.at, self.end = self.end, start + length + 1
            self.count += 1
            self.last_zxid = transaction.zxid
            if self.count == 1:
                self.first_zxid = transaction.zxid
            yield transaction

    def _reach_of_bytes(self, size: int) -> int:
        """How far behind the end there is anything but zeros."""
        at = size
        while at > self.end:
            start = max(self.end, at - _ZEROS_CHUNK)
            left = bytes(self._data[start:at]).rstrip(b"\0")
            if left:
                return start + len(left) - self.end
            at = start
        return 0

    def entry_behind_end(self) -> int | None:
        """The offset of a whole entry behind the end that belongs to no earlier time, if any."""
        if not self.torn_bytes:
            return None
        with open(self.path, "rb") as file:
            file.seek(self.end)
            # The last byte of an entry is no zero, but the one of its checksum may be.
            data = file.read(self.torn_bytes)
        at = data.find(_HIGH_HALF)
        while at >= 0 and at + _ENTRY.size < len(data):
            checksum, length = _ENTRY.unpack_from(data, at)
            start = at + _ENTRY.size
            if (
                HEADER.size <= length < len(data) - start
                and data[start + length] == _END
                and _ZXID.unpack_from(data, at + _ZXID_OFFSET)[0] > self.last_zxid
                and zlib.adler32(data[start : start + length]) == checksum
            ):
                return self.end + at
            at = data.find(_HIGH_HALF, at + 1)
        return None
