"""Carries out what Paxos wants on disk."""

from __future__ import annotations

from zkserver.paxos.durable import Persist, WriteEnd, WriteRecord
from zkserver.storage.wal import Wal


def write_out(wal: Wal, persist: Persist) -> None:
    """Append the writes and flush them all at once; raises ``DiskFailed``."""
    for write in persist.writes:
        ballot = write.ballot.packed()
        if isinstance(write, WriteRecord):
            record = write.record
            wal.append(
                ballot, record.first, record.zxid, record.time_ms, record.entries, (record.payload,)
            )
        elif isinstance(write, WriteEnd):
            wal.reset_to(ballot, write.end, write.zxid, 0)
        else:
            wal.append_promise(ballot)
    wal.sync()
