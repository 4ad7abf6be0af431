"""What operators ask of a whole cluster's master: quota, weights, roles, the end of a framework."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from conformance.mesos.rawscheduler import Json, amount
from tests.mesos_compat.testing.operating import Refused, Scheduler, Site, waiting_task

pytestmark = pytest.mark.asyncio


def quota(role: str, **more: Json) -> Json:
    """``guarantees`` and ``limits`` as numbers by name."""
    config: Json = {"role": role}
    for member, amounts in more.items():
        config[member] = {name: {"value": value} for name, value in amounts.items()}
    return config


async def update_quota(site: Site, *configs: Json, **more: Any) -> None:
    await site.master("UPDATE_QUOTA", update_quota={"quota_configs": list(configs), **more})


async def offered(scheduler: Scheduler, name: str) -> float:
    """How much of a resource a scheduler is offered next."""
    return amount(await scheduler.wait_offer(), name)


async def test_limit_of_a_role_is_kept() -> None:
    async with Site(role="limited") as site:
        await update_quota(site, quota("limited", limits={"cpus": 0.5, "mem": 100.0}))
        scheduler = site.scheduler
        offer = await scheduler.wait_offer(lambda one: amount(one, "cpus") <= 0.5)
        assert (amount(offer, "cpus"), amount(offer, "mem")) == (0.5, 100)
        await scheduler.accept(offer)
        await scheduler.run(*(waiting_task(f"t{one}", site.cluster) for one in range(3)))
        assert amount(await scheduler.wait_offer(), "mem") == 100 - 3 * 32
        found = (await site.master("GET_QUOTA"))["status"]["configs"]
        assert found == [quota("limited", limits={"cpus": 0.5, "mem": 100.0})]
        with pytest.raises(Refused, match=r"400 .*'force'"):
            await update_quota(site, quota("limited", limits={"cpus": 0.1}))
        await update_quota(site, quota("limited", limits={"cpus": 0.1}), force=True)
        (shown,) = [one for one in (await site.get("/roles"))["roles"] if one["name"] == "limited"]
        assert shown["quota"]["limit"] == {"cpus": 0.1}
        assert shown["quota"]["consumed"]["mem"] == 3 * 32


async def test_guarantee_is_kept_free_for_the_role_that_has_it() -> None:
    async with Site(role="others") as site:
        await update_quota(site, quota("sure", guarantees={"cpus": 3.0}, limits={"cpus": 3.0}))
        greedy = site.scheduler
        offer = await greedy.wait_offer(lambda one: amount(one, "cpus") <= 1)
        async with Scheduler(site.cluster, "sure") as sure:
            assert amount(await sure.wait_offer(), "cpus") == 3
        assert amount(offer, "cpus") == 1
        for configs, why in (
            ([quota("a", guarantees={"cpus": 2.0})], "exceed cluster capacity"),
            ([quota("a/b", guarantees={"cpus": 1.0})], "400 "),
            ([quota("a", guarantees={"cpus": 2.0}, limits={"cpus": 1.0})], "400 "),
        ):
            with pytest.raises(Refused, match=why):
                await update_quota(site, *configs)


async def test_quota_of_old_is_set_shown_and_removed() -> None:
    async with Site() as site:
        guarantee: list[Json] = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}}]
        body = {"role": "old", "guarantee": guarantee}
        await site.master("SET_QUOTA", set_quota={"quota_request": body})
        with pytest.raises(Refused, match=r"400 .*old"):
            await site.master("SET_QUOTA", set_quota={"quota_request": body})
        (info,) = (await site.get("/quota"))["infos"]
        assert (info["role"], info["guarantee"][0]["scalar"]) == ("old", {"value": 1.0})
        await site.master("REMOVE_QUOTA", remove_quota={"role": "old"})
        async with site.http.post(f"{site.cluster.url}/quota", json=body) as answer:
            assert answer.status == 200
        for name, value, status in (("other", 1.0, 200), ("too-much", 100.0, 409)):
            guarantee[0]["scalar"]["value"] = value
            wanted = {"role": name, "guarantee": guarantee}
            async with site.http.post(f"{site.cluster.url}/quota", json=wanted) as answer:
                assert answer.status == status, await answer.text()
        assert await site.post("/quota/old", None, "DELETE") == 200
        with pytest.raises(Refused, match=r"400 .*Role 'old' has no quota set"):
            await site.post("/quota/old", None, "DELETE")
        found = (await site.master("GET_QUOTA"))["status"]["configs"]
        assert [one["role"] for one in found if one.get("guarantees")] == ["other"]


async def test_role_of_more_weight_gets_more() -> None:
    async with Site(agents=0, role="heavy") as site:
        heavy = site.scheduler
        async with Scheduler(site.cluster, "light") as light:
            weights = [{"role": "heavy", "weight": 3.0}]
            await site.master("UPDATE_WEIGHTS", update_weights={"weight_infos": weights})
            for _ in range(4):
                await site.cluster.add_agent({"resources": "cpus:1;mem:64"})
            await heavy.wait(lambda: len(heavy.offers) == 3)
            await light.wait(lambda: len(light.offers) == 1)
        assert (await site.master("GET_WEIGHTS"))["weight_infos"] == weights
        async with site.http.put(
            f"{site.cluster.url}/weights", json=[{"role": "heavy", "weight": 2}]
        ) as answer:
            assert answer.status == 200
        assert await site.get("/weights") == [{"role": "heavy", "weight": 2.0}]
        with pytest.raises(Refused, match="400 "):
            await site.master(
                "UPDATE_WEIGHTS", update_weights={"weight_infos": [{"role": "x", "weight": -1}]}
            )


async def test_quota_weights_and_plans_outlive_the_leading_master() -> None:
    async with Site(agents=0, masters=2) as site:
        await update_quota(site, quota("a", limits={"cpus": 2.0}))
        weights = [{"role": "b", "weight": 2.5}]
        await site.master("UPDATE_WEIGHTS", update_weights={"weight_infos": weights})
        await site.cluster.kill_leader()
        await site.cluster.wait_for_agents(0)
        assert (await site.master("GET_QUOTA"))["status"]["configs"] == [
            quota("a", limits={"cpus": 2.0})
        ]
        assert (await site.master("GET_WEIGHTS"))["weight_infos"] == weights


@pytest.mark.parametrize("is_older", [False, True])
async def test_framework_that_is_torn_down_ends_with_all_its_tasks(*, is_older: bool) -> None:
    async with Site() as site:
        scheduler = site.scheduler
        await scheduler.run(waiting_task("one", site.cluster))
        who = {"value": scheduler.raw.framework_id}
        if is_older:
            assert await site.post("/teardown", {"frameworkId": who["value"]}) == 200
        else:
            await site.master("TEARDOWN", teardown={"framework_id": who})
        # Its stream ends without a word; when it comes back it hears why.
        error = await scheduler.wait_event("ERROR")
        assert error["error"]["message"] == "Framework has been removed"
        await site.cluster.wait_for(lambda: not site.agent.core.state.frameworks)
        found = await site.master("GET_FRAMEWORKS")
        (framework,) = found["completed_frameworks"]
        assert framework["framework_info"]["id"] == who
        (task,) = (await site.master("GET_TASKS"))["completed_tasks"]
        assert task["state"] == "TASK_KILLED"
        with pytest.raises(Refused, match="400 No framework found with specified ID"):
            await site.post("/teardown", {"frameworkId": "nobody"})


async def test_agents_of_a_framework_are_those_where_it_has_something() -> None:
    async with Site(agents=2) as site:
        scheduler, leader = site.scheduler, site.cluster.leader
        assert leader is not None
        (framework,) = leader.core.state.frameworks.values()
        first, second = site.agent_ids()
        await scheduler.run(waiting_task("one", site.cluster), fits=on(first))
        await scheduler.run(waiting_task("two", site.cluster), fits=on(second))
        assert list(framework.agent_ids) == [first["value"], second["value"]]
        (site.cluster.directory / "one").touch()
        await scheduler.wait_state("one", "TASK_FINISHED")
        await site.cluster.wait_for(lambda: list(framework.agent_ids) == [second["value"]])
        await asyncio.gather(*(agent.end_containers() for agent in site.cluster.agents))
        await scheduler.wait_state("two", "TASK_FAILED")
        await site.cluster.wait_for(lambda: not framework.agent_ids)


def on(agent_id: Json) -> Callable[[Json], bool]:
    """Whether an offer is of an agent."""
    return lambda offer: bool(offer["agent_id"] == agent_id)
