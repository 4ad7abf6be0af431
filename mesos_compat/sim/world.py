"""Virtual time: one heap of what is going to happen, and one random stream per purpose.

Each purpose (a link, a disk, a scheduler) has a stream of its own, so leaving one happening
out of a scenario changes as little as possible of what all others draw.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

from mesos_compat.sim.trace import Trace

#: When a run begins, on the clock of the wall.
_BEGIN_NS: Final = 1_700_000_000_000_000_000
_NS_PER_MS: Final = 1_000_000
#: A run of some minutes takes some ten thousand steps; one that goes round in circles takes all.
_STEPS_MAX: Final = 400_000


class Violation(Exception):  # noqa: N818 - names what was found
    """The system broke a promise: which check found it, and what it saw."""

    def __init__(self, check: str, why: str) -> None:
        self.check = check
        self.why = why
        super().__init__(f"{check}: {why}")


class World:
    """The clock and the agenda of a run; times are milliseconds since its start."""

    def __init__(self, seed: int, trace: Trace) -> None:
        self.seed = seed
        self.trace = trace
        self.now_ms = 0
        #: How many things have happened.
        self.steps = 0
        self._number = 0
        self._agenda: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []

    def stream(self, purpose: str) -> random.Random:
        """The random stream of a purpose; the same one gives the same numbers in every run."""
        return random.Random(f"{self.seed}/{purpose}")

    def wall_ns(self) -> int:
        """The time on a clock of the wall that nobody has changed."""
        return _BEGIN_NS + self.now_ms * _NS_PER_MS

    def after(self, delay_ms: int, thunk: Callable[..., None], *args: Any) -> None:
        """Let ``thunk(*args)`` happen in ``delay_ms``; equal times keep their order."""
        self._number += 1
        heappush(self._agenda, (self.now_ms + delay_ms, self._number, thunk, args))

    def run_until(self, end_ms: int) -> None:
        """Let everything happen that is due until then; raises :class:`Violation`."""
        agenda = self._agenda
        while agenda and agenda[0][0] <= end_ms:
            self.now_ms, _, thunk, args = heappop(agenda)
            self.steps += 1
            if self.steps > _STEPS_MAX:
                raise Violation("livelock", f"{_STEPS_MAX} steps, and no end to be seen")
            thunk(*args)
        self.now_ms = end_ms

    def note(self, who: str, what: str, detail: str = "") -> None:
        """Put a line into the trace."""
        self.trace.add(self.now_ms, who, what, detail)
