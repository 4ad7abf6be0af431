"""The two threads of an old-style driver: one with the event loop, one that calls the user back.

Whatever the user calls, from whichever thread, is put into a queue of the loop and done there in
its order. Callbacks are done in the second thread, and the loop awaits each before the next.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from mesozoic.classic.interface import (
    DRIVER_ABORTED,
    DRIVER_NOT_STARTED,
    DRIVER_RUNNING,
    DRIVER_STOPPED,
    Status,
)

#: How long :meth:`DriverThreads.join` waits for the goodbyes of a driver that is stopped.
_GOODBYE_S: Final = 15.0

_log = logging.getLogger(__name__)

#: Something to be done on the loop.
Work = Callable[[], Awaitable[object]]


class DriverThreads:
    """A driver's status, and its threads.

    ``serve`` is awaited in the loop's thread, until the driver is over; by then ``work`` has been
    taken from the queue by :meth:`do_work`.
    """

    def __init__(self, name: str, serve: Callable[[], Awaitable[None]]) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._status: Status = DRIVER_NOT_STARTED
        # Set when join() is to return.
        self._over = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[Work] = asyncio.Queue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._callbacks = ThreadPoolExecutor(1, f"{name}-callbacks")
        # What is done once the callback that has asked for it has returned.
        self._after_callback: list[Work] = []
        self._callback_thread = 0

    @property
    def status(self) -> Status:
        """As of now."""
        return self._status

    @property
    def runs(self) -> bool:
        """Whether the driver is neither stopped nor aborted."""
        return self._status == DRIVER_RUNNING

    def start(self) -> Status:
        """Begin, unless that was done before."""
        with self._lock:
            if self._status != DRIVER_NOT_STARTED:
                return self._status
            self._status = DRIVER_RUNNING
        # The loop is there as soon as somebody may want to hand something over.
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        return self._status

    def refuse_to_start(self) -> Status:
        """What the driver was made with cannot be used."""
        self._status = DRIVER_ABORTED
        self._over.set()
        return self._status

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._own_loop) as runner:
            runner.run(self._serve_and_work())
        self._callbacks.shutdown(wait=False)

    async def _serve_and_work(self) -> None:
        working = asyncio.create_task(self._do_work())
        try:
            await self._serve()
        except Exception:  # noqa: BLE001 - nobody else is there to hear of it
            _log.exception("the driver has failed")
            self.abort()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            with self._lock:
                if self._status == DRIVER_RUNNING:
                    self._status = DRIVER_STOPPED
            self._over.set()

    async def _do_work(self) -> None:
        while True:
            work = await self._queue.get()
            try:
                await work()
            except Exception:  # noqa: BLE001 - the next may be made
                _log.exception("a call could not be made")

    # What the user does.

    def hand_over(self, work: Work) -> Status:
        """Have something done on the loop, if the driver runs; returns the status before it.

        What is done may call the scheduler back, which may stop the driver meanwhile.
        """
        status = self._status
        if self.runs:
            self._put(work)
        return status

    def _put(self, work: Work) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, work)
        except RuntimeError:
            _log.debug("the driver is over already")

    def stop(self, work: Work) -> Status:
        """End by ``work``; returns ABORTED if that has happened before, as libmesos does."""
        with self._lock:
            if self._status not in (DRIVER_RUNNING, DRIVER_ABORTED) or not self._thread.ident:
                return self._status
            before, self._status = self._status, DRIVER_STOPPED
        if threading.get_ident() == self._callback_thread:
            # What the callback stands for is done first: an update is acknowledged.
            self._after_callback.append(work)
        else:
            self._put(work)
        return before if before == DRIVER_ABORTED else DRIVER_STOPPED

    def abort(self) -> Status:
        """No more callbacks and calls."""
        with self._lock:
            if self._status == DRIVER_RUNNING:
                self._status = DRIVER_ABORTED
                self._over.set()
            return self._status

    def join(self) -> Status:
        """Until the driver is aborted, or stopped and has said so to the other side."""
        if self._status == DRIVER_NOT_STARTED:
            return self._status
        self._over.wait()
        if self._status == DRIVER_STOPPED:
            self._thread.join(_GOODBYE_S)
        return self._status

    # What calls the user back.

    async def call_back(
        self, callback: Callable[..., None], *arguments: Any, then: Work | None = None
    ) -> None:
        """Await a callback in its thread, if the driver runs.

        ``then`` follows unless it has raised or aborted, and after that what it has put off.
        """
        if not self.runs:
            return
        has_returned = await self._in_thread(callback, arguments)
        if has_returned and then is not None:
            await then()
        put_off, self._after_callback = self._after_callback, []
        for work in put_off:
            await work()

    async def _in_thread(self, callback: Callable[..., None], arguments: tuple[Any, ...]) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._callbacks, self._call, callback, arguments)

    async def fail(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Abort the driver, and await the callback that tells why."""
        if self.runs:
            self.abort()
            await self._in_thread(callback, arguments)

    def _call(self, callback: Callable[..., None], arguments: tuple[Any, ...]) -> bool:
        self._callback_thread = threading.get_ident()
        try:
            callback(*arguments)
        except Exception:  # noqa: BLE001 - as libmesos does with whatever a callback raises
            _log.exception("%s has raised; the driver is aborted", callback.__qualname__)
            self.abort()
            return False
        return self._status != DRIVER_ABORTED
