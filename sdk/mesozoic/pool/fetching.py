"""Large results, which lie in sandboxes: fetched from the agent, or from the worker if need be.

The agent still has them when the worker has been lost or given back, and serves them without
holding up what else the worker has to say. Where it does not let us, or is away for a moment,
the worker sends them in pieces. If neither can, the result is lost with its worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from mesozoic.errors import MesozoicError
from mesozoic.pool import frames, outcomes
from mesozoic.pool.errors import WorkerLost
from mesozoic.pool.fleet import Worker
from mesozoic.pool.frames import Frame
from mesozoic.pool.sandboxes import Sandboxes

_log = logging.getLogger(__name__)

Settle = Callable[[Any, BaseException | None], None]


class Fetching:
    """What is being fetched. ``send`` sends frames to a worker."""

    def __init__(self, sandboxes: Sandboxes, send: Callable[[str, bytes], None]) -> None:
        self._sandboxes = sandboxes
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()
        # Those that workers send: (worker, number) -> pieces, and who waits for them.
        self._pieces: dict[tuple[str, int], tuple[list[bytes], asyncio.Future[bytes]]] = {}
        # Workers that are gone.
        self._lost: set[str] = set()

    def fetch(
        self, framework_id: str, worker: Worker, number: int, size: int, settle: Settle
    ) -> None:
        """Fetch a result, and settle it; with ``WorkerLost`` if it is gone."""
        task = asyncio.create_task(self._fetch(framework_id, worker, number, size, settle))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Fetch nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _fetch(
        self, framework_id: str, worker: Worker, number: int, size: int, settle: Settle
    ) -> None:
        name = worker.task_id
        try:
            data = await self._from_agent(framework_id, worker, number, size)
            if data is None:
                data = await self._from_worker(name, number, size)
            # Large ones take their time, which others need not wait for.
            value = await asyncio.to_thread(outcomes.result_of, data)
        except Exception as error:  # noqa: BLE001 - the future tells
            settle(None, error)
        else:
            settle(value, None)
        finally:
            self._send(name, frames.frame(frames.DROP, number))

    async def _from_agent(
        self, framework_id: str, worker: Worker, number: int, size: int
    ) -> bytes | None:
        if not worker.agent_url:
            return None
        try:
            return await self._sandboxes.kept_result(
                worker.agent_url, framework_id, worker.task_id, number, size
            )
        except MesozoicError as error:
            _log.info("a result is fetched from worker %s itself: %s", worker.task_id, error)
            return None

    async def _from_worker(self, name: str, number: int, size: int) -> bytes:
        if name in self._lost:
            raise WorkerLost(
                f"worker {name} was lost before its result of {size} bytes was fetched"
            )
        whole: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pieces[name, number] = ([], whole)
        self._send(name, frames.frame(frames.FETCH, number))
        try:
            return await whole
        finally:
            del self._pieces[name, number]

    def heard(self, name: str, said: Frame) -> None:
        """A worker sends a piece, or says that it cannot."""
        pieces, whole = self._pieces.get((name, said.number), (None, None))
        if pieces is None or whole is None or whole.done():
            return
        if said.kind == frames.MISSING:
            why = said.payload.decode("utf-8", "replace")
            whole.set_exception(WorkerLost(f"worker {name} has lost a result: {why}"))
        elif said.payload:
            pieces.append(said.payload)
        else:
            whole.set_result(b"".join(pieces))

    def lost(self, name: str) -> None:
        """A worker is gone."""
        self._lost.add(name)
        for (sender, _), (_, whole) in self._pieces.items():
            if sender == name and not whole.done():
                whole.set_exception(WorkerLost(f"worker {name} was lost while it sent a result"))
