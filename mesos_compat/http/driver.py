"""The master's shell: events into the core, its actions out.

One task-free loop on asyncio's thread owns the core. Whoever has an event submits it; events
are stepped in the order in which they came, and the actions of each are carried out before
the next. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from google.protobuf.message import Message

from mesos_compat.ha.registries import RegistryFailedError, RegistryLostError, RegistryStore
from mesos_compat.http.answers import Answer, told
from mesos_compat.http.streams import RecordStream
from mesos_compat.master import actions as act
from mesos_compat.master import events as ev
from mesos_compat.wire.media import ContentType

_log = logging.getLogger(__name__)

STREAM_ID: Final = "Mesos-Stream-Id"


class Core(Protocol):
    """What of the core the driver uses."""

    def step(self, event: ev.Event, now: ev.Now) -> list[act.Action]:
        """Take an event; returns what is to be done."""

    def next_due_ms(self) -> int:
        """When the next Tick is needed at the latest, on the clock that never goes back."""


def now() -> ev.Now:
    """The time, on both clocks."""
    return ev.Now(time.monotonic_ns() // 1_000_000, time.time_ns())


class MasterDriver:
    """Steps ``core``; ``on_stop`` hears why the master must end."""

    def __init__(self, core: Core, registry: RegistryStore, on_stop: Callable[[str], None]) -> None:
        self.core = core
        self._registry = registry
        self._on_stop = on_stop
        self._routes = itertools.count(1)
        self._waiting: dict[ev.Route, asyncio.Future[Answer | RecordStream]] = {}
        #: Of what type the streams are to be that are not open yet.
        self._types: dict[ev.Route, ContentType] = {}
        self._streams: dict[ev.Route, RecordStream] = {}
        self._lost: dict[ev.Route, type[Any]] = {}
        self._events: deque[ev.Event] = deque()
        self._is_stepping = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    # Requests.

    def new_route(self) -> ev.Route:
        """A number for a request."""
        return ev.Route(next(self._routes))

    async def ask(self, route: ev.Route, event: ev.Event) -> Answer | RecordStream:
        """Submit an event and wait for what is answered on its route."""
        future: asyncio.Future[Answer | RecordStream] = asyncio.get_running_loop().create_future()
        self._waiting[route] = future
        try:
            self.submit(event)
            return await future
        finally:
            self._waiting.pop(route, None)
            self._types.pop(route, None)

    async def subscribe(
        self, route: ev.Route, event: ev.Event, content_type: ContentType
    ) -> Answer | RecordStream:
        """As :meth:`ask`, where the answer may be a stream of this type."""
        self._types[route] = content_type
        return await self.ask(route, event)

    def open_stream(self, route: ev.Route, content_type: ContentType) -> RecordStream:
        """A stream that the core need not agree to: an operator's."""
        stream = self._streams[route] = RecordStream(route, content_type)
        self._lost[route] = ev.OperatorLost
        return stream

    def stream_ended(self, stream: RecordStream) -> None:
        """A stream is over; the core is told if it was not the core that ended it."""
        route = ev.Route(stream.route)
        if self._streams.pop(route, None) is not None:
            lost = self._lost.pop(route)
            self.submit(lost(route))

    # Events.

    def submit(self, event: ev.Event) -> None:
        """Step the core with ``event``, after those before."""
        self._events.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._events and not self._is_stopped:
                for action in self.core.step(self._events.popleft(), now()):
                    self._do(action)
        finally:
            self._is_stepping = False
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._is_stopped:
            wait_ms = max(0, self.core.next_due_ms() - now().mono_ms)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait_ms / 1000, self.submit, ev.Tick())

    async def stop(self) -> None:
        """Step no more; streams are left to the server."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        for future in tuple(self._waiting.values()):
            if not future.done():
                future.set_result(told(503, "The master is shutting down"))

    # Actions.

    def _do(self, action: act.Action) -> None:
        match action:
            case act.SendToScheduler() | act.SendToAgent() | act.SendToOperator():
                self._send(action.route, action.event)
            case act.Reply():
                self._answer(action.route, told(action.status, action.message))
            case act.OpenScheduler():
                self._open(action.route, action.stream_id, ev.SchedulerLost)
            case act.OpenAgent():
                self._open(action.route, action.stream_id, ev.AgentLost)
            case act.CloseScheduler() | act.CloseAgent() | act.CloseOperator():
                self._close(action.route)
            case act.FetchRegistry():
                self._spawn(self._fetch())
            case act.StoreRegistry():
                self._spawn(self._store(action))
            case act.Stop():
                self._is_stopped = True
                self._on_stop(action.why)

    def _send(self, route: ev.Route, event: Message) -> None:
        stream = self._streams.get(route)
        if stream is not None:
            stream.send(event)

    def _answer(self, route: ev.Route, answer: Answer | RecordStream) -> None:
        future = self._waiting.get(route)
        if future is not None and not future.done():
            future.set_result(answer)

    def _open(self, route: ev.Route, stream_id: str, lost: type[Any]) -> None:
        content_type = self._types.get(route)
        if content_type is None:
            # Whoever asked has hung up meanwhile.
            self._events.append(lost(route))
            return
        stream = RecordStream(route, content_type, {STREAM_ID: stream_id})
        self._streams[route] = stream
        self._lost[route] = lost
        self._answer(route, stream)

    def _close(self, route: ev.Route) -> None:
        stream = self._streams.pop(route, None)
        self._lost.pop(route, None)
        if stream is not None:
            stream.close()

    # The registry.

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self) -> None:
        try:
            registry = await self._registry.fetch()
        except (RegistryFailedError, RegistryLostError) as error:
            self.submit(ev.RegistryFailed(str(error)))
            return
        self.submit(ev.Recovered(registry))

    async def _store(self, action: act.StoreRegistry) -> None:
        try:
            await self._registry.store(action.registry)
        except (RegistryFailedError, RegistryLostError) as error:
            self.submit(ev.RegistryFailed(str(error)))
            return
        self.submit(ev.RegistryStored(action.token))
