"""RecordIO: each record of a stream behind its length, as decimal digits and a newline."""

from __future__ import annotations

from typing import Final

from mesos_compat.errors import DecodeError

#: The longest line that can hold a length of 64 bits.
LENGTH_DIGITS_MAX: Final = 20


def encode(record: bytes) -> bytes:
    """``record`` as it goes into a stream."""
    return b"%d\n%b" % (len(record), record)


class Decoder:
    """Cuts a stream of bytes, as it comes in pieces of any size, into records.

    A stream whose lengths are not to be trusted has no further records: every call after a
    :class:`DecodeError` raises it again.
    """

    __slots__ = ("_broken", "_buffer", "_length", "_max_bytes")

    def __init__(self, max_bytes: int) -> None:
        """``max_bytes`` is what one record may have."""
        self._max_bytes = max_bytes
        # What has come and is not yet a whole length line or record.
        self._buffer = bytearray()
        # Of the record that is coming; None while its length line is awaited.
        self._length: int | None = None
        # Why there will be no more records.
        self._broken: str | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and give the records that they complete, in order.

        Raises :class:`DecodeError` on a line that is no length, or a record that is too large;
        records that the same bytes completed before that are lost with it.
        """
        if self._broken is not None:
            raise DecodeError(self._broken)
        buffer = self._buffer
        buffer += data
        records = []
        position = 0
        while True:
            if self._length is None:
                newline = buffer.find(b"\n", position, position + LENGTH_DIGITS_MAX + 1)
                if newline < 0:
                    if len(buffer) - position > LENGTH_DIGITS_MAX:
                        self._break(bytes(buffer[position : position + LENGTH_DIGITS_MAX]))
                    break
                self._length = self._read_length(bytes(buffer[position:newline]))
                position = newline + 1
            end = position + self._length
            if end > len(buffer):
                break
            records.append(bytes(buffer[position:end]))
            position = end
            self._length = None
        del buffer[:position]
        return records

    def _read_length(self, line: bytes) -> int:
        if not line.isdigit():
            self._break(line)
        length = int(line)
        if length > self._max_bytes:
            self._broken = f"A record of {length} bytes is longer than {self._max_bytes}"
            raise DecodeError(self._broken)
        return length

    def _break(self, line: bytes) -> None:
        shown = line.decode("ascii", "backslashreplace")
        self._broken = f"Failed to decode length '{shown}'"
        raise DecodeError(self._broken)
