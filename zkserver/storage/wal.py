"""Appending to the log: records into zero-filled segments, flushed on demand.

``append`` writes one record with one ``pwrite``; ``sync`` makes everything
appended so far durable. When a segment is full the log goes on in the next one,
which a background thread has prepared by then: flushing into a file whose blocks
are already written costs a third less than flushing a growing one, and a disk
that fills up is noticed while there is still room to stop in order.

Threads: everything that writes, and ``close``, may be called from different threads but
never two at a time; ``purge_before`` may run beside them.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from zkserver.storage.disk import Disk, DiskFailed, DiskFile
from zkserver.storage.segments import (
    FIRST_RECORD,
    MEMBER_HEAD,
    PAYLOAD_BYTES_MAX,
    POSITION_PAYLOAD,
    RECORD_BODY,
    RECORD_BYTES,
    RECORD_HEAD,
    TEMPORARY_SUFFIX,
    Kind,
    Segment,
    segment_name,
    write_header,
)

_ZERO_CHUNK: Final = bytes(1 << 20)
# Zeros are flushed in pieces, so that the log's own flushes do not queue behind them all.
_ZERO_FLUSH_BYTES: Final = 4 << 20
_CAPACITY_STEP: Final = 4096
# A segment needs room for its header, its position record and its seal besides the records.
_OVERHEAD: Final = FIRST_RECORD + (RECORD_BYTES + POSITION_PAYLOAD.size) + RECORD_BYTES
# More than two spare files of full size would be disk space kept for nothing.
_RECYCLED_MAX: Final = 2
_NEVER: Final = sys.maxsize

_pack_head = RECORD_HEAD.pack
_pack_body = RECORD_BODY.pack
_ENTRIES = int(Kind.ENTRIES)
_SEAL_BYTES = RECORD_BYTES


@dataclass(frozen=True, slots=True)
class WalOptions:
    """How a log lays out its files and when it flushes; sizes are bytes."""

    segment_bytes_min: int = 256 << 10  # The first segment: an empty server starts fast.
    segment_bytes_max: int = 64 << 20  # What the segments grow to.
    growth: int = 4  # Each segment is this many times the size of the one before.
    # False flushes nothing, as ZooKeeper's forceSync=no: a power failure may then lose
    # acknowledged writes or leave a log that recovery refuses.
    force_sync: bool = True
    background: bool = True  # Prepare segments in a thread; False: inside ``append``.
    random_bytes: Callable[[int], bytes] = os.urandom  # Where salts come from.


@dataclass(slots=True)
class LogState:
    """Where a log stands; recovery computes it, the log keeps it."""

    promised: int = 0  # The highest ballot of any record.
    accepted: int = 0  # The highest ballot of an entries record.
    decided: int = 0  # Entries before this position were known to be decided.
    last_ballot: int = 0  # The ballot of the newest entries record.
    next_index: int = 0  # Position after the last entry; where an append normally goes.
    last_zxid: int = 0  # The zxid given with the newest entries record.

    @property
    def is_new(self) -> bool:
        """Nothing was ever written that a new segment would have to repeat."""
        return self.promised == 0 and self.next_index == 0


@dataclass(frozen=True, slots=True)
class Member:
    """A record of a sequence that is written as a whole; the fields are ``append``'s."""

    index: int
    count: int
    zxid: int
    time_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """A segment of the log and the position of the log at its start."""

    segment: Segment
    start_index: int


@dataclass(frozen=True, slots=True)
class Spare:
    """A prepared segment and its open file."""

    segment: Segment
    file: DiskFile


