"""The clocks of a server: wall time that lies, monotonic time that only drifts.

Wall time is off by a skew, drifts, and jumps when a fault says so, forwards and back. The
monotonic clock begins anywhere and runs a little fast or slow, but never goes back.
"""

from __future__ import annotations

import random
from typing import Final

#: The start of simulated wall time, milliseconds since 1970.
WALL_START_MS: Final = 1_700_000_000_000
#: How far a monotonic clock may be from true, parts per million.
DRIFT_PPM_MAX: Final = 5000


class Clock:
    """The clocks of one server, as functions of true time in microseconds."""

    def __init__(self, stream: random.Random) -> None:
        self._drift_ppm = stream.randint(-DRIFT_PPM_MAX, DRIFT_PPM_MAX)
        self._wall_drift_ppm = stream.choice((0, 0, stream.randint(-50_000, 50_000)))
        self._start_ms = stream.randint(1, 10_000_000)
        self._skew_ms = stream.choice((0, 0, stream.randint(-3_600_000, 3_600_000)))

    def monotonic_ms(self, now_us: int) -> int:
        """What the server's monotonic clock shows."""
        return self._start_ms + (now_us + now_us * self._drift_ppm // 1_000_000) // 1000

    def wall_ms(self, now_us: int) -> int:
        """What the server takes for the time of day."""
        shown_us = now_us + now_us * self._wall_drift_ppm // 1_000_000
        return WALL_START_MS + self._skew_ms + shown_us // 1000

    def jump(self, by_ms: int) -> None:
        """Set the wall clock forwards or back."""
        self._skew_ms += by_ms
