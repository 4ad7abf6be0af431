"""The agent's links to masters, by the numbers that the core gives them."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.http.link_client import LinkClient, LinkRefusedError
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_log = logging.getLogger(__name__)


def url_of(master: mesos_pb2.MasterInfo, *, has_tls: bool) -> str:
    """Where a master serves."""
    host = master.address.ip or master.address.hostname or master.hostname
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if has_tls else 'http'}://{host}:{master.address.port or master.port}"


class Links:
    """``submit`` hears what masters say, and when a link is over."""

    def __init__(
        self,
        submit: Callable[[ev.Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        *,
        authorization: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._submit = submit
        self._spawn = spawn
        self._authorization = authorization
        self._tls = tls
        # A master's stream may be silent for long, and one that is there answers at once.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None), read_bufsize=1 << 20
        )
        self._clients: dict[ev.Link, LinkClient] = {}

    def open(self, action: act.OpenLink) -> None:
        """Subscribe; LinkLost follows when that fails."""
        link = action.link

        def heard(event: link_pb2.Event) -> None:
            self._submit(ev.LinkEvent(link, event))

        def lost(why: str) -> None:
            if self._clients.pop(link, None) is not None:
                self._submit(ev.LinkLost(link, why))

        client = LinkClient(
            self._session,
            url_of(action.master, has_tls=self._tls is not None),
            heard,
            lost,
            authorization=self._authorization,
            tls=self._tls,
        )
        self._clients[link] = client
        self._spawn(self._open(client, action, lost))

    async def _open(
        self, client: LinkClient, action: act.OpenLink, lost: Callable[[str], None]
    ) -> None:
        try:
            await client.open(action.subscribe)
        except LinkRefusedError as error:
            _log.warning("cannot subscribe with the master: %s", error)
            lost(str(error))
            return
        if self._clients.get(action.link) is not client:
            # It was closed meanwhile.
            await client.close()

    def send(self, link: ev.Link, call: link_pb2.Call) -> None:
        """Say something on a link, if it is not over."""
        client = self._clients.get(link)
        if client is not None:
            client.send(call)

    def close(self, link: ev.Link) -> None:
        """End a link, behind what was said on it."""
        client = self._clients.pop(link, None)
        if client is not None:
            self._spawn(client.finish())

    def cut(self) -> None:
        """Break all links; LinkLost follows for each."""
        for client in list(self._clients.values()):
            client.cut()

    async def stop(self) -> None:
        """End all links, behind what was said on them."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.finish()
        await self._session.close()
