"""One subscription on the wire: the stream of events, and the calls that go with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesos_compat.wire.v1.scheduler_pb2 import Event as MesosEvent
from mesozoic.aio.transport import STREAM_ID, Transport
from mesozoic.core import actions, events
from mesozoic.errors import CallLost, CallRefused, Unreachable

PATH: Final = "/api/v1/scheduler"
#: Acknowledgements of different tasks have no order, so some go at once.
_ACKNOWLEDGERS: Final = 4
_ACKNOWLEDGEMENTS: Final = (Call.ACKNOWLEDGE, Call.ACKNOWLEDGE_OPERATION_STATUS)


class SchedulerStream:
    """Reads until the stream ends; sends calls one after the other, since their order counts."""

    def __init__(
        self,
        transport: Transport,
        connect: actions.Connect,
        step: Callable[[events.Event], None],
    ) -> None:
        self._transport = transport
        self._connect = connect
        self._step = step
        self._url = connect.master + PATH
        self._stream_id = ""
        self._calls: asyncio.Queue[actions.Send] = asyncio.Queue()
        self._acknowledgements: asyncio.Queue[actions.Send] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        #: URL of the master that has opened the stream; None before.
        self.master: str | None = None

    def start(self) -> None:
        """Subscribe."""
        self._tasks.append(asyncio.create_task(self._read()))

    def send(self, action: actions.Send) -> None:
        """Make a call, behind those before."""
        is_acknowledgement = action.call.type in _ACKNOWLEDGEMENTS
        (self._acknowledgements if is_acknowledgement else self._calls).put_nowait(action)

    async def close(self) -> None:
        """End all of it; nothing is reported any more."""
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        number = self._connect.stream
        try:
            stream = await self._transport.subscribe(self._url, self._connect.call, MesosEvent)
        except CallRefused as error:
            self._step(events.StreamLost(number, str(error), error.status))
            return
        except (CallLost, Unreachable) as error:
            self._step(events.StreamLost(number, str(error)))
            return
        self._url, self._stream_id = stream.url, stream.stream_id
        self.master = stream.url.removesuffix(PATH)
        for queue in [self._calls] + [self._acknowledgements] * _ACKNOWLEDGERS:
            self._tasks.append(asyncio.create_task(self._send_all(queue)))
        why = "the master has ended the stream"
        async with stream:
            try:
                self._step(events.StreamOpened(number))
                while (said := await stream.read()) is not None:
                    if not said:
                        self._step(events.Heard(number))
                    for event in said:
                        self._step(events.Received(number, event))
            except CallLost as error:
                why = str(error)
        self._step(events.StreamLost(number, why))

    async def _send_all(self, queue: asyncio.Queue[actions.Send]) -> None:
        headers = {STREAM_ID: self._stream_id}
        while True:
            action = await queue.get()
            number, token, call = action.stream, action.token, action.call
            try:
                answer = await self._transport.post(self._url, call, headers=headers, follows=False)
            except (CallLost, Unreachable) as error:
                self._step(events.CallBroken(number, token, call, str(error)))
            else:
                text = answer.text
                self._step(events.CallAnswered(number, token, call, answer.status, text))
