"""Start-up: the newest valid snapshot, the log from there on, and a log to go on with.

Recovery cuts what a crash left at the very end of the log, and refuses everything
else that does not fit: a server that starts on damaged data would spread it. A
damaged snapshot is passed over only when an older one and the log, or the log
alone, show that they hold all that it held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from zkserver.storage.disk import DirectoryLock, Disk
from zkserver.storage.replay import Log, read_log
from zkserver.storage.segments import (
    FIRST_RECORD,
    MEMBER_HEAD,
    RECORD_BYTES,
    CorruptLog,
    Kind,
    LogRecord,
    Place,
    Scan,
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
from zkserver.storage.wal import LogState, Wal, WalOptions

DIRECTORY_NAME = "mesozoic-1"


@dataclass(slots=True)
class Recovered:
    """What a directory holds, and the log opened to go on."""

    snapshot_dir: str  # Where to write snapshots.
    log_dir: str
    snapshot: SnapshotMeta | None  # None: start from an empty state.
    snapshot_file: str | None
    promised: int  # The highest ballot in any record or in the snapshot.
    accepted: int  # The highest ballot of an entries record; 0 when there is none.
    decided: int  # Entries before this position are known to be decided.
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
        return read_records(self._disk, self._places, self._paths)

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
        decided=max(index, state.decided),
        wal=wal,
        notes=notes,
        _disk=disk,
        _places=places,
        _paths={scan.segment.serial: scan.segment.path for scan in log.scans},
        _locks=locks,
    )


def _settle(disk: Disk, scan: Scan) -> list[str]:
    """Make a segment durable as it was read, and what a crash left in the last one harmless.

    The log may have been written without flushing, or by a process that was killed, or one
    that ended because a flush failed. After that the system may keep what was written in
    memory and take it for stored, so that no further flush would write it: whatever is not
    known to have been flushed is written once more.

    Without the zeros a younger record that survived behind the cut could come to lie
    exactly after a new one, and be taken for its successor.
    """
    file = disk.open(scan.segment.path)
    try:
        flushed = max((place.synced for place in scan.places), default=FIRST_RECORD)
        flushed = max(flushed, FIRST_RECORD)
        if flushed < scan.end:
            file.pwrite(file.pread(scan.end - flushed, flushed), flushed)
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


def read_records(disk: Disk, places: list[Place], paths: dict[int, str]) -> Iterator[LogRecord]:
    """The records at ``places``; ``paths`` are those of the segments, by their serials."""
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
            if place.kind == Kind.SEQUENCE:
                yield from _members(place, data[at : at + place.length])
                continue
            yield LogRecord(
                place.ballot,
                place.index,
                place.count,
                place.zxid,
                place.time_ms,
                data[at : at + place.length],
            )


def _members(place: Place, payload: bytes) -> Iterator[LogRecord]:
    """The records inside a SEQUENCE, as far as they still count."""
    at, end = 0, place.index + place.count
    while at < len(payload):
        length, count, index, zxid, time_ms = MEMBER_HEAD.unpack_from(payload, at)
        at += MEMBER_HEAD.size + length
        if index >= end:
            return
        yield LogRecord(
            place.ballot,
            index,
            min(count, end - index),
            zxid,
            time_ms,
            payload[at - length : at],
        )
