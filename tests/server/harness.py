"""Servers in a thread and in a process, and a client that says what it means byte by byte."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from conformance import rawclient as raw
from zkserver.config import Config
from zkserver.server.app import Server
from zkserver.wire.opcodes import Op

T = TypeVar("T")
#: What no test of a working server ever waits for; only a hanging one gets there.
PATIENCE_S = 20.0
OPEN_ACL = raw.pack_vector(
    [raw.pack_int(31) + raw.pack_bytes(b"world") + raw.pack_bytes(b"anyone")]
)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fails with ``what`` when it does not come true."""
    deadline = time.monotonic() + PATIENCE_S
    never = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        never.wait(0.002)


class Reply(NamedTuple):
    err: int
    zxid: int
    body: bytes


class Client:
    """A session on a real socket. Notifications are put aside in ``events``."""

    def __init__(
        self, port: int, *, timeout_ms: int = 30_000, like: raw.Handshake | None = None
    ) -> None:
        self.connection = raw.RawConnection(port, PATIENCE_S)
        handshake = self.connection.handshake(
            raw.pack_connect(
                timeout_ms=timeout_ms,
                session_id=like.session_id if like else 0,
                password=like.password if like else bytes(16),
            )
        )
        assert handshake is not None, "the server closed the connection"
        self.handshake = handshake
        self.xid = 0
        self.events: list[tuple[int, bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()

    def send(self, op: int, body: bytes = b"") -> None:
        self.xid += 1
        self.connection.send(raw.pack_request(self.xid, op, body))

    def receive(self) -> Reply | None:
        """The next reply; ``None`` when the server has closed the connection."""
        while (frame := self.connection.frame()) is not None:
            head = raw.read_header(frame)
            body = frame[raw.HEADER_BYTES :]
            if head.xid != raw.NOTIFICATION_XID:
                return Reply(head.err, head.zxid, body)
            cursor = raw.Cursor(body)
            kind, _, path = cursor.i32(), cursor.i32(), cursor.buffer()
            self.events.append((kind, path or b""))
        return None

    def call(self, op: int, body: bytes = b"") -> Reply:
        self.send(op, body)
        reply = self.receive()
        assert reply is not None, "the server closed the connection"
        return reply

    def create(self, path: bytes, data: bytes = b"", flags: int = 0, op: int = Op.CREATE) -> int:
        return self.call(op, create_body(path, data, flags)).err

    def set_data(self, path: bytes, data: bytes) -> int:
        return self.call(Op.SET_DATA, set_body(path, data)).err

    def get(self, path: bytes) -> bytes | None:
        """The data, ``None`` when there is no such znode."""
        reply = self.call(Op.GET_DATA, watch_body(path))
        return None if reply.err else raw.Cursor(reply.body).buffer()

    def exists(self, path: bytes) -> bool:
        return self.call(Op.EXISTS, watch_body(path)).err == 0

    def children(self, path: bytes) -> set[bytes]:
        cursor = raw.Cursor(self.call(Op.GET_CHILDREN, watch_body(path)).body)
        return {cursor.buffer() or b"" for _ in range(cursor.i32())}

    def is_closed_by_server(self) -> bool:
        return self.receive() is None


def create_body(path: bytes, data: bytes = b"", flags: int = 0) -> bytes:
    return raw.pack_bytes(path) + raw.pack_bytes(data) + OPEN_ACL + raw.pack_int(flags)


def delete_body(path: bytes) -> bytes:
    return raw.pack_bytes(path) + raw.pack_int(-1)


def set_body(path: bytes, data: bytes) -> bytes:
    return raw.pack_bytes(path) + raw.pack_bytes(data) + raw.pack_int(-1)


def watch_body(path: bytes, *, watch: bool = False) -> bytes:
    return raw.pack_bytes(path) + raw.pack_bool(watch)


class Running:
    """A server whose loop runs in a thread."""

    def __init__(self, config: Config) -> None:
        self.server = Server(config, own_process=False)
        self.port: int = self.server.port
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="server under test")
        self._thread.start()

    def _run(self) -> None:
        try:
            self.server.run()
        except BaseException as failure:  # noqa: BLE001 - the test looks at it
            self.failure = failure

    def inside(self, question: Callable[[], T]) -> T:
        """What ``question`` answers in the loop's own thread."""
        answers: list[T] = []
        done = threading.Event()

        def ask() -> None:
            try:
                answers.append(question())
            finally:
                done.set()

        self.server.loop.call(ask)
        assert done.wait(PATIENCE_S), "the loop does not answer"
        return answers[0]

    def join(self) -> None:
        """Wait until the loop has ended by itself."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the server does not end"

    def stop(self) -> None:
        if self._thread.is_alive():
            self.server.loop.stop()
        self.join()


def config_of(directory: Path, **changes: object) -> Config:
    """A server on a free loopback port that ticks fast."""
    plain = Config(
        data_dir=str(directory), client_port=0, client_address="127.0.0.1", tick_time_ms=100,
        min_session_timeout_ms=200, max_session_timeout_ms=60_000,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


@contextmanager
def running(directory: Path, **changes: object) -> Iterator[Running]:
    server = Running(config_of(directory, **changes))
    try:
        yield server
    finally:
        server.stop()


class Process:
    """``python -m zkserver start`` on a free loopback port."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "zkserver", "start", "--data-dir", str(directory)]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--host", "127.0.0.1", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
        if found is None:
            _, errors = self.process.communicate()
            raise AssertionError(f"the server did not start: {line}{errors.decode()}")
        self.port = int(found[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def ended(self) -> tuple[int, str]:
        """Exit code and standard error of a server that is to end by itself."""
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors.decode()
