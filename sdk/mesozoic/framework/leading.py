"""The time in which this process is the framework's scheduler: plan, driver and store together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import FrameworkIdStore, Scheduler, SchedulerDriver
from mesozoic.aio.ticking import Ticker
from mesozoic.core.calls import AgentId, TaskId
from mesozoic.errors import CallLost, CallRefused, NotSubscribed, SubscriptionRefused
from mesozoic.framework.errors import Deposed
from mesozoic.framework.planning import actions, events
from mesozoic.framework.planning.actions import Change
from mesozoic.framework.planning.core import PlanningCore
from mesozoic.framework.planning.state import State
from mesozoic.framework.registry import FrameworkRecord, RecordedFrameworkId
from mesozoic.framework.stores import Tenure

_MS: Final = 1_000
#: Writes that wait are done together while they are smaller than this; each of them is at most
#: about as large, and ZooKeeper takes a little less than a MiB.
_CHANGES_MAX: Final = 500
_BYTES_MAX: Final = 384 * 1024

_log = logging.getLogger(__name__)

Tasks: TypeAlias = Iterable[tuple[TaskId, AgentId | None]]
#: Makes the driver from a scheduler, a place for the id, and tasks that are believed to run.
MakeDriver: TypeAlias = Callable[[Scheduler, FrameworkIdStore, Tasks], SchedulerDriver]


@dataclass(slots=True)
class _Asked:
    """A write that waits for its turn, and what to do then."""

    changes: Sequence[Change]
    done: Callable[[], None]


class Leadership(Scheduler):
    """One tenure. ``on_change`` is called when something may be different."""

    def __init__(
        self,
        tenure: Tenure,
        record: FrameworkRecord,
        state: State,
        make_driver: MakeDriver,
        below: Callable[[int], int],
        on_change: Callable[[], None],
    ) -> None:
        self._tenure = tenure
        self._record = record
        self.core = PlanningCore(tenure.epoch, state, below)
        self._make_driver = make_driver
        self._on_change = on_change
        self._driver: SchedulerDriver | None = None
        self._framework_ids = RecordedFrameworkId(record, self.write)
        loop = asyncio.get_running_loop()
        # The core's time outlives processes; between two looks at the clock it is monotonic.
        self._offset_ms = int(time.time() * _MS) - int(loop.time() * _MS)
        self._ticker = Ticker(self._next_due_ms, lambda: self.step(events.Tick()))
        self._inbox: deque[events.Event] = deque()
        self._is_stepping = False
        self._writes: asyncio.Queue[_Asked] = asyncio.Queue()
        self._calls: set[asyncio.Task[None]] = set()
        # Launches that the driver has not heard of: it must not take their offers for unused.
        self._launching = 0
        # Why this cannot go on.
        self._failed: asyncio.Future[None] = loop.create_future()
        self._finishing = asyncio.Event()
        self._subscribed = asyncio.Event()
        #: Whether to finish as soon as there is nothing left to do.
        self.ends_when_done = False
        #: Whether nobody can come back for what still runs.
        self.ends_when_cancelled = False

    @property
    def is_subscribed(self) -> bool:
        """Whether calls can be made, as far as was heard."""
        return self._subscribed.is_set()

    @property
    def framework_id(self) -> str | None:
        """The framework's id, once it is durable."""
        return self._record.framework_id

    # The core and what it says.

    def now_ms(self) -> int:
        """The core's time."""
        return self._ticker.now_ms() + self._offset_ms

    def _next_due_ms(self) -> int | None:
        due_ms = self.core.next_due_ms()
        return None if due_ms is None else due_ms - self._offset_ms

    def step(self, event: events.Event) -> None:
        """Pass an event to the core, and do what it says."""
        self._inbox.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._inbox:
                for action in self.core.step(self._inbox.popleft(), self.now_ms()):
                    self._perform(action)
        except Exception as error:  # noqa: BLE001 - run() raises it
            self._fail(error)
        finally:
            self._is_stepping = False
        self._ticker.look()
        if self.ends_when_done and self.is_subscribed and self.core.is_done():
            self.finish()
        self._on_change()

    def _perform(self, action: actions.Action) -> None:
        match action:
            case actions.Write(token, changes):
                self._writes.put_nowait(_Asked(changes, lambda: self.step(events.Written(token))))
            case actions.Launch():
                self._launching += 1
                self._call(self._launch(action))
            case actions.Kill(task_id, agent_id):
                self._call(self._try(lambda driver: driver.kill(task_id, agent_id)))
            case actions.Decline(offer_ids):
                self._call(self._try(lambda driver: driver.decline(offer_ids)))
            case actions.AskForOffers():
                self._call(self._try(lambda driver: driver.work_changed()))
            case actions.Acknowledge(status):
                self._call(self._try(lambda driver: driver.acknowledge(status)))

    def _call(self, work: Coroutine[object, object, None]) -> None:
        # Tasks begin in the order in which they are made, and so the calls are in order.
        task = asyncio.create_task(self._guard(work))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _guard(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - run() raises it
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)

    async def _launch(self, launch: actions.Launch) -> None:
        try:
            if self._driver is None:
                raise NotSubscribed("there is no driver")
            await self._driver.launch(launch.offer_ids, launch.tasks)
        except CallLost:
            # Perhaps it was heard: the driver asks for the tasks when it is connected again.
            return
        except (NotSubscribed, CallRefused) as error:
            task_ids = tuple(task.task_id.value for task in launch.tasks)
            self.step(events.LaunchRefused(task_ids, str(error)))
        finally:
            self._launching -= 1

    async def _try(
        self, work: Callable[[SchedulerDriver], Coroutine[object, object, None]]
    ) -> None:
        """Make a call that is made again, or needs not be, when it does not arrive."""
        if self._driver is None:
            return
        try:
            await work(self._driver)
        except (NotSubscribed, CallLost):
            return
        except CallRefused as error:
            _log.warning("%s", error)

    # Writes.

    async def write(self, changes: Sequence[Change]) -> None:
        """Make changes durable, behind all that was asked for before.

        Waits for that too when there are none; does not return when this leads no more.
        """
        done = asyncio.Event()
        self._writes.put_nowait(_Asked(changes, done.set))
        await done.wait()

    async def _write_all(self) -> None:
        while True:
            asked = [await self._writes.get()]
            changes = {change.key: change for change in asked[0].changes}
            while not self._writes.empty() and _fits(changes.values()):
                asked.append(self._writes.get_nowait())
                changes |= {change.key: change for change in asked[-1].changes}
            await self._tenure.write(list(changes.values()))
            for one in asked:
                one.done()

    # The beginning and the end.

    async def run(self) -> None:
        """Lead until :meth:`finish`; raises :class:`~.errors.Deposed`, and what a driver raises.

        In any other way to end than :meth:`finish` the framework is left as it is.
        """
        deposed = asyncio.create_task(self._tenure.wait_deposed())
        finishing = asyncio.create_task(self._tear_down_when_asked())
        workers = [
            asyncio.create_task(self._write_all()),
            asyncio.create_task(self._drive()),
            deposed,
            finishing,
        ]
        pending: set[asyncio.Future[None]] = {*workers, self._failed}
        try:
            while not finishing.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
                if deposed.done():
                    raise Deposed("another process may lead now")
        except asyncio.CancelledError:
            if self.ends_when_cancelled and self._driver is not None:
                await self._driver.stop()
            raise
        finally:
            self._ticker.stop()
            remaining = [*workers, *self._calls, self._failed]
            for task in remaining:
                task.cancel()
            await asyncio.gather(*remaining, return_exceptions=True)
            self._subscribed.clear()

    async def _drive(self) -> None:
        """Run a driver; anew when the master has forgotten the framework, else once."""
        while True:
            live = [(one.task_id, one.agent_id) for one in self.core.live()]
            self._driver = self._make_driver(self, self._framework_ids, live)
            try:
                await self._driver.run()
                return
            except SubscriptionRefused as refused:
                self._disconnected()
                # Raises when another process leads: then it was that one's subscription.
                await self.write([])
                if self._record.framework_id is not None:
                    raise
                _log.warning("the framework begins anew: %s", refused)
                self.step(events.FrameworkRemoved())

    def finish(self) -> None:
        """End the framework, with all that still runs."""
        self._finishing.set()

    async def _tear_down_when_asked(self) -> None:
        await self._finishing.wait()
        while not await self._tear_down():
            pass
        self._record.framework_id = None
        self._record.runs += 1
        self._record.is_over = True
        await self.write([self._record.put()])

    async def _tear_down(self) -> bool:
        """End the framework at the master, and say whether that was done.

        Without a master this waits for one: what runs must not be left behind.
        """
        await self._subscribed.wait()
        driver = self._driver
        if driver is None:
            return False
        try:
            await driver.teardown()
            return True
        except CallRefused as error:
            _log.warning("the framework was not torn down: %s", error)
            return True
        except (CallLost, NotSubscribed):
            if not driver.is_subscribed:
                # It is about to tell so; and then of the next subscription.
                self._subscribed.clear()
            return False

    # What the driver tells.

    def wants_offers(self) -> bool:
        """See :class:`~mesozoic.aio.Scheduler`."""
        return bool(self._launching) or self.core.wants_offers()

    async def subscribed(self, *_: object) -> None:
        """See :class:`~mesozoic.aio.Scheduler`."""
        self._subscribed.set()
        self.step(events.Subscribed())

    async def resubscribed(self, *_: object) -> None:
        """See :class:`~mesozoic.aio.Scheduler`."""
        await self.subscribed()

    async def disconnected(self, *_: object) -> None:
        """See :class:`~mesozoic.aio.Scheduler`."""
        self._disconnected()

    def _disconnected(self) -> None:
        self._subscribed.clear()
        self.step(events.Disconnected())

    async def offers(self, _driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
        """See :class:`~mesozoic.aio.Scheduler`."""
        self.step(events.OffersCame(tuple(offers)))

    async def rescinded(self, _driver: SchedulerDriver, offer_id: mesos_pb2.OfferID) -> None:
        """See :class:`~mesozoic.aio.Scheduler`."""
        self.step(events.OfferRescinded(offer_id.value))

    async def update(self, _driver: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        """See :class:`~mesozoic.aio.Scheduler`."""
        self.step(events.StatusCame(status))

    async def agent_lost(self, _driver: SchedulerDriver, agent_id: mesos_pb2.AgentID) -> None:
        """See :class:`~mesozoic.aio.Scheduler`."""
        self.step(events.AgentLost(agent_id.value))


def _fits(changes: Iterable[Change]) -> bool:
    """Whether more can be added to a write."""
    listed = list(changes)
    size = sum(len(one.data) for one in listed if isinstance(one, actions.Put))
    return len(listed) < _CHANGES_MAX and size < _BYTES_MAX // 2
