"""How a connection gets its session, and how sessions end.

Source: ``ZooKeeperServer.processConnectRequest``, ``finishSessionInit``,
``reopenSession``. The handshake's order of decisions is the reference's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zkserver.replica.apache_passwords import apache_password
from zkserver.replica.connection import Caller, Connection, Phase
from zkserver.replica.membership import Membership
from zkserver.replica.reconfiguring import show_membership
from zkserver.tree.sessions import Session
from zkserver.wire.jute import INT, LONG, DecodeError, pack_buffer
from zkserver.wire.opcodes import Op
from zkserver.wire.records import (
    PASSWORD_BYTES,
    ConnectRequest,
    pack_connect_response,
    pack_reply,
    pack_request,
    read_connect_request,
)

if TYPE_CHECKING:
    from zkserver.replica.core import ReplicaCore

_CREATE_SESSION: Final = int(Op.CREATE_SESSION)
_ATTACH_SESSION: Final = int(Op.ATTACH_SESSION)
_EXPIRE_SESSION: Final = int(Op.EXPIRE_SESSION)
_FOUND: Final = int(Op.FOUND)
_LONG_MIN: Final = -(1 << 63)
_ID_MASK: Final = (1 << 64) - 1
#: A random number by which an ensemble is known.
CLUSTER_ID_BYTES: Final = 16
#: How the first record of TLS begins.
_TLS_HANDSHAKE: Final = b"\x16\x03"
_REFUSED_PASSWORD: Final = bytes(PASSWORD_BYTES)


def first_session_id(server_id: int, wall_ms: int) -> int:
    """Where a server begins to count session ids (``SessionTrackerImpl.initializeNextSessionId``).

    The server's id in the high byte, then the time of its start; so two servers, and two
    starts of one, never hand out the same id.
    """
    # A standalone server without an id counts as server 1 here, in Apache too.
    unsigned = (server_id or 1) << 56 | (wall_ms << 24 & _ID_MASK) >> 8
    signed = unsigned - (1 << 64) if unsigned >= 1 << 63 else unsigned
    return signed + 1 if signed == _LONG_MIN else signed


def session_id_behind(session_id: int) -> int:
    """The next id that a server hands out."""
    return session_id + 1 if session_id != _LONG_MIN - 1 else _LONG_MIN + 1


def first_bytes(core: ReplicaCore, conn: Connection, now_ms: int) -> None:
    """Look at a connection that has not said yet what it is."""
    data = conn.inbuf
    if len(data) < 4:
        return
    if core.four_letter_word is not None:
        answer = core.four_letter_word(bytes(data[:12]))
        if answer is None:
            # A known word whose argument has not arrived.
            return
        if answer:
            conn.out.append(answer)
            core.end(conn, "four letter word")
            return
    size = int.from_bytes(data[:4], "big", signed=True)
    if not 0 <= size <= core.settings.frame_bytes_max:
        core.end(conn, _why_no_frame(bytes(data[:4]), size))
        return
    if len(data) < 4 + size:
        return
    frame = bytes(data[4 : 4 + size])
    del data[: 4 + size]
    try:
        request = read_connect_request(frame)
    except DecodeError as error:
        core.end(conn, f"malformed ConnectRequest: {error}")
        return
    core.stats.received += 1
    conn.frames_received += 1
    if not core.throttle.admits(now_ms, renews=bool(request.session_id)):
        core.stats.rejected_connections += 1
        core.end(conn, "too many sessions begin at once (connection_throttle_tokens)")
        return
    _connect(core, conn, request, now_ms)


def _why_no_frame(head: bytes, size: int) -> str:
    why = f"first frame of {size} bytes, which jute.maxbuffer does not allow"
    if head[:2] == _TLS_HANDSHAKE:
        return f"{why}: it looks like TLS, and this port takes plain text"
    if head.isalpha():
        return f"{why}: it looks like text, {head.decode()!r}"
    return why


def _connect(core: ReplicaCore, conn: Connection, request: ConnectRequest, now_ms: int) -> None:
    conn.has_read_only = request.has_read_only
    ensemble = core.ensemble
    if ensemble is not None and (why := ensemble.why_refused(request, now_ms)):
        core.end(conn, why)
        return
    if request.last_zxid_seen > core.zxid:
        core.end(
            conn,
            f"the client has seen zxid {request.last_zxid_seen:#x}, we are at {core.zxid:#x};"
            " it must try another server",
        )
        return
    settings = core.settings
    timeout = max(settings.session_timeout_min_ms, request.timeout_ms)
    conn.timeout_ms = min(settings.session_timeout_max_ms, timeout)
    if ensemble is not None and ensemble.is_read_only:
        ensemble.connect_read_only(conn, request, now_ms)
        return
    if request.session_id:
        _reattach(core, conn, request, now_ms)
        return
    session_id = core.draw_session_id()
    conn.session_id = session_id
    conn.caller = conn.caller.with_session(session_id)
    password = (
        apache_password(session_id)
        if settings.apache_passwords
        else core.random_bytes(PASSWORD_BYTES)
    )
    body = INT.pack(conn.timeout_ms) + pack_buffer(password)
    _ask(core, conn, Op.CREATE_SESSION, body, now_ms)


def _reattach(core: ReplicaCore, conn: Connection, request: ConnectRequest, now_ms: int) -> None:
    """Attach to an existing session with its password (``ZooKeeperServer.reopenSession``)."""
    before = core.attached.get(request.session_id)
    if before is not None:
        # Even a wrong password throws the old connection out, as Apache's server does.
        core.end(before, "the session was opened on another connection")
        before.out.clear()
    if core.ensemble is not None:
        # Whether the session lives is for the sequence to say: it may have been opened,
        # or ended, on another server a moment ago.
        _ask_to_attach(core, conn, request, now_ms)
        return
    session = core.sessions.get(request.session_id)
    live = core.expiry.sessions.get(request.session_id)
    gone = session is None or live is None or live.closing
    if gone or session is None or session.password != request.password:
        _refuse(core, conn)
        return
    if session.owner != core.settings.server_id:
        # It was imported, or this server had another id when it made it: without an entry a
        # later start would take what it writes for that of a connection it has left.
        _ask_to_attach(core, conn, request, now_ms)
        return
    conn.session_id = session.session_id
    conn.caller = conn.caller.with_session(session.session_id)
    _open(core, conn, session, now_ms)
    pending = core.left_behind.get(session.session_id) if before is None else before.pending
    if pending is not None:
        # What the session wrote through the old connection comes before its next reads.
        pending.hold(conn, conn.caller, b"", 0)
        conn.pending = pending
    core.resume(conn, now_ms)


def _ask_to_attach(
    core: ReplicaCore, conn: Connection, request: ConnectRequest, now_ms: int
) -> None:
    conn.caller = conn.caller.with_session(request.session_id)
    body = INT.pack(conn.timeout_ms) + pack_buffer(request.password)
    _ask(core, conn, Op.ATTACH_SESSION, body, now_ms)


def _ask(core: ReplicaCore, conn: Connection, op: int, body: bytes, now_ms: int) -> None:
    """Put the handshake's own entry into the log; the connection waits for it."""
    conn.phase = Phase.CONNECTING
    batch = core.batch
    if not batch.runs:
        batch.opened_ms = now_ms
    batch.add_one(conn, conn.caller, pack_request(0, op, body))
    conn.pending = batch
    conn.queued += 1
    core.outstanding += 1


