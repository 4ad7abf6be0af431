"""What is due when. A timer is set again or cancelled by its name."""

from __future__ import annotations

import heapq
from enum import StrEnum
from typing import NamedTuple


class TimerKind(StrEnum):
    """What a timer is for."""

    LINK = "the master is to be subscribed with"
    PING = "the master has not been heard of"
    EXECUTOR_REGISTRATION = "an executor has not subscribed"
    EXECUTOR_REREGISTRATION = "executors have not come back to this agent"
    EXECUTOR_SHUTDOWN = "an executor has not ended"
    EXECUTOR_HEARTBEAT = "an executor's next heartbeat"
    STATUS_UPDATE = "a status has not been acknowledged"
    OPERATION_STATUS = "an operation's status has not been acknowledged"


class Timer(NamedTuple):
    """A timer's name: what for, and for whom."""

    kind: TimerKind
    key: tuple[str, ...] = ()


class Timers:
    """Timers by the time at which they are due, in milliseconds."""

    __slots__ = ("_due_ms", "_heap", "_number")

    def __init__(self) -> None:
        self._due_ms: dict[Timer, int] = {}
        # Entries that no longer agree with the table are left in the heap until they come up.
        self._heap: list[tuple[int, int, Timer]] = []
        self._number = 0

    def set(self, timer: Timer, due_ms: int) -> None:
        """Let ``timer`` be due then, instead of whenever it was."""
        self._due_ms[timer] = due_ms
        self._number += 1
        heapq.heappush(self._heap, (due_ms, self._number, timer))

    def cancel(self, timer: Timer) -> None:
        """``timer`` is not due at all."""
        self._due_ms.pop(timer, None)

    def pop_due(self, now_ms: int) -> Timer | None:
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
