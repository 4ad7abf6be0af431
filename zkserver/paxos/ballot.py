"""Ballots: who may lead, in a total order.

A ballot is the number of the configuration in which it counts, a number of its own, and
the id of the server that owns it, compared in that order. Its number is the epoch of the
zxids that its owner hands out, ``epoch << 32 | counter``.

The configuration comes first because a configuration is over once the entry that ends it
is decided: nothing accepted in it may outweigh what was accepted in the next one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_SERVER_BITS: Final = 16
_NUMBER_BITS: Final = 32
COUNTER_MAX: Final = 0xFFFFFFFF


class Ballot(NamedTuple):
    """A ballot: configuration, number, and the id of the server that owns it."""

    configuration: int
    number: int
    server_id: int

    def packed(self) -> int:
        """The ballot as one integer below 2**63 that orders as the ballot does."""
        high = self.configuration << _NUMBER_BITS | self.number
        return high << _SERVER_BITS | self.server_id

    @classmethod
    def unpacked(cls, value: int) -> Ballot:
        """The ballot behind :meth:`packed`."""
        high, server_id = value >> _SERVER_BITS, value & (1 << _SERVER_BITS) - 1
        return cls(high >> _NUMBER_BITS, high & (1 << _NUMBER_BITS) - 1, server_id)

    def next_for(self, server_id: int) -> Ballot:
        """The lowest ballot of ``server_id`` in this configuration that is above this one."""
        return Ballot(self.configuration, self.number + 1, server_id)


#: Below every ballot that anybody owns.
NO_BALLOT: Final = Ballot(0, 0, 0)


def first_zxid(ballot: Ballot) -> int:
    """The zxid before the first one of an epoch (its counter is 0)."""
    return ballot.number << 32


def counter_is_full(zxid: int, more: int) -> bool:
    """Whether ``more`` further zxids would run over the counter of this epoch."""
    return (zxid & COUNTER_MAX) + more > COUNTER_MAX
