"""Read-only mode: what a server of an ensemble does for clients while it has no quorum.

With ``readonlymode.enabled=true`` a server that is in step with no leader serves those
clients that take a read-only server. They read what this server has executed, which may be
behind what the others have. A session is made here, in no log: it exists on this server
alone, owns nothing, and ends when there is a leader again; then all its clients have to
connect anew. Whoever comes with a session of the ensemble is turned away: this server
cannot keep it alive, and must not let its client believe that it lives.

Source: ``ReadOnlyZooKeeperServer`` and ``ReadOnlyRequestProcessor`` of Apache ZooKeeper 3.8
with ``localSessionsEnabled=true``, without which its read-only server takes no new sessions
(a running one was asked).

The connections are in a phase of their own, so nothing of this is looked at for a request
to a server that has a quorum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zkserver.replica.connection import Connection, Phase
from zkserver.replica.serving import answer_one, is_allowed, serve
from zkserver.tree.sessions import ExpiryQueue, Session
from zkserver.wire.opcodes import Code, Op
from zkserver.wire.records import (
    PASSWORD_BYTES,
    REQUEST_HEAD,
    ConnectRequest,
    pack_connect_response,
    pack_reply,
)

if TYPE_CHECKING:
    from zkserver.replica.core import ReplicaCore

#: What is answered by NotReadOnly, before anything else is looked at.
_REFUSED: Final = frozenset(
    int(op)
    for op in (
        Op.SYNC,
        Op.CREATE,
        Op.CREATE2,
        Op.CREATE_TTL,
        Op.CREATE_CONTAINER,
        Op.DELETE,
        Op.DELETE_CONTAINER,
        Op.SET_DATA,
        Op.RECONFIG,
        Op.SET_ACL,
        Op.MULTI,
        Op.CHECK,
    )
)
_CLOSE: Final = int(Op.CLOSE_SESSION)
_HEAD_BYTES: Final = REQUEST_HEAD.size


class ReadOnly:
    """The read-only mode of one server, while it is on and while it is not.

    Invariant: it holds sessions and connections only while it serves.
    """

    def __init__(self, core: ReplicaCore) -> None:
        self.core = core
        self.is_serving = False
        self.sessions: dict[int, Session] = {}
        self.expiry = ExpiryQueue(core.settings.tick_ms)
        #: Session id -> the connection that is attached to it.
        self.attached: dict[int, Connection] = {}

    # Its beginning and its end.

    def begin(self) -> None:
        """There is no quorum: serve those who take that."""
        self.is_serving = True

    def end(self, why: str) -> None:
        """Serve nobody any more: the sessions are over, and their clients connect anew."""
        self.is_serving = False
        for conn in self.attached.values():
            self._drop(conn, why)
        self.attached.clear()
        self.sessions.clear()
        self.expiry = ExpiryQueue(self.core.settings.tick_ms)

    def tick(self, now_ms: int) -> None:
        """Expire the sessions whose time is over."""
        for session_id in self.expiry.expired(now_ms):
            self.core.stats.expired += 1
            conn = self._forget(session_id)
            if conn is not None:
                self._drop(conn, "the session expired")

    def _drop(self, conn: Connection, why: str) -> None:
        if conn.phase < Phase.CLOSING:
            conn.out.clear()
            self.core.end(conn, why)

    def _forget(self, session_id: int) -> Connection | None:
        self.sessions.pop(session_id, None)
        self.expiry.forget(session_id)
        return self.attached.pop(session_id, None)

    # The handshake.

    def connect(self, conn: Connection, request: ConnectRequest, now_ms: int) -> None:
        """Open or reopen a session; ``conn.timeout_ms`` is negotiated already."""
        core, session_id = self.core, request.session_id
        if session_id == 0:
            session = Session(
                core.draw_session_id(),
                conn.timeout_ms,
                core.random_bytes(PASSWORD_BYTES),
                core.settings.server_id,
            )
            self.sessions[session.session_id] = session
            self._open(conn, session, now_ms)
            return
        if session_id in core.sessions:
            core.end(conn, "this server is read-only and cannot keep the ensemble's session alive")
            return
        before = self.attached.get(session_id)
        if before is not None:
            # Even by a wrong password, as on any other server.
            self._drop(before, "the session was opened on another connection")
        known = self.sessions.get(session_id)
        if known is None or known.password != request.password:
            conn.out.append(pack_connect_response(0, 0, bytes(PASSWORD_BYTES), read_only=True))
            core.end(conn, "refused: the session is gone or the password is wrong")
            return
        self._open(conn, known, now_ms)

    def _open(self, conn: Connection, session: Session, now_ms: int) -> None:
        core, session_id = self.core, session.session_id
        conn.phase = Phase.READ_ONLY
        conn.session_id = session_id
        conn.caller = conn.caller.with_session(session_id)
        conn.live = self.expiry.track(session_id, conn.timeout_ms, now_ms)
        self.attached[session_id] = conn
        core.stats.sent_extra += 1
        conn.out.append(
            pack_connect_response(conn.timeout_ms, session_id, session.password, read_only=True)
        )
        core.dirty[conn] = None
        core.resume(conn, now_ms)

    # Requests.

    def received(self, conn: Connection, data: bytes, now_ms: int) -> None:
        """Take what arrived on a connection of ours."""
        if conn.live is not None:
            conn.live.heard_ms = now_ms
        inbuf = conn.inbuf
        if inbuf:
            inbuf += data
            if len(inbuf) < conn.need:
                return
            data = bytes(inbuf)
            inbuf.clear()
        used = self._answer(conn, data, now_ms)
        if used < len(data):
            self.core.keep_rest(conn, data, used)

    def _answer(self, conn: Connection, data: bytes, now_ms: int) -> int:
        """Answer the complete frames of ``data``; returns how many bytes that was.

        What lies between two requests that are not mere reads is answered as ever.
        """
        frame_max = self.core.settings.frame_bytes_max
        pos = start = 0
        while len(data) - pos >= _HEAD_BYTES:
            size, _, op = REQUEST_HEAD.unpack_from(data, pos)
            after = pos + 4 + size
            if after > len(data) or not 8 <= size <= frame_max:
                break
            if op in _REFUSED or op == _CLOSE:
                start += self._read(conn, data[start:pos], now_ms)
                if start < pos or conn.phase >= Phase.CLOSING:
                    return start
                start = self._not_a_read(conn, data, pos, now_ms)
                if conn.phase >= Phase.CLOSING:
                    return start
            pos = after
        return start + self._read(conn, data[start:pos], now_ms)

    def _read(self, conn: Connection, reads: bytes, now_ms: int) -> int:
        return serve(self.core, conn, reads, now_ms) if reads else 0

    def _not_a_read(self, conn: Connection, data: bytes, pos: int, now_ms: int) -> int:
        """Refuse a write, or close the session; returns where the next frame begins."""
        core = self.core
        size, xid, op = REQUEST_HEAD.unpack_from(data, pos)
        after: int = pos + 4 + size
        core.stats.reads += 1
        conn.frames_received += 1
        conn.last_op, conn.last_xid = op, xid
        conn.last_zxid, conn.last_response_ms = core.zxid, now_ms
        if not (core.is_ordinary or is_allowed(core, conn, op)):
            # It has to prove who it is before it is told anything.
            return answer_one(core, conn, data, pos)
        if op == _CLOSE:
            conn.out.append(pack_reply(xid, core.zxid, 0))
            self._forget(conn.session_id)
            core.end(conn, "")
        else:
            conn.out.append(pack_reply(xid, core.zxid, Code.NOT_READ_ONLY))
        return after
