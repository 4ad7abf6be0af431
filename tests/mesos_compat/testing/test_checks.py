"""What becomes of tasks that are checked, take too long, or are told to end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.mesos.rawscheduler import Json, command_task
from mesos_compat.testing import Cluster
from tests.mesos_compat.testing.operating import Scheduler, Site, waiting_task

pytestmark = pytest.mark.asyncio

#: Often, and from the beginning.
NOW: Json = {"delay_seconds": 0.0, "interval_seconds": 0.05, "timeout_seconds": 20.0}
HEALTH: Json = {**NOW, "grace_period_seconds": 0.0, "consecutive_failures": 2}

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(open('answer').read()))
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, file=open('port.new', 'w'))
os.rename('port.new', 'port')
server.serve_forever()
"""


def shell(text: str) -> Json:
    return {"value": text, "shell": True}


def health_of(status: Json) -> Any:
    return status.get("healthy")


def file_in_sandbox(cluster: Cluster, task_id: str, name: str) -> Path:
    (found,) = cluster.directory.glob(f"agent*/slaves/**/executors/{task_id}/runs/latest")
    return found / name


async def wait_check(scheduler: Scheduler, wanted: Json) -> None:
    """Wait until the check of task t has this result."""
    await wait_status(scheduler, "t", lambda status: status["check_status"] == wanted)


async def wait_status(scheduler: Scheduler, task_id: str, fits: Any) -> Json:
    return await scheduler.wait(
        lambda: next((one for one in scheduler.of(task_id) if fits(one)), None)
    )


async def start_server(site: Site) -> int:
    """A task that serves HTTP; its port."""
    await site.scheduler.run(
        command_task("server", f'echo 200 > answer; exec {sys.executable} -c "{SERVER}"')
    )
    port = file_in_sandbox(site.cluster, "server", "port")
    await site.cluster.wait_for(port.exists)
    return int(port.read_text())


# Health checks.


async def test_a_command_that_fails_makes_the_task_unhealthy_and_then_kills_it() -> None:
    async with Site() as site:
        task = waiting_task("t", site.cluster)
        check = {"type": "COMMAND", "command": shell("test -e healthy")}
        # Looked at before it has made the file, it is not unhealthy yet.
        counts = {"grace_period_seconds": 3600.0, "consecutive_failures": 3}
        task["health_check"] = {**HEALTH, **counts, **check}
        task["command"]["value"] = f"touch healthy; {task['command']['value']}"
        await site.scheduler.run(task)
        healthy = await wait_status(site.scheduler, "t", health_of)
        assert healthy["state"] == "TASK_RUNNING"
        assert healthy["reason"] == "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
        file_in_sandbox(site.cluster, "t", "healthy").unlink()
        end = await site.scheduler.wait_state("t", "TASK_KILLED")
        assert end["healthy"] is False
        told = [one["healthy"] for one in site.scheduler.of("t") if "healthy" in one]
        # Each failure is told, the last with the end of the task.
        assert told[:1] == [True]
        assert told[1:] == [False] * len(told[1:])
        assert len(told) >= 4


@pytest.mark.parametrize("kind", ["HTTP", "TCP"])
async def test_a_server_is_checked_by_its_port(kind: str) -> None:
    async with Site() as site:
        port = await start_server(site)
        task = waiting_task("t", site.cluster)
        member: Json = {"port": port}
        if kind == "HTTP":
            member |= {"path": "/health", "scheme": "http"}
        task["health_check"] = {**HEALTH, "type": kind, kind.lower(): member}
        await site.scheduler.run(task)
        await wait_status(site.scheduler, "t", health_of)
        if kind == "HTTP":
            file_in_sandbox(site.cluster, "server", "answer").write_text("500")
        else:
            await site.scheduler.raw.call("KILL", kill={"task_id": {"value": "server"}})
        assert (await site.scheduler.wait_state("t", "TASK_KILLED"))["healthy"] is False


async def test_failures_before_the_first_success_do_not_count_for_a_while() -> None:
    async with Site() as site:
        task = waiting_task("t", site.cluster)
        go = site.cluster.directory / "healthy"
        check = {"type": "COMMAND", "command": shell(f"echo >> checked; test -e {go}")}
        task["health_check"] = {**HEALTH, "grace_period_seconds": 3600.0, **check}
        await site.scheduler.run(task)
        checked = file_in_sandbox(site.cluster, "t", "checked")
        await site.cluster.wait_for(
            lambda: checked.exists() and len(checked.read_bytes()) > HEALTH["consecutive_failures"]
        )
        go.touch()
        await wait_status(site.scheduler, "t", health_of)
        assert site.scheduler.states("t") == ["TASK_STARTING", "TASK_RUNNING", "TASK_RUNNING"]


async def test_tasks_of_groups_are_checked_in_their_containers() -> None:
    async with Site() as site:
        one = waiting_task("one", site.cluster)
        check = {"type": "COMMAND", "command": shell("test -e mine; exit $?")}
        one["command"]["value"] = f"touch mine; {one['command']['value']}"
        one["health_check"] = {**HEALTH, "grace_period_seconds": 3600.0, **check}
        two = waiting_task("two", site.cluster)
        two["check"] = {**NOW, "type": "COMMAND", "command": {"command": shell("exit 7")}}
        port = await start_server(site)
        three = waiting_task("three", site.cluster)
        three["check"] = {**NOW, "type": "HTTP", "http": {"port": port}}
        await site.scheduler.launch_group("e", one, two, three)
        await wait_status(site.scheduler, "one", health_of)
        await wait_status(site.scheduler, "two", lambda status: exit_code(status) == 7)
        wanted = {"type": "HTTP", "http": {"status_code": 200}}
        await wait_status(site.scheduler, "three", lambda one: one["check_status"] == wanted)


