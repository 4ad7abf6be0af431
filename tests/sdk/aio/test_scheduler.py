"""The scheduler driver with clusters of this process, with real containers below."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
from pathlib import Path

import pytest

from mesos_compat.testing import Cluster
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import (
    FileFrameworkId,
    FrameworkIdStore,
    MemoryFrameworkId,
    OperatorClient,
    Scheduler,
    SchedulerDriver,
    ZooKeeperFrameworkId,
)
from mesozoic.aio.transport import Codec
from mesozoic.core import notices
from mesozoic.core.settings import SchedulerSettings
from mesozoic.errors import CallRefused, NotSubscribed, SubscriptionRefused
from tests.sdk.aio.scenes import FAST_MASTER, WAIT_S, Recorder, command_task, framework

LIFE = ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]


@pytest.mark.asyncio
@pytest.mark.parametrize("codec", ["protobuf", "json"])
async def test_tasks_run_to_their_end_and_the_framework_is_torn_down(codec: Codec) -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(command_task("t", "true"), command_task("u", "exit 3"))
        async with SchedulerDriver(cluster.url, framework(), scheduler, codec=codec) as driver:
            await scheduler.wait_state("t", "TASK_FINISHED")
            await scheduler.wait_state("u", "TASK_FAILED")
            assert dict(driver.known_tasks) == {}
        assert scheduler.states("t") == LIFE
        assert scheduler.states("u") == [*LIFE[:2], "TASK_FAILED"]
        async with OperatorClient(cluster.url, codec=codec) as operator:
            frameworks = await operator.get_frameworks()
            assert not frameworks.frameworks
            assert len(frameworks.completed_frameworks) == 1


@pytest.mark.asyncio
async def test_what_happens_can_be_iterated_over() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster, asyncio.timeout(WAIT_S):
        driver = SchedulerDriver(cluster.url, framework())
        kinds = []
        states = []
        async for event in driver.events():
            kinds.append(type(event))
            match event:
                case notices.OffersReceived(offers) if not driver.known_tasks:
                    await driver.launch([offers[0].id], [command_task("t", "true")])
                case notices.TaskUpdated(status):
                    states.append(mesos_pb2.TaskState.Name(status.state))
                    if status.state == mesos_pb2.TASK_FINISHED:
                        await driver.stop()
        assert kinds[0] is notices.Subscribed
        assert states == LIFE


@pytest.mark.asyncio
async def test_idle_framework_gets_no_offers_until_there_is_work() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder()
        async with SchedulerDriver(cluster.url, framework(), scheduler) as driver:
            leader = cluster.leader
            assert leader is not None
            await cluster.wait_for(lambda: not driver.held_offers and bool(scheduler.log))
            assert driver.framework_id is not None
            async with OperatorClient(cluster.url) as operator:
                async with asyncio.timeout(WAIT_S):
                    while (await operator.get_frameworks()).frameworks[0].offers:
                        await asyncio.sleep(0)
            scheduler.todo = [command_task("t", "true")]
            await driver.work_changed()
            await scheduler.wait_state("t", "TASK_FINISHED")


@pytest.mark.asyncio
async def test_offer_that_nobody_wants_goes_to_another_framework() -> None:
    class Idler(Scheduler):
        """Takes offers and does nothing."""

    async with Cluster(master_flags=FAST_MASTER) as cluster:
        idler = SchedulerDriver(
            cluster.url, framework(name="idler"), Idler(), offer_hold_seconds=0.05
        )
        scheduler = Recorder(command_task("t", "true"))
        async with idler, SchedulerDriver(cluster.url, framework(), scheduler):
            await scheduler.wait_state("t", "TASK_FINISHED")


@pytest.mark.asyncio
async def test_manual_acknowledgement_holds_back_later_updates() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(command_task("t", "true"))
        driver = SchedulerDriver(cluster.url, framework(), scheduler, acknowledge="manual")
        async with driver:
            for state in LIFE:
                await scheduler.wait_state("t", state)
                assert scheduler.states("t")[-1] == state
                await driver.acknowledge(scheduler.statuses[-1])
            # Reconciling gives the last state without a uuid, which asks for nothing.
            await driver.acknowledge(scheduler.statuses[-1])


@pytest.mark.asyncio
async def test_killed_leader_is_replaced_and_tasks_go_on() -> None:
    async with Cluster(masters=2, master_flags=FAST_MASTER) as cluster:
        assert cluster.zk is not None
        scheduler = Recorder(command_task("t", "while [ ! -e go ]; do sleep 0.05; done"))
        settings = SchedulerSettings(reconcile_retry_ms=50, reconcile_retry_max_ms=200)
        async with SchedulerDriver(cluster.zk, framework(), scheduler, settings=settings) as driver:
            await scheduler.wait_state("t", "TASK_RUNNING")
            # By the time of an answer the acknowledgement has arrived as well, most likely; if
            # not the agent repeats its update, after 10 s.
            await driver.reconcile([("t", None)])
            await scheduler.wait(lambda: not scheduler.statuses[-1].uuid)
            framework_id, before = driver.framework_id, driver.master
            scheduler.statuses.clear()
            await cluster.kill_leader()
            await scheduler.wait(lambda: "resubscribed" in scheduler.log)
            assert driver.framework_id == framework_id
            assert driver.master == cluster.url != before
            await cluster.wait_for_agents(1)
            # Asked for again until the agent is back, and answered then.
            await scheduler.wait(
                lambda: any(
                    one.reason == mesos_pb2.TaskStatus.REASON_RECONCILIATION
                    and one.state == mesos_pb2.TASK_RUNNING
                    for one in scheduler.statuses
                )
            )
            (sandbox,) = cluster.directory.glob("agent*/slaves/*/frameworks/*/executors/t/runs/*-*")
            (sandbox / "go").touch()
            await scheduler.wait_state("t", "TASK_FINISHED")
        assert scheduler.log.index("disconnected") < scheduler.log.index("resubscribed")


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["memory", "file", "zookeeper"])
async def test_framework_comes_back_by_its_stored_id(kind: str, tmp_path: Path) -> None:
    async with Cluster(with_zookeeper=True, master_flags=FAST_MASTER) as cluster:
        assert cluster.zk is not None
        store: FrameworkIdStore = MemoryFrameworkId()
        if kind == "file":
            store = FileFrameworkId(tmp_path / "id")
        elif kind == "zookeeper":
            store = ZooKeeperFrameworkId(f"{cluster.zk}/frameworks/test")
        first = Recorder(command_task("t", "while [ ! -e go ]; do sleep 0.05; done"))
        driver = SchedulerDriver(cluster.url, framework(), first, framework_ids=store)
        async with driver:
            await first.wait_state("t", "TASK_RUNNING")
            framework_id, known = driver.framework_id, dict(driver.known_tasks)
            await driver.stop(failover=True)
        assert await store.load() == framework_id
        second = Recorder()
        async with SchedulerDriver(
            cluster.url, framework(), second, framework_ids=store, tasks=known.items()
        ) as driver:
            assert driver.framework_id == framework_id
            await second.wait(lambda: bool(second.statuses))
            assert second.statuses[0].state == mesos_pb2.TASK_RUNNING
            await driver.kill("t")
            await second.wait_state("t", "TASK_KILLED")
        assert await store.load() is None


@pytest.mark.asyncio
async def test_second_driver_with_the_same_id_ends_the_first() -> None:
    async with Cluster(agents=0) as cluster:
        first = SchedulerDriver(cluster.url, framework(), Recorder())
        with pytest.raises(SubscriptionRefused, match="Framework failed over"):
            async with first:
                info = framework(id=mesos_pb2.FrameworkID(value=first.framework_id))
                async with SchedulerDriver(cluster.url, info, Recorder()) as second:
                    assert second.framework_id == first.framework_id
                    await asyncio.Event().wait()


@pytest.mark.asyncio
async def test_id_of_a_removed_framework_is_refused_once_and_then_forgotten() -> None:
    async with Cluster(agents=0) as cluster:
        store = MemoryFrameworkId()
        async with SchedulerDriver(cluster.url, framework(), Recorder(), framework_ids=store) as d:
            removed = d.framework_id
        await store.save(removed or "")
        scheduler = Recorder()
        with pytest.raises(SubscriptionRefused, match="Framework has been removed"):
            await SchedulerDriver(cluster.url, framework(), scheduler, framework_ids=store).run()
        assert scheduler.log == ["error: Framework has been removed"]
        async with SchedulerDriver(cluster.url, framework(), Recorder(), framework_ids=store) as d:
            assert d.framework_id != removed


@pytest.mark.asyncio
async def test_standby_master_redirects_to_the_leader() -> None:
    async with Cluster(masters=2, master_flags=FAST_MASTER) as cluster:
        (standby,) = [one for one in cluster.masters if one is not cluster.leader]
        await cluster.wait_for(lambda: standby.leadership.leader is not None)
        scheduler = Recorder(command_task("t", "true"))
        address = f"127.0.0.1:{standby.port}"
        async with SchedulerDriver(address, framework(), scheduler) as driver:
            await scheduler.wait_state("t", "TASK_FINISHED")
            assert driver.master is not None
            assert driver.master.startswith(cluster.url)


@pytest.mark.asyncio
async def test_list_of_masters_is_gone_through() -> None:
    async with Cluster(agents=0) as cluster:
        reserved = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = reserved.sockets[0].getsockname()[1]
        reserved.close()
        await reserved.wait_closed()
        masters = f"127.0.0.1:{port},{cluster.url.removeprefix('http://')}"
        async with SchedulerDriver(masters, framework(), Recorder()) as driver:
            assert driver.master == cluster.url


@pytest.mark.asyncio
async def test_wrong_credential_is_refused_and_the_right_one_is_not(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text('{"credentials":[{"principal":"p","secret":"s"}]}')
    flags = {
        "authenticate_http_frameworks": "true",
        "http_framework_authenticators": "basic",
        "authenticate_http_readwrite": "true",
        "credentials": f"file://{credentials}",
    }
    async with Cluster(agents=0, master_flags=flags) as cluster:
        wrong = mesos_pb2.Credential(principal="p", secret="x")
        with pytest.raises(CallRefused) as refused:
            await SchedulerDriver(cluster.url, framework(), credential=wrong).run()
        assert refused.value.status == 401
        async with OperatorClient(cluster.url) as operator:
            with pytest.raises(CallRefused, match="401"):
                await operator.get_health()
        right = mesos_pb2.Credential(principal="p", secret="s")
        async with (
            SchedulerDriver(cluster.url, framework(), Recorder(), credential=right) as driver,
            OperatorClient(cluster.url, credential=right) as operator,
        ):
            (seen,) = (await operator.get_frameworks()).frameworks
            assert seen.framework_info.id.value == driver.framework_id
            assert seen.framework_info.principal == "p"


@pytest.mark.asyncio
async def test_update_of_the_framework_is_checked_at_once() -> None:
    async with (
        Cluster(agents=0) as cluster,
        SchedulerDriver(cluster.url, framework(), Recorder()) as driver,
    ):
        changed = driver.framework
        changed.name = "renamed"
        await driver.update_framework(changed)
        assert driver.framework.name == "renamed"
        changed.user = "nobody"
        with pytest.raises(CallRefused, match=r"Updating .* is unsupported"):
            await driver.update_framework(changed)
        assert driver.framework.user == "root"


@pytest.mark.asyncio
async def test_exception_of_a_callback_ends_the_driver_and_is_raised() -> None:
    class Failing(Recorder):
        async def subscribed(self, *_: object) -> None:
            raise ValueError("mine")

    async with Cluster(agents=0) as cluster:
        with pytest.raises(ValueError, match="mine"):
            await SchedulerDriver(cluster.url, framework(), Failing()).run()
        with pytest.raises(ValueError, match="mine"):
            async with SchedulerDriver(cluster.url, framework(), Failing()):
                await asyncio.Event().wait()


@pytest.mark.asyncio
async def test_callback_can_stop_the_driver() -> None:
    log = []

    class Leaving(Scheduler):
        async def subscribed(self, driver: SchedulerDriver, _: notices.Subscribed) -> None:
            await driver.stop()
            log.append("stopped")

    async with Cluster(agents=0) as cluster:
        await SchedulerDriver(cluster.url, framework(), Leaving()).run()
        assert log == ["stopped"]


@pytest.mark.asyncio
async def test_cancelled_driver_leaves_the_framework_for_another() -> None:
    async with Cluster(agents=0) as cluster:
        scheduler = Recorder()
        driver = SchedulerDriver(cluster.url, framework(), scheduler)
        running = asyncio.create_task(driver.run())
        await driver.wait_subscribed()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        with pytest.raises(NotSubscribed):
            await driver.revive()
        async with OperatorClient(cluster.url) as operator:
            (left,) = (await operator.get_frameworks()).frameworks
            assert left.framework_info.id.value == driver.framework_id


def test_framework_without_user_gets_that_of_the_process() -> None:
    info = framework()
    info.ClearField("user")
    assert SchedulerDriver("127.0.0.1:1", info).framework.user == getpass.getuser()
