"""Which calls wait, and which worker has which: pure, in calls of the caller's own thread.

A worker has its jobs in the order in which they were sent and answers in that order, so the
first without an answer, its *head*, is the one that runs. When a worker is lost only the head
is held against anybody; the others have not begun.

How many are sent ahead follows from how long calls take: enough for some milliseconds of work,
one if a call takes longer than that. A head that takes long after all gets those behind it
called back, once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

#: Work that is sent ahead to a worker, by the average of what calls took.
_AHEAD_US: Final = 5_000
_AHEAD_MAX: Final = 128
#: What a call costs beside its own time, so that the shortest do not divide by zero.
_OVERHEAD_US: Final = 30
#: The newest call counts for one part in so many of the average.
_SMOOTHING: Final = 16
#: A head that has run for so long is slow, and those behind it are called back.
SLOW_MS: Final = 25

T = TypeVar("T")


@dataclass(slots=True)
class Job(Generic[T]):
    """A call. ``owner`` is whoever waits for it; nothing here looks into it."""

    number: int
    payload: bytes
    owner: T
    # Whether it waits for a worker, and else which one has it, until that has answered.
    is_waiting: bool = False
    worker: str | None = None
    # Workers that were lost while they ran it.
    losses: int = 0
    # Nobody wants it any more: it is not sent, or its answer means nothing.
    is_dropped: bool = False
    # Its owner was told that it is sent, which happens once.
    is_begun: bool = False


@dataclass(slots=True)
class _Lane(Generic[T]):
    """What one worker has."""

    jobs: dict[int, Job[T]] = field(default_factory=dict)
    # Since when its head runs.
    head_ms: int = 0
    # Those behind this head were called back.
    is_recalled: bool = False


class Lost(NamedTuple, Generic[T]):
    """What a lost worker had."""

    # They wait again, at the front.
    again: list[Job[T]]
    # The head, if it has lost too many workers: nothing more is done with it here.
    given_up: Job[T] | None


class Jobs(Generic[T]):
    """See the module."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._waiting: deque[Job[T]] = deque()
        # Of those that wait, how many are wanted.
        self._waiting_count = 0
        self._lanes: dict[str, _Lane[T]] = {}
        self._sent_count = 0
        # Average of what calls took; None before the first.
        self._mean_us: float | None = None

    # What is so.

    @property
    def open_count(self) -> int:
        """Calls without an answer."""
        return self._waiting_count + self._sent_count

    @property
    def ahead(self) -> int:
        """How many jobs a worker is to have at once."""
        if self._mean_us is None or self._mean_us > _AHEAD_US:
            return 1
        return min(_AHEAD_MAX, 1 + int(_AHEAD_US / (self._mean_us + _OVERHEAD_US)))

    def is_idle(self, worker: str) -> bool:
        """Whether a worker has nothing to do."""
        lane = self._lanes.get(worker)
        return lane is None or not lane.jobs

    def open_jobs(self) -> list[Job[T]]:
        """All calls without an answer that are wanted."""
        found = [job for lane in self._lanes.values() for job in lane.jobs.values()]
        return [job for job in (*found, *self._waiting) if not job.is_dropped]

    # Calls.

    def add(self, job: Job[T]) -> None:
        """A new call waits."""
        job.is_waiting = True
        self._waiting.append(job)
        self._waiting_count += 1

    def _add_first(self, jobs: Iterable[Job[T]]) -> None:
        """These wait before all others, in their order."""
        listed = list(jobs)
        for job in listed:
            job.is_waiting, job.worker = True, None
        self._waiting.extendleft(reversed(listed))
        self._waiting_count += len(listed)

    def add_again(self, job: Job[T]) -> None:
        """A call that was answered waits again, before all others: its answer was lost."""
        self._add_first([job])

    def drop(self, job: Job[T]) -> str | None:
        """A call is not wanted any more; returns the worker that has it, if one does."""
        if not job.is_dropped:
            job.is_dropped = True
            self._waiting_count -= job.is_waiting
        return job.worker

    # Workers.

    def add_worker(self, worker: str) -> None:
        """A worker takes jobs."""
        self._lanes[worker] = _Lane()

    def remove_worker(self, worker: str) -> None:
        """A worker without jobs gets no more."""
        if self.is_idle(worker):
            self._lanes.pop(worker, None)

    def assign(self, now_ms: int) -> list[tuple[str, list[Job[T]]]]:
        """Jobs to be sent now, by worker."""
        if not self._waiting_count:
            self._waiting.clear()
            return []
        ahead = self.ahead
        # Refilled only when half is done: what is sent together costs less.
        hungry = sorted(
            (len(lane.jobs), worker)
            for worker, lane in self._lanes.items()
            if len(lane.jobs) <= ahead // 2
        )
        sent = []
        # Nobody takes so much that others have nothing to do.
        fair = -(-self._waiting_count // max(1, len(self._lanes)))
        for load, worker in hungry:
            jobs = self._take(min(ahead - load, fair))
            if not jobs:
                break
            lane = self._lanes[worker]
            if not load:
                lane.head_ms, lane.is_recalled = now_ms, False
            for job in jobs:
                job.is_waiting, job.worker = False, worker
                lane.jobs[job.number] = job
            self._sent_count += len(jobs)
            sent.append((worker, jobs))
        return sent

    def _take(self, count: int) -> list[Job[T]]:
        taken: list[Job[T]] = []
        while self._waiting and len(taken) < count:
            job = self._waiting.popleft()
            if not job.is_dropped:
                taken.append(job)
        self._waiting_count -= len(taken)
        return taken

    def answered(self, worker: str, number: int, took_us: int, now_ms: int) -> Job[T] | None:
        """A worker has done a job; None if it was not its own."""
        lane = self._lanes.get(worker)
        job = lane.jobs.pop(number, None) if lane is not None else None
        if lane is None or job is None:
            return None
        self._sent_count -= 1
        job.worker = None
        lane.head_ms, lane.is_recalled = now_ms, False
        mean_us = self._mean_us
        self._mean_us = took_us if mean_us is None else mean_us + (took_us - mean_us) / _SMOOTHING
        return job

    def returned(self, worker: str, numbers: Iterable[int]) -> None:
        """A worker gives back jobs that have not begun."""
        lane = self._lanes.get(worker)
        if lane is None:
            return
        back = [lane.jobs.pop(number) for number in numbers if number in lane.jobs]
        self._sent_count -= len(back)
        self._add_first(job for job in back if not job.is_dropped)

    def lost(self, worker: str) -> Lost[T]:
        """A worker is gone with all that it had."""
        lane = self._lanes.pop(worker, None)
        if lane is None:
            return Lost([], None)
        jobs = list(lane.jobs.values())
        self._sent_count -= len(jobs)
        given_up = None
        if jobs and not jobs[0].is_dropped:
            jobs[0].losses += 1
            if jobs[0].losses > self._retries:
                given_up = jobs.pop(0)
        again = [job for job in jobs if not job.is_dropped]
        self._add_first(again)
        return Lost(again, given_up)

    # Slow calls.

    def next_due_ms(self) -> int | None:
        """When :meth:`slow` may have something to say."""
        due = (
            lane.head_ms + SLOW_MS
            for lane in self._lanes.values()
            if len(lane.jobs) > 1 and not lane.is_recalled
        )
        return min(due, default=None)

    def slow(self, now_ms: int) -> list[str]:
        """Workers that are to give back what waits behind a call that takes long."""
        found = []
        for worker, lane in self._lanes.items():
            is_late = now_ms >= lane.head_ms + SLOW_MS
            if len(lane.jobs) > 1 and is_late and not lane.is_recalled:
                lane.is_recalled = True
                found.append(worker)
        return found
