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
class SyncAsk:
    """From a follower to the leader of ``ballot``: it has a batch of nothing but syncs.

    As with :class:`Forward` a leader of another ballot ignores it.
    """

    ballot: Ballot
    #: The number of that batch.
    number: int


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """The leader's answer: what was acknowledged before is among so many first entries."""

    ballot: Ballot
    number: int
    index: int


@dataclass(frozen=True, slots=True)
class Touch:
    """From a follower to the leader: the sessions that it has heard from lately."""

    session_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DigestNote:
    """From the leader to its followers: the tree's digest behind the entry ``zxid``."""

    zxid: int
    digest: int


ReplicaMessage = Forward | SyncAsk | SyncPoint | Touch | DigestNote
PeerMessage = PaxosMessage | ReplicaMessage


@dataclass(frozen=True, slots=True)
class SnapshotBegin:
    """From the leader to a server that is too far behind for the log: a snapshot follows."""

    #: How many entries it contains: the next position of the sequence.
    index: int
    #: zxid of the last entry in it.
    zxid: int
    #: The ballot in which it was accepted when it was taken.
    ballot: Ballot
    #: Wall time when it was taken, milliseconds since 1970.
    time_ms: int
    #: Bytes of all parts together.
    size: int


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """The next bytes of the snapshot, in order."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SnapshotEnd:
    """The snapshot is complete; without this it is void."""

    #: CRC-32 of all its bytes.
    crc: int


SnapshotMessage = SnapshotBegin | SnapshotPart | SnapshotEnd
#: All that travels over a link.
LinkMessage = PeerMessage | SnapshotMessage
