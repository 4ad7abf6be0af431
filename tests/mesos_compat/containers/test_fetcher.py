"""What is fetched into a sandbox, from a server, from files, and through the cache."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from mesos_compat.containers.fetcher import Fetcher
from mesos_compat.containers.spec import LaunchError
from mesos_compat.containers.users import Identity, identity_of
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import Bench, Start, needs_root

pytestmark = pytest.mark.asyncio

Uri = mesos_pb2.CommandInfo.URI


def tar_bytes(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zip_bytes(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Site:
    """A web server: path -> body, and how often each was asked for."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.asked: dict[str, int] = {}
        self.url = ""
        # Requests wait for it.
        self.open = asyncio.Event()
        self.open.set()
        self.arrived = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path_qs
        self.asked[name] = self.asked.get(name, 0) + 1
        self.arrived.set()
        await self.open.wait()
        if name not in self.bodies:
            return web.Response(status=404)
        return web.Response(body=self.bodies[name])


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    application = web.Application()
    application.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}"
    yield made
    await runner.cleanup()


Fetch = Callable[..., Awaitable[Path]]


@pytest_asyncio.fixture
async def fetcher(bench: Bench) -> AsyncIterator[Fetcher]:
    made = Fetcher(bench.settings(frameworks_home=str(bench.root / "home")))
    yield made
    await made.close()


@pytest.fixture
def fetch(bench: Bench, fetcher: Fetcher) -> Fetch:
    """Fetches URIs into a fresh sandbox."""
    made = 0

    async def go(*uris: Uri, owner: Identity | None = None, lines: list[str] | None = None) -> Path:
        nonlocal made
        made += 1
        sandbox = bench.root / f"sandbox{made}"
        sandbox.mkdir()
        if owner is not None:
            os.chown(sandbox, owner.uid, owner.gid)
        told: list[str] = [] if lines is None else lines
        await fetcher.fetch(("id", "of"), list(uris), str(sandbox), owner, told.append)
        return sandbox

    return go


async def test_a_file_is_downloaded_under_the_last_part_of_its_uri(
    site: Site, fetch: Fetch
) -> None:
    site.bodies["/a/file.txt"] = b"content"
    site.bodies["/q?x=1"] = b"with a query"
    lines: list[str] = []
    sandbox = await fetch(
        Uri(value=f"{site.url}/a/file.txt"), Uri(value=f"{site.url}/q?x=1"), lines=lines
    )
    assert {one.name: one.read_bytes() for one in sandbox.iterdir()} == {
        "file.txt": b"content",
        "q?x=1": b"with a query",
    }
    assert lines[0] == f"Fetching URI '{site.url}/a/file.txt' to 'file.txt'"


async def test_a_bigger_file_comes_whole(site: Site, fetch: Fetch) -> None:
    site.bodies["/big"] = os.urandom(3_000_000)
    sandbox = await fetch(Uri(value=f"{site.url}/big"))
    assert (sandbox / "big").read_bytes() == site.bodies["/big"]


async def test_an_output_file_names_where_it_goes(site: Site, fetch: Fetch) -> None:
    site.bodies["/x"] = b"content"
    sandbox = await fetch(Uri(value=f"{site.url}/x", output_file="in/side"))
    assert (sandbox / "in" / "side").read_bytes() == b"content"


@pytest.mark.parametrize("name", ["/etc/owned", "../owned", "a/../../owned", "a/"])
async def test_an_output_file_that_leads_out_is_refused(
    site: Site, fetch: Fetch, name: str
) -> None:
    with pytest.raises(LaunchError, match="is not a path in the sandbox"):
        await fetch(Uri(value=f"{site.url}/x", output_file=name))
    assert site.asked == {}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.tar", tar_bytes({"d/f": b"inner"}, "w")),
        ("a.tar.gz", tar_bytes({"d/f": b"inner"})),
        ("a.tgz", tar_bytes({"d/f": b"inner"})),
        ("a.tar.bz2", tar_bytes({"d/f": b"inner"}, "w:bz2")),
        ("a.tbz2", tar_bytes({"d/f": b"inner"}, "w:bz2")),
        ("a.tar.xz", tar_bytes({"d/f": b"inner"}, "w:xz")),
        ("a.txz", tar_bytes({"d/f": b"inner"}, "w:xz")),
        ("a.zip", zip_bytes({"d/f": b"inner"})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_archives_are_extracted_beside_themselves(
    site: Site, fetch: Fetch, name: str, body: bytes
) -> None:
    site.bodies[f"/{name}"] = body
    sandbox = await fetch(Uri(value=f"{site.url}/{name}"))
    assert (sandbox / "d" / "f").read_bytes() == b"inner"
    assert (sandbox / name).read_bytes() == body


async def test_a_compressed_file_loses_its_ending(site: Site, fetch: Fetch) -> None:
    site.bodies["/notes.txt.gz"] = gzip.compress(b"plain")
    sandbox = await fetch(Uri(value=f"{site.url}/notes.txt.gz"))
    assert (sandbox / "notes.txt").read_bytes() == b"plain"


async def test_archives_are_left_alone_if_the_framework_says_so(site: Site, fetch: Fetch) -> None:
    site.bodies["/a.tgz"] = tar_bytes({"f": b"inner"})
    sandbox = await fetch(Uri(value=f"{site.url}/a.tgz", extract=False))
    assert [one.name for one in sandbox.iterdir()] == ["a.tgz"]


async def test_an_executable_may_be_executed_and_is_not_extracted(site: Site, fetch: Fetch) -> None:
    site.bodies["/run.zip"] = zip_bytes({"f": b"inner"})
    sandbox = await fetch(Uri(value=f"{site.url}/run.zip", executable=True))
    (found,) = sandbox.iterdir()
    assert stat.S_IMODE(found.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("{site}/missing", "received HTTP return code 404"),
        ("/no/such/file", "No such file or directory"),
        ("ftp://host/file", "The scheme 'ftp' is not supported"),
        ("hdfs://host/file", "The scheme 'hdfs' is not supported"),
        ("file://elsewhere/etc/passwd", "names another host"),
        ("http://host", "Malformed URI"),
        ("", "Invalid URI"),
        ("it's", "Invalid URI"),
    ],
)
async def test_what_cannot_be_had_fails_with_the_words_of_mesos(
    site: Site, fetch: Fetch, uri: str, why: str
) -> None:
    with pytest.raises(LaunchError) as caught:
        await fetch(Uri(value=uri.format(site=site.url)))
    text = str(caught.value)
    assert text.startswith("Failed to fetch all URIs for container 'id.of': ")
    assert why in text


