"""What replicas tell each other beyond what Paxos does."""

from __future__ import annotations

from dataclasses import dataclass

from zkserver.paxos.ballot import Ballot
from zkserver.paxos.messages import PaxosMessage


@dataclass(frozen=True, slots=True)
class Forward:
    """From a follower to the leader of ``ballot``: a batch for the sequence.

    A leader of another ballot ignores it. So what was forwarded and is not in the log once
    the follower is in step with a later leader will never be in it, and can be sent again.
    """

    ballot: Ballot
    #: How many writes it holds, at least one.
    entries: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Touch:
    """From a follower to the leader: the sessions that it has heard from lately."""

    session_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DigestNote:
    """From the leader to its followers: the tree's digest behind the entry ``zxid``."""

    zxid: int
    digest: int


ReplicaMessage = Forward | Touch | DigestNote
PeerMessage = PaxosMessage | ReplicaMessage
