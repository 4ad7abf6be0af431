"""The agent's container API as a default executor uses it, over real HTTP."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from mesos_compat.executors.actions import (
    CommandProbe,
    LaunchNested,
    RunCheck,
    SignalNested,
    WaitNested,
)
from mesos_compat.executors.events import (
    Checked,
    CheckId,
    CheckKind,
    ContainerEnded,
    ContainerLaunchAnswered,
    ContainerWaitFailed,
    Event,
)
from mesos_compat.executors.nested import NestedContainers
from mesos_compat.executors.settings import read_address
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2
from tests.mesos_compat.executors.stub_agent import CONTAINER_ID, PATIENCE_S, StubAgent

PARENT = mesos_pb2.ContainerID(value=CONTAINER_ID)
NESTED = mesos_pb2.ContainerID(value="nested", parent=PARENT)
CHECK = CheckId("a", CheckKind.HEALTH, 1)


class Asked:
    """The API, and what comes of asking it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.containers = NestedContainers(read_address(environment), self.events.put)

    def event(self) -> Event:
        return self.events.get(timeout=PATIENCE_S)

    def check(self, timeout_ms: int | None) -> Event:
        probe = CommandProbe(mesos_pb2.CommandInfo(value="ask"), {}, NESTED)
        self.containers.check(RunCheck(CHECK, probe, timeout_ms), probe)
        return self.event()


def test_container_is_launched_with_all_that_was_asked_for() -> None:
    resource = mesos_pb2.Resource(name="cpus", type=mesos_pb2.Value.SCALAR)
    resource.scalar.value = 1
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    command = mesos_pb2.CommandInfo(value="true")
    with StubAgent() as agent:
        asked = Asked(agent.environment)
        launch = LaunchNested(NESTED, command, container, (resource,), {"cpus": 2.0})
        asked.containers.launch(launch)
        assert asked.event() == ContainerLaunchAnswered("nested", 200)
        call = agent.operator.call().launch_container
    expected = agent_pb2.Call.LaunchContainer(
        container_id=NESTED, command=command, container=container, resources=[resource]
    )
    expected.limits["cpus"].value = 2
    assert call == expected


def test_refused_launch_says_why() -> None:
    with StubAgent() as agent:
        agent.operator.launch_status = 500
        asked = Asked(agent.environment)
        asked.containers.launch(LaunchNested(NESTED, mesos_pb2.CommandInfo(value="true")))
        assert asked.event() == ContainerLaunchAnswered("nested", 500, "refused")


def test_end_of_a_container_is_waited_for() -> None:
    with StubAgent() as agent:
        asked = Asked(agent.environment)
        asked.containers.wait(WaitNested(NESTED))
        assert agent.operator.call().wait_container.container_id == NESTED
        agent.operator.end("nested", 9)
        assert asked.event() == ContainerEnded("nested", 9)


def test_signal_is_sent_on() -> None:
    with StubAgent() as agent:
        asked = Asked(agent.environment)
        asked.containers.signal(SignalNested(NESTED, 15))
        call = agent.operator.call()
        assert call.type == agent_pb2.Call.KILL_CONTAINER
        assert call.kill_container.signal == 15


def test_agent_that_is_gone_gives_no_answer() -> None:
    with StubAgent() as agent:
        asked = Asked(agent.environment)
    asked.containers.launch(LaunchNested(NESTED, mesos_pb2.CommandInfo(value="true")))
    launched = asked.event()
    assert isinstance(launched, ContainerLaunchAnswered)
    assert launched.status is None
    asked.containers.wait(WaitNested(NESTED))
    waited = asked.event()
    assert isinstance(waited, ContainerWaitFailed)
    assert waited.status is None
    checked = asked.check(None)
    assert isinstance(checked, Checked)
    assert checked.value is None


@pytest.mark.parametrize(("wait_status", "value"), [(0, 0), (3 << 8, 3), (9, None)])
def test_check_gives_the_exit_code_of_its_session(wait_status: int, value: int | None) -> None:
    with StubAgent() as agent:
        agent.operator.session_status = wait_status
        checked = Asked(agent.environment).check(30_000)
        assert isinstance(checked, Checked)
        assert checked.value == value


def test_check_that_takes_too_long_hangs_up_and_removes_its_container() -> None:
    with StubAgent() as agent:
        agent.operator.session_lasts = True
        checked = Asked(agent.environment).check(400)
        assert checked == Checked(CHECK, None, "Command timed out after 400 ms")
        calls = [agent.operator.call().type for _ in range(3)]
    assert calls == [
        agent_pb2.Call.LAUNCH_NESTED_CONTAINER_SESSION,
        agent_pb2.Call.WAIT_CONTAINER,
        agent_pb2.Call.REMOVE_CONTAINER,
    ]
