"""What is attached can be looked at, and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mesos_compat.http.file_calls import list_files, read_file
from mesos_compat.http.files import Attached, FilesApi, Hidden, Opened
from mesos_compat.http.permissions import Permissions
from mesos_compat.http.requests import Principal
from mesos_compat.http.routing import Routes
from mesos_compat.http.serving import HttpServer
from mesos_compat.master.authorization import Authorizer, parse_acls
from mesos_compat.wire.v1 import agent_pb2

ME = Principal("me", {})


@pytest.fixture
def attached(tmp_path: Path) -> Attached:
    sandbox = tmp_path / "sandbox"
    (sandbox / "sub").mkdir(parents=True)
    (sandbox / "stdout").write_text("hello")
    (sandbox / "sub" / "x").write_text("deep")
    (tmp_path / "secret").write_text("secret")
    (sandbox / "out").symlink_to(tmp_path / "secret")
    (sandbox / "up").symlink_to(tmp_path)
    (sandbox / "in").symlink_to("sub/x")
    (sandbox / "round").symlink_to("round")
    os.mkfifo(sandbox / "pipe")
    made = Attached()
    made.attach("/sandbox/a", sandbox)
    made.attach("/sandbox/a/tasks", sandbox / "sub")
    made.attach("/log", tmp_path / "secret")
    made.attach("/private", sandbox, lambda asker: asker is not None and asker.value == "me")
    return made


def content(attached: Attached, path: str, asker: Principal | None = None) -> bytes | Hidden:
    opened = attached.open(path, asker)
    if isinstance(opened, Hidden):
        return opened
    with opened:
        return b"" if opened.is_directory else opened.read(0, 1000)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/sandbox/a/stdout", b"hello"),
        ("sandbox//a/sub/x/", b"deep"),
        ("/sandbox/a/in", b"deep"),
        ("/sandbox/a/./sub/./x", b"deep"),
        ("/sandbox/a/tasks/x", b"deep"),
        ("/log", b"secret"),
        ("/sandbox/a", b""),
        ("/sandbox/a/sub", b""),
    ],
)
def test_what_lies_below_an_attached_path_is_found(
    attached: Attached, path: str, found: bytes
) -> None:
    assert content(attached, path) == found


@pytest.mark.parametrize(
    "path",
    [
        "/sandbox/a/../../secret",
        "/sandbox/a/out",
        "/sandbox/a/up/secret",
        "/sandbox/a/up",
        "/sandbox/a/sub/../../secret",
        "/sandbox/a/round",
        "/sandbox/a/pipe",
        "/sandbox/ab",
        "/sandbox",
        "/etc/passwd",
        "/sandbox/a//etc/passwd",
        "/sandbox/a/x\0y",
        "/sandbox/a/nothing",
        "/sandbox/a/stdout/x",
        "/log/x",
        "",
    ],
)
def test_nothing_else_is_found(attached: Attached, path: str) -> None:
    assert content(attached, path, ME) is Hidden.MISSING


def test_permission_is_asked_for(attached: Attached) -> None:
    assert content(attached, "/private/stdout", Principal("you", {})) is Hidden.FORBIDDEN
    assert content(attached, "/private/stdout", None) is Hidden.FORBIDDEN
    assert content(attached, "/private/stdout", ME) == b"hello"


def test_detached_paths_are_gone(attached: Attached) -> None:
    attached.detach("/sandbox/a/")
    assert content(attached, "/sandbox/a/stdout") is Hidden.MISSING
    assert list(attached.all()) == ["/log", "/private", "/sandbox/a/tasks"]


def test_directories_are_listed_as_mesos_lists_them(attached: Attached) -> None:
    opened = attached.open("/sandbox/a", None)
    assert isinstance(opened, Opened)
    with opened:
        listed = opened.entries("/v/")
    names = ["in", "out", "pipe", "round", "stdout", "sub", "up"]
    assert [one.path for one in listed] == [f"/v/{name}" for name in names]
    stdout = next(one for one in listed if one.path == "/v/stdout").value()
    assert stdout["mode"] == "-rw-r--r--"
    assert stdout["size"] == 5
    assert isinstance(stdout["mtime"], float)
    # A link is described itself, so that nothing is learned of what it leads to.
    assert next(one for one in listed if one.path == "/v/out").value()["mode"] == "lrwxrwxrwx"


def test_links_that_are_exchanged_lead_nobody_out(tmp_path: Path) -> None:
    """Whatever moment the link changes at, its target is either inside or not read."""
    sandbox = tmp_path / "sandbox"
    for place, text in ((sandbox / "inner", "mine"), (tmp_path / "outer", "secret")):
        place.mkdir(parents=True)
        (place / "file").write_text(text)
    link, aside = sandbox / "link", sandbox / "aside"
    link.symlink_to("inner")
    made = Attached()
    made.attach("/s", sandbox)
    is_over = threading.Event()

    def exchange() -> None:
        while not is_over.is_set():
            for target in ("../outer", "inner"):
                aside.symlink_to(target)
                aside.replace(link)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        found = {content(made, "/s/link/file") for _ in range(500)}
    finally:
        is_over.set()
        thread.join()
    assert found <= {b"mine", Hidden.MISSING}


@pytest.fixture
def odd(attached: Attached, tmp_path: Path) -> Iterator[bytes]:
    del attached
    name = os.fsencode(tmp_path / "sandbox" / "odd") + b'\xff\n"'
    Path(os.fsdecode(name)).write_bytes(b"\xc3\xa4\xff" + bytes(70_000))
    yield name


@asynccontextmanager
async def served(attached: Attached, acls: str = "{}") -> AsyncIterator[Any]:
    api = FilesApi(attached, Permissions(Authorizer(parse_acls(acls))))
    routes = Routes("slave(1)")
    for name in ("browse", "read", "download", "debug"):
        routes.add(f"/files/{name}", getattr(api, name), is_own=False)
    http = HttpServer(routes, on_stream_end=lambda _: None)
    port = await http.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session
    finally:
        await http.stop()


@pytest.mark.asyncio
async def test_files_with_odd_names_are_listed_and_sent(attached: Attached, odd: bytes) -> None:
    params = {"path": "/sandbox/a"}
    async with served(attached) as session, session.get("/files/browse", params=params) as answer:
        assert '/sandbox/a/odd\ufffd\n"' in [one["path"] for one in await answer.json()]
    infos = await list_files(attached, "/sandbox/a", None)
    assert isinstance(infos, list)
    assert '/sandbox/a/odd\ufffd\n"' in [one.path for one in infos]
    name = os.fsdecode(odd).rpartition("/")[2]
    opened = attached.open(f"/sandbox/a/{name}", None)
    assert isinstance(opened, Opened)
    with opened:
        assert opened.size == 70_003


@pytest.mark.asyncio
async def test_reads_are_bounded_and_what_is_no_text_is_marked(
    attached: Attached, tmp_path: Path
) -> None:
    (tmp_path / "sandbox" / "big").write_bytes(b"\xc3\xa4\xff" + b"a" * 70_000)
    async with served(attached) as session:

        async def read(**query: str) -> Any:
            async with session.get(
                "/files/read", params={"path": "/sandbox/a/big", **query}
            ) as one:
                return one.status, await one.text()

        _, text = await read(offset="0")
        assert text.startswith('{"data":"\\u00e4\\ufffdaaa')
        assert text.count("a") == 65536 - 3 + "data".count("a")
        assert await read() == (200, '{"data":"","offset":70003}')
        assert await read(offset="2", length="3") == (200, '{"data":"\\ufffdaa","offset":2}')
        huge = str(10**30)
        assert await read(offset=huge) == (200, f'{{"data":"","offset":{huge}}}')
        assert (await read(offset="-2"))[0] == 400
        assert (await read(offset="x"))[0] == 400


@pytest.mark.asyncio
async def test_files_of_any_size_are_downloaded(attached: Attached, tmp_path: Path) -> None:
    body = os.urandom(1_000_000)
    (tmp_path / "sandbox" / 'a "b"\n').write_bytes(body)
    async with served(attached) as session:
        params = {"path": '/sandbox/a/a "b"\n'}
        async with session.get("/files/download", params=params) as answer:
            assert await answer.read() == body
            assert answer.headers["Content-Disposition"] == "attachment; filename=a b"
            assert answer.headers["Content-Type"] == "application/octet-stream"
        async with session.head("/files/download", params=params) as answer:
            assert answer.headers["Content-Length"] == "1000000"
        for path, status in (("/sandbox/a/sub", 400), ("/sandbox/a/out", 404), ("/private", 403)):
            async with session.get("/files/download", params={"path": path}) as answer:
                assert answer.status == status


@pytest.mark.asyncio
async def test_a_file_that_becomes_shorter_ends_the_connection(
    attached: Attached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sandbox" / "shrinking"
    path.write_bytes(bytes(1_000_000))
    read = Opened.read

    def read_and_cut(opened: Opened, offset: int, length: int) -> bytes:
        data = read(opened, offset, length)
        os.truncate(path, 10)
        return data

    monkeypatch.setattr(Opened, "read", read_and_cut)
    async with served(attached) as session:
        params = {"path": "/sandbox/a/shrinking"}
        async with session.get("/files/download", params=params) as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        async with session.get("/files/browse", params={"path": "/sandbox/a/sub"}) as answer:
            assert answer.status == 200


@pytest.mark.asyncio
async def test_read_file_tells_the_size_and_a_part(attached: Attached) -> None:
    call = agent_pb2.Call.ReadFile(path="/sandbox/a/stdout", offset=1, length=3)
    assert await read_file(attached, call, None) == (5, b"ell")
    call = agent_pb2.Call.ReadFile(path="/sandbox/a/stdout", offset=2**64 - 1)
    assert await read_file(attached, call, None) == (5, b"")


@pytest.mark.asyncio
async def test_what_is_attached_is_told_to_those_who_may_know(attached: Attached) -> None:
    acls = """{"get_endpoints": [{"principals": {"type": "NONE"},
                                  "paths": {"values": ["/files/debug"]}}]}"""
    for rules, status in (("{}", 200), (acls, 403)):
        async with served(attached, rules) as session, session.get("/files/debug") as answer:
            assert answer.status == status
