"""The format of a log segment, and how one is read back.

A segment is a file of fixed size: a header in a sector of its own, then records,
each on an 8-byte boundary, then whatever the file held before. All integers are
big-endian.

::

    segment header   8s magic   I version   I crc   8s salt   Q serial   Q capacity
    record           I marker   I crc   B kind   3x   I length   I synced   I count
                     Q ballot   Q index   q zxid   q time_ms   then the payload

``marker`` is a constant mixed with the salt, and ``crc`` (CRC-32 over all that
follows it, payload included) starts from the salt, so bytes of an earlier life of
the file cannot pass for a record. ``synced`` is the offset up to which this
segment was flushed when the record was written. It decides what an invalid
record means: when a valid record further on says that place was flushed, stored
data has been damaged; when none does, a crash may have left it so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from zlib import crc32

from zkserver.storage.disk import Disk, DiskFile

MAGIC: Final = b"MZWAL\r\n\x1a"
VERSION: Final = 2
# The header has a sector of its own: no append ever rewrites the sector it is in.
FIRST_RECORD: Final = 512
_HEADER: Final = struct.Struct(">8sII8sQQ")
_HEADER_REST: Final = struct.Struct(">8sQQ")
_RECORD: Final = struct.Struct(">IIBxxxIIIQQqq")
RECORD_HEAD: Final = struct.Struct(">II")
RECORD_BODY: Final = struct.Struct(">BxxxIIIQQqq")
RECORD_BYTES: Final = _RECORD.size
#: Before each record inside a SEQUENCE: length of its payload, count, index, zxid, time_ms.
MEMBER_HEAD: Final = struct.Struct(">IIQqq")
POSITION_PAYLOAD: Final = struct.Struct(">QQ")
_RECORD_MAGIC: Final = 0x4D5A7265
# Offsets within a segment are 32-bit in the records.
PAYLOAD_BYTES_MAX: Final = 1 << 31

_NAME_PREFIX: Final = "wal-"
_NAME_SUFFIX: Final = ".log"
TEMPORARY_SUFFIX: Final = ".tmp"


class CorruptLog(Exception):  # noqa: N818 - names the state found
    """Stored log data is damaged or missing; ``file`` and ``offset`` (bytes) say where."""

    def __init__(self, file: str, offset: int, why: str) -> None:
        self.file = file
        self.offset = offset
        self.why = why
        super().__init__(
            f"{file}, offset {offset}: {why}; restore the directory from a backup, or, in an "
            "ensemble, empty it and let the server copy the state of the others"
        )


class Kind(IntEnum):
    """What a record says."""

    ENTRIES = 1  # count entries from index on; count 0 says the log now ends at index.
    PROMISE = 2  # A ballot, and up to which index everything was known to be decided.
    POSITION = 3  # First in a segment: where the log stands; payload: promised, accepted.
    SEAL = 4  # Last in a segment: the log goes on in the next one.
    SEQUENCE = 5  # As ENTRIES, but the payload is several such records: all or none of them.


@dataclass(slots=True)
class Place:
    """A record as found in a segment: its fields, and where it lies (offset, bytes).

    Not frozen: one is made for every record of the log, and freezing doubles its cost.
    """

    kind: int
    ballot: int
    index: int
    count: int
    zxid: int
    time_ms: int
    offset: int
    length: int
    synced: int
    serial: int

    @property
    def end(self) -> int:
        """Offset after the payload."""
        return self.offset + RECORD_BYTES + self.length


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record handed to whoever replays the log.

    ``index`` is the position of the first entry in the sequence and ``count`` how
    many of the payload's entries still count: when a later record superseded the
    rest of them, it is less than what the payload holds. ``zxid`` is the first
    entry's, ``time_ms`` the wall time given to ``append``.
    """

    ballot: int
    index: int
    count: int
    zxid: int
    time_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's identity: what its header says and what follows from it."""

    path: str
    serial: int  # 1 for the first segment of a log, then one more for each.
    capacity: int  # Size of the file in bytes.
    salt: bytes  # 8 random bytes.

    @property
    def marker(self) -> int:
        """The first four bytes of each record; never zero, as unwritten space is."""
        return (int.from_bytes(self.salt[:4], "big") ^ _RECORD_MAGIC) or _RECORD_MAGIC

    @property
    def seed(self) -> int:
        """What each record's checksum starts from."""
        return int.from_bytes(self.salt[4:], "big")


@dataclass(slots=True)
class Scan:
    """All there is to know about a segment's contents."""

    segment: Segment
    places: list[Place]  # The valid records in order, the seal left out.
    end: int = FIRST_RECORD  # Where the next record would go.
    sealed: bool = False
    # The end of what a crash left behind ``end``; 0 when there is nothing of the kind.
    torn_end: int = 0
    # Some record, valid or not, was written to this segment.
    written: bool = False
    # Set when damage, and not a crash, is the reason the records end at ``end``.
    damage: str | None = None


def segment_name(serial: int) -> str:
    """File name of a segment."""
    return f"{_NAME_PREFIX}{serial:016x}{_NAME_SUFFIX}"