# Checks.


def exit_code(status: Json) -> Any:
    return status.get("check_status", {}).get("command", {}).get("exit_code")


async def test_what_a_command_exits_with_is_told_when_it_changes() -> None:
    async with Site() as site:
        task = waiting_task("t", site.cluster)
        code = site.cluster.directory / "code"
        code.write_text("0")
        command = shell(f"exit $(cat {code})")
        task["check"] = {**NOW, "type": "COMMAND", "command": {"command": command}}
        await site.scheduler.run(task)
        first = site.scheduler.of("t")[0]
        # Before the first result there is an empty one.
        assert first["check_status"] == {"type": "COMMAND", "command": {}}
        found = await wait_status(site.scheduler, "t", lambda status: exit_code(status) == 0)
        assert found["reason"] == "REASON_TASK_CHECK_STATUS_UPDATED"
        code.write_text("3")
        await wait_status(site.scheduler, "t", lambda status: exit_code(status) == 3)
        (site.cluster.directory / "t").touch()
        end = await site.scheduler.wait_state("t", "TASK_FINISHED")
        assert exit_code(end) == 3


async def test_the_status_of_an_http_check_is_told() -> None:
    async with Site() as site:
        port = await start_server(site)
        task = waiting_task("t", site.cluster)
        task["check"] = {**NOW, "type": "HTTP", "http": {"port": port, "path": "/"}}
        await site.scheduler.run(task)
        for code in (200, 404, 503):
            file_in_sandbox(site.cluster, "server", "answer").write_text(str(code))
            wanted = {"type": "HTTP", "http": {"status_code": code}}
            await wait_check(site.scheduler, wanted)
            shown = (await site.get("/tasks?task_id=t"))["tasks"][0]["statuses"][-1]
            assert shown["state"] == "TASK_RUNNING"
            tasks = (await site.master("GET_TASKS"))["tasks"]
            mine = next(one for one in tasks if one["task_id"]["value"] == "t")
            assert mine["statuses"][-1]["check_status"] == wanted


async def test_whether_a_port_takes_connections_is_told() -> None:
    async with Site() as site:
        port = await start_server(site)
        task = waiting_task("t", site.cluster)
        task["check"] = {**NOW, "type": "TCP", "tcp": {"port": port}}
        await site.scheduler.run(task)
        for succeeded in (True, False):
            wanted = {"type": "TCP", "tcp": {"succeeded": succeeded}}
            await wait_check(site.scheduler, wanted)
            await site.scheduler.raw.call("KILL", kill={"task_id": {"value": "server"}})


# Ends.


async def test_a_task_that_takes_too_long_fails() -> None:
    async with Site() as site:
        task = command_task("t", "trap '' TERM; while :; do sleep 0.05; done")
        task["max_completion_time"] = {"nanoseconds": 200_000_000}
        await site.scheduler.launch(task)
        status = await site.scheduler.wait_state("t", "TASK_FAILED")
        assert status["reason"] == "REASON_MAX_COMPLETION_TIME_REACHED"


STUBBORN = "trap 'touch asked' TERM; touch ready; while :; do sleep 0.01; done"


async def test_a_killed_task_has_its_grace_and_then_none() -> None:
    async with Site() as site:
        task = command_task("t", STUBBORN)
        task["kill_policy"] = {"grace_period": {"nanoseconds": 3600 * 10**9}}
        await site.scheduler.run(task)
        await site.cluster.wait_for(file_in_sandbox(site.cluster, "t", "ready").exists)
        kill: Json = {"task_id": {"value": "t"}}
        await site.scheduler.raw.call("KILL", kill=kill)
        await site.cluster.wait_for(file_in_sandbox(site.cluster, "t", "asked").exists)
        assert site.scheduler.states("t")[-1] == "TASK_RUNNING"
        kill["kill_policy"] = {"grace_period": {"nanoseconds": 0}}
        await site.scheduler.raw.call("KILL", kill=kill)
        status = await site.scheduler.wait_state("t", "TASK_KILLED")
        assert status["message"] == "Command terminated with signal Killed"


async def test_a_task_may_end_by_itself_when_it_is_killed() -> None:
    capabilities = [
        {"type": one} for one in ("TASK_KILLING_STATE", "RESERVATION_REFINEMENT", "MULTI_ROLE")
    ]
    async with Site(info={"capabilities": capabilities}) as site:
        ends = "trap 'exit 0' TERM; touch ready; while :; do sleep 0.01; done"
        await site.scheduler.run(command_task("t", ends))
        await site.cluster.wait_for(file_in_sandbox(site.cluster, "t", "ready").exists)
        await site.scheduler.raw.call("KILL", kill={"task_id": {"value": "t"}})
        await site.scheduler.wait_state("t", "TASK_KILLED")
        wanted = ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]
        assert site.scheduler.states("t") == wanted
