"""A scheduler's connection to the master, as much of it as ``mesos-execute`` needs."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Self

import aiohttp

from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.ha.address import ZooKeeperAddress
from mesos_compat.ha.masters import Detector
from mesos_compat.ha.session import ZooKeeperSession
from mesos_compat.wire.media import ContentType, decode, encode
from mesos_compat.wire.recordio import Decoder
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_PATH: Final = "/api/v1/scheduler"
_RECORD_BYTES_MAX: Final = 256 * 1024 * 1024
_REDIRECTS_MAX: Final = 5
_ZOOKEEPER_TIMEOUT_S: Final = 10.0

_log = logging.getLogger(__name__)


class MasterRefusedError(Exception):
    """The master did not take a call; the message says why."""


async def find_master(text: str) -> str:
    """``host:port`` of the master that ``--master`` names, waiting for one to lead.

    Raises :class:`FlagError` for what is no address.
    """
    if not text.startswith(("zk://", "file://")):
        place = text.rpartition("@")[2]
        host, colon, port = place.rpartition(":")
        if not colon:
            host, port = place, "5050"
        if not host or not port.isdigit():
            raise FlagError(f"Failed to load flag 'master': '{text}' is no host:port or zk:// URL")
        return f"{host}:{port}"
    session = ZooKeeperSession(ZooKeeperAddress.parse(text), _ZOOKEEPER_TIMEOUT_S)
    found: asyncio.Future[mesos_pb2.MasterInfo] = asyncio.get_running_loop().create_future()

    def told(info: mesos_pb2.MasterInfo | None) -> None:
        if info is not None and not found.done():
            found.set_result(info)

    detector = Detector(session, told)
    session.start()
    detector.start()
    try:
        info = await found
    finally:
        await detector.stop()
        await session.stop()
    return f"{info.address.ip or info.address.hostname}:{info.address.port or info.port}"


class SchedulerLink:
    """One subscription: ``async with`` opens the session, :meth:`subscribe` gives the events."""

    def __init__(
        self,
        master: str,
        content_type: ContentType,
        *,
        authorization: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._scheme = "https" if tls is not None else "http"
        self._url = f"{self._scheme}://{master}{_PATH}"
        self._content_type = content_type
        self._headers = {"Content-Type": content_type.value, "Accept": content_type.value}
        if authorization is not None:
            self._headers["Authorization"] = authorization
        self._tls: ssl.SSLContext | bool = tls if tls is not None else True
        self._session: aiohttp.ClientSession | None = None
        self._framework_id = ""
        #: Whether the last attempt to subscribe has succeeded.
        self.was_open = False

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def has_subscribed(self) -> bool:
        """Whether the framework has an id, by which it can come back."""
        return bool(self._framework_id)

    def move(self, master: str) -> None:
        """Subscribe at another master next, as the same framework."""
        self._url = f"{self._scheme}://{master}{_PATH}"
        self._headers.pop("Mesos-Stream-Id", None)

    async def _post(self, call: scheduler_pb2.Call) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("used outside of its 'async with'")
        body = encode(call, self._content_type)
        for _ in range(_REDIRECTS_MAX):
            response = await self._session.post(
                self._url, data=body, headers=self._headers, allow_redirects=False, ssl=self._tls
            )
            location = response.headers.get("Location", "")
            if response.status != 307 or not location:
                return response
            response.release()
            scheme = self._url.partition(":")[0]
            self._url = f"{scheme}:{location}" if location.startswith("//") else location
        # As masters do while they disagree about who leads.
        raise ConnectionError(f"{self._url}: redirected in circles")

    async def subscribe(self, info: mesos_pb2.FrameworkInfo) -> AsyncIterator[scheduler_pb2.Event]:
        """Subscribe and yield events until the stream ends; raises :class:`MasterRefusedError`."""
        call = scheduler_pb2.Call(type=scheduler_pb2.Call.SUBSCRIBE)
        call.subscribe.framework_info.CopyFrom(info)
        if self._framework_id:
            call.framework_id.value = self._framework_id
            call.subscribe.framework_info.id.value = self._framework_id
        self.was_open = False
        response = await self._post(call)
        if response.status == 503:
            # It does not lead any more, or not yet.
            raise ConnectionError(await response.text())
        if response.status != 200:
            raise MasterRefusedError(f"{response.status} {await response.text()}")
        self.was_open = True
        self._headers["Mesos-Stream-Id"] = response.headers.get("Mesos-Stream-Id", "")
        decoder = Decoder(_RECORD_BYTES_MAX)
        try:
            async for data in response.content.iter_any():
                for record in decoder.feed(data):
                    event = decode(record, self._content_type, scheduler_pb2.Event)
                    if event.type == scheduler_pb2.Event.SUBSCRIBED:
                        self._framework_id = event.subscribed.framework_id.value
                    yield event
        except DecodeError as error:
            raise MasterRefusedError(f"the master sends what is no event: {error}") from error
        finally:
            response.close()

    async def call(self, call: scheduler_pb2.Call) -> None:
        """Make a call of the subscribed framework; raises :class:`MasterRefusedError`."""
        call.framework_id.value = self._framework_id
        response = await self._post(call)
        async with response:
            if response.status not in (200, 202):
                raise MasterRefusedError(f"{response.status} {await response.text()}")