def _refuse(core: ReplicaCore, conn: Connection) -> None:
    read_only = False if conn.has_read_only else None
    conn.out.append(pack_connect_response(0, 0, _REFUSED_PASSWORD, read_only=read_only))
    core.end(conn, "refused: the session is gone or the password is wrong")


def _open(core: ReplicaCore, conn: Connection, session: Session, now_ms: int) -> None:
    conn.phase = Phase.OPEN
    conn.live = core.expiry.track(session.session_id, conn.timeout_ms, now_ms)
    core.attached[session.session_id] = conn
    core.stats.sent_extra += 1
    conn.out.append(
        pack_connect_response(
            conn.timeout_ms,
            session.session_id,
            session.password,
            read_only=False if conn.has_read_only else None,
        )
    )
    core.dirty[conn] = None


def apply(
    core: ReplicaCore, conn: Connection | None, caller: Caller, op: int, record: bytes, xid: int
) -> None:
    """Execute an entry that concerns sessions or the ensemble; ``record`` is its body."""
    session_id = caller.session_id
    if op == _CREATE_SESSION:
        # Timeout and password, as this server wrote them itself.
        timeout_ms: int = INT.unpack_from(record)[0]
        session = Session(session_id, timeout_ms, record[8:], core.origin)
        core.sessions[session_id] = session
        if conn is None:
            if core.ensemble is not None:
                # Whoever leads next has to know how long it may live.
                core.expiry.track(session_id, timeout_ms, core.now_ms)
            return
        if conn.phase is Phase.CONNECTING:
            _open(core, conn, session, core.now_ms)
            if conn.inbuf:
                core.after_open.append(conn)
        else:
            # The client left before its session was made: it can still expire.
            core.expiry.track(session_id, timeout_ms, core.now_ms)
        return
    if op == _FOUND:
        core.cluster_id = core.cluster_id or record[:CLUSTER_ID_BYTES]
        (time_ms,) = LONG.unpack_from(record, CLUSTER_ID_BYTES)
        core.membership = Membership.parse(record[CLUSTER_ID_BYTES + LONG.size :])
        show_membership(core.tree, core.membership, time_ms)
        return
    if op == _ATTACH_SESSION:
        _attach(core, conn, session_id, record)
        return
    if op == _EXPIRE_SESSION and INT.unpack_from(record)[0] != core.zxid >> 32:
        # Concluded by a leader that has been deposed since: others may have heard from it.
        live = core.expiry.sessions.get(session_id)
        if live is not None:
            core.expiry.go_on(live)
        return
    core.end_session(session_id)
    attached = core.attached.get(session_id)
    if conn is not None:
        if conn.phase < Phase.CLOSING:
            conn.out.append(pack_reply(xid, core.zxid, 0))
            conn.phase = Phase.CLOSING
            core.dirty[conn] = None
    elif attached is not None:
        # It expired: its connection is dropped without a word.
        core.end(attached, "the session expired")
        attached.out.clear()


def _attach(core: ReplicaCore, conn: Connection | None, session_id: int, record: bytes) -> None:
    """The session moves to the server whose batch this is, if the password is right."""
    timeout_ms: int = INT.unpack_from(record)[0]
    session = core.sessions.get(session_id)
    is_right = session is not None and session.password == record[8:]
    if session is not None and is_right:
        session = core.sessions[session_id] = session._replace(owner=core.origin)
        attached = core.attached.get(session_id)
        if attached is not None and attached is not conn:
            core.end(attached, "the session was opened on another connection")
            attached.out.clear()
        core.expiry.track(session_id, timeout_ms, core.now_ms)
    if conn is None or conn.phase is not Phase.CONNECTING:
        return
    if session is None or not is_right:
        _refuse(core, conn)
        return
    conn.session_id = session_id
    _open(core, conn, session, core.now_ms)
    if conn.inbuf:
        core.after_open.append(conn)
