"""Ballots: who may lead, in a total order.

A ballot is a number and the id of the server that owns it, compared in that order. Its
number is the epoch of the zxids that its owner hands out, ``epoch << 32 | counter``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_SERVER_BITS: Final = 16
COUNTER_MAX: Final = 0xFFFFFFFF


class Ballot(NamedTuple):
    """A ballot: ``number`` first, then the id of the server that owns it."""

    number: int
    server_id: int

    def packed(self) -> int:
        """The ballot as one integer that orders as the ballot does."""
        return self.number << _SERVER_BITS | self.server_id

    @classmethod
    def unpacked(cls, value: int) -> Ballot:
        """The ballot behind :meth:`packed`."""
        return cls(value >> _SERVER_BITS, value & (1 << _SERVER_BITS) - 1)

    def next_for(self, server_id: int) -> Ballot:
        """The lowest ballot of ``server_id`` that is above this one."""
        return Ballot(self.number + 1, server_id)


def first_zxid(ballot: Ballot) -> int:
    """The zxid before the first one of an epoch (its counter is 0)."""
    return ballot.number << 32


def counter_is_full(zxid: int, more: int) -> bool:
    """Whether ``more`` further zxids would run over the counter of this epoch."""
    return (zxid & COUNTER_MAX) + more > COUNTER_MAX
