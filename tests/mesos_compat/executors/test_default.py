"""The default executor as a real process, with a stub of the agent's container API."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mesos_compat.executors import programs
from mesos_compat.wire.v1 import agent_pb2, executor_pb2, mesos_pb2
from tests.mesos_compat.executors.stub_agent import (
    CONTAINER_ID,
    PATIENCE_S,
    StubAgent,
    new_task,
)

Call = agent_pb2.Call


def test_group_runs_in_nested_containers_and_is_checked_by_sessions(tmp_path: Path) -> None:
    with StubAgent() as agent:
        process = subprocess.Popen(
            programs.default_executor(),
            cwd=tmp_path,
            env=agent.environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            _run_group(agent, process)
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def _run_group(agent: StubAgent, process: subprocess.Popen[bytes]) -> None:
    subscription = agent.subscription()
    subscription.subscribed()
    task = new_task("a", "serve")
    task.check.type = mesos_pb2.CheckInfo.COMMAND
    task.check.command.command.value = "ask"
    task.check.delay_seconds = 0
    agent.operator.session_status = 3 << 8
    event = executor_pb2.Event(type=executor_pb2.Event.LAUNCH_GROUP)
    event.launch_group.task_group.tasks.add().CopyFrom(task)
    subscription.send(event)
    launch = agent.operator.call()
    assert launch.type == Call.LAUNCH_CONTAINER
    container_id = launch.launch_container.container_id
    assert container_id.parent.value == CONTAINER_ID
    assert launch.launch_container.command.value == "serve"
    statuses = [agent.status() for _ in range(3)]
    assert [mesos_pb2.TaskState.Name(one.state) for one in statuses] == [
        "TASK_STARTING",
        "TASK_RUNNING",
        "TASK_RUNNING",
    ]
    assert statuses[2].check_status.command.exit_code == 3
    agent.operator.end(container_id.value, 0)
    last = agent.status()
    assert last.state == mesos_pb2.TASK_FINISHED
    for status in (*statuses, last):
        subscription.acknowledge(status)
    assert process.wait(PATIENCE_S) == 0
    made = [agent.operator.call() for _ in range(4)]
    assert sorted(Call.Type.Name(call.type) for call in made) == [
        "LAUNCH_NESTED_CONTAINER_SESSION",
        "REMOVE_CONTAINER",
        "WAIT_CONTAINER",
        "WAIT_CONTAINER",
    ]
    [session] = [one for one in made if one.type == Call.LAUNCH_NESTED_CONTAINER_SESSION]
    assert session.launch_nested_container_session.container_id.parent == container_id
    assert session.launch_nested_container_session.command.value == "ask"
