"""The core: connections' bytes in, replies and batches out. See the package's docstring.

The shell calls :meth:`ReplicaCore.received` with what a socket gave and sends what is then
in ``connection.out``. :meth:`collect` turns the open batch into a record of the sequence;
once Paxos has decided it (``node``), :meth:`advance` executes it. ``dirty`` names the
connections that got output meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from zkserver.limits import DIGEST_TOUCHED_MAX
from zkserver.paxos.ballot import counter_is_full, first_zxid
from zkserver.paxos.durable import Persist
from zkserver.paxos.log import Record
from zkserver.paxos.node import PaxosNode, alone
from zkserver.replica import sessions
from zkserver.replica.batch import Batch, Run, frame_starts, logged_runs, origin
from zkserver.replica.connection import Caller, Connection, Phase
from zkserver.replica.ensemble import Ensemble
from zkserver.replica.executing import execute, execute_syncs, run_frames
from zkserver.replica.large_requests import LargeRequests
from zkserver.replica.membership import Membership
from zkserver.replica.serving import serve
from zkserver.replica.settings import ReplicaSettings
from zkserver.replica.stats import ServerStats
from zkserver.replica.throttle import ConnectionThrottle
from zkserver.replica.writes import Event, deleted
from zkserver.tree.acl import allows
from zkserver.tree.containers import candidates
from zkserver.tree.digest import INTERVAL_ZXIDS
from zkserver.tree.sessions import ExpiryQueue, Session
from zkserver.tree.tree import TreeRules, ZnodeTree
from zkserver.tree.watches import Watches
from zkserver.wire.jute import INT, pack_buffer
from zkserver.wire.opcodes import (
    WRITES,
    EventType,
    Op,
    Perm,
)
from zkserver.wire.records import (
    pack_notification,
    pack_request,
)

if TYPE_CHECKING:
    from zkserver.replica.audit import Audit

#: No session has this id; it stands for one that belongs to another server by now.
MOVED: Final = -(1 << 63)
#: What concerns a session whichever server it belongs to, as it stands in a frame.
_OWNERLESS: Final = frozenset(
    op.to_bytes(4, "big", signed=True) for op in (Op.ATTACH_SESSION, Op.EXPIRE_SESSION)
)
# Looked up for every readable event.
_OPEN: Final = Phase.OPEN
#: In these phases requests are taken.
_TAKING: Final = (Phase.OPEN, Phase.READ_ONLY)


class ReplicaCore:
    """One server's brain."""

    #: Answers a four letter word; set by the shell, which knows the whole server.
    four_letter_word: Callable[[bytes], bytes | None] | None = None
    #: Is told of every write of a client; set by the shell where it is wanted.
    audit: Audit | None = None

    def __init__(
        self, settings: ReplicaSettings, session_seed: int, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.settings = settings
        self.tree = ZnodeTree(settings.rules)
        self.watches: Watches[Connection] = Watches()
        self.sessions: dict[int, Session] = {}
        self.expiry = ExpiryQueue(settings.tick_ms)
        #: Session id -> the connection that is attached to it on this server.
        self.attached: dict[int, Connection] = {}
        self.stats = ServerStats()
        self.throttle = ConnectionThrottle(settings.throttle, random_bytes)
        self.large = LargeRequests(settings.large_threshold_bytes, settings.large_bytes_max)
        #: zxid of the last executed entry.
        self.zxid = 0
        #: Our part in Paxos; alone until recovery says otherwise.
        self.node = alone(settings.server_id)
        #: How much of the sequence is executed.
        self.executed = 0
        #: The part that knows of other servers; None on a server that is alone for good.
        self.ensemble: Ensemble | None = None
        #: By which the servers of an ensemble know one another; empty before its first entry.
        self.cluster_id = b""
        #: Who belongs to the ensemble, as all of its servers know it; None before they do.
        self.membership: Membership | None = None
        #: Of the configuration in which the loaded state was left.
        self.configuration_number = 0
        #: The server whose batch is being executed.
        self.origin = settings.server_id
        #: What the leader noted about that batch.
        self.flags = 0
        #: By which of our settings the writes that we take are executed.
        self.own_rules = settings.rules.packed()
        #: Operations that go through the log.
        self.writes = WRITES
        #: Batches that are full, or have to be alone; before :attr:`batch`.
        self.closed: deque[Batch] = deque()
        #: Where the next writes go.
        self.batch = Batch()
        #: Our own batches that were closed and are not executed yet; oldest first.
        self.in_flight: deque[Batch] = deque()
        #: Counts our batches; begins anywhere, so that those of an earlier life differ.
        self._number = int.from_bytes(random_bytes(4), "big") << 32
        #: Writes and reads that wait for a batch.
        self.outstanding = 0
        #: Connections that were told to pause because of ``outstanding``.
        self.paused: dict[Connection, None] = {}
        #: Connections with output, or to be closed, since the shell last looked.
        self.dirty: dict[Connection, None] = {}
        self.random_bytes = random_bytes
        self.next_session_id = session_seed
        #: Nothing is demanded of a connection before it may do anything.
        self.is_ordinary = not settings.enforced_schemes
        #: Monotonic time as of the last step that executed entries, milliseconds.
        self.now_ms = 0
        #: Session id -> the batch with the last write of a connection that is gone.
        self.left_behind: dict[int, Batch] = {}
        #: Connections that got their session and have sent more already.
        self.after_open: list[Connection] = []

    # Bytes in.

    def received(self, conn: Connection, data: bytes, now_ms: int) -> None:
        """Take what arrived. Replies are in ``conn.out`` afterwards, writes in the batch."""
        if conn.phase is not _OPEN:
            if conn.phase < Phase.OPEN:
                conn.inbuf += data
            if conn.phase is Phase.NEW:
                sessions.first_bytes(self, conn, now_ms)
            elif conn.phase is Phase.READ_ONLY and self.ensemble is not None:
                self.ensemble.received_read_only(conn, data, now_ms)
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
        used = serve(self, conn, data, now_ms)
        if conn.large:
            self.large.served(conn)
        if used < len(data):
            self.keep_rest(conn, data, used)

    def resume(self, conn: Connection, now_ms: int) -> None:
        """Go on with bytes that were set aside while the connection was paused."""
        conn.more = False
        if conn.inbuf and conn.phase in _TAKING:
            conn.need = 0
            self.received(conn, b"", now_ms)

    def keep_rest(self, conn: Connection, data: bytes, used: int) -> None:
        """Set the incomplete frame at the end of ``data`` aside, if it may become one."""
        if conn.phase not in _TAKING:
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
            if not self.large.begins(conn, size):
                why = "more than largeRequestMaxBytes leaves room for"
                self.end(conn, f"frame of {size} bytes, {why}")
                return
            # When paused the frame may be complete already.
            conn.need = 4 + size
        else:
            conn.need = 4
        conn.inbuf += data[used:]

    def pause(self, conn: Connection) -> None:
        """Ask the shell not to read from a connection until a batch is executed."""
        conn.paused = True
        self.paused[conn] = None
        self.stats.throttled += 1

    def end(self, conn: Connection, why: str) -> None:
        """Take nothing more from a connection; the shell sends its output and closes it."""
        if conn.phase < Phase.CLOSING:
            conn.phase = Phase.CLOSING
            conn.why_closed = why
        self.dirty[conn] = None

    def draw_session_id(self) -> int:
        """An id that no session had before."""
        session_id = self.next_session_id
        self.next_session_id = sessions.session_id_behind(session_id)
        return session_id

    def lost(self, conn: Connection) -> None:
        """The connection is gone. Its session stays until it expires or is closed."""
        conn.phase = Phase.CLOSED
        self.dirty.pop(conn, None)
        if conn.watching:
            self.watches.drop(conn)
        if self.attached.get(conn.session_id) is conn:
            del self.attached[conn.session_id]
            if self.ensemble is not None and conn.live is not None:
                self.ensemble.departed[conn.session_id] = conn.live.heard_ms
            if conn.pending is not None:
                self.left_behind[conn.session_id] = conn.pending
        self.paused.pop(conn, None)
        if conn.large:
            self.large.lost(conn)
        conn.inbuf.clear()
        conn.out.clear()

    # The log pipeline.

    def collect(self, wall_ms: int, now_ms: int) -> None:
        """Close the open batch and put it into the sequence, or on the way there."""
        if self.ensemble is not None:
            self.ensemble.collect(wall_ms, now_ms)
            return
        while (batch := self.close_batch()) is not None:
            payload = batch.payload(self.settings.server_id, self.own_rules)
            self.propose_payload(payload, batch.writes, wall_ms, now_ms)

    @property
    def has_batches(self) -> bool:
        """Whether there are requests that are not on their way yet."""
        return bool(self.batch.runs or self.closed)

    def close_batch(self) -> Batch | None:
        """Take the oldest batch that is not on its way yet; None when there is no request."""
        if self.closed:
            batch = self.closed.popleft()
        elif self.batch.runs:
            batch, self.batch = self.batch, Batch()
        else:
            return None
        self._number += 1
        batch.number = self._number
        batch.asks = self.ensemble is not None and batch.only_syncs
        self.in_flight.append(batch)
        return batch

    def set_batch_apart(self) -> None:
        """Let what comes next go into another batch than what has come."""
        if self.batch.runs:
            self.closed.append(self.batch)
            self.batch = Batch()

    def propose_payload(self, payload: bytes, entries: int, wall_ms: int, now_ms: int) -> None:
        """Put ``entries`` writes into the sequence, on the leader."""
        node = self.node
        newest = self.newest_zxid
        if counter_is_full(newest, entries):
            node.begin_epoch(now_ms)
            newest = self.newest_zxid
        node.propose(Record(node.log.end, entries, newest + 1, wall_ms, payload))

    @property
    def newest_zxid(self) -> int:
        """The last zxid that was given away, or the one before the first of the epoch."""
        return max(self.node.log.last_zxid, first_zxid(self.node.promised))

    def persisted(self, persist: Persist, now_ms: int) -> None:
        """What Paxos wanted on disk is there: execute everything that is decided by that."""
        self.node.persisted(persist, now_ms)
        self.advance(now_ms)

    def advance(self, now_ms: int) -> None:
        """Execute what has been decided since."""
        self.now_ms = now_ms
        node = self.node
        if self.executed < node.decided:
            for record in node.log.since(self.executed):
                if record.end > node.decided:
                    break
                self._execute(record, now_ms)
                if record.stops and self.ensemble is not None:
                    self.ensemble.stopped(now_ms)
            if self.ensemble is None:
                # Nobody will ask for it.
                node.log.trim(self.executed)
            elif self.in_flight and self.in_flight[0].asks:
                self.answer_syncs()
        if self.paused and self.outstanding <= self.settings.outstanding_max:
            for conn in self.paused:
                conn.paused = False
                conn.more = bool(conn.inbuf)
                self.dirty[conn] = None
            self.paused.clear()
        opened, self.after_open = self.after_open, []
        for conn in opened:
            self.resume(conn, now_ms)

    def _execute(self, record: Record, now_ms: int) -> None:
        """Execute a decided record: a batch of our own with its replies, or another's."""
        self.executed = record.end
        self.flags, rules, self.origin, number = origin(record.payload)
        if rules != self.own_rules:
            # It was taken under other settings than ours are.
            self.tree.rules = TreeRules.unpacked(rules)
            self._execute_now(record, number, now_ms)
            self.tree.rules = self.settings.rules
        else:
            self._execute_now(record, number, now_ms)

    def _execute_now(self, record: Record, number: int, now_ms: int) -> None:
        if self.in_flight and self.origin == self.settings.server_id:
            own = self.in_flight[0]
            if own.asks:
                own = self._answer_before(number)
            if own.number == number:
                self.in_flight.popleft()
                own.zxid, own.time_ms = record.zxid, record.time_ms
                if self.ensemble is not None:
                    own.runs = [(run[0], self._still(run[1], run[2]), *run[2:]) for run in own.runs]
                execute(self, own, now_ms)
                if self.in_flight and self.in_flight[0].asks:
                    self.answer_syncs()
                return
        # Nobody waits for these replies; as many writes as there are frames.
        runs: list[Run] = [
            (None, self._still(caller, frames), frames, 1, 1, frames)
            for caller, frames in logged_runs(record.payload)
        ]
        run_frames(self, runs, record.zxid, record.time_ms)
        if self.tree.removed_acls:
            self.tree.removed_acls.clear()
        self.settle_digest(record.zxid, self.zxid)

    def _answer_before(self, number: int) -> Batch:
        """Answer the syncs that were closed before our batch of that ``number``.

        What was acknowledged before them is in front of it in the sequence, and executed.
        Returns the batch, or another when it is not ours.
        """
        own = next((batch for batch in self.in_flight if not batch.asks), self.in_flight[0])
        while own.number == number and self.in_flight[0] is not own:
            execute_syncs(self, self.in_flight.popleft(), self.now_ms)
        return own

    def answer_syncs(self) -> None:
        """Answer the oldest batches if they are syncs, and what they wait for is executed."""
        in_flight = self.in_flight
        while in_flight and in_flight[0].asks and 0 <= in_flight[0].point <= self.executed:
            execute_syncs(self, in_flight.popleft(), self.now_ms)

    def _still(self, caller: Caller, frames: bytes) -> Caller:
        """The caller, unless its session has moved away from the server that sent this.

        Then it has no session any more: what it wrote over its old connection must not
        take effect behind what it writes over the new one.
        """
        session = self.sessions.get(caller.session_id)
        if session is None or session.owner == self.origin or frames[8:12] in _OWNERLESS:
            return caller
        return caller.with_session(MOVED)

    def settle_digest(self, first: int, last: int) -> None:
        """After the entries from zxid ``first`` to ``last``: keep a digest now and then."""
        digest = self.tree.digest
        if first // INTERVAL_ZXIDS != (last + 1) // INTERVAL_ZXIDS:
            digest.note(last, self.tree.nodes)
            if self.ensemble is not None:
                self.ensemble.noted(last, digest.value)
        elif len(digest.touched) > DIGEST_TOUCHED_MAX:
            digest.fold(self.tree.nodes)

    def fire(self, events: list[Event], zxid: int) -> None:
        """Tell the watchers, in the order of the events; each frame is built once."""
        tree, dirty = self.tree, self.dirty
        for event, path in events:
            for kind, at, watchers in self.watches.fire(event, path):
                frame = pack_notification(kind, at, zxid)
                # Who may not read a znode is not told of its end either.
                acls = tree.removed_acls if kind is EventType.NODE_DELETED else tree.acls
                acl = None if tree.rules.skip_acl else acls.get(at)
                for conn in watchers:
                    if conn.phase >= Phase.CLOSING:
                        # The reply to the request that set the watch may not have been sent.
                        continue
                    if acl is None or allows(acl, Perm.READ, conn.caller.identities):
                        conn.out.append(frame)
                        conn.frames_extra += 1
                        dirty[conn] = None

    def propose(self, caller: Caller, op: int, body: bytes, now_ms: int) -> None:
        """Put a request of the server itself into the open batch."""
        batch = self.batch
        if not batch.runs:
            batch.opened_ms = now_ms
        batch.add_one(None, caller, pack_request(0, op, body))
        self.outstanding += 1

    # Time.

    def tick(self, now_ms: int) -> None:
        """Expire the sessions whose time is over, by entries in the log."""
        if not self.node.leads:
            return
        if self.ensemble is not None:
            if not self.ensemble.is_in_step:
                # Whoever is silent may be heard by servers that we do not hear.
                return
            # We may lead since a moment ago, and a follower's clock for others' sessions stands.
            self.ensemble.give_grace(now_ms)
        for session_id in self.expiry.expired(now_ms):
            self.stats.expired += 1
            self.propose(Caller(session_id, ()), Op.EXPIRE_SESSION, self._epoch(), now_ms)

    def _epoch(self) -> bytes:
        """The epoch in which we lead: what we conclude from silence counts in no other."""
        return INT.pack(self.newest_zxid >> 32)

    def reap(self, wall_ms: int, now_ms: int, most: int) -> int:
        """Propose the removal of at most ``most`` idle containers and TTL znodes."""
        count = 0
        if not self.node.leads:
            return count
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
        self.propose(Caller(session_id, ()), Op.EXPIRE_SESSION, self._epoch(), now_ms)
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
        self.tree.rules = TreeRules.unpacked(origin(payload)[1])
        number = 0
        for caller, frames in logged_runs(payload):
            caller = self._still(caller, frames)
            starts = frame_starts(frames)
            begin = max(0, first - number)
            end = len(starts) - 1 if count is None else min(len(starts) - 1, count - number)
            if begin < end:
                part = frames[starts[begin] : starts[end]]
                run: Run = (None, caller, part, end - begin, end - begin, part)
                run_frames(self, [run], zxid + number + begin, time_ms)
            number += len(starts) - 1
        self.tree.rules = self.settings.rules

    def join(self, node: PaxosNode, *, patience_ms: int, touch_ms: int, now_ms: int) -> None:
        """Recovery is done: be one server among others, as ``node`` knows them.

        The records in the log of ``node`` are executed once they are known to be decided.
        """
        self.recovered(node, now_ms)
        node.is_patient = True
        self.ensemble = Ensemble(self, patience_ms=patience_ms, touch_ms=touch_ms, now_ms=now_ms)
        self.writes = WRITES | {int(Op.SYNC)}

    def execute_known(self, now_ms: int) -> None:
        """Execute what is known to be decided without asking anybody, after :meth:`join`."""
        self.advance(now_ms)
        while self.node.learn_by_configuration():
            self.advance(now_ms)

    def recovered(self, node: PaxosNode, now_ms: int) -> None:
        """Recovery is done: go on with ``node``, whose log begins where the state ends.

        All sessions get their full timeout, as after a change of leader.
        """
        self.now_ms = now_ms
        self.node = node
        self.executed = node.log.start
        self.zxid = max(self.zxid, node.log.start_zxid)
        self.track_all(now_ms)
        self.tree.digest.fold(self.tree.nodes)

    def track_all(self, now_ms: int) -> None:
        """Give every session its full timeout, and forget those that are no more."""
        for session_id in tuple(self.expiry.sessions):
            if session_id not in self.sessions:
                self.expiry.forget(session_id)
        for session in self.sessions.values():
            self.expiry.track(session.session_id, session.timeout_ms, now_ms)

    def end_session(self, session_id: int) -> None:
        """Remove a session and its ephemerals, and tell the watchers."""
        events: list[Event] = []
        paths = self.tree.end_session(session_id, self.zxid)
        if self.audit is not None:
            self.audit.ended(session_id, paths)
        for path in paths:
            deleted(events, path)
        if self.watches:
            self.fire(events, self.zxid)
        self.sessions.pop(session_id, None)
        self.expiry.forget(session_id)
