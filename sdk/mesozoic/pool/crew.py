"""The workers as tasks of Mesos and as connections: launches, statuses, who is ready."""

from __future__ import annotations

import asyncio
import logging
import sys
import uuid
from collections.abc import Coroutine, Sequence
from typing import Final, Protocol

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import Scheduler, SchedulerDriver
from mesozoic.core import notices
from mesozoic.core.updates import TERMINAL_STATES
from mesozoic.errors import CallLost, MesozoicError
from mesozoic.pool import frames, placing
from mesozoic.pool.fleet import Fleet, Phase, Worker
from mesozoic.pool.frames import Frame, Hello, Setup
from mesozoic.pool.links import Link, Links
from mesozoic.pool.sandboxes import Sandboxes
from mesozoic.pool.settings import PoolSettings

#: SIGTERM comes so long before SIGKILL.
_GRACE_S: Final = 3.0
#: To tear the framework down, a master is waited for so long.
_GOODBYE_S: Final = 10.0
_PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_REFUSE_S: Final = 120.0
#: A worker that ends so before it is ready has itself to blame, or its settings.
_FAULTS: Final = (mesos_pb2.TASK_FAILED, mesos_pb2.TASK_ERROR, mesos_pb2.TASK_FINISHED)
#: Of a worker that is connected these mean nothing; another one is killed should it come back.
_AWAY: Final = (mesos_pb2.TASK_UNREACHABLE, mesos_pb2.TASK_UNKNOWN)

_log = logging.getLogger(__name__)


class CrewOwner(Protocol):
    """Who has work for the workers. All is told on the event loop."""

    @property
    def open_count(self) -> int:
        """Calls without an answer."""

    def now_ms(self) -> int:
        """Monotonic milliseconds."""

    def ready(self, name: str) -> None:
        """A worker takes calls."""

    def heard(self, worker: Worker, said: list[Frame]) -> None:
        """A worker that is ready says something."""

    def lost(self, name: str) -> None:
        """A worker that was ready is gone."""

    def ended(self, worker: Worker) -> None:
        """Mesos says how a worker has ended."""

    def given_back(self, name: str) -> None:
        """A worker without work gets no more."""

    def changed(self) -> None:
        """Something may be due at another time."""

    def unfit(self, payload: bytes) -> None:
        """The initializer has raised."""

    def broken(self, why: str) -> None:
        """There will be no workers any more."""


