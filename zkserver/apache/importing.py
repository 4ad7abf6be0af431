"""Taking over what Apache's server has left: ``version-2`` becomes a snapshot of ours."""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH123

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from zkserver.apache.conversion import to_state
from zkserver.apache.directory import (
    DIRECTORY_NAME,
    ApacheDataError,
    holds_data,
    newest_zxid_in_names,
)
from zkserver.apache.loading import load
from zkserver.paxos.ballot import Ballot
from zkserver.replica.state import dump
from zkserver.storage import Disk, SnapshotMeta, list_snapshots, write_snapshot
from zkserver.storage.recovery import DIRECTORY_NAME as OWN_DIRECTORY_NAME
from zkserver.storage.segments import TEMPORARY_SUFFIX, list_segments

#: Holds the highest zxid, in hexadecimal, that we know to be in ``version-2``.
_MARK: Final = "apache-zxid"
#: The imported state counts as one entry of our sequence, the same in every server.
_ENTRIES: Final = 1


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken over, and what is worth telling about it."""

    source: str
    znodes: int
    sessions: int
    #: Replayed from the logs, behind the snapshot.
    transactions: int
    zxid: int
    #: Of our first zxids.
    epoch: int
    #: Equal in two servers if they imported the same state; the id of their ensemble.
    name: str
    notes: tuple[str, ...]

    def line(self) -> str:
        """All that in one line."""
        return (
            f"{self.source}: imported {self.znodes} znodes and {self.sessions} sessions at zxid"
            f" {self.zxid:#x} ({self.transactions} transactions from the logs); state"
            f" {self.name}; new zxids begin with epoch {self.epoch:#x}; the source was not changed"
        )


def take_over(
    disk: Disk, data_dir: str, log_dir: str, *, trust_empty: bool, extended_types: bool
) -> Imported | None:
    """What a start does where there is a ``version-2``: import it unless that was done.

    Raises :class:`ApacheDataError` where Apache's server has written since.
    """
    if not holds_data(data_dir, log_dir):
        return None
    if holds_ours(disk, data_dir, log_dir):
        _check_not_newer(data_dir, log_dir)
        return None
    return import_data(
        disk,
        (data_dir, log_dir),
        (data_dir, log_dir),
        trust_empty=trust_empty,
        extended_types=extended_types,
    )


def import_data(
    disk: Disk,
    source: tuple[str, str],
    target: tuple[str, str],
    *,
    trust_empty: bool,
    extended_types: bool,
) -> Imported:
    """Import from the dataDir and dataLogDir of ``source`` into those of ``target``.

    Nothing is changed in the source. Raises :class:`ApacheDataError`, ``DirectoryLocked``,
    ``DiskFailed`` and ``OSError``; whatever goes wrong, the target holds no data then.
    """
    if holds_ours(disk, *target):
        raise ApacheDataError(
            f"{target[0]} holds data of zkserver already; import into another directory, or"
            f" move {OWN_DIRECTORY_NAME} away"
        )
    loaded = load(*source, trust_empty=trust_empty, extended_types=extended_types)
    zxid = loaded.seen_zxid
    state = to_state(loaded.tree, zxid)
    epoch = loaded.epoch + 1
    own = f"{target[0]}/{OWN_DIRECTORY_NAME}"
    disk.make_directory(own)
    lock = disk.lock_directory(own)
    try:
        if source == target:
            # First, so that there is never a snapshot without it.
            leave_mark(disk, target[0], max(zxid, newest_zxid_in_names(*source)))
        meta = SnapshotMeta(
            zxid, _ENTRIES, Ballot(0, epoch, 0).packed(), time.time_ns() // 1_000_000
        )
        write_snapshot(disk, own, meta, dump(state))
    finally:
        lock.release()
    return Imported(
        f"{source[0]}/{DIRECTORY_NAME}",
        len(loaded.tree.nodes),
        len(loaded.tree.sessions),
        loaded.transactions,
        zxid,
        epoch,
        state.cluster_id.hex(),
        tuple(loaded.notes),
    )


def leave_mark(disk: Disk, data_dir: str, zxid: int) -> None:
    """Note up to which zxid we know what ``version-2`` beside our data holds."""
    own = f"{data_dir}/{OWN_DIRECTORY_NAME}"
    path = f"{own}/{_MARK}"
    file = disk.create(path + TEMPORARY_SUFFIX)
    try:
        file.pwrite(b"%x\n" % zxid, 0)
        file.datasync()
    finally:
        file.close()
    disk.rename(path + TEMPORARY_SUFFIX, path)
    disk.sync_directory(own)


def holds_ours(disk: Disk, data_dir: str, log_dir: str) -> bool:
    """Whether there is anything that a start of ours would go on from."""
    return bool(
        list_snapshots(disk, f"{data_dir}/{OWN_DIRECTORY_NAME}")
        or list_segments(disk, f"{log_dir}/{OWN_DIRECTORY_NAME}")
    )


def _check_not_newer(data_dir: str, log_dir: str) -> None:
    own = f"{data_dir}/{OWN_DIRECTORY_NAME}"
    try:
        with open(f"{own}/{_MARK}", encoding="ascii", errors="replace") as file:
            known = int(file.read(), 16)
    except (FileNotFoundError, ValueError):
        # It came there some other way than by an import, so there is nothing to compare.
        return
    newest = newest_zxid_in_names(data_dir, log_dir)
    if newest > known:
        raise ApacheDataError(
            f"{data_dir}/{DIRECTORY_NAME}: Apache's server has been at work there since: there is"
            f" a file of zxid {newest:#x}, and what {own} was made from ended at {known:#x}; to"
            f" import again move {OWN_DIRECTORY_NAME} away, to go on without what Apache's server"
            f" has written move {DIRECTORY_NAME} away"
        )
