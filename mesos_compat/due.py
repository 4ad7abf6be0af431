"""What is due when, by name: for cores that are told the time and have no clock. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class DueTimes(Generic[T]):
    """Timers by the time at which they are due, in milliseconds; equal names are one timer."""

    __slots__ = ("_due_ms", "_heap", "_number")

    def __init__(self) -> None:
        self._due_ms: dict[T, int] = {}
        # Entries that no longer agree with the table are left in the heap until they come up.
        self._heap: list[tuple[int, int, T]] = []
        self._number = 0

    def set(self, timer: T, due_ms: int) -> None:
        """Let ``timer`` be due then, instead of whenever it was."""
        self._due_ms[timer] = due_ms
        self._number += 1
        heapq.heappush(self._heap, (due_ms, self._number, timer))

    def cancel(self, timer: T) -> None:
        """``timer`` is not due at all."""
        self._due_ms.pop(timer, None)

    def is_set(self, timer: T) -> bool:
        """Whether ``timer`` will be due."""
        return timer in self._due_ms

    def pop_due(self, now_ms: int) -> T | None:
        """The first timer that is due, which is not set any more; None when there is none."""
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, _number, timer = heapq.heappop(self._heap)
            if self._due_ms.get(timer) == due_ms:
                del self._due_ms[timer]
                return timer
        return None

    def next_due_ms(self) -> int | None:
        """When the first timer is due; None when there is none."""
        while self._heap and self._due_ms.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
