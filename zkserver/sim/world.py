"""Virtual time: one heap of what is going to happen, and one random stream per purpose.

Each purpose (a link, a disk, a client) has a stream of its own, so leaving one fault out
of a scenario does not change what all others draw.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from zkserver.sim.trace import Trace


class Violation(Exception):  # noqa: N818 - names what was found
    """The system broke a promise: which check found it, and what it saw."""

    def __init__(self, check: str, why: str) -> None:
        self.check = check
        self.why = why
        super().__init__(f"{check}: {why}")


class World:
    """The clock and the agenda of a run; times are microseconds since its start."""

    def __init__(self, seed: int, trace: Trace) -> None:
        self.seed = seed
        self.trace = trace
        self.now_us = 0
        #: How many things have happened.
        self.steps = 0
        self._number = 0
        self._agenda: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []

    def stream(self, purpose: str) -> random.Random:
        """The random stream of a purpose; the same one gives the same numbers in every run."""
        return random.Random(f"{self.seed}/{purpose}")

    def after(self, delay_us: int, thunk: Callable[..., None], *args: Any) -> None:
        """Let ``thunk(*args)`` happen in ``delay_us``; equal times keep their order."""
        self._number += 1
        heappush(self._agenda, (self.now_us + delay_us, self._number, thunk, args))

    def run_until(self, end_us: int) -> None:
        """Let everything happen that is due until then."""
        agenda = self._agenda
        while agenda and agenda[0][0] <= end_us:
            self.now_us, _, thunk, args = heappop(agenda)
            self.steps += 1
            thunk(*args)
        self.now_us = end_us

    def note(self, who: str, what: str, detail: str = "") -> None:
        """Put a line into the trace."""
        self.trace.add(self.now_us, who, what, detail)
