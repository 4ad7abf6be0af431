"""An agent that starts where another has ended."""

from __future__ import annotations

from typing import Any

import pytest

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.recovered import read_state
from mesos_compat.agent.state import Phase
from mesos_compat.containers.spec import Recovered as RecoveredContainer
from mesos_compat.containers.spec import Termination
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from tests.mesos_compat.agent.harness import (
    AGENT_ID,
    FRAMEWORK_ID,
    Disk,
    Harness,
    called,
    custom_task,
    of,
    status,
    to_executor,
    told,
    uuid_of,
)

RUNNING, FINISHED = mesos_pb2.TASK_RUNNING, mesos_pb2.TASK_FINISHED
_Reason = mesos_pb2.TaskStatus


def left(*, acknowledged: bool = False) -> tuple[Disk, str]:
    """What an agent has left that ran a command task; and the container."""
    agent = Harness().start()
    launch = agent.running("t1", checkpoint=True)
    agent.update("t1", status("t1", RUNNING))
    if acknowledged:
        agent.acknowledge("t1", uuid_of(RUNNING))
    return agent.disk, launch.spec.container_id[0]


def test_executor_comes_back_to_a_restarted_agent() -> None:
    disk, container = left()
    agent = Harness(disk)
    made = agent.recover(running=[container])
    assert of(made, act.RecoverContainers) == [act.RecoverContainers(((container,),))]
    (attached,) = of(made, act.AttachFiles)
    assert attached.virtual_paths[2] == f"/frameworks/{FRAMEWORK_ID}/executors/t1/runs/latest"
    assert not agent.core.is_recovered
    assert to_executor(agent.executor("t1", "t1")[1]) == ["SUBSCRIBED"]
    # Nobody else is to come back.
    assert agent.phase is Phase.DISCONNECTED
    made = agent.register(is_back=True)
    assert [one.uuid for one in told(made)] == [uuid_of(RUNNING)]
    (sent,) = told(
        agent.update("t1", status("t1", FINISHED)) + agent.acknowledge("t1", uuid_of(RUNNING))
    )
    assert sent.state == FINISHED


def test_agent_comes_back_with_its_id_and_tasks() -> None:
    disk, container = left()
    agent = Harness(disk)
    agent.recover(running=[container])
    agent.executor("t1", "t1")
    subscribe = agent.subscribe().subscribe.subscribe
    assert subscribe.agent.id.value == AGENT_ID
    assert [(one.task_id.value, one.state) for one in subscribe.tasks] == [("t1", RUNNING)]


def test_executor_that_does_not_come_back_is_destroyed() -> None:
    disk, container = left(acknowledged=True)
    agent = Harness(disk)
    agent.recover(running=[container])
    assert of(agent.wait(1_999), act.DestroyContainer) == []
    made = agent.wait(1)
    assert of(made, act.DestroyContainer) == [act.DestroyContainer((container,))]
    assert agent.phase is Phase.DISCONNECTED
    agent.exited((container,), 9)
    (sent,) = told(agent.register(is_back=True))
    assert (sent.state, sent.reason) == (
        mesos_pb2.TASK_GONE,
        _Reason.REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
    )
    assert sent.message == "Executor did not reregister within 2secs"


def test_executor_that_has_ended_meanwhile_is_told() -> None:
    disk, container = left(acknowledged=True)
    agent = Harness(disk)
    agent.recover()
    agent.exited((container,), None)
    (sent,) = told(agent.register(is_back=True))
    assert (sent.state, sent.reason) == (
        mesos_pb2.TASK_FAILED,
        _Reason.REASON_EXECUTOR_TERMINATED,
    )


def test_statuses_that_the_executor_kept_are_taken() -> None:
    disk, container = left(acknowledged=True)
    agent = Harness(disk)
    agent.recover(running=[container])
    _route, made = agent.executor("t1", updates=[status("t1", FINISHED)])
    assert to_executor(made) == ["SUBSCRIBED", "ACKNOWLEDGED"]
    (sent,) = told(agent.register(is_back=True))
    assert sent.state == FINISHED


