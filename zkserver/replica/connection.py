"""The state of one client connection, without its socket."""

from __future__ import annotations

import functools
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from zkserver.tree.acl import Identities
from zkserver.tree.sessions import Liveness
from zkserver.wire.jute import INT, LONG
from zkserver.wire.records import pack_ids

if TYPE_CHECKING:
    from zkserver.replica.batch import Batch
    from zkserver.replica.sasl import DigestMd5


class Phase(IntEnum):
    """Where a connection is in its life."""

    #: Nothing complete has come: a four letter word or a ConnectRequest is expected.
    NEW = 0
    #: The session is being created through the log; nothing is read meanwhile.
    CONNECTING = 1
    OPEN = 2
    #: Open on a server without a quorum, which serves reads only.
    READ_ONLY = 3
    #: closeSession is on its way: no more requests are taken, those before it are answered.
    DRAINING = 4
    #: What is in ``out`` is sent, then it ends.
    CLOSING = 5
    CLOSED = 6


class Caller:
    """On whose behalf a request runs: a session and its identities, ready for the log."""

    __slots__ = ("identities", "prefix", "session_id")

    def __init__(self, session_id: int, identities: Identities) -> None:
        self.session_id = session_id
        self.identities = identities
        packed = pack_ids(identities)
        #: What stands before this caller's requests in a log record.
        self.prefix = LONG.pack(session_id) + INT.pack(len(packed)) + packed

    def with_session(self, session_id: int) -> Caller:
        """The same identities under a session that was just opened."""
        caller = Caller.__new__(Caller)
        caller.session_id = session_id
        caller.identities = self.identities
        caller.prefix = LONG.pack(session_id) + self.prefix[8:]
        return caller


@functools.lru_cache(maxsize=1024)
def _newcomer(address: str) -> Caller:
    """Who calls from ``address`` before there is a session."""
    return Caller(0, ((b"ip", address.encode()),))


class Connection:
    """A client connection as the core sees it. The shell keeps the socket beside it.

    ``out`` holds frames to send, in order. The shell empties it; it may never be
    replaced, since the hot loops hold on to it.
    """

    __slots__ = (
        "address",
        "caller",
        "connected_ms",
        "frames_extra",
        "frames_received",
        "has_read_only",
        "inbuf",
        "interest",
        "large",
        "last_op",
        "last_response_ms",
        "last_xid",
        "last_zxid",
        "latency_last_ms",
        "latency_max_ms",
        "latency_total_ms",
        "live",
        "more",
        "need",
        "out",
        "paused",
        "pending",
        "phase",
        "port",
        "queued",
        "sasl",
        "session_id",
        "shell",
        "timeout_ms",
        "watching",
        "why_closed",
    )

    def __init__(self, address: str, port: int, now_ms: int) -> None:
        self.address = address
        self.port = port
        self.phase = Phase.NEW
        #: Received bytes that are no complete frame yet.
        self.inbuf = bytearray()
        #: How many bytes ``inbuf`` needs before looking at it again is worth it.
        self.need = 0
        #: Bytes of a large request that is not answered yet; 0 for any other.
        self.large = 0
        self.out: list[bytes] = []
        self.session_id = 0
        self.caller = _newcomer(address)
        self.live: Liveness | None = None
        self.timeout_ms = 0
        self.has_read_only = True
        #: The last batch that holds a write of this connection, if it is not executed yet.
        self.pending: Batch | None = None
        #: Requests of this connection that wait for a batch.
        self.queued = 0
        #: The core asks the shell not to read from it for now.
        self.paused = False
        #: Complete requests were set aside until what is in ``out`` is sent.
        self.more = False
        #: It may be in a watch table.
        self.watching = False
        #: Why the server ends the connection, for the log; empty when the client does.
        self.why_closed = ""
        #: The shell's own object for this connection.
        self.shell: Any = None
        #: The exchange of SASL that has begun, if one has.
        self.sasl: DigestMd5 | None = None
        self.interest = 1
        self.connected_ms = now_ms
        self.frames_received = 0
        #: Notifications, which answer no request.
        self.frames_extra = 0
        self.last_op = 0
        self.last_xid: int | None = None
        self.last_zxid = -1
        self.last_response_ms = 0
        self.latency_total_ms = self.latency_max_ms = self.latency_last_ms = 0

    @property
    def answered(self) -> int:
        """Requests of it that were answered, session set-up included."""
        return self.frames_received - self.queued

    @property
    def frames_sent(self) -> int:
        """Replies and notifications."""
        return self.answered + self.frames_extra

    def waited(self, count: int, latency_ms: int) -> None:
        """Note that ``count`` writes were answered after ``latency_ms``, which is not 0.

        What is answered within the millisecond in which it came is only counted, by
        ``frames_received``.
        """
        self.latency_last_ms = latency_ms
        self.latency_total_ms += count * latency_ms
        if latency_ms > self.latency_max_ms:
            self.latency_max_ms = latency_ms
