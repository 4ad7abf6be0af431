"""A whole cluster, what operators ask of it over HTTP, and a scheduler that keeps its offers."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp

from conformance.mesos.rawscheduler import Json, RawScheduler, command_task, scalar
from mesos_compat.cli.agent import Agent
from mesos_compat.testing import Cluster
from mesos_compat.wire.recordio import Decoder

FAST: Final = {"allocation_interval": "20ms"}
#: States that are left again.
LIVE: Final = frozenset({"TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_UNREACHABLE"})
_WAIT_S: Final = 30.0
_RECORD_BYTES_MAX: Final = 1 << 24

T = TypeVar("T")


class Refused(Exception):  # noqa: N818 - it is what a test expects, not a failure
    """An answer that is none of 200 and 202."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text


class Scheduler:
    """A scheduler that keeps what it is offered until a test accepts it."""

    def __init__(self, cluster: Cluster, role: str = "*", **info: Any) -> None:
        self._cluster = cluster
        self._news = asyncio.Event()
        self.role = role
        self.events: list[Json] = []
        self.offers: dict[str, Json] = {}
        self.inverse_offers: dict[str, Json] = {}
        self.statuses: list[Json] = []
        self.operation_statuses: list[Json] = []
        self.raw = RawScheduler(self._find, self._on_event, role=role, info=info)

    async def _find(self) -> str:
        return self._cluster.url.removeprefix("http://")

    async def _on_event(self, event: Json) -> None:
        self.events.append(event)
        kind = event["type"]
        if kind == "SUBSCRIBED":
            self.offers.clear()
        elif kind == "OFFERS":
            for offer in event["offers"]["offers"]:
                self.offers[offer["id"]["value"]] = offer
        elif kind == "RESCIND":
            self.offers.pop(event["rescind"]["offer_id"]["value"], None)
        elif kind == "INVERSE_OFFERS":
            for offer in event["inverse_offers"]["inverse_offers"]:
                self.inverse_offers[offer["id"]["value"]] = offer
        elif kind == "RESCIND_INVERSE_OFFER":
            gone = event["rescind_inverse_offer"]["inverse_offer_id"]["value"]
            self.inverse_offers.pop(gone, None)
        elif kind == "UPDATE":
            self.statuses.append(event["update"]["status"])
            await self.raw.acknowledge(event["update"]["status"])
        elif kind == "UPDATE_OPERATION_STATUS":
            await self._take_operation(event["update_operation_status"]["status"])
        self._news.set()

    async def _take_operation(self, status: Json) -> None:
        self.operation_statuses.append(status)
        if "uuid" in status:
            await self.raw.call(
                "ACKNOWLEDGE_OPERATION_STATUS",
                acknowledge_operation_status={
                    "agent_id": status["agent_id"],
                    "operation_id": status["operation_id"],
                    "uuid": status["uuid"]["value"],
                },
            )

    # Waiting.

    async def wait(self, find: Callable[[], T | None]) -> T:
        """The first true value of ``find``, which is asked after every event."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                if found := find():
                    return found
                self._news.clear()
                await self._news.wait()

    async def wait_offer(self, fits: Callable[[Json], bool] = bool) -> Json:
        """An offer that fits, no longer held; others are declined, to be offered together."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                for offer_id, offer in self.offers.items():
                    if fits(offer):
                        return self.offers.pop(offer_id)
                held, self.offers = list(self.offers.values()), {}
                self._news.clear()
                if held:
                    await self.raw.decline(*held, refuse_seconds=0.0)
                if not self.offers:
                    await self._news.wait()

    async def wait_state(self, task_id: str, state: str) -> Json:
        """The status of a task in which it has ``state``; fails when the task is over before."""

        def find() -> Json | None:
            for one in self.of(task_id):
                if one["state"] == state:
                    return one
                assert one["state"] in LIVE, one
            return None

        return await self.wait(find)

    async def wait_event(self, kind: str) -> Json:
        """The first event of a type."""
        return await self.wait(lambda: next((e for e in self.events if e["type"] == kind), None))

    async def wait_operation(self, operation_id: str) -> Json:
        """What became of an operation."""

        def find() -> Json | None:
            for one in self.operation_statuses:
                if one["operation_id"]["value"] == operation_id:
                    return one
            return None

        return await self.wait(find)

    # What has come.

    def of(self, task_id: str) -> list[Json]:
        """All statuses of a task."""
        return [one for one in self.statuses if one["task_id"]["value"] == task_id]

    def states(self, task_id: str) -> list[str]:
        """The states that a task has gone through."""
        return [one["state"] for one in self.of(task_id)]

    # Doing.

    async def accept(self, offer: Json, *operations: Json) -> None:
        """Do operations with an offer; what is left comes back at once."""
        await self.raw.call(
            "ACCEPT",
            accept={
                "offer_ids": [offer["id"]],
                "operations": operations,
                "filters": {"refuse_seconds": 0.0},
            },
        )

    def _place(self, offer: Json, *tasks: Json) -> None:
        for task in tasks:
            task["agent_id"] = offer["agent_id"]
            for resource in task["resources"]:
                resource["allocation_info"] = {"role": self.role}

    async def launch(self, *tasks: Json, fits: Callable[[Json], bool] = bool) -> None:
        """Launch tasks with the next offer that fits."""
        offer = await self.wait_offer(fits)
        self._place(offer, *tasks)
        await self.accept(offer, {"type": "LAUNCH", "launch": {"task_infos": tasks}})

    async def run(self, *tasks: Json, fits: Callable[[Json], bool] = bool) -> None:
        """Launch tasks and wait until they run."""
        await self.launch(*tasks, fits=fits)
        for task in tasks:
            await self.wait_state(task["task_id"]["value"], "TASK_RUNNING")

    async def launch_group(self, executor_id: str, *tasks: Json) -> None:
        """Launch a group of tasks on a default executor."""
        offer = await self.wait_offer()
        self._place(offer, *tasks)
        amounts = (("cpus", 0.1), ("mem", 32), ("disk", 16))
        executor = {
            "type": "DEFAULT",
            "executor_id": {"value": executor_id},
            "framework_id": {"value": self.raw.framework_id},
            "resources": [scalar(name, amount, self.role) for name, amount in amounts],
        }
        group = {"executor": executor, "task_group": {"tasks": tasks}}
        await self.accept(offer, {"type": "LAUNCH_GROUP", "launch_group": group})

    async def __aenter__(self) -> Self:
        await self.raw.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.raw.stop()


