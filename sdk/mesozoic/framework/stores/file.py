"""A store in a file of SQLite, for a framework that is started again on the same host.

Who leads holds a lock on a file beside it, which the kernel takes back when the process ends,
however that happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from mesozoic.framework.errors import Deposed, StoreFailed
from mesozoic.framework.planning.actions import Change, Put

#: Between two attempts to get the lock.
_LOOK_S: Final = 0.2
_EPOCH: Final = ".epoch"


class FileStore:
    """See the module. The directory must exist."""

    is_durable = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    async def lead(self) -> FileTenure:
        """Wait for the lock. Raises :class:`~mesozoic.framework.errors.StoreFailed`."""
        try:
            before = await asyncio.to_thread(self._peek)
            lock = await self._lock()
            try:
                database = await asyncio.to_thread(self._open)
                return FileTenure(lock, database, before)
            except BaseException:
                os.close(lock)
                raise
        except (OSError, sqlite3.Error) as error:
            raise StoreFailed(f"{self._path}: {error}") from error

    def _peek(self) -> dict[str, bytes]:
        if not self._path.exists():
            return {}
        with contextlib.closing(self._open()) as database:
            return _read(database)

    async def _lock(self) -> int:
        path = self._path.with_name(f"{self._path.name}.lock")
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return file
                await asyncio.sleep(_LOOK_S)
        except BaseException:
            os.close(file)
            raise

    def _open(self) -> sqlite3.Connection:
        # One statement at a time, but not always of the same thread.
        database = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        database.execute(
            "CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, data BLOB NOT NULL)"
        )
        return database


class FileTenure:
    """Ends with :meth:`close`, or with the process."""

    def __init__(
        self, lock: int, database: sqlite3.Connection, before: Mapping[str, bytes]
    ) -> None:
        self._lock: int | None = lock
        self._database = database
        self.before = before
        # One, so that closing waits for what is being written.
        self._thread = ThreadPoolExecutor(1, "mesozoic-store")
        contents = _read(database)
        self.epoch = int(contents.pop(_EPOCH, b"0")) + 1
        self._apply([Put(_EPOCH, str(self.epoch).encode())])
        self.contents: Mapping[str, bytes] = contents

    async def write(self, changes: Sequence[Change]) -> None:
        """One transaction. Raises ``StoreFailed`` and ``Deposed``."""
        if self._lock is None:
            raise Deposed("the tenure is over")
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._apply, changes)
        except sqlite3.Error as error:
            raise StoreFailed(str(error)) from error

    def _apply(self, changes: Sequence[Change]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for change in changes:
                if isinstance(change, Put):
                    self._database.execute(
                        "INSERT OR REPLACE INTO records VALUES (?, ?)", (change.key, change.data)
                    )
                else:
                    self._database.execute("DELETE FROM records WHERE key = ?", (change.key,))
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    async def wait_deposed(self) -> None:
        """Nobody can take a lock away."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let others lead."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            await asyncio.to_thread(self._thread.shutdown)
            self._database.close()
            os.close(lock)


def _read(database: sqlite3.Connection) -> dict[str, bytes]:
    return dict(database.execute("SELECT key, data FROM records"))