async def test_files_of_the_host_are_copied(bench: Bench, fetch: Fetch) -> None:
    (bench.root / "home").mkdir()
    (bench.root / "home" / "relative").write_text("r")
    (bench.root / "absolute").write_text("a")
    sandbox = await fetch(
        Uri(value="relative"),
        Uri(value=str(bench.root / "absolute")),
        Uri(value=f"file://{bench.root}/absolute", output_file="by-uri"),
    )
    assert {one.name: one.read_text() for one in sandbox.iterdir()} == {
        "relative": "r",
        "absolute": "a",
        "by-uri": "a",
    }


@needs_root
@pytest.mark.parametrize("cache", [False, True])
async def test_a_file_is_read_with_the_rights_of_the_tasks_user(
    bench: Bench, fetch: Fetch, cache: bool
) -> None:
    secret = bench.root / "secret"
    secret.write_text("of root")
    secret.chmod(0o600)
    with pytest.raises(LaunchError, match="Permission denied"):
        await fetch(Uri(value=str(secret), cache=cache), owner=identity_of("nobody", True))


@needs_root
async def test_what_is_fetched_belongs_to_the_tasks_user(site: Site, fetch: Fetch) -> None:
    site.bodies["/a.tgz"] = tar_bytes({"d/f": b"inner"})
    sandbox = await fetch(Uri(value=f"{site.url}/a.tgz"), owner=identity_of("nobody", True))
    assert {one.owner() for one in sandbox.rglob("*")} == {"nobody"}


async def test_an_archive_that_leads_out_is_refused(site: Site, bench: Bench, fetch: Fetch) -> None:
    site.bodies["/evil.tar"] = tar_bytes({"../owned": b"x"}, "w")
    with pytest.raises(LaunchError, match="is not a path inside of it"):
        await fetch(Uri(value=f"{site.url}/evil.tar"))
    assert not (bench.root / "owned").exists()


async def test_a_cached_file_is_downloaded_once(site: Site, fetch: Fetch) -> None:
    site.bodies["/a.tgz"] = tar_bytes({"f": b"inner"})
    for _ in range(2):
        sandbox = await fetch(Uri(value=f"{site.url}/a.tgz", cache=True))
        # The archive itself stays in the cache.
        assert [one.name for one in sandbox.iterdir()] == ["f"]
    assert site.asked == {"/a.tgz": 1}


async def test_concurrent_fetches_of_a_cached_file_share_one_download(
    site: Site, fetch: Fetch
) -> None:
    site.bodies["/x"] = b"content"
    site.open.clear()
    uri = Uri(value=f"{site.url}/x", cache=True)
    both = asyncio.gather(fetch(uri), fetch(uri))
    await site.arrived.wait()
    site.open.set()
    assert [(sandbox / "x").read_bytes() for sandbox in await both] == [b"content"] * 2
    assert site.asked == {"/x": 1}


async def test_a_failed_download_is_tried_again_by_the_next_container(
    site: Site, fetch: Fetch
) -> None:
    uri = Uri(value=f"{site.url}/x", cache=True)
    with pytest.raises(LaunchError):
        await fetch(uri)
    site.bodies["/x"] = b"content"
    assert (await fetch(uri) / "x").read_bytes() == b"content"


async def test_a_download_that_stalls_fails(bench: Bench, site: Site) -> None:
    fetcher = Fetcher(bench.settings(fetcher_stall_timeout_ms=20))
    site.open.clear()
    sandbox = bench.root / "sandbox"
    sandbox.mkdir()
    with pytest.raises(LaunchError, match="The download has stalled"):
        await fetcher.fetch(("c",), [Uri(value=f"{site.url}/x")], str(sandbox), None, print)
    site.open.set()
    await fetcher.close()


async def test_a_failed_fetch_fails_the_launch_and_is_told_in_the_sandbox(
    bench: Bench, site: Site, start: Start
) -> None:
    containerizer = await start()
    command = mesos_pb2.CommandInfo(value="true", uris=[Uri(value=f"{site.url}/missing")])
    spec = bench.spec(command)
    with pytest.raises(LaunchError, match="Failed to fetch all URIs for container 'c1': "):
        await containerizer.launch(spec)
    assert "return code 404" in Path(spec.sandbox, "stderr").read_text()
    assert containerizer.containers() == []


async def test_a_command_finds_what_was_fetched_for_it(
    bench: Bench, site: Site, start: Start
) -> None:
    containerizer = await start()
    site.bodies["/job"] = b"#!/bin/sh\necho done\n"
    uri = Uri(value=f"{site.url}/job", executable=True)
    spec = bench.spec(mesos_pb2.CommandInfo(value="./job", uris=[uri]))
    await containerizer.launch(spec)
    assert (await containerizer.wait(spec.container_id)).status == 0
    assert Path(spec.sandbox, "stdout").read_text() == "done\n"
