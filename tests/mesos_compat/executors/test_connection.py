"""Responses of HTTP, in whole and in pieces."""

from __future__ import annotations

import io
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from mesos_compat.errors import DecodeError
from mesos_compat.executors.connection import Connection, Head, read_body, read_head
from mesos_compat.executors.settings import AgentAddress


def source(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def body_of(data: bytes) -> bytes:
    stream = source(data)
    return b"".join(read_body(stream, read_head(stream)))


def test_head_is_read_with_small_names() -> None:
    head = read_head(source(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-A:b\r\n\r\n"))
    assert head == Head(202, {"content-length": "0", "x-a": "b"})


def test_interim_answers_are_skipped() -> None:
    head = read_head(source(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))
    assert head.status == 200


def test_chunks_are_put_together() -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert body_of(data + b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n") == b"abc0123456789"


def test_body_of_a_given_length_ends_there() -> None:
    assert body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1") == b"abc"


def test_body_without_a_length_ends_with_the_connection() -> None:
    assert body_of(b"HTTP/1.0 200 OK\r\n\r\nabc") == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_cut_off_or_no_http_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        body_of(data)


class OneAnswer:
    """A server of one connection."""

    def __init__(self, listening: socket.socket, context: ssl.SSLContext | None = None) -> None:
        self._listening = listening
        self._context = context
        self.request = b""
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> OneAnswer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        accepted, _ = self._listening.accept()
        if self._context is not None:
            try:
                accepted = self._context.wrap_socket(accepted, server_side=True)
            except OSError:
                accepted.close()
                return  # The client does not trust us.
        with accepted:
            while not self.request.endswith(b"body"):
                self.request += accepted.recv(4096)
            accepted.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")


def post(address: AgentAddress) -> tuple[int, bytes]:
    connection = Connection(address)
    try:
        head = connection.post("/path", b"body", {"A": "b"})
        return head.status, connection.read(head)
    finally:
        connection.close()


def test_agent_is_asked_with_the_token(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    with OneAnswer(listening) as server:
        address = AgentAddress("127.0.0.1", 5051, socket_path=path, token="secret")
        assert post(address) == (202, b"ok")
    assert server.request == (
        b"POST /path HTTP/1.1\r\nHost: 127.0.0.1:5051\r\nAuthorization: Bearer secret\r\n"
        b"A: b\r\nContent-Length: 4\r\n\r\nbody"
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_agent_with_tls_is_known_by_its_certificate_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    line += " -nodes -days 2 -subj /CN=known -keyout known.key -out known"
    line += " -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(line.split(), cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "known", tmp_path / "known.key")

    def ask() -> tuple[int, bytes]:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        with OneAnswer(listening, context):
            return post(AgentAddress("127.0.0.1", port, tls=True))

    monkeypatch.setenv("LIBPROCESS_SSL_ENABLED", "true")
    assert ask() == (202, b"ok")
    monkeypatch.setenv("LIBPROCESS_SSL_VERIFY_CERT", "true")
    monkeypatch.setenv("LIBPROCESS_SSL_CA_FILE", str(tmp_path / "known"))
    assert ask() == (202, b"ok")
    monkeypatch.delenv("LIBPROCESS_SSL_CA_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        ask()
