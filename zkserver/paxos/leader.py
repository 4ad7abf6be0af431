"""The leader's part: hand out positions, count who accepted how far, tell what is decided.

Invariant: ``decided <= accepted by a majority <= proposed``, and all three only grow.
"""

from __future__ import annotations

from collections.abc import Iterable

from zkserver.errors import invariant
from zkserver.paxos.ballot import Ballot


class Leader:
    """The leader of ``ballot`` among ``voters``, whose sequence is ``length`` entries long."""

    def __init__(self, ballot: Ballot, voters: Iterable[int], length: int) -> None:
        self.ballot = ballot
        #: Voter -> how many entries of the sequence are on its disk.
        self.accepted_by: dict[int, int] = dict.fromkeys(voters, 0)
        #: How many entries have a position.
        self.proposed = length
        #: How many entries a majority has on disk.
        self.decided = length
        invariant(bool(self.accepted_by), "a ballot without voters", ballot=ballot)

    def propose(self, count: int) -> int:
        """Give ``count`` entries the next positions; returns the first of them."""
        first = self.proposed
        self.proposed += count
        return first

    def accepted(self, server_id: int, length: int) -> int:
        """``server_id`` has the first ``length`` entries on disk; returns what is decided.

        Repeated and late news are harmless: a server's disk never shrinks in a ballot.
        """
        invariant(length <= self.proposed, "accepted before proposed", length=length)
        if length > self.accepted_by[server_id]:
            self.accepted_by[server_id] = length
        if len(self.accepted_by) == 1:
            # A quorum of one: its own disk is the majority.
            self.decided = max(self.decided, length)
            return self.decided
        lengths = sorted(self.accepted_by.values(), reverse=True)
        majority = lengths[len(lengths) // 2]
        self.decided = max(self.decided, majority)
        return self.decided
