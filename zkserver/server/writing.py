"""Carries out what Paxos wants on disk, and finds it again."""

from __future__ import annotations

from zkserver.paxos.durable import Persist, WriteEnd, WriteRecord, WriteSync
from zkserver.paxos.log import Log, Record
from zkserver.replica.core import ReplicaCore
from zkserver.replica.state import load
from zkserver.storage import Recovered
from zkserver.storage.wal import Member, Wal


def write_out(wal: Wal, persist: Persist) -> None:
    """Append the writes and flush them all at once; raises ``DiskFailed``."""
    for write in persist.writes:
        ballot = write.ballot.packed()
        if isinstance(write, WriteRecord):
            record = write.record
            wal.append(
                ballot, record.first, record.zxid, record.time_ms, record.entries, (record.payload,)
            )
        elif isinstance(write, WriteSync):
            wal.append_sequence(
                ballot,
                [Member(r.first, r.entries, r.zxid, r.time_ms, r.payload) for r in write.records],
            )
        elif isinstance(write, WriteEnd):
            wal.reset_to(ballot, write.end, write.zxid, 0)
        else:
            wal.append_promise(ballot, write.decided)
    wal.sync()


def read_back(core: ReplicaCore, recovered: Recovered) -> Log:
    """Load the snapshot, if there is one; returns the sequence behind it.

    Raises ``CorruptSnapshot``.
    """
    sequence = Log(0, 0)
    if recovered.snapshot is not None:
        load(core, recovered.blocks())
        core.zxid = recovered.snapshot.zxid
        sequence = Log(recovered.snapshot.index, core.zxid)
    for found in recovered.records():
        if found.index + found.count <= sequence.end:
            continue
        if found.index < sequence.end or found.zxid <= sequence.last_zxid:
            # The snapshot came from another server, and a crash before the log was cut: what
            # we had accepted behind its place was not what has been decided.
            break
        record = Record(found.index, found.count, found.zxid, found.time_ms, found.payload)
        sequence.append(record)
    return sequence
