"""What servers tell each other. Every message belongs to a ballot, but for heartbeats.

On one link messages arrive in the order they were sent, or the link is known to be down
and all that was under way on it is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from zkserver.paxos.ballot import Ballot
from zkserver.paxos.log import Record


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Sent to every server now and then, and whenever what it says has changed."""

    #: Counts the heartbeats of the sender.
    number: int
    #: The number of the last heartbeat that the sender got from the receiver, 0 for none.
    echo: int
    #: The sender's own ballot as a candidate; its server id is 0 while it is none.
    ballot: Ballot
    #: The highest ballot that the sender knows to have been elected or promised.
    leader: Ballot
    #: The sender hears that leader, which can lead.
    hears_leader: bool
    #: The sender hears a majority and is heard by it, so it can lead.
    quorum_connected: bool


@dataclass(frozen=True, slots=True)
class Prepare:
    """Phase 1, from a new leader, or from a leader to a server that has come (back)."""

    ballot: Ballot
    #: The ballot in which the leader accepted last.
    accepted: Ballot
    #: How much of the sequence the leader knows to be decided.
    decided: int
    #: How long the leader's sequence is.
    length: int


@dataclass(frozen=True, slots=True)
class Promise:
    """The answer to Prepare, durable before it is sent: no lower ballot is listened to."""

    ballot: Ballot
    accepted: Ballot
    decided: int
    length: int
    #: What the leader may lack, without gaps up to ``length``.
    records: tuple[Record, ...]
    #: The leader lacks more than that: the front was given up.
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class AcceptSync:
    """Makes a follower's sequence the leader's: cut at ``start``, go on with ``records``."""

    ballot: Ballot
    start: int
    records: tuple[Record, ...]
    decided: int
    #: How long the leader's sequence was; what is not in ``records`` follows.
    length: int


@dataclass(frozen=True, slots=True)
class Accept:
    """Phase 2: further records, behind those sent before, and what is decided by now."""

    ballot: Ballot
    records: tuple[Record, ...]
    decided: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The first ``length`` entries of the leader's sequence are on the sender's disk."""

    ballot: Ballot
    length: int


@dataclass(frozen=True, slots=True)
class OneShort:
    """Of the first ``length`` entries nothing but the receiver's own disk is missing.

    The leader's and others' make up a majority together with it, so whoever has them on disk
    knows them to be decided without having asked.
    """

    ballot: Ballot
    length: int


@dataclass(frozen=True, slots=True)
class Question:
    """From a leader to its voters: has one of you promised a higher ballot meanwhile?"""

    ballot: Ballot
    #: Counts the questions of this leader.
    number: int


@dataclass(frozen=True, slots=True)
class Assurance:
    """The sender had promised no higher ballot when it got the question of that number."""

    ballot: Ballot
    number: int


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """From a server that has (re)connected, or lost the thread: who leads, prepare me."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class Refusal:
    """The ballot of a message was too low: the sender has promised this one."""

    ballot: Ballot


PaxosMessage = (
    Heartbeat
    | Prepare
    | Promise
    | AcceptSync
    | Accept
    | Accepted
    | OneShort
    | Question
    | Assurance
    | PrepareRequest
    | Refusal
)
