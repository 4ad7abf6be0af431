"""Start-up: the newest valid snapshot, the log from there on, and a log to go on with.

Recovery reads segments from the last one that began at or before the snapshot's
index (each says in its first record where the log stood), follows the records in
the order they were written, and keeps of each what later ones did not supersede.
It cuts what a crash left at the very end, and refuses everything else that does
not fit: a server that starts on damaged data would spread it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby

from zkserver.storage.disk import DirectoryLock, Disk
from zkserver.storage.segments import (
    FIRST_RECORD,
    POSITION_PAYLOAD,
    RECORD_BYTES,
    CorruptLog,
    Kind,
    LogRecord,
    Place,
    Scan,
    Segment,
    list_segments,
    load_segment,
    read_header,
    read_place,
)
from zkserver.storage.snapshots import (
    CorruptSnapshot,
    SnapshotMeta,
    list_snapshots,
    read_snapshot,
    remove_leftovers,
    snapshot_zxid,
    verify_snapshot,
)
from zkserver.storage.wal import Held, LogState, Wal, WalOptions

DIRECTORY_NAME = "mesozoic-1"
# A position record and everything before it, with room to spare.
_HEAD_BYTES = 4096


@dataclass(slots=True)
class Recovered:
    """What a directory holds, and the log opened to go on."""

    snapshot_dir: str  # Where to write snapshots.
    log_dir: str
    snapshot: SnapshotMeta | None  # None: start from an empty state.
    snapshot_file: str | None
    promised: int  # The highest ballot in any record or in the snapshot.
    accepted: int  # The highest ballot of an entries record; 0 when there is none.
    wal: Wal
    notes: list[str]  # What was repaired or skipped, for the server's log.
    _disk: Disk
    _places: list[Place]
    _paths: dict[int, str]
    _locks: list[DirectoryLock]

    def blocks(self) -> Iterator[bytes]:
        """The snapshot's blocks, none without a snapshot. Raises ``CorruptSnapshot``."""
        if self.snapshot_file is None:
            return iter(())
        return read_snapshot(self._disk, self.snapshot_file)[1]

    def records(self) -> Iterator[LogRecord]:
        """The live records from the snapshot's index on, in order, before any new append.

        The first may begin below the snapshot's index: skip the entries the snapshot
        holds. Of each record only the first ``count`` entries count.
        """
        return _read_records(self._disk, self._places, self._paths)

    @property
    def record_count(self) -> int:
        """How many records ``records`` yields."""
        return len(self._places)

    def close(self) -> None:
        """Close the log and give the directories free."""
        try:
            self.wal.close()
        finally:
            for lock in self._locks:
                lock.release()
            self._locks.clear()


