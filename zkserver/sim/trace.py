"""What happened, one line per event in fixed columns, and a hash over all of it.

::

    time in ms  who     what        detail
      1204.310  s2      executed    index=41 zxid=0x300000007

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

    def add(self, now_us: int, who: str, what: str, detail: str = "") -> None:
        """Add an event."""
        self._kept.append((now_us, who, what, detail))
        self._hash.update(f"{now_us} {who} {what} {detail}\n".encode())
        self.count += 1

    @property
    def digest(self) -> str:
        """The hash over everything added so far."""
        return self._hash.hexdigest()

    def lines(self) -> list[str]:
        """The lines that were kept, oldest first."""
        return [
            f"{us / 1000:>10.3f}  {who:<6}  {what:<12}{more}" for us, who, what, more in self._kept
        ]
