"""A snapshot's bytes in order, whichever way it is compressed, with a running Adler-32.

Java's ``SnappyOutputStream`` writes a head of 16 bytes and then blocks of raw snappy, each
behind its length; that is not snappy's own frame format. Offsets in errors are those in the
uncompressed stream.
"""

# ruff: noqa: PTH123 - read by its path, as in the other modules of storage.

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Final, Self

from zkserver.apache.directory import GZIP, SNAPPY, ApacheDataError, DamagedFileError

#: Read from a file at once.
_CHUNK_BYTES: Final = 1 << 20
#: Values are checked to be no longer than this before memory is taken for them.
VALUE_BYTES_MAX: Final = 1 << 30
_SNAPPY_HEAD: Final = struct.Struct(">8sii")
_SNAPPY_MAGIC: Final = b"\x82SNAPPY\x00"
_INT: Final = struct.Struct(">i")


class SnapshotStream:
    """Takes exact numbers of bytes from a snapshot; a context manager.

    Raises :class:`DamagedFileError` where the file ends early or cannot be uncompressed,
    :class:`ApacheDataError` where a library is missing, and ``OSError``.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        self._chunks = _chunks(self._file, path)
        self._data = b""
        self._used = 0
        # Offset of the first byte of _data, and the checksum of everything before it.
        self._base = 0
        self._adler_before = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def offset(self) -> int:
        """How many bytes were taken."""
        return self._base + self._used

    @property
    def adler(self) -> int:
        """Adler-32 of all bytes that were taken."""
        return zlib.adler32(memoryview(self._data)[: self._used], self._adler_before)

    def has(self, count: int) -> bool:
        """Whether ``count`` more bytes are there."""
        while len(self._data) - self._used < count:
            try:
                chunk = next(self._chunks, b"")
            except (zlib.error, ValueError) as error:
                raise self.damage(f"it cannot be uncompressed from here on: {error}") from error
            if not chunk:
                return False
            self._adler_before = self.adler
            self._base += self._used
            self._data = self._data[self._used :] + chunk
            self._used = 0
        return True

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count > VALUE_BYTES_MAX:
            raise self.damage(f"a value of {count} bytes")
        if not self.has(count):
            raise self.damage("the file ends here")
        start = self._used
        self._used = start + count
        return self._data[start : self._used]

    def buffer(self) -> bytes | None:
        """A buffer or string with its length in front; ``None`` for the null one."""
        size: int = _INT.unpack(self.take(4))[0]
        if size < -1:
            raise self.damage(f"a length of {size} bytes")
        return None if size < 0 else self.take(size)

    def damage(self, why: str) -> DamagedFileError:
        """The error that names this place."""
        return DamagedFileError(self.path, self.offset, why)


def _chunks(file: BinaryIO, path: str) -> Iterator[bytes]:
    if path.endswith(GZIP):
        return _gunzipped(file)
    if path.endswith(SNAPPY):
        return _unsnapped(file)
    return iter(lambda: file.read(_CHUNK_BYTES), b"")


def _gunzipped(file: BinaryIO) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    while not unpacker.eof:
        packed = file.read(_CHUNK_BYTES)
        if not packed:
            return
        if chunk := unpacker.decompress(packed):
            yield chunk


def _unsnapped(file: BinaryIO) -> Iterator[bytes]:
    try:
        from cramjam import DecompressionError, snappy
    except ImportError as error:
        raise ApacheDataError(
            "a snapshot compressed by snappy needs the package cramjam: pip install"
            " 'mesozoic[snappy]'"
        ) from error
    head = file.read(_SNAPPY_HEAD.size)
    if len(head) < _SNAPPY_HEAD.size or not head.startswith(_SNAPPY_MAGIC):
        raise ValueError("it does not begin as Java's snappy streams do")
    while size_bytes := file.read(_INT.size):
        size = int.from_bytes(size_bytes, "big")
        packed = file.read(size) if size <= VALUE_BYTES_MAX else b""
        if len(size_bytes) < _INT.size or len(packed) < size:
            raise ValueError("a block is cut off")
        try:
            yield bytes(snappy.decompress_raw(packed))
        except DecompressionError as error:
            raise ValueError(str(error)) from error
