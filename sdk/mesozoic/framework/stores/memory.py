"""A store that ends with the process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from mesozoic.framework.errors import Deposed
from mesozoic.framework.planning.actions import Change, Put


class MemoryStore:
    """Several frameworks in one process may share one, on one event loop: the others stand by."""

    is_durable = False

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self._epoch = 0
        self._lock = asyncio.Lock()

    async def lead(self) -> MemoryTenure:
        """Wait for the one that leads to end."""
        before = dict(self.contents)
        await self._lock.acquire()
        self._epoch += 1
        return MemoryTenure(self, self._epoch, before)

    def release(self) -> None:
        """The next one may lead."""
        self._lock.release()


class MemoryTenure:
    """Ends when it is closed, or by :meth:`depose`."""

    def __init__(self, store: MemoryStore, epoch: int, before: Mapping[str, bytes]) -> None:
        self.epoch = epoch
        self.before = before
        self.contents: Mapping[str, bytes] = dict(store.contents)
        self._store: MemoryStore | None = store
        self._over = asyncio.Event()

    async def write(self, changes: Sequence[Change]) -> None:
        """Keep it."""
        if self._store is None:
            raise Deposed("the tenure is over")
        for change in changes:
            if isinstance(change, Put):
                self._store.contents[change.key] = change.data
            else:
                self._store.contents.pop(change.key, None)

    async def wait_deposed(self) -> None:
        """Wait for :meth:`depose`."""
        await self._over.wait()

    def depose(self) -> None:
        """End it from outside, as a lost session would."""
        self._over.set()
        if self._store is not None:
            self._store.release()
            self._store = None

    async def close(self) -> None:
        """Let others lead."""
        self.depose()
