"""Files of workers' sandboxes, through the agents: ``/files/download`` and ``/files/read``."""

from __future__ import annotations

import json
import os
import ssl as tls
from typing import Final, TypeVar

import aiohttp

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio.tls import context_of
from mesozoic.errors import CallRefused, Unreachable
from mesozoic.pool.frames import KEPT_DIRECTORY

_CONNECT_S: Final = 10.0
#: Between two pieces of a download; an agent that says nothing for so long is given up.
_SILENCE_S: Final = 30.0
_TAIL_BYTES: Final = 4000

T = TypeVar("T")


class Sandboxes:
    """A client of all agents; ``close`` ends it."""

    def __init__(self, credential: mesos_pb2.Credential | None, ssl: tls.SSLContext | None) -> None:
        """On the event loop. Raises as :func:`mesozoic.aio.tls.context_of`."""
        auth = None
        if credential is not None:
            auth = aiohttp.BasicAuth(credential.principal, credential.secret)
        self._session = aiohttp.ClientSession(
            auth=auth,
            connector=aiohttp.TCPConnector(limit=0, ssl=ssl or context_of(os.environ) or True),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S
            ),
            auto_decompress=True,
        )

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def kept_result(
        self, agent_url: str, framework_id: str, task_id: str, number: int, size: int
    ) -> bytes:
        """A result that was kept; raises :class:`Unreachable` or :class:`CallRefused`."""
        path = f"{_run(framework_id, task_id)}/{KEPT_DIRECTORY}/{number}"
        data = await self._get(f"{agent_url}/files/download", {"path": path})
        if len(data) != size:
            raise Unreachable(f"{agent_url} has {len(data)} bytes of a result of {size}")
        return data

    async def tail(self, agent_url: str, framework_id: str, task_id: str, name: str) -> str:
        """The end of a file such as ``stderr``; raises as :meth:`kept_result`."""
        url, path = f"{agent_url}/files/read", f"{_run(framework_id, task_id)}/{name}"
        size = _field(await self._get(url, {"path": path, "offset": "-1"}), "offset", 0)
        begin = max(0, size - _TAIL_BYTES)
        asked = {"path": path, "offset": str(begin), "length": str(_TAIL_BYTES)}
        return _field(await self._get(url, asked), "data", "")

    async def _get(self, url: str, query: dict[str, str]) -> bytes:
        try:
            async with self._session.get(url, params=query) as answer:
                data = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"{url}: {error or type(error).__name__}") from error
        if answer.status != 200:
            raise CallRefused(answer.status, data.decode("utf-8", "replace"))
        return data


def _run(framework_id: str, task_id: str) -> str:
    """The sandbox of a command task, whose executor is called as the task is.

    Source: ``paths::getExecutorVirtualPath``, which is attached until the sandbox is removed.
    """
    return f"/frameworks/{framework_id}/executors/{task_id}/runs/latest"


def _field(body: bytes, name: str, default: T) -> T:
    """A member of the JSON object that ``/files/read`` answers, if it is of the right type."""
    try:
        found = json.loads(body)[name]
    except (ValueError, KeyError, TypeError):
        return default
    return found if isinstance(found, type(default)) else default
