"""Takes a connection's bytes apart: answers what can be answered, enqueues what cannot.

:func:`serve` is one of the two hot loops (the other is in
:mod:`zkserver.replica.executing`). What is plain is answered in place, from bytes that
are ready; whatever is not (a watch, an ACL, a missing znode) leaves the loop. It is one
long function on purpose: a call costs as much as a third of an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zkserver.limits import BATCH_BYTES, HELD_READS_MAX, LARGE_BODY_BYTES, OUTPUT_STEP_BYTES
from zkserver.replica import reads
from zkserver.replica.auth import authenticate
from zkserver.replica.connection import Caller, Connection, Phase
from zkserver.tree.acl import SUPER, Identities
from zkserver.tree.node import STAT_BYTES
from zkserver.wire.jute import DecodeError, Reader, pack_buffer
from zkserver.wire.opcodes import WRITES, XID_PING, Code, Op
from zkserver.wire.records import REPLY_HEAD, REQUEST_HEAD, REQUEST_HEAD_PATH, pack_reply

if TYPE_CHECKING:
    from zkserver.replica.core import ReplicaCore

# Plain ints: looking a member up in an enum is what a dictionary access costs twice.
_GET_DATA: Final = int(Op.GET_DATA)
_EXISTS: Final = int(Op.EXISTS)
_LIST2: Final = int(Op.GET_CHILDREN2)
_LISTS: Final = frozenset((int(Op.GET_CHILDREN), _LIST2))
_AUTH: Final = int(Op.AUTH)
_CLOSE: Final = int(Op.CLOSE_SESSION)
_PLAIN_WRITES: Final = WRITES - {_CLOSE, int(Op.RECONFIG)}
_RECONFIG: Final = int(Op.RECONFIG)
_HEAD_BYTES: Final = REQUEST_HEAD.size
_FAST_BYTES: Final = REQUEST_HEAD_PATH.size
_unpack_head: Final = REQUEST_HEAD_PATH.unpack_from
_pack_head: Final = REPLY_HEAD.pack
#: What is longer is hardly a single read.
_SINGLE_BYTES_MAX: Final = 256
#: All writes as they stand in a frame, at bytes 8 to 12.
_WRITE_CODES: Final = frozenset(op.to_bytes(4, "big", signed=True) for op in WRITES)
#: Operations that a connection may do before it proved an enforced scheme.
_ALWAYS_ALLOWED: Final = frozenset((_AUTH, int(Op.SASL)))


def serve(core: ReplicaCore, conn: Connection, buf: bytes, now_ms: int) -> int:
    """Answer or enqueue the complete frames of ``buf``; returns how many bytes that was."""
    if conn.pending is not None or buf[8:12] in _WRITE_CODES:
        return enqueue(core, conn, buf, 0, now_ms)
    if len(buf) < _SINGLE_BYTES_MAX and _serve_single(core, conn, buf, now_ms):
        return len(buf)
    tree = core.tree
    nodes, acls, listings = tree.nodes, tree.acls, tree.listings
    unpack, head = REQUEST_HEAD_PATH.unpack_from, REPLY_HEAD.pack
    append, zxid, ordinary = conn.out.append, core.zxid, core.is_ordinary
    logged, frame_max, large = core.writes, core.settings.frame_bytes_max, 0
    end = len(buf)
    pos = answered = op = xid = 0
    while end - pos >= _FAST_BYTES:
        size, xid, op, length = unpack(buf, pos)
        after = pos + 4 + size
        if after > end or size > frame_max:
            break
        if size == length + 13 and length >= 0 and not buf[after - 1] and ordinary:
            path = buf[pos + 16 : after - 1]
            body = None
            if op == _GET_DATA:
                body = nodes.get(path)
            elif op == _EXISTS:
                body = nodes.get(path)
                if body is not None:
                    body = body[-STAT_BYTES:]
            elif op in _LISTS:
                body = listings.get(path)
                if body is not None and op == _LIST2:
                    body += nodes[path][-STAT_BYTES:]
            if body is not None and path not in acls:
                size = len(body)
                append(head(16 + size, xid, zxid, 0))
                append(body)
                pos = after
                answered += 1
                if size > LARGE_BODY_BYTES:
                    large += size
                    if large > OUTPUT_STEP_BYTES:
                        break
                continue
        if op in logged and size >= 8:
            break
        pos = answer_one(core, conn, buf, pos)
        answered += 1
        if conn.phase >= Phase.CLOSING:
            break
        if conn.out and len(conn.out[-1]) > LARGE_BODY_BYTES:
            large += len(conn.out[-1])
            if large > OUTPUT_STEP_BYTES:
                break
    else:
        if end - pos >= _HEAD_BYTES and conn.phase < Phase.CLOSING:
            # A frame without a record, mostly a ping, as the last one.
            size, xid, op = REQUEST_HEAD.unpack_from(buf, pos)
            if (size < 8 or pos + 4 + size <= end) and op not in logged:
                pos = answer_one(core, conn, buf, pos)
                answered += 1
    if answered:
        core.stats.reads += answered
        conn.frames_received += answered
        conn.last_op = op
        conn.last_xid = xid
        conn.last_zxid = zxid
        conn.last_response_ms = now_ms
    if large > OUTPUT_STEP_BYTES:
        conn.more = True
    elif conn.phase is Phase.OPEN and end - pos >= _HEAD_BYTES:
        return enqueue(core, conn, buf, pos, now_ms)
    return pos


def _serve_single(core: ReplicaCore, conn: Connection, buf: bytes, now_ms: int) -> bool:
    """Answer one plain getData or exists: what a client that waits for replies sends.

    ``False`` when it is anything else. The loop of :func:`serve` would do the same, but
    setting it up costs more than the one answer.
    """
    end = len(buf)
    if end < _FAST_BYTES:
        return False
    size, xid, op, length = _unpack_head(buf, 0)
    if size + 4 != end or size != length + 13 or buf[-1] or not core.is_ordinary:
        return False
    tree = core.tree
    path = buf[16:-1]
    body = tree.nodes.get(path)
    if body is None or path in tree.acls or size > core.settings.frame_bytes_max:
        return False
    if op == _EXISTS:
        body = body[-STAT_BYTES:]
    elif op != _GET_DATA:
        return False
    conn.out.append(_pack_head(16 + len(body), xid, core.zxid, 0) + body)
    core.stats.reads += 1
    conn.frames_received += 1
    conn.last_op = op
    conn.last_xid = xid
    conn.last_zxid = core.zxid
    conn.last_response_ms = now_ms
    return True


def enqueue(core: ReplicaCore, conn: Connection, buf: bytes, pos: int, now_ms: int) -> int:
    """Put the complete frames from ``pos`` on into batches; returns where it stopped.

    Writes join the open batch, and the reads behind them ride along. Reads with no write
    before them in ``buf`` join the batch of the write that they stand behind, which may
    be in the log already; if there is none, they are left for :func:`serve`.
    """
    unpack, frame_max = REQUEST_HEAD.unpack_from, core.settings.frame_bytes_max
    ordinary = core.is_ordinary
    end = len(buf)
    start, writes = pos, 0
    if ordinary:
        # Mostly there are nothing but whole writes.
        while end - pos >= _HEAD_BYTES:
            size, xid, op = unpack(buf, pos)
            after = pos + 4 + size
            if op not in _PLAIN_WRITES or after > end or size < 8 or size > frame_max:
                break
            pos = after
            writes += 1
        if pos == end and writes:
            _enqueue_writes(core, conn, buf[start:], writes, now_ms)
            conn.last_op, conn.last_xid = op, xid
            return end
    logged = core.writes
    write_start = start if writes else -1
    reads = op = xid = 0
    segments: list[bytes] = []
    reads_max = HELD_READS_MAX - conn.queued
    while end - pos >= _HEAD_BYTES:
        size, xid, op = unpack(buf, pos)
        after = pos + 4 + size
        if after > end or size < 8 or size > frame_max:
            break
        if op in logged and (ordinary or is_allowed(core, conn, op)):
            if reads and not writes:
                _add_run(core, conn, buf[start:pos], 0, reads, segments, now_ms)
                start, reads = pos, 0
            if op == _RECONFIG:
                # It may end the configuration, so it is a record of its own.
                if write_start >= 0:
                    segments.append(buf[write_start:pos])
                _add_run(core, conn, buf[start:pos], writes, reads, segments, now_ms)
                core.set_batch_apart()
                _enqueue_writes(core, conn, buf[pos:after], 1, now_ms)
                core.batch.stops = core.ensemble is not None
                core.set_batch_apart()
                pos = start = after
                writes, reads, write_start, segments = 0, 0, -1, []
                continue
            if write_start < 0:
                write_start = pos
            writes += 1
            pos = after
            if op == _CLOSE:
                break
        elif op == _AUTH or not (ordinary or is_allowed(core, conn, op)):
            # It concerns the connection alone, and what follows runs as its result.
            if write_start >= 0:
                segments.append(buf[write_start:pos])
            _add_run(core, conn, buf[start:pos], writes, reads, segments, now_ms)
            pos = start = answer_one(core, conn, buf, pos)
            writes, reads, write_start, segments = 0, 0, -1, []
            if conn.phase is not Phase.OPEN:
                return end
        else:
            if conn.pending is None and not writes:
                return pos
            if reads >= reads_max:
                # Their answers are all made in one step; more of them have to wait.
                core.pause(conn)
                break
            if write_start >= 0:
                segments.append(buf[write_start:pos])
                write_start = -1
            reads += 1
            pos = after
    if write_start >= 0:
        segments.append(buf[write_start:pos])
    _add_run(core, conn, buf[start:pos], writes, reads, segments, now_ms)
    if op:
        conn.last_op, conn.last_xid = op, xid
    if writes and op == _CLOSE:
        conn.phase = Phase.DRAINING
        if conn.live is not None:
            conn.live.closing = True
        return end
    return pos


def _enqueue_writes(
    core: ReplicaCore, conn: Connection, frames: bytes, count: int, now_ms: int
) -> None:
    """Put ``count`` writes into the open batch; the plain case of :func:`_add_run`."""
    batch = core.batch
    if not batch.runs:
        batch.opened_ms = now_ms
    batch.add(conn, conn.caller, frames, count, count, frames)
    conn.pending = batch
    conn.frames_received += count
    conn.queued += count
    core.stats.received += count
    core.outstanding += count
    if core.outstanding > core.settings.outstanding_max or batch.size > BATCH_BYTES:
        core.pause(conn)


def _add_run(
    core: ReplicaCore,
    conn: Connection,
    frames: bytes,
    writes: int,
    reads: int,
    segments: list[bytes],
    now_ms: int,
) -> None:
    """Hand a run to its batch; ``segments`` are its writes without the reads between them."""
    count = writes + reads
    batch = core.batch
    if writes == count:
        if count:
            _enqueue_writes(core, conn, frames, count, now_ms)
        return
    if writes:
        if not batch.runs:
            batch.opened_ms = now_ms
        logged = segments[0] if len(segments) == 1 else b"".join(segments)
        batch.add(conn, conn.caller, frames, writes, count, logged)
        conn.pending = batch
        conn.frames_received += writes
        core.stats.received += writes
    elif conn.pending is not None:
        conn.pending.hold(conn, conn.caller, frames, count)
    conn.queued += count
    core.outstanding += count
    if core.outstanding > core.settings.outstanding_max or batch.size > BATCH_BYTES:
        core.pause(conn)


def answer_one(core: ReplicaCore, conn: Connection, buf: bytes, pos: int) -> int:
    """Answer one complete frame that needs no log; returns where the next one begins."""
    size, xid, op = REQUEST_HEAD.unpack_from(buf, pos)
    after: int = pos + 4 + size
    if size < 8:
        core.end(conn, f"frame of {size} bytes, shorter than a request header")
        return len(buf)
    if not core.is_ordinary and not is_allowed(core, conn, op):
        code = Code.SESSION_CLOSED_REQUIRE_SASL_AUTH
        _refuse(core, conn, xid, core.zxid, code, "an identity of an enforced scheme is missing")
        return len(buf)
    if op == Op.PING:
        conn.out.append(pack_reply(XID_PING, core.zxid, 0))
        return after
    reader = Reader(buf, pos + _HEAD_BYTES, after)
    if op in _ALWAYS_ALLOWED:
        if op == _AUTH:
            _authenticate(core, conn, xid, reader)
        else:
            _sasl(core, conn, xid, reader)
        return after if conn.phase < Phase.CLOSING else len(buf)
    handler = reads.HANDLERS.get(op)
    if handler is None:
        _refuse(core, conn, xid, -1, Code.UNIMPLEMENTED, f"unknown operation {op}")
        return len(buf)
    try:
        body = handler(core, conn, reader)
    except DecodeError:
        body = int(Code.MARSHALLING_ERROR)
    if isinstance(body, int):
        conn.out.append(pack_reply(xid, core.zxid, body))
    else:
        conn.out.append(pack_reply(xid, core.zxid, 0, body))
    return after


def _authenticate(core: ReplicaCore, conn: Connection, xid: int, reader: Reader) -> None:
    try:
        reader.int32()
        scheme, secret = reader.string() or b"", reader.buffer() or b""
    except DecodeError:
        core.end(conn, "malformed auth packet")
        return
    if scheme == b"ensemble" and core.settings.ensemble_names is not None:
        _check_ensemble(core, conn, xid, secret)
        return
    added = authenticate(core.settings, scheme, secret)
    if added is None:
        core.stats.auth_failed += 1
        why = f"authentication failed, scheme {scheme.decode('utf-8', 'replace')!r}"
        _refuse(core, conn, xid, 0, Code.AUTH_FAILED, why)
        return
    own = conn.caller
    identities = tuple(dict.fromkeys(own.identities + added))
    conn.caller = Caller(own.session_id, identities)
    conn.out.append(pack_reply(xid, 0, 0))


def _check_ensemble(core: ReplicaCore, conn: Connection, xid: int, name: bytes) -> None:
    """Whether the client means us (``EnsembleAuthenticationProvider``): it gets no identity."""
    names, stats = core.settings.ensemble_names, core.stats
    if not name or not names:
        stats.ensemble_auth_skipped += 1
    elif name in names:
        stats.ensemble_auth_passed += 1
    else:
        stats.ensemble_auth_failed += 1
        core.end(conn, f"it looks for the ensemble {name.decode('utf-8', 'replace')!r}")
        return
    conn.out.append(pack_reply(xid, 0, 0))


def _sasl(core: ReplicaCore, conn: Connection, xid: int, reader: Reader) -> None:
    try:
        token = reader.buffer()
    except DecodeError:
        token = None
    if token is None:
        core.end(conn, "malformed sasl packet")
        return
    users = core.settings.sasl_users
    if users is None:
        # What a server answers on which SASL is not configured: done, and no token.
        conn.out.append(pack_reply(xid, 0, 0, pack_buffer(None)))
    elif conn.sasl is None and not token:
        # Few connections need it.
        from zkserver.replica.sasl import NONCE_BYTES, DigestMd5

        conn.sasl = DigestMd5(users, core.random_bytes(NONCE_BYTES))
        conn.out.append(pack_reply(xid, 0, 0, pack_buffer(conn.sasl.challenge())))
    else:
        _log_in(core, conn, xid, token)


def _log_in(core: ReplicaCore, conn: Connection, xid: int, token: bytes) -> None:
    """The client's answer to the challenge."""
    from zkserver.replica.sasl import SaslError

    settings = core.settings
    exchange, conn.sasl = conn.sasl, None
    try:
        if exchange is None:
            raise SaslError("an answer before there was a challenge")
        name, proof = exchange.respond(token)
    except SaslError as error:
        core.stats.auth_failed += 1
        if settings.allow_sasl_failures:
            conn.out.append(pack_reply(xid, 0, 0, pack_buffer(None)))
            return
        required = b"sasl" in settings.enforced_schemes
        code = Code.SESSION_CLOSED_REQUIRE_SASL_AUTH if required else Code.AUTH_FAILED
        conn.out.append(pack_reply(xid, 0, code, pack_buffer(None)))
        core.end(conn, f"authentication by SASL failed: {error}")
        return
    identities: Identities = ((b"sasl", name.encode()),)
    if name in settings.sasl_super_users:
        identities = *identities, (SUPER, b"")
    own = conn.caller
    conn.caller = Caller(own.session_id, tuple(dict.fromkeys((*own.identities, *identities))))
    conn.out.append(pack_reply(xid, 0, 0, pack_buffer(proof)))


def is_allowed(core: ReplicaCore, conn: Connection, op: int) -> bool:
    """Whether the connection may do ``op`` where identities are enforced."""
    schemes = core.settings.enforced_schemes
    return op in _ALWAYS_ALLOWED or any(s in schemes for s, _ in conn.caller.identities)


def _refuse(core: ReplicaCore, conn: Connection, xid: int, zxid: int, code: int, why: str) -> None:
    """Answer with an error and end the connection behind it."""
    conn.out.append(pack_reply(xid, zxid, code))
    core.end(conn, why)
