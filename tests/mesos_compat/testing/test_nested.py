"""Containers that operators start on an agent over HTTP: nested, standalone, and sessions."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conformance.mesos.rawscheduler import Json, command_task, data_of
from mesos_compat.http import streams
from tests.mesos_compat.testing.operating import (
    Refused,
    Site,
    nested_id,
    records,
    waiting_task,
)

pytestmark = pytest.mark.asyncio

STREAMED = {"Accept": "application/recordio", "Message-Accept": "application/json"}


@asynccontextmanager
async def site_with_task() -> AsyncIterator[tuple[Site, Json]]:
    """A site on which a task runs, and the id of its container."""
    async with Site() as site:
        await site.scheduler.run(waiting_task("one", site.cluster))
        (container,) = (await site.of_agent("GET_CONTAINERS"))["containers"]
        yield site, container["container_id"]


async def launch(site: Site, container_id: Json, command: str, **more: Any) -> None:
    body = {"container_id": container_id, "command": {"value": command}, **more}
    await site.of_agent("LAUNCH_NESTED_CONTAINER", launch_nested_container=body)


async def end_of(site: Site, container_id: Json) -> Any:
    body = {"container_id": container_id}
    return await site.of_agent("WAIT_NESTED_CONTAINER", wait_nested_container=body)


def sandbox_of(site: Site, container_id: Json) -> Path:
    """Where a container nested in that of a task has its files."""
    parent = f"agent*/slaves/*/frameworks/*/executors/*/runs/{container_id['parent']['value']}"
    (found,) = site.cluster.directory.glob(f"{parent}/containers/{container_id['value']}")
    return found


async def test_nested_container_runs_and_its_end_can_be_asked_for_until_it_is_removed() -> None:
    async with site_with_task() as (site, parent):
        container_id = nested_id(parent)
        await launch(site, container_id, "echo here; pwd; exit 3")
        assert await end_of(site, container_id) == {"exit_status": 3 << 8}
        assert await end_of(site, container_id) == {"exit_status": 3 << 8}
        sandbox = sandbox_of(site, container_id)
        assert (sandbox / "stdout").read_text() == f"here\n{sandbox}\n"
        body = {"container_id": container_id}
        await site.of_agent("REMOVE_NESTED_CONTAINER", remove_nested_container=body)
        with pytest.raises(Refused, match=r"404 Container .* cannot be found"):
            await end_of(site, container_id)
        await site.cluster.wait_for(lambda: not sandbox.exists())


async def test_running_nested_container_is_shown_can_be_killed_and_not_removed() -> None:
    async with site_with_task() as (site, parent):
        container_id, below = nested_id(parent), {}
        await launch(site, container_id, "sleep 1000")
        below = nested_id(container_id)
        await launch(site, below, "trap 'exit 7' TERM; while :; do sleep 0.01; done")
        shown = (await site.of_agent("GET_CONTAINERS", get_containers={"show_nested": True}))[
            "containers"
        ]
        assert [one["container_id"] for one in shown] == [parent, container_id, below]
        assert all(one["executor_id"] == {"value": "one"} for one in shown)
        assert len((await site.of_agent("GET_CONTAINERS"))["containers"]) == 1
        body = {"container_id": container_id}
        with pytest.raises(Refused, match="500 Nested container has not terminated yet"):
            await site.of_agent("REMOVE_NESTED_CONTAINER", remove_nested_container=body)
        ends = asyncio.gather(end_of(site, below), end_of(site, container_id))
        await site.of_agent("KILL_NESTED_CONTAINER", kill_nested_container={**body, "signal": 9})
        # What is nested in a container ends with it.
        assert [one["exit_status"] for one in await ends] == [9, 9]
        with pytest.raises(Refused, match="404"):
            await site.of_agent("KILL_NESTED_CONTAINER", kill_nested_container=body)


async def test_container_cannot_be_nested_in_one_that_is_not_there() -> None:
    async with site_with_task() as (site, _parent):
        orphan = nested_id({"value": "nobody"})
        with pytest.raises(Refused, match="500 Parent container nobody does not exist"):
            await launch(site, orphan, "true")


async def test_nested_container_that_could_not_be_started_may_be_tried_again() -> None:
    async with site_with_task() as (site, parent):
        container_id, file = nested_id(parent), site.cluster.directory / "file"
        command = {"value": "cat file; exit 2", "uris": [{"value": f"file://{file}"}]}
        body = {"container_id": container_id, "command": command}
        with pytest.raises(Refused, match="500 Failed to fetch all URIs for container"):
            await site.of_agent("LAUNCH_NESTED_CONTAINER", launch_nested_container=body)
        file.write_text("fetched")
        await site.of_agent("LAUNCH_NESTED_CONTAINER", launch_nested_container=body)
        assert await end_of(site, container_id) == {"exit_status": 2 << 8}
        assert (sandbox_of(site, container_id) / "stdout").read_text() == "fetched"


# Sessions.


def session(parent: Json, command: str, **more: Any) -> Json:
    body = {"container_id": nested_id(parent), "command": {"value": command}, **more}
    return {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": body}


def said(record: Json) -> tuple[str, bytes]:
    assert record["type"] == "DATA"
    return record["data"]["type"], base64.b64decode(record["data"]["data"])


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, STREAMED])
async def test_output_of_a_session_comes_as_it_is_written(headers: dict[str, str]) -> None:
    async with site_with_task() as (site, parent):
        call = session(parent, "echo out; read line; echo err >&2; echo $MESOS_SANDBOX; pwd")
        url = f"{site.agent_url}/api/v1"
        async with site.http.post(url, json=call, headers=headers) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == headers["Accept"]
            stream = records(response)
            assert said(await anext(stream)) == ("STDOUT", b"out\n")
            container_id = call["launch_nested_container_session"]["container_id"]
            await type_into(site, container_id, b"go\n")
            rest: dict[str, bytes] = {}
            async for record in stream:
                kind, data = said(record)
                rest[kind] = rest.get(kind, b"") + data
        # A session is where its parent is.
        (sandbox,) = site.cluster.directory.glob(
            "agent*/slaves/*/frameworks/*/executors/*/runs/*-*"
        )
        assert rest == {"STDERR": b"err\n", "STDOUT": f"{sandbox}\n{sandbox}\n".encode()}
        assert await end_of(site, container_id) == {"exit_status": 0}


def input_records(container_id: Json, *parts: Json) -> bytes:
    first = {"type": "CONTAINER_ID", "container_id": container_id}
    calls = (first, *({"type": "PROCESS_IO", "process_io": part} for part in parts))
    body = b""
    for one in calls:
        data = json.dumps({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": one})
        body += b"%d\n%b" % (len(data), data.encode())
    return body


def typed(data: bytes) -> Json:
    text = base64.b64encode(data).decode()
    return {"type": "DATA", "data": {"type": "STDIN", "data": text}}


async def send_input(site: Site, body: bytes) -> tuple[int, str]:
    headers = {
        "Content-Type": "application/recordio",
        "Message-Content-Type": "application/json",
        "Accept": "application/json",
    }
    async with site.http.post(f"{site.agent_url}/api/v1", data=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def type_into(site: Site, container_id: Json, data: bytes) -> None:
    assert await send_input(site, input_records(container_id, typed(data))) == (200, "")


async def test_session_ends_when_its_reader_has_gone() -> None:
    async with site_with_task() as (site, parent):
        call = session(parent, "echo up; sleep 1000")
        container_id = call["launch_nested_container_session"]["container_id"]
        async with aiohttp.ClientSession() as other:
            response = await other.post(f"{site.agent_url}/api/v1", json=call)
            assert said(await anext(records(response))) == ("STDOUT", b"up\n")
            response.close()
        assert await end_of(site, container_id) == {"exit_status": 9}


async def test_terminal_of_a_session_is_typed_into_and_resized() -> None:
    async with site_with_task() as (site, parent):
        size = {"rows": 30, "columns": 100}
        command = "stty size; read line; stty size; echo got $line"
        container = {"type": "MESOS", "tty_info": {"window_size": size}}
        call = session(parent, command, container=container)
        container_id = call["launch_nested_container_session"]["container_id"]
        url = f"{site.agent_url}/api/v1"
        async with site.http.post(url, json=call, headers=STREAMED) as response:
            stream = records(response)
            assert said(await anext(stream)) == ("STDOUT", b"30 100\r\n")
            # Somebody else may read along.
            attach = {
                "type": "ATTACH_CONTAINER_OUTPUT",
                "attach_container_output": {"container_id": container_id},
            }
            async with site.http.post(url, json=attach, headers=STREAMED) as second:
                resize = {
                    "type": "CONTROL",
                    "control": {
                        "type": "TTY_INFO",
                        "tty_info": {"window_size": {"rows": 40, "columns": 120}},
                    },
                }
                beat = {
                    "type": "CONTROL",
                    "control": {
                        "type": "HEARTBEAT",
                        "heartbeat": {"interval": {"nanoseconds": 30_000_000_000}},
                    },
                }
                body = input_records(container_id, beat, resize, typed(b"a line\n"))
                assert await send_input(site, body) == (200, "")
                ours = b"".join([said(one)[1] async for one in stream])
                theirs = b"".join([said(one)[1] async for one in records(second)])
        assert ours == b"a line\r\n40 120\r\ngot a line\r\n"
        assert theirs == ours


async def test_session_with_a_slow_reader_waits_for_it_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "WAITING_BYTES_MAX", 3 << 19)
    async with site_with_task() as (site, parent):
        count = 20 << 20
        call = session(parent, f"head -c {count} /dev/zero")
        url = f"{site.agent_url}/api/v1"
        async with site.http.post(url, json=call, headers=STREAMED) as response:
            stream = records(response)
            found = len(said(await anext(stream))[1])
            # The agent does other things meanwhile.
            for _ in range(50):
                await site.of_agent("GET_STATE")
            async for record in stream:
                found += len(said(record)[1])
        assert found == count


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "400 Received EOF while reading request body"),
        (b"nonsense\n", "400 "),
        (
            b'66\n{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"x":1}}',
            "400 Failed to validate agent::Call: ",
        ),
        (input_records({"value": "nobody"}), "404 404 Not Found."),
    ],
)
async def test_input_that_is_none_is_refused_with_a_reason(body: bytes, why: str) -> None:
    async with Site(agents=1) as site:
        status, text = await send_input(site, body)
        assert f"{status} {text}".startswith(why)


async def test_container_without_a_terminal_cannot_be_attached_to() -> None:
    async with site_with_task() as (site, parent):
        status, text = await send_input(site, input_records(parent))
        assert (status, "I/O switchboard" in text) == (500, True)


# Over a restart of the agent.


async def test_tasks_groups_and_nested_containers_go_on_while_their_agent_is_restarted() -> None:
    async with Site() as site:
        scheduler = site.scheduler
        await scheduler.run(waiting_task("one", site.cluster))
        fails = waiting_task("fails", site.cluster)
        fails["command"]["value"] += "; exit 3"
        await scheduler.launch_group("group", waiting_task("member", site.cluster))
        await scheduler.launch_group("other", fails)
        for task_id in ("member", "fails"):
            await scheduler.wait_state(task_id, "TASK_RUNNING")
        shown = {"show_nested": True, "show_standalone": True}
        before = (await site.of_agent("GET_CONTAINERS", get_containers=shown))["containers"]
        parent = scheduler.of("one")[-1]["container_status"]["container_id"]
        container_id, go = nested_id(parent), site.cluster.directory / "nested"
        await launch(site, container_id, f"while [ ! -e {go} ]; do sleep 0.01; done; exit 4")

        await site.cluster.restart_agent(site.agent)
        await site.cluster.wait_for_agents(1)
        after = (await site.of_agent("GET_CONTAINERS", get_containers=shown))["containers"]
        assert {ids(one) for one in after} == {
            *map(ids, before),
            ids({"container_id": container_id}),
        }
        end = asyncio.create_task(end_of(site, container_id))
        for name in ("nested", "member", "fails", "one"):
            (site.cluster.directory / name).touch()
        assert await end == {"exit_status": 4 << 8}
        await scheduler.wait_state("one", "TASK_FINISHED")
        await scheduler.wait_state("member", "TASK_FINISHED")
        failed = await scheduler.wait_state("fails", "TASK_FAILED")
        assert failed["message"] == "Command exited with status 3"


def ids(container: Json) -> tuple[str, ...]:
    """The id of a container behind those of the ones around it."""
    container_id = container["container_id"]
    found = [container_id["value"]]
    while "parent" in container_id:
        container_id = container_id["parent"]
        found.insert(0, container_id["value"])
    return tuple(found)


async def test_what_ended_while_no_agent_was_there_is_told_by_the_next_one() -> None:
    async with Site() as site:
        scheduler = site.scheduler
        await scheduler.run(waiting_task("one", site.cluster))
        await scheduler.launch_group("group", waiting_task("member", site.cluster))
        await scheduler.wait_state("member", "TASK_RUNNING")
        (container,) = [
            one
            for one in (await site.of_agent("GET_CONTAINERS"))["containers"]
            if one["executor_id"]["value"] == "group"
        ]
        container_id = nested_id(container["container_id"])
        go, ended = site.cluster.directory / "go", site.cluster.directory / "ended"
        await launch(
            site, container_id, f"while [ ! -e {go} ]; do sleep 0.01; done; touch {ended}; exit 6"
        )

        async def end_all() -> None:
            for name in ("go", "one"):
                (site.cluster.directory / name).touch()
            await site.cluster.wait_for(ended.exists)

        await site.cluster.restart_agent(site.agent, end_all)
        await site.cluster.wait_for_agents(1)
        assert await end_of(site, container_id) == {"exit_status": 6 << 8}
        await scheduler.wait_state("one", "TASK_FINISHED")
        (site.cluster.directory / "member").touch()
        await scheduler.wait_state("member", "TASK_FINISHED")


# Standalone containers, and what agents else do for operators.


async def test_standalone_container_runs_beside_all_frameworks() -> None:
    async with Site() as site:
        container_id = {"value": "alone"}
        body = {
            "container_id": container_id,
            "command": {"value": "pwd; trap 'exit 5' TERM; while :; do sleep 0.01; done"},
            "resources": [{"name": "mem", "type": "SCALAR", "scalar": {"value": 64}}],
        }
        await site.of_agent("LAUNCH_CONTAINER", launch_container=body)
        await site.of_agent("LAUNCH_CONTAINER", launch_container=body)
        assert (await site.of_agent("GET_CONTAINERS")).get("containers") is None
        wanted = {"show_standalone": True}
        (shown,) = (await site.of_agent("GET_CONTAINERS", get_containers=wanted))["containers"]
        assert shown["container_id"] == container_id
        assert shown["resource_statistics"]["mem_limit_bytes"] == 64 << 20
        (found,) = site.cluster.directory.glob("agent*/containers/alone")
        await site.cluster.wait_for(lambda: bool((found / "stdout").read_text()))
        assert (found / "stdout").read_text() == f"{found}\n"
        who = {"container_id": container_id}
        end = asyncio.create_task(site.of_agent("WAIT_CONTAINER", wait_container=who))
        container = site.agent.core.state.containers[("alone",)]
        await site.cluster.wait_for(lambda: bool(container.waiters))
        kill = {**who, "signal": 15}
        await site.of_agent("KILL_CONTAINER", kill_container=kill)
        assert await end == {"exit_status": 5 << 8}
        # Nobody knows it any more; its files stay until they are garbage.
        with pytest.raises(Refused, match="404 Container alone cannot be found"):
            await site.of_agent("WAIT_CONTAINER", wait_container=who)
        assert found.exists()


async def test_files_of_a_sandbox_are_listed_and_read_in_parts() -> None:
    async with Site() as site:
        await site.scheduler.launch(command_task("one", "printf 0123456789"))
        await site.scheduler.wait_state("one", "TASK_FINISHED")
        (path,) = map(
            str, site.cluster.directory.glob("agent*/slaves/*/frameworks/*/executors/one")
        )
        path += "/runs/latest"
        listed = (await site.of_agent("LIST_FILES", list_files={"path": path}))["file_infos"]
        assert {one["path"]: one["size"] for one in listed}[f"{path}/stdout"] == 10
        part = {"path": f"{path}/stdout", "offset": 3, "length": 4}
        found = await site.of_agent("READ_FILE", read_file=part)
        assert found == {"size": 10, "data": data_of("3456")}
        with pytest.raises(Refused, match="404"):
            await site.of_agent("LIST_FILES", list_files={"path": "/etc"})


async def test_logging_level_is_set_for_a_while() -> None:
    async with Site() as site:
        for ask in (site.of_agent, site.master):
            was = await ask("GET_LOGGING_LEVEL")
            body = {"level": was["level"] + 1, "duration": {"nanoseconds": 100_000_000}}
            await ask("SET_LOGGING_LEVEL", set_logging_level=body)
            assert await ask("GET_LOGGING_LEVEL") == {"level": was["level"] + 1}
            while await ask("GET_LOGGING_LEVEL") != was:
                await asyncio.sleep(0.01)
