"""An agent's side of the link to its master: one stream down, calls up in their order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final

import aiohttp

from mesos_compat.errors import DecodeError
from mesos_compat.http.failures import reason
from mesos_compat.http.link_api import PATH
from mesos_compat.wire import link_pb2
from mesos_compat.wire.media import ContentType
from mesos_compat.wire.recordio import Decoder

#: A record holds a task with its data, or the tasks that are to be reconciled.
_RECORD_BYTES_MAX: Final = 512 * 1024 * 1024
#: So many calls go up together; a busy agent has hundreds of updates at once.
_CALLS_PER_POST_MAX: Final = 512
_CONNECT_S: Final = 10.0
#: How long a link that is to end waits for its last calls to be taken.
_FINISH_S: Final = 2.0
_REDIRECTS_MAX: Final = 5

_log = logging.getLogger(__name__)


class LinkRefusedError(Exception):
    """The master did not open a stream; the message says why."""


class LinkClient:
    """One stream to one master, from :meth:`open` to its end.

    ``on_event`` gets what the master says; ``on_lost`` is called once when the stream is over,
    whoever ended it, unless it was :meth:`close`.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        on_event: Callable[[link_pb2.Event], None],
        on_lost: Callable[[str], None],
        *,
        authorization: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._session = session
        self._url = base_url.rstrip("/") + PATH
        self._on_event = on_event
        self._on_lost = on_lost
        self._headers = {"Content-Type": ContentType.PROTOBUF.value}
        if authorization is not None:
            self._headers["Authorization"] = authorization
        self._tls: ssl.SSLContext | bool = tls if tls is not None else True
        self._stream_id = ""
        self._calls: deque[link_pb2.Call] = deque()
        self._news = asyncio.Event()
        #: Nothing waits to be sent.
        self._said = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False

    async def open(self, subscribe: link_pb2.Call) -> None:
        """Subscribe; raises :class:`LinkRefusedError`, and then this object is of no more use."""
        body = link_pb2.Calls(calls=[subscribe]).SerializeToString()
        response = await self._post(self._url, body)
        self._stream_id = response.headers.get("Mesos-Stream-Id", "")
        self._tasks = [
            asyncio.create_task(self._read(response)),
            asyncio.create_task(self._write()),
        ]

    async def _post(self, url: str, body: bytes) -> aiohttp.ClientResponse:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        for _ in range(_REDIRECTS_MAX):
            try:
                response = await self._session.post(
                    url,
                    data=body,
                    headers=self._headers,
                    timeout=timeout,
                    allow_redirects=False,
                    ssl=self._tls,
                )
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise LinkRefusedError(f"{url}: {reason(error)}") from error
            location = response.headers.get("Location", "")
            if response.status == 307 and location:
                response.release()
                scheme = url.partition(":")[0]
                url = f"{scheme}:{location}" if location.startswith("//") else location
                self._url = url
                continue
            if response.status != 200:
                why = (await response.text())[:500]
                raise LinkRefusedError(f"{url}: {response.status} {why}")
            return response
        raise LinkRefusedError(f"{url}: redirected in circles")

    def send(self, call: link_pb2.Call) -> None:
        """Say something to the master, behind what was said before."""
        if not self._is_over:
            self._calls.append(call)
            self._said.clear()
            self._news.set()

    async def finish(self) -> None:
        """As :meth:`close`, when the master has got what was said to it, or does not take it."""
        if self._tasks and not self._is_over:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._said.wait(), _FINISH_S)
        await self.close()

    def cut(self) -> None:
        """End the stream as a bad network would: ``on_lost`` is called."""
        self._lost("the link was cut")

    async def close(self) -> None:
        """End the stream; ``on_lost`` is not called."""
        self._is_over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        decoder = Decoder(_RECORD_BYTES_MAX)
        why = "the master has ended the stream"
        try:
            async for data in response.content.iter_any():
                for record in decoder.feed(data):
                    self._on_event(link_pb2.Event.FromString(record))
                    if self._is_over:
                        return
        except (aiohttp.ClientError, OSError, TimeoutError, DecodeError) as error:
            why = reason(error)
        finally:
            response.close()
        self._lost(why)

    async def _write(self) -> None:
        while True:
            while not self._calls:
                self._said.set()
                self._news.clear()
                await self._news.wait()
            batch = link_pb2.Calls(stream_id=self._stream_id)
            while self._calls and len(batch.calls) < _CALLS_PER_POST_MAX:
                batch.calls.append(self._calls.popleft())
            try:
                async with self._session.post(
                    self._url,
                    data=batch.SerializeToString(),
                    headers=self._headers,
                    allow_redirects=False,
                    ssl=self._tls,
                ) as response:
                    if response.status == 202:
                        continue
                    why = f"{response.status} {(await response.text())[:200]}"
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                why = reason(error)
            # What was not taken is said again by whoever subscribes next.
            self._lost(why)
            return

    def _lost(self, why: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._said.set()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        _log.warning("the link to %s is over: %s", self._url, why)
        self._on_lost(why)
