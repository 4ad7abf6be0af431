"""An executor of the SDK's in a real container, towards a real agent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mesos_compat.testing import Cluster
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import Executor, ExecutorDriver, SchedulerDriver
from mesozoic.errors import BadEnvironment
from tests.sdk.aio.scenes import FAST_MASTER, Recorder, framework, scalar

ROOT = Path(__file__).resolve().parents[3]


def executor_task(name: str, data: bytes) -> mesos_pb2.TaskInfo:
    task = mesos_pb2.TaskInfo(name=name, data=data, resources=[scalar("cpus", 0.1)])
    task.task_id.value = name
    task.executor.type = mesos_pb2.ExecutorInfo.CUSTOM
    task.executor.executor_id.value = "echo"
    task.executor.resources.extend([scalar("cpus", 0.1), scalar("mem", 64)])
    task.executor.command.value = f"exec {sys.executable} -m tests.sdk.aio.echo_executor"
    task.executor.command.environment.variables.add(
        name="PYTHONPATH", value=f"{ROOT}:{ROOT / 'sdk'}"
    )
    return task


@pytest.mark.asyncio
async def test_task_runs_in_an_executor_of_ones_own() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(executor_task("t", b"run"))
        async with SchedulerDriver(cluster.url, framework(), scheduler):
            await scheduler.wait_state("t", "TASK_FINISHED")
        running, finished = (one for one in scheduler.statuses if one.uuid)
        assert running.data == b"running"
        assert finished.message == "done"
        assert finished.source == mesos_pb2.TaskStatus.SOURCE_EXECUTOR
        assert finished.timestamp >= running.timestamp > 0


@pytest.mark.asyncio
async def test_executor_hears_kill_and_messages_and_leaves_on_its_own() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(executor_task("t", b"wait"))
        async with SchedulerDriver(cluster.url, framework(), scheduler) as driver:
            await scheduler.wait_state("t", "TASK_RUNNING")
            agent_id = scheduler.statuses[0].agent_id
            await driver.message(agent_id, "echo", b"hello")
            await scheduler.wait(lambda: b"heard hello" in scheduler.messages)
            await driver.kill("t")
            await scheduler.wait_state("t", "TASK_KILLED")
            await driver.message(agent_id, "echo", b"leave")
            await scheduler.wait(lambda: scheduler.exits == [("echo", 0)])


@pytest.mark.asyncio
async def test_executor_that_is_shut_down_tells_of_its_tasks_first() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(executor_task("t", b"wait"))
        async with SchedulerDriver(cluster.url, framework(), scheduler) as driver:
            await scheduler.wait_state("t", "TASK_RUNNING")
            await driver.shutdown("echo", scheduler.statuses[0].agent_id)
            await scheduler.wait_state("t", "TASK_KILLED")
            assert scheduler.statuses[-1].message == "shut down"
            await scheduler.wait(lambda: scheduler.exits == [("echo", 0)])


@pytest.mark.asyncio
async def test_executor_and_its_task_survive_a_restart_of_the_agent() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(executor_task("t", b"wait"))
        async with SchedulerDriver(cluster.url, framework(), scheduler) as driver:
            await scheduler.wait_state("t", "TASK_RUNNING")
            await cluster.restart_agent(cluster.agents[0])
            await cluster.wait_for_agents(1)
            await scheduler.wait(lambda: any(one.message == "back" for one in scheduler.statuses))
            await driver.message(scheduler.statuses[0].agent_id, "echo", b"go")
            await scheduler.wait_state("t", "TASK_FINISHED")
        assert scheduler.states("t") == ["TASK_RUNNING", "TASK_RUNNING", "TASK_FINISHED"]


def test_process_that_no_agent_has_started_is_no_executor() -> None:
    with pytest.raises(BadEnvironment, match="MESOS_"):
        ExecutorDriver(Executor(), environ={})
