"""What operators who subscribe to a master see of what happens in its cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from conformance.mesos.rawscheduler import Json
from tests.mesos_compat.testing.operating import Refused, Scheduler, Site, records, waiting_task

pytestmark = pytest.mark.asyncio


class Watcher:
    """The events of a master, as they come."""

    def __init__(self, stream: AsyncIterator[Json]) -> None:
        self._stream = stream

    async def until(self, kind: str, state: str | None = None) -> list[Json]:
        """All events up to one of a type, of a task in ``state``; no heartbeats."""
        found: list[Json] = []
        async with asyncio.timeout(30):
            async for event in self._stream:
                if event["type"] != "HEARTBEAT":
                    found.append(event)
                if event["type"] == kind and state in (None, state_of(event)):
                    return found
        raise AssertionError(f"the stream has ended after {found}")


def state_of(event: Json) -> str | None:
    """What a task has become."""
    return event["task_updated"]["state"] if event["type"] == "TASK_UPDATED" else None


@asynccontextmanager
async def watching(site: Site) -> AsyncIterator[tuple[Watcher, Any]]:
    url, call = f"{site.cluster.url}/api/v1", {"type": "SUBSCRIBE"}
    async with site.http.post(url, json=call) as response:
        assert response.status == 200
        stream = records(response)
        first, beat = await anext(stream), await anext(stream)
        assert first["type"] == "SUBSCRIBED"
        assert first["subscribed"]["heartbeat_interval_seconds"] == 15.0
        assert beat == {"type": "HEARTBEAT"}
        yield Watcher(stream), first["subscribed"]["get_state"]


def kinds(events: list[Json]) -> list[str]:
    return [one["type"] for one in events]


async def test_events_of_a_task_come_in_the_order_in_which_things_happen() -> None:
    async with Site() as site, watching(site) as (watcher, state):
        assert [one["agent_info"]["hostname"] for one in state["get_agents"]["agents"]]
        framework_id = {"value": site.scheduler.raw.framework_id}
        (framework,) = state["get_frameworks"]["frameworks"]
        assert framework["framework_info"]["id"] == framework_id
        await site.scheduler.launch(waiting_task("one", site.cluster))
        events = await watcher.until("TASK_UPDATED", "TASK_RUNNING")
        (site.cluster.directory / "one").touch()
        events += await watcher.until("TASK_UPDATED", "TASK_FINISHED")
        added = events[0]["task_added"]["task"]
        assert (added["task_id"], added["state"]) == ({"value": "one"}, "TASK_STAGING")
        assert added["framework_id"] == framework_id
        assert set(kinds(events[1:])) == {"TASK_UPDATED"}
        # Each state once; that of one that has just begun may be passed over.
        states = [state_of(one) for one in events[1:]]
        assert states[-2:] == ["TASK_RUNNING", "TASK_FINISHED"]
        assert states[:-2] in ([], ["TASK_STARTING"])
        assert all("data" not in one["task_updated"]["status"] for one in events[1:])


async def test_frameworks_come_and_go() -> None:
    async with Site(agents=0) as site, watching(site) as (watcher, _state):
        async with Scheduler(site.cluster, name="other", failover_timeout=0.0):
            (added,) = await watcher.until("FRAMEWORK_ADDED")
            framework = added["framework_added"]["framework"]
            assert (framework["framework_info"]["name"], framework["active"]) == ("other", True)
        events = await watcher.until("FRAMEWORK_REMOVED")
        removed = events[-1]["framework_removed"]["framework_info"]
        assert removed["id"] == framework["framework_info"]["id"]
        who = {"framework_id": {"value": site.scheduler.raw.framework_id}}
        await site.master("TEARDOWN", teardown=who)
        events = await watcher.until("FRAMEWORK_REMOVED")
        assert events[-1]["framework_removed"]["framework_info"]["name"] == "raw"


async def test_agents_come_and_go() -> None:
    async with Site(agents=0) as site, watching(site) as (watcher, _state):
        agent = await site.cluster.add_agent()
        (added,) = await watcher.until("AGENT_ADDED")
        agent_id = added["agent_added"]["agent"]["agent_info"]["id"]
        assert site.agent_ids() == [agent_id]
        await site.scheduler.run(waiting_task("one", site.cluster))
        await watcher.until("TASK_UPDATED", "TASK_RUNNING")
        # It leaves for good.
        agent.unregister()
        await agent.wait_ended()
        events = await watcher.until("AGENT_REMOVED")
        assert kinds(events) == ["TASK_UPDATED", "AGENT_REMOVED"]
        assert events[0]["task_updated"]["state"] == "TASK_LOST"
        assert events[1]["agent_removed"]["agent_id"] == agent_id


async def test_watcher_of_a_restarted_agent_sees_it_added_again() -> None:
    async with Site() as site:
        await site.scheduler.run(waiting_task("one", site.cluster))
        async with watching(site) as (watcher, state):
            (task,) = state["get_tasks"]["tasks"]
            assert task["state"] == "TASK_RUNNING"
            await site.cluster.restart_agent(site.agent)
            events = await watcher.until("AGENT_ADDED")
            assert kinds(events) == ["AGENT_ADDED"]
            (site.cluster.directory / "one").touch()
            events = await watcher.until("TASK_UPDATED")
            assert events[-1]["task_updated"]["state"] == "TASK_FINISHED"


async def test_too_many_watchers_end_the_oldest() -> None:
    flags = {"max_operator_event_stream_subscribers": "1"}
    async with (
        Site(agents=0, master_flags=flags) as site,
        watching(site) as (watcher, _state),
        watching(site),
    ):
        with pytest.raises(AssertionError, match="the stream has ended"):
            await watcher.until("TASK_ADDED")


async def test_subscription_that_can_be_answered_in_no_type_is_refused() -> None:
    async with Site(agents=0) as site:
        headers = {"Accept": "text/html"}
        url, call = f"{site.cluster.url}/api/v1", {"type": "SUBSCRIBE"}
        async with site.http.post(url, json=call, headers=headers) as answer:
            assert answer.status == 406
        with pytest.raises(Refused, match="400 "):
            await site.master("NONSENSE")