def test_task_that_never_reached_its_executor_is_dropped() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(custom_task("c1"), checkpoint=True), act.LaunchContainer)
    agent.launched(launch)
    container = launch.spec.container_id[0]
    again = Harness(agent.disk)
    again.recover(running=[container])
    _route, made = again.executor("e1")
    # It has nothing to do, and never had.
    assert to_executor(made) == ["SUBSCRIBED", "SHUTDOWN"]
    (sent,) = told(again.register(is_back=True))
    assert sent.state == mesos_pb2.TASK_DROPPED
    assert sent.reason == _Reason.REASON_AGENT_RESTARTED


def test_callers_are_put_off_until_recovery_is_over() -> None:
    disk, container = left()
    agent = Harness(disk)
    call = called("t1", executor_pb2.Call.SUBSCRIBE)
    call.subscribe.SetInParent()
    route = agent.route()
    made = agent.step(ev.ExecutorSubscribed(route, call))
    assert made == [act.Reply(route, 503, "Agent has not finished recovery")]
    agent.recover(running=[container])
    (reply,) = of(agent.update("t1", status("t1", RUNNING)), act.Reply)
    assert reply.status == 503
    assert not agent.core.is_recovered


def test_framework_without_checkpoints_is_forgotten() -> None:
    agent = Harness().start()
    agent.running("t1")
    again = Harness(agent.disk)
    made = again.recover()
    assert of(made, act.RecoverContainers) == [act.RecoverContainers(())]
    assert again.subscribe().subscribe.subscribe.tasks == []


def test_completed_executor_is_not_awaited() -> None:
    agent = Harness().start()
    launch = agent.running("t1", checkpoint=True)
    agent.update("t1", status("t1", FINISHED))
    agent.exited(launch.spec.container_id)
    agent.acknowledge("t1", uuid_of(FINISHED))
    again = Harness(agent.disk)
    made = again.recover()
    assert again.phase is Phase.DISCONNECTED
    run = f"slaves/{AGENT_ID}/frameworks/{FRAMEWORK_ID}/executors/t1/runs"
    assert act.ScheduleGc(f"/w/{run}/{launch.spec.container_id[0]}") in made


def test_acknowledgement_that_was_lost_is_asked_for_again() -> None:
    agent = Harness().start()
    launch = agent.running("t1", checkpoint=True)
    agent.update("t1", status("t1", FINISHED))
    agent.exited(launch.spec.container_id)
    agent.disk.is_slow = True
    agent.acknowledge("t1", uuid_of(FINISHED))
    again = Harness(agent.disk)
    agent.disk.is_slow = False
    again.recover()
    again.exited(launch.spec.container_id, None)
    assert [one.uuid for one in told(again.register(is_back=True))] == [uuid_of(FINISHED)]
    again.acknowledge("t1", uuid_of(FINISHED))
    assert again.core.state.frameworks == {}


@pytest.mark.parametrize("torn", [b"U", b"U\0\0\1\0half", b"\0" * 64])
def test_torn_last_entry_is_as_if_it_had_not_been_written(torn: bytes) -> None:
    disk, container = left()
    (path,) = [one for one in disk.files if one.endswith("task.updates")]
    disk.files[path] += torn
    agent = Harness(disk)
    agent.recover(running=[container])
    agent.executor("t1", "t1")
    agent.update("t1", status("t1", FINISHED))
    found = read_state(disk.files, disk.links)
    (task,) = found.frameworks[0].executors[0].tasks
    assert [one.status.state for one in task.updates] == [RUNNING, FINISHED]
    assert found.errors == []


@pytest.mark.parametrize(("strict", "stops"), [(True, True), (False, False)])
def test_broken_records_stop_a_strict_agent(strict: bool, stops: bool) -> None:
    disk, _container = left()
    (path,) = [one for one in disk.files if one.endswith("task.updates")]
    disk.files[path] = b"Xrubbish" + disk.files[path]
    agent = Harness(disk, strict=strict)
    made = agent.step(ev.Recovered(read_state(disk.files, disk.links), "boot"))
    assert bool(of(made, act.Stop)) is stops
    assert dict(agent.core.metrics)["slave/recovery_errors"] == 1


