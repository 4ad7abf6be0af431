"""What tasks ask for by URI is in their sandboxes before they begin."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from conformance.mesos.rawscheduler import Json, command_task
from tests.mesos_compat.testing.operating import Site

pytestmark = pytest.mark.asyncio


class Store:
    """A web server that counts what it is asked for."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.url = ""
        # Requests wait for it.
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.arrived = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        self.arrived.set()
        await self.is_open.wait()
        if request.path not in self.bodies:
            return web.Response(status=404)
        return web.Response(body=self.bodies[request.path])


@pytest_asyncio.fixture
async def store() -> AsyncIterator[Store]:
    made = Store()
    application = web.Application()
    application.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.is_open.set()
    await runner.cleanup()


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            made.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def task_with(task_id: str, command: str, *uris: Json) -> Json:
    task = command_task(task_id, command)
    task["command"]["uris"] = list(uris)
    return task


def stdout_of(site: Site, task_id: str) -> str:
    (path,) = site.cluster.directory.glob(
        f"agent*/slaves/**/executors/{task_id}/runs/latest/stdout"
    )
    return path.read_text()


async def test_files_and_downloads_are_there_as_they_are_wanted(
    store: Store, tmp_path: Path
) -> None:
    store.bodies = {"/a.tgz": archive(inner="from the archive"), "/tool": b"#!/bin/sh\necho runs\n"}
    (tmp_path / "local").write_text("from this host")
    uris: list[Json] = [
        {"value": f"{store.url}/a.tgz"},
        {"value": f"{store.url}/a.tgz", "extract": False, "output_file": "kept/whole.tgz"},
        {"value": f"{store.url}/tool", "executable": True},
        {"value": f"file://{tmp_path}/local"},
        {"value": str(tmp_path / "local"), "output_file": "again"},
    ]
    command = "cat inner local again; echo; ./tool; test -s kept/whole.tgz && echo kept"
    async with Site() as site:
        await site.scheduler.launch(task_with("t", command, *uris))
        await site.scheduler.wait_state("t", "TASK_FINISHED")
        wanted = "from the archivefrom this hostfrom this host\nruns\nkept\n"
        assert stdout_of(site, "t") == wanted


async def test_what_is_cached_is_downloaded_once(store: Store) -> None:
    store.bodies["/data"] = b"cached"
    cached: Json = {"value": f"{store.url}/data", "cache": True}
    async with Site() as site:
        for name in ("one", "two"):
            await site.scheduler.launch(task_with(name, "cat data", cached))
            await site.scheduler.wait_state(name, "TASK_FINISHED")
            assert stdout_of(site, name) == "cached"
        assert store.asked["/data"] == 1
        await site.cluster.restart_agent(site.agent)
        await site.cluster.wait_for_agents(1)
        await site.scheduler.launch(task_with("three", "cat data", {**cached, "cache": False}))
        await site.scheduler.wait_state("three", "TASK_FINISHED")
        assert store.asked["/data"] == 2


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("{url}/missing", "HTTP return code 404"),
        ("ftp://host/file", "The scheme 'ftp' is not supported"),
        ("/nowhere/file", "No such file or directory"),
        ("relative", "A relative path was passed"),
    ],
)
async def test_what_cannot_be_fetched_fails_the_task(store: Store, uri: str, why: str) -> None:
    async with Site() as site:
        await site.scheduler.launch(task_with("t", "true", {"value": uri.format(url=store.url)}))
        status = await site.scheduler.wait_state("t", "TASK_FAILED")
        assert status["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
        head = "Failed to launch container: Failed to fetch all URIs for container '"
        assert status["message"].startswith(head)
        (stderr,) = site.cluster.directory.glob("agent*/slaves/**/runs/latest/stderr")
        assert why in stderr.read_text()


async def test_tasks_of_groups_have_their_own(store: Store) -> None:
    store.bodies = {"/one": b"1", "/two": b"2"}
    async with Site() as site:
        tasks = [
            task_with(
                name,
                f"test $(ls | grep -c -e one -e two) = 1 && cat {name}",
                {"value": f"{store.url}/{name}"},
            )
            for name in ("one", "two")
        ]
        await site.scheduler.launch_group("e", *tasks)
        for name in ("one", "two"):
            await site.scheduler.wait_state(name, "TASK_FINISHED")
        assert store.asked == {"/one": 1, "/two": 1}


async def test_a_task_that_is_killed_while_it_is_fetched_for_never_begins(store: Store) -> None:
    store.is_open.clear()
    store.bodies["/slow"] = b"at last"
    async with Site() as site:
        begun = site.cluster.directory / "begun"
        await site.scheduler.launch(
            task_with("t", f"touch {begun}", {"value": f"{store.url}/slow"})
        )
        await store.arrived.wait()
        await site.scheduler.raw.call("KILL", kill={"task_id": {"value": "t"}})
        status = await site.scheduler.wait_state("t", "TASK_KILLED")
        assert status["reason"] == "REASON_TASK_KILLED_DURING_LAUNCH"
        # Its executor, which is not needed any more, ends when it comes.
        store.is_open.set()
        await site.cluster.wait_for(lambda: not site.agent.core.state.executors_by_container)
        assert not begun.exists()
