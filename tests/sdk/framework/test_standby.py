"""Schedulers that die, lose their session or are forgotten, and what becomes of their work."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mesos_compat.testing import Cluster
from mesozoic.aio import OperatorClient
from mesozoic.framework import Deposed, Framework, Restart, Service, Task
from mesozoic.framework.planning.actions import Change
from mesozoic.framework.stores.memory import MemoryStore, MemoryTenure
from tests.sdk.framework.scenes import (
    FAST_MASTER,
    QUICK,
    SMALL,
    WAIT_S,
    lines_of,
    running_at,
    task_ids,
)
from tests.sdk.framework.work_program import TASKS, framework

ROOT = Path(__file__).resolve().parents[3]
ALWAYS = Restart("always", QUICK, unreachable_seconds=0)


def service() -> Service:
    return Service("s", "exec sleep 1000", count=2, resources=SMALL, restart=ALWAYS)


@pytest.mark.asyncio
async def test_standby_finishes_what_a_killed_scheduler_has_begun(tmp_path: Path) -> None:
    async with (
        Cluster(with_zookeeper=True, master_flags=FAST_MASTER) as cluster,
        asyncio.timeout(WAIT_S),
    ):
        server = cluster.zookeeper
        assert server is not None
        assert cluster.zk is not None
        given = (cluster.zk, f"zk://{server.address}/work", str(tmp_path))
        before = set(server.session_ids)
        leading = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.sdk.framework.work_program", *given), cwd=ROOT
        )
        for slot in range(TASKS):
            await lines_of(tmp_path / str(slot), 1)
        await cluster.wait_for(lambda: len(running_at(cluster)) == TASKS)
        # An agent tells again of what was not acknowledged, but only after 10 s.
        streams = cluster.agents[0].core.state.update_streams
        await cluster.wait_for(lambda: not any(one.pending for one in streams.values()))
        sessions = set(server.session_ids) - before
        standby = framework(*given)
        standing_by = asyncio.ensure_future(standby.run())
        leading.send_signal(signal.SIGKILL)
        await leading.wait()
        await asyncio.to_thread(server.restart)
        for session_id in sessions:
            server.expire(session_id)
        await standby.wait_until(lambda: standby.is_leading)
        (tmp_path / "go").touch()
        await standing_by
        assert await standby.result("work") == [None] * TASKS
        for slot in range(TASKS):
            assert (tmp_path / str(slot)).read_text() == "x\n", "each has run once"


@pytest.mark.asyncio
async def test_scheduler_that_is_deposed_stands_by_and_disturbs_nothing() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        store = _Kept()
        first = Framework("pair", cluster.url, store=store)
        first.add(service())
        async with first:
            before = await first.wait_running("s")
            framework_id = first.framework_id
            second = Framework("pair", cluster.url, store=store)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(second.run())
                # Let it wait for its turn.
                await asyncio.sleep(0)
                assert not second.is_leading
                first._leadership._tenure.depose()  # type: ignore[union-attr]
                assert await second.wait_running("s") == before
                assert second.framework_id == framework_id
                assert not first.is_leading
                assert running_at(cluster) == [one.task_id for one in before]
                running.cancel()
            await first.wait_until(lambda: first.is_leading)
            assert await first.wait_running("s") == before
        await cluster.wait_for(lambda: not running_at(cluster))


@pytest.mark.asyncio
async def test_standby_returns_when_the_one_that_led_has_finished() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        store = MemoryStore()
        both = [Framework("pair", cluster.url, store=store) for _ in range(2)]
        for one in both:
            one.add(Task("t", len, args=["four"], resources=SMALL))
        await asyncio.gather(*(one.run() for one in both))
        assert [await one.result("t") for one in both] == [4, 4]
        leader = cluster.leader
        assert leader is not None
        assert len(leader.core.state.completed_frameworks) == 1


@pytest.mark.asyncio
async def test_program_that_is_started_again_goes_on_with_its_file(tmp_path: Path) -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):

        def start() -> tuple[Framework, asyncio.Task[None]]:
            made = Framework("kept", cluster.url, file=tmp_path / "state")
            made.add(service())
            return made, asyncio.create_task(made.run())

        first, running = start()
        before = await first.wait_running("s")
        await first.scale("s", 3)
        await first.wait_running("s")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(running_at(cluster)) == 3
        again, running = start()
        after = await again.wait_running("s")
        assert after[:2] == before
        assert len(after) == 3, "it was scaled, and nothing else was declared since"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class _Kept(MemoryStore):
    """One that other processes could have, too."""

    is_durable = True


class _Treacherous(_Kept):
    """Whoever has just written down an instance for the first time is deposed before it knows."""

    def __init__(self) -> None:
        super().__init__()
        self.has_betrayed = False

    async def lead(self) -> MemoryTenure:
        tenure = await super().lead()
        write = tenure.write

        async def betray(changes: Sequence[Change]) -> None:
            await write(changes)
            if not self.has_betrayed and any(
                change.key.startswith("instances/") for change in changes
            ):
                self.has_betrayed = True
                tenure.depose()
                raise Deposed("at the worst of times")

        tenure.write = betray  # type: ignore[method-assign]
        return tenure


@pytest.mark.asyncio
async def test_instance_that_was_written_and_never_launched_is_replaced(tmp_path: Path) -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        store = _Treacherous()
        framework = Framework("betrayed", cluster.url, store=store)
        framework.add(
            Task(
                "t",
                f"echo x >> {tmp_path}/lines",
                resources=SMALL,
                restart=Restart("on_failure", QUICK),
            )
        )
        await framework.run()
        assert store.has_betrayed
        assert (tmp_path / "lines").read_text() == "x\n"
        assert task_ids(framework, "t") == ["t.0.2-1"]


@pytest.mark.asyncio
async def test_framework_that_was_removed_begins_anew() -> None:
    async with (
        Cluster(master_flags=FAST_MASTER) as cluster,
        asyncio.timeout(WAIT_S),
        Framework("removed", cluster.url) as framework,
    ):
        framework.add(service())
        before = await framework.wait_running("s")
        framework_id = framework.framework_id
        assert framework_id is not None
        async with OperatorClient(cluster.url) as operator:
            await operator.teardown(framework_id)
        await framework.wait_until(lambda: before[0] not in framework.instances("s"))
        after = await framework.wait_running("s")
        assert {one.task_id for one in before}.isdisjoint(one.task_id for one in after)
        assert framework.framework_id not in (None, framework_id)
        await cluster.wait_for(lambda: len(running_at(cluster)) == 2)


@pytest.mark.asyncio
async def test_framework_ends_by_the_next_master_when_there_is_none_now() -> None:
    async with Cluster(masters=2, master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        assert cluster.zk is not None
        async with Framework("left", cluster.zk) as framework:
            framework.add(service())
            await framework.wait_running("s")
            await cluster.kill_leader()
        await cluster.wait_for_agents(1)
        await cluster.wait_for(lambda: not running_at(cluster))
