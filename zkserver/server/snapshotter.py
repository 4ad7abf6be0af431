"""Takes snapshots while the server goes on, and gives up the log that they make needless.

A forked child writes a snapshot from its own frozen copy of the memory, so the server
pauses only for the fork. Where forking is not possible (a server embedded in somebody
else's program, whose other threads a child would be without) the dictionaries are
copied and a thread writes them out.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Final

from zkserver.replica.core import ReplicaCore
from zkserver.replica.state import State, dump
from zkserver.server.committer import Committer
from zkserver.storage import Disk, SnapshotMeta, read_meta, retain, write_snapshot
from zkserver.storage.snapshots import list_snapshots

#: A snapshot is not worth it before the log has grown by this share of the last snapshot.
_LOG_SHARE: Final = 0.5
#: Entries in the log, as a share of snapCount, that make a snapshot at a clean stop worth it.
_STOP_SHARE: Final = 0.1
#: Of the forked writer: about a tenth of a core that the server would use up alone.
_NICENESS: Final = 10


class Snapshotter:
    """Decides when a snapshot is due, has it written, and purges behind it."""

    def __init__(
        self,
        core: ReplicaCore,
        committer: Committer,
        disk: Disk,
        directory: str,
        *,
        every_entries: int,
        keep: int,
        fork: bool,
        since_index: int,
    ) -> None:
        self.core = core
        self.committer = committer
        self.disk = disk
        self.directory = directory
        self.every_entries = every_entries
        self.keep = keep
        self.fork = fork
        #: Of the newest snapshot, also one of an earlier start: or a server that is restarted
        #: again and again would replay more and more.
        self.last_index = since_index
        self.last_bytes = 0
        self._log_bytes_then = committer.wal.bytes_written
        self._child = 0
        self._thread: threading.Thread | None = None
        self._thread_failure: BaseException | None = None
        self._writing: SnapshotMeta | None = None

    @property
    def is_due(self) -> bool:
        """Enough was logged since the last snapshot, and none is being written."""
        entries = self.core.executed - self.last_index
        if entries < self.every_entries or self._writing is not None:
            return False
        log_bytes = self.committer.wal.bytes_written - self._log_bytes_then
        return log_bytes >= self.last_bytes * _LOG_SHARE

    @property
    def is_writing(self) -> bool:
        """Whether one is under way."""
        return self._writing is not None

    def begin_now(self) -> bool:
        """Begin one whether it is due or not; False while another one is under way."""
        if self._writing is not None:
            return False
        self.begin()
        return True

    def newest(self) -> tuple[int, int, int]:
        """zxid, index and bytes of the newest snapshot that is whole; zeros without one."""
        for path in list_snapshots(self.disk, self.directory)[:1]:
            meta = read_meta(self.disk, path)
            return meta.zxid, meta.index, os.stat(path).st_size  # noqa: PTH116
        return 0, 0, 0

    def _meta(self) -> SnapshotMeta:
        core = self.core
        return SnapshotMeta(
            zxid=core.zxid,
            index=core.executed,
            ballot=core.node.accepted.packed(),
            time_ms=time.time_ns() // 1_000_000,
        )

    def begin(self) -> None:
        """Start writing a snapshot of the state as it is now."""
        meta = self._writing = self._meta()
        self.last_index = meta.index
        self._log_bytes_then = self.committer.wal.bytes_written
        if not self.fork:
            state = State.of(self.core, copied=True)
            self._thread_failure = None
            self._thread = threading.Thread(
                target=self._write_in_thread, args=(meta, state), name="zkserver-snapshot"
            )
            self._thread.start()
            return
        parent = os.getpid()
        child = os.fork()
        if child:
            self._child = child
            return
        # The child. Its copies of the sockets and of the lock must not outlive the server.
        code = 1
        try:
            # Where the server is busy it has the core; what it leaves idle is enough for this.
            os.nice(_NICENESS)
            os.closerange(3, 1 << 20)
            blocks = _while_parent_lives(dump(State.of(self.core, copied=False)), parent)
            write_snapshot(self.disk, self.directory, meta, blocks)
            code = 0
        except BaseException as failure:  # noqa: BLE001 - nothing may escape into the server's code
            os.write(2, f"zkserver: snapshot {meta.zxid:#x} failed: {failure}\n".encode())
        finally:
            os._exit(code)

    def _write_in_thread(self, meta: SnapshotMeta, state: State) -> None:
        try:
            write_snapshot(self.disk, self.directory, meta, dump(state))
        except BaseException as failure:  # noqa: BLE001 - told to the loop by poll()
            self._thread_failure = failure

    def poll(self, *, wait: bool = False) -> str | None:
        """See whether the snapshot under way is done; then purge.

        Returns what went wrong, if anything did; the server can live without a
        snapshot, since the log still holds everything.
        """
        if self._writing is None:
            return None
        if self._thread is not None:
            if wait:
                self._thread.join()
            if self._thread.is_alive():
                return None
            failure = self._thread_failure
            self._thread = None
            return self._ended("" if failure is None else str(failure))
        pid, status = os.waitpid(self._child, 0 if wait else os.WNOHANG)
        if not pid:
            return None
        self._child = 0
        return self._ended("" if status == 0 else f"its writer ended with status {status}")

    def _ended(self, failure: str) -> str | None:
        written, self._writing = self._writing, None
        if failure:
            return failure
        if written is not None:
            # Whoever is further behind gets the snapshot.
            self.core.node.log.trim(written.index)
        self.core.stats.snapshots += 1
        self.purge()
        return None

    def purge(self) -> None:
        """Delete snapshots beyond those to keep, and the log before the oldest kept one."""
        kept = retain(self.disk, self.directory, self.keep)
        if not kept:
            return
        with contextlib.suppress(OSError):
            self.last_bytes = os.stat(kept[0]).st_size  # noqa: PTH116
        self.committer.wal.purge_before(read_meta(self.disk, kept[-1]).index)

    def at_stop(self) -> None:
        """Before a clean stop: leave a snapshot, if much log would have to be replayed."""
        self.poll(wait=True)
        entries = self.core.executed - self.last_index
        if entries >= self.every_entries * _STOP_SHARE:
            write_snapshot(
                self.disk, self.directory, self._meta(), dump(State.of(self.core, copied=False))
            )
            retain(self.disk, self.directory, self.keep)


def _while_parent_lives(blocks: Iterator[bytes], parent: int) -> Iterator[bytes]:
    """``blocks``, but end the process when the server is gone, which will start anew."""
    for block in blocks:
        if os.getppid() != parent:
            os._exit(1)
        yield block
