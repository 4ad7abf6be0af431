"""``mesos-execute`` against a master that a test plays over a real socket."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mesos_compat.cli.execute import execute, make_plan
from mesos_compat.cli.scheduler_link import find_master
from mesos_compat.errors import FlagError
from mesos_compat.flags import execute as table
from mesos_compat.flags.loading import Flags, load
from mesos_compat.ha.address import ZooKeeperAddress
from mesos_compat.ha.masters import Contender
from mesos_compat.ha.session import ZooKeeperSession
from mesos_compat.http.answers import Answer, redirected
from mesos_compat.http.requests import Request, body_type
from mesos_compat.http.routing import Routes
from mesos_compat.http.serving import HttpServer
from mesos_compat.http.streams import RecordStream
from mesos_compat.resources import Resources
from mesos_compat.wire.media import ContentType, decode
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from zkserver.testing import EmbeddedServer

_Call, _Event = scheduler_pb2.Call, scheduler_pb2.Event


class PlayedMaster:
    """Offers what it is told to, and lets each task go through the given states."""

    def __init__(self, states: list[mesos_pb2.TaskState], offers: list[str]) -> None:
        self.states = states
        self.offers = offers
        self.calls: list[scheduler_pb2.Call] = []
        self.stream: RecordStream | None = None
        self.numbers = itertools.count(1)
        self.port = 0
        self.tasks: list[mesos_pb2.TaskInfo] = []

    async def handle(self, request: Request) -> Answer | RecordStream:
        content_type = body_type(request)
        assert isinstance(content_type, ContentType)
        call = decode(await request.body(), content_type, _Call)
        self.calls.append(call)
        if call.type == _Call.SUBSCRIBE:
            self.stream = RecordStream(1, content_type, {"Mesos-Stream-Id": "s"})
            event = _Event(type=_Event.SUBSCRIBED)
            event.subscribed.framework_id.value = "F"
            self.stream.send(event)
            self.offer()
            return self.stream
        assert request.header("Mesos-Stream-Id") == "s"
        assert call.framework_id.value == "F"
        if call.type == _Call.DECLINE:
            self.offer()
        elif call.type == _Call.ACCEPT:
            (operation,) = call.accept.operations
            group = operation.launch_group.task_group.tasks
            self.tasks = list(operation.launch.task_infos) + list(group)
            for task in self.tasks:
                for state in self.states:
                    self.update(task.task_id, state)
        elif call.type == _Call.KILL:
            self.update(call.kill.task_id, mesos_pb2.TASK_KILLED)
        return Answer(202)

    def offer(self) -> None:
        assert self.stream is not None
        if not self.offers:
            return
        event = _Event(type=_Event.OFFERS)
        offer = event.offers.offers.add(hostname="h")
        offer.id.value = f"O{next(self.numbers)}"
        offer.framework_id.value, offer.agent_id.value = "F", "S0"
        offer.allocation_info.role = "*"
        offer.resources.extend(Resources.parse(self.offers.pop(0)).allocate("*").messages())
        self.stream.send(event)

    def update(self, task_id: mesos_pb2.TaskID, state: mesos_pb2.TaskState) -> None:
        assert self.stream is not None
        event = _Event(type=_Event.UPDATE)
        status = event.update.status
        status.task_id.CopyFrom(task_id)
        status.agent_id.value = "S0"
        status.state, status.uuid = state, next(self.numbers).to_bytes(16, "big")
        status.source = mesos_pb2.TaskStatus.SOURCE_EXECUTOR
        status.message = "so it is"
        self.stream.send(event)


@asynccontextmanager
async def played(
    *states: mesos_pb2.TaskState, offers: tuple[str, ...] = ("cpus:4;mem:1024;disk:100",)
) -> AsyncIterator[PlayedMaster]:
    master = PlayedMaster(list(states), list(offers))
    routes = Routes("master")
    routes.add("/api/v1/scheduler", master.handle)
    server = HttpServer(routes, on_stream_end=lambda _: None)
    master.port = await server.start("127.0.0.1", 0)
    try:
        yield master
    finally:
        await server.stop()


def flags(*arguments: str) -> Flags:
    return load(table.FLAGS, arguments, {})


RUNS = (mesos_pb2.TASK_STARTING, mesos_pb2.TASK_RUNNING)


@pytest.mark.asyncio
@pytest.mark.parametrize("content_type", ["json", "protobuf"])
async def test_command_runs_to_its_end(
    content_type: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with played(*RUNS, mesos_pb2.TASK_FINISHED) as master:
        status = await execute(
            flags(
                f"--master=127.0.0.1:{master.port}",
                "--name=t",
                "--command=echo hello",
                '--env={"A": "b"}',
                f"--content_type={content_type}",
            )
        )
        assert status == 0
        (task,) = master.tasks
        assert (task.name, task.command.value, task.command.shell) == ("t", "echo hello", True)
        assert task.command.environment.variables[0].name == "A"
        kinds = [call.type for call in master.calls]
        assert kinds == [
            _Call.SUBSCRIBE,
            _Call.ACCEPT,
            *[_Call.ACKNOWLEDGE] * 3,
            _Call.TEARDOWN,
        ]
    told = capsys.readouterr().out.splitlines()
    assert told[:6] == [
        "Subscribed with ID F",
        "Submitted task 't' to agent 'S0'",
        "Received status update TASK_STARTING for task 't'",
        "  message: 'so it is'",
        "  source: SOURCE_EXECUTOR",
        "Received status update TASK_RUNNING for task 't'",
    ]


@pytest.mark.asyncio
async def test_failed_task_is_a_failure() -> None:
    async with played(mesos_pb2.TASK_FAILED) as master:
        line = (f"--master=master@127.0.0.1:{master.port}", "--name=t", "--command=false")
        assert await execute(flags(*line)) == 1


@pytest.mark.asyncio
async def test_offers_that_are_too_small_are_declined() -> None:
    async with played(mesos_pb2.TASK_FINISHED, offers=("cpus:0.5;mem:1024", "cpus:2;mem:256")) as m:
        line = (f"--master=127.0.0.1:{m.port}", "--name=t", "--command=true")
        assert await execute(flags(*line)) == 0
        assert [call.type for call in m.calls][:3] == [_Call.SUBSCRIBE, _Call.DECLINE, _Call.ACCEPT]


@pytest.mark.asyncio
async def test_task_is_killed_when_its_time_is_over() -> None:
    async with played(*RUNS) as master:
        line = (f"--master=127.0.0.1:{master.port}", "--name=t", "--command=sleep 9")
        assert await execute(flags(*line, "--kill_after=10ms")) == 1
        assert _Call.KILL in [call.type for call in master.calls]


@pytest.mark.asyncio
async def test_group_runs_under_one_executor(capsys: pytest.CaptureFixture[str]) -> None:
    task = '{"name":"%s","task_id":{"value":"%s"},"agent_id":{"value":""},"resources":%s}'
    resources = '[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]'
    tasks = ",".join(task % (name, name, resources) for name in ("a", "b"))
    async with played(mesos_pb2.TASK_FINISHED) as master:
        line = f"--master=127.0.0.1:{master.port}"
        assert await execute(flags(line, f'--task_group={{"tasks":[{tasks}]}}')) == 0
        accept = next(call.accept for call in master.calls if call.type == _Call.ACCEPT)
        launch = accept.operations[0].launch_group
        assert launch.executor.type == mesos_pb2.ExecutorInfo.DEFAULT
        assert {one.agent_id.value for one in launch.task_group.tasks} == {"S0"}
    assert "Submitted task group with tasks [ a, b ] to agent 'S0'" in capsys.readouterr().out


@pytest.mark.asyncio
async def test_another_master_is_found_by_its_redirect() -> None:
    async with played(mesos_pb2.TASK_FINISHED) as master:

        async def elsewhere(_: Request) -> Answer:
            return redirected(f"//127.0.0.1:{master.port}/master/api/v1/scheduler")

        routes = Routes("master")
        routes.add("/api/v1/scheduler", elsewhere)
        server = HttpServer(routes, on_stream_end=lambda _: None)
        port = await server.start("127.0.0.1", 0)
        try:
            line = (f"--master=127.0.0.1:{port}", "--name=t", "--command=true")
            assert await execute(flags(*line)) == 0
        finally:
            await server.stop()


@pytest.mark.asyncio
async def test_nobody_there_is_told_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    async with played() as master:
        port = master.port
    line = (f"--master=127.0.0.1:{port}", "--name=t", "--command=true")
    assert await execute(flags(*line)) == 1
    assert f"the master at 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_master_is_found_in_zookeeper(zk_server: EmbeddedServer) -> None:
    session = ZooKeeperSession(ZooKeeperAddress(zk_server.address, "/mesos"), 4.0)
    session.start()
    info = mesos_pb2.MasterInfo(id="m", ip=0, port=7000, hostname="h")
    info.address.ip, info.address.port = "127.0.0.1", 7000
    contender = Contender(session, info, lambda: None)
    contender.start()
    try:
        async with asyncio.timeout(10):
            assert await find_master(f"zk://{zk_server.address}/mesos") == "127.0.0.1:7000"
    finally:
        await contender.stop()
        await session.stop()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--command=x",), "'name' is required"),
        (("--name=x",), "'command' is required"),
        (("--name=x", "--command=y", "--resources=cpus"), "'resources'"),
        (("--name=x", "--command=y", "--env=[]"), "'env': not an object"),
        (("--name=x", "--command=y", "--docker_image=z"), "no images"),
        (("--task={}",), "'task': Missing required fields"),
        (("--task_group={}",), "it has no tasks"),
        (("--name=x", "--command=y", "--framework_capabilities=FLYING"), "unknown 'FLYING'"),
    ],
)
def test_what_cannot_be_run_is_named(arguments: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(FlagError, match=complaint):
        make_plan(flags(*arguments))


@pytest.mark.asyncio
async def test_addresses_are_as_mesos_takes_them() -> None:
    assert await find_master("a:1") == "a:1"
    assert await find_master("master@a:1") == "a:1"
    assert await find_master("a") == "a:5050"
    with pytest.raises(FlagError):
        await find_master("a:b")
