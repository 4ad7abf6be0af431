"""Steps a pure core on asyncio's thread: events in, actions out, one event after the other.

Whoever has an event submits it; events are stepped in the order in which they came, and the
actions of each are carried out before the next. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

E = TypeVar("E")


def mono_ms() -> int:
    """The clock that never goes back, in milliseconds."""
    return time.monotonic_ns() // 1_000_000


class Stepper(Generic[E]):
    """Owns the order of events, and the timer; ``step`` steps the core and does its actions."""

    def __init__(
        self, step: Callable[[E], None], next_due_ms: Callable[[], int], tick: Callable[[], E]
    ) -> None:
        self._step = step
        self._next_due_ms = next_due_ms
        self._tick = tick
        self._events: deque[E] = deque()
        self._is_stepping = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_stopped = False

    def submit(self, event: E) -> None:
        """Step the core with ``event``, after those before."""
        self._events.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._events and not self.is_stopped:
                self._step(self._events.popleft())
        finally:
            self._is_stepping = False
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.is_stopped:
            wait_ms = max(0, self._next_due_ms() - mono_ms())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait_ms / 1000, self._due)

    def _due(self) -> None:
        self.submit(self._tick())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes time; it is cancelled when the program ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Step no more, and end what was spawned."""
        self.is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
