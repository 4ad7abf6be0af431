"""Requests that wait for a core's answer, and the streams that some of them become.

A core names each by its route, a number. Who answers a route that nobody waits at any more, or
writes to a stream that is gone, does so to nobody.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from google.protobuf.message import Message

from mesos_compat.http.answers import Answer, told
from mesos_compat.http.streams import RecordStream
from mesos_compat.wire.media import ContentType


@dataclass(frozen=True, slots=True)
class StreamForm:
    """What a stream is to look like: records of this type, and what the head says of it."""

    content_type: ContentType
    media_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Conversations:
    """See the module; a program has one."""

    def __init__(self) -> None:
        self._routes = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer | RecordStream]] = {}
        #: What the streams are to look like that are not open yet.
        self._forms: dict[int, StreamForm] = {}
        self._streams: dict[int, RecordStream] = {}
        self._on_lost: dict[int, Callable[[], None]] = {}

    def new_route(self) -> int:
        """A number for a request."""
        return next(self._routes)

    async def wait(
        self, route: int, ask: Callable[[], None], form: StreamForm | None = None
    ) -> Answer | RecordStream:
        """What is answered after ``ask`` was called; with a form it may be a stream."""
        future: asyncio.Future[Answer | RecordStream] = asyncio.get_running_loop().create_future()
        self._waiting[route] = future
        if form is not None:
            self._forms[route] = form
        try:
            ask()
            return await future
        finally:
            self._waiting.pop(route, None)
            self._forms.pop(route, None)

    def answer(self, route: int, answer: Answer | RecordStream) -> None:
        """End the wait of a route."""
        future = self._waiting.get(route)
        if future is not None and not future.done():
            future.set_result(answer)

    def open(
        self, route: int, on_lost: Callable[[], None], headers: dict[str, str] | None = None
    ) -> bool:
        """Answer with a stream; False when whoever asked has hung up meanwhile."""
        form = self._forms.get(route)
        if form is None:
            return False
        self.answer(route, self.open_unasked(route, form, on_lost, headers))
        return True

    def open_unasked(
        self,
        route: int,
        form: StreamForm,
        on_lost: Callable[[], None],
        headers: dict[str, str] | None = None,
    ) -> RecordStream:
        """A stream that no core need agree to."""
        stream = self._streams[route] = RecordStream(
            route,
            form.content_type,
            {**form.headers, **(headers or {})},
            media_type=form.media_type,
        )
        self._on_lost[route] = on_lost
        return stream

    def send(self, route: int, message: Message) -> None:
        """Write to a stream."""
        stream = self._streams.get(route)
        if stream is not None:
            stream.send(message)

    async def wait_room(self, route: int) -> bool:
        """Wait for a slow reader; False when there is none any more."""
        stream = self._streams.get(route)
        return stream is not None and await stream.wait_room()

    def close(self, route: int) -> None:
        """End a stream behind what was written; nobody is told that it is lost."""
        stream = self._streams.pop(route, None)
        self._on_lost.pop(route, None)
        if stream is not None:
            stream.close()

    def ended(self, stream: RecordStream) -> None:
        """A stream is over; who opened it is told unless it was closed from here."""
        if self._streams.pop(stream.route, None) is not None:
            self._on_lost.pop(stream.route)()

    def refuse_all(self, why: str) -> None:
        """The program ends: 503 to all who wait."""
        for future in tuple(self._waiting.values()):
            if not future.done():
                future.set_result(told(503, why))
