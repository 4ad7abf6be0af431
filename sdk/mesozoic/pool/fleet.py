"""Which workers there are, are wanted, and are given back: pure.

A worker is a task from its launch to its end::

    STARTING --link--> GREETED --initializer--> READY --idle--> LEAVING
        |                 |                       |                |
        +-----------------+------- lost ----------+--> ENDING <----+     until Mesos says the end
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

#: A worker that was launched and does not connect by then is replaced.
START_MS: Final = 120_000
#: How long a worker that was asked to leave may take.
LEAVE_MS: Final = 30_000
#: How long a task whose connection is gone may take to end by itself.
END_MS: Final = 2_000
#: KILL is repeated, for the case that it was lost with a master.
KILL_AGAIN_MS: Final = 10_000
#: Between starts that fail, from the first to the longest wait.
_BACKOFF_MS: Final = 500
_BACKOFF_MAX_MS: Final = 30_000
#: So many starts in a row may fail before the pool counts as broken.
START_FAILURES_MAX: Final = 5


class Phase(Enum):
    """How far a worker is."""

    STARTING = "launched"
    GREETED = "connected; the initializer runs"
    READY = "takes calls"
    LEAVING = "asked to end"
    ENDING = "gone; Mesos has not said so yet"


class WorkerInfo(NamedTuple):
    """A worker, for people: see ``MesosPoolExecutor.workers``."""

    # Its task, and its executor, in Mesos.
    task_id: str
    phase: Phase
    agent_id: str
    hostname: str
    # http://host:port of the agent; empty if the offer had none.
    agent_url: str
    # None before Mesos has said it.
    container_id: str | None
    # The directory on the agent with ``stdout`` and ``stderr``; None before it has connected.
    sandbox: str | None
    pid: int | None
    # Calls that it has answered.
    answered: int


@dataclass(slots=True)
class Worker:
    """A worker; times are monotonic milliseconds."""

    task_id: str
    agent_id: str
    hostname: str
    agent_url: str
    # Since when it is in its phase, or else has had nothing to do.
    since_ms: int
    phase: Phase = Phase.STARTING
    container_id: str | None = None
    sandbox: str | None = None
    pid: int | None = None
    answered: int = 0
    # Whether it was ever ready.
    has_served: bool = False
    # Whether it has calls to answer.
    is_busy: bool = False
    # What Mesos has said when it ended.
    epitaph: str | None = None
    # When it is to be killed, or killed again.
    kill_ms: int | None = None

    def info(self) -> WorkerInfo:
        """For people."""
        return WorkerInfo(
            self.task_id,
            self.phase,
            self.agent_id,
            self.hostname,
            self.agent_url,
            self.container_id,
            self.sandbox,
            self.pid,
            self.answered,
        )


_PRESENT: Final = (Phase.STARTING, Phase.GREETED, Phase.READY)


class Fleet:
    """See the module."""

    def __init__(self, min_workers: int, max_workers: int, idle_ms: int) -> None:
        self._min = min_workers
        self._max = max_workers
        self._idle_ms = idle_ms
        self.workers: dict[str, Worker] = {}
        # Starts that have failed since the last that has not.
        self._failures = 0
        self._not_before_ms = 0

    # What is wanted.

    def _count(self, *phases: Phase) -> int:
        return sum(worker.phase in phases for worker in self.workers.values())

    def lacking(self, open_count: int, now_ms: int) -> int:
        """How many workers are to be launched, for so many calls without an answer."""
        if now_ms < self._not_before_ms:
            return 0
        wanted = min(self._max, max(self._min, open_count))
        return max(0, wanted - self._count(*_PRESENT))

    @property
    def is_broken(self) -> bool:
        """Whether nothing runs, and starting does not work."""
        return self._failures >= START_FAILURES_MAX and not self._count(Phase.GREETED, Phase.READY)

    # What happens.

    def launched(self, worker: Worker) -> None:
        """A worker is being launched."""
        self.workers[worker.task_id] = worker

    def not_launched(self, task_id: str) -> None:
        """It was not, after all."""
        self.workers.pop(task_id, None)

    def move(self, worker: Worker, phase: Phase, now_ms: int) -> None:
        """A worker is in another phase."""
        worker.phase, worker.since_ms = phase, now_ms
        if phase is Phase.READY:
            self._failures = 0
        elif phase is Phase.ENDING:
            worker.kill_ms = now_ms + END_MS

    def start_failed(self, now_ms: int) -> None:
        """A worker has ended by its own fault before it was ready."""
        self._failures += 1
        wait_ms = min(_BACKOFF_MS << (self._failures - 1), _BACKOFF_MAX_MS)
        self._not_before_ms = now_ms + wait_ms

    def ended(self, task_id: str) -> Worker | None:
        """Mesos says that it is over; None for one that is not known."""
        return self.workers.pop(task_id, None)

    # Time.

    def next_due_ms(self, now_ms: int) -> int | None:
        """When one of the questions below may have another answer."""
        due = [self._not_before_ms] if self._not_before_ms > now_ms else []
        spare = self._count(*_PRESENT) > self._min
        for worker in self.workers.values():
            if worker.kill_ms is not None:
                due.append(worker.kill_ms)
            elif worker.phase is Phase.STARTING:
                due.append(worker.since_ms + START_MS)
            elif worker.phase is Phase.LEAVING:
                due.append(worker.since_ms + LEAVE_MS)
            elif worker.phase is Phase.READY and spare and not worker.is_busy:
                due.append(worker.since_ms + self._idle_ms)
        return min(due, default=None)

    def overdue(self, now_ms: int) -> list[Worker]:
        """Workers that have not come, or have not left, in time."""
        limits = {Phase.STARTING: START_MS, Phase.LEAVING: LEAVE_MS}
        return [
            worker
            for worker in self.workers.values()
            if worker.phase in limits and now_ms >= worker.since_ms + limits[worker.phase]
        ]

    def to_kill(self, now_ms: int) -> list[Worker]:
        """Tasks to be killed now; they come again until Mesos says the end."""
        found = [
            worker
            for worker in self.workers.values()
            if worker.kill_ms is not None and now_ms >= worker.kill_ms
        ]
        for worker in found:
            worker.kill_ms = now_ms + KILL_AGAIN_MS
        return found

    def idle(self, now_ms: int) -> list[Worker]:
        """Workers to be given back, the longest idle first."""
        spare = self._count(*_PRESENT) - self._min
        candidates = [
            worker
            for worker in self.workers.values()
            if worker.phase is Phase.READY
            and not worker.is_busy
            and now_ms >= worker.since_ms + self._idle_ms
        ]
        candidates.sort(key=lambda worker: worker.since_ms)
        return candidates[: max(0, spare)]