def segment_serial(name: str) -> int | None:
    """The serial in a segment's file name; ``None`` for any other file."""
    digits = name.removeprefix(_NAME_PREFIX).removesuffix(_NAME_SUFFIX)
    if len(digits) != 16 or not digits.isalnum():
        return None
    try:
        serial = int(digits, 16)
    except ValueError:
        return None
    return serial if segment_name(serial) == name else None


def write_header(file: DiskFile, segment: Segment) -> None:
    """Write a segment's header; the caller flushes."""
    rest = _HEADER_REST.pack(segment.salt, segment.serial, segment.capacity)
    head = _HEADER.pack(MAGIC, VERSION, crc32(rest), segment.salt, segment.serial, segment.capacity)
    file.pwrite(head.ljust(FIRST_RECORD, b"\0"), 0)


def read_header(file: DiskFile, path: str, serial: int) -> Segment:
    """The identity of the segment in ``file``, checked against its name and size.

    Raises ``CorruptLog``: a segment gets its name only after its header is durable,
    so a bad one is never the work of a crash.
    """
    data = file.pread(_HEADER.size, 0)
    if len(data) < _HEADER.size:
        raise CorruptLog(path, 0, "the file is shorter than a segment header")
    magic, version, crc, salt, found, capacity = _HEADER.unpack(data)
    if magic != MAGIC:
        raise CorruptLog(path, 0, "this is no log segment: its first bytes are wrong")
    if version != VERSION:
        raise CorruptLog(path, 8, f"the format version is {version}, this server knows {VERSION}")
    if crc32(_HEADER_REST.pack(salt, found, capacity)) != crc:
        raise CorruptLog(path, 12, "the checksum of the segment header is wrong")
    if found != serial:
        raise CorruptLog(path, 24, f"the segment says its serial is {found}, its name {serial}")
    if file.size() < capacity:
        raise CorruptLog(path, file.size(), f"the file was cut: it should have {capacity} bytes")
    return Segment(path, serial, capacity, salt)


def read_place(data: bytes, offset: int, segment: Segment) -> Place | None:
    """The record at ``offset`` of a segment's bytes; ``None`` when none is valid there."""
    return _place_reader(data, segment)(offset)


def _place_reader(data: bytes, segment: Segment) -> Callable[[int], Place | None]:
    view = memoryview(data)
    last = len(data) - RECORD_BYTES
    size = len(data)
    unpack = _RECORD.unpack_from
    marker = segment.marker
    seed = segment.seed
    serial = segment.serial

    def read(offset: int) -> Place | None:
        if offset > last:
            return None
        found, crc, kind, length, synced, count, ballot, index, zxid, time_ms = unpack(data, offset)
        end = offset + RECORD_BYTES + length
        if found != marker or end > size or crc32(view[offset + 8 : end], seed) != crc:
            return None
        return Place(kind, ballot, index, count, zxid, time_ms, offset, length, synced, serial)

    return read


def scan_segment(data: bytes, segment: Segment) -> Scan:
    """Read all records of a segment from its bytes and judge what follows the last one."""
    scan = Scan(segment, [])
    read = _place_reader(data, segment)
    places = scan.places
    offset = FIRST_RECORD
    while (place := read(offset)) is not None:
        offset = place.offset + RECORD_BYTES + place.length + 7 & ~7
        if place.kind == Kind.SEAL:
            scan.sealed = True
            break
        places.append(place)
    scan.end = offset
    scan.written = offset > FIRST_RECORD
    if not scan.sealed:
        _judge_rest(scan, data, read)
    return scan


def _judge_rest(scan: Scan, data: bytes, read: Callable[[int], Place | None]) -> None:
    """Decide whether what follows the last valid record is nothing, a crash, or damage."""
    needle = scan.segment.marker.to_bytes(4, "big")
    at = data.find(needle, scan.end)
    if at == scan.end:
        # A record was begun here. How long it was going to be is not known.
        scan.torn_end = min(at + RECORD_BYTES, len(data))
        scan.written = True
    while at >= 0:
        place = read(at) if at % 8 == 0 else None
        if place is None:
            at = data.find(needle, at + 1)
            continue
        scan.written = True
        scan.torn_end = max(scan.torn_end, place.end)
        if place.synced > scan.end:
            scan.damage = (
                f"the record here is damaged: the one at offset {at} was written after it "
                "had been flushed"
            )
            return
        at = data.find(needle, place.end)


def list_segments(disk: Disk, directory: str) -> list[tuple[int, str]]:
    """Serial and path of each segment file in ``directory``, oldest first."""
    found = []
    for name in disk.list(directory):
        serial = segment_serial(name)
        if serial is not None:
            found.append((serial, f"{directory}/{name}"))
    return sorted(found)


def load_segment(disk: Disk, serial: int, path: str) -> Scan:
    """Read and judge a segment file. Raises ``CorruptLog`` only for a bad header."""
    file = disk.open(path, write=False)
    try:
        segment = read_header(file, path, serial)
        data = file.pread(segment.capacity, 0)
    finally:
        file.close()
    return scan_segment(data, segment)
