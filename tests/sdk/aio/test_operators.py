"""The operator clients with clusters of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mesos_compat.testing import Cluster
from mesos_compat.wire.v1 import maintenance_pb2, master_pb2, mesos_pb2, quota_pb2
from mesos_compat.wire.v1.agent_pb2 import ProcessIO
from mesozoic.aio import AgentClient, OperatorClient, SchedulerDriver
from mesozoic.aio.process_streams import stdin, window_size
from mesozoic.aio.transport import Codec
from mesozoic.errors import CallRefused, Unreachable
from tests.sdk.aio.scenes import FAST_MASTER, WAIT_S, Recorder, command_task, framework, scalar


def reserved_disk(size_mb: float) -> mesos_pb2.Resource:
    resource = scalar("disk", size_mb)
    resource.reservations.add(type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role="r")
    return resource


def volume(size_mb: float) -> mesos_pb2.Resource:
    resource = reserved_disk(size_mb)
    resource.disk.persistence.id = "v"
    resource.disk.volume.container_path = "data"
    resource.disk.volume.mode = mesos_pb2.Volume.RW
    return resource


@pytest.mark.asyncio
@pytest.mark.parametrize("codec", ["protobuf", "json"])
async def test_master_answers_every_question(codec: Codec) -> None:
    async with Cluster() as cluster, OperatorClient(cluster.url, codec=codec) as operator:
        assert await operator.get_health()
        assert (await operator.get_flags())["registry"] == "in_memory"
        assert (await operator.get_version()).version
        assert (await operator.get_metrics(5.0))["master/slaves_active"] == 1.0
        await operator.set_logging_level(1, 60.0)
        assert await operator.get_logging_level() == 1
        (agent,) = (await operator.get_agents()).agents
        state = await operator.get_state()
        assert state.get_agents.agents[0].agent_info.id == agent.agent_info.id
        assert not (await operator.get_frameworks()).frameworks
        assert not (await operator.get_executors()).executors
        assert not (await operator.get_tasks()).tasks
        assert await operator.get_operations() == []
        assert [role.name for role in await operator.get_roles()] == []
        info = (await operator.get_master()).master_info
        assert info.port == cluster.masters[0].port
        with pytest.raises(CallRefused) as refused:
            await operator.read_file("/no/such/file")
        assert refused.value.status == 404
        with pytest.raises(CallRefused):
            await operator.list_files("/no/such/directory")


@pytest.mark.asyncio
async def test_weights_quota_reservations_and_volumes_can_be_changed() -> None:
    async with Cluster() as cluster, OperatorClient(cluster.url) as operator:
        await operator.update_weights([mesos_pb2.WeightInfo(role="r", weight=2.0)])
        assert [one.weight for one in await operator.get_weights()] == [2.0]
        config = quota_pb2.QuotaConfig(role="r")
        config.guarantees["cpus"].value = config.limits["cpus"].value = 1.0
        await operator.update_quota([config])
        assert [one.role for one in (await operator.get_quota()).configs] == ["r"]
        config.guarantees["cpus"].value = config.limits["cpus"].value = 1000.0
        with pytest.raises(CallRefused, match="400"):
            await operator.update_quota([config])
        await operator.update_quota([config], force=True)
        await operator.remove_quota("r")
        request = quota_pb2.QuotaRequest(role="r", guarantee=[scalar("cpus", 1.0)])
        await operator.set_quota(request)
        await operator.remove_quota("r")

        (agent,) = (await operator.get_agents()).agents
        agent_id = agent.agent_info.id
        await operator.reserve_resources(agent_id, [reserved_disk(64)])
        await operator.create_volumes(agent_id, [volume(32)])
        await operator.grow_volume(agent_id, volume(32), reserved_disk(16))
        await operator.shrink_volume(agent_id, volume(48), 16)
        await operator.destroy_volumes(agent_id, [volume(32)])
        await operator.unreserve_resources(agent_id, [reserved_disk(64)])
        with pytest.raises(CallRefused):
            await operator.unreserve_resources(agent_id, [reserved_disk(1_000_000)])


@pytest.mark.asyncio
async def test_agents_can_be_drained_and_maintained() -> None:
    async with Cluster() as cluster, OperatorClient(cluster.url) as operator:
        (agent,) = (await operator.get_agents()).agents
        agent_id = agent.agent_info.id
        await operator.deactivate_agent(agent_id)
        await operator.reactivate_agent(agent_id.value)
        with pytest.raises(CallRefused, match="not deactivated"):
            await operator.reactivate_agent(agent_id)
        await operator.drain_agent(agent_id, max_grace_period_s=1.5)
        (agent,) = (await operator.get_agents()).agents
        assert agent.drain_info.config.max_grace_period.nanoseconds == 1_500_000_000
        async with asyncio.timeout(WAIT_S):
            while (await operator.get_agents()).agents[0].drain_info.state != mesos_pb2.DRAINED:
                await asyncio.sleep(0)
        await operator.reactivate_agent(agent_id)

        machine = mesos_pb2.MachineID(hostname="elsewhere", ip="10.9.8.7")
        schedule = maintenance_pb2.Schedule()
        window = schedule.windows.add(machine_ids=[machine])
        window.unavailability.start.nanoseconds = 1
        await operator.update_maintenance_schedule(schedule)
        assert await operator.get_maintenance_schedule() == schedule
        await operator.start_maintenance([machine])
        assert len((await operator.get_maintenance_status()).down_machines) == 1
        await operator.stop_maintenance([machine])
        await operator.mark_agent_gone(agent_id)
        with pytest.raises(CallRefused, match="404"):
            await operator.mark_agent_gone("nope")


@pytest.mark.asyncio
async def test_framework_can_be_torn_down() -> None:
    async with Cluster(agents=0) as cluster, OperatorClient(cluster.url) as operator:
        scheduler = Recorder()
        driver = SchedulerDriver(cluster.url, framework(), scheduler)
        await driver.__aenter__()
        await operator.teardown(driver.framework_id or "")
        assert not (await operator.get_frameworks()).frameworks
        await driver.stop(failover=True)
        with pytest.raises(CallRefused, match="400"):
            await operator.teardown("nope")


@pytest.mark.asyncio
async def test_events_go_on_with_the_next_leader() -> None:
    async with Cluster(masters=2) as cluster, asyncio.timeout(WAIT_S):
        assert cluster.zk is not None
        async with OperatorClient(cluster.zk) as operator:
            kinds = []
            agents = 0
            async for event in operator.events():
                kinds.append(master_pb2.Event.Type.Name(event.type))
                # An agent is in the state with which a stream begins, or is told of later.
                agents += len(event.subscribed.get_state.get_agents.agents)
                agents += event.type == master_pb2.Event.AGENT_ADDED
                if kinds == ["SUBSCRIBED", "HEARTBEAT"]:
                    assert agents == 1
                    await cluster.kill_leader()
                if agents == 2:
                    break
        assert kinds[:2] == ["SUBSCRIBED", "HEARTBEAT"]
        assert kinds.count("SUBSCRIBED") == 2


@pytest.mark.asyncio
async def test_call_that_nobody_takes_says_so() -> None:
    async with OperatorClient("127.0.0.1:1") as operator:
        with pytest.raises(Unreachable):
            await operator.get_health()


@pytest.mark.asyncio
@pytest.mark.parametrize("codec", ["protobuf", "json"])
async def test_agent_answers_every_question(codec: Codec) -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(command_task("t", "sleep 60"))
        async with (
            SchedulerDriver(cluster.url, framework(), scheduler) as driver,
            OperatorClient(cluster.url, codec=codec) as operator,
        ):
            await scheduler.wait_state("t", "TASK_RUNNING")
            agent_id = scheduler.statuses[0].agent_id.value
            agent = await operator.agent_by_id(agent_id)
            assert (await agent.get_agent()).agent_info.id.value == agent_id
            assert await agent.get_health()
            assert "work_dir" in await agent.get_flags()
            assert (await agent.get_version()).version
            assert (await agent.get_metrics())["slave/tasks_running"] == 1.0
            await agent.set_logging_level(1, 60.0)
            assert await agent.get_logging_level() == 1
            (launched,) = (await agent.get_tasks()).launched_tasks
            assert launched.task_id.value == "t"
            assert (await agent.get_state()).get_tasks.launched_tasks[0] == launched
            (shown,) = (await agent.get_frameworks()).frameworks
            assert shown.framework_info.id.value == driver.framework_id
            assert len((await agent.get_executors()).executors) == 1
            assert await agent.get_operations() == []
            (container,) = await agent.get_containers()
            assert container.executor_id.value == "t"
            files = await agent.list_files(f"/{'/'.join(_virtual(cluster, driver, agent_id))}")
            names = {one.path.rpartition("/")[2] for one in files}
            assert {"stdout", "stderr"} <= names
            with pytest.raises(CallRefused):
                await operator.agent_by_id("nope")


def _virtual(cluster: Cluster, driver: SchedulerDriver, agent_id: str) -> list[str]:
    work = next(iter(cluster.directory.glob("agent*")))
    parts = ["slaves", agent_id, "frameworks", driver.framework_id or "", "executors", "t"]
    return [*str(work).strip("/").split("/"), *parts, "runs", "latest"]


async def _heard(stream: AsyncIterator[ProcessIO], wanted: bytes) -> bytes:
    heard = b""
    async with asyncio.timeout(WAIT_S):
        async for one in stream:
            heard += one.data.data
            if wanted in heard:
                break
    return heard


@pytest.mark.asyncio
@pytest.mark.parametrize("codec", ["protobuf", "json"])
async def test_command_beside_a_task_can_be_talked_to(codec: Codec) -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(command_task("t", "sleep 60"))
        agent = AgentClient(f"127.0.0.1:{cluster.agents[0].port}", codec=codec)
        async with SchedulerDriver(cluster.url, framework(), scheduler), agent:
            await scheduler.wait_state("t", "TASK_RUNNING")
            (container,) = await agent.get_containers()
            session = mesos_pb2.ContainerID(value="session")
            session.parent.CopyFrom(container.container_id)
            command = mesos_pb2.CommandInfo(value="read line; echo heard $line; exit 3")
            async with await agent.launch_nested_container_session(session, command) as stream:

                async def typed() -> AsyncIterator[ProcessIO]:
                    yield stdin(b"hello\n")
                    yield stdin(b"")

                await agent.attach_container_input(session, typed())
                assert b"heard hello\n" in await _heard(aiter(stream), b"heard hello\n")


@pytest.mark.asyncio
async def test_containers_can_be_launched_awaited_killed_and_removed() -> None:
    async with Cluster(master_flags=FAST_MASTER) as cluster:
        scheduler = Recorder(command_task("t", "sleep 60"))
        agent = AgentClient(f"127.0.0.1:{cluster.agents[0].port}")
        async with SchedulerDriver(cluster.url, framework(), scheduler), agent:
            await scheduler.wait_state("t", "TASK_RUNNING")
            (container,) = await agent.get_containers()
            nested = mesos_pb2.ContainerID(value="nested")
            nested.parent.CopyFrom(container.container_id)
            await agent.launch_container(nested, mesos_pb2.CommandInfo(value="exit 3"))
            async with asyncio.timeout(WAIT_S):
                ended = await agent.wait_container(nested)
            assert ended.exit_status == 3 << 8
            await agent.remove_container(nested)
            with pytest.raises(CallRefused, match="404"):
                await agent.wait_container(nested)
            nested.value = "killed"
            terminal = mesos_pb2.ContainerInfo(
                type=mesos_pb2.ContainerInfo.MESOS, tty_info=mesos_pb2.TTYInfo()
            )
            command = mesos_pb2.CommandInfo(value="read line; stty size; sleep 60")
            await agent.launch_container(nested, command, container=terminal)

            async def typed() -> AsyncIterator[ProcessIO]:
                yield window_size(12, 34)
                yield stdin(b"\n")

            async with await agent.attach_container_output(nested) as output:
                await agent.attach_container_input(nested, typed())
                assert b"12 34" in await _heard(aiter(output), b"12 34")
                await agent.kill_container(nested)
            async with asyncio.timeout(WAIT_S):
                ended = await agent.wait_container(nested)
            assert ended.exit_status == 9