@dataclass(slots=True)
class Replay:
    """The records of a log followed in the order they were written."""

    state: LogState = field(default_factory=LogState)
    base: int = 0  # The log is without gaps from this position on.
    live: list[Place] = field(default_factory=list)  # Superseded ones dropped or shortened.

    def follow(self, scan: Scan, data_reader: PositionReader, *, first: bool) -> None:
        """Take all records of the next segment; raises ``CorruptLog`` for what cannot be."""
        for number, place in enumerate(scan.places):
            if number == 0:
                self._check_start(scan.segment, place, data_reader, first=first)
            if place.kind == Kind.ENTRIES:
                self._take_entries(scan.segment, place)
            elif place.kind == Kind.PROMISE:
                self.state.promised = max(self.state.promised, place.ballot)
            elif place.kind != Kind.POSITION or number != 0:
                why = f"a record of kind {place.kind} may not be here"
                raise CorruptLog(scan.segment.path, place.offset, why)

    def _check_start(
        self, segment: Segment, place: Place, data_reader: PositionReader, *, first: bool
    ) -> None:
        state = self.state
        if place.kind != Kind.POSITION:
            if segment.serial > 1:
                raise CorruptLog(
                    segment.path, place.offset, "the segment does not begin with its position"
                )
            return
        promised, accepted = data_reader.position(segment, place)
        if first:
            self.base = place.index
        elif place.index != state.next_index:
            raise CorruptLog(
                segment.path,
                place.offset,
                f"the segment begins at entry {place.index}, "
                f"the one before it ends before {state.next_index}",
            )
        state.next_index = place.index
        state.last_ballot = place.ballot
        state.last_zxid = place.zxid
        state.promised = max(state.promised, promised, accepted)
        state.accepted = max(state.accepted, accepted)

    def _take_entries(self, segment: Segment, place: Place) -> None:
        state = self.state
        if place.index < state.next_index:
            if place.ballot < state.last_ballot:
                raise CorruptLog(
                    segment.path,
                    place.offset,
                    f"entry {place.index} of ballot {place.ballot} would replace one of "
                    f"ballot {state.last_ballot}",
                )
            self._drop_from(place.index)
        elif place.index > state.next_index:
            if place.count:
                raise CorruptLog(
                    segment.path,
                    place.offset,
                    f"entries {state.next_index} to {place.index - 1} are missing before it",
                )
            self.live.clear()
            self.base = place.index
        if place.count:
            self.live.append(place)
        state.next_index = place.index + place.count
        state.last_ballot = place.ballot
        state.last_zxid = place.zxid
        state.accepted = max(state.accepted, place.ballot)
        state.promised = max(state.promised, place.ballot)

    def _drop_from(self, index: int) -> None:
        live = self.live
        while live and live[-1].index >= index:
            live.pop()
        if live and live[-1].index + live[-1].count > index:
            live[-1] = replace(live[-1], count=index - live[-1].index)
        self.base = min(self.base, index)


@dataclass(frozen=True, slots=True)
class PositionReader:
    """Reads the payload of position records."""

    disk: Disk

    def position(self, segment: Segment, place: Place) -> tuple[int, int]:
        """The highest ballot promised and accepted when the segment was begun."""
        file = self.disk.open(segment.path, write=False)
        try:
            payload = file.pread(place.length, place.offset + RECORD_BYTES)
        finally:
            file.close()
        if len(payload) != POSITION_PAYLOAD.size:
            raise CorruptLog(segment.path, place.offset, "the position record has a wrong size")
        promised, accepted = POSITION_PAYLOAD.unpack(payload)
        return promised, accepted


@dataclass(frozen=True, slots=True)
class Log:
    """A log read and found consistent; nothing on disk was changed."""

    held: list[Held]  # Oldest first, up to the last segment with records.
    last: Scan | None  # The scan of the last of them.
    spare: Segment | None  # An empty segment after the last one.
    superfluous: list[str]  # Further files without records, to be removed.
    replay: Replay
    scans: list[Scan]  # Those read in full.


def _segment_start(disk: Disk, serial: int, path: str) -> tuple[Segment, int | None]:
    """A segment's header, and the index it begins at if it has records.

    A first segment without a position record begins at entry 0.
    """
    file = disk.open(path, write=False)
    try:
        segment = read_header(file, path, serial)
        place = read_place(file.pread(_HEAD_BYTES, 0), FIRST_RECORD, segment)
    finally:
        file.close()
    if place is not None and place.kind == Kind.POSITION:
        return segment, place.index
    return segment, 0 if serial == 1 else None


def read_log(disk: Disk, directory: str, snapshot_index: int) -> Log:
    """Read the log in ``directory`` as far as a snapshot at ``snapshot_index`` needs it.

    Raises ``CorruptLog`` for anything a crash does not explain.
    """
    heads = [_segment_start(disk, serial, path) for serial, path in list_segments(disk, directory)]
    first = 0
    for number, (_, start) in enumerate(heads):
        if start is not None and start <= snapshot_index:
            first = number
    replay = Replay()
    positions = PositionReader(disk)
    scans: list[Scan] = []
    for segment, _ in heads[first:]:
        scan = load_segment(disk, segment.serial, segment.path)
        _check_order(scans, scan)
        scans.append(scan)
        replay.follow(scan, positions, first=len(scans) == 1)
    used = max((number for number, scan in enumerate(scans) if scan.written), default=-1)
    if used >= 0:
        _check_ends(scans[used], scans[used + 1 :])
        used += 1 if scans[used].sealed else 0
    elif scans:
        used = 0
    if scans and scans[0].segment.serial > 1 and not scans[0].places:
        raise CorruptLog(
            scans[0].segment.path, FIRST_RECORD, "the log's oldest segment holds no records"
        )
    # A segment without records yet will begin where the log ends.
    held = [
        Held(segment, replay.state.next_index if start is None else start)
        for segment, start in heads[: first + used + 1]
    ]
    after = scans[used + 1 :]
    return Log(
        held,
        scans[used] if used >= 0 else None,
        after[0].segment if after else None,
        [scan.segment.path for scan in after[1:]],
        replay,
        scans,
    )


