"""A framework written for the old bindings runs on real clusters, with other imports."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesos_compat.testing import EmbeddedCluster
from mesozoic.classic import MesosSchedulerDriver, Scheduler, mesos_pb2
from tests.sdk.classic import old_framework

HERE = Path(__file__).parent
PROGRAM = HERE / "old_executor.py"
CREDENTIALS = '{"credentials": [{"principal": "old", "secret": "s3cret"}]}'


def wait_for(is_so: Callable[[], object], timeout_s: float = 30.0) -> None:
    ends = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < ends, "in vain"
        time.sleep(0.02)


def old_scheduler(tmp_path: Path, **given: Any) -> Any:
    made: Any = old_framework.OldScheduler
    executor_of: Any = old_framework.executor_of
    return made(True, executor_of(PROGRAM, tmp_path / "shut_down"), **given)


def framework(**given: Any) -> Any:
    made: Any = old_framework.framework_of
    return made(**given)


def test_old_program_runs_to_its_end(tmp_path: Path) -> None:
    with EmbeddedCluster(agents=2) as cluster:
        address = cluster.url.removeprefix("http://")
        done = subprocess.run(
            [sys.executable, "-W", "error", HERE / "old_framework.py", address, PROGRAM,
             tmp_path / "shut_down"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "5 tasks finished, 5 messages came\n"
        assert cluster.cluster.leader is not None
        wait_for(lambda: not cluster.cluster.leader.core.state.frameworks)  # type: ignore[union-attr]
        # Its executors were told to shut down, each once.
        wait_for((tmp_path / "shut_down").exists)


@pytest.mark.parametrize("implicit", [True, False])
def test_updates_are_acknowledged_implicitly_and_explicitly(tmp_path: Path, implicit: bool) -> None:
    scheduler = old_scheduler(tmp_path)
    scheduler.implicitAcknowledgements = implicit
    with EmbeddedCluster() as cluster:
        driver = MesosSchedulerDriver(scheduler, framework(), cluster.url, implicit)
        assert driver.run() == mesos_pb2.DRIVER_STOPPED
    assert scheduler.story[0] == "registered"
    assert sorted(scheduler.story[1:]) == ["TASK_FINISHED"] * 5 + ["TASK_RUNNING"] * 5


def test_acknowledging_what_is_acknowledged_implicitly_is_a_mistake() -> None:
    driver = MesosSchedulerDriver(Scheduler(), framework(), "127.0.0.1:1")
    with pytest.raises(RuntimeError, match="implicitAcknowledgements=False"):
        driver.acknowledgeStatusUpdate(mesos_pb2.TaskStatus())


def test_framework_goes_on_when_its_master_is_killed(tmp_path: Path) -> None:
    scheduler = old_scheduler(tmp_path, seconds=b"4")
    with EmbeddedCluster(masters=2) as cluster:
        assert cluster.zk is not None
        driver = MesosSchedulerDriver(scheduler, framework(failover_timeout=60), cluster.zk)
        assert driver.start() == mesos_pb2.DRIVER_RUNNING
        wait_for(lambda: scheduler.story.count("TASK_RUNNING") == 5)
        cluster.kill_leader()
        wait_for(lambda: "disconnected" in scheduler.story)
        assert driver.join() == mesos_pb2.DRIVER_STOPPED
    changes = [line for line in scheduler.story if not line.startswith("TASK")]
    assert changes == ["registered", "disconnected", "reregistered"]
    assert scheduler.story.count("TASK_FINISHED") == 5


def test_task_launched_without_a_master_is_lost() -> None:
    told: list[Any] = []
    threads: set[int] = set()

    class Waiting(Scheduler):
        def statusUpdate(self, driver: Any, status: Any) -> None:
            told.append(status)
            threads.add(threading.get_ident())
            driver.stop()

    # Nobody listens there.
    driver = MesosSchedulerDriver(Waiting(), framework(), "127.0.0.1:1")
    assert driver.launchTasks([], []) == mesos_pb2.DRIVER_NOT_STARTED
    assert driver.start() == mesos_pb2.DRIVER_RUNNING
    task = mesos_pb2.TaskInfo(name="one")
    task.task_id.value = task.slave_id.value = "one"
    assert driver.launchTasks(mesos_pb2.OfferID(value="o"), [task]) == mesos_pb2.DRIVER_RUNNING
    assert driver.join() == mesos_pb2.DRIVER_STOPPED
    assert driver.stop() == mesos_pb2.DRIVER_STOPPED
    (status,) = told
    assert (status.task_id.value, status.state) == ("one", mesos_pb2.TASK_LOST)
    assert status.reason == mesos_pb2.TaskStatus.REASON_MASTER_DISCONNECTED
    assert status.message == "Master disconnected"
    assert threads.isdisjoint({threading.get_ident()})


def test_stop_with_failover_leaves_the_framework_to_the_next(tmp_path: Path) -> None:
    first = old_scheduler(tmp_path, seconds=b"3")
    with EmbeddedCluster() as cluster:
        driver = MesosSchedulerDriver(first, framework(failover_timeout=60), cluster.url)
        driver.start()
        wait_for(lambda: first.story.count("TASK_RUNNING") == 5)
        assert driver.stop(True) == mesos_pb2.DRIVER_STOPPED
        assert driver.join() == mesos_pb2.DRIVER_STOPPED
        second = old_scheduler(tmp_path, total=5)
        second.tasksLaunched, second.taskData = 5, first.taskData
        again = framework(failover_timeout=60, id=first.frameworkId)
        driver = MesosSchedulerDriver(second, again, cluster.url)
        assert driver.run() == mesos_pb2.DRIVER_STOPPED
    assert second.story == ["registered"] + ["TASK_FINISHED"] * 5
    assert second.frameworkId == first.frameworkId


def test_callback_that_raises_aborts_the_driver_and_not_the_framework() -> None:
    class Broken(Scheduler):
        def registered(self, driver: Any, frameworkId: Any, masterInfo: Any) -> None:
            raise ValueError("a mistake in a framework")

    with EmbeddedCluster() as cluster:
        driver = MesosSchedulerDriver(Broken(), framework(), cluster.url)
        assert driver.run() == mesos_pb2.DRIVER_ABORTED
        assert cluster.cluster.leader is not None
        assert len(cluster.cluster.leader.core.state.frameworks) == 1
        # As of old: what was aborted can still be stopped, which ends the framework.
        assert driver.stop() == mesos_pb2.DRIVER_ABORTED
        wait_for(lambda: not cluster.cluster.leader.core.state.frameworks)  # type: ignore[union-attr]


def test_what_cannot_be_is_told_by_error() -> None:
    said: list[str] = []

    class Refused(Scheduler):
        def error(self, driver: Any, message: str) -> None:
            said.append(message)

    driver = MesosSchedulerDriver(Refused(), framework(), "zk://")
    assert driver.run() == mesos_pb2.DRIVER_ABORTED
    assert driver.join() == mesos_pb2.DRIVER_ABORTED
    flags = {"authenticate_http_frameworks": "true", "credentials": CREDENTIALS,
             "http_framework_authenticators": "basic"}  # fmt: skip
    wrong = mesos_pb2.Credential(principal="old", secret="wrong")
    with EmbeddedCluster(agents=0, master_flags=flags) as cluster:
        driver = MesosSchedulerDriver(Refused(), framework(), cluster.url, True, wrong)
        assert driver.run() == mesos_pb2.DRIVER_ABORTED
    assert said[0].startswith("Failed to create a master detector: ")
    assert said[1].startswith("401")


def test_messages_have_their_old_names() -> None:
    status = mesos_pb2.TaskStatus(
        state=mesos_pb2.TASK_LOST, source=mesos_pb2.TaskStatus.SOURCE_SLAVE
    )
    status.slave_id.value = "S0"
    status.reason = mesos_pb2.TaskStatus.REASON_SLAVE_REMOVED
    assert "SOURCE_SLAVE" in str(status)
    assert mesos_pb2.SlaveInfo.DESCRIPTOR.full_name == "mesos.SlaveInfo"
    assert mesos_pb2.Offer.DESCRIPTOR.fields_by_name["slave_id"].message_type.name == "SlaveID"
    assert mesos_pb2.MasterInfo.Capability.AGENT_UPDATE
    assert not [name for name in dir(mesos_pb2) if name.startswith("Agent")]
    with pytest.raises(AttributeError, match="has no attribute 'AgentID'"):
        _ = mesos_pb2.AgentID
