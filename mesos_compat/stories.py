"""The last things that happened to each thing, for whoever asks how it came to this. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

_LINES_MAX: Final = 32


class Stories:
    """Bounded: of each thing the last lines, and of all things those with news the latest."""

    __slots__ = ("_count_max", "_lines")

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._lines: dict[str, deque[str]] = {}

    def note(self, key: str, line: str) -> None:
        """Remember ``line`` about ``key``."""
        lines = self._lines.pop(key, None)
        if lines is None:
            lines = deque(maxlen=_LINES_MAX)
            if len(self._lines) >= self._count_max:
                # What nothing happened to for longest.
                del self._lines[next(iter(self._lines))]
        self._lines[key] = lines
        lines.append(line)

    def of(self, key: str) -> list[str]:
        """What is remembered of ``key``, the oldest first."""
        return list(self._lines.get(key, ()))
