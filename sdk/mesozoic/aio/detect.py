"""Finds the master that leads.

A detector hands on URLs, such as ``http://10.0.0.1:5050``. With ZooKeeper it knows who leads:
the candidate with the lowest number (reference: Mesos's ``ZooKeeperMasterDetector``). Without,
it goes through a list, and any master of the cluster redirects to the one that leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from google.protobuf import message as protobuf
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import KazooRetry

from mesos_compat.wire.json_dialect import loads
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio.zookeeper_address import FILE_SCHEME, SCHEME, ZooKeeperAddress
from mesozoic.errors import BadAddress

#: Label of the znodes of masters since 0.24, and of those before, which hold protobuf.
_JSON_LABEL: Final = "json.info"
_BINARY_LABEL: Final = "info"
_RETRY_S: Final = 0.5
_SESSION_S: Final = 10.0

_log = logging.getLogger(__name__)

OnMaster: TypeAlias = Callable[[str | None], None]


class Detector(Protocol):
    """Tells who leads, on the event loop."""

    def start(self, on_master: OnMaster) -> None:
        """From now on tell each change; None is that nobody leads."""

    def failed(self, master: str) -> None:
        """A master that was told of does not answer."""

    async def stop(self) -> None:
        """Tell nothing any more."""


#: One address or several, separated by commas or in a list, or what finds them.
Masters: TypeAlias = str | Sequence[str] | Detector


def detector_of(masters: Masters, *, is_tls: bool = False) -> Detector:
    """What finds the leader among ``masters``; ``is_tls`` makes hosts without scheme https.

    Raises :class:`~mesozoic.errors.BadAddress`.
    """
    if isinstance(masters, str):
        if masters.startswith((SCHEME, FILE_SCHEME)):
            return ZooKeeperDetector(masters, is_tls=is_tls)
        masters = masters.split(",")
    if isinstance(masters, Sequence):
        return ListDetector(masters, is_tls=is_tls)
    return masters


def url_of(address: str, *, is_tls: bool = False) -> str:
    """``host:port``, a pid ``master@host:port`` or a URL as a URL. Raises ``BadAddress``."""
    address = address.strip().rstrip("/")
    if address.startswith(("http://", "https://")):
        return address
    authority = address.rpartition("@")[2]
    host, _, port = authority.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise BadAddress(f"'{address}' is no host:port, URL or {SCHEME} address")
    return f"{'https' if is_tls else 'http'}://{authority}"


class ListDetector:
    """Takes one after the other of given masters, until one does not fail."""

    def __init__(self, addresses: Sequence[str], *, is_tls: bool = False) -> None:
        """Raises :class:`~mesozoic.errors.BadAddress`."""
        self._urls = [url_of(one, is_tls=is_tls) for one in addresses]
        if not self._urls:
            raise BadAddress("no master is given")
        self._at = 0
        self._on_master: OnMaster | None = None

    def start(self, on_master: OnMaster) -> None:
        """Tell of the first."""
        self._on_master = on_master
        on_master(self._urls[self._at])

    def failed(self, master: str) -> None:
        """Tell of the next."""
        if self._on_master is not None and master == self._urls[self._at]:
            self._at = (self._at + 1) % len(self._urls)
            self._on_master(self._urls[self._at])

    async def stop(self) -> None:
        """Tell nothing any more."""
        self._on_master = None


class ZooKeeperDetector:
    """Watches the candidates' znodes.

    While ZooKeeper cannot be reached the last leader is believed to be it still: a master that
    has lost its candidacy says so itself, by ending its streams.
    """

    def __init__(self, address: str, *, is_tls: bool = False) -> None:
        """Raises :class:`~mesozoic.errors.BadAddress`."""
        self._address = ZooKeeperAddress.parse(address)
        self._is_tls = is_tls
        self._client: Any = None
        self._news = asyncio.Event()
        self._told: str | None = None
        self._on_master: OnMaster | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, on_master: OnMaster) -> None:
        """Begin to look; goes on for as long as ZooKeeper takes to be there."""
        self._on_master = on_master
        self._task = asyncio.create_task(self._run(asyncio.get_running_loop()))

    def failed(self, master: str) -> None:
        """ZooKeeper tells when another one leads."""
        del master

    async def stop(self) -> None:
        """End the session."""
        self._on_master = None
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        address = self._address
        forever = KazooRetry(max_tries=-1, delay=0.1, backoff=2, max_delay=2)
        client = self._client = KazooClient(
            address.hosts,
            timeout=_SESSION_S,
            connection_retry=forever,
            auth_data=[("digest", address.credentials)] if address.credentials else None,
        )

        def wake(*_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._news.set)

        client.add_listener(wake)
        client.start_async()
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                # What was missed while the connection was away is seen when it is back.
                if client.state == KazooState.CONNECTED:
                    await self._look(wake)
        finally:
            # No coroutine: one that is cancelled before its first step would never begin.
            await asyncio.shield(loop.run_in_executor(None, _end, client))

    async def _look(self, wake: Callable[..., None]) -> None:
        try:
            leader = await asyncio.to_thread(self._leader, wake)
        except (KazooException, KazooTimeoutError, OSError) as error:
            _log.warning("cannot look for masters at %s: %r", self._address, error)
            await asyncio.sleep(_RETRY_S)
            self._news.set()
            return
        except ValueError as error:
            _log.warning(
                "the leading master's znode at %s is no MasterInfo: %s", self._address, error
            )
            leader = None
        if leader != self._told and self._on_master is not None:
            self._told = leader
            self._on_master(leader)

    def _leader(self, wake: Callable[..., None]) -> str | None:
        """Who leads, with a watch on who comes and goes; in a thread."""
        path = self._address.path
        while True:
            try:
                names = self._client.get_children(path, wake)
            except NoNodeError:
                if self._client.exists(path, wake) is None:
                    return None
                continue
            found = min(
                ((number, name) for name in names if (number := _number(name)) is not None),
                default=None,
            )
            if found is None:
                return None
            with contextlib.suppress(NoNodeError):
                data: bytes = self._client.get(self._address.child(found[1]))[0]
                return master_url(found[1], data, is_tls=self._is_tls)


def _number(name: str) -> int | None:
    """The number of a candidate's znode; None for others, such as ``log_replicas``."""
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else None


def _end(client: Any) -> None:
    client.stop()
    client.close()


def master_url(name: str, data: bytes, *, is_tls: bool = False) -> str:
    """The URL of the master in a candidate's znode, of any version. Raises ``ValueError``.

    Without TLS the address is taken, which needs no resolving; with it the host name, which is
    what certificates are made for.
    """
    label = name.rpartition("_")[0]
    if label == _JSON_LABEL:
        info = loads(data, mesos_pb2.MasterInfo)
    elif label == _BINARY_LABEL:
        try:
            info = mesos_pb2.MasterInfo.FromString(data)
        except protobuf.DecodeError as error:
            raise ValueError(str(error)) from error
    else:
        # Before there were labels it was the pid alone.
        return url_of(data.decode("utf-8", "replace"), is_tls=is_tls)
    port = info.address.port or info.port
    host = info.address.ip or info.pid.rpartition("@")[2].rpartition(":")[0]
    if is_tls or not host:
        host = info.address.hostname or info.hostname or host
    if not host:
        raise ValueError("it names no host")
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return url_of(f"{bracketed}:{port}", is_tls=is_tls)
