"""What has to be on disk before it is told.

Roles add writes and the messages that may only leave once those are durable. The shell
takes both together, as a :class:`Persist`, writes, flushes, and gives it back; so it
cannot send early, and a simulator can lose exactly what a crash can lose.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from zkserver.paxos.ballot import NO_BALLOT, Ballot
from zkserver.paxos.log import Record
from zkserver.paxos.messages import Accepted, PaxosMessage, Prepare, Promise


@dataclass(frozen=True, slots=True)
class WritePromise:
    """No ballot below this one is listened to any more."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """A record accepted in ``ballot``; it replaces whatever lay at its position and behind."""

    ballot: Ballot
    record: Record


@dataclass(frozen=True, slots=True)
class WriteEnd:
    """The sequence ends before ``index`` and is accepted in ``ballot`` as far as that."""

    ballot: Ballot
    index: int
    #: zxid of the last entry before ``index``.
    zxid: int


Write = WritePromise | WriteRecord | WriteEnd


@dataclass(slots=True)
class Persist:
    """Writes in their order, and the messages that wait for them."""

    writes: list[Write] = field(default_factory=list)
    #: (server id, message), to be sent once the writes are durable.
    held: list[tuple[int, PaxosMessage]] = field(default_factory=list)
    #: In which ballot the sequence is accepted once they are, and how far.
    accepted: Ballot = NO_BALLOT
    length: int = 0


def may_be_told(message: PaxosMessage, promised: Ballot) -> bool:
    """Whether a message that was held back is still true: its ballot has not been left."""
    if isinstance(message, Prepare | Promise | Accepted):
        return message.ballot == promised
    return True
