"""How many bytes of large requests may be in work at once, over all connections.

A request is large from ``largeRequestThreshold`` on. It counts from its first bytes on, which
say how long it is, until it is answered; a connection whose request would make it too many is
closed. What comes whole with one read of a socket never counts: it has its memory already.

Source: ``ZooKeeperServer.checkRequestSizeWhenReceivingMessage`` of Apache ZooKeeper, which looks
at a request a second time when it is complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zkserver.replica.batch import Batch
    from zkserver.replica.connection import Connection


class LargeRequests:
    """See the module; without a positive ``threshold`` nothing is large. Sizes are in bytes."""

    def __init__(self, threshold: int, bytes_max: int) -> None:
        self._threshold = threshold
        self._bytes_max = bytes_max
        #: In work now.
        self.bytes = 0
        #: Refused since the start.
        self.rejected = 0

    def begins(self, conn: Connection, size: int) -> bool:
        """A request of ``size`` is coming; ``False`` when there is no room for it."""
        if not 0 < self._threshold < size or conn.large:
            return True
        if self.bytes + size > self._bytes_max:
            self.rejected += 1
            return False
        conn.large = size
        self.bytes += size
        return True

    def served(self, conn: Connection) -> None:
        """It was answered, or waits in a batch."""
        if conn.pending is None:
            self.bytes -= conn.large
        else:
            conn.pending.large += conn.large
        conn.large = 0

    def executed(self, batch: Batch) -> None:
        """All that waited in a batch is answered."""
        self.bytes -= batch.large

    def lost(self, conn: Connection) -> None:
        """The rest of it will not come."""
        self.bytes -= conn.large
        conn.large = 0
