"""One replica among others: what it forwards, reports and compares.

A write of a client is put into the sequence by the leader, whichever server the client is
connected to. A follower therefore forwards its batches. Its own batches come back to it in
the sequence, where it knows them by number and answers their clients.

When the leader changes, what was forwarded may or may not have reached a log. Once this
server's log is in step with the new leader's, it holds everything that can still be
decided of that; what is missing never will be, and is forwarded again, in order. So a
write is applied once, and no client notices more than a delay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from zkserver.errors import invariant
from zkserver.paxos.ballot import Ballot, counter_is_full
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.log import STOP
from zkserver.paxos.messages import Assurance
from zkserver.replica.batch import NO_QUORUM, Batch, logged_runs, origin, with_flags, with_rules
from zkserver.replica.connection import Caller, Connection, Phase
from zkserver.replica.membership import Membership, plan_reconfig
from zkserver.replica.peer_messages import (
    DigestNote,
    Forward,
    PeerMessage,
    ReplicaMessage,
    SyncAsk,
    SyncPoint,
    Touch,
)
from zkserver.replica.reconfiguring import execute_reconfig, read_reconfig
from zkserver.replica.sessions import CLUSTER_ID_BYTES
from zkserver.replica.state import load
from zkserver.replica.sync_points import SyncPoints
from zkserver.replica.writes import Event
from zkserver.wire.jute import LONG, DecodeError, Reader
from zkserver.wire.opcodes import Code, Op
from zkserver.wire.records import REQUEST_HEAD, ConnectRequest

if TYPE_CHECKING:
    from zkserver.paxos.leader import Leader
    from zkserver.replica.core import ReplicaCore
    from zkserver.replica.read_only import ReadOnly

#: So old may be what is known of being in step when requests come in.
_IN_STEP_MS: Final = 5
#: Digests of the leader kept until this server has come as far.
_NOTES_MAX: Final = 64


class Ensemble:
    """The part of a :class:`ReplicaCore` that knows of other servers.

    ``patience_ms`` is how long clients are kept while this server is in step with no
    leader; ``touch_ms`` how often it reports which sessions it has heard from.
    """

    def __init__(self, core: ReplicaCore, *, patience_ms: int, touch_ms: int, now_ms: int) -> None:
        self.core = core
        self.patience_ms = patience_ms
        self.touch_ms = touch_ms
        self._began_ms = now_ms
        #: What is done for clients while there is no leader; None: they are refused.
        self.read_only: ReadOnly | None = None
        #: Clients are served by this server also while it leads.
        self.leader_serves = True
        #: Bytes of what was proposed in this term: the last, the least and the most; -1: none.
        self.proposal_bytes = (-1, -1, -1)
        #: Since when this server leads; of no meaning while it does not.
        self.leads_since_ms = now_ms
        self.outbox: list[tuple[int, ReplicaMessage]] = []
        #: On the leader: forwarded batches that cannot be proposed yet, and from whom.
        self.waiting: deque[tuple[int, Forward]] = deque()
        self._syncs = SyncPoints()
        #: Monotonic time when we were last in step with a leader, milliseconds.
        self.in_step_ms = now_ms - patience_ms
        #: The leader that gets what comes in, and the link to it: what was handed over there
        #: is in its hands for as long as both last.
        self._handing_to: tuple[Ballot, int] | None = None
        self._touched_ms = now_ms
        #: Sessions whose connections have ended since -> when we heard from them last.
        self.departed: dict[int, int] = {}
        self._graced: Leader | None = None
        #: The membership that this server was started with.
        self.founding: Membership | None = None
        #: Whether that outweighs what was agreed: membership is changed by editing files.
        self.imposes_membership = False
        self._next_membership: Membership | None = None
        #: Since when followers have not been told everything, -1 for not at all.
        self._news_ms = -1
        self._founding: Leader | None = None
        #: zxid -> the leader's digest, where this server has not come as far.
        self._notes: dict[int, int] = {}

    # Messages.

    def received(self, peer_id: int, message: PeerMessage, now_ms: int) -> None:
        """Something came from another server."""
        core = self.core
        if isinstance(message, Forward):
            self._forwarded(peer_id, message)
        elif isinstance(message, SyncAsk):
            self._syncs.ask(peer_id, message)
        elif isinstance(message, SyncPoint):
            self._pointed(message)
        elif isinstance(message, Touch):
            for session_id in message.session_ids:
                live = core.expiry.sessions.get(session_id)
                if live is not None:
                    live.heard_ms = now_ms
        elif isinstance(message, DigestNote):
            self._compare(message)
        else:
            core.node.received(peer_id, message, now_ms)
            if isinstance(message, Assurance):
                self._conclude_syncs()

    def unlinked(self, peer_id: int, now_ms: int) -> None:
        """The link is down: what waits of that server will come again."""
        self.waiting = deque(item for item in self.waiting if item[0] != peer_id)
        self.outbox = [item for item in self.outbox if item[0] != peer_id]
        self._syncs.unlinked(peer_id)
        self.core.node.unlinked(peer_id, now_ms)

    def take_outbox(self) -> list[tuple[int, PeerMessage]]:
        """Messages to send now; those to a server in their order."""
        # The node's own list, which is nobody else's any more.
        outbox: list[tuple[int, PeerMessage]] = self.core.node.take_outbox()  # type: ignore[assignment]
        if self.outbox:
            outbox += self.outbox
            self.outbox.clear()
        return outbox

    def _forwarded(self, peer_id: int, message: Forward) -> None:
        leader = self.core.node.leader
        if leader is not None and leader.ballot == message.ballot:
            self.waiting.append((peer_id, message))

    # The pipeline.

    def collect(self, wall_ms: int, now_ms: int) -> None:
        """Propose or forward what has come in, if we are in step with a leader."""
        core, node = self.core, self.core.node
        ballot = node.synced_leader
        if ballot is None:
            return
        if now_ms - self.in_step_ms >= _IN_STEP_MS and self.is_in_step:
            self.in_step_ms = now_ms
        if node.leader is None:
            self.waiting.clear()
        elif not node.leads:
            # It ends a configuration; the next leader will be asked.
            return
        handing_to = (ballot, node.links.get(ballot.server_id, 0))
        if self._handing_to != handing_to:
            self._handing_to = handing_to
            if node.leader is not None:
                self.leads_since_ms, self.proposal_bytes = now_ms, (-1, -1, -1)
            self._again(wall_ms)
        if node.leads and self._founding is not node.leader:
            self._found(wall_ms, now_ms)
        while self.waiting and node.leads:
            peer_id, forward = self.waiting.popleft()
            if forward.ballot == ballot:
                self._propose(forward.payload, forward.entries, wall_ms)
                if node.leader is not None:
                    node.leader.awaited(peer_id)
        while node.leads or (node.leader is None and node.synced_leader is not None):
            batch = core.close_batch()
            if batch is None:
                break
            self._hand_over(batch, wall_ms)
        leader = node.leader
        if leader is not None and node.leads and self._syncs.begin(leader):
            # A voter that is alone need not wait for anybody.
            self._conclude_syncs()
        self._spread_news(now_ms)

    def _spread_news(self, now_ms: int) -> None:
        """Tell the followers what is decided, if no records did so within a millisecond."""
        leader = self.core.node.leader
        if leader is None or not leader.has_news:
            self._news_ms = -1
        elif self._news_ms < 0:
            self._news_ms = now_ms
        elif now_ms > self._news_ms:
            self._news_ms = -1
            leader.tell()

    @property
    def has_news(self) -> bool:
        """Whether :meth:`collect` has to be called within a millisecond or so."""
        leader = self.core.node.leader
        return leader is not None and leader.has_news

    def _found(self, wall_ms: int, now_ms: int) -> None:
        """Once in each term: see that the ensemble has its id and knows who belongs to it."""
        core = self.core
        self._founding = core.node.leader
        if self.founding is None or (
            core.membership is not None
            and not (self.imposes_membership and not _same_servers(core.membership, self.founding))
        ):
            return
        cluster_id = core.cluster_id or core.random_bytes(CLUSTER_ID_BYTES)
        version = self.founding.version
        if not version and not self.imposes_membership:
            # So it takes precedence over what servers that join believe (ZOOKEEPER-1783).
            version = core.newest_zxid >> 32 << 32
        founding = Membership(version, self.founding.members)
        body = cluster_id + LONG.pack(wall_ms) + founding.text()
        core.propose(Caller(0, ()), Op.FOUND, body, now_ms)

    def _again(self, wall_ms: int) -> None:
        """After a change of leader: hand over again what is in nobody's log."""
        core = self.core
        mine = core.settings.server_id
        logged = {
            number
            for _, _, server_id, number in (
                origin(record.payload) for record in core.node.log.since(core.executed)
            )
            if server_id == mine
        }
        for batch in core.in_flight:
            if batch.number in logged or core.node.synced_leader is None:
                continue
            if core.node.leader is not None and not core.node.leads:
                # What was just handed over may end this configuration. If it does not, the rest
                # comes next, before anything newer.
                self._handing_to = None
                return
            self._hand_over(batch, wall_ms)

    def _hand_over(self, batch: Batch, wall_ms: int) -> None:
        core, node = self.core, self.core.node
        if batch.asks:
            self._ask_for(batch)
            return
        payload = batch.payload(core.settings.server_id, core.own_rules)
        if node.leader is not None:
            if node.leads:
                self._propose(payload, batch.writes, wall_ms)
        elif node.follower is not None:
            leader_id, ballot = node.follower.leader_id, node.follower.ballot
            self.outbox.append((leader_id, Forward(ballot, batch.writes, payload)))

    def _ask_for(self, batch: Batch) -> None:
        """Ask the leader, or as the leader the voters, on behalf of a batch of syncs."""
        node, own_id = self.core.node, self.core.settings.server_id
        batch.point = -1
        if node.leader is not None:
            self._syncs.ask(own_id, SyncAsk(node.leader.ballot, batch.number))
        elif node.follower is not None:
            ask = SyncAsk(node.follower.ballot, batch.number)
            self.outbox.append((node.follower.leader_id, ask))

    def _conclude_syncs(self) -> None:
        """Tell those who asked, this server among them, what is known by now."""
        leader = self.core.node.leader
        if leader is None:
            return
        for server_id, point in self._syncs.concluded(leader):
            if server_id == self.core.settings.server_id:
                self._pointed(point)
            else:
                self.outbox.append((server_id, point))

    def _pointed(self, point: SyncPoint) -> None:
        """It is known what a batch of syncs of ours has to wait for."""
        for batch in self.core.in_flight:
            if batch.number == point.number and batch.asks:
                batch.point = point.index
                self.core.answer_syncs()
                break

    def _propose(self, payload: bytes, entries: int, wall_ms: int) -> None:
        core, node = self.core, self.core.node
        if counter_is_full(core.newest_zxid, entries):
            # The next epoch begins; what is in no log then is handed over again.
            node.begin_epoch(core.now_ms)
            return
        if payload[:1] == STOP and not self._has_quorum_for(payload):
            payload = with_flags(payload, NO_QUORUM)
        # As in Apache's servers the leader's settings decide, not those of who forwarded it.
        payload = with_rules(payload, core.own_rules)
        core.propose_payload(payload, entries, wall_ms, core.now_ms)
        size, (_, least, most) = len(payload), self.proposal_bytes
        self.proposal_bytes = (size, size if least < 0 else min(size, least), max(size, most))

    # Membership.

    def _has_quorum_for(self, payload: bytes) -> bool:
        """Whether a majority of the voters that a reconfig asks for is in step with us.

        A request that will be refused for another reason has all the quorum it needs.
        """
        core, leader = self.core, self.core.node.leader
        if core.membership is None or leader is None:
            return True
        _, frames = next(logged_runs(payload))
        try:
            request = read_reconfig(Reader(frames, REQUEST_HEAD.size))
        except DecodeError:
            return True
        planned = plan_reconfig(
            core.membership,
            request.joining,
            request.leaving,
            request.members,
            request.version,
            zxid=0,
            standalone_enabled=core.settings.rules.standalone_enabled,
        )
        if not isinstance(planned, Membership):
            return True
        present = {core.settings.server_id, *leader.synced}
        return 2 * len(present.intersection(planned.voters)) > len(planned.voters)

    def reconfigure(
        self, caller: Caller, reader: Reader, zxid: int, time_ms: int
    ) -> tuple[bytes | int, list[Event]]:
        """Execute a reconfig: the reply's body or an error code, and the events."""
        core = self.core
        if core.flags == NO_QUORUM and core.tree.rules.reconfig_enabled:
            return Code.NEW_CONFIG_NO_QUORUM, []
        outcome = execute_reconfig(
            core.tree,
            core.membership,
            caller,
            read_reconfig(reader),
            zxid,
            time_ms,
        )
        if outcome.membership is not None:
            core.membership = self._next_membership = outcome.membership
        return outcome.reply, outcome.events

    def stopped(self, now_ms: int) -> None:
        """A reconfig was executed: the next configuration begins, or this one goes on."""
        node = self.core.node
        membership, self._next_membership = self._next_membership, None
        if membership is None:
            node.go_on()
            return
        number = node.configuration.number + 1
        node.enter(Configuration(number, membership.voters, membership.observers), now_ms)

    # Time.

    @property
    def is_in_step(self) -> bool:
        """Whether we have a leader whose sequence we have, and it has its quorum.

        A leader that is cut off does not know whether there is another one by now.
        """
        node = self.core.node
        if node.synced_leader is None:
            return False
        if len(node.configuration.voters) == 1:
            # There is no quorum to lose, only the one link to the voter.
            return True
        election = node.election
        return election.hears_leader if node.leader is None else election.is_quorum_connected

    def tick(self, now_ms: int) -> None:
        """Time went by: report signs of life; a new leader gives everybody time."""
        core, node = self.core, self.core.node
        node.tick(now_ms)
        if self.is_in_step:
            self.in_step_ms = now_ms
        if core.attached and not self.serves(now_ms):
            self.drop_clients(self._why_not_serving())
        if self.read_only is not None:
            self._tick_read_only(self.read_only, now_ms)
        self.give_grace(now_ms)
        if now_ms - self._touched_ms >= self.touch_ms:
            self._touch(now_ms)

    def give_grace(self, now_ms: int) -> None:
        """A new leader gives every session its full time; has to come before any expires."""
        core, node = self.core, self.core.node
        if node.leads and self._graced is not node.leader:
            self._graced = node.leader
            core.expiry.renew(now_ms)

    def _touch(self, now_ms: int) -> None:
        core, follower = self.core, self.core.node.follower
        since, self._touched_ms = self._touched_ms, now_ms
        departed, self.departed = self.departed, {}
        if follower is None or not follower.is_synced:
            return
        heard = {session_id for session_id, heard_ms in departed.items() if heard_ms >= since}
        heard.update(
            session_id
            for session_id, conn in core.attached.items()
            if conn.live is not None and conn.live.heard_ms >= since
        )
        if heard:
            self.outbox.append((follower.leader_id, Touch(tuple(sorted(heard)))))

    # Who is served.

    def serves(self, now_ms: int) -> bool:
        """Whether clients may read and write here: we have been in step not too long ago."""
        return now_ms - self.in_step_ms < self.patience_ms and not self._only_leads

    @property
    def _only_leads(self) -> bool:
        """Whether clients are left to the others, because this server leads them."""
        node = self.core.node
        if self.leader_serves or node.leader is None or not node.leader.is_accepting:
            return False
        return len(node.configuration.members) > 1

    def _why_not_serving(self) -> str:
        if self._only_leads:
            return "this server leads, and leaderServes=no"
        return "this server has no leader"

    @property
    def is_read_only(self) -> bool:
        """Whether those are served who want to read only."""
        return self.read_only is not None and self.read_only.is_serving

    def why_refused(self, request: ConnectRequest, now_ms: int) -> str:
        """Why a client cannot be served now; empty when it can."""
        if self.is_read_only:
            return "" if request.read_only else "this server is read-only for now"
        return "" if self.serves(now_ms) else self._why_not_serving()

    def connect_read_only(self, conn: Connection, request: ConnectRequest, now_ms: int) -> None:
        """A client that has not been refused wants a session of the read-only server."""
        if self.read_only is not None:
            self.read_only.connect(conn, request, now_ms)

    def received_read_only(self, conn: Connection, data: bytes, now_ms: int) -> None:
        """Something arrived on a connection of the read-only server."""
        if self.read_only is not None:
            self.read_only.received(conn, data, now_ms)

    def _tick_read_only(self, read_only: ReadOnly, now_ms: int) -> None:
        """Begin when the quorum was away for long enough, and end when it is back."""
        if read_only.is_serving:
            if self.is_in_step:
                read_only.end("this server has a leader again")
            else:
                read_only.tick(now_ms)
        elif now_ms - max(self.in_step_ms, self._began_ms) >= self.patience_ms:
            # A server that has just been started has to look for a leader first.
            read_only.begin()

    def drop_clients(self, why: str) -> None:
        """End all connections; their clients will look for another server."""
        core = self.core
        waiting = [run[0] for batch in core.in_flight for run in batch.runs]
        waiting += [run[0] for batch in (*core.closed, core.batch) for run in batch.runs]
        for conn in (*core.attached.values(), *waiting):
            if conn is not None and conn.phase < Phase.CLOSING:
                conn.out.clear()
                core.end(conn, why)

    def installed(self, blocks: Iterable[bytes], index: int, zxid: int, now_ms: int) -> None:
        """Go on from a snapshot of another server, which is on our disk by now.

        What our clients have on its way may be in it or not, and their watches have missed
        events: they are sent away, and find both out when they come back.
        """
        core = self.core
        if index <= core.executed:
            # We have come further since it was offered, of which the leader has to hear.
            if core.node.follower is not None:
                core.node.follower.lose_the_thread()
            return
        why = "this server was brought up to date by a snapshot"
        self.drop_clients(why)
        if self.read_only is not None:
            self.read_only.end(why)
        for batch in core.in_flight:
            core.outstanding -= batch.requests
        core.in_flight.clear()
        load(core, blocks)
        core.zxid, core.executed = zxid, index
        core.track_all(now_ms)
        core.node.installed(index, zxid)
        if core.node.leader is not None and not core.node.leader.is_accepting:
            # What it was promised concerned another log.
            core.node.begin_epoch(now_ms)
        membership, number = core.membership, core.configuration_number
        if membership is not None and number > core.node.configuration.number:
            configuration = Configuration(number, membership.voters, membership.observers)
            core.node.enter(configuration, now_ms)

    # Digests.

    def noted(self, zxid: int, digest: int) -> None:
        """This server has settled its digest as of ``zxid``."""
        expected = self._notes.pop(zxid, None)
        invariant(
            expected is None or expected == digest,
            "this replica's tree differs from the leader's",
            zxid=zxid,
            digest=digest,
            leader=expected,
        )
        leader = self.core.node.leader
        if leader is not None and leader.is_accepting:
            self.outbox += [(peer_id, DigestNote(zxid, digest)) for peer_id in leader.synced]

    def _compare(self, note: DigestNote) -> None:
        if note.zxid > self.core.zxid:
            self._notes[note.zxid] = note.digest
            if len(self._notes) > _NOTES_MAX:
                del self._notes[next(iter(self._notes))]
            return
        for zxid, digest in reversed(self.core.tree.digest.history):
            if zxid == note.zxid:
                invariant(
                    digest == note.digest,
                    "this replica's tree differs from the leader's",
                    zxid=zxid,
                    digest=digest,
                    leader=note.digest,
                )
            if zxid <= note.zxid:
                break


def _same_servers(one: Membership, other: Membership) -> bool:
    """Whether they are the same servers in the same roles, wherever each of them is said to be."""
    return (one.voters, one.observers) == (other.voters, other.observers)
