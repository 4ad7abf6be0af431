"""Whole clusters in this process, with real containers below."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from conformance.mesos.rawscheduler import Json, RawScheduler, command_task
from mesos_compat.testing import Cluster, EmbeddedCluster, FakeAgents


class Runner:
    """A scheduler that launches what it is given, and remembers all statuses."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._waiting: list[Json] = []
        self.statuses: list[Json] = []
        self.events: list[str] = []
        self.news = asyncio.Event()
        self.raw = RawScheduler(self.find, self.on_event)

    async def find(self) -> str:
        return self._cluster.url.removeprefix("http://")

    async def on_event(self, event: Json) -> None:
        self.events.append(event["type"])
        if event["type"] == "OFFERS":
            offers = event["offers"]["offers"]
            tasks, self._waiting = self._waiting, []
            if tasks:
                await self.raw.launch(offers.pop(0), tasks)
            if offers:
                await self.raw.decline(*offers, refuse_seconds=0.05)
        elif event["type"] == "UPDATE":
            status = event["update"]["status"]
            self.statuses.append(status)
            await self.raw.acknowledge(status)
        self.news.set()

    def launch(self, *tasks: Json) -> None:
        self._waiting += tasks

    def states(self, task: str) -> list[str]:
        return [one["state"] for one in self.statuses if one["task_id"]["value"] == task]

    async def wait(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    async def wait_state(self, task: str, state: str) -> None:
        await self.wait(lambda: state in self.states(task))


FAST = {"allocation_interval": "50ms"}
RAN = ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]


@pytest.mark.asyncio
async def test_task_runs_and_its_output_is_there() -> None:
    async with Cluster(master_flags=FAST) as cluster:
        runner = Runner(cluster)
        async with runner.raw:
            runner.launch(command_task("one", "echo it ran"))
            await runner.wait_state("one", "TASK_FINISHED")
        assert runner.states("one") == RAN
        found = list(cluster.directory.glob("agent*/slaves/**/runs/latest/stdout"))
        assert [path.read_text() for path in found] == ["it ran\n"]


@pytest.mark.asyncio
async def test_task_goes_on_while_its_agent_is_restarted() -> None:
    async with Cluster(master_flags=FAST) as cluster:
        runner = Runner(cluster)
        async with runner.raw:
            go = cluster.directory / "go"
            runner.launch(command_task("one", f"while [ ! -e {go} ]; do sleep 0.02; done"))
            await runner.wait_state("one", "TASK_RUNNING")
            await cluster.restart_agent(cluster.agents[0])
            await cluster.wait_for_agents(1)
            go.touch()
            await runner.wait_state("one", "TASK_FINISHED")
        assert runner.states("one") == RAN


@pytest.mark.asyncio
async def test_framework_and_task_outlive_the_leading_master() -> None:
    async with Cluster(masters=2, master_flags=FAST) as cluster:
        runner = Runner(cluster)
        async with runner.raw:
            go = cluster.directory / "go"
            runner.launch(command_task("one", f"while [ ! -e {go} ]; do sleep 0.02; done"))
            await runner.wait_state("one", "TASK_RUNNING")
            framework_id = runner.raw.framework_id
            await cluster.kill_leader()
            await cluster.wait_for_agents(1)
            await runner.wait(lambda: runner.raw.subscriptions == 2)
            assert runner.raw.framework_id == framework_id
            go.touch()
            await runner.wait_state("one", "TASK_FINISHED")


@pytest.mark.asyncio
async def test_cut_links_are_made_anew_and_nothing_is_lost() -> None:
    async with Cluster(master_flags=FAST) as cluster:
        runner = Runner(cluster)
        async with runner.raw:
            go = cluster.directory / "go"
            runner.launch(command_task("one", f"while [ ! -e {go} ]; do sleep 0.02; done"))
            await runner.wait_state("one", "TASK_RUNNING")
            cluster.cut_links()
            go.touch()
            await runner.wait_state("one", "TASK_FINISHED")
        # What was on its way when the link broke comes twice.
        assert list(dict.fromkeys(runner.states("one"))) == RAN


@pytest.mark.asyncio
async def test_killed_task_says_so() -> None:
    async with Cluster(master_flags=FAST) as cluster:
        runner = Runner(cluster)
        async with runner.raw:
            runner.launch(command_task("one", "sleep 60"))
            await runner.wait_state("one", "TASK_RUNNING")
            await runner.raw.call("KILL", kill={"task_id": {"value": "one"}})
            await runner.wait_state("one", "TASK_KILLED")


@pytest.mark.asyncio
async def test_hundred_pretended_agents_run_what_they_are_given() -> None:
    async with (
        Cluster(agents=0, master_flags=FAST) as cluster,
        FakeAgents(lambda: cluster.url, 100, run_s=0.01) as fakes,
    ):
        await cluster.wait_for_agents(100)
        runner = Runner(cluster)
        async with runner.raw:
            names = [f"t{number}" for number in range(50)]
            runner.launch(*(command_task(name, "true") for name in names))
            await runner.wait(lambda: all("TASK_FINISHED" in runner.states(name) for name in names))
        assert fakes.started == 50


def test_cluster_in_a_thread(mesos_cluster: EmbeddedCluster) -> None:
    mesos_cluster.restart_agent()
    mesos_cluster.wait_for_agents(1)
    assert mesos_cluster.url.startswith("http://127.0.0.1:")


@pytest.mark.asyncio
async def test_master_knows_what_containers_really_use() -> None:
    flags = {**FAST, "agent_ping_timeout": "1secs"}
    async with Cluster(master_flags=flags) as cluster:
        runner = Runner(cluster)
        async with runner.raw, aiohttp.ClientSession() as session:
            runner.launch(command_task("one", "while :; do :; done", 1.0))
            await runner.wait_state("one", "TASK_RUNNING")
            async with asyncio.timeout(30):
                while True:
                    async with session.get(f"{cluster.url}/metrics/snapshot") as answer:
                        found = await answer.json()
                    if found["mesozoic/resource_utilization/cpus"] > 0.01:
                        break
                    await asyncio.sleep(0.1)
            assert found["mesozoic/resource_utilization/mem"] > 0
            assert 0.2 < found["mesozoic/resource_allocation_ratio/cpus"] < 0.3
