"""The agent's cache of fetched files: bounded in bytes, shared by concurrent fetches.

A file is kept under its URI and the user it was fetched for, as in Mesos. The first who wants
it fetches it, those who come meanwhile wait for that. The least recently used files that
nobody is reading make room; a file for which there is no room is used once and forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


@dataclass(slots=True)
class _Entry:
    path: Path
    # None while it is being fetched, and when that has failed.
    size: int | None = None
    # How many are reading it or waiting for it.
    readers: int = 0
    # Whether it stays once nobody reads it.
    kept: bool = False
    fetched: asyncio.Future[None] | None = None


class FetcherCache:
    """The files fetched by one agent; emptied when an agent starts."""

    def __init__(self, directory: str, owner: str, bytes_max: int) -> None:
        """``owner`` tells agents apart that share a ``directory``: their work directory."""
        self._directory = Path(directory, sha256(os.fsencode(owner)).hexdigest()[:16])
        self._bytes_max = bytes_max
        # Least recently used first.
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._count = 0
        self._lock = -1

    @property
    def bytes_used(self) -> int:
        """How much is kept."""
        return sum(entry.size or 0 for entry in self._entries.values() if entry.kept)

    def open(self) -> None:
        """Take the directory and empty it. Raises OSError, also when another agent has it."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise OSError(
                errno.EBUSY, f"The fetcher cache '{self._directory}' is another agent's"
            ) from error
        for left in self._directory.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()

    def close(self) -> None:
        """Give the directory up."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def new_path(self) -> Path:
        """Where to put a file that is being fetched."""
        self._count += 1
        return self._directory / f"{self._count:06d}"

    @contextlib.asynccontextmanager
    async def temporary(self, fetch: Callable[[Path], Awaitable[None]]) -> AsyncIterator[Path]:
        """A file fetched for one reader only."""
        path = self.new_path()
        try:
            await fetch(path)
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextlib.asynccontextmanager
    async def cached(
        self, user: str, uri: str, fetch: Callable[[Path], Awaitable[None]]
    ) -> AsyncIterator[Path]:
        """The file of ``uri``, fetched by ``fetch`` unless it is here. Raises what that raises."""
        key = (user, uri)
        entry = self._entries.get(key)
        if entry is None:
            entry = _Entry(self.new_path())
        self._entries.pop(key, None)
        self._entries[key] = entry
        entry.readers += 1
        try:
            await self._have(key, entry, fetch)
            yield entry.path
        finally:
            entry.readers -= 1
            if entry.readers == 0 and not entry.kept:
                self._forget(key, entry)

    async def _have(
        self, key: tuple[str, str], entry: _Entry, fetch: Callable[[Path], Awaitable[None]]
    ) -> None:
        while entry.size is None:
            fetched = entry.fetched
            if fetched is not None:
                # Somebody else is at it. Should that one be cancelled, it is our turn.
                await asyncio.wait([fetched])
                if not fetched.cancelled() and (error := fetched.exception()):
                    raise error
                continue
            await self._fetch(key, entry, fetch)

    async def _fetch(
        self, key: tuple[str, str], entry: _Entry, fetch: Callable[[Path], Awaitable[None]]
    ) -> None:
        entry.fetched = asyncio.get_running_loop().create_future()
        try:
            await fetch(entry.path)
            entry.size = entry.path.stat().st_size
            entry.kept = self._make_room(entry.size)
            entry.fetched.set_result(None)
        except asyncio.CancelledError:
            entry.fetched.cancel()
            entry.fetched = None
            raise
        except BaseException as error:
            entry.fetched.set_exception(error)
            # Those who wait have seen it, or there are none: it is raised here anyway.
            entry.fetched.exception()
            # Whoever comes next tries again.
            if self._entries.get(key) is entry:
                del self._entries[key]
            raise

    def _make_room(self, size: int) -> bool:
        """Forget what is needed to keep ``size`` bytes more; whether they fit."""
        if size > self._bytes_max:
            return False
        idle = [key for key, one in self._entries.items() if one.kept and not one.readers]
        room = self._bytes_max - self.bytes_used
        for key in idle:
            if room >= size:
                break
            entry = self._entries[key]
            room += entry.size or 0
            entry.kept = False
            self._forget(key, entry)
        return room >= size

    def _forget(self, key: tuple[str, str], entry: _Entry) -> None:
        entry.path.unlink(missing_ok=True)
        if self._entries.get(key) is entry:
            del self._entries[key]
