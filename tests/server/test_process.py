"""The server as a process: signals, a disk that fills up, kill -9 in the middle of work."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest

from tests.server.harness import Client, Process, create_body, wait_until
from zkserver.wire.opcodes import Op


def write_until_it_ends(client: Client, payload: bytes) -> list[bytes]:
    """Create znodes one by one; the acknowledged ones, once the server is gone."""
    acknowledged: list[bytes] = []
    while True:
        path = b"/n%06d" % len(acknowledged)
        client.send(Op.CREATE, create_body(path, payload))
        reply = client.receive()
        if reply is None:
            return acknowledged
        assert reply.err == 0
        acknowledged.append(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_server_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with Process(tmp_path) as server:
        with Client(server.port) as client:
            assert client.create(b"/a", b"kept") == 0
            server.process.send_signal(number)
            assert client.is_closed_by_server()
        assert server.ended() == (0, "")
    with Process(tmp_path) as server, Client(server.port) as client:
        assert client.get(b"/a") == b"kept"


def test_full_disk_stops_the_server_and_loses_nothing_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    with Process(tmp_path) as server:
        limit = 600_000
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        with Client(server.port) as client:
            acknowledged = write_until_it_ends(client, bytes(20_000))
        code, errors = server.ended()
    assert code == 1
    assert "zkserver: stopped: cannot write" in errors
    assert "start again" in errors
    assert "Traceback" not in errors
    assert len(acknowledged) > 5
    with Process(tmp_path) as server, Client(server.port) as client:
        missing = {name[1:] for name in acknowledged} - client.children(b"/")
        assert not missing
        assert client.get(acknowledged[-1]) == bytes(20_000)


def test_second_server_on_the_directory_ends_with_what_to_do(tmp_path: Path) -> None:
    with (
        Process(tmp_path) as server,
        pytest.raises(AssertionError, match=f"in use by process {server.process.pid}"),
    ):
        Process(tmp_path)


def test_snapshots_under_load_and_a_kill_lose_nothing(tmp_path: Path) -> None:
    snapshots = tmp_path / "mesozoic-1"
    acknowledged: list[bytes] = []
    with (
        Process(tmp_path, "--set", "snapCount=40", "--set", "tickTime=100") as server,
        Client(server.port) as client,
    ):

        def has_snapshots() -> bool:
            for _ in range(50):
                path = b"/n%06d" % len(acknowledged)
                assert client.create(path, b"x" * 500) == 0
                acknowledged.append(path)
            return len(list(snapshots.glob("snapshot-*[0-9a-f]"))) > 1

        wait_until(has_snapshots, "two snapshots")
        client.set_data(b"/n000000", b"last")
        server.process.kill()
        server.process.wait()
    with Process(tmp_path) as server, Client(server.port) as client:
        assert {name[1:] for name in acknowledged} <= client.children(b"/")
        assert client.get(b"/n000000") == b"last"
        assert client.get(acknowledged[-1]) == b"x" * 500


def test_killed_server_keeps_every_acknowledged_write(tmp_path: Path) -> None:
    acknowledged: list[bytes] = []
    for round_number in range(3):
        with Process(tmp_path) as server, Client(server.port) as client:
            assert set(acknowledged) <= client.children(b"/")
            for n in range(30):
                name = b"r%d-%d" % (round_number, n)
                assert client.create(b"/" + name) == 0
                acknowledged.append(name)
            server.process.kill()
            server.process.wait()


def test_server_that_is_killed_again_and_again_takes_a_snapshot_all_the_same(
    tmp_path: Path,
) -> None:
    few = ("--set", "snapCount=60", "--set", "tickTime=100")
    for round_number in range(4):
        with Process(tmp_path, *few) as server, Client(server.port) as client:
            for n in range(20):
                assert client.create(b"/r%d-%d" % (round_number, n)) == 0
            server.process.kill()
            server.process.wait()
    with Process(tmp_path, *few):
        found = (tmp_path / "mesozoic-1").glob
        wait_until(lambda: any(found("snapshot-*[0-9a-f]")), "a snapshot")
