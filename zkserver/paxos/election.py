"""Ballot leader election: who leads is a matter of who is heard, not of whose log is longest.

Servers tell each other in heartbeats whether they are **quorum-connected**: in touch, both
ways, with a majority of the voters, themselves included. Only such a server may lead, so
one that everybody reaches but that reaches nobody is not elected, and one is found as soon
as there is one (Ng, Haridi and Carbone, *Omni-Paxos*, EuroSys 2023, section 5).

The elected leader is the highest ballot ever seen of a quorum-connected server. A server
raises its own ballot above it when that leader is lost: it is not heard, or is no longer
quorum-connected. Here we differ from the paper: as long as another voter says that it
hears the leader, nobody takes over. Otherwise two servers that do not hear each other, but
both a third one, would depose each other for ever (a bridge, a chain); the price is that
the one of the two that does not lead waits until somebody else helps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.messages import Heartbeat

_NEVER: Final = -(1 << 60)


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of the election in milliseconds."""

    heartbeat_ms: int = 60
    #: A server that was not heard, or has not heard us, for so long is not connected.
    timeout_ms: int = 400


@dataclass(slots=True)
class _Peer:
    """What is known about another server."""

    heard_ms: int = _NEVER
    #: Number of its last heartbeat.
    number: int = 0
    #: When the last of our heartbeats that it has heard was sent.
    hears_us_ms: int = _NEVER
    #: When one of its heartbeats was answered at once.
    answered_ms: int = _NEVER
    ballot: Ballot = NO_BALLOT
    leader: Ballot = NO_BALLOT
    hears_leader: bool = False
    quorum_connected: bool = False


