"""What a server writes to disk, and how it finds it again.

This package keeps two things in files: a *log* of records, appended to and
flushed before anything is acknowledged, and *snapshots*, each a complete state
at one position of the sequence. It knows nothing of znodes: entries and
snapshot blocks are opaque bytes, so it may import only the standard library.

::

    <dataDir>/mesozoic-1/     lock  snapshot-<zxid>  snapshot-<zxid> ...
    <dataLogDir>/mesozoic-1/  wal-<serial>.log  wal-<serial>.log  (prepared spare)

    start = newest valid snapshot + every log record from its index on

The promise is that a write whose ``sync`` returned is never lost and never
changed without notice. What holds it up:

* **One door to the disk.** Everything goes through a ``Disk`` (``disk.py``), so a
  simulator can lose, tear and corrupt exactly what a real one may.
* **Failure is final.** A write or flush that fails raises ``DiskFailed``, and the
  log refuses everything afterwards. After a failed fsync the kernel may drop the
  dirty pages and call the next fsync a success, so none is ever repeated.
* **A torn tail is told from a damaged middle.** Each record says up to where its
  segment was flushed when it was written. An invalid record that a later one
  declares flushed is damage: recovery refuses, naming file and offset. One that
  was never flushed is what a crash may leave: it is cut and overwritten with
  zeros, together with any younger record that survived behind it.
* **Old bytes stay dead.** Segments are zero-filled ahead and reused; the marker
  and the checksum of a record depend on its segment's random salt, so what is
  left of a segment's earlier life never reads as a record.
* **Segments stand alone.** Each begins with the position of the log and the
  ballots known by then, and ends with a seal; so purging old ones forgets neither
  a promise nor where the log was, and a missing or cut segment is noticed.
* **Snapshots are all or nothing.** They are written under a temporary name,
  flushed, renamed, and carry a checksum per block and a closing seal.
"""

from zkserver.storage.disk import (
    DirectoryLock,
    DirectoryLocked,
    Disk,
    DiskFailed,
    DiskFile,
    OsDisk,
)
from zkserver.storage.recovery import Recovered, recover
from zkserver.storage.segments import CorruptLog, LogRecord
from zkserver.storage.snapshots import (
    CorruptSnapshot,
    SnapshotMeta,
    list_snapshots,
    read_meta,
    read_snapshot,
    retain,
    write_snapshot,
)
from zkserver.storage.wal import Wal, WalOptions

__all__ = [
    "CorruptLog",
    "CorruptSnapshot",
    "DirectoryLock",
    "DirectoryLocked",
    "Disk",
    "DiskFailed",
    "DiskFile",
    "LogRecord",
    "OsDisk",
    "Recovered",
    "SnapshotMeta",
    "Wal",
    "WalOptions",
    "list_snapshots",
    "read_meta",
    "read_snapshot",
    "recover",
    "retain",
    "write_snapshot",
]
