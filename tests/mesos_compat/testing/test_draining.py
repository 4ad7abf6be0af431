"""Agents of whole clusters that are drained, deactivated, and given up by operators."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.mesos.rawscheduler import Json, command_task
from tests.mesos_compat.testing.operating import Refused, Site, waiting_task

pytestmark = pytest.mark.asyncio


async def drain(site: Site, **more: Any) -> Json:
    (agent_id,) = site.agent_ids()
    await site.master("DRAIN_AGENT", drain_agent={"agent_id": agent_id, **more})
    return agent_id


async def agent_of(site: Site) -> Any:
    (agent,) = (await site.master("GET_AGENTS"))["agents"]
    return agent


async def wait_drained(site: Site) -> None:
    leader = site.cluster.leader
    assert leader is not None
    (agent,) = leader.core.state.agents.values()
    await site.cluster.wait_for(lambda: agent.drain_info is not None and not agent.is_draining)


async def test_drained_agent_has_killed_its_tasks_and_is_offered_no_more() -> None:
    async with Site() as site:
        scheduler = site.scheduler
        await scheduler.run(waiting_task("one", site.cluster))
        await scheduler.launch_group("group", command_task("two", "sleep 1000"))
        await scheduler.wait_state("two", "TASK_RUNNING")
        held = await scheduler.wait_offer()
        agent_id = await drain(site)
        rescinded = await scheduler.wait_event("RESCIND")
        assert rescinded["rescind"]["offer_id"] == held["id"]
        for task_id in ("one", "two"):
            status = await scheduler.wait_state(task_id, "TASK_KILLED")
            assert status["reason"] == "REASON_AGENT_DRAINING"
        await wait_drained(site)
        agent = await agent_of(site)
        assert (agent["active"], agent["deactivated"]) == (False, True)
        assert agent["drain_info"]["state"] == "DRAINED"
        assert "estimated_drain_start_time" in agent
        assert not scheduler.offers
        # Until it is wanted again.
        await site.master("REACTIVATE_AGENT", reactivate_agent={"agent_id": agent_id})
        await scheduler.run(waiting_task("three", site.cluster))
        assert "drain_info" not in await agent_of(site)


async def test_task_that_does_not_want_to_end_is_killed_when_the_grace_period_is_over() -> None:
    async with Site() as site:
        command = "trap '' TERM; touch up; while :; do sleep 0.01; done"
        task = {**command_task("one", command), "kill_policy": {"grace_period": {}}}
        task["kill_policy"]["grace_period"]["nanoseconds"] = 3600 * 10**9
        await site.scheduler.run(task)
        pattern = "agent*/slaves/*/frameworks/*/executors/one/runs/*/up"
        await site.cluster.wait_for(lambda: any(site.cluster.directory.glob(pattern)))
        await drain(site, max_grace_period={"seconds": 0, "nanos": 300_000_000})
        await site.cluster.wait_for(lambda: site.agent.core.state.drain_config is not None)
        config = (await site.of_agent("GET_AGENT"))["drain_config"]
        assert config["max_grace_period"] == {"nanoseconds": 300_000_000}
        await site.scheduler.wait_state("one", "TASK_KILLED")
        await wait_drained(site)


async def test_agent_that_is_drained_without_tasks_is_drained_at_once() -> None:
    async with Site() as site:
        agent_id = await drain(site)
        await wait_drained(site)
        with pytest.raises(Refused, match="400 Unknown agent"):
            await site.master("DRAIN_AGENT", drain_agent={"agent_id": {"value": "nobody"}})
        # It stays so when it comes back, with another master as well.
        await site.cluster.restart_agent(site.agent)
        await site.cluster.wait_for_agents(1)
        agent = await agent_of(site)
        assert agent["agent_info"]["id"] == agent_id
        assert agent["drain_info"]["state"] == "DRAINED"


async def test_agent_goes_on_draining_after_its_restart() -> None:
    async with Site() as site:
        command = "trap '' TERM; touch up; while :; do sleep 0.01; done"
        task = {**command_task("one", command), "kill_policy": {"grace_period": {}}}
        task["kill_policy"]["grace_period"]["nanoseconds"] = 1 * 10**9
        await site.scheduler.run(task)
        pattern = "agent*/slaves/*/frameworks/*/executors/one/runs/*/up"
        await site.cluster.wait_for(lambda: any(site.cluster.directory.glob(pattern)))
        await drain(site)
        await site.cluster.restart_agent(site.agent)
        status = await site.scheduler.wait_state("one", "TASK_KILLED")
        assert status["reason"] == "REASON_AGENT_DRAINING"
        await site.cluster.wait_for_agents(1)
        await wait_drained(site)


async def test_agent_that_is_drained_for_good_is_gone_afterwards() -> None:
    async with Site(agents=2) as site:
        scheduler = site.scheduler
        await scheduler.run(waiting_task("one", site.cluster))
        agent_id = scheduler.of("one")[-1]["agent_id"]
        body = {"agent_id": agent_id, "mark_gone": True}
        await site.master("DRAIN_AGENT", drain_agent=body)
        status = await scheduler.wait_state("one", "TASK_GONE_BY_OPERATOR")
        assert status["reason"] == "REASON_AGENT_DRAINING"
        failure = await scheduler.wait_event("FAILURE")
        assert failure["failure"]["agent_id"] == agent_id
        assert agent_id not in site.agent_ids()
        with pytest.raises(Refused, match="400 "):
            await site.master("REACTIVATE_AGENT", reactivate_agent={"agent_id": agent_id})


async def test_deactivated_agent_is_not_offered_and_its_tasks_go_on() -> None:
    async with Site() as site:
        scheduler = site.scheduler
        await scheduler.run(waiting_task("one", site.cluster))
        await scheduler.wait_offer()
        (agent_id,) = site.agent_ids()
        who = {"agent_id": agent_id}
        with pytest.raises(Refused, match="400 Agent is not deactivated"):
            await site.master("REACTIVATE_AGENT", reactivate_agent=who)
        await site.master("DEACTIVATE_AGENT", deactivate_agent=who)
        await site.master("DEACTIVATE_AGENT", deactivate_agent=who)
        await scheduler.wait_event("RESCIND")
        agent = await agent_of(site)
        assert (agent["active"], agent["deactivated"]) == (False, True)
        (site.cluster.directory / "one").touch()
        await scheduler.wait_state("one", "TASK_FINISHED")
        assert not scheduler.offers
        await site.master("REACTIVATE_AGENT", reactivate_agent=who)
        await scheduler.wait_offer()


async def test_agent_that_is_marked_gone_takes_its_tasks_along_and_may_not_come_back() -> None:
    async with Site() as site:
        scheduler = site.scheduler
        await scheduler.run(waiting_task("one", site.cluster))
        (agent_id,) = site.agent_ids()
        await scheduler.wait_offer()
        who = {"agent_id": agent_id}
        await site.master("MARK_AGENT_GONE", mark_agent_gone=who)
        await site.master("MARK_AGENT_GONE", mark_agent_gone=who)
        status = await scheduler.wait_state("one", "TASK_GONE_BY_OPERATOR")
        assert status["reason"] == "REASON_AGENT_REMOVED_BY_OPERATOR"
        assert status["message"] == "Agent has been marked gone"
        await scheduler.wait_event("FAILURE")
        kinds = [one["type"] for one in scheduler.events]
        assert kinds[kinds.index("RESCIND") - 1 :] == ["UPDATE", "RESCIND", "FAILURE"]
        with pytest.raises(Refused, match="404 Agent 'nobody' not found"):
            await site.master("MARK_AGENT_GONE", mark_agent_gone={"agent_id": {"value": "nobody"}})
        # It is told to end, and its containers with it.
        assert await site.agent.wait_ended() is None
        tasks = (await site.master("GET_TASKS"))["completed_tasks"]
        assert [one["state"] for one in tasks] == ["TASK_GONE_BY_OPERATOR"]
