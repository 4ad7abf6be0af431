"""The pytest plugin: what it gives to a test, and what it costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from zkserver.testing import EmbeddedServer
from zkserver.testing.plugin import ServerFactory

pytest_plugins = ["pytester"]

# Only what a user's project needs: our plugin and pytest itself.
PLAIN = ("-p", "no:cacheprovider", "-p", "no:asyncio")

THEIR_TEST = """
    import gc, threading

    def servers():
        return [t for t in threading.enumerate() if t.name.startswith("zkserver")]

    def test_one(zk_client, zk_server):
        assert zk_client.connected
        zk_client.create("/a", b"x")
        assert len(servers()) == 1

    def test_two_is_another_server(zk_client):
        assert zk_client.exists("/a") is None
        assert len(servers()) == 1

    def test_all_are_stopped():
        assert servers() == []
"""

DYING = """
    def test_it(zk_server):
        def die():
            raise OSError("the disk is gone")
        running = zk_server._alive()
        running.server.loop.call(die)
        running._thread.join()
"""


def test_the_client_is_connected_to_the_server(
    zk_client: KazooClient, zk_server: EmbeddedServer
) -> None:
    zk_client.create("/a", b"x")
    assert zk_client.client_id[0] in zk_server.session_ids


def test_the_factory_takes_settings_and_directories(
    zk_server_factory: ServerFactory, tmp_path: Path
) -> None:
    one = zk_server_factory(settings={"tickTime": "50"})
    other = zk_server_factory(tmp_path)
    assert one._alive().server.config.tick_time_ms == 50
    assert other.port != one.port
    assert any(tmp_path.iterdir())


def test_users_get_a_fresh_server_for_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(THEIR_TEST)
    result = pytester.runpytest_subprocess(*PLAIN, "-W", "error")
    result.assert_outcomes(passed=3)


def test_a_server_that_died_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(DYING)
    result = pytester.runpytest_subprocess(*PLAIN)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the disk is gone*"])


def test_loading_the_plugin_imports_neither_the_server_nor_kazoo() -> None:
    program = (
        "import pytest, sys; before = set(sys.modules); import zkserver.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["zkserver", "zkserver.testing", "zkserver.testing.plugin"]
