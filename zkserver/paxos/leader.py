"""The leader: adopt what may be decided already, then extend the sequence.

Phase 1 (preparing): of a majority's promises the sequence accepted in the highest ballot,
and of those the longest, becomes the leader's. Whatever was decided before is in it, since
a majority had accepted that, and two majorities share a server.

Phase 2 (accepting): every follower is brought to the leader's sequence once (AcceptSync)
and then gets the records in order (Accept), without waiting for answers, as far as a window
allows. A length that a majority of the voters has on disk is decided. The leader's own disk
is one of them and works while the messages travel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from zkserver.errors import invariant
from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.log import Record
from zkserver.paxos.messages import (
    Accept,
    Accepted,
    AcceptSync,
    Assurance,
    OneShort,
    Prepare,
    Promise,
    Question,
    Refusal,
)

if TYPE_CHECKING:
    from zkserver.paxos.node import PaxosNode

#: Payload bytes under way to one follower before the leader waits for an answer.
WINDOW_BYTES: Final = 16 * 1024 * 1024
#: Payload bytes in one AcceptSync or Accept; more go into further ones.
MESSAGE_BYTES: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class Follower:
    """What the leader knows of a server that has promised its ballot."""

    accepted: Ballot
    decided: int
    #: How much of the leader's sequence is on its disk.
    length: int
    #: How much was sent to it; ``None`` until it is synced.
    sent: int | None = None
    #: How much it was told to be decided.
    told: int = 0
    #: How far somebody waits there to be told.
    awaits: int = 0
    #: How far it was told that nothing but its own disk is missing.
    one_short: int = 0
    #: (end, bytes) of what is under way.
    under_way: list[tuple[int, int]] = field(default_factory=list)
    bytes_under_way: int = 0
    #: The last of our questions whether we lead that it has answered.
    assured: int = 0


class Leader:
    """The state of a server that leads ``ballot``, from its election to its end."""

    def __init__(self, node: PaxosNode, ballot: Ballot) -> None:
        self.node = node
        self.ballot = ballot
        #: Phase 2 has begun.
        self.is_accepting = False
        self.promises: dict[int, Promise] = {}
        self.followers: dict[int, Follower] = {}
        #: The sequence that was adopted: its ballot and length.
        self._adopted = NO_BALLOT
        self._adopted_length = 0
        #: A record that may end the configuration has been proposed: nothing goes behind it.
        self.is_stopping = False
        #: The next ballot is wanted, since the zxids of this one are used up, or what was promised
        #: concerned another log. Until somebody leads in a higher one nothing is proposed: what
        #: would still fit came after what did not.
        self.is_over = False
        #: Followers have not been told all that is decided, since nobody waits for it there.
        self.has_news = False
        #: There may be something to stream; every step that makes it so says it.
        self.has_more = True
        #: How far a follower may have come to know by itself what is decided.
        self._one_short = 0
        #: How often the voters were asked whether we still lead.
        self._questions = 0

    def begin(self) -> None:
        """Phase 1: ask everybody, ourselves included."""
        node = self.node
        node.promise(self.ballot)
        prepare = self._prepare()
        for peer_id in node.peers():
            node.hold(peer_id, prepare)
        # Our own promise counts when it is on disk.
        node.hold(node.server_id, self._own_promise())

    def _prepare(self) -> Prepare:
        node = self.node
        return Prepare(self.ballot, node.accepted, node.decided, node.log.end)

    def _own_promise(self) -> Promise:
        node = self.node
        return Promise(self.ballot, node.accepted, node.decided, node.log.end, ())

    # Messages.

    def asked_to_prepare(self, peer_id: int) -> None:
        """A server has (re)connected; what was under way to it is lost."""
        self.followers.pop(peer_id, None)
        self.node.hold(peer_id, self._prepare())

    def promised(self, peer_id: int, promise: Promise) -> None:
        """A server will listen to no lower ballot."""
        if self.is_accepting:
            # Whatever is decided in our configuration is in what we adopted. Who knows more
            # tells how it ended, which we are about to execute or will ask for.
            if peer_id != self.node.server_id and promise.decided <= self.node.log.end:
                self._sync(peer_id, promise)
            return
        if self.is_over:
            return
        self.promises[peer_id] = promise
        if self.node.configuration.is_majority(sum(p in self.promises for p in self._voters)):
            self._adopt()

    def _adopt(self) -> None:
        """A majority has promised: take over the sequence that may be decided."""
        node, log = self.node, self.node.log
        best = max(
            (self.promises[voter] for voter in self._voters if voter in self.promises),
            key=lambda promise: (promise.accepted, promise.length),
        )
        if (best.accepted, best.length) > (node.accepted, log.end):
            start = best.records[0].first if best.records else best.length
            if best.is_cut or start > log.end:
                # We lack what others have given up. Somebody else has to lead.
                node.resign()
                return
            invariant(start >= node.decided, "a decided entry would be replaced", start=start)
            node.write_sync(self.ballot, start, best.records)
        else:
            node.write_end(self.ballot)
        self._adopted, self._adopted_length = best.accepted, log.end
        self.is_accepting = True
        self.is_stopping = any(record.stops for record in log.since(node.decided))
        # Whatever is decided is in it; and this may be all that is left to do here, if what
        # others know to be decided ends the configuration.
        node.learn(min(log.end, max(promise.decided for promise in self.promises.values())))
        promises, self.promises = self.promises, {}
        for peer_id, promise in promises.items():
            if peer_id != node.server_id:
                self._sync(peer_id, promise)

    @property
    def _voters(self) -> tuple[int, ...]:
        return self.node.configuration.voters

    def _sync(self, peer_id: int, promise: Promise) -> None:
        """Bring a follower to our sequence."""
        node = self.node
        at_least = self._adopted_length
        if promise.accepted == self.ballot:
            # It has the adopted sequence; the rest may come in parts.
            start = at_least = promise.length
        elif promise.accepted == self._adopted:
            start = min(promise.length, self._adopted_length)
        else:
            start = promise.decided
        # What is decided is the same everywhere, and may have come in a snapshot.
        start = max(start, promise.decided)
        if start < node.log.start:
            node.wants_snapshot[peer_id] = None
            return
        follower = Follower(promise.accepted, promise.decided, 0, start, node.decided)
        self.followers[peer_id] = follower
        self.has_more = True
        records = self._next_records(follower, at_least)
        node.send(peer_id, AcceptSync(self.ballot, start, records, node.decided, node.log.end))
        if self._questions:
            # What it was asked before may have been lost with the link.
            node.send(peer_id, Question(self.ballot, self._questions))

    def _next_records(self, follower: Follower, at_least: int = 0) -> tuple[Record, ...]:
        """The next records for a follower, as far as the window and a message go.

        Those before ``at_least`` go in any case: until a follower has all that we adopted,
        it may not call its sequence ours.
        """
        invariant(follower.sent is not None, "records for a follower that is not synced")
        log = self.node.log
        if follower.sent is None or follower.sent == log.end:
            return ()
        chosen: list[Record] = []
        size = 0
        for record in log.since(follower.sent):
            if record.first >= at_least:
                if chosen and size + len(record.payload) > MESSAGE_BYTES:
                    break
                if follower.bytes_under_way + size > WINDOW_BYTES:
                    break
            chosen.append(record)
            size += len(record.payload)
        if chosen:
            follower.sent = chosen[-1].end
            follower.under_way.append((follower.sent, size))
            follower.bytes_under_way += size
        return tuple(chosen)

    def accepted(self, peer_id: int, message: Accepted) -> None:
        """A follower has more of our sequence on its disk."""
        follower = self.followers.get(peer_id)
        if follower is None or message.length <= follower.length:
            return
        invariant(message.length <= self.node.log.end, "accepted what was never proposed")
        follower.length = message.length
        follower.told = max(follower.told, min(message.length, follower.one_short))
        under_way = follower.under_way
        while under_way and under_way[0][0] <= message.length:
            follower.bytes_under_way -= under_way.pop(0)[1]
        if follower.sent != self.node.log.end:
            # There is room in its window now.
            self.has_more = True
        if message.length > self.node.decided:
            self.decide()
            # Where somebody waits only its own disk may be missing now.
            self.has_more = True

    def assures(self, peer_id: int, message: Assurance) -> None:
        """A server has promised no higher ballot than ours, up to one of our questions."""
        follower = self.followers.get(peer_id)
        if follower is not None:
            follower.assured = max(follower.assured, message.number)

    def refused(self, peer_id: int, message: Refusal) -> None:
        """A server has promised a higher ballot: it is not ours any more."""
        if message.ballot <= self.ballot:
            return
        self.followers.pop(peer_id, None)
        self.promises.pop(peer_id, None)

    def lost(self, peer_id: int) -> None:
        """The link is down, and what was under way with it."""
        self.followers.pop(peer_id, None)

    # Work.

    @property
    def may_propose(self) -> bool:
        """Whether records can be put behind the sequence now."""
        return self.is_accepting and not self.is_stopping and not self.is_over

    def propose(self, record: Record) -> None:
        """Put a record behind the sequence."""
        node = self.node
        if not self.may_propose or record.zxid <= node.log.last_zxid:
            invariant(False, "proposed before its time, or a zxid again", zxid=record.zxid)
        node.log.append(record)
        node.write_record(self.ballot, record)
        self.has_more = True
        if record.stops and not node.is_alone:
            self.is_stopping = True

    def decide(self) -> None:
        """See how far a majority of the voters has come."""
        node = self.node
        if not self.is_accepting:
            return
        if node.is_alone:
            node.learn(node.durable_length(self.ballot))
            return
        length = node.configuration.majority_of([self._length_of(v) for v in self._voters])
        if length > node.decided:
            node.learn(length)
            self.has_more = True

    def _length_of(self, voter: int) -> int:
        if voter == self.node.server_id:
            return self.node.durable_length(self.ballot)
        follower = self.followers.get(voter)
        return 0 if follower is None else follower.length

    def ask_whether_we_lead(self) -> int:
        """Ask all who have a vote and follow us; returns the number of the question."""
        self._questions += 1
        question = Question(self.ballot, self._questions)
        for voter in self._voters:
            if voter in self.followers:
                self.node.send(voter, question)
        return self._questions

    @property
    def assured(self) -> int:
        """The last question on which a majority of the voters, we among them, has assured us."""
        return self.node.configuration.majority_of([self._assured_by(v) for v in self._voters])

    def _assured_by(self, voter: int) -> int:
        if voter == self.node.server_id:
            return self._questions
        follower = self.followers.get(voter)
        return 0 if follower is None else follower.assured

    @property
    def covering_length(self) -> int:
        """The length within which all is that was acknowledged to anybody, while we lead."""
        return max(self.node.decided, self._adopted_length, self._one_short)

    def awaited(self, peer_id: int) -> None:
        """Somebody at a follower waits for what has been proposed so far."""
        follower = self.followers.get(peer_id)
        if follower is not None:
            follower.awaits = self.node.log.end
            self.has_more = True

    def tell(self) -> None:
        """Send everybody everything, news as well that nobody waits for."""
        for follower in self.followers.values():
            follower.awaits = max(follower.awaits, self.node.decided)
        self.stream()

    def stream(self) -> None:
        """Send every follower the records that it lacks, and tell what is decided.

        The latter can wait for the next records, which costs no message then, unless
        somebody waits for it; see :meth:`tell`.
        """
        node = self.node
        log, decided = node.log, node.decided
        self.has_news = self.has_more = False
        end, is_patient = log.end, node.is_patient
        for peer_id, follower in self.followers.items():
            if follower.sent is None:
                continue
            if follower.sent == end and follower.told >= follower.awaits and is_patient:
                if follower.told < decided:
                    self.has_news = True
                continue
            while follower.sent < log.end or follower.told < decided:
                if follower.sent < log.start:
                    # It is slower than we could wait for.
                    follower.sent = None
                    node.wants_snapshot[peer_id] = None
                    break
                records = self._next_records(follower)
                if not records and follower.told >= decided:
                    break
                follower.told = decided
                node.send(peer_id, Accept(self.ballot, records, decided))
            if follower.awaits > follower.told:
                self._tell_who_decides(peer_id, follower)

    def _tell_who_decides(self, peer_id: int, follower: Follower) -> None:
        """Somebody waits at a follower: let it know where its own disk is the last one needed.

        Not while the configuration may end: how it does the leader has to know first.
        """
        if peer_id not in self._voters or self.is_stopping:
            return
        length = self.node.configuration.one_short_of_majority(
            [self._length_of(voter) for voter in self._voters if voter != peer_id]
        )
        if length > max(follower.told, follower.one_short):
            follower.one_short = length
            self._one_short = max(self._one_short, length)
            self.node.send(peer_id, OneShort(self.ballot, length))

    @property
    def synced(self) -> list[int]:
        """The followers that get our sequence."""
        return [peer_id for peer_id, f in self.followers.items() if f.sent is not None]
