"""Reservations and persistent volumes of whole clusters, by frameworks and by operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.mesos.rawscheduler import Json, amount, command_task
from tests.mesos_compat.testing.operating import Refused, Scheduler, Site

pytestmark = pytest.mark.asyncio

ROLE = "data"


def reserved(name: str, value: float, **more: Any) -> Json:
    """A resource reserved for our role."""
    reservation = {"type": "DYNAMIC", "role": ROLE}
    scalar = {"value": value}
    return {
        "name": name,
        "type": "SCALAR",
        "scalar": scalar,
        "reservations": [reservation],
        **more,
    }


def volume(size: float, persistence_id: str = "v1") -> Json:
    path = {"container_path": "data", "mode": "RW"}
    disk = {"persistence": {"id": persistence_id}, "volume": path}
    return reserved("disk", size, disk=disk)


def reserve(*resources: Json, operation_id: str | None = None) -> Json:
    return operation("RESERVE", "reserve", {"resources": list(resources)}, operation_id)


def operation(kind: str, member: str, body: Json, operation_id: str | None = None) -> Json:
    made: Json = {"type": kind, member: body}
    if operation_id is not None:
        made["id"] = {"value": operation_id}
    return made


def has(offer: Json, persistence_id: str = "v1", size: float | None = None) -> bool:
    """Whether a volume is offered, of that size."""
    for one in offer["resources"]:
        if one.get("disk", {}).get("persistence", {}).get("id") == persistence_id:
            return size is None or one["scalar"]["value"] == size
    return False


def reserved_amount(offer: Json, name: str) -> float:
    kept = [one for one in offer["resources"] if one.get("reservations")]
    return amount({"resources": kept}, name)


async def make_volume(scheduler: Scheduler) -> None:
    offer = await scheduler.wait_offer()
    await scheduler.accept(
        offer,
        reserve(reserved("disk", 64)),
        operation("CREATE", "create", {"volumes": [volume(64)]}),
    )


def volume_task(task_id: str, command: str, size: float = 64) -> Json:
    task = command_task(task_id, command)
    task["resources"].append(volume(size))
    return task


def path_of(site: Site, persistence_id: str = "v1") -> Path:
    """Where an agent keeps the volume, if it does."""
    work_dir = next(iter(site.cluster.directory.glob("agent*")))
    return work_dir / "volumes" / "roles" / ROLE / persistence_id


async def test_what_a_task_writes_into_a_volume_another_reads() -> None:
    async with Site(role=ROLE) as site:
        scheduler = site.scheduler
        await make_volume(scheduler)
        writes = volume_task("writes", "echo kept > data/file")
        await scheduler.launch(writes, fits=has)
        await scheduler.wait_state("writes", "TASK_FINISHED")
        reads = volume_task("reads", "grep kept data/file && ! grep -q other data/file")
        await scheduler.launch(reads, fits=has)
        await scheduler.wait_state("reads", "TASK_FINISHED")
        assert (path_of(site) / "file").read_text() == "kept\n"


async def test_volume_that_is_destroyed_takes_its_directory_along() -> None:
    async with Site(role=ROLE) as site:
        scheduler = site.scheduler
        await make_volume(scheduler)
        offer = await scheduler.wait_offer(has)
        await site.cluster.wait_for(path_of(site).is_dir)
        destroy = operation("DESTROY", "destroy", {"volumes": [volume(64)]})
        unreserve = operation("UNRESERVE", "unreserve", {"resources": [reserved("disk", 64)]})
        await scheduler.accept(offer, destroy, unreserve)
        offer = await scheduler.wait_offer(lambda one: not has(one))
        assert reserved_amount(offer, "disk") == 0
        await site.cluster.wait_for(lambda: not path_of(site).exists())


async def test_volume_in_use_cannot_be_destroyed() -> None:
    async with Site(role=ROLE) as site:
        scheduler = site.scheduler
        await make_volume(scheduler)
        await scheduler.run(volume_task("one", "sleep 1000"), fits=has)
        destroy = operation("DESTROY", "destroy", {"volumes": [volume(64)]}, "o1")
        await scheduler.accept(await scheduler.wait_offer(), destroy)
        status = await scheduler.wait_operation("o1")
        assert status["state"] == "OPERATION_ERROR"
        await site.cluster.wait_for(path_of(site).is_dir)


async def test_volume_grows_and_shrinks_and_keeps_what_is_in_it() -> None:
    async with Site(role=ROLE) as site:
        scheduler = site.scheduler
        await make_volume(scheduler)
        await scheduler.launch(volume_task("writes", "echo kept > data/file"), fits=has)
        await scheduler.wait_state("writes", "TASK_FINISHED")
        offer = await scheduler.wait_offer(lambda one: has(one) and amount(one, "disk") >= 100)
        await scheduler.accept(offer, reserve(reserved("disk", 36)))
        offer = await scheduler.wait_offer(lambda one: reserved_amount(one, "disk") == 100)
        body = {"volume": volume(64), "addition": reserved("disk", 36)}
        await scheduler.accept(offer, operation("GROW_VOLUME", "grow_volume", body, "grown"))
        assert (await scheduler.wait_operation("grown"))["state"] == "OPERATION_FINISHED"
        offer = await scheduler.wait_offer(lambda one: has(one, size=100))
        body = {"volume": volume(100), "subtract": {"value": 90}}
        await scheduler.accept(offer, operation("SHRINK_VOLUME", "shrink_volume", body, "shrunk"))
        assert (await scheduler.wait_operation("shrunk"))["state"] == "OPERATION_FINISHED"
        offer = await scheduler.wait_offer(lambda one: has(one, size=10))
        assert reserved_amount(offer, "disk") == 100
        assert (path_of(site) / "file").read_text() == "kept\n"


async def test_outcome_of_an_operation_is_told_and_can_be_asked_for() -> None:
    async with Site(role=ROLE) as site:
        scheduler = site.scheduler
        offer = await scheduler.wait_offer()
        await scheduler.accept(
            offer,
            reserve(reserved("cpus", 1), operation_id="good"),
            reserve(reserved("cpus", 1000), operation_id="bad"),
        )
        good, bad = [await scheduler.wait_operation(one) for one in ("good", "bad")]
        assert (good["state"], bad["state"]) == ("OPERATION_FINISHED", "OPERATION_ERROR")
        assert good["agent_id"] == offer["agent_id"]
        assert "uuid" in good
        assert "uuid" not in bad
        # What was acknowledged is forgotten, as what never was.
        leader = site.cluster.leader
        assert leader is not None
        (agent,) = leader.core.state.agents.values()
        await site.cluster.wait_for(lambda: not agent.operations)
        seen = len(scheduler.operation_statuses)
        who = {"operation_id": {"value": "good"}, "agent_id": offer["agent_id"]}
        await scheduler.raw.call("RECONCILE_OPERATIONS", reconcile_operations={"operations": [who]})
        await scheduler.wait(lambda: len(scheduler.operation_statuses) > seen)
        assert scheduler.operation_statuses[-1]["state"] == "OPERATION_UNKNOWN"


async def test_reservations_and_volumes_outlive_the_agent_that_keeps_them() -> None:
    async with Site(role=ROLE) as site:
        scheduler = site.scheduler
        await make_volume(scheduler)
        await scheduler.launch(volume_task("writes", "echo kept > data/file"), fits=has)
        await scheduler.wait_state("writes", "TASK_FINISHED")
        await site.cluster.restart_agent(site.agent)
        await site.cluster.wait_for_agents(1)
        await scheduler.launch(volume_task("reads", "grep kept data/file"), fits=has)
        await scheduler.wait_state("reads", "TASK_FINISHED")


async def test_task_goes_on_with_its_volume_while_its_agent_is_restarted() -> None:
    async with Site(role=ROLE) as site:
        scheduler = site.scheduler
        await make_volume(scheduler)
        go = site.cluster.directory / "go"
        command = f"while [ ! -e {go} ]; do sleep 0.02; done; echo kept > data/file"
        await scheduler.run(volume_task("one", command), fits=has)
        await site.cluster.restart_agent(site.agent)
        await site.cluster.wait_for_agents(1)
        (agent,) = (await site.master("GET_AGENTS"))["agents"]
        used = [one for one in agent["allocated_resources"] if one["name"] == "disk"]
        assert [one["scalar"]["value"] for one in used] == [64.0]
        go.touch()
        await scheduler.wait_state("one", "TASK_FINISHED")
        assert (path_of(site) / "file").read_text() == "kept\n"


# By operators.


async def test_operator_reserves_and_makes_volumes_of_what_is_offered() -> None:
    async with Site(role=ROLE) as site:
        scheduler = site.scheduler
        (agent_id,) = site.agent_ids()
        held = await scheduler.wait_offer()

        async def change(kind: str, **body: Any) -> None:
            await site.master(kind, **{kind.lower(): {"agent_id": agent_id, **body}})

        await change("RESERVE_RESOURCES", resources=[reserved("disk", 64), reserved("cpus", 1)])
        # What was offered has been taken back.
        rescinded = await scheduler.wait_event("RESCIND")
        assert rescinded["rescind"]["offer_id"] == held["id"]
        await change("CREATE_VOLUMES", volumes=[volume(64)])
        await scheduler.launch(volume_task("writes", "echo kept > data/file"), fits=has)
        await scheduler.wait_state("writes", "TASK_FINISHED")
        await change("SHRINK_VOLUME", volume=volume(64), subtract={"value": 32})
        await change("GROW_VOLUME", volume=volume(32), addition=reserved("disk", 16))
        reads = volume_task("reads", "cat data/file", 48)
        await scheduler.launch(reads, fits=lambda one: has(one, size=48))
        await scheduler.wait_state("reads", "TASK_FINISHED")
        with pytest.raises(Refused, match=r"400 .*destroy the persistent volume first"):
            await change("UNRESERVE_RESOURCES", resources=[volume(48)])
        await change("DESTROY_VOLUMES", volumes=[volume(48)])
        resources = [reserved("disk", 64), reserved("cpus", 1)]
        with pytest.raises(Refused, match="409 "):
            await change("UNRESERVE_RESOURCES", resources=[reserved("disk", 65)])
        await change("UNRESERVE_RESOURCES", resources=resources)
        # What was taken back is not offered again for five seconds, unless it is asked for.
        await scheduler.raw.call("REVIVE")
        await scheduler.wait_offer(lambda one: reserved_amount(one, "disk") == 0)
        (agent,) = (await site.master("GET_AGENTS"))["agents"]
        assert not any(one.get("reservations") for one in agent["total_resources"])
        await site.cluster.wait_for(lambda: not path_of(site).exists())


async def test_operator_reserves_and_makes_volumes_by_older_endpoints() -> None:
    async with Site(agents=1, role=ROLE) as site:
        (agent_id,) = site.agent_ids()
        who = {"slaveId": agent_id["value"]}
        older = {"name": "disk", "type": "SCALAR", "scalar": {"value": 64}, "role": ROLE}
        older["reservation"] = {}
        disk = volume(64)["disk"]
        assert await site.post("/reserve", {**who, "resources": [older]}) == 202
        with_disk = {**who, "volumes": [{**older, "disk": disk}]}
        assert await site.post("/create-volumes", with_disk) == 202
        await site.cluster.wait_for(path_of(site).is_dir)
        (shown,) = (await site.get("/slaves"))["slaves"]
        assert shown["reserved_resources"] == {
            ROLE: {"cpus": 0.0, "disk": 64.0, "gpus": 0.0, "mem": 0.0}
        }
        assert await site.post("/destroy-volumes", with_disk) == 202
        assert await site.post("/unreserve", {**who, "resources": [older]}) == 202
        (shown,) = (await site.get("/slaves"))["slaves"]
        assert shown["reserved_resources"] == {}
        for body, why in (
            ({"resources": [older]}, "400 Missing 'slaveId' query parameter in the request body"),
            ({"slaveId": "x", "resources": [older]}, "400 No agent found with specified ID"),
            ({**who, "resources": "x"}, "400 "),
            ({**who, "resources": [{**older, "scalar": {"value": 1e6}}]}, "409 "),
        ):
            with pytest.raises(Refused, match=why):
                await site.post("/reserve", body)