def _check_order(before: list[Scan], scan: Scan) -> None:
    """Check one segment against the ones before it."""
    if scan.damage is not None:
        raise CorruptLog(scan.segment.path, scan.end, scan.damage)
    if not before:
        return
    last = before[-1]
    if scan.segment.serial != last.segment.serial + 1:
        missing = last.segment.serial + 1
        raise CorruptLog(
            scan.segment.path, 0, f"the segment of serial {missing:#x} before it is missing"
        )
    if scan.written and not last.sealed:
        raise CorruptLog(
            last.segment.path,
            last.end,
            "the record here is damaged: the log goes on in the next segment",
        )


def _check_ends(last: Scan, after: list[Scan]) -> None:
    if last.sealed and not after:
        raise CorruptLog(
            last.segment.path, last.end, "the segment is sealed, but the next one is missing"
        )


@dataclass(frozen=True, slots=True)
class BrokenSnapshot:
    """A damaged snapshot, and how much of the sequence it held, as far as it still tells."""

    error: CorruptSnapshot
    zxid: int  # From its name.
    index: int | None  # From its header, when that is whole.

    @classmethod
    def look(cls, disk: Disk, error: CorruptSnapshot) -> BrokenSnapshot:
        """What can be told about the snapshot that ``error`` is about."""
        zxid = snapshot_zxid(error.file.rpartition("/")[2])
        try:
            meta, blocks = read_snapshot(disk, error.file)
        except CorruptSnapshot:
            return cls(error, zxid or 0, None)
        blocks.close()
        return cls(error, zxid or 0, meta.index)

    def is_within(self, state: LogState) -> bool:
        """The log shows that it holds at least what this snapshot held."""
        if self.index is not None:
            return state.next_index >= self.index
        return state.next_index > 0 and state.last_zxid >= self.zxid


def _choose_snapshot(
    disk: Disk, directory: str
) -> tuple[SnapshotMeta | None, str | None, list[BrokenSnapshot]]:
    """The newest valid snapshot, and what is wrong with the newer ones."""
    broken: list[BrokenSnapshot] = []
    for path in list_snapshots(disk, directory):
        try:
            return verify_snapshot(disk, path), path, broken
        except CorruptSnapshot as error:
            broken.append(BrokenSnapshot.look(disk, error))
    return None, None, broken


def check_reach(
    log: Log, log_dir: str, snapshot: SnapshotMeta | None, broken: list[BrokenSnapshot]
) -> None:
    """Raise unless the log goes on where the snapshot ends, and beyond any damaged newer one.

    The damaged newer snapshot is named when there is one, else the log.
    """
    index = 0 if snapshot is None else snapshot.index
    base = log.replay.base
    for one in broken:
        if base > index or not one.is_within(log.replay.state):
            raise CorruptSnapshot(
                one.error.file,
                one.error.offset,
                f"{one.error.why}; it cannot be done without, because the log does not hold all "
                f"entries from {index} on, where the valid snapshot before it ends"
                if snapshot
                else f"{one.error.why}; it cannot be done without, because there is no older "
                "snapshot and the log does not hold all entries from the first on",
            )
    if base > index:
        first = log.scans[0].segment.path if log.scans else log_dir
        raise CorruptLog(
            first, FIRST_RECORD, f"the log begins at entry {base}, entries from {index} on are gone"
        )


