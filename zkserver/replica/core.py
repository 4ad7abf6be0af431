"""The core: connections' bytes in, replies and batches out. See the package's docstring.

The shell calls :meth:`ReplicaCore.received` with what a socket gave, sends what is then
in ``connection.out``, persists what :meth:`take_batch` hands out and says so with
:meth:`persisted`. ``dirty`` names the connections that got output meanwhile.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from zkserver.errors import invariant
from zkserver.limits import BATCH_BYTES, DIGEST_TOUCHED_MAX, HELD_READS_MAX, LARGE_BODY_BYTES
from zkserver.paxos.ballot import Ballot, counter_is_full, first_zxid
from zkserver.paxos.leader import Leader
from zkserver.replica import reads, sessions
from zkserver.replica.auth import authenticate
from zkserver.replica.batch import Batch, frame_starts, logged_runs
from zkserver.replica.connection import Caller, Connection, Phase
from zkserver.replica.settings import ReplicaSettings
from zkserver.replica.stats import ServerStats
from zkserver.replica.writes import IN_PLACE, Event, Execution, deleted, events_of
from zkserver.tree.acl import allows
from zkserver.tree.containers import candidates
from zkserver.tree.digest import INTERVAL_ZXIDS
from zkserver.tree.node import STAT_BYTES
from zkserver.tree.sessions import ExpiryQueue, Session
from zkserver.tree.tree import ZnodeTree
from zkserver.tree.watches import Watches
from zkserver.wire.jute import DecodeError, Reader, pack_buffer
from zkserver.wire.opcodes import (
    WRITES,
    XID_PING,
    Code,
    EventType,
    Op,
    Perm,
)
from zkserver.wire.records import (
    REPLY_HEAD,
    REQUEST_HEAD,
    REQUEST_HEAD_PATH,
    pack_notification,
    pack_reply,
    pack_request,
)

_GET_DATA: Final = int(Op.GET_DATA)
_EXISTS: Final = int(Op.EXISTS)
_LISTS: Final = frozenset((int(Op.GET_CHILDREN), int(Op.GET_CHILDREN2)))
_LIST2: Final = int(Op.GET_CHILDREN2)
_HEAD_BYTES: Final = REQUEST_HEAD.size
_FAST_BYTES: Final = REQUEST_HEAD_PATH.size
#: Operations that a connection may do before it proved an enforced scheme.
_ALWAYS_ALLOWED: Final = frozenset((int(Op.AUTH), int(Op.SASL)))


class ReplicaCore:
    """One server's brain."""

    def __init__(
        self,
        settings: ReplicaSettings,
        session_seed: int,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.settings = settings
        self.tree = ZnodeTree(settings.rules)
        self.watches: Watches[Connection] = Watches()
        self.sessions: dict[int, Session] = {}
        self.expiry = ExpiryQueue(settings.tick_ms)
        #: Session id -> the connection that is attached to it on this server.
        self.attached: dict[int, Connection] = {}
        self.stats = ServerStats()
        #: zxid of the last executed entry.
        self.zxid = 0
        self.leader = Leader(Ballot(0, settings.server_id), (settings.server_id,), 0)
        #: The zxid of the last proposed entry, never below ``zxid``.
        self.proposed_zxid = 0
        #: Where the next writes go.
        self.batch = Batch()
        #: Taken by the shell, not executed yet; oldest first.
        self.in_log: deque[Batch] = deque()
        #: Writes and reads that wait for a batch.
        self.outstanding = 0
        #: Connections that were told to pause because of ``outstanding``.
        self.paused: dict[Connection, None] = {}
        #: Connections with output, or to be closed, since the shell last looked.
        self.dirty: dict[Connection, None] = {}
        self.random_bytes = random_bytes
        self.next_session_id = session_seed
        #: Nothing is demanded of a connection before it may do anything.
        self._ordinary = not settings.enforced_schemes
        #: Monotonic time as of the last step that executed entries, milliseconds.
        self.now_ms = 0
        #: Session id -> the batch with the last write of a connection that is gone.
        self.left_behind: dict[int, Batch] = {}
        #: Connections that got their session and have sent more already.
        self.after_open: list[Connection] = []
        #: Answers a four letter word; set by the shell, which knows the whole server.
        self.four_letter_word: Callable[[bytes], bytes | None] | None = None

    # Bytes in.

    def received(self, conn: Connection, data: bytes, now_ms: int) -> None:
        """Take what arrived. Replies are in ``conn.out`` afterwards, writes in the batch."""
        if conn.phase is not Phase.OPEN:
            if conn.phase < Phase.OPEN:
                conn.inbuf += data
            if conn.phase is Phase.NEW:
                sessions.first_bytes(self, conn, now_ms)
            return
        live = conn.live
        if live is not None:
            live.heard_ms = now_ms
        inbuf = conn.inbuf
        if inbuf:
            inbuf += data
            if len(inbuf) < conn.need:
                return
            data = bytes(inbuf)
            inbuf.clear()
        used = self.serve(conn, data, now_ms)
        if used < len(data):
            self.keep_rest(conn, data, used)

    def resume(self, conn: Connection, now_ms: int) -> None:
        """Go on with bytes that were set aside while the connection was paused."""
        conn.more = False
        if conn.inbuf and conn.phase is Phase.OPEN:
            conn.need = 0
            self.received(conn, b"", now_ms)

    def keep_rest(self, conn: Connection, data: bytes, used: int) -> None:
        """Set the incomplete frame at the end of ``data`` aside, if it may become one."""
        if conn.phase is not Phase.OPEN:
            return
        left = len(data) - used
        if left >= 4:
            size = int.from_bytes(data[used : used + 4], "big", signed=True)
            if size > self.settings.frame_bytes_max:
                self.end(conn, f"frame of {size} bytes, more than jute.maxbuffer allows")
                return
            if size < 8:
                self.end(conn, f"frame of {size} bytes, shorter than a request header")
                return
            # When paused the frame may be complete already.
            conn.need = 4 + size
        else:
            conn.need = 4
        conn.inbuf += data[used:]

    def serve(self, conn: Connection, buf: bytes, now_ms: int, *, held: bool = False) -> int:
        """Answer or enqueue the complete frames of ``buf``; returns how many bytes that was.

        ``held``: these are reads whose turn in the log order has come, so the writes
        behind which they waited do not hold them back any more.

        This is the hot loop: what is plain is answered in place, from bytes that are
        ready; whatever is not (a watch, an ACL, a missing znode) leaves it.
        """
        if conn.pending is not None and not held:
            return self._enqueue(conn, buf, 0, now_ms)
        nodes, acls, listings = self.tree.nodes, self.tree.acls, self.tree.listings
        unpack, head = REQUEST_HEAD_PATH.unpack_from, REPLY_HEAD.pack
        append, zxid, ordinary = conn.out.append, self.zxid, self._ordinary
        frame_max, large = self.settings.frame_bytes_max, 0
        end = len(buf)
        pos = answered = 0
        op = xid = 0
        while end - pos >= _FAST_BYTES:
            size, xid, op, length = unpack(buf, pos)
            after = pos + 4 + size
            if after > end or size > frame_max:
                break
            if size == length + 13 and length >= 0 and not buf[after - 1] and ordinary:
                if op == _GET_DATA:
                    path = buf[pos + 16 : after - 1]
                    body = nodes.get(path)
                    if body is not None and path not in acls:
                        append(head(16 + len(body), xid, zxid, 0))
                        append(body)
                        pos = after
                        answered += 1
                        if len(body) > LARGE_BODY_BYTES:
                            large += len(body)
                            if large > self.OUTPUT_BATCH_BYTES:
                                break
                        continue
                elif op == _EXISTS:
                    path = buf[pos + 16 : after - 1]
                    body = nodes.get(path)
                    if body is not None and path not in acls:
                        append(head(16 + STAT_BYTES, xid, zxid, 0))
                        append(body[-STAT_BYTES:])
                        pos = after
                        answered += 1
                        continue
                elif op in _LISTS:
                    path = buf[pos + 16 : after - 1]
                    names = listings.get(path)
                    if names is not None and path not in acls:
                        if op == _LIST2:
                            names += nodes[path][-STAT_BYTES:]
                        append(head(16 + len(names), xid, zxid, 0))
                        append(names)
                        pos = after
                        answered += 1
                        if len(names) > LARGE_BODY_BYTES:
                            large += len(names)
                            if large > self.OUTPUT_BATCH_BYTES:
                                break
                        continue
            if op in WRITES and size >= 8 and not held:
                break
            pos = self._serve_one(conn, buf, pos)
            answered += 1
            if conn.phase >= Phase.CLOSING:
                break
            if conn.out and len(conn.out[-1]) > LARGE_BODY_BYTES:
                large += len(conn.out[-1])
                if large > self.OUTPUT_BATCH_BYTES:
                    break
        else:
            if end - pos >= _HEAD_BYTES and conn.phase < Phase.CLOSING:
                # A frame without a record, mostly a ping, as the last one.
                size, xid, op = REQUEST_HEAD.unpack_from(buf, pos)
                if (size < 8 or pos + 4 + size <= end) and op not in WRITES:
                    pos = self._serve_one(conn, buf, pos)
                    answered += 1
        if answered:
            self.stats.reads += answered
            conn.frames_received += answered
            conn.last_op = op
            conn.last_xid = xid
            conn.last_zxid = zxid
            conn.last_response_ms = now_ms
        if large > self.OUTPUT_BATCH_BYTES:
            conn.more = True
            return pos
        if conn.phase is Phase.OPEN and end - pos >= _HEAD_BYTES and not held:
            return self._enqueue(conn, buf, pos, now_ms)
        return pos

    #: Bytes of large replies answered at once before their sending is waited for.
    OUTPUT_BATCH_BYTES: Final = 1 << 20

    def _enqueue(self, conn: Connection, buf: bytes, pos: int, now_ms: int) -> int:
        """Put the complete frames from ``pos`` on into batches, in runs; returns where it stopped.

        Writes join the open batch. Reads join the batch of the write that they stand
        behind, which may be in the log already.
        """
        unpack, frame_max = REQUEST_HEAD.unpack_from, self.settings.frame_bytes_max
        end = len(buf)
        start, count, writing = pos, 0, True
        while end - pos >= _HEAD_BYTES:
            size, xid, op = unpack(buf, pos)
            after = pos + 4 + size
            if after > end or size < 8 or size > frame_max:
                break
            if op == Op.AUTH or (not self._ordinary and not self._is_allowed(conn, op)):
                # It concerns the connection alone, and what follows runs as its result.
                self._add_run(conn, buf[start:pos], count, writing, now_ms)
                pos = start = self._serve_one(conn, buf, pos)
                count = 0
                if conn.phase is not Phase.OPEN:
                    return end
                continue
            if op not in WRITES and count + conn.queued >= HELD_READS_MAX:
                # Their answers are all made in one step; more of them have to wait.
                self._add_run(conn, buf[start:pos], count, writing, now_ms)
                self._pause(conn)
                return pos
            if (op in WRITES) is not writing:
                self._add_run(conn, buf[start:pos], count, writing, now_ms)
                start, count, writing = pos, 0, not writing
                if not writing and conn.pending is None:
                    return pos
            pos = after
            count += 1
            conn.last_op, conn.last_xid = op, xid
            if op == Op.CLOSE_SESSION:
                self._add_run(conn, buf[start:pos], count, writing, now_ms)
                conn.phase = Phase.DRAINING
                if conn.live is not None:
                    conn.live.closing = True
                return end
        self._add_run(conn, buf[start:pos], count, writing, now_ms)
        return pos

    def _add_run(
        self, conn: Connection, frames: bytes, count: int, writing: bool, now_ms: int
    ) -> None:
        if not count:
            return
        if writing:
            batch = self.batch
            if not batch.runs:
                batch.opened_ms = now_ms
            batch.add(conn, conn.caller, frames, count)
            conn.pending = batch
            conn.frames_received += count
            self.stats.received += count
        else:
            invariant(conn.pending is not None, "reads wait for no write")
            assert conn.pending is not None
            conn.pending.hold(conn, conn.caller, frames, count)
        conn.queued += count
        self.outstanding += count
        if self.outstanding > self.settings.outstanding_max or self.batch.size > BATCH_BYTES:
            self._pause(conn)

    def _pause(self, conn: Connection) -> None:
        conn.paused = True
        self.paused[conn] = None

    def _serve_one(self, conn: Connection, buf: bytes, pos: int) -> int:
        """Answer one complete frame that needs no log; returns where the next one begins."""
        size, xid, op = REQUEST_HEAD.unpack_from(buf, pos)
        after: int = pos + 4 + size
        if size < 8:
            self.end(conn, f"frame of {size} bytes, shorter than a request header")
            return len(buf)
        if not self._ordinary and not self._is_allowed(conn, op):
            self._refuse(conn, xid, self.zxid, Code.SESSION_CLOSED_REQUIRE_SASL_AUTH, "no identity")
            return len(buf)
        if op == Op.PING:
            conn.out.append(pack_reply(XID_PING, self.zxid, 0))
            return after
        reader = Reader(buf, pos + _HEAD_BYTES, after)
        if op == Op.AUTH:
            self._authenticate(conn, xid, reader)
            return after if conn.phase is Phase.OPEN else len(buf)
        if op == Op.SASL:
            self._sasl(conn, xid, reader)
            return after if conn.phase is Phase.OPEN else len(buf)
        handler = reads.HANDLERS.get(op)
        if handler is None:
            self._refuse(conn, xid, -1, Code.UNIMPLEMENTED, f"unknown operation {op}")
            return len(buf)
        try:
            body = handler(self, conn, reader)
        except DecodeError:
            body = int(Code.MARSHALLING_ERROR)
        if isinstance(body, int):
            conn.out.append(pack_reply(xid, self.zxid, body))
        else:
            conn.out.append(pack_reply(xid, self.zxid, 0, body))
        return after

    def _authenticate(self, conn: Connection, xid: int, reader: Reader) -> None:
        try:
            reader.int32()
            scheme, secret = reader.string() or b"", reader.buffer() or b""
        except DecodeError:
            self.end(conn, "malformed auth packet")
            return
        added = authenticate(self.settings, scheme, secret)
        if added is None:
            self.stats.auth_failed += 1
            why = f"authentication failed, scheme {scheme.decode('utf-8', 'replace')!r}"
            self._refuse(conn, xid, 0, Code.AUTH_FAILED, why)
            return
        own = conn.caller
        identities = tuple(dict.fromkeys(own.identities + added))
        conn.caller = Caller(own.session_id, identities)
        conn.out.append(pack_reply(xid, 0, 0))

    def _sasl(self, conn: Connection, xid: int, reader: Reader) -> None:
        try:
            token = reader.buffer()
        except DecodeError:
            token = None
        if token is None:
            self.end(conn, "malformed sasl packet")
            return
        # What a server answers on which SASL is not configured: done, and no token.
        conn.out.append(pack_reply(xid, 0, 0, pack_buffer(None)))

    def _is_allowed(self, conn: Connection, op: int) -> bool:
        schemes = self.settings.enforced_schemes
        return op in _ALWAYS_ALLOWED or any(s in schemes for s, _ in conn.caller.identities)

    def _refuse(self, conn: Connection, xid: int, zxid: int, code: int, why: str) -> None:
        """Answer with an error and end the connection behind it."""
        conn.out.append(pack_reply(xid, zxid, code))
        self.end(conn, why)

    def end(self, conn: Connection, why: str) -> None:
        """Take nothing more from a connection; the shell sends its output and closes it."""
        if conn.phase < Phase.CLOSING:
            conn.phase = Phase.CLOSING
            conn.why_closed = why
        self.dirty[conn] = None

    def lost(self, conn: Connection) -> None:
        """The connection is gone. Its session stays until it expires or is closed."""
        conn.phase = Phase.CLOSED
        self.dirty.pop(conn, None)
        if conn.watching:
            self.watches.drop(conn)
        if self.attached.get(conn.session_id) is conn:
            del self.attached[conn.session_id]
            if conn.pending is not None:
                self.left_behind[conn.session_id] = conn.pending
        self.paused.pop(conn, None)
        conn.inbuf.clear()
        conn.out.clear()

    # The log pipeline.

    def take_batch(self, wall_ms: int) -> Batch | None:
        """Close the open batch, give its entries positions and zxids, and hand it out."""
        batch = self.batch
        if not batch.runs:
            return None
        self.batch = Batch()
        leader = self.leader
        if counter_is_full(self.proposed_zxid, batch.writes):
            leader.ballot = leader.ballot.next_for(self.settings.server_id)
            self.proposed_zxid = first_zxid(leader.ballot)
        batch.ballot = leader.ballot
        batch.index = leader.propose(batch.writes)
        batch.zxid = self.proposed_zxid + 1
        batch.time_ms = wall_ms
        self.proposed_zxid += batch.writes
        self.in_log.append(batch)
        return batch

    def persisted(self, batch: Batch, now_ms: int) -> None:
        """The batch is on this server's disk: execute everything that is decided by that."""
        self.now_ms = now_ms
        decided = self.leader.accepted(self.settings.server_id, batch.index + batch.writes)
        while self.in_log and self.in_log[0].index + self.in_log[0].writes <= decided:
            self._execute(self.in_log.popleft(), now_ms)
        if self.paused and self.outstanding <= self.settings.outstanding_max:
            for conn in self.paused:
                conn.paused = False
                conn.more = bool(conn.inbuf)
                self.dirty[conn] = None
            self.paused.clear()
        opened, self.after_open = self.after_open, []
        for conn in opened:
            self.resume(conn, now_ms)

    def _execute(self, batch: Batch, now_ms: int) -> None:
        """Run a decided batch: entries in order, replies behind the notifications."""
        waited_ms = now_ms - batch.opened_ms
        dirty = self.dirty
        zxid = batch.zxid
        for conn, caller, frames, writes, count in batch.runs:
            self.outstanding -= count
            if writes:
                self.apply_run(conn, caller, frames, zxid, batch.time_ms)
                zxid += writes
                self.stats.wrote(writes, waited_ms)
            if conn is None:
                continue
            conn.queued -= count
            if writes:
                conn.wrote(writes, waited_ms, now_ms)
                conn.last_zxid = zxid - 1
            else:
                self._answer_held(conn, frames, now_ms)
            dirty[conn] = None
        for run in batch.runs:
            conn = run.conn
            if conn is not None and conn.pending is batch:
                conn.pending = None
        if self.left_behind:
            self.left_behind = {s: b for s, b in self.left_behind.items() if b is not batch}
        self.tree.removed_acls.clear()
        self._settle_digest(batch.zxid, self.zxid)

    def _answer_held(self, conn: Connection, frames: bytes, now_ms: int) -> None:
        """Answer reads that waited; large answers are all produced, since order is owed."""
        used = 0
        while used < len(frames) and conn.phase < Phase.CLOSING:
            step = self.serve(conn, frames[used:] if used else frames, now_ms, held=True)
            invariant(step > 0, "a held frame is not answered")
            used += step

    def _settle_digest(self, first: int, last: int) -> None:
        digest = self.tree.digest
        if first // INTERVAL_ZXIDS != (last + 1) // INTERVAL_ZXIDS:
            digest.note(last, self.tree.nodes)
        elif len(digest.touched) > DIGEST_TOUCHED_MAX:
            digest.fold(self.tree.nodes)

    def apply_run(
        self, conn: Connection | None, caller: Caller, frames: bytes, zxid: int, time_ms: int
    ) -> int:
        """Execute the logged requests of one caller; returns how many they were.

        ``conn`` is ``None`` during recovery and for what the server itself asked for.
        """
        tree, fast = self.tree, IN_PLACE.get
        data_watched, child_watched = self.watches.data.paths, self.watches.children.paths
        unpack, head = REQUEST_HEAD.unpack_from, REPLY_HEAD.pack
        append = conn.out.append if conn is not None and conn.phase < Phase.CLOSED else None
        pos = count = 0
        end = len(frames)
        known = caller.session_id in self.sessions or not caller.session_id
        while pos < end:
            size, xid, op = unpack(frames, pos)
            after = pos + 4 + size
            in_place = fast(op) if known else None
            if in_place is not None:
                try:
                    path, done = in_place(tree, caller, frames, pos + 12, after, zxid, time_ms)
                except (DecodeError, struct.error):
                    path, done = b"", int(Code.MARSHALLING_ERROR)
                self.zxid = zxid
                if isinstance(done, int):
                    if append is not None:
                        append(head(16, xid, zxid, done))
                else:
                    if data_watched or child_watched:
                        self._fire(events_of(op, path), zxid)
                    if append is not None:
                        append(head(16 + len(done), xid, zxid, 0))
                        append(done)
            elif op == Op.CREATE_SESSION or op == Op.CLOSE_SESSION:
                self.zxid = zxid
                sessions.apply(self, conn, caller, op, Reader(frames, pos + 12, after), xid)
                known = caller.session_id in self.sessions
            elif not known:
                self.zxid = zxid
                if append is not None:
                    append(head(16, xid, zxid, Code.SESSION_EXPIRED))
            else:
                self._apply_one(
                    append, caller, op, xid, Reader(frames, pos + 12, after), zxid, time_ms
                )
            pos = after
            zxid += 1
            count += 1
        return count

    def _apply_one(
        self,
        append: Callable[[bytes], None] | None,
        caller: Caller,
        op: int,
        xid: int,
        reader: Reader,
        zxid: int,
        time_ms: int,
    ) -> None:
        execution = Execution(self.tree, caller, zxid, time_ms)
        body = execution.run(op, reader)
        self.zxid = zxid
        if isinstance(body, int):
            if append is not None:
                append(pack_reply(xid, zxid, body))
            return
        if self.watches:
            self._fire(execution.events, zxid)
        if append is not None:
            append(pack_reply(xid, zxid, 0, body))

    def _fire(self, events: list[Event], zxid: int) -> None:
        """Tell the watchers, in the order of the events; each frame is built once."""
        tree, dirty = self.tree, self.dirty
        for event, path in events:
            for kind, at, watchers in self.watches.fire(event, path):
                frame = pack_notification(kind, at, zxid)
                # Who may not read a znode is not told of its end either.
                acls = tree.removed_acls if kind is EventType.NODE_DELETED else tree.acls
                acl = None if tree.rules.skip_acl else acls.get(at)
                for conn in watchers:
                    if acl is None or allows(acl, Perm.READ, conn.caller.identities):
                        conn.out.append(frame)
                        conn.frames_extra += 1
                        dirty[conn] = None

    def propose(self, caller: Caller, op: int, body: bytes, now_ms: int) -> None:
        """Put a request of the server itself into the open batch."""
        batch = self.batch
        if not batch.runs:
            batch.opened_ms = now_ms
        batch.add(None, caller, pack_request(0, op, body), 1)
        self.outstanding += 1

    # Time.

    def tick(self, now_ms: int) -> None:
        """Expire the sessions whose time is over, by entries in the log."""
        for session_id in self.expiry.expired(now_ms):
            self.stats.expired += 1
            self.propose(Caller(session_id, ()), Op.CLOSE_SESSION, b"", now_ms)

    def reap(self, wall_ms: int, now_ms: int, most: int) -> int:
        """Propose the removal of at most ``most`` idle containers and TTL znodes."""
        count = 0
        for path in candidates(self.tree, wall_ms, self.settings.container_never_used_ms):
            if count == most:
                break
            self.propose(Caller(0, ()), Op.DELETE_CONTAINER, pack_buffer(path), now_ms)
            count += 1
        return count

    def expire_session(self, session_id: int, now_ms: int) -> bool:
        """Expire a session at once, as if its time were over; whether there was one."""
        live = self.expiry.sessions.get(session_id)
        if live is None or live.closing:
            return False
        live.closing = True
        self.propose(Caller(session_id, ()), Op.CLOSE_SESSION, b"", now_ms)
        return True

    # Recovery.

    def replay(
        self, payload: bytes, zxid: int, time_ms: int, *, first: int = 0, count: int | None = None
    ) -> None:
        """Execute a batch from the log again, without connections.

        Of its entries those from number ``first`` on and before number ``count`` (``None``:
        to its end): what is before is in the snapshot already, what is behind was
        superseded by a later leader. ``zxid`` is that of the batch's first entry.
        """
        number = 0
        for caller, frames in logged_runs(payload):
            starts = frame_starts(frames)
            begin = max(0, first - number)
            end = len(starts) - 1 if count is None else min(len(starts) - 1, count - number)
            if begin < end:
                part = frames[starts[begin] : starts[end]]
                self.apply_run(None, caller, part, zxid + number + begin, time_ms)
            number += len(starts) - 1

    def recovered(self, ballot: Ballot, length: int, now_ms: int) -> None:
        """Recovery is done: lead with ``ballot`` behind ``length`` entries.

        All sessions get their full timeout, as after a change of leader.
        """
        self.now_ms = now_ms
        self.leader = Leader(ballot, (self.settings.server_id,), length)
        self.zxid = max(self.zxid, first_zxid(ballot))
        self.proposed_zxid = self.zxid
        for session in self.sessions.values():
            self.expiry.track(session.session_id, session.timeout_ms, now_ms)
        self.tree.digest.fold(self.tree.nodes)

    def end_session(self, session_id: int) -> None:
        """Remove a session and its ephemerals, and tell the watchers."""
        events: list[Event] = []
        for path in self.tree.end_session(session_id, self.zxid):
            deleted(events, path)
        if self.watches:
            self._fire(events, self.zxid)
        self.sessions.pop(session_id, None)
        self.expiry.forget(session_id)
