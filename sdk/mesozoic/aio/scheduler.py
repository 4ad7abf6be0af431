"""The scheduler driver: a framework's subscription, kept up for as long as it is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import logging
import random
import ssl as tls
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Final, Literal, Self

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call, OfferConstraints
from mesozoic.aio import callbacks
from mesozoic.aio.callbacks import Scheduler
from mesozoic.aio.detect import Detector, Masters, detector_of
from mesozoic.aio.framework_ids import FrameworkIdStore, MemoryFrameworkId
from mesozoic.aio.scheduler_calls import SchedulerCalls
from mesozoic.aio.scheduler_stream import SchedulerStream
from mesozoic.aio.ticking import Ticker
from mesozoic.aio.transport import Codec, Transport
from mesozoic.core import actions, events
from mesozoic.core.calls import AgentId, TaskId
from mesozoic.core.events import Event
from mesozoic.core.notices import Notice, OffersReceived
from mesozoic.core.scheduler import SchedulerCore
from mesozoic.core.settings import SchedulerSettings
from mesozoic.errors import CallLost, CallRefused, NotSubscribed, SubscriptionRefused

__all__ = ["Scheduler", "SchedulerDriver"]

_MS: Final = 1_000
#: How long TEARDOWN may take when a driver stops.
_TEARDOWN_S: Final = 10.0

_log = logging.getLogger(__name__)


class SchedulerDriver(SchedulerCalls):
    """Keeps one framework subscribed with whichever master leads.

    ``await driver.run()`` until the framework is over, or ``async with driver:``, which begins
    when the framework is subscribed. What happens is told to ``scheduler``; without one, take
    it from :meth:`events`.

    It reconnects by itself, with its framework id; reconciles its tasks after each
    subscription and from time to time; acknowledges each update when its callback has
    returned; declines offers that nobody wanted, with a long filter; suppresses offers while
    ``scheduler.wants_offers()`` is False.

    ``master`` is ``zk://[user:password@]hosts/path``, ``host:port``, a URL, several of the
    latter separated by commas or in a list, or a :class:`~mesozoic.aio.detect.Detector`.
    ``framework`` is copied; without a ``user`` it gets that of this process. ``credential`` is
    for HTTP Basic. ``ssl`` makes every connection TLS; by default it is made from
    ``LIBPROCESS_SSL_*`` where these enable TLS. ``framework_ids`` is where the framework's id
    outlives this process. ``tasks`` are those that are believed to run from a run before: they
    are reconciled. ``backoff_seconds`` are the longest waits before the second and before any
    later attempt. ``settings`` replaces ``acknowledge`` and all arguments in seconds. ``seed``
    makes the waits repeatable. Nothing is connected before :meth:`run` or ``async with``.
    """

    def __init__(
        self,
        master: Masters,
        framework: mesos_pb2.FrameworkInfo,
        scheduler: Scheduler | None = None,
        *,
        credential: mesos_pb2.Credential | None = None,
        ssl: tls.SSLContext | None = None,
        codec: Codec = "protobuf",
        framework_ids: FrameworkIdStore | None = None,
        acknowledge: Literal["automatic", "manual"] = "automatic",
        refuse_seconds: float = 120.0,
        offer_hold_seconds: float = 5.0,
        reconcile_seconds: float = 900.0,
        backoff_seconds: tuple[float, float] = (0.1, 10.0),
        suppressed_roles: Iterable[str] = (),
        offer_constraints: OfferConstraints | None = None,
        tasks: Iterable[tuple[TaskId, AgentId | None]] = (),
        settings: SchedulerSettings | None = None,
        seed: int | None = None,
    ) -> None:
        """See the class. Raises :class:`~mesozoic.errors.BadAddress`."""
        self._info = mesos_pb2.FrameworkInfo()
        self._info.CopyFrom(framework)
        if not self._info.HasField("user"):
            self._info.user = getpass.getuser()
        self._scheduler = scheduler
        self._transport = Transport(credential=credential, ssl=ssl, codec=codec)
        self._detector: Detector = detector_of(master, is_tls=self._transport.is_tls)
        self._framework_ids = framework_ids or MemoryFrameworkId()
        self._settings = settings or SchedulerSettings(
            refuse_seconds=refuse_seconds,
            offer_hold_ms=round(offer_hold_seconds * _MS),
            acknowledges=acknowledge == "automatic",
            reconcile_ms=round(reconcile_seconds * _MS),
            backoff_ms=round(backoff_seconds[0] * _MS),
            backoff_max_ms=round(backoff_seconds[1] * _MS),
        )
        self._core = SchedulerCore(
            self._info,
            self._settings,
            random.Random(seed).randrange,
            offer_constraints=offer_constraints,
            suppressed_roles=suppressed_roles,
            tasks=tasks,
        )
        self._prepare()

    def _prepare(self) -> None:
        """What the driver knows beside the core, which is nothing yet."""
        self._inbox: deque[Event] = deque()
        self._is_stepping = False
        self._ticker = Ticker(self._core.next_due_ms, lambda: self._step(events.Tick()))
        self._stream: SchedulerStream | None = None
        self._told: asyncio.Queue[Notice | None] = asyncio.Queue()
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._next_token = 0
        self._tasks: set[asyncio.Task[None]] = set()
        # Of these, what must not be cut short.
        self._stores: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._failure: BaseException | None = None
        self._has_started = False
        self._closing: asyncio.Task[None] | None = None
        # The task inside of ``async with``, and whether a failure has ended it.
        self._owner: asyncio.Task[object] | None = None
        self._has_cancelled_owner = False
        # A master that comes from here was not known to lead, only to be the next to try.
        self._is_guessing = False

    # What is so.

    @property
    def framework_id(self) -> str | None:
        """The framework's id; None before the first subscription of a new framework."""
        return self._core.framework_id

    @property
    def framework(self) -> mesos_pb2.FrameworkInfo:
        """A copy of the framework's description as it is in force."""
        copy = mesos_pb2.FrameworkInfo()
        copy.CopyFrom(self._core.framework)
        return copy

    @property
    def master(self) -> str | None:
        """URL of the master to which this is subscribed, or which it tries; None without one."""
        if self._stream is not None and self._stream.master is not None:
            return self._stream.master
        return self._core.master

    @property
    def is_subscribed(self) -> bool:
        """Whether calls can be made now."""
        return self._core.is_subscribed

    @property
    def held_offers(self) -> Mapping[str, mesos_pb2.Offer]:
        """The offers that are there, neither used nor declined nor rescinded, by id."""
        return self._core.offers

    @property
    def known_tasks(self) -> Mapping[str, str | None]:
        """The agents of the tasks that are believed not to have ended, by task id."""
        return self._core.tasks

    @property
    def refuse_seconds(self) -> float:
        """How long what nobody wanted is not offered again."""
        return self._settings.refuse_seconds

    # The beginning and the end.

    async def run(self) -> None:
        """Run until :meth:`stop`, and then return.

        Raises :class:`~mesozoic.errors.SubscriptionRefused` when the master ends the
        framework or takes another for it, :class:`~mesozoic.errors.CallRefused` when it does
        not let this subscribe (401, 403, ...), and whatever a callback raises. The framework
        is not torn down by any of these, nor when this is cancelled.
        """
        try:
            await self._start()
            await self._over.wait()
        finally:
            await self._close()
        # A callback that has stopped the driver goes on behind that.
        await asyncio.gather(*self._tasks)
        if self._failure is not None:
            raise self._failure

    async def __aenter__(self) -> Self:
        """Start, and wait for the first subscription; raises what :meth:`run` would.

        Should the driver fail later, what is inside of ``async with`` is cancelled, and this
        raises the failure.
        """
        try:
            await self._start()
            await self.wait_subscribed()
        except BaseException:
            await self._close()
            raise
        self._owner = asyncio.current_task()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tear the framework down, unless an exception is the reason to leave."""
        owner, self._owner = self._owner, None
        is_ours = False
        if self._has_cancelled_owner and owner is not None:
            if error is None:
                # It was cancelled too late to notice.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
            is_ours = not owner.uncancel()
        await self.stop(failover=error is not None)
        if self._failure is not None and (
            error is None or (is_ours and isinstance(error, asyncio.CancelledError))
        ):
            raise self._failure

    async def stop(self, *, failover: bool = False) -> None:
        """End the driver, and the framework with all its tasks, unless it is to come back.

        With ``failover`` only the connection ends: another driver with the framework's id
        continues within ``FrameworkInfo.failover_timeout``. Without a subscription there is
        nobody to tell of a teardown; then the framework ends by that time-out.
        """
        if not failover and self.is_subscribed and not self._over.is_set():
            try:
                async with asyncio.timeout(_TEARDOWN_S):
                    await self.teardown()
            except (CallLost, CallRefused, NotSubscribed, TimeoutError) as error:
                _log.warning("the framework could not be torn down: %s", error)
        await self._close()

    async def wait_subscribed(self) -> None:
        """Wait until calls can be made; raises what :meth:`run` would, when it is over."""
        while not self._over.is_set():
            if self.is_subscribed:
                return
            self._changed.clear()
            await self._changed.wait()
        raise self._failure or NotSubscribed("the driver has stopped")

    async def events(self) -> AsyncIterator[Notice]:
        """What happens, for drivers without a ``scheduler``, until the driver is over.

        An update is acknowledged when the next event is asked for. Starts the driver if need
        be; raises what :meth:`run` would.
        """
        if self._scheduler is not None:
            raise ValueError("what happens is told to the scheduler of this driver")
        await self._start()
        try:
            while (notice := await self._told.get()) is not None:
                shown = self._as_of_now(notice)
                if shown is not None:
                    yield shown
                    self._step(events.Told(shown))
        finally:
            if self._failure is not None:
                await self._close()
        if self._failure is not None:
            raise self._failure

    async def work_changed(self) -> None:
        """There is new work, or none any more: see :meth:`Scheduler.wants_offers`.

        Where offers are wanted they are revived, if any were suppressed or declined; those that
        :meth:`Scheduler.offers` has seen before, and not used, are given back and come anew.
        """
        if self._scheduler is not None:
            self._step(events.DemandChanged(self._scheduler.wants_offers(), is_news=True))

    async def want_offers(self, wanted: bool = True) -> None:
        """As :meth:`work_changed`, where there is no ``scheduler`` to be asked."""
        self._step(events.DemandChanged(wanted, is_news=True))

    async def call(self, call: Call) -> None:
        """Send any call; its ``framework_id`` is filled in. Calls arrive in their order."""
        if self._closing is not None or not self._has_started:
            raise NotSubscribed("the driver does not run")
        token = self._next_token
        self._next_token += 1
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending[token] = answer
        self._step(events.CallRequested(token, call))
        try:
            await answer
        finally:
            self._pending.pop(token, None)

    # The shell around the core.

    async def _start(self) -> None:
        if self._has_started:
            return
        self._has_started = True
        known = self._info.id.value or await self._framework_ids.load()
        await self._transport.open()
        self._step(events.Started(known))
        self._detector.start(self._detected)
        if self._scheduler is not None:
            self._spawn(self._tell_all(self._scheduler))

    def _detected(self, master: str | None) -> None:
        self._step(events.MasterDetected(master, is_guess=self._is_guessing))

    async def _close(self) -> None:
        """End everything; whoever asks for it first does it, and all wait for it."""
        current = asyncio.current_task()
        if self._closing is None:
            if self._has_started:
                self._step(events.Stopped())
            # A callback that asks for it is not to be cut short by what it asks for.
            others = [task for task in self._tasks if task is not current]
            self._closing = asyncio.create_task(self._end(others))
        await asyncio.shield(self._closing)

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        self._over.set()
        self._changed.set()
        self._ticker.stop()
        self._told.put_nowait(None)
        await asyncio.gather(*self._stores)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._detector.stop()
        await self._transport.close()

    def _step(self, event: Event) -> None:
        """Pass an event to the core and do what it says; in order, however deep this is called."""
        self._inbox.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._inbox:
                for action in self._core.step(self._inbox.popleft(), self._ticker.now_ms()):
                    self._perform(action)
        finally:
            self._is_stepping = False
        self._changed.set()
        if self._closing is None:
            self._ticker.look()

    def _perform(self, action: actions.Action) -> None:
        match action:
            case actions.Connect():
                self._stream = SchedulerStream(self._transport, action, self._step)
                self._stream.start()
            case actions.Disconnect():
                self._disconnect()
            case actions.Send():
                if self._stream is not None:
                    self._stream.send(action)
            case actions.Settle(token, error):
                self._settle(token, error)
            case actions.MasterFailed(master):
                self._is_guessing = True
                self._detector.failed(master)
                self._is_guessing = False
            case actions.SaveFrameworkId(framework_id):
                self._stores.append(self._spawn(self._save(framework_id)))
            case actions.ForgetFrameworkId():
                self._stores.append(self._spawn(self._framework_ids.clear()))
            case actions.Tell(notice):
                self._told.put_nowait(notice)
            case actions.Fail(text, status):
                refused = SubscriptionRefused(text) if status is None else CallRefused(status, text)
                self._finish(refused)
            case actions.End():
                self._finish(None)
            case actions.Note(text):
                _log.warning("%s: %s", self._info.name, text)

    def _disconnect(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._spawn(stream.close())

    def _settle(self, token: int, error: Exception | None) -> None:
        answer = self._pending.get(token)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    def _finish(self, error: BaseException | None) -> None:
        """The driver is over, as soon as what was told before is heard."""
        if self._failure is None:
            self._failure = error
        self._told.put_nowait(None)
        if self._scheduler is None:
            self._set_over()

    def _set_over(self) -> None:
        self._over.set()
        self._changed.set()
        if self._failure is not None and self._owner is not None and self._closing is None:
            self._has_cancelled_owner = self._owner.cancel()

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[object, object, None]) -> None:
        """Whatever goes wrong in a task of this driver, in the author's code too, ends it."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - run() raises it
            self._finish(error)
            self._set_over()

    async def _save(self, framework_id: str) -> None:
        await self._framework_ids.save(framework_id)
        self._step(events.FrameworkIdSaved(framework_id))

    async def _tell_all(self, scheduler: Scheduler) -> None:
        """Await one callback after the other."""
        while (notice := await self._told.get()) is not None and self._closing is None:
            shown = self._as_of_now(notice)
            if shown is None:
                continue
            await callbacks.tell(scheduler, self, shown)
            self._step(events.Told(shown))
            self._step(events.DemandChanged(scheduler.wants_offers(), is_news=False))
        self._set_over()

    def _as_of_now(self, notice: Notice) -> Notice | None:
        """A notice without offers that have become void before anybody could hear of them."""
        if not isinstance(notice, OffersReceived):
            return notice
        held = self._core.offers
        offers = tuple(one for one in notice.offers if one.id.value in held)
        if not offers:
            return None
        self._step(events.OffersShown(tuple(one.id.value for one in offers)))
        return OffersReceived(offers)