class Site:
    """A cluster with a scheduler and an operator: ``async with Site() as site``."""

    def __init__(self, *, role: str = "*", info: Mapping[str, Any] | None = None, **cluster: Any):
        flags = {**FAST, **cluster.pop("master_flags", {})}
        self.cluster = Cluster(master_flags=flags, **cluster)
        self.scheduler = Scheduler(self.cluster, role, **(info or {}))
        self.http: aiohttp.ClientSession
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.cluster)
            session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_WAIT_S))
            self.http = await stack.enter_async_context(session)
            await stack.enter_async_context(self.scheduler)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def agent(self) -> Agent:
        """The first agent."""
        return self.cluster.agents[0]

    @property
    def agent_url(self) -> str:
        """Where the first agent is asked."""
        return f"http://127.0.0.1:{self.agent.port}"

    def agent_ids(self) -> list[Json]:
        """The agents that the leading master knows."""
        leader = self.cluster.leader
        assert leader is not None
        return [{"value": one} for one in leader.core.state.agents]

    # The operator's calls.

    async def ask(self, url: str, kind: str, **member: Any) -> Any:
        """The answer to a call, without its type; raises :class:`Refused`."""
        call = {"type": kind, **member}
        async with self.http.post(f"{url}/api/v1", json=call) as answer:
            found = json.loads(await _taken(answer) or "{}")
        return found.get(kind.lower(), {})

    async def master(self, kind: str, **member: Any) -> Any:
        """What the master answers to a call."""
        return await self.ask(self.cluster.url, kind, **member)

    async def of_agent(self, kind: str, **member: Any) -> Any:
        """What the first agent answers to a call."""
        return await self.ask(self.agent_url, kind, **member)

    async def get(self, path: str) -> Any:
        """What an older endpoint of the master shows."""
        async with self.http.get(f"{self.cluster.url}{path}") as answer:
            return json.loads(await _taken(answer))

    async def post(self, path: str, body: Any, method: str = "POST") -> int:
        """The status of a change by an older endpoint; raises :class:`Refused`.

        A form is a mapping; members that are lists are sent as JSON.
        """
        if isinstance(body, Mapping):
            body = {
                key: json.dumps(value) if isinstance(value, list) else value
                for key, value in body.items()
            }
        elif body is not None:
            body = json.dumps(body)
        async with self.http.request(method, f"{self.cluster.url}{path}", data=body) as answer:
            await _taken(answer)
            return answer.status

    # Waiting for what nobody tells.

    async def wait_metric(self, name: str, value: float) -> None:
        """Wait until a metric of the master has a value."""
        async with asyncio.timeout(_WAIT_S):
            while (found := (await self.get("/metrics/snapshot"))[name]) != value:
                await asyncio.sleep(0.01)
        assert found == value


async def _taken(answer: aiohttp.ClientResponse) -> str:
    text = await answer.text()
    if answer.status not in (200, 202):
        raise Refused(answer.status, text)
    return text


async def records(response: aiohttp.ClientResponse) -> AsyncIterator[Json]:
    """The JSON records of a stream, as they come."""
    decoder = Decoder(_RECORD_BYTES_MAX)
    async for data in response.content.iter_any():
        for record in decoder.feed(data):
            yield json.loads(record)


def nested_id(parent: Json) -> Json:
    """An id for a container below another."""
    return {"value": str(uuid.uuid4()), "parent": parent}


def waiting_task(task_id: str, cluster: Cluster) -> Json:
    """A task that runs until the file of its name is there."""
    go = cluster.directory / task_id
    return command_task(task_id, f"while [ ! -e {go} ]; do sleep 0.02; done")
