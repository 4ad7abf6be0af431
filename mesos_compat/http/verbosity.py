"""How much is logged: glog's verbosity levels, which can be raised for a while.

Source: libprocess's ``Logging``. Level 0 is what the flags say; any higher one also logs what
is for those who look for a fault.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from mesos_compat.errors import DecodeError
from mesos_compat.http.answers import Answer, said, told
from mesos_compat.http.requests import Request
from mesos_compat.wire.text import parse_duration

LEVEL_MAX: Final = 2**31 - 1


class Verbosity:
    """The level now, and when it ends."""

    def __init__(self) -> None:
        self._usual = logging.getLogger().level
        self._end: asyncio.TimerHandle | None = None
        self.level = 0

    def set(self, level: int, duration_s: float) -> None:
        """Log at ``level`` for so long; at 0 right away as the flags say."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self.level == 0:
            self._usual = logging.getLogger().level
        self.level = level
        logging.getLogger().setLevel(logging.DEBUG if level > 0 else self._usual)
        if level > 0:
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(duration_s, self.set, 0, 0.0)

    def stop(self) -> None:
        """Back to what the flags say; nothing is left on the loop."""
        if self.level > 0:
            self.set(0, 0.0)

    async def toggle(self, request: Request) -> Answer:
        """``/logging/toggle?level=&duration=``; without either the level is told."""
        if request.rest:
            return said(404)
        level, duration = request.query.get("level"), request.query.get("duration")
        if level is None and duration is None:
            return told(200, f"{self.level}\n")
        if level is None:
            return told(400, "Expecting 'level=value' in query.\n")
        if duration is None:
            return told(400, "Expecting 'duration=value' in query.\n")
        try:
            number = int(level)
        except ValueError:
            return told(400, f"Failed to convert '{level}' to number.\n")
        if not 0 <= number <= LEVEL_MAX:
            return told(400, f"Invalid level '{level}'.\n")
        try:
            duration_s = parse_duration(duration) / 1e9
        except DecodeError as error:
            return told(400, f"{error}.\n")
        self.set(number, duration_s)
        return told(200)
