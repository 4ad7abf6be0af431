"""Answers of an agent compared with those that were recorded from Apache Mesos 1.11.0.

The agent is brought into the state of the recording by what a master and an executor say: one
custom executor with a task that runs and one that has ended. What is ours in the answers (which
container, when the agent started) is taken from the recording.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.core import AgentCore
from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.views import metrics, older, operator
from mesos_compat.agent.views.view import View
from mesos_compat.wire import link_pb2
from mesos_compat.wire.json_dialect import dumps, encode_value, loads
from mesos_compat.wire.v1 import agent_pb2, executor_pb2, mesos_pb2
from tests.mesos_compat.agent.harness import Harness, of

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "agent"
_Call = agent_pb2.Call


def body(case: str) -> bytes:
    """What was answered."""
    return (GOLDEN / f"{case}.res").read_bytes().partition(b"\r\n\r\n")[2]


def response(case: str) -> agent_pb2.Response:
    """What was answered, as a message."""
    return loads(body(case), agent_pb2.Response)


def recorded_harness() -> Harness:
    """An agent as the recorded one began."""
    agent = Harness()
    info = mesos_pb2.AgentInfo()
    info.CopyFrom(response("get_agent").get_agent.agent_info)
    info.ClearField("id")
    settings = AgentSettings(
        work_dir="/opt/m/oracle/run/agent0/agents/0/wdir",
        address=mesos_pb2.Address(hostname="localhost", ip="127.0.0.1", port=5051),
        version="1.11.0",
        command_executor=("command",),
        default_executor=("default",),
    )
    numbers = iter(range(1_000_000))
    agent.core = AgentCore(
        settings, info, lambda _below: 0, lambda count: next(numbers).to_bytes(count, "big")
    )
    agent.recover()
    agent.subscribe()
    event = link_pb2.Event(type=link_pb2.Event.REGISTERED)
    event.registered.agent_id.CopyFrom(response("get_agent").get_agent.agent_info.id)
    event.registered.ping_timeout_seconds = 75
    event.registered.master_hostname = "localhost"
    agent.link(event)
    return agent


def run(agent: Harness, task: mesos_pb2.Task, *, first: bool) -> None:
    """Let a recorded task come and its executor tell its recorded statuses."""
    told = response("get_state").get_state
    executor = told.get_executors.executors[0].executor_info
    event = link_pb2.Event(type=link_pb2.Event.RUN_TASK)
    made = event.run_task
    made.framework.CopyFrom(told.get_frameworks.frameworks[0].framework_info)
    made.launch_executor = first
    made.task.name = task.name
    made.task.task_id.CopyFrom(task.task_id)
    made.task.agent_id.CopyFrom(task.agent_id)
    made.task.resources.extend(task.resources)
    made.task.executor.CopyFrom(executor)
    done = agent.link(event)
    call = executor_pb2.Call(type=executor_pb2.Call.SUBSCRIBE)
    call.framework_id.CopyFrom(executor.framework_id)
    call.executor_id.CopyFrom(executor.executor_id)
    if first:
        (launch,) = of(done, act.LaunchContainer)
        agent.launched(launch, pid=17963)
        call.subscribe.SetInParent()
        agent.step(ev.ExecutorSubscribed(agent.route(), call))
    else:
        for update in of(done, act.UpdateContainer):
            agent.step(ev.ContainerUpdated(update.container_id))
    for status in task.statuses:
        call = executor_pb2.Call(
            type=executor_pb2.Call.UPDATE,
            framework_id=executor.framework_id,
            executor_id=executor.executor_id,
        )
        call.update.status.CopyFrom(status)
        for name in ("agent_id", "executor_id", "container_status"):
            call.update.status.ClearField(name)
        agent.step(ev.ExecutorCalled(agent.route(), call))
        acknowledge = link_pb2.Event(type=link_pb2.Event.ACKNOWLEDGE)
        acknowledge.acknowledge.framework_id.CopyFrom(executor.framework_id)
        acknowledge.acknowledge.task_id.CopyFrom(task.task_id)
        acknowledge.acknowledge.uuid = status.uuid
        agent.link(acknowledge)


@pytest.fixture(scope="module")
def recorded() -> View:
    """The agent as it was when it was asked."""
    agent = recorded_harness()
    told = response("get_tasks").get_tasks
    run(agent, told.launched_tasks[0], first=True)
    run(agent, told.completed_tasks[0], first=False)
    state = json.loads(body("get-state"))
    measured = response("get_containers").get_containers.containers[0].resource_statistics
    (container_id,) = agent.core.state.executors_by_container
    version = mesos_pb2.VersionInfo(
        version=state["version"],
        build_date=state["build_date"],
        build_time=state["build_time"],
        build_user=state["build_user"],
        git_sha=state["git_sha"],
        git_tag=state["git_tag"],
    )
    return View(
        agent.core.state,
        agent.core.settings,
        agent.core.metrics,
        state["flags"],
        version,
        ev.Now(agent.now_ms, agent.now_ms * 1_000_000),
        statistics={(container_id,): measured},
    )


def as_recorded(view: View, text: str) -> str:
    """An answer with the recorded container in place of ours."""
    (ours,) = view.state.executors_by_container
    theirs = response("get_containers").get_containers.containers[0].container_id.value
    return text.replace(ours, theirs)


@pytest.mark.parametrize(
    "case",
    [
        "get_agent",
        "get_containers",
        "get_executors",
        "get_frameworks",
        "get_operations",
        "get_resource_providers",
        "get_state",
        "get_tasks",
    ],
)
def test_operator_api_answers_as_recorded(recorded: View, case: str) -> None:
    call = _Call(type=case.upper())
    found: Any = operator.ANSWERS[call.type](recorded, call)
    assert as_recorded(recorded, dumps(found)) == body(case).decode()


def test_state_is_as_recorded(recorded: View) -> None:
    wanted = json.loads(body("get-state"))
    found: Any = older.ENDPOINTS["/state"](recorded, {})
    found["start_time"] = wanted["start_time"]
    text = as_recorded(recorded, encode_value(found))
    assert json.loads(text) == wanted
    assert text == body("get-state").decode()


@pytest.mark.parametrize("path", ["/containers", "/monitor/statistics"])
def test_use_of_containers_is_as_recorded(recorded: View, path: str) -> None:
    case = f"get-{path.removeprefix('/').replace('/', '_')}"
    (found,) = json.loads(as_recorded(recorded, encode_value(older.ENDPOINTS[path](recorded, {}))))
    (wanted,) = json.loads(body(case))
    # Measured a little later.
    wanted["statistics"]["timestamp"] = found["statistics"]["timestamp"]
    wanted["statistics"]["mem_rss_bytes"] = found["statistics"]["mem_rss_bytes"]
    assert encode_value(found) == encode_value(wanted)


def test_containers_can_be_asked_for_by_their_framework(recorded: View) -> None:
    ask = older.ENDPOINTS["/containers"]
    (framework_id,) = recorded.state.frameworks
    assert ask(recorded, {"framework_id": framework_id}) != []
    assert ask(recorded, {"framework_id": "another"}) == []


def test_flags_are_as_recorded(recorded: View) -> None:
    found = older.ENDPOINTS["/flags"](recorded, {})
    assert encode_value(found) == body("get-flags").decode()


def test_metrics_have_the_recorded_names_and_values(recorded: View) -> None:
    wanted = {
        name: value
        for name, value in json.loads(body("get-metrics_snapshot")).items()
        if name.startswith("slave/")
    }
    found = metrics.snapshot(recorded)
    # Of the shell and of another moment.
    for name in (
        "slave/executor_directory_max_allowed_age_secs",
        "slave/recovery_time_secs",
        "slave/uptime_secs",
        # Two messages went between framework and executor.
        "slave/valid_framework_messages",
    ):
        wanted.pop(name)
        found.pop(name, None)
    assert found == wanted


def test_metrics_can_be_read_by_prometheus(recorded: View) -> None:
    lines = metrics.as_prometheus(recorded).splitlines()
    assert "# TYPE mesos_slave_tasks_finished counter" in lines
    assert "mesos_slave_tasks_running 1" in lines


class Nobody:
    """An asker who may see nothing."""

    def sees_framework(self, info: mesos_pb2.FrameworkInfo) -> bool:
        del info
        return False

    def sees_task(self, task: mesos_pb2.Task, info: mesos_pb2.FrameworkInfo) -> bool:
        del task, info
        return False

    def sees_executor(
        self, executor: mesos_pb2.ExecutorInfo, info: mesos_pb2.FrameworkInfo
    ) -> bool:
        del executor, info
        return False

    sees_container = sees_executor

    def sees_standalone_containers(self) -> bool:
        return False

    def visible(self, resources: Any) -> Any:
        return resources

    def sees_flags(self) -> bool:
        return False


def test_what_must_not_be_seen_is_left_out(recorded: View) -> None:
    hidden = View(
        recorded.state,
        recorded.settings,
        recorded.counters,
        recorded.flags,
        recorded.version,
        recorded.now,
        visible=Nobody(),
    )
    found: Any = operator.ANSWERS[_Call.GET_STATE](hidden, _Call(type=_Call.GET_STATE))
    assert not found.get_state.get_tasks.launched_tasks
    assert not found.get_state.get_executors.executors
    assert not found.get_state.get_frameworks.frameworks
    state: Any = older.ENDPOINTS["/state"](hidden, {})
    assert state["frameworks"] == []
    assert "flags" not in state
    refused = operator.ANSWERS[_Call.GET_FLAGS](hidden, _Call(type=_Call.GET_FLAGS))
    assert refused == (403, "403 Forbidden.")
    assert older.ENDPOINTS["/flags"](hidden, {}) == refused
    found = operator.ANSWERS[_Call.GET_CONTAINERS](hidden, _Call(type=_Call.GET_CONTAINERS))
    assert not found.get_containers.containers
