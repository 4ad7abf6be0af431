"""Keeps one task of Mesos running for each name that is wanted."""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
import uuid
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesos_compat.resources import Quantities
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import Scheduler, SchedulerDriver
from mesozoic.aio.detect import Masters
from mesozoic.core import notices
from mesozoic.core.updates import TERMINAL_STATES
from mesozoic.errors import CallLost, MesozoicError
from mesozoic.pool import placing

#: A task that ends sooner than this has failed to start, and the next one waits for some time.
_SHORT_S: Final = 10.0
_BACKOFF_S: Final = 0.5
_BACKOFF_MAX_S: Final = 30.0
#: SIGTERM comes so long before SIGKILL.
_GRACE_S: Final = 3.0
#: A task that was killed ends by then, or somebody else will end it: its agent, the teardown.
_RELEASE_S: Final = 15.0
_GOODBYE_S: Final = 10.0
_GONE_FOR_US: Final = (mesos_pb2.TASK_UNREACHABLE, mesos_pb2.TASK_UNKNOWN)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    name: Hashable
    arguments: tuple[str, ...]
    # The task that runs, or is to; None while there is none.
    task_id: str | None = None
    agent_id: str = ""
    began_s: float = 0.0
    # Tasks in a row that have ended soon after they had begun.
    failures: int = 0
    # Loop time before which no other task is launched.
    not_before_s: float = 0.0
    # Nobody wants it any more.
    is_released: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class KeptTasks(Scheduler):
    """A framework of its own, whose tasks are all alike but for their arguments.

    ``is_wanted`` is asked before a task that has ended is launched anew.
    """

    def __init__(
        self,
        master: Masters,
        framework: mesos_pb2.FrameworkInfo,
        resources: Quantities,
        environment: Mapping[str, str],
        is_wanted: Callable[[Hashable], bool],
        *,
        credential: mesos_pb2.Credential | None = None,
        ssl: tls.SSLContext | None = None,
    ) -> None:
        """On an event loop. Raises as :class:`~mesozoic.aio.SchedulerDriver` does."""
        self._resources = resources
        self._environment = environment
        self._is_wanted = is_wanted
        self._label = framework.name
        self._driver = SchedulerDriver(master, framework, self, credential=credential, ssl=ssl)
        self._kept: dict[Hashable, _Kept] = {}
        self._by_task: dict[str, _Kept] = {}
        self._prefix = f"{framework.name}-{uuid.uuid4().hex[:8]}"
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Task[None]] = set()
        self._is_over = False
        #: What has ended the framework, if something has.
        self.failure: MesozoicError | None = None

    # The beginning and the end.

    def open(self) -> None:
        """Begin to look for the master."""
        self._spawn(self._drive())

    async def _drive(self) -> None:
        try:
            await self._driver.run()
        except MesozoicError as error:
            _log.error("%s has lost its framework: %s", self._label, error)
            self.failure = error
            for kept in self._kept.values():
                kept.ended.set()

    async def close(self) -> None:
        """End the framework with all its tasks."""
        self._is_over = True
        if self._driver.framework_id is not None and self.failure is None:
            try:
                async with asyncio.timeout(_GOODBYE_S):
                    await self._driver.wait_subscribed()
            except (TimeoutError, MesozoicError) as error:
                _log.warning("%s: no master to say goodbye to: %s", self._label, error)
        await self._driver.stop()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # What is wanted.

    def keep(self, name: Hashable, arguments: Sequence[str]) -> None:
        """Have a task run until :meth:`release`; raises what has ended the framework."""
        if self.failure is not None:
            raise self.failure
        self._kept[name] = _Kept(name, tuple(arguments))
        self._spawn(self._driver.work_changed())

    async def release(self, name: Hashable) -> None:
        """End the task, and wait until Mesos says that it has ended, for some seconds at most."""
        kept = self._kept.pop(name, None)
        if kept is None:
            return
        kept.is_released = True
        await self._driver.work_changed()
        if kept.task_id is None or self.failure is not None:
            return
        await self._kill(kept.task_id, kept.agent_id)
        try:
            async with asyncio.timeout(_RELEASE_S):
                await kept.ended.wait()
        except TimeoutError:
            _log.warning("%s: task %s takes long to end", self._label, kept.task_id)

    def task_of(self, name: Hashable) -> str | None:
        """The id of the task that there is for a name."""
        kept = self._kept.get(name)
        return None if kept is None else kept.task_id

    def _due(self) -> list[_Kept]:
        """Those without a task that may be launched now."""
        now_s = self._loop.time()
        return [
            kept
            for kept in self._kept.values()
            if kept.task_id is None and now_s >= kept.not_before_s and self._is_wanted(kept.name)
        ]

    # As a scheduler.

    def wants_offers(self) -> bool:
        """Whether a task is lacking."""
        return not self._is_over and bool(self._due())

    async def subscribed(self, driver: SchedulerDriver, event: notices.Subscribed) -> None:
        """The framework has its id."""
        del driver
        _log.info("%s is framework %s", self._label, event.framework_id)

    async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
        """Launch what is lacking, one task to an offer at a time."""
        due = [] if self._is_over else self._due()
        rooms = [(offer, placing.Room(offer), list[mesos_pb2.TaskInfo]()) for offer in offers]
        has_room = True
        while due and has_room:
            has_room = False
            for offer, room, tasks in rooms:
                share = room.take(self._resources) if due else None
                if share is not None:
                    tasks.append(self._new_task(due.pop(0), offer, share))
                    has_room = True
        unused = [offer for offer, _, tasks in rooms if not tasks]
        for offer, _, tasks in rooms:
            if tasks:
                await self._launch(driver, offer, tasks)
        if unused and due:
            await self._attempt("DECLINE", driver.decline(unused))

    def _new_task(
        self, kept: _Kept, offer: mesos_pb2.Offer, share: Sequence[mesos_pb2.Resource]
    ) -> mesos_pb2.TaskInfo:
        self._number += 1
        kept.task_id = f"{self._prefix}-{self._number}"
        kept.agent_id = offer.agent_id.value
        kept.began_s = self._loop.time()
        self._by_task[kept.task_id] = kept
        return placing.python_task(
            kept.task_id,
            f"{self._label} {kept.name}",
            share,
            kept.arguments,
            self._environment,
            grace_seconds=_GRACE_S,
        )

    async def _launch(
        self, driver: SchedulerDriver, offer: mesos_pb2.Offer, tasks: list[mesos_pb2.TaskInfo]
    ) -> None:
        try:
            await driver.launch([offer], tasks)
        except CallLost as error:
            # Perhaps they run: the driver asks the next master.
            _log.info("%s: a launch was lost: %s", self._label, error)
        except MesozoicError as error:
            _log.warning("%s: a launch was refused: %s", self._label, error)
            for task in tasks:
                self._ended(task.task_id.value)

    async def update(self, driver: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        """A task has begun or ended; one that nobody wants any more is killed."""
        del driver
        task_id = status.task_id.value
        kept = self._by_task.get(task_id)
        if status.state in TERMINAL_STATES or status.state in _GONE_FOR_US:
            name = mesos_pb2.TaskState.Name(status.state)
            _log.info("%s: task %s: %s %s", self._label, task_id, name, status.message)
            self._ended(task_id)
        elif kept is None or kept.is_released:
            self._spawn(self._kill(task_id, status.agent_id.value))

    def _ended(self, task_id: str) -> None:
        kept = self._by_task.pop(task_id, None)
        if kept is None:
            return
        kept.task_id = None
        kept.ended.set()
        kept.ended = asyncio.Event()
        now_s = self._loop.time()
        kept.failures = kept.failures + 1 if now_s - kept.began_s < _SHORT_S else 0
        if kept.is_released or self._is_over or not self._is_wanted(kept.name):
            return
        wait_s = min(_BACKOFF_S * 2 ** min(kept.failures - 1, 16), _BACKOFF_MAX_S)
        kept.not_before_s = now_s + wait_s if kept.failures else now_s
        # The driver asks for demand after each callback, and else has to be told.
        self._loop.call_later(wait_s, lambda: self._spawn(self._driver.work_changed()))

    async def _kill(self, task_id: str, agent_id: str) -> None:
        await self._attempt("KILL", self._driver.kill(task_id, agent_id or None))

    async def _attempt(self, what: str, call: Coroutine[object, object, None]) -> None:
        try:
            await call
        except MesozoicError as error:
            _log.info("%s: %s: %s", self._label, what, error)
