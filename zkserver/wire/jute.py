"""Jute, the encoding of everything on the wire: big-endian, no tags, no padding.

Source: ``BinaryInputArchive`` and ``BinaryOutputArchive`` of Apache ZooKeeper. A
negative count of a vector, other than the -1 that stands for null, reads as empty
there, and so it does here.
"""

from __future__ import annotations

import re
import struct
from typing import Final

INT: Final = struct.Struct(">i")
LONG: Final = struct.Struct(">q")

_EMPTY_VECTOR: Final = INT.pack(0)
_NULL: Final = INT.pack(-1)
#: Java replaces an encoded surrogate as a whole, Python each of its three bytes.
_SURROGATE: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_REPLACEMENT: Final = "\ufffd".encode()


def java_text(value: bytes) -> bytes:
    """The bytes of a string after Java has decoded and encoded it: malformed ones are replaced."""
    if value.isascii():
        return value
    return _SURROGATE.sub(_REPLACEMENT, value).decode("utf-8", "replace").encode()


class DecodeError(Exception):
    """A record is shorter than it says or holds an impossible length (error code -5)."""


class Reader:
    """Reads jute values from a slice of bytes, in order, checking every length.

    ``end`` bounds the record; all methods raise :class:`DecodeError` past it.
    """

    __slots__ = ("data", "end", "pos")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data) if end is None else end

    def _take(self, size: int) -> int:
        start = self.pos
        if start + size > self.end:
            raise DecodeError(f"{size} bytes wanted at {start}, the record ends at {self.end}")
        self.pos = start + size
        return start

    def byte(self) -> int:
        """One unsigned byte."""
        return self.data[self._take(1)]

    def boolean(self) -> bool:
        """One byte; anything but 0 is true."""
        return self.data[self._take(1)] != 0

    def int32(self) -> int:
        """A signed 32 bit integer."""
        value: int = INT.unpack_from(self.data, self._take(4))[0]
        return value

    def int64(self) -> int:
        """A signed 64 bit integer."""
        value: int = LONG.unpack_from(self.data, self._take(8))[0]
        return value

    def buffer(self) -> bytes | None:
        """A buffer; ``None`` for the null one (length -1)."""
        size = self.int32()
        if size < 0:
            if size == -1:
                return None
            raise DecodeError(f"length {size}")
        start = self._take(size)
        return self.data[start : start + size]

    def string(self) -> bytes | None:
        """A ustring as its UTF-8 bytes; ``None`` for the null one."""
        return self.buffer()

    def needed_string(self) -> bytes:
        """A ustring that may not be null (a path, mostly)."""
        value = self.buffer()
        if value is None:
            raise DecodeError("null where a string is needed")
        return value

    def strings(self) -> list[bytes]:
        """A vector of ustrings; null reads as empty."""
        return [self.needed_string() for _ in range(self.count())]

    def count(self) -> int:
        """The element count of a vector, 0 for a null or negative one.

        A count that the rest of the record cannot hold (one byte each) is refused
        here, so that nobody loops for a number which a client made up.
        """
        size = self.int32()
        if size > self.end - self.pos:
            raise DecodeError(f"a vector of {size} elements in {self.end - self.pos} bytes")
        return max(size, 0)

    @property
    def left(self) -> int:
        """How many bytes of the record are not read yet."""
        return self.end - self.pos


def pack_buffer(value: bytes | None) -> bytes:
    """A buffer or ustring with its length in front; ``None`` becomes length -1."""
    return _NULL if value is None else INT.pack(len(value)) + value


def pack_strings(values: list[bytes] | dict[bytes, None]) -> bytes:
    """A vector of ustrings."""
    if not values:
        return _EMPTY_VECTOR
    parts = [INT.pack(len(values))]
    pack = INT.pack
    for value in values:
        parts.append(pack(len(value)))
        parts.append(value)
    return b"".join(parts)
