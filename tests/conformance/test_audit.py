"""The audit log beside Apache's, line by line."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.security import make_acl, make_digest_acl

from conformance.servers import ApacheServer, OurServer, ServerUnavailable, ZooKeeperProcess

SETTINGS = {"audit.enable": "true"}
_APACHE_LOGGER = "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.audit=info"
_LINE = re.compile(r"(?:session|user)=.*")
_ENDED_S = 5.0


def failing(function: Callable[[], object]) -> None:
    with contextlib.suppress(KazooException):
        function()


def change_everything(server: ZooKeeperProcess) -> None:
    """All kinds of writes, such as succeed and such as fail."""
    client = KazooClient(server.address)
    client.start(timeout=30)
    owner = make_digest_acl("bob", "secret", all=True)
    client.create("/a", b"1")
    failing(lambda: client.create("/a"))
    client.set("/a", b"2")
    failing(lambda: client.set("/a", b"", version=9))
    failing(lambda: client.set("/none", b""))
    client.add_auth("digest", "bob:secret")
    client.create("/e", ephemeral=True)
    client.create("/s-", sequence=True)
    client.create("/es-", sequence=True, ephemeral=True, include_data=True)
    client.set_acls("/a", [owner, make_acl("world", "anyone", read=True, create=True)])
    failing(lambda: client.set_acls("/none", [owner]))
    good = client.transaction()
    good.create("/m", b"")
    good.create("/m/s-", b"", sequence=True)
    good.set_data("/m", b"z")
    good.check("/m", 1)
    good.delete("/a", version=1)
    good.commit()
    bad = client.transaction()
    bad.create("/m2", b"")
    bad.delete("/none")
    bad.commit()
    failing(lambda: client.delete("/none"))
    client.delete("/e")
    failing(lambda: client.reconfig("server.1=a:1:2;3", None, None))
    failing(lambda: client.create("/x/y"))
    client.get_async("/m")
    client.set_async("/m", b"with reads around it")
    client.get_async("/m")
    client.set("/m", b"")
    client.stop()
    client.close()


def lines(log: Path) -> list[str]:
    """The events in a log; session ids differ from server to server."""
    found = [one[0] for line in log.read_text().splitlines() if (one := _LINE.search(line))]
    return [re.sub(r"0x[0-9a-f]+", "ID", line) for line in found]


def audited(server: ZooKeeperProcess) -> list[str]:
    server.start()
    try:
        change_everything(server)
        until = time.monotonic() + _ENDED_S
        while "OnSessionClose" not in server.log_path.read_text() and time.monotonic() < until:
            time.sleep(0.02)
        server.stop()
        return lines(server.log_path)
    finally:
        server.__exit__(None, None, None)


@pytest.mark.real
def test_the_lines_are_apache_s() -> None:
    try:
        apache = audited(ApacheServer(settings=SETTINGS, jvm_options=("-Xmx300m", _APACHE_LOGGER)))
    except ServerUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error} (must be there in CI)")
        pytest.skip(str(error))
    assert any("operation=multiOperation" in line for line in apache)
    assert audited(OurServer(settings=SETTINGS)) == apache


class JsonServer(OurServer):
    """As ours, with lines for programs."""

    def command(self, config: Path) -> list[str]:
        return [*super().command(config), "--log-format", "json"]


def test_programs_read_the_same_fields() -> None:
    with JsonServer(settings=SETTINGS) as server:
        client = KazooClient(server.address)
        client.start()
        client.create("/a b")
        client.stop()
        client.close()
        server.stop()
        told = [json.loads(line) for line in server.log_path.read_text().splitlines()[1:]]
    created = [one for one in told if one.get("operation") == "create"]
    assert [(one["level"], one["znode"], one["result"]) for one in created] == [
        ("audit", "/a b", "success")
    ]


def test_no_name_begins_a_line_of_its_own() -> None:
    with OurServer(settings=SETTINGS) as server:
        client = KazooClient(server.address)
        client.start()
        client.add_auth("digest", "bob\nuser=root\toperation=serverStop:secret")
        client.create("/a")
        client.stop()
        client.close()
        server.stop()
        text = server.log_path.read_text()
    assert "user=bob\\nuser=root\\toperation=serverStop,127.0.0.1\tip=" in text


def test_nothing_is_told_unless_asked_for() -> None:
    with OurServer() as server:
        change_everything(server)
        server.stop()
        assert "operation=" not in server.log_path.read_text()
