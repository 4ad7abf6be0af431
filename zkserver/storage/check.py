"""Looking a data directory over without changing it, for ``zkserver check``."""

from __future__ import annotations

from dataclasses import dataclass

from zkserver.storage.disk import Disk
from zkserver.storage.recovery import (
    DIRECTORY_NAME,
    BrokenSnapshot,
    check_reach,
)
from zkserver.storage.replay import read_log
from zkserver.storage.segments import CorruptLog, Kind, Scan, list_segments, load_segment
from zkserver.storage.snapshots import (
    CorruptSnapshot,
    SnapshotMeta,
    list_snapshots,
    read_snapshot,
)


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file: what it holds, and what is wrong with it if anything is."""

    path: str
    kind: str  # "snapshot" or "log"
    bytes: int  # Of contents: blocks or records, not preallocated space.
    items: int  # Blocks of a snapshot, records of a segment; Apache's: znodes, transactions.
    entries: int  # Entries in a snapshot or a segment, superseded ones included.
    first_zxid: int | None
    last_zxid: int | None  # In a log: of the first entry of the last record.
    note: str | None = None
    problem: str | None = None
    unit: str | None = None  # What ``items`` counts, if not blocks or records.

    def line(self) -> str:
        """The report as one line of text."""
        zxids = "no zxid"
        if self.first_zxid is not None and self.last_zxid is not None:
            zxids = f"zxid {self.first_zxid:#x} to {self.last_zxid:#x}"
        end = f"PROBLEM: {self.problem}" if self.problem else self.note or "ok"
        unit = self.unit or ("blocks" if self.kind == "snapshot" else "records")
        return (
            f"{self.path}: {self.kind}, {self.items} {unit}, {self.entries} entries, "
            f"{self.bytes} bytes, {zxids}: {end}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """A directory: its files, and everything that would keep a server from starting on it."""

    files: tuple[FileReport, ...]
    # Damage in any file, and what recovery would refuse; a damaged file that recovery
    # can do without is a problem too.
    problems: tuple[str, ...]
    can_start: bool  # Recovery would succeed.

    @property
    def lines(self) -> list[str]:
        """One line for each file."""
        return [file.line() for file in self.files]


def check_directory(disk: Disk, data_dir: str, log_dir: str | None = None) -> Report:
    """Verify every snapshot and log segment; changes nothing and takes no lock.

    A running server's directory may be checked; a record it is just writing shows as
    a torn tail. Raises ``DiskFailed`` when something cannot be read.
    """
    snapshot_dir = f"{data_dir}/{DIRECTORY_NAME}"
    wal_dir = f"{log_dir or data_dir}/{DIRECTORY_NAME}"
    files = []
    problems = []
    newest: SnapshotMeta | None = None
    broken = []
    for path in list_snapshots(disk, snapshot_dir):
        report, meta, error = _check_snapshot(disk, path)
        files.append(report)
        if error is not None:
            problems.append(str(error))
            if newest is None:
                broken.append(BrokenSnapshot.look(disk, error))
        elif newest is None:
            newest = meta
    for serial, path in list_segments(disk, wal_dir):
        report = _check_segment(disk, serial, path)
        files.append(report)
        if report.problem is not None:
            problems.append(f"{path}: {report.problem}")
    refusal = None
    try:
        log = read_log(disk, wal_dir, 0 if newest is None else newest.index)
        check_reach(log, wal_dir, newest, broken)
    except (CorruptLog, CorruptSnapshot) as error:
        refusal = f"a server would not start here: {error}"
        problems.append(refusal)
    return Report(tuple(files), tuple(problems), refusal is None)


def _check_snapshot(
    disk: Disk, path: str
) -> tuple[FileReport, SnapshotMeta | None, CorruptSnapshot | None]:
    meta: SnapshotMeta | None = None
    error: CorruptSnapshot | None = None
    count = total = 0
    try:
        meta, blocks = read_snapshot(disk, path)
        for block in blocks:
            count += 1
            total += len(block)
    except CorruptSnapshot as found:
        error = found
    zxid = None if meta is None else meta.zxid
    report = FileReport(
        path=path,
        kind="snapshot",
        bytes=total,
        items=count,
        entries=0 if meta is None else meta.index,
        first_zxid=zxid,
        last_zxid=zxid,
        problem=None if error is None else f"offset {error.offset}: {error.why}",
    )
    return report, meta, error


def _check_segment(disk: Disk, serial: int, path: str) -> FileReport:
    try:
        scan = load_segment(disk, serial, path)
    except CorruptLog as error:
        why = f"offset {error.offset}: {error.why}"
        return FileReport(path, "log", 0, 0, 0, None, None, problem=why)
    entries = [
        place
        for place in scan.places
        if place.kind in (Kind.ENTRIES, Kind.SEQUENCE) and place.count
    ]
    return FileReport(
        path=path,
        kind="log",
        bytes=sum(place.length for place in scan.places),
        items=len(scan.places),
        entries=sum(place.count for place in entries),
        first_zxid=entries[0].zxid if entries else None,
        last_zxid=entries[-1].zxid if entries else None,
        note=_segment_note(scan),
        problem=None if scan.damage is None else f"offset {scan.end}: {scan.damage}",
    )


def _segment_note(scan: Scan) -> str | None:
    if scan.torn_end:
        return f"ok, {scan.torn_end - scan.end} bytes of an unfinished write at the end"
    if not scan.written:
        return "ok, prepared for use"
    return None
