"""What happened, one line per event in fixed columns, and a hash over all of it.

::

    time in ms  who     what           detail
        1204    m1      OFFERS         f0 m1-O4

The hash is what determinism is judged by: two runs of one scenario end with the same.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import Final

#: Lines kept when nobody asked for all of them: enough to see how a run ended.
_TAIL_LINES: Final = 60


class Trace:
    """Collects lines; ``keep`` keeps all of them, else only the last ones."""

    def __init__(self, *, keep: bool = False) -> None:
        self._kept: deque[tuple[int, str, str, str]] = deque(maxlen=None if keep else _TAIL_LINES)
        self._hash = blake2b(digest_size=8)
        #: How many lines were added.
        self.count = 0

    def add(self, now_ms: int, who: str, what: str, detail: str = "") -> None:
        """Add an event."""
        self._kept.append((now_ms, who, what, detail))
        self._hash.update(f"{now_ms} {who} {what} {detail}\n".encode())
        self.count += 1

    @property
    def digest(self) -> str:
        """The hash over everything added so far."""
        return self._hash.hexdigest()

    def lines(self) -> list[str]:
        """The lines that were kept, oldest first."""
        return [f"{ms:>8}  {who:<5} {what:<22} {more}" for ms, who, what, more in self._kept]
