"""Makes batches durable: one log record and one fdatasync for all writes that waited.

Two ways, chosen as it goes. **Inline**: the loop flushes itself, which is fastest while
a flush takes a fraction of a millisecond and nobody else wants an answer meanwhile.
**In a thread**: reads go on during the flush. Then the writers fall into two groups that
wait for each other's flush, unless the next one is held back for a moment (a linger)
until as many writes wait as the last one had.

A failed append or flush is final: nothing is acknowledged any more and the failure is
raised in the loop, which ends the server.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from zkserver.paxos.durable import Persist
from zkserver.replica.core import ReplicaCore
from zkserver.server.writing import write_out
from zkserver.storage.wal import Wal

#: Above this mean flush time the loop does not flush itself, microseconds. It is that high
#: because a large batch takes a fast disk some hundreds too, and a loop that has nothing
#: but writes to do gains nothing by handing them over.
INLINE_FLUSH_US_MAX: Final = 1000.0
#: Above this share of reads among the requests the loop does not flush itself.
_READS_SHARE_MAX: Final = 0.25
#: Commits between two looks at which way is better.
_REVIEW_COMMITS: Final = 64
_LINGER_SHARE: Final = 0.15
_SAME_SIZE_SHARE: Final = 0.95
_SMOOTHING: Final = 0.1


def _nobody_waits(now_ms: int) -> None:
    del now_ms


class Committer:
    """Takes batches from the core, makes them durable, and says so."""

    def __init__(
        self,
        core: ReplicaCore,
        wal: Wal,
        warn_slow: Callable[[float], None],
        slow_flush_ms: int,
    ) -> None:
        self.core = core
        self.wal = wal
        #: Sends what other servers are to be told; None on a server that is alone.
        self.exchange: Callable[[], None] | None = None
        #: Sends clients what they wait for.
        self.answer: Callable[[int], None] = _nobody_waits
        self.flush_us = 150.0
        #: By how much tests want a flush to take longer, seconds.
        self.delay_s = 0.0
        self.flushes = 0
        self._warn_slow = warn_slow
        #: Flushes that took longer than that.
        self.slow_flushes = 0
        self._slow_us = slow_flush_ms * 1000.0
        self._threaded = False
        self._reviewed_at = 0
        self._reads_seen = self._writes_seen = 0
        self._in_flight: Persist | None = None
        self._last_writes = 0
        #: Monotonic time until which the next flush is held back, 0 for not at all.
        self._linger_until = 0.0
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Semaphore(0)
        self._stopping = False
        #: Readable when a flush in the thread is over.
        self.done_fd, self._done_write = os.pipe()
        os.set_blocking(self.done_fd, False)

    @property
    def is_flushing(self) -> bool:
        """A flush is in the thread's hands."""
        return self._in_flight is not None

    def commit(self, now_ms: int) -> None:
        """Make durable what is in the open batch, now or in the thread.

        Raises ``DiskFailed`` when the disk does not take it.
        """
        core = self.core
        if self.exchange is not None:
            if self._is_done_with_others(now_ms, self.exchange):
                return
        else:
            if self._in_flight is not None:
                return
            if self._threaded and self._should_linger():
                return
            self._linger_until = 0.0
            self._last_writes = core.batch.writes
            core.collect(time.time_ns() // 1_000_000, now_ms)
        persist = core.node.take_persist()
        if persist is None:
            return
        self.flushes += 1
        if self._threaded:
            self._in_flight = persist
            self._start_thread()
            self._wake.release()
        else:
            self._flush(persist)
            core.persisted(persist, now_ms)
            if self.exchange is not None:
                self.exchange()
        if self.flushes - self._reviewed_at >= _REVIEW_COMMITS:
            self._review()

    def _is_done_with_others(self, now_ms: int, exchange: Callable[[], None]) -> bool:
        """Tell other servers and our clients what can be told; whether nothing is to be flushed.

        Others can work on it while our disk does, or is still busy.
        """
        core = self.core
        somebody_waits = bool(core.in_flight)
        if somebody_waits:
            core.advance(now_ms)
        core.collect(time.time_ns() // 1_000_000, now_ms)
        exchange()
        if core.node.is_idle or self._in_flight is not None:
            if not somebody_waits and core.executed < core.node.decided:
                core.advance(now_ms)
                exchange()
            return True
        # What is decided by now has waited for other disks already, and not for this one. And
        # what only has to be executed can wait until the leader has its answer.
        self.answer(now_ms)
        return False

    def _should_linger(self) -> bool:
        """Whether to wait a moment for the other half of the writers."""
        if self.core.batch.writes >= self._last_writes * _SAME_SIZE_SHARE:
            return False
        now = time.monotonic()
        if not self._linger_until:
            self._linger_until = now + self.flush_us * _LINGER_SHARE / 1e6
            return True
        return now < self._linger_until

    @property
    def lingers(self) -> bool:
        """The loop has to come back soon, since a flush is being held back."""
        return self._linger_until > 0.0

    def finished(self, now_ms: int) -> None:
        """The thread is done with its batch: execute it. Raises the thread's failure."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.done_fd, 64)
        if self._failure is not None:
            raise self._failure
        persist, self._in_flight = self._in_flight, None
        if persist is not None:
            self.core.persisted(persist, now_ms)
            if self.exchange is not None:
                self.exchange()

    def _flush(self, persist: Persist) -> None:
        began = time.perf_counter_ns()
        write_out(self.wal, persist)
        if self.delay_s:
            time.sleep(self.delay_s)
        took_us = (time.perf_counter_ns() - began) / 1000
        self.flush_us += (took_us - self.flush_us) * _SMOOTHING
        if took_us > self._slow_us:
            self.slow_flushes += 1
            self._warn_slow(took_us / 1000)

    def _review(self) -> None:
        """Decide anew which way is better, from the last commits."""
        stats = self.core.stats
        reads, writes = stats.reads - self._reads_seen, stats.writes - self._writes_seen
        self._reads_seen, self._writes_seen = stats.reads, stats.writes
        self._reviewed_at = self.flushes
        share = reads / (reads + writes) if reads > 0 and writes > 0 else 0.0
        self._threaded = self.flush_us > INLINE_FLUSH_US_MAX or share > _READS_SHARE_MAX

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="zkserver-flush", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            persist = self._in_flight
            if self._stopping or persist is None:
                return
            try:
                self._flush(persist)
            except BaseException as failure:  # noqa: BLE001 - it is raised again in the loop
                self._failure = failure
            os.write(self._done_write, b"\0")

    def close(self) -> None:
        """Wait for a flush under way, and end the thread."""
        self._stopping = True
        if self._thread is not None:
            self._wake.release()
            self._thread.join()
        os.close(self.done_fd)
        os.close(self._done_write)
