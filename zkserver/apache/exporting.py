"""The way back: our state as a ``version-2`` directory that Apache's server starts on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zkserver.apache.conversion import from_tree
from zkserver.apache.directory import DIRECTORY_NAME, ApacheDataError, holds_data
from zkserver.apache.importing import holds_ours, leave_mark
from zkserver.apache.snapshots import dump_snapshot
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.node import alone
from zkserver.replica.apache_passwords import apache_password
from zkserver.replica.batch import origin
from zkserver.replica.core import ReplicaCore
from zkserver.replica.settings import ReplicaSettings
from zkserver.replica.state import load
from zkserver.storage import Disk, Recovered, recover
from zkserver.storage.segments import TEMPORARY_SUFFIX
from zkserver.tree.node import is_ttl

_SNAPSHOT: Final = "snapshot"
#: A time that never matters: nothing expires while the log is executed.
_NOW_MS: Final = 0


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    path: str
    znodes: int
    sessions: int
    zxid: int
    #: ``configuration.number`` of the ballot in which the server accepted last: the first
    #: thing that tells which of an ensemble's servers is ahead; the zxid is the second.
    ballot: str
    #: Sessions whose passwords Apache's server will not take.
    foreign_sessions: int
    ttl_znodes: int

    def lines(self) -> list[str]:
        """What was done, and what has to be known about it."""
        told = [
            f"{self.path}: wrote {self.znodes} znodes and {self.sessions} sessions at zxid"
            f" {self.zxid:#x}, accepted in ballot {self.ballot}"
        ]
        if self.foreign_sessions:
            told.append(
                f"{self.foreign_sessions} of the sessions have random passwords and cannot be"
                " resumed on Apache's server: they expire there"
            )
        if self.ttl_znodes:
            told.append(
                f"{self.ttl_znodes} TTL znodes: start Apache's server with"
                " -Dzookeeper.extendedTypesEnabled=true, or it deletes them"
            )
        return told


def export_data(
    disk: Disk, source: tuple[str, str], target: str, *, myid: int | None = None
) -> Exported:
    """Write the state of the dataDir and dataLogDir of ``source`` to ``target/version-2``.

    ``myid`` is what the file of that name in ``target`` shall say, if it shall be there.
    Raises :class:`ApacheDataError` where there is data of Apache's already, the errors of
    recovery, and ``DirectoryLocked`` while the server runs.
    """
    if holds_data(target, target):
        raise ApacheDataError(
            f"{target}/{DIRECTORY_NAME} holds data of Apache ZooKeeper; export into another"
            " directory, or move it away"
        )
    if not holds_ours(disk, *source):
        raise ApacheDataError(f"{source[0]} holds no data of zkserver")
    recovered = recover(disk, *source)
    try:
        core = replayed(recovered)
        exported = _write(disk, core, recovered, target)
        if target == source[0]:
            leave_mark(disk, target, core.zxid)
    finally:
        recovered.close()
    if myid is not None:
        _write_file(disk, target, "myid", b"%d\n" % myid)
    return exported


def replayed(recovered: Recovered) -> ReplicaCore:
    """The core with everything executed that is on disk, decided or not.

    What a server of an ensemble has accepted may not be decided; but whatever is decided, the
    server with the highest ballot and zxid of a majority has accepted.
    """
    core = ReplicaCore(ReplicaSettings(), 0, bytes)
    length = 0
    if recovered.snapshot is not None:
        load(core, recovered.blocks())
        core.zxid, length = recovered.snapshot.zxid, recovered.snapshot.index
    for record in recovered.records():
        if record.index + record.count <= length:
            continue
        if core.cluster_id and record.zxid <= core.zxid:
            # As in a start: the snapshot came from another server, and is what was decided.
            break
        if core.cluster_id and core.ensemble is None:
            # Only then is a reconfig executed.
            node = alone(core.settings.server_id, 0, core.zxid)
            core.join(node, patience_ms=0, touch_ms=0, now_ms=_NOW_MS)
        core.flags, _, core.origin, _ = origin(record.payload)
        core.replay(
            record.payload,
            record.zxid,
            record.time_ms,
            first=max(0, length - record.index),
            count=record.count,
        )
        length = record.index + record.count
    return core


def _write(disk: Disk, core: ReplicaCore, recovered: Recovered, target: str) -> Exported:
    tree = from_tree(core.tree, core.sessions)
    where = f"{target}/{DIRECTORY_NAME}"
    disk.make_directory(where)
    ballot = Ballot.unpacked(recovered.accepted)
    current = max(core.zxid >> 32, ballot.number)
    accepted = max(current, Ballot.unpacked(recovered.promised).number)
    _write_file(disk, where, "acceptedEpoch", b"%d" % accepted)
    _write_file(disk, where, "currentEpoch", b"%d" % current)
    path = f"{where}/{_SNAPSHOT}.{core.zxid:x}"
    file = disk.create(path + TEMPORARY_SUFFIX)
    try:
        offset = 0
        for piece in dump_snapshot(tree, core.zxid):
            file.pwrite(piece, offset)
            offset += len(piece)
        file.datasync()
    finally:
        file.close()
    disk.rename(path + TEMPORARY_SUFFIX, path)
    disk.sync_directory(where)
    return Exported(
        path,
        len(tree.nodes),
        len(tree.sessions),
        core.zxid,
        f"{ballot.configuration}.{ballot.number}",
        sum(
            session.password != apache_password(session.session_id)
            for session in core.sessions.values()
        ),
        sum(map(is_ttl, core.tree.special.values())),
    )


def _write_file(disk: Disk, directory: str, name: str, content: bytes) -> None:
    path = f"{directory}/{name}"
    file = disk.create(path)
    try:
        file.pwrite(content, 0)
        file.datasync()
    finally:
        file.close()
    disk.sync_directory(directory)
