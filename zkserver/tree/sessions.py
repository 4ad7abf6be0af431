"""Sessions: the replicated table of them, and the queue by which the leader expires them.

The table is state: an entry is made and ended by log entries, and is in snapshots. The
password is drawn by the server that creates the session and replicated with it, so any
server can verify it and nobody can compute it (Apache derives it from the id).

The queue is not state. Source of its rule: ``SessionTrackerImpl`` and ``ExpiryQueue``:
a session expires at a multiple of the tick, so it lives up to one tick longer than its
timeout and never shorter. A session that is heard from is not moved: the connection
notes the time, and only when a bucket is due is each session in it either expired or
put where its last sign of life says. Ten thousand pings cost nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Session(NamedTuple):
    """A session as the log knows it."""

    session_id: int
    #: Negotiated when it was created, milliseconds.
    timeout_ms: int
    #: 16 bytes that a client must present to attach to the session again.
    password: bytes
    #: Id of the server with the connection that was attached last.
    owner: int


class Liveness:
    """What the leader knows about a session's signs of life; not replicated."""

    __slots__ = ("closing", "heard_ms", "session_id", "timeout_ms")

    def __init__(self, session_id: int, timeout_ms: int, heard_ms: int) -> None:
        self.session_id = session_id
        #: Of the connection that negotiated last, milliseconds.
        self.timeout_ms = timeout_ms
        #: When anything arrived from the client, on the monotonic clock.
        self.heard_ms = heard_ms
        #: A closeSession of it is on its way through the log.
        self.closing = False


class ExpiryQueue:
    """Sessions by the tick at which they are looked at next."""

    def __init__(self, tick_ms: int) -> None:
        self.tick_ms = tick_ms
        self.sessions: dict[int, Liveness] = {}
        self._buckets: dict[int, dict[int, None]] = {}

    def track(self, session_id: int, timeout_ms: int, now_ms: int) -> Liveness:
        """Begin to watch a session, or watch it with another timeout."""
        live = self.sessions.get(session_id)
        if live is None:
            live = self.sessions[session_id] = Liveness(session_id, timeout_ms, now_ms)
        live.timeout_ms, live.heard_ms = timeout_ms, now_ms
        self._enqueue(live)
        return live

    def go_on(self, live: Liveness) -> None:
        """Watch on: what was to end the session came to nothing."""
        live.closing = False
        self._enqueue(live)

    def renew(self, now_ms: int) -> None:
        """Take every session as heard from just now."""
        for live in self.sessions.values():
            live.heard_ms = now_ms
            self.go_on(live)

    def forget(self, session_id: int) -> None:
        """Stop watching; buckets drop the id when they are due."""
        self.sessions.pop(session_id, None)

    def _due_ms(self, live: Liveness) -> int:
        return (live.heard_ms + live.timeout_ms) // self.tick_ms * self.tick_ms + self.tick_ms

    def _enqueue(self, live: Liveness) -> None:
        self._buckets.setdefault(self._due_ms(live), {})[live.session_id] = None

    def expired(self, now_ms: int) -> list[int]:
        """The sessions whose time is over, each reported once; marks them as closing."""
        over = []
        for due in sorted(due for due in self._buckets if due <= now_ms):
            for session_id in self._buckets.pop(due):
                live = self.sessions.get(session_id)
                if live is None or live.closing:
                    continue
                if self._due_ms(live) <= now_ms:
                    live.closing = True
                    over.append(session_id)
                else:
                    self._enqueue(live)
        return over

    def buckets(self) -> Iterator[tuple[int, list[int]]]:
        """(due time, session ids) as of the last sign of life, for the word ``dump``."""
        found: dict[int, list[int]] = {}
        for live in self.sessions.values():
            found.setdefault(self._due_ms(live), []).append(live.session_id)
        yield from sorted(found.items())