class Wal:
    """An open log. Recovery makes one; see ``zkserver.storage.recovery``.

    ``bytes_written`` counts the bytes of records appended since the log was opened.
    """

    def __init__(
        self, disk: Disk, directory: str, options: WalOptions, state: LogState, held: list[Held]
    ) -> None:
        self.bytes_written = 0
        self._disk = disk
        self._directory = directory
        self._options = options
        self._state = state
        self._held = held  # Oldest first; the last one is being written.
        self._recycled: list[str] = []  # Files of full size, free for reuse.
        self._names = threading.Lock()  # Guards _held and _recycled against purge_before.
        self._failure: DiskFailed | None = None
        self._spare: Spare | None = None
        self._spare_failure: DiskFailed | None = None
        self._preparing: threading.Thread | None = None
        largest = max((one.segment.capacity for one in held), default=0)
        self._next_capacity = min(
            max(largest * options.growth, options.segment_bytes_min), options.segment_bytes_max
        )
        # What append needs of the current segment.
        self._file: DiskFile
        self._marker = self._seed = 0
        self._offset = self._capacity = self._synced = 0
        self._prepare_at = _NEVER

    @classmethod
    def start(
        cls,
        disk: Disk,
        directory: str,
        options: WalOptions,
        state: LogState,
        held: list[Held],
        offset: int,
        spare: Segment | None,
    ) -> Wal:
        """Continue a log whose contents are known: ``held`` segments, the last up to ``offset``.

        Without any segment the first one is made. What lies before ``offset`` must be
        durable. Raises ``DiskFailed``.
        """
        wal = cls(disk, directory, options, state, held)
        if spare is not None:
            wal._spare = Spare(spare, disk.open(spare.path))
        if held:
            current = held.pop()
            wal._enter(Spare(current.segment, disk.open(current.segment.path)), offset)
            held[-1] = current
        else:
            wal._enter(wal._prepare(1, wal._take_capacity(0)), FIRST_RECORD)
        return wal

    @property
    def next_index(self) -> int:
        """Position after the last entry."""
        return self._state.next_index

    @property
    def last_index(self) -> int:
        """Position of the last entry; -1 while there is none."""
        return self._state.next_index - 1

    @property
    def promised(self) -> int:
        """The highest ballot in the log."""
        return self._state.promised

    @property
    def accepted(self) -> int:
        """The highest ballot of an entries record."""
        return self._state.accepted

    @property
    def is_synced(self) -> bool:
        """Everything appended has been flushed."""
        return self._synced == self._offset

    @property
    def failure(self) -> DiskFailed | None:
        """What ended this log: every further append and sync raises it."""
        return self._failure

    @property
    def preparation_failure(self) -> DiskFailed | None:
        """Why the next segment could not be prepared ahead; it is tried again when needed."""
        return self._spare_failure

    def append(
        self,
        ballot: int,
        index: int,
        zxid: int,
        time_ms: int,
        count: int,
        payload_chunks: Sequence[bytes],
    ) -> None:
        """Write ``count`` entries, the first at position ``index``; durable after ``sync``.

        An ``index`` below ``next_index`` replaces everything from there on, as a new
        leader's suffix does; its ballot may not be lower than the newest record's.
        Raises ``DiskFailed``, and ``ValueError`` for a caller's mistake: a gap, no
        entries, a superseding record of an old ballot.
        """
        state = self._state
        if index != state.next_index or count < 1:
            self._check_append(ballot, index, count)
        payload = payload_chunks[0] if len(payload_chunks) == 1 else b"".join(payload_chunks)
        self._write(_ENTRIES, ballot, index, zxid, time_ms, count, payload)
        state.next_index = index + count
        state.last_zxid = zxid
        state.last_ballot = ballot
        if ballot > state.accepted:
            state.accepted = ballot
            if ballot > state.promised:
                state.promised = ballot

    def append_sequence(self, ballot: int, members: Sequence[Member]) -> None:
        """Write records that follow one another as one, so that a crash leaves all or none.

        Otherwise as :meth:`append`.
        """
        first, last = members[0], members[-1]
        count = last.index + last.count - first.index
        if first.index != self._state.next_index or count < 1:
            self._check_append(ballot, first.index, count)
        pieces: list[bytes] = []
        for one in members:
            head = MEMBER_HEAD.pack(len(one.payload), one.count, one.index, one.zxid, one.time_ms)
            pieces += (head, one.payload)
        self._write(
            Kind.SEQUENCE, ballot, first.index, last.zxid, last.time_ms, count, b"".join(pieces)
        )
        state = self._state
        state.next_index = first.index + count
        state.last_zxid = last.zxid
        state.last_ballot = ballot
        state.accepted = max(state.accepted, ballot)
        state.promised = max(state.promised, ballot)

    def append_promise(self, ballot: int, decided: int = 0) -> None:
        """Write that ``ballot`` was promised, and that all before ``decided`` is decided.

        Durable after ``sync``. Raises ``DiskFailed``.
        """
        self._write(Kind.PROMISE, ballot, decided, 0, 0, 0, b"")
        self._state.promised = max(self._state.promised, ballot)

    def reset_to(self, ballot: int, index: int, zxid: int, time_ms: int) -> None:
        """Write that the log now ends before position ``index``, under ``ballot``.

        Used to drop a suffix without replacing it, to note an accepted ballot that
        brought no entries, and to go on after a snapshot got from another server
        (``index`` may then lie above ``next_index``; the snapshot must be durable
        before). Raises ``DiskFailed``, and ``ValueError`` for a ballot that is too low.
        """
        if index != self._state.next_index and ballot < self._state.last_ballot:
            self._check_append(ballot, min(index, self._state.next_index), 1)
        self._write(_ENTRIES, ballot, index, zxid, time_ms, 0, b"")
        state = self._state
        state.next_index = index
        state.last_zxid = zxid
        state.last_ballot = ballot
        state.accepted = max(state.accepted, ballot)
        state.promised = max(state.promised, ballot)

    def sync(self) -> None:
        """Make everything appended so far durable. Raises ``DiskFailed``, then forever."""
        if self._failure is not None:
            raise self._failure.again()
        if self._options.force_sync:
            try:
                self._file.datasync()
            except DiskFailed as failure:
                self._failure = failure
                raise
        # Without flushing this takes the word of whoever turned it off: damage in the
        # middle is then still refused instead of being taken for a crash.
        self._synced = self._offset

    def purge_before(self, index: int) -> int:
        """Give up whole segments whose entries all lie below ``index``; returns how many.

        Full-size segments are kept aside for reuse, others are removed. May run in any
        thread. Raises ``DiskFailed``, which does not fail the log: a file left behind
        is met again at the next start.
        """
        purged = 0
        while (victim := self._take_purgeable(index)) is not None:
            purged += 1
            self._dispose(victim)
        if purged:
            self._disk.sync_directory(self._directory)
        return purged

    def close(self) -> None:
        """Flush if nothing failed before, wait for the background thread, close the files."""
        if self._preparing is not None:
            self._preparing.join()
        try:
            if self._failure is None and not self.is_synced:
                self.sync()
        finally:
            if self._failure is None:
                self._failure = DiskFailed(
                    self._held[-1].segment.path, "append to the closed", errno.EBADF
                )
            self._file.close()
            if self._spare is not None:
                self._spare.file.close()

    def _check_append(self, ballot: int, index: int, count: int) -> None:
        state = self._state
        if count < 1:
            raise ValueError("a record needs at least one entry; reset_to writes none")
        if index > state.next_index:
            raise ValueError(
                f"entry {index} would leave a gap: the log ends before {state.next_index}"
            )
        if ballot < state.last_ballot:
            raise ValueError(
                f"ballot {ballot} may not replace entry {index}: the log is at {state.last_ballot}"
            )

    def _write(
        self,
        kind: int,
        ballot: int,
        index: int,
        zxid: int,
        time_ms: int,
        count: int,
        payload: bytes,
    ) -> None:
        if self._failure is not None:
            raise self._failure.again()
        length = len(payload)
        offset = self._offset
        end = offset + RECORD_BYTES + length + 7 & ~7
        if end + _SEAL_BYTES > self._capacity:
            self._roll(length)
            offset = self._offset
            end = offset + RECORD_BYTES + length + 7 & ~7
        body = _pack_body(kind, length, self._synced, count, ballot, index, zxid, time_ms)
        crc = crc32(payload, crc32(body, self._seed))
        try:
            self._file.pwrite(b"".join((_pack_head(self._marker, crc), body, payload)), offset)
        except DiskFailed as failure:
            self._failure = failure
            raise
        self._offset = end
        self.bytes_written += end - offset
        if end > self._prepare_at:
            self._prepare_ahead()

    def _roll(self, length: int) -> None:
        """Go on in the next segment, which has room for a payload of ``length`` bytes."""
        if length > PAYLOAD_BYTES_MAX:
            raise ValueError(f"a record of {length} bytes is more than {PAYLOAD_BYTES_MAX}")
        try:
            spare = self._take_spare(RECORD_BYTES + length + 7 & ~7)
            self._seal()
            self._file.close()
            self._enter(spare, FIRST_RECORD)
        except DiskFailed as failure:
            self._failure = failure
            raise

    def _seal(self) -> None:
        """Close the current segment's contents, durably, before the next one gets any.

        Were the next segment to hold records while this one's tail is not durable, a
        crash could leave a hole between the two.
        """
        body = _pack_body(Kind.SEAL, 0, self._synced, 0, self._state.last_ballot, 0, 0, 0)
        head = _pack_head(self._marker, crc32(body, self._seed))
        self._file.pwrite(head + body, self._offset)
        if self._options.force_sync:
            self._file.datasync()

    def _enter(self, spare: Spare, offset: int) -> None:
        segment = spare.segment
        # Without flushing, what is written has to outlive the process.
        flushes = self._options.force_sync
        self._file = (
            self._disk.appender(segment.path, spare.file, offset) if flushes else spare.file
        )
        self._marker = segment.marker
        self._seed = segment.seed
        self._capacity = segment.capacity
        self._offset = self._synced = offset
        with self._names:
            self._held.append(Held(segment, self._state.next_index))
        self._prepare_at = segment.capacity // 2 if self._spare is None else _NEVER
        if offset == FIRST_RECORD and not (segment.serial == 1 and self._state.is_new):
            state = self._state
            payload = POSITION_PAYLOAD.pack(state.promised, state.accepted)
            self._write(
                Kind.POSITION,
                state.last_ballot,
                state.next_index,
                state.last_zxid,
                0,
                0,
                payload,
            )

    def _prepare_ahead(self) -> None:
        self._prepare_at = _NEVER
        serial = self._held[-1].segment.serial + 1
        capacity = self._take_capacity(0)

        def prepare() -> None:
            try:
                self._spare = self._prepare(serial, capacity)
            except DiskFailed as failure:
                # The current segment is sound and half empty: the log goes on, and the
                # failure counts if it is still there when the segment is full.
                self._spare_failure = failure

        if not self._options.background:
            prepare()
            return
        self._preparing = threading.Thread(target=prepare, name="wal-prepare", daemon=True)
        self._preparing.start()

    def _take_capacity(self, needed: int) -> int:
        options = self._options
        nominal = self._next_capacity
        self._next_capacity = min(nominal * options.growth, options.segment_bytes_max)
        needed += _OVERHEAD
        if needed <= nominal:
            return nominal
        return -(-needed // _CAPACITY_STEP) * _CAPACITY_STEP

    def _take_spare(self, needed: int) -> Spare:
        """The prepared segment, or one made now if there is none or it is too small."""
        if self._preparing is not None:
            self._preparing.join()
            self._preparing = None
        self._spare_failure = None
        spare, self._spare = self._spare, None
        if spare is not None:
            if spare.segment.capacity >= needed + _OVERHEAD:
                return spare
            spare.file.close()
        serial = self._held[-1].segment.serial + 1
        return self._prepare(serial, self._take_capacity(needed))

    def _prepare(self, serial: int, capacity: int) -> Spare:
        """A durable, empty segment under its name: a recycled file or a new one of zeros."""
        path = f"{self._directory}/{segment_name(serial)}"
        temporary = path + TEMPORARY_SUFFIX
        segment = Segment(path, serial, capacity, self._options.random_bytes(8))
        old = self._take_recycled(capacity)
        if old is not None:
            self._disk.rename(old, temporary)
            file = self._disk.open(temporary)
        else:
            file = self._disk.create(temporary)
        try:
            if old is None:
                _fill_with_zeros(file, capacity)
            write_header(file, segment)
            file.datasync()
            self._disk.rename(temporary, path)
            self._disk.sync_directory(self._directory)
        except DiskFailed:
            file.close()
            raise
        return Spare(segment, file)

    def _take_recycled(self, capacity: int) -> str | None:
        with self._names:
            if self._recycled and capacity == self._options.segment_bytes_max:
                return self._recycled.pop()
        return None

    def _take_purgeable(self, index: int) -> Segment | None:
        with self._names:
            held = self._held
            if len(held) < 2 or held[1].start_index > index:
                return None
            # The current segment repeats the ballots of the older ones; until that is
            # durable, they are needed.
            if len(held) == 2 and self._synced <= FIRST_RECORD:
                return None
            return held.pop(0).segment

    def _dispose(self, victim: Segment) -> None:
        with self._names:
            full = victim.capacity == self._options.segment_bytes_max
            keep = full and len(self._recycled) < _RECYCLED_MAX
        if not keep:
            self._disk.remove(victim.path)
            return
        aside = victim.path + TEMPORARY_SUFFIX
        self._disk.rename(victim.path, aside)
        # Its name must be gone for good before anything in it is overwritten: a crash
        # may otherwise bring back a segment of the log with foreign contents.
        self._disk.sync_directory(self._directory)
        with self._names:
            self._recycled.append(aside)


def _fill_with_zeros(file: DiskFile, capacity: int) -> None:
    """Write the whole file once, so that later writes change no metadata."""
    flushed = 0
    for offset in range(0, capacity, len(_ZERO_CHUNK)):
        size = min(len(_ZERO_CHUNK), capacity - offset)
        file.pwrite(_ZERO_CHUNK if size == len(_ZERO_CHUNK) else bytes(size), offset)
        if offset + size - flushed >= _ZERO_FLUSH_BYTES:
            file.datasync()
            flushed = offset + size
