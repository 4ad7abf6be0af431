"""Executes decided batches: logged writes in log order, and the reads that ride along.

:func:`run_frames` is the other hot loop (see :mod:`zkserver.replica.serving`). Every
replica runs exactly this on every entry, and so does recovery, where there is no
connection to reply to.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from zkserver.replica import sessions
from zkserver.replica.connection import Caller, Phase
from zkserver.replica.plain_multi import multi_of_sets
from zkserver.replica.serving import answer_one
from zkserver.replica.writes import IN_PLACE, Execution, events_of
from zkserver.tree.acl import OPEN
from zkserver.tree.node import STAT_BYTES, STAT_FOR_DATA
from zkserver.tree.plain import create_plain, delete_plain
from zkserver.wire.jute import INT, DecodeError, Reader
from zkserver.wire.opcodes import INTERNAL, WRITES, Code, CreateMode, EventType, Op
from zkserver.wire.records import (
    REPLY_HEAD,
    REPLY_HEAD_LENGTH,
    REQUEST_HEAD,
    REQUEST_HEAD_PATH,
    pack_acl,
)

if TYPE_CHECKING:
    from zkserver.replica.batch import Batch, Run
    from zkserver.replica.core import ReplicaCore

# Looking a member up in an enum costs what a dictionary access costs twice.
_CLOSING: Final = Phase.CLOSING
_CREATE: Final = int(Op.CREATE)
_DELETE: Final = int(Op.DELETE)
_GET_DATA: Final = int(Op.GET_DATA)
#: What stands behind the data of a create of a persistent znode with the open ACL.
_PLAIN_TAIL: Final = pack_acl(OPEN) + INT.pack(CreateMode.PERSISTENT)
_PLAIN_TAIL_BYTES: Final = len(_PLAIN_TAIL)
_SET_DATA: Final = int(Op.SET_DATA)
_MULTI: Final = int(Op.MULTI)
_RECONFIG: Final = int(Op.RECONFIG)
_SESSION_OPS: Final = frozenset(
    int(op)
    for op in (
        Op.CREATE_SESSION,
        Op.ATTACH_SESSION,
        Op.CLOSE_SESSION,
        Op.EXPIRE_SESSION,
        Op.FOUND,
    )
)
#: sync is logged where there are several servers.
_LOGGED: Final = WRITES | INTERNAL | {int(Op.SYNC)}
_HEAD_BYTES: Final = REQUEST_HEAD.size
_FAST_BYTES: Final = REQUEST_HEAD_PATH.size
#: A whole reply to setData: reply header and Stat, the latter as STAT_FOR_DATA has it.
_SET_REPLY: Final = struct.Struct(REPLY_HEAD.format + STAT_FOR_DATA.format[1:])
_SET_REPLY_LENGTH: Final = _SET_REPLY.size - 4
_REPLY_BYTES: Final = REPLY_HEAD.size


def execute(core: ReplicaCore, batch: Batch, now_ms: int) -> None:
    """Run a decided batch, and release what waited for it."""
    waited_ms = now_ms - batch.opened_ms
    dirty, zxid = core.dirty, batch.zxid
    core.outstanding -= batch.requests
    if batch.large:
        core.large.executed(batch)
    audit = core.audit
    if audit is not None:
        audit.before(batch)
    run_frames(core, batch.runs, zxid, batch.time_ms)
    if audit is not None:
        audit.after(batch)
    reads = 0
    for conn, _, _, writes, count, _ in batch.runs:
        zxid += writes
        if conn is None:
            continue
        conn.queued -= count
        if count != writes:
            conn.frames_received += count - writes
            reads += count - writes
        if writes:
            conn.last_zxid = zxid - 1
            conn.last_response_ms = now_ms
            if waited_ms:
                conn.waited(writes, waited_ms)
        if conn.pending is batch:
            conn.pending = None
        dirty[conn] = None
    core.stats.reads += reads
    core.stats.wrote(batch.writes, waited_ms)
    if core.left_behind:
        core.left_behind = {s: b for s, b in core.left_behind.items() if b is not batch}
    if core.tree.removed_acls:
        core.tree.removed_acls.clear()
    core.settle_digest(batch.zxid, core.zxid)


def execute_syncs(core: ReplicaCore, batch: Batch, now_ms: int) -> None:
    """Answer a batch of syncs: here nothing is missing any more of what they were for."""
    batch.zxid = core.zxid + 1
    batch.runs = [
        (conn, who, frames, 0, count, b"") for conn, who, frames, _, count, _ in batch.runs
    ]
    execute(core, batch, now_ms)


def run_frames(core: ReplicaCore, runs: list[Run], zxid: int, time_ms: int) -> None:
    """Execute and answer runs of requests, in order.

    ``zxid`` is that of the first write among them. Runs without a connection come from
    recovery and from the server itself.
    """
    tree = core.tree
    nodes, acls, quotas, touched = tree.nodes, tree.acls, tree.quotas, tree.digest.touched
    watched, child_watched = core.watches.data.paths, core.watches.children.paths
    fast = IN_PLACE.get
    unpack, integer, head = REQUEST_HEAD_PATH.unpack_from, INT.unpack_from, REPLY_HEAD.pack
    stat_of, set_reply = STAT_FOR_DATA.unpack_from, _SET_REPLY.pack
    alive = core.sessions
    unseen: list[bytes] = []
    for conn, caller, frames, writes, count, _ in runs:
        # Behind what ended a connection there is nothing: a later reply would leave a gap.
        append = unseen.append if conn is None or conn.phase >= _CLOSING else conn.out.append
        known = caller.session_id in alive or not caller.session_id
        # Among reads nobody has looked at the operations yet: an internal one is a client's.
        # And where there are no writes a sync is one that was asked for.
        logged = _LOGGED if writes == count else core.writes if writes else WRITES
        pos, end = 0, len(frames)
        while pos < end:
            if end - pos >= _FAST_BYTES:
                size, xid, op, length = unpack(frames, pos)
            else:
                size, xid, op = REQUEST_HEAD.unpack_from(frames, pos)
                length = -1
            after = pos + 4 + size
            # A plain setData of an existing znode, all in place. A path of one byte is the root.
            if op == _SET_DATA and length > 1 and known and not quotas:
                at = pos + 16 + length
                if at + 8 <= after:
                    data_size = integer(frames, at)[0]
                    tail = at + 4 + data_size
                    path = frames[pos + 16 : at]
                    record = nodes.get(path)
                    if data_size >= 0 and tail + 4 <= after and record and path not in acls:
                        czxid, _, ctime, _, version, middle, old_size, last = stat_of(
                            record, len(record) - STAT_BYTES
                        )
                        wanted = integer(frames, tail)[0]
                        if (wanted == -1 or wanted == version) and 0 <= version < 0x7FFFFFFF:
                            reply = set_reply(
                                _SET_REPLY_LENGTH,
                                xid,
                                zxid,
                                0,
                                czxid,
                                zxid,
                                ctime,
                                time_ms,
                                version + 1,
                                middle,
                                data_size,
                                last,
                            )
                            nodes[path] = frames[at:tail] + reply[_REPLY_BYTES:]
                            if path not in touched:
                                touched[path] = record
                            tree.data_bytes += data_size - old_size
                            core.zxid = zxid
                            if watched:
                                core.fire([(EventType.NODE_DATA_CHANGED, path)], zxid)
                            append(reply)
                            zxid += 1
                            pos = after
                            continue
            # A create with the open ACL and flags 0, and a delete: plain ones, if the tree says so.
            elif op == _CREATE and length > 1 and known and not quotas:
                at = pos + 16 + length
                tail = at + 4 + integer(frames, at)[0] if at + 4 <= after else 0
                if tail >= at + 4 and tail + _PLAIN_TAIL_BYTES <= after:
                    path = frames[pos + 16 : at]
                    if frames.startswith(_PLAIN_TAIL, tail) and create_plain(
                        tree, path, frames[at:tail], zxid, time_ms
                    ):
                        core.zxid = zxid
                        if watched or child_watched:
                            core.fire(events_of(op, path), zxid)
                        append(head(20 + length, xid, zxid, 0) + frames[pos + 12 : at])
                        zxid += 1
                        pos = after
                        continue
            elif op == _DELETE and length > 1 and known and not quotas:
                at = pos + 16 + length
                path = frames[pos + 16 : at]
                if at + 4 <= after and delete_plain(tree, path, integer(frames, at)[0], zxid):
                    core.zxid = zxid
                    if watched or child_watched:
                        core.fire(events_of(op, path), zxid)
                    append(head(16, xid, zxid, 0))
                    zxid += 1
                    pos = after
                    continue
            # A plain getData that stood behind a write.
            elif op == _GET_DATA and size == length + 13 and length >= 0 and not frames[after - 1]:
                path = frames[pos + 16 : after - 1]
                body = nodes.get(path)
                if body is not None and path not in acls and core.is_ordinary:
                    append(head(16 + len(body), xid, core.zxid, 0))
                    append(body)
                    pos = after
                    continue
            elif (
                op == _MULTI
                and known
                and not quotas
                and (sets := multi_of_sets(tree, frames, pos + 12, after, zxid, time_ms))
            ):
                core.zxid = zxid
                if watched:
                    core.fire([(EventType.NODE_DATA_CHANGED, path) for path in sets[0]], zxid)
                append(head(16 + len(sets[1]), xid, zxid, 0) + sets[1])
                zxid += 1
                pos = after
                continue
            if op not in logged:
                if conn is not None and conn.phase < _CLOSING:
                    answer_one(core, conn, frames, pos)
                    if conn.phase >= _CLOSING:
                        append = unseen.append
                pos = after
                continue
            core.zxid = zxid
            in_place = fast(op) if known else None
            if in_place is not None:
                try:
                    path, done = in_place(tree, caller, frames, pos + 12, after, zxid, time_ms)
                except (DecodeError, struct.error):
                    path, done = b"", int(Code.MARSHALLING_ERROR)
                if isinstance(done, int):
                    append(head(16, xid, zxid, done))
                else:
                    if watched or child_watched:
                        core.fire(events_of(op, path), zxid)
                    append(head(16 + len(done), xid, zxid, 0) + done)
            elif op in _SESSION_OPS:
                sessions.apply(core, conn, caller, op, frames[pos + _HEAD_BYTES : after], xid)
                known = caller.session_id in alive
            elif not known:
                append(head(16, xid, zxid, Code.SESSION_EXPIRED))
            else:
                append(_run_one(core, caller, op, xid, frames, pos + _HEAD_BYTES, after, time_ms))
            zxid += 1
            pos = after


def _run_one(
    core: ReplicaCore,
    caller: Caller,
    op: int,
    xid: int,
    frames: bytes,
    pos: int,
    end: int,
    time_ms: int,
) -> bytes:
    """Execute one write whose record is ``frames[pos:end]``, fire its events; its reply."""
    zxid = core.zxid
    if op == _RECONFIG and core.ensemble is not None:
        return _reconfigure(core, caller, xid, Reader(frames, pos, end), time_ms)
    execution = Execution(core.tree, caller, zxid, time_ms)
    body = execution.run(op, Reader(frames, pos, end))
    if isinstance(body, int):
        return REPLY_HEAD.pack(REPLY_HEAD_LENGTH, xid, zxid, body)
    if execution.events and core.watches:
        core.fire(execution.events, zxid)
    return REPLY_HEAD.pack(REPLY_HEAD_LENGTH + len(body), xid, zxid, 0) + body


def _reconfigure(
    core: ReplicaCore, caller: Caller, xid: int, reader: Reader, time_ms: int
) -> bytes:
    """Execute a reconfig in an ensemble, fire its event; its reply."""
    zxid = core.zxid
    assert core.ensemble is not None
    try:
        body, events = core.ensemble.reconfigure(caller, reader, zxid, time_ms)
    except DecodeError:
        body, events = int(Code.MARSHALLING_ERROR), []
    if isinstance(body, int):
        return REPLY_HEAD.pack(REPLY_HEAD_LENGTH, xid, zxid, body)
    if events and core.watches:
        core.fire(events, zxid)
    return REPLY_HEAD.pack(REPLY_HEAD_LENGTH + len(body), xid, zxid, 0) + body
