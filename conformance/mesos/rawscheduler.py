"""A scheduler on the v1 API in plain JSON, which shares no code with our servers.

It keeps its subscription by itself: when the stream ends it looks for the leading master,
subscribes again with the same framework id, and goes on. What it gets it hands to ``on_event``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

Json = dict[str, Any]

_RETRY_S: Final = 0.1
_PATH: Final = "/api/v1/scheduler"
_CAPABILITIES: Final = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")


class CallRefusedError(Exception):
    """The master did not take a call; the text has the status and the reason."""


class RawScheduler:
    """``async with`` subscribes. ``find_master`` gives ``host:port`` of a master to ask."""

    def __init__(
        self,
        find_master: Callable[[], Awaitable[str]],
        on_event: Callable[[Json], Awaitable[None]],
        *,
        name: str = "raw",
        user: str = "root",
        role: str = "*",
        info: Mapping[str, Any] | None = None,
        authorization: str | None = None,
    ) -> None:
        self._find_master = find_master
        self._on_event = on_event
        self.info: Json = {
            "user": user,
            "name": name,
            "roles": [role],
            "failover_timeout": 3600.0,
            "checkpoint": True,
            "capabilities": [{"type": one} for one in _CAPABILITIES],
            **(info or {}),
        }
        # What is sent as the header of this name.
        self._authorization = authorization
        self.framework_id = ""
        self.subscriptions = 0
        self.is_subscribed = asyncio.Event()
        self._url = ""
        self._stream_id = ""
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        self._session = aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(limit=0), read_bufsize=1 << 20
        )
        self._task = asyncio.create_task(self._run())
        await self.is_subscribed.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Leave, as a process that ends would; the framework may come back."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._session is not None:
            await self._session.close()

    # The subscription.

    async def _run(self) -> None:
        while True:
            try:
                await self._subscribe()
            except (aiohttp.ClientError, OSError, TimeoutError, CallRefusedError):
                pass
            self.is_subscribed.clear()
            self._stream_id = ""
            await asyncio.sleep(_RETRY_S)

    async def _subscribe(self) -> None:
        self._url = f"http://{await self._find_master()}{_PATH}"
        call: Json = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info}}
        if self.framework_id:
            call["framework_id"] = {"value": self.framework_id}
            self.info["id"] = {"value": self.framework_id}
        async with await self._post(call) as response:
            if response.status != 200:
                raise CallRefusedError(f"{response.status} {await response.text()}")
            self._stream_id = response.headers["Mesos-Stream-Id"]
            await self._read(response)

    async def _post(self, call: Json, redirects: int = 5) -> aiohttp.ClientResponse:
        assert self._session is not None
        headers = {"Content-Type": "application/json"}
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        if self._stream_id:
            headers["Mesos-Stream-Id"] = self._stream_id
        response = await self._session.post(
            self._url, data=json.dumps(call), headers=headers, allow_redirects=False
        )
        if response.status == 307:
            response.release()
            if not redirects:
                raise ConnectionError("redirected in circles")
            self._url = f"http:{response.headers['Location']}"
            return await self._post(call, redirects - 1)
        return response

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        data = b""
        async for piece in response.content.iter_any():
            data += piece
            while b"\n" in data:
                head, _, rest = data.partition(b"\n")
                if len(rest) < int(head):
                    break
                data = rest[int(head) :]
                await self._take(json.loads(rest[: int(head)]))

    async def _take(self, event: Json) -> None:
        if event["type"] == "SUBSCRIBED":
            self.framework_id = event["subscribed"]["framework_id"]["value"]
            self.subscriptions += 1
            self.is_subscribed.set()
        await self._on_event(event)

    # Calls.

    async def call(self, kind: str, **member: Any) -> None:
        """Make a call; raises :class:`CallRefusedError`, or what the connection raises."""
        call: Json = {"type": kind, "framework_id": {"value": self.framework_id}, **member}
        async with await self._post(call) as response:
            if response.status not in (200, 202):
                raise CallRefusedError(f"{response.status} {await response.text()}")

    async def acknowledge(self, status: Json) -> None:
        """Acknowledge a status that asks for it."""
        if "uuid" in status:
            await self.call(
                "ACKNOWLEDGE",
                acknowledge={
                    "agent_id": status["agent_id"],
                    "task_id": status["task_id"],
                    "uuid": status["uuid"],
                },
            )

    async def decline(self, *offers: Json, refuse_seconds: float = 5.0) -> None:
        """Decline offers."""
        await self.call(
            "DECLINE",
            decline={
                "offer_ids": [one["id"] for one in offers],
                "filters": {"refuse_seconds": refuse_seconds},
            },
        )

    async def launch(self, offer: Json, tasks: list[Json], refuse_seconds: float = 0.0) -> None:
        """Launch tasks on what an offer has."""
        for task in tasks:
            task["agent_id"] = offer["agent_id"]
        await self.call(
            "ACCEPT",
            accept={
                "offer_ids": [offer["id"]],
                "operations": [{"type": "LAUNCH", "launch": {"task_infos": tasks}}],
                "filters": {"refuse_seconds": refuse_seconds},
            },
        )


def scalar(name: str, value: float, role: str = "*") -> Json:
    """A resource, allocated to a role."""
    return {
        "name": name,
        "type": "SCALAR",
        "scalar": {"value": value},
        "allocation_info": {"role": role},
    }


def command_task(task_id: str, command: str, cpus: float = 0.1, mem: float = 32.0) -> Json:
    """A task that runs a shell command."""
    return {
        "name": task_id,
        "task_id": {"value": task_id},
        "resources": [scalar("cpus", cpus), scalar("mem", mem)],
        "command": {"value": command, "shell": True},
    }


def amount(offer: Json, name: str) -> float:
    """How much of a scalar an offer has."""
    return sum(float(one["scalar"]["value"]) for one in offer["resources"] if one["name"] == name)


def data_of(member: str) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(member.encode()).decode()
