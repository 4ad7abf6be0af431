"""The master's shell around a core that a test plays: what is asked gets in, the rest out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from mesos_compat.ha.registries import MemoryRegistry, RegistryFailedError
from mesos_compat.http.driver import MasterDriver
from mesos_compat.http.leading import Leadership
from mesos_compat.http.link_api import PATH, LinkApi
from mesos_compat.http.link_client import LinkClient, LinkRefusedError
from mesos_compat.http.routing import Routes
from mesos_compat.http.scheduler_api import SchedulerApi
from mesos_compat.http.serving import HttpServer
from mesos_compat.http.streams import RecordStream
from mesos_compat.master import actions as act
from mesos_compat.master import events as ev
from mesos_compat.wire import link_pb2
from mesos_compat.wire.recordio import Decoder
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

BEAT = scheduler_pb2.Event(type=scheduler_pb2.Event.HEARTBEAT)
PING = link_pb2.Event(type=link_pb2.Event.PING, ping=link_pb2.Event.Ping(connected=True))


class PlayedCore:
    """Opens every stream, greets on it, and answers every call with 202."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.news = asyncio.Event()
        self.due_ms = 1 << 60
        self.answers: Callable[[ev.Event], list[act.Action]] | None = None

    def next_due_ms(self) -> int:
        return self.due_ms

    def step(self, event: ev.Event, now: ev.Now) -> list[act.Action]:
        assert now.mono_ms > 0
        self.events.append(event)
        self.news.set()
        if self.answers is not None:
            return self.answers(event)
        match event:
            case ev.SchedulerSubscribed():
                return [
                    act.OpenScheduler(event.route, "stream"),
                    act.SendToScheduler(event.route, BEAT),
                ]
            case ev.AgentSubscribed():
                return [act.OpenAgent(event.route, "link"), act.SendToAgent(event.route, PING)]
            case ev.SchedulerCalled():
                return [act.Reply(event.route, 202)]
        return []

    async def wait(self, is_there: Callable[[ev.Event], bool]) -> ev.Event:
        async with asyncio.timeout(5):
            while True:
                for event in self.events:
                    if is_there(event):
                        return event
                self.news.clear()
                await self.news.wait()


class World:
    def __init__(self) -> None:
        self.core = PlayedCore()
        self.stopped: list[str] = []
        self.driver = MasterDriver(self.core, MemoryRegistry(), self.stopped.append)
        self.is_recovered = True
        info = mesos_pb2.MasterInfo(id="me", ip=0, port=1, hostname="h")
        self.leadership = Leadership(info, lambda: self.is_recovered)
        self.leadership.leader = self.leadership.own
        self.link = LinkApi(self.driver, self.leadership)
        routes = Routes("master")
        routes.add("/api/v1/scheduler", SchedulerApi(self.driver, self.leadership).handle)
        routes.add(PATH, self.link.handle)
        routes.add("/redirect", self.leadership.redirect)
        self.server = HttpServer(routes, on_stream_end=self.ended)
        self.url = ""

    def ended(self, stream: RecordStream) -> None:
        self.link.stream_ended(stream)
        self.driver.stream_ended(stream)


@asynccontextmanager
async def world() -> AsyncIterator[tuple[World, aiohttp.ClientSession]]:
    one = World()
    one.url = f"http://127.0.0.1:{await one.server.start('127.0.0.1', 0)}"
    async with aiohttp.ClientSession() as session:
        try:
            yield one, session
        finally:
            await one.driver.stop()
            await one.server.stop()


def subscribe_body() -> str:
    info = {"user": "u", "name": "n"}
    return json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}})


JSON = {"Content-Type": "application/json"}


