"""A running digest of the tree, by which replicas notice that they diverged.

The digest is the sum, modulo 2**64, of a checksum per znode, so it does not depend on
the order in which the znodes came to be. Changing a znode subtracts its old checksum
and adds its new one. That is not done at once: the tree notes the record which a path
had when it was first touched, and :meth:`TreeDigest.fold` settles all of them together,
so that a znode written a thousand times in between costs one settlement.
"""

from __future__ import annotations

from collections import deque
from typing import Final
from zlib import crc32

#: A digest is kept whenever the zxid passes a multiple of this.
INTERVAL_ZXIDS: Final = 4096
#: How many digests are kept for the four letter word ``hash``.
HISTORY_MAX: Final = 1024
_MASK: Final = (1 << 64) - 1


class TreeDigest:
    """The digest, the paths touched since it was last settled, and its history."""

    def __init__(self) -> None:
        self.value = 0
        #: Path -> its record (``None``: absent) when it was first touched.
        self.touched: dict[bytes, bytes | None] = {}
        #: (zxid, digest), oldest first.
        self.history: deque[tuple[int, int]] = deque(maxlen=HISTORY_MAX)

    def fold(self, nodes: dict[bytes, bytes]) -> int:
        """Settle all touched paths against ``nodes``; returns the digest."""
        value = self.value
        for path, old in self.touched.items():
            new = nodes.get(path)
            if old is new:
                continue
            seed = crc32(path)
            if old is not None:
                value -= crc32(old, seed)
            if new is not None:
                value += crc32(new, seed)
        self.touched.clear()
        self.value = value & _MASK
        return self.value

    def note(self, zxid: int, nodes: dict[bytes, bytes]) -> None:
        """Settle, and keep the digest as of ``zxid``."""
        self.history.append((zxid, self.fold(nodes)))