class Crew(Scheduler):
    """See the module."""

    def __init__(self, settings: PoolSettings, owner: CrewOwner, sandboxes: Sandboxes) -> None:
        """On the event loop. Raises as :class:`~mesozoic.aio.SchedulerDriver` does."""
        self._settings = settings
        self._owner = owner
        self._sandboxes = sandboxes
        self._fleet = Fleet(settings.min_workers, settings.max_workers, settings.idle_ms)
        self._links = Links(self)
        self._linked: dict[str, Link] = {}
        self._driver = SchedulerDriver(
            settings.master,
            placing.framework_info(
                settings.name,
                [settings.role],
                user=settings.user,
                failover_seconds=settings.failover_seconds,
            ),
            self,
            credential=settings.credential,
            ssl=settings.ssl,
            framework_ids=settings.framework_ids,
            refuse_seconds=_REFUSE_S,
        )
        self._setup = Setup(settings.initializer, settings.large_bytes).payload()
        self._prefix = f"{settings.name}-{uuid.uuid4().hex[:8]}"
        self._number = 0
        # As the driver was told last.
        self._wanted_offers = True
        self._is_over = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def framework_id(self) -> str | None:
        """The framework's id, once it has one."""
        return self._driver.framework_id

    @property
    def workers(self) -> dict[str, Worker]:
        """All workers by task id."""
        return self._fleet.workers

    # The beginning and the end.

    async def open(self) -> None:
        """Listen, and look for the master. Raises ``OSError``."""
        await self._links.open(self._settings.host, self._settings.port)
        self._spawn(self._drive())

    async def _drive(self) -> None:
        try:
            await self._driver.run()
        except MesozoicError as error:
            self._owner.broken(str(error))
        else:
            if not self._is_over:
                self._owner.broken("the framework was torn down")

    async def close(self) -> None:
        """End the framework and all workers."""
        self._is_over = True
        if self._driver.framework_id is not None and not self._driver.is_subscribed:
            try:
                async with asyncio.timeout(_GOODBYE_S):
                    await self._driver.wait_subscribed()
            except (TimeoutError, MesozoicError) as error:
                # Workers end with their connections, the framework by its failover time-out.
                _log.warning("%s: no master to say goodbye to: %s", self._settings.name, error)
        await self._driver.stop()
        await self._links.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # For the owner.

    def send(self, name: str, data: bytes) -> None:
        """Send frames to a worker."""
        link = self._linked.get(name)
        if link is not None:
            link.send(data)

    def end(self, name: str) -> None:
        """End a worker at once, whatever it runs."""
        link = self._linked.get(name)
        if link is not None:
            link.cut("the call that it runs was killed")

    def look(self) -> None:
        """There are more calls, or fewer."""
        if (self._lacking() > 0) != self._wanted_offers and not self._is_over:
            self._spawn(self._driver.work_changed())

    def next_due_ms(self, now_ms: int) -> int | None:
        """When :meth:`tick` has something to do."""
        return self._fleet.next_due_ms(now_ms)

    def tick(self, now_ms: int) -> None:
        """Time has passed."""
        if self._is_over:
            return
        for worker in self._fleet.idle(now_ms):
            self._owner.given_back(worker.task_id)
            self._fleet.move(worker, Phase.LEAVING, now_ms)
            self.send(worker.task_id, frames.frame(frames.LEAVE))
        for worker in self._fleet.overdue(now_ms):
            _log.warning("worker %s is %s for too long", worker.task_id, worker.phase.value)
            self._fleet.move(worker, Phase.ENDING, now_ms)
            worker.kill_ms = now_ms
        for worker in self._fleet.to_kill(now_ms):
            self._spawn(self._kill(worker.task_id, worker.agent_id))
        self.look()

    async def _kill(self, task_id: str, agent_id: str) -> None:
        await self._attempt(f"KILL {task_id}", self._driver.kill(task_id, agent_id or None))

    async def _attempt(self, what: str, call: Coroutine[object, object, None]) -> None:
        """Make a call that is made again, or made up for, if it fails."""
        try:
            await call
        except MesozoicError as error:
            _log.info("%s: %s: %s", self._settings.name, what, error)

    # As a scheduler.

    def _lacking(self) -> int:
        if self._is_over:
            return 0
        return self._fleet.lacking(self._owner.open_count, self._owner.now_ms())

    def wants_offers(self) -> bool:
        """Whether workers are lacking; the driver asks."""
        self._wanted_offers = self._lacking() > 0
        return self._wanted_offers

    async def subscribed(self, driver: SchedulerDriver, event: notices.Subscribed) -> None:
        """Ask for tasks of a pool that came before with this framework id: they are killed."""
        _log.info("%s is framework %s", self._settings.name, event.framework_id)
        await self._attempt("RECONCILE", driver.reconcile())

    async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
        """Launch what is lacking, on as many agents as there are."""
        lacking = self._lacking()
        rooms = [(offer, placing.Room(offer), list[mesos_pb2.TaskInfo]()) for offer in offers]
        open_rooms = list(rooms)
        while lacking and open_rooms:
            fitting = []
            for offer, room, tasks in open_rooms:
                if not lacking:
                    break
                share = room.take(self._settings.resources)
                if share is not None:
                    tasks.append(self._new_worker(offer, share))
                    fitting.append((offer, room, tasks))
                    lacking -= 1
            open_rooms = fitting
        unused = [offer for offer, _, tasks in rooms if not tasks]
        calls = [self._launch(driver, offer, tasks) for offer, _, tasks in rooms if tasks]
        if unused and lacking:
            # They are too small; more on the same agent is offered in spite of the filter.
            calls.append(self._attempt("DECLINE", driver.decline(unused)))
        await asyncio.gather(*calls)
        self._owner.changed()

    def _new_worker(
        self, offer: mesos_pb2.Offer, share: Sequence[mesos_pb2.Resource]
    ) -> mesos_pb2.TaskInfo:
        self._number += 1
        name = f"{self._prefix}-{self._number}"
        self._fleet.launched(
            Worker(
                name,
                offer.agent_id.value,
                offer.hostname,
                placing.agent_url(offer),
                self._owner.now_ms(),
            )
        )
        environment = {
            **self._settings.environment,
            frames.ADDRESS_VARIABLE: self._links.address,
            frames.NAME_VARIABLE: name,
            frames.KEY_VARIABLE: self._links.key_of(name).hex(),
        }
        command = (self._settings.python, "-u", "-m", "mesozoic.pool.worker")
        return placing.python_task(
            name, f"{self._settings.name} worker", share, command, environment,
            grace_seconds=_GRACE_S,
        )  # fmt: skip

    async def _launch(
        self, driver: SchedulerDriver, offer: mesos_pb2.Offer, tasks: list[mesos_pb2.TaskInfo]
    ) -> None:
        try:
            await driver.launch([offer], tasks)
        except CallLost as error:
            # Perhaps they run: the driver asks the next master.
            _log.info("%s: a launch was lost: %s", self._settings.name, error)
        except MesozoicError as error:
            _log.warning("%s: a launch was refused: %s", self._settings.name, error)
            for task in tasks:
                self._fleet.not_launched(task.task_id.value)

    async def update(self, driver: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        """A worker's task has begun, or ended; one that is not ours any more is killed."""
        del driver
        task_id = status.task_id.value
        worker = self._fleet.workers.get(task_id)
        if worker is None:
            if status.state not in TERMINAL_STATES and not self._is_over:
                self._spawn(self._kill(task_id, status.agent_id.value))
            return
        container = status.container_status.container_id.value
        worker.container_id = container or worker.container_id
        is_away = status.state in _AWAY and task_id not in self._linked
        if status.state in TERMINAL_STATES or is_away:
            self._ended(worker, status)
        self._owner.changed()

    def _ended(self, worker: Worker, status: mesos_pb2.TaskStatus) -> None:
        name = worker.task_id
        state = mesos_pb2.TaskState.Name(status.state)
        worker.epitaph = f"{state}: {status.message}" if status.message else state
        has_served = worker.has_served
        self._fleet.ended(name)
        link = self._linked.get(name)
        if link is not None:
            link.cut(worker.epitaph)
            self._gone(worker)
        self._owner.ended(worker)
        if not has_served and status.state in _FAULTS:
            _log.warning("worker %s could not start: %s", name, worker.epitaph)
            self._fleet.start_failed(self._owner.now_ms())
            if self._fleet.is_broken:
                self._spawn(self._explain(worker))

    async def _explain(self, worker: Worker) -> None:
        """The pool is broken; the last worker's stderr may say why."""
        why = f"no worker can start: {worker.epitaph}"
        framework_id = self._driver.framework_id
        if worker.agent_url and framework_id is not None:
            try:
                tail = await self._sandboxes.tail(
                    worker.agent_url, framework_id, worker.task_id, "stderr"
                )
            except MesozoicError as error:
                why += f" (its stderr cannot be read: {error})"
            else:
                why += f"; the end of its stderr:\n{tail}"
        self._owner.broken(why)

    # As an owner of links.

    def is_expected(self, name: str) -> bool:
        """Whether a worker of this name was launched and has not connected yet."""
        worker = self._fleet.workers.get(name)
        return worker is not None and worker.phase is Phase.STARTING and name not in self._linked

    def linked(self, link: Link) -> None:
        """A worker has proved itself."""
        self._linked[link.name] = link

    def heard(self, link: Link, said: list[Frame]) -> None:
        """Greetings are for us, all else for the owner."""
        worker = self._fleet.workers.get(link.name)
        if worker is None:
            return
        if worker.phase in (Phase.READY, Phase.LEAVING):
            self._owner.heard(worker, said)
            return
        for one in said:
            match one.kind:
                case frames.HELLO:
                    self._greet(worker, link, one.payload)
                case frames.READY:
                    worker.has_served = True
                    self._fleet.move(worker, Phase.READY, self._owner.now_ms())
                    self._owner.ready(worker.task_id)
                case frames.UNFIT:
                    self._owner.unfit(one.payload)

    def _greet(self, worker: Worker, link: Link, payload: bytes) -> None:
        hello = Hello.of(payload)
        worker.pid, worker.sandbox = hello.pid, hello.sandbox
        if hello.python != _PYTHON:
            self._owner.broken(
                f"workers run Python {hello.python} and the pool {_PYTHON}: pickled functions "
                "need the same; see the argument 'python'"
            )
            return
        self._fleet.move(worker, Phase.GREETED, self._owner.now_ms())
        link.send(frames.frame(frames.SETUP, payload=self._setup))

    def unlinked(self, link: Link, why: str) -> None:
        """A worker is gone; Mesos will tell how."""
        worker = self._fleet.workers.get(link.name)
        if worker is not None:
            _log.info("worker %s is gone: %s", link.name, why)
            self._gone(worker)
        self._linked.pop(link.name, None)
        self._owner.changed()

    def _gone(self, worker: Worker) -> None:
        """Whatever it had to do is for others now; once."""
        if self._linked.pop(worker.task_id, None) is None:
            return
        if worker.phase is Phase.READY:
            self._owner.lost(worker.task_id)
        self._fleet.move(worker, Phase.ENDING, self._owner.now_ms())
