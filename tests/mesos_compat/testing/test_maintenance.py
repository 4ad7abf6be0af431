"""Maintenance of a whole cluster's machines."""

from __future__ import annotations

import time
from typing import Any

import pytest

from conformance.mesos.rawscheduler import Json
from tests.mesos_compat.testing.operating import Refused, Site, waiting_task

pytestmark = pytest.mark.asyncio

MACHINE = {"hostname": "127.0.0.1", "ip": "127.0.0.1"}
NOWHERE = {"hostname": "nowhere"}


def schedule(*machines: Json) -> Json:
    start = {"nanoseconds": time.time_ns() + 3600 * 10**9}
    unavailability = {"start": start, "duration": {"nanoseconds": 3600 * 10**9}}
    return {"windows": [{"machine_ids": list(machines), "unavailability": unavailability}]}


async def test_machine_is_scheduled_drained_brought_down_and_up() -> None:
    async with Site() as site:
        scheduler = site.scheduler
        await scheduler.run(waiting_task("one", site.cluster))
        held = await scheduler.wait_offer()
        planned = schedule(MACHINE)
        await site.master(
            "UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": planned}
        )
        assert (await site.master("GET_MAINTENANCE_SCHEDULE"))["schedule"] == planned
        # Who uses the agent is asked to leave, and what is offered of it says till when.
        rescinded = await scheduler.wait_event("RESCIND")
        assert rescinded["rescind"]["offer_id"] == held["id"]
        asked = await scheduler.wait(lambda: next(iter(scheduler.inverse_offers.values()), None))
        window = planned["windows"][0]["unavailability"]
        assert asked["unavailability"] == window
        assert (await scheduler.wait_offer())["unavailability"] == window
        await scheduler.raw.call(
            "ACCEPT_INVERSE_OFFERS",
            accept_inverse_offers={"inverse_offer_ids": [asked["id"]]},
        )
        assert await inverse_answers(site) == ["ACCEPT"]
        with pytest.raises(Refused, match=r"400 .* is not in DOWN mode and cannot be brought up"):
            await site.master("STOP_MAINTENANCE", stop_maintenance={"machines": [MACHINE]})
        await site.master("START_MAINTENANCE", start_maintenance={"machines": [MACHINE]})
        status = await scheduler.wait_state("one", "TASK_LOST")
        assert status["message"].endswith("removed: Operator initiated 'Machine DOWN'")
        assert await site.agent.wait_ended() is None
        found = (await site.master("GET_MAINTENANCE_STATUS"))["status"]
        assert found == {"down_machines": [MACHINE]}
        await site.master("STOP_MAINTENANCE", stop_maintenance={"machines": [MACHINE]})
        assert (await site.master("GET_MAINTENANCE_SCHEDULE"))["schedule"] == {}
        await site.cluster.add_agent()
        await scheduler.run(waiting_task("two", site.cluster))


async def inverse_answers(site: Site) -> list[str]:
    """What frameworks have answered for the machine that is to go."""
    while True:
        (machine,) = (await site.master("GET_MAINTENANCE_STATUS"))["status"]["draining_machines"]
        if answers := [one["status"] for one in machine.get("statuses", [])]:
            return answers


async def test_older_endpoints_do_the_same() -> None:
    async with Site() as site:
        planned = schedule(MACHINE, NOWHERE)
        await older(site, "/maintenance/schedule", planned)
        assert await site.get("/maintenance/schedule") == planned
        machines = (await site.get("/maintenance/status"))["draining_machines"]
        assert [one["id"] for one in machines] == [MACHINE, NOWHERE]
        await older(site, "/machine/down", [MACHINE])
        assert (await site.get("/maintenance/status"))["down_machines"] == [MACHINE]
        assert await site.agent.wait_ended() is None
        # Agents of a machine that is down are sent away again.
        again = await site.cluster.add_agent({"ip": "127.0.0.1"})
        assert await again.wait_ended() is None
        await older(site, "/machine/up", [MACHINE])
        windows = (await site.get("/maintenance/schedule"))["windows"]
        assert [one["machine_ids"] for one in windows] == [[NOWHERE]]
        for path, body, why in (
            ("/machine/up", [NOWHERE], "is not in DOWN mode and cannot be brought up"),
            ("/machine/down", [{"hostname": "x"}], "is not part of a maintenance schedule"),
            ("/machine/down", [{}], "Both 'hostname' and 'ip' for a machine are empty"),
            (
                "/maintenance/schedule",
                schedule(),
                "List of machines in the maintenance window is empty",
            ),
            (
                "/maintenance/schedule",
                schedule(MACHINE, MACHINE),
                "appears more than once in the schedule",
            ),
        ):
            with pytest.raises(Refused, match=f"400 .*{why}"):
                await older(site, path, body)


async def older(site: Site, path: str, body: Any) -> None:
    async with site.http.post(f"{site.cluster.url}{path}", json=body) as answer:
        if answer.status != 200:
            raise Refused(answer.status, await answer.text())
