"""The thread of a pool: takes calls in, has the workers do them, and settles their futures."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from typing import Any, Final

from mesozoic.aio.ticking import Ticker
from mesozoic.pool import frames, outcomes
from mesozoic.pool.crew import Crew
from mesozoic.pool.errors import BrokenMesosPool, WorkerLost
from mesozoic.pool.fetching import Fetching
from mesozoic.pool.fleet import Worker, WorkerInfo
from mesozoic.pool.frames import Frame
from mesozoic.pool.futures import MesosFuture
from mesozoic.pool.jobs import Job, Jobs
from mesozoic.pool.sandboxes import Sandboxes
from mesozoic.pool.settings import PoolSettings

#: Demand and timers are looked at so long after a change: there are many changes.
_LOOK_S: Final = 0.005
#: Mesos may take so long to tell how a worker ended, before a call is given up without that.
_EPITAPH_S: Final = 15.0

_log = logging.getLogger(__name__)

Owned = Job[MesosFuture[Any]]


class Engine:
    """See the module. Methods without an underscore above the line may be called by any thread."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        # What other threads have for the loop, in order.
        self._inbox: deque[Callable[[], None]] = deque()
        self._is_woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._numbers = itertools.count(1)
        self._is_closed = False
        self._fault: str | None = None
        self._jobs: Jobs[MesosFuture[Any]] = Jobs(settings.retries)
        self._open: dict[int, Owned] = {}
        # Calls that have lost too many workers, by the last; Mesos is to say how that ended.
        self._given_up: dict[str, Owned] = {}
        self._is_looking = False
        self._done = asyncio.Event()
        self._crew: Crew
        self._fetching: Fetching
        self._ticker: Ticker
        self._thread = threading.Thread(target=self._run, name=settings.name, daemon=True)

    # From any thread.

    def start(self) -> None:
        """Begin; raises what keeps the pool from beginning."""
        started: Future[None] = Future()
        self._started = started
        self._thread.start()
        started.result()

    @property
    def framework_id(self) -> str | None:
        """The framework's id, once it has one."""
        return self._crew.framework_id

    def workers(self) -> list[WorkerInfo]:
        """Workers that have not ended."""
        # Copying a dictionary is one step for other threads.
        return [worker.info() for worker in self._crew.workers.copy().values()]

    def submit(self, pickle: Callable[[], bytes]) -> MesosFuture[Any]:
        """Take in a call; raises ``RuntimeError`` when none are taken any more."""
        future: MesosFuture[Any] = MesosFuture(next(self._numbers), self._unwanted)
        try:
            payload = pickle()
        except Exception as error:  # noqa: BLE001 - as other executors have it, the future tells
            payload = None
            failure = error
        with self._lock:
            if self._fault is not None:
                raise BrokenMesosPool(self._fault)
            if self._is_closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if payload is not None:
                job = Job(future.number, payload, future)
                self._post(lambda: self._add(job))
        if payload is None:
            future.set_running_or_notify_cancel()
            future.set_exception(failure)
        return future

    def finish(self, *, cancel_futures: bool = False) -> None:
        """Take nothing in any more, and end when what there is is done."""
        with self._lock:
            self._is_closed = True
            self._post(lambda: self._finish(cancel_futures))

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _unwanted(self, future: MesosFuture[Any], is_kill: bool) -> None:
        with self._lock:
            self._post(lambda: self._drop(future.number, is_kill))

    def _post(self, what: Callable[[], None]) -> None:
        """Have the loop do something; with the lock."""
        if self._loop is not None:
            self._inbox.append(what)
            if not self._is_woken:
                self._is_woken = True
                self._loop.call_soon_threadsafe(self._drain)

    # On the loop: the beginning and the end.

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
                return
            self.broken(f"the pool's thread has failed: {error!r}")
            raise
        finally:
            with self._lock:
                self._loop = None
                self._is_closed = True

    async def _main(self) -> None:
        settings = self._settings
        self._ticker = Ticker(self._next_due_ms, self._tick)
        sandboxes = Sandboxes(settings.credential, settings.ssl)
        try:
            self._crew = Crew(settings, self, sandboxes)
            self._fetching = Fetching(sandboxes, self._crew.send)
            await self._crew.open()
            self._loop = asyncio.get_running_loop()
            self._started.set_result(None)
            self._look_soon()
            await self._done.wait()
            await self._fetching.close()
            await self._crew.close()
        finally:
            self._ticker.stop()
            await sandboxes.close()

    def _drain(self) -> None:
        with self._lock:
            self._is_woken = False
        while self._inbox:
            self._inbox.popleft()()
        self._assign()
        self._look_soon()

    def _finish(self, cancel_futures: bool) -> None:
        if cancel_futures:
            for job in self._jobs.open_jobs():
                if job.owner.cancel():
                    self._forget(job)
                    self._jobs.drop(job)
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._is_closed and not self._open:
            self._done.set()

    # Calls.

    @property
    def open_count(self) -> int:
        """Calls without an answer."""
        return self._jobs.open_count

    def _add(self, job: Owned) -> None:
        if self._fault is not None:
            self._fail(job, BrokenMesosPool(self._fault))
        elif not job.owner.cancelled():
            self._open[job.number] = job
            self._jobs.add(job)

    def _drop(self, number: int, is_kill: bool) -> None:
        job = self._open.get(number)
        if job is None:
            return
        worker = self._jobs.drop(job)
        if is_kill:
            self._fail(job, CancelledError())
            if worker is not None:
                self._crew.end(worker)
        else:
            self._forget(job)

    def _forget(self, job: Owned) -> None:
        self._open.pop(job.number, None)
        self._end_if_done()

    def _fail(self, job: Owned, error: BaseException) -> None:
        self._settle(job, lambda future: future.set_exception(error))

    def _settle(self, job: Owned, settle: Callable[[MesosFuture[Any]], None]) -> None:
        future = job.owner
        # Cancelled, or killed, it is settled; nobody else settles one that was sent.
        if not future.done() and (job.is_begun or future.set_running_or_notify_cancel()):
            settle(future)
        self._forget(job)

    def _assign(self) -> None:
        """Send what the workers are to do next."""
        were_cancelled = False
        for name, jobs in self._jobs.assign(self.now_ms()):
            wanted = [job for job in jobs if self._begin(job)]
            if len(wanted) < len(jobs):
                were_cancelled = True
                self._jobs.returned(name, [job.number for job in jobs if job.is_dropped])
            sent = [frames.frame(frames.JOB, job.number, job.payload) for job in wanted]
            self._crew.send(name, b"".join(sent))
            self._crew.workers[name].is_busy = not self._jobs.is_idle(name)
        if were_cancelled:
            self._assign()

    def _begin(self, job: Owned) -> bool:
        """A call is sent; False if it was cancelled just now."""
        if not job.is_begun:
            if not job.owner.set_running_or_notify_cancel():
                job.is_dropped = True
                self._forget(job)
                return False
            job.is_begun = True
        return True

    # What the workers say.

    def ready(self, name: str) -> None:
        """A worker takes calls."""
        self._jobs.add_worker(name)
        self._assign()
        self._look_soon()

    def heard(self, worker: Worker, said: list[Frame]) -> None:
        """A worker that is ready says something."""
        name, now_ms = worker.task_id, self.now_ms()
        for one in said:
            match one.kind:
                case frames.RESULT | frames.FAILED | frames.KEPT:
                    job = self._jobs.answered(name, one.number, one.took_us, now_ms)
                    worker.answered += 1
                    if job is not None and not job.is_dropped:
                        self._answer(worker, job, one)
                case frames.RETURNED:
                    numbers = [found[0] for found in frames.NUMBER.iter_unpack(one.payload)]
                    self._jobs.returned(name, numbers)
                case frames.PIECE | frames.MISSING:
                    self._fetching.heard(name, one)
        worker.is_busy = not self._jobs.is_idle(name)
        worker.since_ms = now_ms
        self._assign()
        self._look_soon()

    def _answer(self, worker: Worker, job: Owned, said: Frame) -> None:
        if said.kind == frames.KEPT:
            framework_id = self._crew.framework_id or ""
            size = frames.NUMBER.unpack(said.payload)[0]
            self._fetching.fetch(
                framework_id, worker, job.number, size,
                lambda value, error: self._fetched(job, value, error),
            )  # fmt: skip
        elif said.kind == frames.FAILED:
            self._fail(job, outcomes.error_of(said.payload))
        else:
            try:
                value = outcomes.result_of(said.payload)
            except Exception as error:  # noqa: BLE001 - the future tells
                self._fail(job, error)
            else:
                self._settle(job, lambda future: future.set_result(value))

    def _fetched(self, job: Owned, value: Any, error: BaseException | None) -> None:
        """A kept result is here, cannot be unpickled, or is lost with its worker."""
        if error is None:
            self._settle(job, lambda future: future.set_result(value))
        elif not isinstance(error, WorkerLost):
            self._fail(job, error)
        elif not job.is_dropped:
            job.losses += 1
            if job.losses > self._settings.retries:
                self._fail(job, error)
            else:
                self._jobs.add_again(job)
                self._assign()
        self._look_soon()

    # What becomes of workers.

    def lost(self, name: str) -> None:
        """A worker is gone: others do its work, unless it was too often the same call's."""
        self._fetching.lost(name)
        lost = self._jobs.lost(name)
        if lost.again:
            _log.info("%d calls of worker %s go to others", len(lost.again), name)
        if lost.given_up is not None:
            self._given_up[name] = lost.given_up
            asyncio.get_running_loop().call_later(
                _EPITAPH_S, self._give_up, name, "Mesos has not said why"
            )
        self._assign()
        self._look_soon()

    def ended(self, worker: Worker) -> None:
        """Mesos says how a worker has ended."""
        where = f" on agent {worker.agent_id} ({worker.hostname}), sandbox {worker.sandbox}"
        self._give_up(worker.task_id, f"{worker.epitaph}{where}")

    def _give_up(self, name: str, epitaph: str) -> None:
        job = self._given_up.pop(name, None)
        if job is not None:
            text = (
                f"{job.losses} workers were lost while they ran this call, and no more are tried;"
                f" the last, {name}, so: {epitaph}"
            )
            self._fail(job, WorkerLost(text))

    def given_back(self, name: str) -> None:
        """A worker without work gets no more."""
        self._jobs.remove_worker(name)

    def unfit(self, payload: bytes) -> None:
        """The initializer has raised."""
        cause = outcomes.error_of(payload)
        self._break(f"the initializer has raised {type(cause).__name__}: {cause}", cause)

    def broken(self, why: str) -> None:
        """There will be no workers any more."""
        self._break(why, None)

    def _break(self, why: str, cause: BaseException | None) -> None:
        with self._lock:
            if self._fault is not None:
                return
            self._fault = why
            self._is_closed = True
        _log.error("%s is broken: %s", self._settings.name, why)
        for job in list(self._open.values()):
            self._jobs.drop(job)
            error = BrokenMesosPool(why)
            error.__cause__ = cause
            self._fail(job, error)
        self._end_if_done()

    # Time.

    def now_ms(self) -> int:
        """Monotonic milliseconds."""
        return self._ticker.now_ms()

    def changed(self) -> None:
        """Something may be due at another time."""
        self._look_soon()

    def _look_soon(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._is_looking = False
        self._crew.look()
        self._ticker.look()

    def _next_due_ms(self) -> int | None:
        due = (self._jobs.next_due_ms(), self._crew.next_due_ms(self.now_ms()))
        return min((one for one in due if one is not None), default=None)

    def _tick(self) -> None:
        now_ms = self.now_ms()
        for name in self._jobs.slow(now_ms):
            self._crew.send(name, frames.frame(frames.RECALL))
        self._crew.tick(now_ms)
        self._ticker.look()


def finish_all(engines: Iterable[Engine]) -> None:
    """Have all of them end, and wait for it."""
    listed = list(engines)
    for engine in listed:
        engine.finish()
    for engine in listed:
        engine.join()
