"""Dialling another server: its address, its name looked up, and when to try again."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zkserver.server.listening import reason_of
from zkserver.server.peer_socket import PeerSocket, tune

#: The time to the next attempt is drawn from a range that begins here, ...
BACKOFF_MS_MIN: Final = 20
#: ... and whose end is doubled with each failure up to this.
BACKOFF_MS_MAX: Final = 1_000
#: A link that held so long makes up for the failures before it.
HELD_MS: Final = 1_000

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


@dataclass(slots=True)
class Dial:
    """Where another server is, and our attempts to reach it.

    They are put off further with each failure in a row, and by chance, so that servers which
    were started together do not call in step.
    """

    host: str
    port: int
    #: When to dial next, monotonic milliseconds.
    due_ms: int
    #: Draws a number from 0 to below its argument.
    below: Callable[[int], int]
    #: In a row.
    failures: int = 0
    #: The attempt under way.
    call: PeerSocket | None = None
    lookup: HostLookup | None = None

    def begin(self) -> socket.socket | None:
        """A socket that has begun to connect; None while the host's address is looked up.

        Raises ``OSError`` when it fails at once.
        """
        if self.lookup is None:
            # Anew each time: a name may lead elsewhere by now.
            self.lookup = HostLookup(self.host, self.port)
        found, why = self.lookup.found, self.lookup.why
        if found is None:
            return None
        self.lookup = None
        if not found:
            raise OSError(why)
        family, where = found[self.failures % len(found)]
        return _connect(family, where)

    def failed(self, now_ms: int) -> None:
        """An attempt was in vain."""
        self.due_ms = now_ms + self._backoff_ms()
        self.failures += 1

    def refused(self, now_ms: int) -> None:
        """It was answered, and will be next time, unless somebody changes something there."""
        self.due_ms = now_ms + BACKOFF_MS_MAX + self.below(BACKOFF_MS_MAX)

    def lost(self, held_ms: int, now_ms: int) -> None:
        """A link that held for ``held_ms`` is down."""
        if held_ms >= HELD_MS:
            self.failures = 0
        self.failed(now_ms)

    def _backoff_ms(self) -> int:
        longest = min(BACKOFF_MS_MAX, BACKOFF_MS_MIN << min(self.failures + 1, 10))
        return BACKOFF_MS_MIN + self.below(longest - BACKOFF_MS_MIN + 1)


class HostLookup:
    """The addresses of a host, found without making the loop wait for a name server."""

    __slots__ = ("_host", "_port", "found", "why")

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        #: (family, address) of each; None as long as they are not known.
        self.found: list[tuple[int, SocketAddress]] | None = None
        #: Why there are none.
        self.why = ""
        try:
            self.found = _look_up(host, port, socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            try:
                threading.Thread(target=self._run, name="zkserver-lookup", daemon=True).start()
            except RuntimeError as error:
                self.why, self.found = str(error), []

    def _run(self) -> None:
        found = []
        try:
            found = _look_up(self._host, self._port, 0)
        except (OSError, UnicodeError) as error:
            self.why = f"cannot find {self._host}: {reason_of(error)}"
        # Set last, since this is what the loop looks at.
        self.found = found


def _look_up(host: str, port: int, flags: int) -> list[tuple[int, SocketAddress]]:
    return [
        (family, (str(where[0]), int(where[1]), *where[2:]))
        for family, _, _, _, where in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=flags
        )
    ]


def _connect(family: int, where: SocketAddress) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        tune(sock)
        error = sock.connect_ex(where)
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, os.strerror(error))
    except OSError:
        sock.close()
        raise
    return sock
