"""How ``sync`` is answered: by asking whether the leader still leads, not through the log.

What a client reads behind its ``sync`` has to be as new as all that was acknowledged to
anybody before it. The leader knows a length of the sequence that holds all of that: what it
knows to be decided, and what it adopted when it was elected, since leaders before it may have
decided that. It knows it for as long as it leads, and whether it did when it was asked, a
majority of the voters can tell afterwards: none of them has promised a higher ballot by then.
So nothing is written, and all that is asked meanwhile shares one question (the read index of
Raft: D. Ongaro, "Consensus: Bridging Theory and Practice", section 6.4).

A server asks for a batch that holds nothing else, :attr:`Batch.point` is the answer, and its
clients have theirs when that much is executed. It needs none if a batch of its own comes first
that was closed later: where that stands in the sequence, all that was acknowledged before is
in front of it. What was asked and not answered is asked anew after a change of leader, as
batches are handed over again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from zkserver.replica.peer_messages import SyncAsk, SyncPoint

if TYPE_CHECKING:
    from zkserver.paxos.ballot import Ballot
    from zkserver.paxos.leader import Leader


class _Round(NamedTuple):
    """Those who wait for the answers to one question of the leader's."""

    question: int
    ballot: Ballot
    #: The length of the sequence that they have to wait for.
    length: int
    #: Server and the number of its batch.
    askers: list[tuple[int, int]]


class SyncPoints:
    """The leader's side: who has asked, and who waits for what."""

    def __init__(self) -> None:
        self._asked: list[tuple[int, SyncAsk]] = []
        self._rounds: deque[_Round] = deque()

    def ask(self, server_id: int, ask: SyncAsk) -> None:
        """A server, or this one, has a batch of syncs."""
        self._asked.append((server_id, ask))

    def unlinked(self, server_id: int) -> None:
        """The link is down: what it wants to know it will ask again."""
        self._asked = [item for item in self._asked if item[0] != server_id]
        for waiting in self._rounds:
            waiting.askers[:] = [asker for asker in waiting.askers if asker[0] != server_id]

    def begin(self, leader: Leader) -> bool:
        """Ask the voters on behalf of all who have come; whether anybody has.

        It is asked behind what they wait for, so an answer that comes is new enough.
        """
        ballot = leader.ballot
        askers = [(server_id, ask.number) for server_id, ask in self._asked if ask.ballot == ballot]
        self._asked.clear()
        if askers:
            question = leader.ask_whether_we_lead()
            self._rounds.append(_Round(question, ballot, leader.covering_length, askers))
        return bool(askers)

    def concluded(self, leader: Leader) -> Iterator[tuple[int, SyncPoint]]:
        """The answers that have become known, and for whom they are."""
        rounds = self._rounds
        while rounds and rounds[0].ballot != leader.ballot:
            # They were asked in a term that is over, and so will be asked again.
            rounds.popleft()
        assured = leader.assured if rounds else 0
        while rounds and rounds[0].question <= assured:
            _, ballot, index, askers = rounds.popleft()
            for server_id, number in askers:
                yield server_id, SyncPoint(ballot, number, index)
