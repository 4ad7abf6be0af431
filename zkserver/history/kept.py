"""What a data directory still knows of the past, read without touching it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zkserver.errors import StartError
from zkserver.storage.disk import Disk
from zkserver.storage.recovery import DIRECTORY_NAME, read_records
from zkserver.storage.replay import Log, read_log
from zkserver.storage.segments import LogRecord
from zkserver.storage.snapshots import (
    CorruptSnapshot,
    SnapshotMeta,
    list_snapshots,
    read_snapshot,
    verify_snapshot,
)


class NoHistoryError(StartError):
    """There is nothing to tell of; the text says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The oldest snapshot from which on the log is without gaps, and that log."""

    disk: Disk
    #: None: the log reaches back to the empty tree.
    snapshot: SnapshotMeta | None
    snapshot_file: str | None
    log: Log

    def blocks(self) -> Iterator[bytes]:
        """The snapshot's blocks."""
        if self.snapshot_file is None:
            return iter(())
        return read_snapshot(self.disk, self.snapshot_file)[1]

    def records(self) -> Iterator[LogRecord]:
        """The records behind it; the first may begin before its end."""
        index = 0 if self.snapshot is None else self.snapshot.index
        places = [place for place in self.log.replay.live if place.index + place.count > index]
        paths = {scan.segment.serial: scan.segment.path for scan in self.log.scans}
        return read_records(self.disk, places, paths)


def read_kept(disk: Disk, data_dir: str, log_dir: str) -> Kept:
    """Read the dataDir and dataLogDir of a server, running or not.

    Raises :class:`NoHistoryError` where there is none, ``CorruptLog`` and ``DiskFailed``.
    """
    snapshots = f"{data_dir}/{DIRECTORY_NAME}"
    logs = f"{log_dir}/{DIRECTORY_NAME}"
    if not (Path(snapshots).is_dir() and Path(logs).is_dir()):
        raise NoHistoryError(f"{data_dir} holds no data of zkserver: no {DIRECTORY_NAME}")
    log = read_log(disk, logs, 0)
    if log.replay.base == 0 and log.scans:
        return Kept(disk, None, None, log)
    for path in reversed(list_snapshots(disk, snapshots)):
        try:
            meta = verify_snapshot(disk, path)
        except CorruptSnapshot:
            continue
        log = read_log(disk, logs, meta.index)
        if log.replay.base <= meta.index:
            return Kept(disk, meta, path, log)
    raise NoHistoryError(f"{data_dir}: no snapshot is left that the log goes on from")