@pytest.mark.asyncio
async def test_scheduler_gets_its_stream_and_the_core_hears_of_its_end() -> None:
    async with world() as (one, session):
        url = f"{one.url}/master/api/v1/scheduler"
        response = await session.post(url, data=subscribe_body(), headers=JSON)
        assert response.status == 200
        assert response.headers["Mesos-Stream-Id"] == "stream"
        data = await response.content.readany()
        assert Decoder(1000).feed(data) == [b'{"type":"HEARTBEAT"}']
        subscribed = await one.core.wait(lambda e: isinstance(e, ev.SchedulerSubscribed))
        assert isinstance(subscribed, ev.SchedulerSubscribed)
        response.close()
        await one.core.wait(lambda e: e == ev.SchedulerLost(subscribed.route))


@pytest.mark.asyncio
async def test_stream_that_the_core_ends_is_not_reported_lost() -> None:
    async with world() as (one, session):
        one.core.answers = lambda event: (
            [
                act.OpenScheduler(event.route, "s"),
                act.SendToScheduler(event.route, BEAT),
                act.CloseScheduler(event.route),
            ]
            if isinstance(event, ev.SchedulerSubscribed)
            else []
        )
        url = f"{one.url}/api/v1/scheduler"
        async with session.post(url, data=subscribe_body(), headers=JSON) as response:
            assert Decoder(1000).feed(await response.read()) == [b'{"type":"HEARTBEAT"}']
        assert not any(isinstance(event, ev.SchedulerLost) for event in one.core.events)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("headers", "body", "status", "text"),
    [
        (JSON, "", 400, "Failed to parse body into JSON: syntax error at line 1 near: "),
        (
            JSON,
            "[]",
            400,
            "Failed to convert JSON into Call protobuf: Expecting a JSON object",
        ),
        (JSON, "{}", 400, "Failed to validate scheduler::Call: Expecting 'type' to be present"),
        (
            {**JSON, "Mesos-Stream-Id": "x"},
            subscribe_body(),
            400,
            "Subscribe calls should not include the 'Mesos-Stream-Id' header",
        ),
        (
            {**JSON, "Accept": "text/html"},
            subscribe_body(),
            406,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
        ),
        (
            JSON,
            '{"type":"TEARDOWN","framework_id":{"value":"f"}}',
            202,
            "",
        ),
    ],
)
async def test_calls_are_checked_as_mesos_checks_them(
    headers: dict[str, str], body: str, status: int, text: str
) -> None:
    async with world() as (one, session):
        url = f"{one.url}/api/v1/scheduler"
        async with session.post(url, data=body.encode(), headers=headers) as response:
            assert (response.status, await response.text()) == (status, text)


