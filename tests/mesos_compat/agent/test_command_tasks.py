"""A command task from the master's word to the framework's last acknowledgement."""

from __future__ import annotations

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.state import Phase
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.agent.harness import (
    AGENT_ID,
    FRAMEWORK_ID,
    Harness,
    command_task,
    custom_task,
    of,
    status,
    to_executor,
    to_master,
    told,
    uuid_of,
)

RUNNING, FINISHED = mesos_pb2.TASK_RUNNING, mesos_pb2.TASK_FINISHED


def test_task_runs_from_launch_to_acknowledged_end() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(command_task("t1", "sleep 1")), act.LaunchContainer)
    agent.launched(launch, pid=42)
    route, made = agent.executor("t1")
    assert made[0] == act.OpenExecutor(route)
    assert to_executor(made) == ["SUBSCRIBED", "LAUNCH"]

    made = agent.update("t1", status("t1", RUNNING))
    assert to_executor(made) == ["ACKNOWLEDGED"]
    (sent,) = told(made)
    assert sent.agent_id.value == AGENT_ID
    assert sent.executor_id.value == "t1"
    assert sent.container_status.container_id.value == launch.spec.container_id[0]
    assert sent.container_status.executor_pid == 42
    (network,) = sent.container_status.network_infos
    assert network.ip_addresses[0].ip_address == "10.0.0.1"

    agent.acknowledge("t1", uuid_of(RUNNING))
    assert [one.state for one in told(agent.update("t1", status("t1", FINISHED)))] == [FINISHED]
    assert agent.exited(launch.spec.container_id) == [act.CloseExecutor(route)]
    assert agent.core.state.frameworks[FRAMEWORK_ID].executors
    made = agent.acknowledge("t1", uuid_of(FINISHED))
    assert of(made, act.ScheduleGc)
    assert agent.core.state.frameworks == {}
    assert agent.core.state.update_streams == {}
    (completed,) = agent.core.state.completed_frameworks[FRAMEWORK_ID].completed_executors
    assert [one.state for one in completed.tasks] == [FINISHED]


def test_container_is_that_of_our_command_executor() -> None:
    agent = Harness().start()
    info = command_task("t1", "a rather long command")
    info.command.user = "somebody"
    info.command.uris.add(value="http://host/file")
    info.command.environment.variables.add(name="FOO", value="bar")
    info.command.environment.variables.add(name="PYTHONPATH", value="/theirs")
    (launch,) = of(agent.run_task(info), act.LaunchContainer)
    spec = launch.spec
    assert spec.command.value == "/bin/command-executor"
    assert list(spec.command.arguments) == ["/bin/command-executor", "run"]
    assert not spec.command.shell
    assert [one.value for one in spec.command.uris] == ["http://host/file"]
    assert [one.name for one in spec.command.environment.variables] == ["FOO"]
    assert spec.user == "somebody"
    assert Resources(spec.resources) == Resources.parse("cpus:0.2;mem:64").allocate("*")
    assert spec.sandbox == (
        f"/w/slaves/{AGENT_ID}/frameworks/{FRAMEWORK_ID}/executors/t1/runs/{spec.container_id[0]}"
    )
    executor = agent.core.state.frameworks[FRAMEWORK_ID].executors["t1"]
    assert executor.info.name == ("Command Executor (Task: t1) (Command: sh -c 'a rather lon...')")


def test_executor_of_a_command_is_not_told_to_the_master() -> None:
    agent = Harness().start()
    launch = agent.running("t1")
    agent.update("t1", status("t1", FINISHED))
    made = agent.exited(launch.spec.container_id)
    assert not [one for one in to_master(made) if one.HasField("exited_executor")]


def test_task_that_comes_twice_runs_once() -> None:
    agent = Harness().start()
    agent.running("t1")
    assert agent.run_task(command_task("t1")) == []


def test_command_task_does_not_get_somebody_elses_executor() -> None:
    agent = Harness().start()
    agent.run_task(custom_task("c1", executor_id="t1"))
    (sent,) = told(agent.run_task(command_task("t1")))
    assert sent.state == mesos_pb2.TASK_DROPPED
    assert sent.reason == mesos_pb2.TaskStatus.REASON_EXECUTOR_TERMINATED
    assert sent.message == "Cannot reuse an already existing executor for a command task"
    assert sent.source == mesos_pb2.TaskStatus.SOURCE_AGENT


def test_task_is_lost_to_a_framework_that_knows_no_other_state() -> None:
    agent = Harness().start()
    (sent,) = told(agent.run_task(custom_task("c1"), aware=False, launch_executor=False))
    assert sent.state == mesos_pb2.TASK_LOST


def test_task_of_outdated_resources_is_dropped() -> None:
    agent = Harness().start()
    (sent,) = told(agent.run_task(command_task("t1"), version=b"x" * 16))
    assert sent.reason == mesos_pb2.TaskStatus.REASON_INVALID_OFFERS
    assert sent.message == "Task assumes outdated resource state"
    version = agent.core.state.resource_version
    assert of(agent.run_task(command_task("t2"), version=version), act.LaunchContainer)


def test_container_that_cannot_be_launched_fails_the_task() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(command_task("t1")), act.LaunchContainer)
    made = agent.step(ev.ContainerLaunchFailed(launch.spec.container_id, "no such user"))
    (sent,) = told(made)
    assert sent.state == mesos_pb2.TASK_FAILED
    assert sent.reason == mesos_pb2.TaskStatus.REASON_CONTAINER_LAUNCH_FAILED
    assert sent.message == "Failed to launch container: no such user"
    assert dict(agent.core.metrics)["slave/container_launch_errors"] == 1
    agent.acknowledge("t1", sent.uuid)
    assert agent.core.state.frameworks == {}


def test_link_that_breaks_lets_the_task_run_on() -> None:
    agent = Harness().start()
    agent.running("t1")
    assert agent.core.state.link is not None
    agent.step(ev.LinkLost(agent.core.state.link, "gone"))
    assert agent.core.state.phase is Phase.DISCONNECTED
    assert told(agent.update("t1", status("t1", RUNNING))) == []
    (opened,) = of(agent.wait(1_000), act.OpenLink)
    assert opened.subscribe.subscribe.agent.id.value == AGENT_ID
    assert [one.state for one in opened.subscribe.subscribe.tasks] == [RUNNING]
    event = link_pb2.Event(type=link_pb2.Event.REREGISTERED)
    event.registered.agent_id.value = AGENT_ID
    event.registered.ping_timeout_seconds = 75
    assert [one.uuid for one in told(agent.link(event))] == [uuid_of(RUNNING)]