@pytest.mark.parametrize(
    ("policy", "changed", "member"),
    [
        ("equal", {"resources": "cpus:8;mem:4096;disk:10240;ports:[31000-32000]"}, "resources"),
        ("equal", {"attributes": "rack"}, "attributes"),
        ("additive", {"resources": "cpus:2;mem:4096;disk:10240;ports:[31000-32000]"}, "resources"),
        ("additive", {"resources": "cpus:8;mem:4096;disk:10240;ports:[31000-32000]"}, None),
        ("additive", {"attributes": "rack"}, None),
    ],
)
def test_agent_must_be_what_it_was(
    policy: str, changed: dict[str, Any], member: str | None
) -> None:
    disk, container = left()
    agent = Harness(disk, reconfiguration_policy=policy, **changed)
    if member is None:
        assert of(agent.recover(running=[container]), act.Stop) == []
        return
    made = agent.step(ev.Recovered(read_state(disk.files, disk.links), "boot"))
    (stop,) = of(made, act.Stop)
    assert f"Incompatible agent info detected ({member})" in stop.why
    assert "rm -f /w/meta/slaves/latest" in stop.why
    assert of(made, act.RecoverContainers) == []


def test_nothing_runs_after_a_reboot() -> None:
    disk, _container = left()
    agent = Harness(disk)
    made = agent.recover(boot_id="another")
    assert of(made, act.RecoverContainers) == [act.RecoverContainers(())]
    assert act.ScheduleGc(f"/w/slaves/{AGENT_ID}/frameworks/{FRAMEWORK_ID}") in made
    subscribe = agent.subscribe().subscribe.subscribe
    assert subscribe.agent.id.value == AGENT_ID
    assert subscribe.tasks == []
    assert disk.files["meta/boot_id"] == b"another"


def test_changed_agent_is_a_new_one_after_a_reboot() -> None:
    disk, _container = left()
    agent = Harness(disk, attributes="rack")
    agent.recover(boot_id="another")
    assert not agent.subscribe().subscribe.subscribe.agent.HasField("id")


def test_nothing_of_before_a_reboot_is_alive_at_the_next_start_either() -> None:
    disk, _container = left()
    Harness(disk).recover(boot_id="another")
    agent = Harness(disk)
    made = agent.recover(boot_id="another")
    assert of(made, act.RecoverContainers) == [act.RecoverContainers(())]
    assert told(agent.register(is_back=True)) == []
    assert agent.core.state.frameworks == {}


def test_changed_agent_is_a_new_one_at_every_start_after_a_reboot() -> None:
    disk, _container = left()
    Harness(disk, attributes="rack").recover(boot_id="another")
    agent = Harness(disk, attributes="rack")
    assert of(agent.recover(boot_id="another"), act.Stop) == []
    assert not agent.subscribe().subscribe.subscribe.agent.HasField("id")


def test_cleanup_ends_what_runs_and_then_the_agent() -> None:
    disk, container = left(acknowledged=True)
    agent = Harness(disk, recover="cleanup")
    agent.recover(running=[container])
    made = agent.executor("t1", "t1")[1]
    assert to_executor(made) == ["SUBSCRIBED", "SHUTDOWN"]
    assert of(agent.wait(5_000), act.DestroyContainer) == [act.DestroyContainer((container,))]
    agent.step(ev.MasterDetected(mesos_pb2.MasterInfo(id="m", ip=1, port=5050)))
    assert of(agent.wait(5_000), act.OpenLink) == []
    (stop,) = of(agent.exited((container,)), act.Stop)
    assert stop.is_regular
    assert "meta/slaves/latest" not in disk.links


def test_nested_containers_are_known_again() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(custom_task("c1"), checkpoint=True), act.LaunchContainer)
    agent.launched(launch)
    root = launch.spec.container_id[0]
    again = Harness(agent.disk)
    again.step(ev.Recovered(read_state(agent.disk.files, agent.disk.links), "boot"))
    found = (
        RecoveredContainer((root,), 7, running=True),
        RecoveredContainer((root, "n"), 8, running=True),
    )
    again.step(ev.ContainersRecovered(found))
    nested = again.core.state.containers[(root, "n")]
    assert (nested.pid, nested.sandbox) == (8, f"{launch.spec.sandbox}/containers/n")
    again.step(ev.ContainerExited((root, "n"), Termination(0)))
    assert nested.termination == Termination(0)
