"""The master's shell: events into the core, its actions out. Nothing here decides anything."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from mesos_compat.ha.registries import RegistryFailedError, RegistryLostError, RegistryStore
from mesos_compat.http.answers import Answer, told
from mesos_compat.http.conversations import Conversations, StreamForm
from mesos_compat.http.stepping import Stepper, mono_ms
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
    return ev.Now(mono_ms(), time.time_ns())


class MasterDriver:
    """Steps ``core``; ``on_stop`` hears why the master must end."""

    def __init__(
        self,
        core: Core,
        registry: RegistryStore,
        on_stop: Callable[[str], None],
        fetch_timeout_s: float | None = None,
    ) -> None:
        self.core = core
        self._registry = registry
        self._on_stop = on_stop
        self._fetch_timeout_s = fetch_timeout_s
        self._conversations = Conversations()
        self._stepper: Stepper[ev.Event] = Stepper(self._step, core.next_due_ms, ev.Tick)

    # Requests.

    def new_route(self) -> ev.Route:
        """A number for a request."""
        return ev.Route(self._conversations.new_route())

    async def ask(self, route: ev.Route, event: ev.Event) -> Answer | RecordStream:
        """Submit an event and wait for what is answered on its route."""
        return await self._conversations.wait(route, lambda: self.submit(event))

    async def subscribe(
        self, route: ev.Route, event: ev.Event, content_type: ContentType
    ) -> Answer | RecordStream:
        """As :meth:`ask`, where the answer may be a stream of this type."""
        return await self._conversations.wait(
            route, lambda: self.submit(event), StreamForm(content_type)
        )

    def open_stream(self, route: ev.Route, content_type: ContentType) -> RecordStream:
        """A stream that the core need not agree to: an operator's."""
        return self._conversations.open_unasked(
            route, StreamForm(content_type), lambda: self.submit(ev.OperatorLost(route))
        )

    def stream_ended(self, stream: RecordStream) -> None:
        """A stream is over; the core is told if it was not the core that ended it."""
        self._conversations.ended(stream)

    # Events.

    def submit(self, event: ev.Event) -> None:
        """Step the core with ``event``, after those before."""
        self._stepper.submit(event)

    def _step(self, event: ev.Event) -> None:
        for action in self.core.step(event, now()):
            self._do(action)

    async def stop(self) -> None:
        """Step no more; streams are left to the server."""
        self._conversations.refuse_all("The master is shutting down")
        await self._stepper.stop()

    # Actions.

    def _do(self, action: act.Action) -> None:
        match action:
            case act.SendToScheduler() | act.SendToAgent() | act.SendToOperator():
                self._conversations.send(action.route, action.event)
            case act.Reply():
                self._conversations.answer(action.route, told(action.status, action.message))
            case act.OpenScheduler():
                self._open(action.route, action.stream_id, ev.SchedulerLost(action.route))
            case act.OpenAgent():
                self._open(action.route, action.stream_id, ev.AgentLost(action.route))
            case act.CloseScheduler() | act.CloseAgent() | act.CloseOperator():
                self._conversations.close(action.route)
            case act.FetchRegistry():
                self._stepper.spawn(self._fetch())
            case act.StoreRegistry():
                self._stepper.spawn(self._store(action))
            case act.Stop():
                self._stepper.is_stopped = True
                self._on_stop(action.why)

    def _open(self, route: ev.Route, stream_id: str, lost: ev.Event) -> None:
        opened = self._conversations.open(route, lambda: self.submit(lost), {STREAM_ID: stream_id})
        if not opened:
            self.submit(lost)

    # The registry.

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(self._fetch_timeout_s):
                registry = await self._registry.fetch()
        except (RegistryFailedError, RegistryLostError) as error:
            self.submit(ev.RegistryFailed(str(error)))
            return
        except TimeoutError:
            self.submit(ev.RegistryFailed(f"not fetched within {self._fetch_timeout_s:g} s"))
            return
        self.submit(ev.Recovered(registry))

    async def _store(self, action: act.StoreRegistry) -> None:
        try:
            await self._registry.store(action.registry)
        except (RegistryFailedError, RegistryLostError) as error:
            self.submit(ev.RegistryFailed(str(error)))
            return
        self.submit(ev.RegistryStored(action.token))
