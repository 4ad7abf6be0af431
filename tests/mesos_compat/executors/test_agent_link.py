"""The stream and the calls, over real HTTP."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from mesos_compat.executors.agent_link import Caller, Stream
from mesos_compat.executors.events import CallFailed, Event, Received, StreamId, StreamLost
from mesos_compat.executors.settings import read_address
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from tests.mesos_compat.executors.stub_agent import PATIENCE_S, StubAgent

STREAM = StreamId(7)
SUBSCRIBE = executor_pb2.Call(
    type=executor_pb2.Call.SUBSCRIBE,
    executor_id=mesos_pb2.ExecutorID(value="e"),
    framework_id=mesos_pb2.FrameworkID(value="f"),
    subscribe=executor_pb2.Call.Subscribe(),
)


def update(task_id: str) -> executor_pb2.Call:
    status = mesos_pb2.TaskStatus(
        task_id=mesos_pb2.TaskID(value=task_id), state=mesos_pb2.TASK_RUNNING
    )
    call = executor_pb2.Call(
        type=executor_pb2.Call.UPDATE,
        executor_id=mesos_pb2.ExecutorID(value="e"),
        framework_id=mesos_pb2.FrameworkID(value="f"),
    )
    call.update.status.CopyFrom(status)
    return call


def test_stream_says_what_the_agent_says_and_its_end() -> None:
    inbox: SimpleQueue[Event] = SimpleQueue()
    with StubAgent() as agent:
        Stream(read_address(agent.environment), STREAM, SUBSCRIBE, inbox.put)
        subscription = agent.subscription()
        assert subscription.call == SUBSCRIBE
        subscription.kill("one")
        subscription.kill("two")
        received = [inbox.get(timeout=PATIENCE_S) for _ in range(2)]
        names = [one.event.kill.task_id.value for one in received if isinstance(one, Received)]
        assert names == ["one", "two"]
        subscription.close()
        lost = inbox.get(timeout=PATIENCE_S)
    assert lost == StreamLost(STREAM, "the agent has closed the stream")


def test_refused_stream_says_why() -> None:
    inbox: SimpleQueue[Event] = SimpleQueue()
    with StubAgent() as agent:
        agent.subscribe_status = 503
        Stream(read_address(agent.environment), STREAM, SUBSCRIBE, inbox.put)
        assert inbox.get(timeout=PATIENCE_S) == StreamLost(STREAM, "refused", 503)


def test_closed_stream_ends() -> None:
    inbox: SimpleQueue[Event] = SimpleQueue()
    with StubAgent() as agent:
        stream = Stream(read_address(agent.environment), STREAM, SUBSCRIBE, inbox.put)
        subscription = agent.subscription()
        stream.close()
        assert isinstance(inbox.get(timeout=PATIENCE_S), StreamLost)
        subscription.close()


@pytest.mark.parametrize("drops", [False, True])
def test_calls_come_in_order_also_when_idle_connections_are_closed(drops: bool) -> None:
    inbox: SimpleQueue[Event] = SimpleQueue()
    with StubAgent() as agent:
        agent.drops_connections = drops
        caller = Caller(read_address(agent.environment), inbox.put)
        for name in ("a", "b", "c"):
            caller.send(STREAM, update(name))
        assert [agent.status().task_id.value for _ in range(3)] == ["a", "b", "c"]
    assert inbox.empty()


def test_refused_and_undeliverable_calls_are_told() -> None:
    inbox: SimpleQueue[Event] = SimpleQueue()
    with StubAgent() as agent:
        agent.call_status = 403
        caller = Caller(read_address(agent.environment), inbox.put)
        caller.send(STREAM, update("a"))
        assert inbox.get(timeout=PATIENCE_S) == CallFailed(STREAM, "refused", 403)
        agent.drops_connections = True
        caller.send(STREAM, update("b"))
        assert inbox.get(timeout=PATIENCE_S) == CallFailed(STREAM, "refused", 403)
    caller.send(STREAM, update("c"))
    failed = inbox.get(timeout=PATIENCE_S)
    assert isinstance(failed, CallFailed)
    assert failed.status is None
