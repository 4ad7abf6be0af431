"""A small pipelining ZooKeeper client over a blocking socket, independent of kazoo and of us.

Only what the load and the checks need: the handshake with session re-attachment, requests
queued and flushed together, and replies read one by one. ZooKeeper's record formats.
"""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Self

_HEADER = struct.Struct(">ii")
_REPLY = struct.Struct(">iqi")
_CONNECT_REPLY = struct.Struct(">iiqi")
_INT = struct.Struct(">i")
_STAT = struct.Struct(">qqqqiiiqiiq")
_NOTIFICATION_XID = -1
_SERVING_S_MAX = 30.0
_SERVING_TRY_S = 3.0
_POLL_S = 0.002

#: perms ALL for world:anyone, as an encoded vector of one ACL.
OPEN_ACL = b"\0\0\0\1\0\0\0\x1f\0\0\0\5world\0\0\0\6anyone"
EPHEMERAL = 1
SEQUENTIAL = 2


class OpCode(IntEnum):
    """The request types used here."""

    CREATE = 1
    DELETE = 2
    EXISTS = 3
    GET_DATA = 4
    SET_DATA = 5
    SET_ACL = 7
    GET_CHILDREN = 12
    CHECK = 13
    MULTI = 14
    AUTH = 100
    CLOSE_SESSION = -11


class ConnectionLostError(Exception):
    """The server closed the connection or cannot be reached."""


class SessionRefusedError(Exception):
    """The server answered the handshake with timeout 0: it does not know this session."""


@dataclass(frozen=True, slots=True)
class Session:
    """What re-attaches a session; ``timeout_ms`` is the one the server granted."""

    session_id: int
    password: bytes
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of a znode's Stat which the checks compare, names as in ZooKeeper."""

    czxid: int
    mzxid: int
    version: int
    cversion: int
    ephemeral_owner: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply frame: header and undecoded body (empty when ``err`` is not 0)."""

    xid: int
    zxid: int
    err: int
    body: bytes


def encode_buffer(data: bytes) -> bytes:
    """A jute buffer or ustring."""
    return _INT.pack(len(data)) + data


def encode_path(path: str) -> bytes:
    """A path as a ustring."""
    return encode_buffer(path.encode())


def create_body(path: str, data: bytes, flags: int = 0) -> bytes:
    """CreateRequest with the open ACL."""
    return encode_path(path) + encode_buffer(data) + OPEN_ACL + _INT.pack(flags)


def set_body(path: str, data: bytes, version: int = -1) -> bytes:
    """SetDataRequest."""
    return encode_path(path) + encode_buffer(data) + _INT.pack(version)


def path_version_body(path: str, version: int = -1) -> bytes:
    """DeleteRequest and CheckVersionRequest, which look alike."""
    return encode_path(path) + _INT.pack(version)


def watch_body(path: str) -> bytes:
    """The request of the reads, without a watch."""
    return encode_path(path) + b"\0"


def decode_buffer(body: bytes, offset: int = 0) -> tuple[bytes, int]:
    """A jute buffer at ``offset`` (null reads as empty) and the offset behind it."""
    (length,) = _INT.unpack_from(body, offset)
    end = offset + 4 + max(length, 0)
    return body[offset + 4 : end], end


def decode_stat(body: bytes, offset: int = 0) -> Stat:
    """The Stat at ``offset``."""
    czxid, mzxid, _, _, version, cversion, _, owner, _, _, _ = _STAT.unpack_from(body, offset)
    return Stat(czxid, mzxid, version, cversion, owner)


STAT_BYTES = _STAT.size


def wait_serving(port: int) -> None:
    """Wait until the server takes sessions: Apache answers ``ruok`` before it does.

    Raises ``ConnectionLostError`` when it does not within ``_SERVING_S_MAX``.
    """
    deadline = time.monotonic() + _SERVING_S_MAX
    while True:
        try:
            # A handshake that comes while Apache starts its processors can stay unanswered.
            Connection(port, patience_s=_SERVING_TRY_S).close()
            return
        except ConnectionLostError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


class Connection:
    """One connection with its session.

    Raises ``ConnectionLostError`` from every method when the server goes away or does not
    answer within ``patience_s``, and ``SessionRefusedError`` from the constructor.
    """

    def __init__(
        self,
        port: int,
        *,
        session: Session | None = None,
        timeout_ms: int = 30_000,
        last_zxid: int = 0,
        patience_s: float = 30.0,
    ) -> None:
        self.last_zxid = last_zxid
        self._xid = 0
        self._out: list[bytes] = []
        self._in = bytearray()
        asked = session or Session(0, bytes(16), timeout_ms)
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), timeout=patience_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise ConnectionLostError(f"cannot connect: {error}") from error
        self._out.append(
            encode_buffer(
                struct.pack(">iqiq", 0, last_zxid, asked.timeout_ms, asked.session_id)
                + encode_buffer(asked.password)
                + b"\0"
            )
        )
        try:
            self.flush()
            frame = self._frame()
        except ConnectionLostError:
            self.drop()
            raise
        _, granted_ms, session_id, _ = _CONNECT_REPLY.unpack_from(frame)
        if granted_ms <= 0:
            self.drop()
            raise SessionRefusedError(f"session {asked.session_id:#x} is refused")
        self.session = Session(session_id, frame[20:36], granted_ms)

    def send(self, op: OpCode, body: bytes = b"") -> int:
        """Queue a request until ``flush``; returns its xid."""
        self._xid += 1
        self._out.append(encode_buffer(_HEADER.pack(self._xid, op) + body))
        return self._xid

    def flush(self) -> None:
        """Write everything queued."""
        data, self._out = b"".join(self._out), []
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLostError(f"cannot send: {error}") from error

    def receive(self) -> Reply:
        """The next reply; notifications are passed over."""
        while True:
            frame = self._frame()
            xid, zxid, err = _REPLY.unpack_from(frame)
            if xid == _NOTIFICATION_XID:
                continue
            self.last_zxid = max(self.last_zxid, zxid)
            return Reply(xid, zxid, err, frame[_REPLY.size :])

    def call(self, op: OpCode, body: bytes = b"") -> Reply:
        """Send one request and wait for its reply; nothing else may be outstanding."""
        self.send(op, body)
        self.flush()
        return self.receive()

    def close(self) -> None:
        """End the session and wait until the server says so."""
        try:
            self.call(OpCode.CLOSE_SESSION)
        finally:
            self.drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.drop()

    def drop(self) -> None:
        """Close the socket; the session lives on until it expires."""
        self._socket.close()

    def _frame(self) -> bytes:
        while len(self._in) < 4:
            self._fill()
        (length,) = _INT.unpack_from(self._in)
        while len(self._in) < 4 + length:
            self._fill()
        frame = bytes(self._in[4 : 4 + length])
        del self._in[: 4 + length]
        return frame

    def _fill(self) -> None:
        try:
            data = self._socket.recv(262_144)
        except OSError as error:
            raise ConnectionLostError(f"cannot receive: {error}") from error
        if not data:
            raise ConnectionLostError("the server closed the connection")
        self._in += data
