"""The follower: promise, take the leader's sequence, keep up with it.

Everything is refused that belongs to a lower ballot than the promised one. A message that
does not fit where the sequence ends shows that the thread was lost, and is answered by the
request to be prepared again, never by a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zkserver.errors import invariant
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.log import Record
from zkserver.paxos.messages import (
    Accept,
    AcceptSync,
    OneShort,
    Prepare,
    PrepareRequest,
    Promise,
    Refusal,
)

if TYPE_CHECKING:
    from zkserver.paxos.node import PaxosNode

#: A log with more payload bytes than this is not handed to a new leader as a whole.
_PROMISE_BYTES_MAX: Final = 512 * 1024 * 1024


class Follower:
    """The state of a server that has promised the ballot of ``leader_id``."""

    def __init__(self, node: PaxosNode, ballot: Ballot, leader_id: int) -> None:
        self.node = node
        self.ballot = ballot
        self.leader_id = leader_id
        #: Our sequence is the leader's, as far as it goes.
        self.is_synced = False
        #: How long the leader's sequence was when it began to sync us.
        self._sync_length = 0
        #: Of so much nothing but our own disk is missing from a majority.
        self._one_short = 0

    @property
    def is_caught_up(self) -> bool:
        """All is here that the leader had when it synced us last."""
        return self.is_synced and self.node.log.end >= self._sync_length

    def prepare(self, message: Prepare) -> None:
        """Phase 1: say what we have accepted; the node has promised the ballot already."""
        node, log = self.node, self.node.log
        self.is_synced = False
        # What the sender knows to be decided teaches us nothing yet, even if it names the ballot
        # in which we accepted ours: where a snapshot of another ballot's sequence was installed,
        # ours may be the one that differs. AcceptSync tells it of a sequence that we have.
        records: tuple[Record, ...] = ()
        is_cut = False
        start = log.end
        if node.accepted > message.accepted:
            start = min(message.decided, log.end)
        elif node.accepted == message.accepted and log.end > message.length:
            start = message.length
        if start < log.start or log.payload_bytes > _PROMISE_BYTES_MAX:
            # Whoever lacks that much is better served by a snapshot of somebody else's.
            is_cut = start < log.end or start < log.start
        else:
            records = tuple(log.since(start))
        node.hold(
            self.leader_id,
            Promise(self.ballot, node.accepted, node.decided, log.end, records, is_cut),
        )

    def accept_sync(self, message: AcceptSync) -> None:
        """Phase 2 begins for us: our sequence becomes the leader's."""
        node, log = self.node, self.node.log
        if not log.start <= message.start <= log.end or message.start < node.decided:
            self.lose_the_thread()
            return
        self.is_synced = True
        self._sync_length = message.length
        node.election.is_able = True
        if node.accepted == self.ballot:
            # It is this ballot's already, and may have grown since the leader was told how
            # long it is; what was acknowledged is never cut.
            self._extend(message.records)
        else:
            # Noted even without records: from here on it is this ballot's sequence.
            node.write_sync(self.ballot, message.start, message.records)
        self.node.owes_acknowledgement = True
        self._learn(message.decided)

    def accept(self, message: Accept) -> None:
        """Further records, or news of what is decided."""
        if not self.is_synced:
            return
        if message.records and message.records[0].first > self.node.log.end:
            self.lose_the_thread()
            return
        if message.records:
            self._extend(message.records)
            self.node.owes_acknowledgement = True
        self._learn(message.decided)

    def one_short(self, message: OneShort) -> None:
        """What is or comes on our disk is decided by that, as far as this goes."""
        self._one_short = max(self._one_short, message.length)
        self.persisted()

    def persisted(self) -> None:
        """Our disk has come further, or others' have."""
        node = self.node
        if self._one_short > node.decided:
            node.learn(min(self._one_short, node.durable_length(self.ballot)))

    def _extend(self, records: tuple[Record, ...]) -> None:
        """Put what we do not have yet behind our sequence, which is the leader's."""
        node, log = self.node, self.node.log
        for record in records:
            if record.first >= log.end:
                invariant(record.zxid > log.last_zxid, "zxids have to grow", zxid=record.zxid)
                log.append(record)
                node.write_record(self.ballot, record)

    def _learn(self, decided: int) -> None:
        node = self.node
        node.learn(min(decided, node.log.end))

    def lose_the_thread(self) -> None:
        """Ask the leader to begin anew with us."""
        self.is_synced = False
        self.node.send(self.leader_id, PrepareRequest(self.ballot))


def report(node: PaxosNode, peer_id: int, message: Prepare) -> None:
    """Tell a candidate of a configuration that is over what is decided.

    This has the form of a promise but is none: nothing more can be decided in a
    configuration that has ended, so there is nothing left to promise.
    """
    decided = node.decided
    start = message.length if node.accepted == message.accepted else message.decided
    start = min(start, decided)
    if start < node.log.start:
        node.wants_snapshot[peer_id] = None
        return
    records = tuple(record for record in node.log.since(start) if record.end <= decided)
    node.send(peer_id, Promise(message.ballot, node.accepted, decided, decided, records))


def refuse(node: PaxosNode, peer_id: int, ballot: Ballot) -> bool:
    """Whether a message of ``ballot`` comes too late; then its sender is told so."""
    if ballot >= node.promised:
        return False
    node.send(peer_id, Refusal(node.promised))
    return True