@pytest.mark.asyncio
async def test_other_masters_say_where_the_leader_is() -> None:
    async with world() as (one, session):
        leader = mesos_pb2.MasterInfo(id="other", ip=0, port=5050, hostname="there")
        one.leadership.leader = leader
        for path, location in (
            ("/api/v1/scheduler?x=1", "//there:5050/master/api/v1/scheduler?x=1"),
            ("/master/api/v1/scheduler", "//there:5050/master/api/v1/scheduler"),
            ("/redirect", "//there:5050"),
        ):
            async with session.get(one.url + path, allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (307, location)
        async with session.get(f"{one.url}/redirect/x", allow_redirects=False) as response:
            assert response.status == 404
        one.leadership.leader = None
        async with session.get(f"{one.url}/api/v1/scheduler") as response:
            assert (response.status, await response.text()) == (503, "No leader elected")


@pytest.mark.asyncio
async def test_leader_without_its_registry_is_not_ready() -> None:
    async with world() as (one, session):
        one.is_recovered = False
        async with session.post(f"{one.url}/api/v1/scheduler") as response:
            assert await response.text() == "Master has not finished recovery"
            assert response.status == 503


@pytest.mark.asyncio
async def test_agent_s_calls_arrive_in_their_order_and_its_end_is_heard() -> None:
    async with world() as (one, session):
        heard: list[link_pb2.Event] = []
        lost: list[str] = []
        news = asyncio.Event()

        def take(event: link_pb2.Event) -> None:
            heard.append(event)
            news.set()

        client = LinkClient(session, one.url, take, lost.append)
        call = link_pb2.Call(type=link_pb2.Call.SUBSCRIBE)
        call.subscribe.agent.hostname, call.subscribe.version = "a", "1"
        call.subscribe.address.port = 5051
        await client.open(call)
        for number in range(1000):
            call = link_pb2.Call(type=link_pb2.Call.EXECUTOR_MESSAGE)
            call.executor_message.framework_id.value = "f"
            call.executor_message.executor_id.value = "e"
            call.executor_message.data = b"%d" % number
            client.send(call)
        is_last = lambda e: isinstance(e, ev.AgentCalled) and e.call.executor_message.data == b"999"  # noqa: E731
        await one.core.wait(is_last)
        told = [
            e.call.executor_message.data for e in one.core.events if isinstance(e, ev.AgentCalled)
        ]
        assert told == [b"%d" % number for number in range(1000)]
        async with asyncio.timeout(5):
            await news.wait()
        assert heard == [PING]
        await client.close()
        await one.core.wait(lambda e: isinstance(e, ev.AgentLost))
        assert lost == []


@pytest.mark.asyncio
async def test_agent_hears_of_the_end_of_its_link() -> None:
    async with world() as (one, session):
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        client = LinkClient(session, one.url, lambda _: None, lost.set_result)
        call = link_pb2.Call(type=link_pb2.Call.SUBSCRIBE)
        call.subscribe.agent.hostname, call.subscribe.version = "a", "1"
        call.subscribe.address.port = 5051
        await client.open(call)
        one.core.answers = lambda _: [act.CloseAgent(ev.Route(1))]
        one.driver.submit(ev.Tick())
        async with asyncio.timeout(5):
            assert "ended" in await lost
        await client.close()


@pytest.mark.asyncio
async def test_refused_agent_is_told_why() -> None:
    async with world() as (one, session):
        one.core.answers = lambda event: (
            [act.Reply(event.route, 403, "not you")]
            if isinstance(event, ev.AgentSubscribed)
            else []
        )
        client = LinkClient(session, one.url, lambda _: None, lambda _: None)
        call = link_pb2.Call(type=link_pb2.Call.SUBSCRIBE)
        call.subscribe.agent.hostname, call.subscribe.version = "a", "1"
        call.subscribe.address.port = 5051
        with pytest.raises(LinkRefusedError, match="403 not you"):
            await client.open(call)


@pytest.mark.asyncio
async def test_registry_is_fetched_and_stored_before_the_core_goes_on() -> None:
    async with world() as (one, _):
        stored = link_pb2.Registry()
        stored.agents.add().info.hostname = "a"
        plan: dict[type[ev.Event], list[act.Action]] = {
            ev.Elected: [act.FetchRegistry()],
            ev.Recovered: [act.StoreRegistry(7, stored)],
        }
        one.core.answers = lambda event: plan.get(type(event), [])
        one.driver.submit(ev.Elected())
        await one.core.wait(lambda e: e == ev.RegistryStored(7))
        assert one.core.events[1] == ev.Recovered(link_pb2.Registry())


@pytest.mark.asyncio
async def test_failing_registry_is_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: MemoryRegistry) -> link_pb2.Registry:
        raise RegistryFailedError("no disk")

    monkeypatch.setattr(MemoryRegistry, "fetch", fail)
    async with world() as (one, _):
        one.core.answers = lambda event: (
            [act.FetchRegistry()]
            if isinstance(event, ev.Elected)
            else [act.Stop("over")]
            if isinstance(event, ev.RegistryFailed)
            else []
        )
        one.driver.submit(ev.Elected())
        await one.core.wait(lambda e: e == ev.RegistryFailed("no disk"))
        assert one.stopped == ["over"]


@pytest.mark.asyncio
async def test_time_passes_by_itself() -> None:
    async with world() as (one, _):
        one.core.answers = lambda _: []
        one.core.due_ms = 0
        one.driver.submit(ev.Elected())
        await one.core.wait(lambda event: isinstance(event, ev.Tick))
        one.core.due_ms = 1 << 60
