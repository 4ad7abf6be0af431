"""The sockets below the links between servers: listening, options, and unsent output.

Nothing here knows what the bytes mean, but that they are frames.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from zkserver.limits import ACCEPTS_PER_TURN, RECEIVE_BYTES
from zkserver.server.client_port import OUT_OF_DESCRIPTORS, Stream, peer_address
from zkserver.server.listening import listening_socket, reason_of
from zkserver.server.poller import READABLE, WRITABLE, Poller
from zkserver.wire.peer import HANDSHAKE_BYTES_MAX, NO_CLUSTER_ID, FrameCutter

_BACKLOG: Final = 128
#: Small frames that wait for one socket are sent together up to this size; larger ones are
#: sent from where they are.
_GATHER_BYTES: Final = 64 * 1024
#: A link is given up when what was sent is not acknowledged for so long. Left to itself TCP
#: tries for many minutes and ever more rarely, while a new connection may stand at once.
_UNACKNOWLEDGED_MS: Final = 5_000
#: (level, option, value); what a system does not have is left out.
_OPTIONS: Final = tuple(
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 5),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 2),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS),
    )
    if hasattr(socket, name)
)


class Stage(Enum):
    """How far a connection between two servers has come."""

    CONNECTING = auto()
    #: We dialled and said hello.
    GREETING = auto()
    #: We were dialled and wait for the hello.
    CALLED = auto()
    LINKED = auto()
    CLOSED = auto()


class PeerSocket:
    """A connection to another server, with the output that it did not take yet."""

    __slots__ = (
        "_mask",
        "_offset",
        "_out",
        "_plain",
        "_poller",
        "address",
        "cluster_id",
        "cutter",
        "doom",
        "fd",
        "is_dialled",
        "out_bytes",
        "peer_id",
        "since_ms",
        "sock",
        "stage",
        "version",
    )

    def __init__(
        self, sock: socket.socket, stage: Stage, address: str, poller: Poller, now_ms: int
    ) -> None:
        self.sock: Stream = sock
        self.fd = sock.fileno()
        self._plain: socket.socket | None = sock
        self.stage = stage
        #: Whether we dialled, or were dialled.
        self.is_dialled = stage is Stage.CONNECTING
        #: Where the other end is, for the log.
        self.address = address
        #: When the stage began, monotonic milliseconds.
        self.since_ms = now_ms
        #: The server at the other end; 0 as long as that has not been said.
        self.peer_id = 0
        #: The ensemble it says to belong to.
        self.cluster_id = NO_CLUSTER_ID
        #: The protocol version that both speak; 0 before the handshake is done.
        self.version = 0
        self.cutter = FrameCutter(HANDSHAKE_BYTES_MAX)
        #: Why the connection has to be closed; empty while it need not.
        self.doom = ""
        #: Bytes that wait to be sent.
        self.out_bytes = 0
        self._out: deque[bytes | bytearray] = deque()
        #: How much of the first frame in ``_out`` was sent.
        self._offset = 0
        self._poller = poller
        self._mask = WRITABLE if self.is_dialled else READABLE
        poller.register(self.fd, self._mask)

    def enter(self, stage: Stage, now_ms: int) -> None:
        """A new stage begins."""
        self.stage = stage
        self.since_ms = now_ms

    def secure(self, secured: Callable[[socket.socket], Stream]) -> None:
        """Go on under TLS, or let the other side choose; raises ``OSError`` if it is gone."""
        plain, self._plain = self._plain, None
        assert plain is not None
        self.sock = secured(plain)

    def replace(self, sock: Stream) -> None:
        """The other side has chosen."""
        self.sock = sock

    @property
    def _is_secured(self) -> bool:
        """Whether what was queued can be sent; before it waits for what the other side says."""
        return getattr(self.sock, "is_established", True)

    @property
    def is_refused(self) -> bool:
        """Whether it came to nothing since it could not be secured."""
        return bool(getattr(self.sock, "failure", ""))

    def receive(self) -> bytes | None:
        """What has arrived, at most ``RECEIVE_BYTES``; None when nothing has.

        Empty when nothing will arrive any more; then ``doom`` says why.
        """
        was_secured = self._is_secured
        try:
            data = self.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            if self._is_secured and not was_secured and not self.flush():
                return b""
            return None
        except OSError as error:
            self.doom = getattr(self.sock, "failure", "") or reason_of(error)
            return b""
        if not data:
            self.doom = "closed by the other side"
        return data

    def queue(self, frame: bytes | bytearray, bytes_max: int) -> None:
        """Send a frame after those before it, at the next :meth:`flush`.

        When more than ``bytes_max`` wait beside the largest frame, which may be any size, the
        other side does not keep up, and the connection is doomed.
        """
        if self.doom:
            return
        out = self._out
        if self.out_bytes > bytes_max and self.out_bytes - max(map(len, out)) > bytes_max:
            self.doom = f"does not take what it is sent: {self.out_bytes} bytes wait"
            return
        out.append(frame)
        self.out_bytes += len(frame)

    def flush(self) -> bool:
        """Send what waits as far as the socket takes it; False when it is over, see ``doom``."""
        if self.doom:
            return False
        out = self._out
        try:
            if len(out) == 1 and not self._offset:
                # Mostly it is one frame, and the socket takes it.
                size = len(out[0])
                sent = self.sock.send(out[0])
                if sent == size:
                    out.clear()
                    self.out_bytes = 0
                else:
                    self._take_off(sent)
            while out:
                offered = self._next()
                sent = self.sock.send(offered)
                self._take_off(sent)
                if sent < len(offered):
                    break
        except BlockingIOError:
            pass
        except OSError as error:
            self.doom = getattr(self.sock, "failure", "") or reason_of(error)
            return False
        self._watch()
        return True

    def _next(self) -> bytes | bytearray | memoryview:
        """What to offer to the socket."""
        out = self._out
        first = out[0]
        if self._offset:
            return memoryview(first)[self._offset :]
        if len(out) == 1 or len(first) >= _GATHER_BYTES:
            return first
        chosen = []
        size = 0
        for frame in out:
            size += len(frame)
            if size > _GATHER_BYTES:
                break
            chosen.append(frame)
        return b"".join(chosen)

    def _take_off(self, sent: int) -> None:
        """The socket took ``sent`` bytes."""
        out = self._out
        self.out_bytes -= sent
        sent += self._offset
        while out and sent >= len(out[0]):
            sent -= len(out.popleft())
        self._offset = sent

    def _watch(self) -> None:
        # The poller is told what to look for, if that has changed.
        mask = READABLE | WRITABLE if self._out and self._is_secured else READABLE
        if mask != self._mask:
            self._mask = mask
            self._poller.modify(self.fd, mask)

    def reached(self) -> bool:
        """Whether the connection that was dialled stands; if it failed, ``doom`` says why."""
        sock = self._plain
        if sock is None:
            return True
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.doom = os.strerror(error)
            return False
        try:
            there = sock.getpeername()
        except OSError:
            # The event was meant for a closed socket that had the same number.
            return False
        if there == sock.getsockname():
            # TCP may join a call to a free port of the same machine with itself.
            self.doom = "reached itself"
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self.stage = Stage.CLOSED
        self._out.clear()
        self.out_bytes = self._offset = 0
        try:
            self._poller.unregister(self.fd)
        except (OSError, ValueError, KeyError):
            pass
        try:
            # A child that writes a snapshot may hold the socket open a moment longer.
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


def tune(sock: socket.socket) -> None:
    """Set the options of a link; raises ``OSError`` if the socket is gone already."""
    for level, option, value in _OPTIONS:
        sock.setsockopt(level, option, value)


class PeerListener:
    """The socket at which other servers call, if there is one."""

    def __init__(self, poller: Poller) -> None:
        #: Its descriptor; -1 without one.
        self.fd = -1
        self._sock: socket.socket | None = None
        self._poller = poller
        self._is_watched = False

    def open(self, host: str, port: int) -> int:
        """Listen here and no longer where we did; returns the port.

        Raises :class:`StartError`, and then nothing has changed.
        """
        sock = listening_socket(host, port, _BACKLOG, "for servers ")
        self.close()
        self._sock, self.fd = sock, sock.fileno()
        self.resume()
        return int(sock.getsockname()[1])

    def close(self) -> None:
        """Listen no more."""
        if self._sock is not None:
            self._pause()
            self._sock.close()
            self._sock, self.fd = None, -1

    def resume(self) -> None:
        """Look for calls again, after there was no descriptor left for one."""
        if self._sock is not None and not self._is_watched:
            self._poller.register(self.fd, READABLE)
            self._is_watched = True

    def _pause(self) -> None:
        if self._is_watched:
            self._poller.unregister(self.fd)
            self._is_watched = False

    def accept(self) -> tuple[list[tuple[socket.socket, str]], str]:
        """The calls that have come, with their addresses; and what was in the way of others.

        In that case none is looked for until :meth:`resume`, instead of spinning.
        """
        calls: list[tuple[socket.socket, str]] = []
        if self._sock is None:
            return calls, ""
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, where = self._sock.accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in OUT_OF_DESCRIPTORS:
                    self._pause()
                    return calls, reason_of(error)
                continue
            try:
                sock.setblocking(False)
                tune(sock)
            except OSError:
                sock.close()
                continue
            host, port = peer_address(where)
            calls.append((sock, f"{host}:{port}"))
        return calls, ""
