"""The embedded server, used by a real client."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import NoNodeError

from zkserver.config import ConfigError
from zkserver.errors import StartError
from zkserver.storage import DirectoryLocked, DiskFailed
from zkserver.testing import EmbeddedServer

WAIT_S = 30.0


@contextmanager
def connected(server: EmbeddedServer, timeout_s: float = 10.0) -> Iterator[KazooClient]:
    client = KazooClient(server.address, timeout=timeout_s)
    try:
        client.start(timeout=WAIT_S)
        yield client
    finally:
        client.stop()
        client.close()


def states_of(client: KazooClient) -> dict[str, threading.Event]:
    """An event for each state, set when the client gets into it the next time."""
    seen = {state: threading.Event() for state in (KazooState.SUSPENDED, KazooState.LOST)}
    seen[KazooState.CONNECTED] = threading.Event()
    client.add_listener(lambda state: seen[state].set())
    return seen


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def open_session(connection: socket.socket, timeout_ms: int) -> int:
    """Shake hands and never say anything again; returns the session's id."""
    # ConnectRequest: version 0, nothing seen, the timeout, a new session, no password.
    request = bytes(12) + timeout_ms.to_bytes(4, "big") + bytes(8) + bytes(4)
    connection.sendall(len(request).to_bytes(4, "big") + request)
    reply = connection.recv(256)
    assert int.from_bytes(reply[8:12], "big") == timeout_ms
    return int.from_bytes(reply[12:20], "big", signed=True)


def refuses_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_client_reads_what_it_wrote() -> None:
    with EmbeddedServer() as server, connected(server) as client:
        client.create("/a", b"x")
        assert client.get("/a")[0] == b"x"


def test_two_servers_know_nothing_of_each_other() -> None:
    with EmbeddedServer() as one, EmbeddedServer() as other:
        with connected(one) as first, connected(other) as second:
            first.create("/a")
            assert second.exists("/a") is None
        assert one.port != other.port


def test_stop_frees_the_port_the_threads_and_the_temporary_directory() -> None:
    threads, descriptors = set(threading.enumerate()), open_descriptors()
    server = EmbeddedServer().start()
    port, data = server.port, Path(server._alive().server.config.data_dir)
    assert data.is_dir()
    server.stop()
    assert refuses_connections(port)
    assert not data.exists()
    assert set(threading.enumerate()) <= threads
    assert open_descriptors() == descriptors