class Election:
    """One server's part in the election.

    ``promised`` is the ballot that was promised last before the server was started: it
    counts as elected, and since nobody is heard to own it, it is soon replaced. ``below``
    draws a number from 0 to below its argument.
    """

    def __init__(
        self,
        server_id: int,
        configuration: Configuration,
        promised: Ballot,
        timing: Timing,
        below: Callable[[int], int],
    ) -> None:
        self.server_id = server_id
        self.configuration = configuration
        self.timing = timing
        #: The highest ballot known to have been elected or promised.
        self.leader = promised
        #: Our own ballot; its server id is 0 while we are no candidate.
        self.own = NO_BALLOT
        #: False while the log is too far behind to lead.
        self.is_able = True
        self.is_quorum_connected = False
        self.hears_leader = False
        #: To be sent: (server id, heartbeat).
        self.outbox: list[tuple[int, Heartbeat]] = []
        self._peers: dict[int, _Peer] = {}
        self._below = below
        self._number = 0
        #: Number of a heartbeat -> when it was sent; from ``_oldest`` on.
        self._sent_ms: dict[int, int] = {}
        self._oldest = 1
        self._next_beat_ms = _NEVER
        #: Since when there has been no leader; None while there is one.
        self._lost_since_ms: int | None = None
        self._patience_ms = 0

    # Events.

    def heard(self, peer_id: int, beat: Heartbeat, now_ms: int) -> None:
        """A heartbeat came."""
        is_new = not self.is_connected(peer_id, now_ms)
        peer = self._peers.setdefault(peer_id, _Peer())
        peer.heard_ms = now_ms
        peer.number = max(peer.number, beat.number)
        peer.hears_us_ms = max(peer.hears_us_ms, self._sent_ms.get(beat.echo, _NEVER))
        peer.ballot = beat.ballot
        peer.leader = beat.leader
        peer.hears_leader = beat.hears_leader
        peer.quorum_connected = beat.quorum_connected
        self._evaluate(now_ms)
        if is_new and now_ms - peer.answered_ms >= self.timing.heartbeat_ms:
            # Our echo is what makes the connection one in both directions. Not every one of
            # many that have piled up is answered, or the answers would go on for ever.
            peer.answered_ms = now_ms
            self._beat(now_ms, (peer_id,))

    def linked(self, peer_id: int, now_ms: int) -> None:
        """The link to a server is up."""
        self._beat(now_ms, (peer_id,))

    def lost(self, peer_id: int, now_ms: int) -> None:
        """The link to a server is down; what it said does not count any more."""
        self._peers[peer_id] = _Peer()
        self._evaluate(now_ms)

    def promised(self, ballot: Ballot) -> None:
        """A ballot was promised, whether or not we heard of its election."""
        self.leader = max(self.leader, ballot)

    def tick(self, now_ms: int) -> None:
        """Time went by."""
        if now_ms >= self._next_beat_ms:
            self._next_beat_ms = now_ms + self.timing.heartbeat_ms
            self._evaluate(now_ms)
            self._beat(now_ms)
        else:
            self._evaluate(now_ms)

    def enter(self, configuration: Configuration, now_ms: int) -> None:
        """A new configuration begins: ballots start anew, above all of the one before."""
        self.configuration = configuration
        self.leader = max(self.leader, Ballot(configuration.number, self.leader.number, 0))
        self.own = NO_BALLOT
        self._evaluate(now_ms)

    def stand(self, now_ms: int) -> None:
        """Become a candidate at once, above everybody: for one who led until now."""
        self._raise_ballot()
        self._evaluate(now_ms)

    def is_connected(self, peer_id: int, now_ms: int) -> bool:
        """Whether the server is heard and hears us."""
        peer = self._peers.get(peer_id)
        if peer is None:
            return False
        oldest = now_ms - self.timing.timeout_ms
        return peer.heard_ms >= oldest and peer.hears_us_ms >= oldest

    def ahead(self) -> list[int]:
        """Servers in touch with us that know of a later configuration."""
        here = self.configuration.number
        return sorted(
            peer_id for peer_id, peer in self._peers.items() if peer.leader.configuration > here
        )

    # Decisions.

    def _evaluate(self, now_ms: int) -> None:
        """Look at who is connected; elect, take over, or go on."""
        said = (self.own, self.leader, self.hears_leader, self.is_quorum_connected)
        voters = self.configuration.voters
        connected = [
            peer_id
            for peer_id in voters
            if peer_id != self.server_id and self.is_connected(peer_id, now_ms)
        ]
        votes = len(connected) + (self.server_id in voters)
        self.is_quorum_connected = self.configuration.is_majority(votes)
        candidates = [
            peer.ballot
            for peer in map(self._peers.__getitem__, connected)
            if peer.quorum_connected and peer.ballot.server_id
        ]
        able = self.is_able and self.is_quorum_connected and self.server_id in voters
        if able and self.own.server_id:
            candidates.append(self.own)
        top = max(candidates, default=NO_BALLOT)
        if top > self.leader and top.configuration == self.configuration.number:
            self.leader = top
        known = max([self.leader, *(self._peers[peer_id].leader for peer_id in connected)])
        helped = any(
            self._peers[peer_id].hears_leader and self._peers[peer_id].leader == known
            for peer_id in connected
        )
        if helped:
            # We may be its predecessor, deposed by servers that we do not hear.
            self.leader = known
        self.hears_leader = self.leader in candidates and known == self.leader
        if self.hears_leader or helped or not able:
            self._lost_since_ms = None
        elif self._lost_since_ms is None:
            # Whoever notices first takes over; the others hear of it meanwhile.
            self._lost_since_ms = now_ms
            self._patience_ms = self._below(self.timing.heartbeat_ms)
        elif now_ms - self._lost_since_ms >= self._patience_ms:
            self.leader = known
            self._raise_ballot()
            self.leader = self.own
            self.hears_leader = True
            self._lost_since_ms = None
        if said != (self.own, self.leader, self.hears_leader, self.is_quorum_connected):
            self._beat(now_ms)

    def _raise_ballot(self) -> None:
        seen = [self.leader, self.own, *(peer.ballot for peer in self._peers.values())]
        number = max(ballot.number for ballot in seen) + 1
        self.own = Ballot(self.configuration.number, number, self.server_id)

    def _beat(self, now_ms: int, receivers: tuple[int, ...] = ()) -> None:
        self._number += 1
        self._sent_ms[self._number] = now_ms
        # An echo of what was sent before that says nothing any more.
        while self._sent_ms[self._oldest] < now_ms - self.timing.timeout_ms:
            del self._sent_ms[self._oldest]
            self._oldest += 1
        for peer_id in receivers or self._everybody():
            peer = self._peers.get(peer_id)
            self.outbox.append(
                (
                    peer_id,
                    Heartbeat(
                        number=self._number,
                        echo=0 if peer is None else peer.number,
                        ballot=self.own if self.is_able else NO_BALLOT,
                        leader=self.leader,
                        hears_leader=self.hears_leader,
                        quorum_connected=self.is_quorum_connected,
                    ),
                )
            )

    def _everybody(self) -> list[int]:
        """All members, and whoever else has spoken to us, in a fixed order."""
        known = {*self.configuration.members, *self._peers}
        known.discard(self.server_id)
        return sorted(known)
