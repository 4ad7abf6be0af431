"""``mesozoic zk`` on a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from kazoo.client import KazooClient
from kazoo.security import CREATOR_ALL_ACL

from mesozoic.cli import main
from zkserver.testing import EmbeddedServer


class Shell:
    def __init__(self, address: str) -> None:
        self.options = ["--zk", address, "zk"]

    def __call__(self, *arguments: str) -> str:
        result = CliRunner().invoke(main, [*self.options, *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    def fail(self, *arguments: str) -> str:
        result = CliRunner().invoke(main, [*self.options, *arguments])
        assert result.exit_code == 1
        return result.stderr


@pytest.fixture
def zk(zk_server: EmbeddedServer) -> Iterator[Shell]:
    yield Shell(zk_server.address)


def test_znodes_are_created_read_changed_and_deleted(zk: Shell, tmp_path: Path) -> None:
    assert zk("ls") == "zookeeper\n"
    assert zk("create", "/app", "one") == "created /app\n"
    assert json.loads(zk("create", "--json", "-s", "/app/job-")) == {"path": "/app/job-0000000000"}
    zk("create", "-p", "/app/deep/er", "x")
    assert zk("get", "/app") == "one\n"
    (tmp_path / "data").write_text("two")
    assert zk("set", "/app", f"@{tmp_path}/data", "--version", "0") == "/app has version 1\n"
    assert json.loads(zk("get", "--json", "/app"))["data"] == "two"
    assert zk("ls", "/app") == "deep\njob-0000000000\n"
    assert [one["name"] for one in json.loads(zk("ls", "-l", "--json", "/app"))] == [
        "deep",
        "job-0000000000",
    ]
    assert zk("tree", "-d", "/app") == ("/app  two\n├── deep\n│   └── er  x\n└── job-0000000000\n")
    assert zk("rm", "-r", "/app") == "deleted /app\n"
    assert zk("ls") == "zookeeper\n"


def test_stat_has_zookeeper_s_names(zk: Shell) -> None:
    zk("create", "/app", "data")
    stat = json.loads(zk("stat", "--json", "/app"))
    assert (stat["version"], stat["dataLength"], stat["ephemeralOwner"]) == (0, 4, "0x0")
    assert stat["czxid"] == stat["mzxid"]
    assert "world:anyone:rwcda" in zk("stat", "/app")


def test_refusals_say_what_is_wrong(zk: Shell) -> None:
    zk("create", "/app")
    zk("create", "/app/child")
    assert "there is no such znode" in zk.fail("get", "/nope")
    assert "is there already" in zk.fail("create", "/app")
    assert "--recursive deletes them too" in zk.fail("rm", "/app")
    assert "another version" in zk.fail("set", "/app", "x", "--version", "9")
    assert "Paths begin with '/'" in zk.fail("get", "app")
    assert "cannot read" in zk.fail("set", "/app", "@/nowhere/at/all")


def test_credentials_open_what_is_closed(zk: Shell, zk_server: EmbeddedServer) -> None:
    client = KazooClient(zk_server.address, auth_data=[("digest", "me:secret")])
    client.start()
    try:
        client.create("/mine", b"hidden", acl=CREATOR_ALL_ACL)
    finally:
        client.stop()
        client.close()
    assert "give --auth" in zk.fail("get", "/mine")
    assert zk("--auth", "digest:me:secret", "get", "/mine") == "hidden\n"


@pytest.mark.parametrize("is_json", [False, True])
def test_watch_tells_what_happens_below(
    zk_server: EmbeddedServer, zk_client: KazooClient, is_json: bool
) -> None:
    zk_client.create("/app", b"")
    watching = subprocess.Popen(
        [
            *(sys.executable, "-m", "mesozoic", "--zk", zk_server.address, "zk", "watch"),
            *("-r", "-n", "4", "/app", *(["--json"] if is_json else [])),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None and watching.stderr is not None
    assert watching.stderr.readline() == "watching /app\n"

    def event() -> str:
        assert watching.stdout is not None
        line = watching.stdout.readline()
        if is_json:
            told = json.loads(line)
            return f"{told['type']} {told['path']} {told['data']}"
        return " ".join(line.split()) + (" None" if line.startswith("DELETED") else "")

    zk_client.create("/app/a", b"1")
    assert event() == "CREATED /app/a 1"
    zk_client.set("/app/a", b"2")
    assert event() == "CHANGED /app/a 2"
    zk_client.delete("/app/a")
    assert event() == "DELETED /app/a None"
    zk_client.set("/app", b"3")
    assert event() == "CHANGED /app 3"
    assert watching.wait() == 0
    watching.communicate()
