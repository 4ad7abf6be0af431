"""What a task writes is there to be looked at, and nothing that its links lead to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.mesos.rawscheduler import command_task
from tests.mesos_compat.testing.operating import Refused, Site

pytestmark = pytest.mark.asyncio

WRITES = """
echo out
mkdir sub; printf 'deep' > sub/file
ln -s sub/file inside; ln -s /etc/passwd outside; ln -s / root; ln -s . here; mkfifo pipe
"""
NAMES = ["here", "inside", "outside", "pipe", "root", "stderr", "stdout", "sub"]


async def ask(site: Site, what: str, path: str, **query: str) -> tuple[int, bytes]:
    url = f"{site.agent_url}/files/{what}"
    async with site.http.get(url, params={"path": path, **query}) as answer:
        return answer.status, await answer.read()


async def sandbox_of(site: Site, task_id: str) -> str:
    """The sandbox of a task that has ended, as ``/state`` of the agent tells it."""
    async with site.http.get(f"{site.agent_url}/state") as answer:
        state = await answer.json()
    for framework in [*state["frameworks"], *state["completed_frameworks"]]:
        for executor in [*framework["executors"], *framework["completed_executors"]]:
            if executor["id"] == task_id:
                return str(executor["directory"])
    raise AssertionError(state)


async def test_a_sandbox_is_looked_at_by_all_its_names() -> None:
    async with Site() as site:
        await site.scheduler.launch(command_task("t", WRITES))
        await site.scheduler.wait_state("t", "TASK_FINISHED")
        sandbox = await sandbox_of(site, "t")
        runs, _, container = sandbox.rpartition("/")
        virtual = f"/frameworks/{site.scheduler.raw.framework_id}/executors/t/runs/latest"
        for path in (sandbox, f"{runs}/latest", virtual):
            status, body = await ask(site, "browse", path)
            assert status == 200
            assert [one["path"] for one in json.loads(body)] == [f"{path}/{one}" for one in NAMES]
            for name, text in (("stdout", "out\n"), ("inside", "deep")):
                read = await ask(site, "read", f"{path}/{name}", offset="0")
                assert read == (
                    200,
                    json.dumps({"data": text, "offset": 0}, separators=(",", ":")).encode(),
                )
                assert await ask(site, "download", f"{path}/{name}") == (200, text.encode())
        _, debug = await ask(site, "debug", "")
        assert json.loads(debug)[virtual] == sandbox
        assert container in sandbox
        for name in (
            "outside",
            "root",
            "root/etc/passwd",
            "pipe",
            "../../../../../..",
            "here/../..",
        ):
            for what in ("browse", "read", "download"):
                assert (await ask(site, what, f"{sandbox}/{name}"))[0] == 404
            for kind in ("LIST_FILES", "READ_FILE"):
                with pytest.raises(Refused) as refused:
                    member = {"path": f"{virtual}/{name}", "offset": 0}
                    await site.of_agent(kind, **{kind.lower(): member})
                assert refused.value.status == 404
        assert (await ask(site, "read", f"{sandbox}/here/sub", offset="0"))[0] == 400
        assert await ask(site, "download", f"{sandbox}/here/sub/file") == (200, b"deep")


async def test_the_v1_api_shows_the_same() -> None:
    async with Site() as site:
        await site.scheduler.launch(command_task("t", "printf 0123456789 > file; mkdir d"))
        await site.scheduler.wait_state("t", "TASK_FINISHED")
        sandbox = await sandbox_of(site, "t")

        async def read(**about: Any) -> Any:
            return await site.of_agent("READ_FILE", read_file={"path": f"{sandbox}/file", **about})

        listed = await site.of_agent("LIST_FILES", list_files={"path": sandbox})
        found = {one["path"].rpartition("/")[2]: one["size"] for one in listed["file_infos"]}
        assert found.keys() == {"file", "d", "stdout", "stderr"}
        assert found["file"] == 10
        assert await read(offset=2, length=3) == {"size": 10, "data": "MjM0"}
        assert await read(offset=10) == {"size": 10, "data": ""}


async def test_sandboxes_of_task_groups_lie_in_that_of_their_executor() -> None:
    async with Site() as site:
        await site.scheduler.launch_group("e", command_task("g", "printf nested"))
        await site.scheduler.wait_state("g", "TASK_FINISHED")
        status = site.scheduler.of("g")[-1]
        nested = status["container_status"]["container_id"]["value"]
        sandbox = await sandbox_of(site, "e")
        path = f"{sandbox}/containers/{nested}/stdout"
        assert await ask(site, "download", path) == (200, b"nested")
