"""What has to be on disk before it is told.

Roles add writes and the messages that may only leave once those are durable. The shell
takes both together, as a :class:`Persist`, writes, flushes, and gives it back; so it
cannot send early, and a simulator can lose exactly what a crash can lose.
"""

from __future__ import annotations

from typing import NamedTuple

from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.log import Record
from zkserver.paxos.messages import Accepted, PaxosMessage, Prepare, Promise


class WritePromise(NamedTuple):
    """No ballot below this one is listened to any more.

    With it goes how much is known to be decided: a ballot of the next configuration may
    have been promised only because the entry that ends this one is, and after a restart
    nobody might know that otherwise.
    """

    ballot: Ballot
    decided: int


class WriteRecord(NamedTuple):
    """A record accepted in ``ballot``; it replaces whatever lay at its position and behind."""

    ballot: Ballot
    record: Record


class WriteSync(NamedTuple):
    """Up to the first record the sequence stays, then these follow, all accepted in ``ballot``.

    This has to be on disk as a whole or not at all. A part of it would claim for ``ballot`` a
    sequence that is shorter than what was accepted before, and that claim outweighs those of
    servers that still have the rest, of which some may be decided.
    """

    ballot: Ballot
    records: tuple[Record, ...]


class WriteEnd(NamedTuple):
    """The sequence ends before ``end`` and is accepted in ``ballot`` as far as that."""

    ballot: Ballot
    end: int
    #: zxid of the last entry before ``end``.
    zxid: int


Write = WritePromise | WriteRecord | WriteSync | WriteEnd


class Persist:
    """Writes in their order, and the messages that wait for them."""

    __slots__ = ("accepted", "held", "length", "writes")

    def __init__(self) -> None:
        self.writes: list[Write] = []
        #: (server id, message), to be sent once the writes are durable.
        self.held: list[tuple[int, PaxosMessage]] = []
        #: In which ballot the sequence is accepted once they are, and how far.
        self.accepted = NO_BALLOT
        self.length = 0


def may_be_told(message: PaxosMessage, promised: Ballot) -> bool:
    """Whether a message that was held back is still true: its ballot has not been left."""
    if isinstance(message, Prepare | Promise | Accepted):
        return message.ballot == promised
    return True
