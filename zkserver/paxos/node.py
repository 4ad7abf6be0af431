"""One server's part in Paxos: messages and ticks in, messages and writes out.

After each step the shell

1. sends what :meth:`PaxosNode.take_outbox` gives,
2. takes :meth:`PaxosNode.take_persist`, makes its writes durable, and hands it back to
   :meth:`PaxosNode.persisted`, after which more may have to be sent;
3. executes the records up to ``decided``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zkserver.errors import invariant
from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.durable import (
    Persist,
    WriteEnd,
    WritePromise,
    WriteRecord,
    WriteSync,
    may_be_told,
)
from zkserver.paxos.election import Election, Timing
from zkserver.paxos.follower import Follower, refuse, report
from zkserver.paxos.leader import Leader
from zkserver.paxos.log import Log, Record
from zkserver.paxos.messages import (
    Accept,
    Accepted,
    AcceptSync,
    Assurance,
    Heartbeat,
    OneShort,
    PaxosMessage,
    Prepare,
    PrepareRequest,
    Promise,
    Question,
    Refusal,
)

#: How often a server without a leader asks the others for one, milliseconds.
_ASK_AGAIN_MS: Final = 500


class PaxosNode:
    """A server among others.

    Invariants: ``decided <= log.end``; ``accepted <= promised``; neither ``promised`` nor
    ``decided`` ever goes down; what is decided is never replaced.
    """

    def __init__(
        self,
        server_id: int,
        configuration: Configuration,
        log: Log,
        promised: Ballot,
        accepted: Ballot,
        timing: Timing,
        below: Callable[[int], int],
        decided: int = 0,
    ) -> None:
        """``log`` begins where a snapshot ends: what is before is decided.

        ``decided`` is what was known to be so when the server wrote that last.
        """
        self.server_id = server_id
        self.configuration = configuration
        self._is_alone = False
        self.log = log
        #: No lower ballot is listened to.
        self.promised = promised
        #: The ballot in which ``log`` was accepted last.
        self.accepted = accepted
        #: How much of the sequence is decided, as far as we know.
        self.decided = min(max(log.start, decided), log.end)
        self.election = Election(server_id, configuration, promised, timing, below)
        self.leader: Leader | None = None
        self.follower: Follower | None = None
        #: Servers that can be reached -> which of all links that ever were this one is.
        self.links: dict[int, int] = {}
        self._links_made = 0
        #: Servers that are too far behind for our log; the shell sends them a snapshot.
        self.wants_snapshot: dict[int, None] = {}
        #: The leader has to be told how far our disk has come.
        self.owes_acknowledgement = False
        self.outbox: list[tuple[int, PaxosMessage]] = []
        #: Followers need not know at once what is decided, unless the leader is told that
        #: somebody waits there; whoever sets this calls :meth:`Leader.tell` now and then.
        self.is_patient = False
        self._persist = Persist()
        # What is on disk: a sequence of this length, accepted in this ballot.
        self._durable_accepted = accepted
        self._durable_length = log.end
        self._ask_ms = 0
        #: Since when we neither lead nor follow.
        self._adrift_since_ms = 0
        #: Since when others have been in a later configuration.
        self._outdated_since_ms = 0

    # Events.

    def lead_alone(self) -> None:
        """Be a quorum of one, for good: the ballot stays what it was, and nothing is written.

        Not for the only voter of an ensemble: others follow that one, and may have more of
        its sequence than its own disk after a crash; it needs a new ballot each time.
        """
        voters = self.configuration.voters
        invariant(voters == (self.server_id,), "others have a vote too", voters=voters)
        self._is_alone = True
        before = max(self.promised, self.accepted)
        ballot = Ballot(self.configuration.number, before.number, self.server_id)
        self._lead_alone(ballot if ballot >= before else before.next_for(self.server_id))
        self.learn(self.log.end)

    def _lead_alone(self, ballot: Ballot) -> None:
        # Nothing is written: whoever is alone finds the same again.
        self.election.own = self.election.leader = ballot
        self.promised = self.accepted = self._durable_accepted = ballot
        self.leader = Leader(self, ballot)
        self.leader.is_accepting = True

    def begin_epoch(self, now_ms: int) -> None:
        """Lead on under the next ballot: the zxids of this one are used up.

        Among others that takes until a majority is heard, and somebody else may be elected.
        """
        invariant(self.leader is not None, "only a leader begins an epoch")
        assert self.leader is not None
        if self.is_alone:
            self._lead_alone(self.promised.next_for(self.server_id))
        else:
            self.leader.is_over = True
            self.election.stand(now_ms)
            self._follow_election()

    def tick(self, now_ms: int) -> None:
        """Time went by."""
        if self.is_alone:
            return
        self.election.tick(now_ms)
        self._follow_election()
        if self.leader is not None:
            self.leader.has_more = True
        ahead = self.election.ahead()
        if not ahead:
            self._outdated_since_ms = now_ms
        if self.leader is not None or self.follower is not None:
            self._adrift_since_ms = now_ms
        if now_ms - self._ask_ms < _ASK_AGAIN_MS:
            return
        if not self.election.is_able and self.follower is None:
            self._ask_ms = now_ms
            for peer_id in self.links:
                self.send(peer_id, PrepareRequest(self.promised))
        elif now_ms - self._outdated_since_ms >= _ASK_AGAIN_MS:
            # Our configuration is over, and nobody who leads tells us how it ended.
            self._ask_ms = now_ms
            question = Prepare(self._no_candidate(), self.accepted, self.decided, self.log.end)
            for peer_id in ahead:
                self.send(peer_id, question)
        elif now_ms - self._adrift_since_ms >= _ASK_AGAIN_MS:
            # Somebody leads, and has done so since before we could follow.
            self._ask_ms = now_ms
            self.send(self.election.leader.server_id, PrepareRequest(self.promised))

    def _no_candidate(self) -> Ballot:
        """The ballot of a Prepare by which we only want to be told what is decided."""
        return Ballot(self.configuration.number, 0, self.server_id)

    def linked(self, peer_id: int, now_ms: int) -> None:
        """The link to a server is up; whatever was under way on the one before is lost."""
        self._links_made += 1
        self.links[peer_id] = self._links_made
        self.election.linked(peer_id, now_ms)
        if self.leader is not None:
            self.leader.asked_to_prepare(peer_id)
        self._follow_election()

    def unlinked(self, peer_id: int, now_ms: int) -> None:
        """The link to a server is down."""
        self.links.pop(peer_id, None)
        self.wants_snapshot.pop(peer_id, None)
        # What was meant for this link may not go over the next one.
        self.outbox = [item for item in self.outbox if item[0] != peer_id]
        if self.leader is not None:
            self.leader.lost(peer_id)
        if self.follower is not None and self.follower.leader_id == peer_id:
            self.follower.is_synced = False
        self.election.lost(peer_id, now_ms)
        self._follow_election()

    def received(self, peer_id: int, message: PaxosMessage, now_ms: int) -> None:
        """A message came over a link."""
        if isinstance(message, Heartbeat):
            self.election.heard(peer_id, message, now_ms)
            self._follow_election()
        elif isinstance(message, Accept):
            if self._follows(peer_id, message.ballot):
                self._following().accept(message)
        elif isinstance(message, Accepted):
            if self.leader is not None and self.leader.ballot == message.ballot:
                self.leader.accepted(peer_id, message)
        elif isinstance(message, OneShort):
            if self._follows(peer_id, message.ballot):
                self._following().one_short(message)
        elif isinstance(message, AcceptSync):
            if self._follows(peer_id, message.ballot):
                self._following().accept_sync(message)
        elif isinstance(message, Question):
            if self._follows(peer_id, message.ballot):
                self.send(peer_id, Assurance(message.ballot, message.number))
        elif isinstance(message, Assurance):
            if self.leader is not None and self.leader.ballot == message.ballot:
                self.leader.assures(peer_id, message)
        elif isinstance(message, Prepare):
            self._prepared(peer_id, message)
        elif isinstance(message, Promise):
            if self.leader is not None and self.leader.ballot == message.ballot:
                self.leader.promised(peer_id, message)
            elif message.ballot == self._no_candidate():
                self._told(message)
        elif isinstance(message, Refusal):
            if self.leader is not None:
                self.leader.refused(peer_id, message)
        elif self.leader is not None:
            self.leader.asked_to_prepare(peer_id)

    def _follows(self, peer_id: int, ballot: Ballot) -> bool:
        """Whether a message of phase 2 comes from the leader that we have promised."""
        if refuse(self, peer_id, ballot):
            return False
        follower = self.follower
        if follower is None or follower.ballot != ballot or follower.leader_id != peer_id:
            # Its Prepare came over a link that is gone, or never came.
            self.send(peer_id, PrepareRequest(self.promised))
            return False
        return True

    def _following(self) -> Follower:
        invariant(self.follower is not None, "a follower without its state")
        assert self.follower is not None
        return self.follower

    def _prepared(self, peer_id: int, message: Prepare) -> None:
        ballot = message.ballot
        here = self.configuration.number
        if ballot.configuration < here:
            # Its configuration is over, and it has to learn how that ended.
            report(self, peer_id, message)
            return
        if refuse(self, peer_id, ballot) or not ballot.number:
            return
        if ballot.configuration == here and peer_id not in self.configuration.voters:
            # It has not heard yet that it has no vote.
            self.send(peer_id, Refusal(self.promised))
            return
        self.leader = None
        self.promise(ballot)
        self.election.promised(ballot)
        self.follower = Follower(self, ballot, peer_id)
        self.follower.prepare(message)

    def _told(self, message: Promise) -> None:
        """How our configuration ended: all of the message's sequence is decided.

        The ballot of the teller is not ours to claim, since its leader may have adopted more
        than what is decided by now, nor is our own, if we have accepted something else in it.
        So it is taken over below all ballots of the next configuration.
        """
        records, decided = message.records, message.decided
        start = records[0].first if records else message.length
        if decided <= self.decided or not self.decided <= start <= self.log.end:
            return
        if records and self.log.zxid_before(decided) != records[-1].last_zxid:
            lowest = Ballot(self.configuration.number + 1, 0, 0)
            if self.accepted >= lowest:
                return
            if self.follower is not None and self.follower.ballot < lowest:
                self.follower = None
            self.promise(lowest)
            self.write_sync(lowest, start, records)
        self.learn(min(decided, self.log.end))

    def learn_by_configuration(self) -> bool:
        """Whether the next record was learnt to be decided, since the next configuration is.

        What was accepted in a configuration stands behind the entry that began it. So after
        a restart everything up to that entry is known to be decided.
        """
        if self.accepted.configuration <= self.configuration.number:
            return False
        following = self.log.since(self.decided)
        if not following:
            return False
        self.learn(following[0].end)
        return True

    def _follow_election(self) -> None:
        """Take the role that the election gives us."""
        ballot = self.election.leader
        if ballot.server_id == self.server_id:
            is_ours = ballot == self.election.own and ballot > self.promised
            if is_ours and (self.leader is None or self.leader.ballot != ballot):
                self.follower = None
                self.leader = Leader(self, ballot)
                self.leader.begin()
        elif self.leader is not None and ballot > self.leader.ballot:
            self.leader = None
        self.outbox += self.election.outbox
        self.election.outbox.clear()

    def enter(self, configuration: Configuration, now_ms: int) -> None:
        """The entry that ends the configuration is executed: the next one begins."""
        was_leading = self.leader is not None
        if self.leader is not None:
            self.leader.tell()
        self.configuration = configuration
        self.leader = None
        if self.follower is not None and self.follower.ballot.configuration < configuration.number:
            # Otherwise it is the next leader already from whom we have heard of this.
            self.follower = None
        self.election.enter(configuration, now_ms)
        if was_leading and self.server_id in configuration.voters:
            self.election.stand(now_ms)
        self._follow_election()

    def go_on(self) -> None:
        """The entry that might have ended the configuration did not."""
        if self.leader is not None:
            self.leader.is_stopping = any(r.stops for r in self.log.since(self.decided))

    def resign(self) -> None:
        """Give up leading until somebody has brought us up to date."""
        self.leader = None
        self.election.is_able = False

    def installed(self, index: int, zxid: int) -> None:
        """A snapshot of everything before ``index`` was taken over and is durable."""
        if index <= self.decided:
            return
        self.decided = index
        if self.log.zxid_before(index) == zxid:
            # Ours goes on behind it, and others may count on that.
            self.log.trim(index)
        else:
            self.log.reset(index, zxid)
            self.write_end(self.accepted)
        if self.follower is not None:
            self.follower.lose_the_thread()

    # What roles use.

    def peers(self) -> list[int]:
        """Everybody who can be reached."""
        return sorted(self.links)

    def send(self, peer_id: int, message: PaxosMessage) -> None:
        """Send as soon as this step is over."""
        if peer_id in self.links:
            self.outbox.append((peer_id, message))

    def hold(self, peer_id: int, message: PaxosMessage) -> None:
        """Send once all writes up to here are durable."""
        self._persist.held.append((peer_id, message))

    def promise(self, ballot: Ballot) -> None:
        """Listen to nothing below ``ballot`` any more."""
        if ballot > self.promised:
            self.promised = ballot
            self._persist.writes.append(WritePromise(ballot, self.decided))

    def write_record(self, ballot: Ballot, record: Record) -> None:
        """A record was put at the end of the log, accepted in ``ballot``."""
        self.accepted = ballot
        self._persist.writes.append(WriteRecord(ballot, record))

    def write_sync(self, ballot: Ballot, start: int, records: tuple[Record, ...]) -> None:
        """From ``start`` on the log becomes ``records``, and all of it accepted in ``ballot``."""
        self.log.truncate(start)
        if not records:
            self.write_end(ballot)
            return
        self.log.extend(records)
        self.accepted = ballot
        self._persist.writes.append(WriteSync(ballot, records))

    def write_end(self, ballot: Ballot) -> None:
        """The log was cut, or is accepted in ``ballot`` as it is."""
        self.accepted = ballot
        self._persist.writes.append(WriteEnd(ballot, self.log.end, self.log.last_zxid))

    def learn(self, length: int) -> None:
        """The sequence is decided that far."""
        if length > self.decided:
            if length > self.log.end:
                invariant(False, "decided what is not there", length=length)
            self.decided = length

    def durable_length(self, ballot: Ballot) -> int:
        """How much of the sequence accepted in ``ballot`` is on our disk."""
        return self._durable_length if self._durable_accepted == ballot else 0

    # What the shell uses.

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody else: no ensemble, but a standalone server."""
        return self._is_alone

    @property
    def leads(self) -> bool:
        """Whether records may be proposed here now."""
        return self.leader is not None and self.leader.may_propose

    @property
    def synced_leader(self) -> Ballot | None:
        """The ballot of the leader whose sequence we have, be it ourselves; None without.

        Then our log holds all that can still be decided of what was proposed before.
        """
        if self.leader is not None and self.leader.is_accepting:
            return self.leader.ballot
        if self.follower is not None and self.follower.is_caught_up:
            return self.follower.ballot
        return None

    def propose(self, record: Record) -> None:
        """Put a record behind the sequence; only while :attr:`leads`."""
        if self.leader is None:
            invariant(False, "proposed by no leader")
        else:
            self.leader.propose(record)

    def take_outbox(self) -> list[tuple[int, PaxosMessage]]:
        """Messages to send now; those to a server in their order."""
        leader = self.leader
        if leader is not None and leader.is_accepting and leader.has_more:
            leader.stream()
        outbox, self.outbox = self.outbox, []
        return outbox

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to become durable."""
        persist = self._persist
        return not (persist.writes or persist.held or self.owes_acknowledgement)

    def take_persist(self) -> Persist | None:
        """What has to become durable, or None."""
        if self.owes_acknowledgement:
            self.owes_acknowledgement = False
            # Not to a leader whose sequence ours is not yet: it may have come in between.
            if self.follower is not None and self.follower.is_synced:
                self.hold(self.follower.leader_id, Accepted(self.follower.ballot, self.log.end))
        persist = self._persist
        if not persist.writes and not persist.held:
            return None
        persist.accepted, persist.length = self.accepted, self.log.end
        self._persist = Persist()
        return persist

    def persisted(self, persist: Persist, now_ms: int) -> None:
        """The writes of ``persist`` are durable: what waited for them is told."""
        self._durable_accepted, self._durable_length = persist.accepted, persist.length
        for peer_id, message in persist.held:
            if not may_be_told(message, self.promised):
                continue
            if peer_id == self.server_id:
                self.received(peer_id, message, now_ms)
            else:
                self.send(peer_id, message)
        if self.leader is not None:
            self.leader.decide()
            self.leader.has_more = True
        elif self.follower is not None:
            self.follower.persisted()


def _first_of(count: int) -> int:
    del count
    return 0


def alone(
    server_id: int, length: int = 0, zxid: int = 0, accepted: Ballot = NO_BALLOT
) -> PaxosNode:
    """A quorum of one whose sequence of ``length`` entries, up to ``zxid``, is executed.

    ``accepted`` is the highest ballot that it ever used.
    """
    node = PaxosNode(
        server_id,
        Configuration(accepted.configuration, (server_id,)),
        Log(length, zxid),
        accepted,
        accepted,
        Timing(),
        _first_of,
    )
    node.lead_alone()
    return node
