"""The sequence as one server knows it: records, in order and without gaps.

A record holds the entries that were proposed together and is never split or merged, so
where one server has a boundary between records every server has one. The front of the
sequence is given up once a snapshot holds it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple

from zkserver.errors import invariant

#: First byte of the payload of a record that ends its configuration, if it is decided.
STOP: Final = b"\x01"


class Record(NamedTuple):
    """Entries that were proposed together."""

    #: Position of the first one in the sequence.
    first: int
    #: How many there are, at least one.
    entries: int
    #: zxid of the first one.
    zxid: int
    #: When the leader proposed them, milliseconds since 1970.
    time_ms: int
    #: What they are, which Paxos does not look into but for its first byte.
    payload: bytes

    @property
    def end(self) -> int:
        """The position behind the last one."""
        return self.first + self.entries

    @property
    def last_zxid(self) -> int:
        """zxid of the last one."""
        return self.zxid + self.entries - 1

    @property
    def stops(self) -> bool:
        """Whether it may end the configuration, so that nothing is proposed behind it."""
        return self.payload[:1] == STOP


class Log:
    """The records from ``start`` on.

    Invariant: ``start <= end``; the records lie behind one another without gaps.
    """

    def __init__(self, start: int, zxid: int) -> None:
        #: Everything before this position is in a snapshot.
        self.start = start
        #: zxid of the last entry before ``start``.
        self.start_zxid = zxid
        self.records: list[Record] = []
        #: The position behind the last entry: how long the sequence is.
        self.end = start
        #: Bytes of all payloads held.
        self.payload_bytes = 0

    @property
    def last_zxid(self) -> int:
        """zxid of the last entry."""
        return self.records[-1].last_zxid if self.records else self.start_zxid

    def append(self, record: Record) -> None:
        """Add a record behind the last one."""
        if record.first != self.end:
            invariant(False, "a gap in the log", index=record.first, end=self.end)
        self.records.append(record)
        self.end = record.first + record.entries
        self.payload_bytes += len(record.payload)

    def extend(self, records: Iterable[Record]) -> None:
        """Add records behind the last one."""
        for record in records:
            invariant(record.zxid > self.last_zxid, "zxids have to grow", zxid=record.zxid)
            self.append(record)

    def place(self, position: int) -> int:
        """The number of the first record at or behind ``position``, which is a boundary."""
        at = bisect_left(self.records, position, key=_index_of)
        found = self.records[at].first if at < len(self.records) else self.end
        invariant(found == position, "a position inside a record", position=position, found=found)
        return at

    def zxid_before(self, position: int) -> int | None:
        """zxid of the entry before ``position``, if a record ends there."""
        if position == self.start:
            return self.start_zxid
        if not self.start < position <= self.end:
            return None
        record = self.records[bisect_left(self.records, position, key=_end_of)]
        return record.last_zxid if record.end == position else None

    def since(self, position: int) -> list[Record]:
        """The records from ``position`` on, which lies not before ``start``."""
        records = self.records
        if position == self.end:
            return []
        if records and records[-1].first == position:
            # Mostly it is one.
            return records[-1:]
        return records[self.place(position) :]

    def truncate(self, position: int) -> None:
        """Drop everything from ``position`` on."""
        if position == self.end:
            return
        at = self.place(position)
        self.payload_bytes -= sum(len(record.payload) for record in self.records[at:])
        del self.records[at:]
        self.end = position

    def trim(self, position: int) -> None:
        """Give up everything before ``position``, as far as there is something."""
        if position <= self.start:
            return
        if position >= self.end:
            self.reset(self.end, self.last_zxid)
            return
        at = self.place(position)
        if at:
            self.start_zxid = self.records[at - 1].last_zxid
            self.payload_bytes -= sum(len(record.payload) for record in self.records[:at])
            del self.records[:at]
        self.start = position

    def reset(self, start: int, zxid: int) -> None:
        """Begin anew behind a snapshot of everything before ``start``."""
        self.records.clear()
        self.payload_bytes = 0
        self.start = self.end = start
        self.start_zxid = zxid


def _end_of(record: Record) -> int:
    return record.end


def _index_of(record: Record) -> int:
    return record.first
