"""A raw ZooKeeper client: bytes out, frames in, nothing hidden.

Client libraries repair, hide and reorder; a test that compares servers must see what
was on the wire. So this module offers three small things: packers for the jute types,
a :class:`Cursor` that reads them back, and :class:`RawConnection`, a blocking socket
which cuts the stream into frames. It deliberately shares no code with the server's own
codec: a mistake made in both would never be seen.

Source of the formats: ``zookeeper.jute`` and ``BinaryInputArchive`` of Apache ZooKeeper.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

_INT: Final = struct.Struct(">i")
_LONG: Final = struct.Struct(">q")
_STAT: Final = struct.Struct(">qqqqiiiqiiq")
_REPLY_HEADER: Final = struct.Struct(">iqi")
_RECEIVE_BYTES: Final = 262_144

#: xid of a notification, and of every reply to a ping.
NOTIFICATION_XID: Final = -1
PING_XID: Final = -2
PING_OP: Final = 11
NEW_SESSION_PASSWORD: Final = bytes(16)


class ShortRecordError(Exception):
    """A record ends before the field that was asked for."""


class SilenceError(Exception):
    """The server neither answered nor closed the connection in time."""


def pack_int(value: int) -> bytes:
    """A 32 bit signed integer."""
    return _INT.pack(value)


def pack_long(value: int) -> bytes:
    """A 64 bit signed integer."""
    return _LONG.pack(value)


def pack_bool(value: bool) -> bytes:
    """One byte, 0 or 1."""
    return b"\x01" if value else b"\x00"


def pack_bytes(value: bytes | None) -> bytes:
    """A buffer or a ustring (already UTF-8); ``None`` is the null of length -1."""
    return pack_int(-1) if value is None else pack_int(len(value)) + value


def pack_vector(elements: Iterable[bytes] | None) -> bytes:
    """A vector of elements that are packed already; ``None`` is the null vector."""
    if elements is None:
        return pack_int(-1)
    packed = list(elements)
    return pack_int(len(packed)) + b"".join(packed)


def pack_frame(payload: bytes) -> bytes:
    """``payload`` behind its 4 byte length."""
    return pack_int(len(payload)) + payload


def pack_request(xid: int, op: int, body: bytes = b"") -> bytes:
    """A whole request frame."""
    return pack_frame(pack_int(xid) + pack_int(op) + body)


#: The ping every reader of a stream waits for: its reply marks "all before has arrived".
PING_FRAME: Final = pack_request(PING_XID, PING_OP)


def pack_connect(
    *,
    last_zxid: int = 0,
    timeout_ms: int = 40_000,
    session_id: int = 0,
    password: bytes | None = NEW_SESSION_PASSWORD,
    read_only: bool | None = False,
) -> bytes:
    """A ConnectRequest frame; ``read_only=None`` leaves the byte out as clients up to 3.3 do."""
    body = pack_int(0) + pack_long(last_zxid) + pack_int(timeout_ms) + pack_long(session_id)
    body += pack_bytes(password)
    return pack_frame(body if read_only is None else body + pack_bool(read_only))


class Stat(NamedTuple):
    """The Stat record, fields in the order of the wire; times in milliseconds."""

    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    aversion: int
    ephemeral_owner: int
    data_length: int
    num_children: int
    pzxid: int


class Cursor:
    """Reads jute values from the front of ``data``; raises :class:`ShortRecordError` at its end."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def _advance(self, size: int) -> int:
        start = self.position
        if size < 0 or start + size > len(self.data):
            raise ShortRecordError(f"{size} bytes asked at {start} of {len(self.data)}")
        self.position = start + size
        return start

    def i32(self) -> int:
        """A 32 bit signed integer."""
        value: int = _INT.unpack_from(self.data, self._advance(4))[0]
        return value

    def i64(self) -> int:
        """A 64 bit signed integer."""
        value: int = _LONG.unpack_from(self.data, self._advance(8))[0]
        return value

    def flag(self) -> bool:
        """One byte; anything but 0 is true."""
        return self.data[self._advance(1)] != 0

    def buffer(self) -> bytes | None:
        """A buffer or ustring; ``None`` for null."""
        size = self.i32()
        if size == -1:
            return None
        start = self._advance(size)
        return self.data[start : start + size]

    def stat(self) -> Stat:
        """A Stat record."""
        return Stat._make(_STAT.unpack_from(self.data, self._advance(_STAT.size)))

    @property
    def rest(self) -> bytes:
        """What has not been read yet."""
        return self.data[self.position :]