def recover(
    disk: Disk, data_dir: str, log_dir: str | None = None, options: WalOptions | None = None
) -> Recovered:
    """Recover what ``data_dir`` (snapshots) and ``log_dir`` (the log) hold and go on there.

    Directories are created when missing; ``log_dir`` defaults to ``data_dir``. Raises
    ``DirectoryLocked`` when another server runs on one of them, ``CorruptLog`` or
    ``CorruptSnapshot`` when acknowledged writes may be missing or changed, and
    ``DiskFailed``.
    """
    snapshot_dir = f"{data_dir}/{DIRECTORY_NAME}"
    wal_dir = f"{log_dir or data_dir}/{DIRECTORY_NAME}"
    locks: list[DirectoryLock] = []
    try:
        for directory in dict.fromkeys((snapshot_dir, wal_dir)):
            disk.make_directory(directory)
            locks.append(disk.lock_directory(directory))
        return _recover(disk, snapshot_dir, wal_dir, options or WalOptions(), locks)
    except BaseException:
        for lock in locks:
            lock.release()
        raise


def _recover(
    disk: Disk, snapshot_dir: str, log_dir: str, options: WalOptions, locks: list[DirectoryLock]
) -> Recovered:
    snapshot, snapshot_file, broken = _choose_snapshot(disk, snapshot_dir)
    index = 0 if snapshot is None else snapshot.index
    log = read_log(disk, log_dir, index)
    check_reach(log, log_dir, snapshot, broken)
    notes = [f"{one.error}; an older snapshot and the log are used instead" for one in broken]
    for directory in dict.fromkeys((snapshot_dir, log_dir)):
        remove_leftovers(disk, directory)
    for path in log.superfluous:
        disk.remove(path)
    for scan in log.scans:
        notes += _settle(disk, scan)
    state = log.replay.state
    if snapshot is not None:
        state.promised = max(state.promised, snapshot.ballot)
    places = [one for one in log.replay.live if one.index + one.count > index]
    offset = log.last.end if log.last is not None else FIRST_RECORD
    promised, accepted = state.promised, state.accepted
    wal = Wal.start(disk, log_dir, options, state, log.held, offset, log.spare)
    if snapshot is not None and state.next_index < index:
        notes.append(
            f"the log ends before entry {state.next_index}, the snapshot before {index}: "
            "the log goes on from the snapshot"
        )
        wal.reset_to(state.last_ballot, index, snapshot.zxid, snapshot.time_ms)
    return Recovered(
        snapshot_dir=snapshot_dir,
        log_dir=log_dir,
        snapshot=snapshot,
        snapshot_file=snapshot_file,
        promised=promised,
        accepted=accepted,
        wal=wal,
        notes=notes,
        _disk=disk,
        _places=places,
        _paths={scan.segment.serial: scan.segment.path for scan in log.scans},
        _locks=locks,
    )


def _settle(disk: Disk, scan: Scan) -> list[str]:
    """Make a segment durable as it was read, and what a crash left in the last one harmless.

    The log may have been written without flushing, or by a process that was killed.

    Without the zeros a younger record that survived behind the cut could come to lie
    exactly after a new one, and be taken for its successor.
    """
    file = disk.open(scan.segment.path)
    try:
        if scan.torn_end:
            file.pwrite(bytes(scan.torn_end - scan.end), scan.end)
        file.datasync()
    finally:
        file.close()
    if not scan.torn_end:
        return []
    return [
        f"{scan.segment.path}: {scan.torn_end - scan.end} bytes from offset {scan.end} on were "
        "cut: a write that a crash left unfinished"
    ]


def _read_records(disk: Disk, places: list[Place], paths: dict[int, str]) -> Iterator[LogRecord]:
    for serial, group in groupby(places, key=lambda place: place.serial):
        run = list(group)
        start = run[0].offset
        file = disk.open(paths[serial], write=False)
        try:
            data = file.pread(run[-1].end - start, start)
        finally:
            file.close()
        for place in run:
            at = place.offset - start + RECORD_BYTES
            yield LogRecord(
                place.ballot,
                place.index,
                place.count,
                place.zxid,
                place.time_ms,
                data[at : at + place.length],
            )
