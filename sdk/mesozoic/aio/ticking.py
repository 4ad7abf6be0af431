"""Wakes a core when something is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_MS: Final = 1_000
#: The loop's clock may wake us that much early, and the core counts whole milliseconds.
_ROUNDING_S: Final = 0.001


class Ticker:
    """One timer for one core; :meth:`look` after each step."""

    def __init__(self, next_due_ms: Callable[[], int | None], on_due: Callable[[], None]) -> None:
        self._next_due_ms = next_due_ms
        self._on_due = on_due
        self._due_ms: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def now_ms(self) -> int:
        """Monotonic time, for the core."""
        return int(asyncio.get_running_loop().time() * _MS)

    def look(self) -> None:
        """The core may wait for another time now."""
        due_ms = self._next_due_ms()
        if due_ms == self._due_ms:
            return
        self.stop()
        if due_ms is not None:
            self._due_ms = due_ms
            at_s = due_ms / _MS + _ROUNDING_S
            self._timer = asyncio.get_running_loop().call_at(at_s, self._fire)

    def stop(self) -> None:
        """Wake nobody."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._due_ms = None

    def _fire(self) -> None:
        self._timer = self._due_ms = None
        self._on_due()
