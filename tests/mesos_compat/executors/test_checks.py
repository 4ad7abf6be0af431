"""Checks against real servers and commands."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mesos_compat.executors.actions import CommandProbe, HttpProbe, TcpProbe
from mesos_compat.executors.checks import (
    CheckFailedError,
    http_status,
    run_command,
    tcp_connects,
)
from mesos_compat.wire.v1 import mesos_pb2

PATIENCE_MS = 30_000
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.strip("/").partition("?")[0] or 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/204?from=302")
        if status == 307:
            self.send_header("Location", self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Where connections come about and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number: int = listening.getsockname()[1]
        return number


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/404", 404), ("/302", 204)])
def test_http_status_is_that_behind_redirections(port: int, path: str, status: int) -> None:
    assert http_status(HttpProbe("http", "127.0.0.1", port, path), PATIENCE_MS) == status


def test_http_redirections_without_end_have_no_result(port: int) -> None:
    with pytest.raises(CheckFailedError, match="More than 50 redirections"):
        http_status(HttpProbe("http", "127.0.0.1", port, "/307"), PATIENCE_MS)


def test_http_that_is_not_answered_times_out(silent_port: int) -> None:
    with pytest.raises(CheckFailedError, match="timed out after 1 ms"):
        http_status(HttpProbe("http", "127.0.0.1", silent_port, "/"), 1)


def test_http_without_a_server_has_no_result(closed_port: int) -> None:
    with pytest.raises(OSError, match="refused"):
        http_status(HttpProbe("http", "127.0.0.1", closed_port, "/"), PATIENCE_MS)


def test_tcp_connects_where_somebody_listens(silent_port: int, closed_port: int) -> None:
    assert tcp_connects(TcpProbe("127.0.0.1", silent_port), PATIENCE_MS)
    assert not tcp_connects(TcpProbe("127.0.0.1", closed_port), PATIENCE_MS)


@pytest.mark.parametrize(
    ("command", "code"), [("exit 7", 7), ("test $A = b", 0), ("/no/such/program", 127)]
)
def test_command_gives_its_exit_code(command: str, code: int) -> None:
    probe = CommandProbe(mesos_pb2.CommandInfo(value=command), {"A": "b"})
    assert run_command(probe, ENVIRONMENT, PATIENCE_MS) == code


def test_command_that_takes_too_long_is_killed() -> None:
    probe = CommandProbe(mesos_pb2.CommandInfo(value="sleep 1000"), {})
    with pytest.raises(CheckFailedError, match="Command timed out after 1 ms"):
        run_command(probe, ENVIRONMENT, 1)


def test_command_that_was_killed_has_no_result() -> None:
    probe = CommandProbe(mesos_pb2.CommandInfo(value="kill -9 $$"), {})
    with pytest.raises(CheckFailedError, match="ended by signal 9"):
        run_command(probe, ENVIRONMENT, None)
