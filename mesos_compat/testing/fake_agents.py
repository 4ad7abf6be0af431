"""Agents without processes: they say that what they are told to run runs, and then that it ended.

For large clusters in one process: a thousand of these are a thousand links to the master, as
many as real agents would have, and every task goes its whole way through the master.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import aiohttp

from mesos_compat import uuids
from mesos_compat.agent.settings import CAPABILITIES
from mesos_compat.http.link_client import LinkClient, LinkRefusedError
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_VERSION: Final = "1.11.0"
_AT_ONCE: Final = 64
_RETRY_S: Final = 0.5


class FakeAgent:
    """One of them; ``run_s`` is how long its tasks take, None for ever."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        number: int,
        resources: str,
        run_s: float | None,
        on_started: Callable[[], None],
    ) -> None:
        self._session = session
        self.url = url
        self.info = mesos_pb2.AgentInfo(hostname=f"fake{number}", port=5051)
        self.info.resources.extend(Resources.parse(resources).messages())
        self._address = mesos_pb2.Address(
            hostname=self.info.hostname,
            ip=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            port=5051,
        )
        self._run_s = run_s
        self._on_started = on_started
        self._client: LinkClient | None = None
        self._lost = asyncio.Event()
        self.frameworks: dict[str, mesos_pb2.FrameworkInfo] = {}
        self.tasks: dict[tuple[str, str], mesos_pb2.Task] = {}
        self._version = os.urandom(16)

    async def open(self) -> None:
        """Subscribe; raises LinkRefusedError."""
        self._lost.clear()
        call = link_pb2.Call(type=link_pb2.Call.SUBSCRIBE)
        subscribe = call.subscribe
        subscribe.agent.CopyFrom(self.info)
        subscribe.version = _VERSION
        subscribe.address.CopyFrom(self._address)
        for capability in CAPABILITIES:
            subscribe.capabilities.add(type=capability)
        subscribe.resources.extend(self.info.resources)
        subscribe.resource_version = self._version
        subscribe.tasks.extend(self.tasks.values())
        subscribe.frameworks.extend(self.frameworks.values())
        self._client = LinkClient(self._session, self.url, self._heard, self._is_lost)
        await self._client.open(call)

    def _is_lost(self, why: str) -> None:
        del why
        self._lost.set()

    async def keep_open(self, url: Callable[[], str]) -> None:
        """Subscribe again whenever the link is lost, with whoever leads then."""
        while True:
            await self._lost.wait()
            self.url = url()
            try:
                await self.open()
            except LinkRefusedError:
                self._lost.set()
                await asyncio.sleep(_RETRY_S)

    async def close(self) -> None:
        """End the link."""
        if self._client is not None:
            await self._client.close()

    # What the master says.

    def _heard(self, event: link_pb2.Event) -> None:
        kind = link_pb2.Event
        match event.type:
            case kind.REGISTERED | kind.REREGISTERED:
                self.info.id.CopyFrom(event.registered.agent_id)
            case kind.PING:
                self._say(link_pb2.Call(type=link_pb2.Call.PONG))
            case kind.RUN_TASK:
                self._run(event.run_task)
            case kind.KILL_TASK:
                key = (event.kill_task.framework_id.value, event.kill_task.task_id.value)
                self._end(key, mesos_pb2.TASK_KILLED)
            case kind.ACKNOWLEDGE:
                key = (event.acknowledge.framework_id.value, event.acknowledge.task_id.value)
                task = self.tasks.get(key)
                if task is not None and task.state != mesos_pb2.TASK_RUNNING:
                    del self.tasks[key]
            case kind.SHUTDOWN_FRAMEWORK:
                self._forget(event.shutdown_framework.framework_id.value)

    def _say(self, call: link_pb2.Call) -> None:
        if self._client is not None:
            self._client.send(call)

    def _run(self, call: link_pb2.Event.RunTask) -> None:
        framework_id = call.framework.id.value
        self.frameworks.setdefault(framework_id, call.framework)
        key = (framework_id, call.task.task_id.value)
        self.tasks[key] = mesos_pb2.Task(
            name=call.task.name,
            task_id=call.task.task_id,
            framework_id=call.framework.id,
            agent_id=self.info.id,
            state=mesos_pb2.TASK_RUNNING,
            resources=call.task.resources,
        )
        self._tell(key, mesos_pb2.TASK_RUNNING)
        self._on_started()
        if self._run_s is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self._run_s, self._end, key, mesos_pb2.TASK_FINISHED)

    def _end(self, key: tuple[str, str], state: mesos_pb2.TaskState) -> None:
        task = self.tasks.get(key)
        if task is not None and task.state == mesos_pb2.TASK_RUNNING:
            task.state = state
            self._tell(key, state)

    def _forget(self, framework_id: str) -> None:
        self.frameworks.pop(framework_id, None)
        for key in [key for key in self.tasks if key[0] == framework_id]:
            del self.tasks[key]

    def _tell(self, key: tuple[str, str], state: mesos_pb2.TaskState) -> None:
        call = link_pb2.Call(type=link_pb2.Call.STATUS_UPDATE)
        call.status_update.framework_id.value = key[0]
        call.status_update.latest_state = state
        status = call.status_update.status
        status.task_id.value = key[1]
        status.agent_id.CopyFrom(self.info.id)
        status.state = state
        status.source = mesos_pb2.TaskStatus.SOURCE_EXECUTOR
        status.timestamp = time.time()
        status.uuid = uuids.version_4(os.urandom(uuids.BYTES))
        self._say(call)


class FakeAgents:
    """``async with`` registers ``count`` of them; ``url`` may change when another master leads."""

    def __init__(
        self,
        url: str | Callable[[], str],
        count: int,
        *,
        resources: str = "cpus:16;mem:65536;disk:100000;ports:[31000-32000]",
        run_s: float | None = None,
    ) -> None:
        self._url = url if callable(url) else lambda: url
        self._count = count
        self._resources = resources
        self._run_s = run_s
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.agents: list[FakeAgent] = []
        #: How many tasks were started by all of them.
        self.started = 0

    def _count_start(self) -> None:
        self.started += 1

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        self.agents = [
            FakeAgent(
                self._session, self._url(), number, self._resources, self._run_s, self._count_start
            )
            for number in range(1, self._count + 1)
        ]
        for start in range(0, self._count, _AT_ONCE):
            await asyncio.gather(*(one.open() for one in self.agents[start : start + _AT_ONCE]))
        self._tasks = [asyncio.create_task(one.keep_open(self._url)) for one in self.agents]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for start in range(0, len(self.agents), _AT_ONCE):
            await asyncio.gather(*(one.close() for one in self.agents[start : start + _AT_ONCE]))
        if self._session is not None:
            await self._session.close()