def test_a_given_directory_keeps_its_data_and_its_sessions(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server, connected(server) as client:
        client.create("/a", b"x")
        with socket.create_connection(("127.0.0.1", server.port)) as silent:
            left_behind = open_session(silent, 30_000)
    with EmbeddedServer(tmp_path) as server, connected(server) as client:
        assert client.get("/a")[0] == b"x"
        assert left_behind in server.session_ids


def test_only_a_given_directory_is_flushed(tmp_path: Path) -> None:
    with EmbeddedServer() as fast, EmbeddedServer(tmp_path) as safe:
        assert not fast._alive().server.config.force_sync
        assert safe._alive().server.config.force_sync
    with EmbeddedServer(settings={"zookeeper.forceSync": "yes"}) as asked:
        assert asked._alive().server.config.force_sync


def test_a_restart_keeps_port_data_session_and_ephemerals() -> None:
    with EmbeddedServer() as server, connected(server) as client:
        client.create("/kept", b"x")
        client.create("/mine", ephemeral=True)
        session, port, seen = client.client_id[0], server.port, states_of(client)
        server.restart()
        assert server.port == port
        assert seen[KazooState.SUSPENDED].wait(WAIT_S)
        assert seen[KazooState.CONNECTED].wait(WAIT_S)
        assert client.get("/kept")[0] == b"x"
        assert client.exists("/mine").ephemeralOwner == session == client.client_id[0]
        assert not seen[KazooState.LOST].is_set()


def test_nobody_listens_during_an_outage() -> None:
    with EmbeddedServer() as server, connected(server) as client:
        port, seen = server.port, states_of(client)
        with server.outage():
            assert seen[KazooState.SUSPENDED].wait(WAIT_S)
            assert refuses_connections(port)
            with pytest.raises(RuntimeError, match=r"start\(\) it first"):
                _ = server.port
        assert seen[KazooState.CONNECTED].wait(WAIT_S)
        assert client.exists("/") is not None


def test_a_stop_during_an_outage_is_final() -> None:
    server = EmbeddedServer().start()
    with server.outage():
        server.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.address


def test_expire_takes_the_ephemerals_and_fires_watches_before_it_returns() -> None:
    with EmbeddedServer() as server, connected(server) as owner, connected(server) as other:
        owner.create("/mine", ephemeral=True)
        gone, seen = threading.Event(), states_of(owner)
        other.exists("/mine", watch=lambda _event: gone.set())
        session = owner.client_id[0]
        assert server.expire(session)
        assert session not in server.session_ids
        assert other.exists("/mine") is None
        assert gone.wait(WAIT_S)
        assert seen[KazooState.LOST].wait(WAIT_S)
        assert not server.expire(session)


def test_a_silent_session_expires_by_itself() -> None:
    with EmbeddedServer() as server, connected(server) as other:
        with socket.create_connection(("127.0.0.1", server.port)) as silent:
            session = open_session(silent, 200)
            assert session in server.session_ids
            # The server closes the connection of a session that expired.
            assert silent.recv(256) == b""
        assert server.session_ids == [other.client_id[0]]


def test_dropped_connections_come_back_with_their_sessions() -> None:
    with EmbeddedServer() as server, connected(server) as one, connected(server) as other:
        cut, kept = states_of(one), states_of(other)
        session = one.client_id[0]
        assert server.drop_connections(session) == 1
        assert cut[KazooState.SUSPENDED].wait(WAIT_S)
        assert cut[KazooState.CONNECTED].wait(WAIT_S)
        assert one.exists("/") is not None
        assert one.client_id[0] == session
        assert other.exists("/") is not None
        assert not kept[KazooState.SUSPENDED].is_set()
        assert server.drop_connections() == 2
        assert kept[KazooState.SUSPENDED].wait(WAIT_S)
        assert server.drop_connections(12345) == 0


def test_settings_are_those_of_zoo_cfg() -> None:
    small = EmbeddedServer(settings={"jute.maxbuffer": "1000"})
    with small, connected(small) as client:
        seen = states_of(client)
        client.create_async("/large", b"x" * 2000)
        assert seen[KazooState.SUSPENDED].wait(WAIT_S)
    with pytest.raises(ConfigError, match="tickTime=never"):
        EmbeddedServer(settings={"tickTime": "never"}).start()
    with pytest.raises(ValueError, match="give data_dir instead"):
        EmbeddedServer(settings={"dataDir": "here"})


def test_start_says_why_it_cannot(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as first:
        with pytest.raises(DirectoryLocked):
            EmbeddedServer(tmp_path).start()
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{first.port}"):
            EmbeddedServer(settings={"clientPort": str(first.port)}).start()
        with pytest.raises(RuntimeError, match="runs already"):
            first.start()


def test_what_the_loop_died_of_is_raised_by_the_next_call_and_by_stop() -> None:
    server = EmbeddedServer().start()
    running = server._alive()

    def fail() -> None:
        raise DiskFailed("the log", "write", errno.ENOSPC)

    data = Path(running.server.config.data_dir)
    running.server.loop.call(fail)
    with pytest.raises(DiskFailed, match="No space"):
        while True:
            _ = server.session_ids
    with pytest.raises(DiskFailed, match="No space"):
        server.expire(1)
    with pytest.raises(DiskFailed, match="No space"):
        server.stop()
    assert not data.exists()
    server.stop()


def test_a_caller_that_waits_gets_what_the_loop_died_of() -> None:
    server = EmbeddedServer().start()
    loop = server._alive().server.loop
    reached, going_on = threading.Event(), threading.Event()

    def die() -> None:
        reached.set()
        going_on.wait(WAIT_S)
        raise DiskFailed("the log", "write", errno.ENOSPC)

    loop.call(die)
    assert reached.wait(WAIT_S)
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            server.drop_connections()
        except DiskFailed as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not loop._calls:
        pass
    going_on.set()
    asking.join(WAIT_S)
    assert len(errors) == 1
    with pytest.raises(DiskFailed):
        server.stop()


def test_a_mistake_in_a_call_is_the_callers() -> None:
    with EmbeddedServer() as server, connected(server) as client:
        with pytest.raises(ZeroDivisionError):
            server._call(lambda: 1 // 0)
        with pytest.raises(NoNodeError):
            client.get("/missing")
