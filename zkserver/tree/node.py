"""The layout of a znode's record and its Stat.

A record is what getData answers: ``int length, data, Stat``. Stat is 68 bytes, jute
record ``org.apache.zookeeper.data.Stat``; mind that pzxid comes last. Two views of its
bytes keep the hot writes short: one for setData (which changes mzxid, mtime, version
and dataLength) and one for a change among the children (cversion, numChildren, pzxid).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

STAT_BYTES: Final = 68
#: czxid mzxid ctime mtime version cversion aversion ephemeralOwner dataLength numChildren pzxid
STAT: Final = struct.Struct(">qqqqiiiqiiq")
#: czxid, mzxid, ctime, mtime, version, (cversion aversion owner), dataLength, (numChildren pzxid)
STAT_FOR_DATA: Final = struct.Struct(">8sq8sqi16si12s")
#: The tail from cversion on: cversion, (aversion owner dataLength), numChildren, pzxid
STAT_FOR_CHILDREN: Final = struct.Struct(">i16siq")
CHILDREN_TAIL_BYTES: Final = STAT_FOR_CHILDREN.size
LENGTH: Final = struct.Struct(">i")
#: The version alone, 36 bytes before the end of a record.
VERSION: Final = LENGTH
NULL_DATA: Final = b"\xff\xff\xff\xff"

#: Markers of containers and TTL znodes, as Apache keeps them in ephemeralOwner.
CONTAINER_MARKER: Final = -(1 << 63)
TTL_MARKER: Final = -(1 << 56)
TTL_MAX_MS: Final = (1 << 40) - 1


class Stat(NamedTuple):
    """A Stat as clients see it: zxids, milliseconds since 1970, versions, counts."""

    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    aversion: int
    ephemeral_owner: int
    data_length: int
    num_children: int
    pzxid: int


def stat_of(record: bytes) -> Stat:
    """The Stat at the end of a record."""
    return Stat._make(STAT.unpack_from(record, len(record) - STAT_BYTES))


def data_of(record: bytes) -> bytes | None:
    """The data of a record; ``None`` when it was set to null."""
    size: int = LENGTH.unpack_from(record)[0]
    return None if size < 0 else record[4 : 4 + size]


def pack_record(data: bytes | None, stat: Stat) -> bytes:
    """A record; ``stat.data_length`` is taken from the data."""
    size = 0 if data is None else len(data)
    head = NULL_DATA if data is None else LENGTH.pack(size) + data
    return head + STAT.pack(*stat[:8], size, *stat[9:])


def wrap32(value: int) -> int:
    """``value`` as a signed 32 bit integer, as Java's ints overflow."""
    return (value + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def is_ttl(marker: int) -> bool:
    """Whether a marker is that of a TTL znode (``EphemeralType.TTL``)."""
    return marker != CONTAINER_MARKER


def ttl_marker(ttl_ms: int) -> int:
    """The marker of a TTL znode."""
    return TTL_MARKER | ttl_ms


def ttl_of(marker: int) -> int:
    """The time to live in milliseconds behind a TTL marker."""
    return marker & TTL_MAX_MS