@dataclass(frozen=True, slots=True)
class Handshake:
    """A ConnectResponse as it came; ``read_only`` is ``None`` when the byte was not sent."""

    protocol: int
    timeout_ms: int
    session_id: int
    password: bytes | None
    read_only: bool | None

    @property
    def accepted(self) -> bool:
        """Whether the session is alive (a refused one has timeout 0)."""
        return self.timeout_ms > 0


def read_handshake(payload: bytes) -> Handshake:
    """Decode a ConnectResponse frame; raises :class:`ShortRecordError`."""
    cursor = Cursor(payload)
    fields = cursor.i32(), cursor.i32(), cursor.i64(), cursor.buffer()
    return Handshake(*fields, cursor.flag() if cursor.rest else None)


class Header(NamedTuple):
    """A ReplyHeader."""

    xid: int
    zxid: int
    err: int


def read_header(payload: bytes) -> Header:
    """The ReplyHeader in front of a reply or notification; raises :class:`ShortRecordError`."""
    if len(payload) < _REPLY_HEADER.size:
        raise ShortRecordError(f"a reply of {len(payload)} bytes has no header")
    return Header._make(_REPLY_HEADER.unpack_from(payload))


HEADER_BYTES: Final = _REPLY_HEADER.size


class RawConnection:
    """One TCP connection to a server on the loopback address.

    ``closed`` becomes true when the server has ended it. All waiting ends after
    ``timeout_s`` with :class:`SilenceError`.
    """

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self.closed = False
        self.silent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Write ``data``; a connection which the server has ended is noticed, not raised."""
        try:
            self._socket.sendall(data)
        except OSError:
            # What the server sent before it closed may still be there to be read.
            self.closed = self.closed or not self._received

    def frame(self) -> bytes | None:
        """The payload of the next frame, ``None`` at the end of the stream.

        Raises :class:`SilenceError` when neither comes in time.
        """
        while (payload := self._cut()) is None:
            try:
                chunk = self._socket.recv(_RECEIVE_BYTES)
            except TimeoutError as waited:
                raise SilenceError("no answer and no end of the connection") from waited
            except OSError:
                # A reset is how a close looks when the server had unread input.
                chunk = b""
            if not chunk:
                self.closed = True
                return None
            self._received += chunk
        return payload

    def _cut(self) -> bytes | None:
        if len(self._received) < 4:
            return None
        end = 4 + int(_INT.unpack_from(self._received)[0])
        if len(self._received) < end:
            return None
        payload = bytes(self._received[4:end])
        del self._received[:end]
        return payload

    def handshake(self, request: bytes) -> Handshake | None:
        """Send a ConnectRequest frame and read the answer; ``None`` if closed without one."""
        self.send(request)
        payload = self.frame()
        return None if payload is None else read_handshake(payload)

    def frames_until_ping(self, pings: int = 1) -> list[bytes]:
        """All frames up to and with the ``pings``-th reply to a ping, or to the end.

        When the server falls silent, ``silent`` becomes true and what has come is returned.
        """
        frames: list[bytes] = []
        while pings and (payload := self._frame_or_silence()) is not None:
            frames.append(payload)
            if len(payload) >= 4 and _INT.unpack_from(payload)[0] == PING_XID:
                pings -= 1
        return frames

    def _frame_or_silence(self) -> bytes | None:
        try:
            return self.frame()
        except SilenceError:
            self.silent = True
            return None

    def frames_until_end(self) -> list[bytes]:
        """All frames until the server closes the connection, or falls silent."""
        frames: list[bytes] = []
        while (payload := self._frame_or_silence()) is not None:
            frames.append(payload)
        return frames

    def close(self) -> None:
        """End the connection from our side, without a closeSession."""
        self.closed = True
        self._socket.close()


def exchange(port: int, handshake: bytes, requests: Sequence[bytes]) -> list[bytes]:
    """Run ``requests`` on a connection of its own and return every frame up to a final ping."""
    with RawConnection(port) as connection:
        answer = connection.handshake(handshake)
        if answer is None or not answer.accepted:
            raise ConnectionError("the server refused the session")
        connection.send(b"".join(requests) + PING_FRAME)
        return connection.frames_until_ping()


__all__ = [
    "HEADER_BYTES",
    "NEW_SESSION_PASSWORD",
    "NOTIFICATION_XID",
    "PING_FRAME",
    "PING_OP",
    "PING_XID",
    "Cursor",
    "Handshake",
    "Header",
    "RawConnection",
    "ShortRecordError",
    "SilenceError",
    "Stat",
    "exchange",
    "pack_bool",
    "pack_bytes",
    "pack_connect",
    "pack_frame",
    "pack_int",
    "pack_long",
    "pack_request",
    "pack_vector",
    "read_handshake",
    "read_header",
]
