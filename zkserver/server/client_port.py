"""The socket side of a client's connection."""

from __future__ import annotations

import errno
from typing import Final, Protocol

from zkserver.limits import OUTPUT_PAUSE_BYTES
from zkserver.replica.connection import Connection, Phase
from zkserver.server.poller import READABLE, WRITABLE, Poller

_MAPPED_IPV4: Final = "::ffff:"
# Looked up for every send.
_CLOSING: Final = Phase.CLOSING
_SEND_BYTES: Final = 256 * 1024
#: What accept says when the process or the system has no descriptor left.
OUT_OF_DESCRIPTORS: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


def peer_address(peer: tuple[str, int] | tuple[str, int, int, int]) -> tuple[str, int]:
    """Address and port of a peer; IPv4 in IPv6 clothes is shown and matched as IPv4."""
    return peer[0].removeprefix(_MAPPED_IPV4), peer[1]


class Stream(Protocol):
    """What is needed of a socket that does not block."""

    def fileno(self) -> int:
        """The descriptor, for the poller."""

    def recv(self, count: int, /) -> bytes:
        """What has come, empty at the end."""

    def send(self, data: bytes | bytearray | memoryview, /) -> int:
        """How much was taken."""

    def shutdown(self, how: int, /) -> None:
        """End it for a child that holds it open as well."""

    def close(self) -> None:
        """Close it."""


class ClientSocket:
    """A socket with the output that it did not take yet."""

    __slots__ = ("backlog", "closing_since_ms", "conn", "fd", "mask", "poller", "recv", "sock")

    def __init__(self, sock: Stream, conn: Connection, poller: Poller) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.recv = sock.recv
        self.conn = conn
        self.poller = poller
        self.backlog = bytearray()
        #: When the server decided to end it, monotonic milliseconds; 0 before.
        self.closing_since_ms = 0
        self.mask = READABLE
        poller.register(self.fd, READABLE)

    def replace(self, sock: Stream) -> None:
        """Go on with another view of the same descriptor."""
        self.sock = sock
        self.recv = sock.recv

    @property
    def is_secure(self) -> bool:
        """Whether it is under TLS."""
        return getattr(self.sock, "is_secure", False)

    @property
    def failure(self) -> str:
        """Why the connection could not be secured, if that is so."""
        return getattr(self.sock, "failure", "")

    def send_all(self) -> bool:
        """Send what waits; ``True`` if that is all there was to do with this connection.

        The plain case of :meth:`send` and of what the loop looks at behind it.
        """
        conn = self.conn
        if self.mask != READABLE or conn.paused or conn.more or conn.phase >= _CLOSING:
            return False
        out = conn.out
        if not out:
            return True
        data = out[0] if len(out) == 1 else b"".join(out)
        try:
            sent = self.sock.send(data)
        except OSError:
            # Nothing is lost: the general way meets the same error and tells them apart.
            return False
        out.clear()
        if sent == len(data):
            return True
        self.backlog += memoryview(data)[sent:]
        return False

    def send(self) -> bool:
        """Send what waits, as far as the socket takes it; ``False`` when the peer is gone."""
        out = self.conn.out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            if not self.backlog:
                try:
                    sent = self.sock.send(data)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    return False
                if sent < len(data):
                    self.backlog += memoryview(data)[sent:]
                return True
            self.backlog += data
        try:
            while self.backlog:
                with memoryview(self.backlog)[:_SEND_BYTES] as part:
                    sent = self.sock.send(part)
                del self.backlog[:sent]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def watch(self) -> None:
        """Tell the poller what to look for, if that has changed."""
        conn = self.conn
        reads = not conn.paused and not conn.more and len(self.backlog) < OUTPUT_PAUSE_BYTES
        if conn.phase >= Phase.CLOSING:
            reads = False
        mask = (READABLE if reads else 0) | (WRITABLE if self.backlog else 0)
        if mask != self.mask:
            self.mask = mask
            self.conn.interest = (1 if reads else 0) | (4 if self.backlog else 0)
            self.poller.modify(self.fd, mask)

    def close(self) -> None:
        """Close the socket."""
        try:
            self.poller.unregister(self.fd)
        except (OSError, ValueError, KeyError):
            pass
        self.sock.close()
