"""A core without sockets: bytes go in, replies come out, and the test plays the disk.

Requests and replies are made and read with the conformance kit's raw client, which
shares no code with the server.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

from conformance import rawclient as raw
from zkserver.paxos.durable import Persist, WriteRecord
from zkserver.paxos.node import alone
from zkserver.replica.connection import Connection, Phase
from zkserver.replica.core import ReplicaCore
from zkserver.replica.settings import ReplicaSettings
from zkserver.wire.opcodes import Op

OPEN_ACL = raw.pack_vector(
    [raw.pack_int(31) + raw.pack_bytes(b"world") + raw.pack_bytes(b"anyone")]
)
TICK_MS = 1000


class Reply(NamedTuple):
    xid: int
    zxid: int
    err: int
    body: bytes


class Event(NamedTuple):
    kind: int
    path: bytes
    zxid: int


@dataclass(frozen=True, slots=True)
class Logged:
    """A batch as it is on disk."""

    payload: bytes
    zxid: int
    time_ms: int
    count: int


def create_body(
    path: bytes | None, data: bytes | None = b"", flags: int = 0, acl: bytes = OPEN_ACL
) -> bytes:
    return raw.pack_bytes(path) + raw.pack_bytes(data) + acl + raw.pack_int(flags)


def set_body(path: bytes | None, data: bytes | None, version: int = -1) -> bytes:
    return raw.pack_bytes(path) + raw.pack_bytes(data) + raw.pack_int(version)


def delete_body(path: bytes | None, version: int = -1) -> bytes:
    return raw.pack_bytes(path) + raw.pack_int(version)


def watch_body(path: bytes, *, watch: bool = False) -> bytes:
    return raw.pack_bytes(path) + raw.pack_bool(watch)


def multi_body(*ops: tuple[int, bytes]) -> bytes:
    head = [raw.pack_int(op) + b"\0" + raw.pack_int(-1) + body for op, body in ops]
    return b"".join(head) + raw.pack_int(-1) + b"\1" + raw.pack_int(-1)


class Client:
    """One connection to the core, and what came out of it."""

    def __init__(self, driver: Driver, port: int) -> None:
        self.driver = driver
        self.conn = Connection("127.0.0.1", port, driver.now_ms)
        self.xids = itertools.count(1)
        self.handshake: raw.Handshake | None = None

    def send(self, data: bytes) -> None:
        self.driver.core.received(self.conn, data, self.driver.now_ms)

    def request(self, op: int, body: bytes = b"", xid: int | None = None) -> int:
        """Send a request; returns its xid."""
        xid = next(self.xids) if xid is None else xid
        self.send(raw.pack_request(xid, op, body))
        return xid

    def frames(self) -> list[bytes]:
        """The payloads of all frames that the core has put out since the last look."""
        data, found = b"".join(self.conn.out), []
        self.conn.out.clear()
        while data:
            size = int.from_bytes(data[:4], "big")
            assert len(data) >= 4 + size, "a frame is cut"
            found.append(data[4 : 4 + size])
            data = data[4 + size :]
        return found

    def received(self) -> list[Reply | Event]:
        """Replies and notifications since the last look, in their order."""
        found: list[Reply | Event] = []
        for frame in self.frames():
            head = raw.read_header(frame)
            body = frame[raw.HEADER_BYTES :]
            if head.xid == raw.NOTIFICATION_XID:
                cursor = raw.Cursor(body)
                kind, state, path = cursor.i32(), cursor.i32(), cursor.buffer()
                assert state == 3
                found.append(Event(kind, path or b"", head.zxid))
            else:
                found.append(Reply(*head, body))
        return found

    def replies(self) -> list[Reply]:
        return [told for told in self.received() if isinstance(told, Reply)]

    def call(self, op: int, body: bytes = b"") -> Reply:
        """Send a request, let the disk take it, and return the one reply."""
        xid = self.request(op, body)
        self.driver.commit_all()
        replies = self.replies()
        assert [reply.xid for reply in replies] == [xid]
        return replies[0]

    @property
    def is_ended(self) -> bool:
        return self.conn.phase >= Phase.CLOSING


class Driver:
    """The shell's part, by hand: time, the disk, and what is in the log."""

    def __init__(self, settings: ReplicaSettings | None = None) -> None:
        self.settings = settings or ReplicaSettings(
            tick_ms=TICK_MS, session_timeout_min_ms=2000, session_timeout_max_ms=20_000
        )
        self.core = self.new_core()
        self.now_ms = 1_000_000
        self.wall_ms = 1_700_000_000_000
        self.log: list[Logged] = []
        self.flushing: deque[Persist] = deque()
        self.ports = itertools.count(40_000)

    def new_core(self) -> ReplicaCore:
        counter = itertools.count(1)
        return ReplicaCore(
            self.settings, 0x0100_0000_0000_0001, lambda n: next(counter).to_bytes(n, "big")
        )

    def client(self) -> Client:
        """A connection that has not said anything."""
        return Client(self, next(self.ports))

    def connect(
        self,
        *,
        timeout_ms: int = 10_000,
        session_id: int = 0,
        password: bytes = bytes(16),
        last_zxid: int = 0,
        behind: bytes = b"",
    ) -> Client:
        """A client after its handshake; ``behind`` is sent together with it."""
        client = self.client()
        client.send(
            raw.pack_connect(
                timeout_ms=timeout_ms,
                session_id=session_id,
                password=password,
                last_zxid=last_zxid,
            )
            + behind
        )
        self.commit_all()
        if client.conn.out:
            client.handshake = raw.read_handshake(client.conn.out.pop(0)[4:])
        return client

    def again(self, before: Client, timeout_ms: int = 10_000) -> Client:
        """Attach to the session of ``before`` on a new connection."""
        assert before.handshake is not None and before.handshake.password is not None
        return self.connect(
            session_id=before.handshake.session_id,
            password=before.handshake.password,
            timeout_ms=timeout_ms,
        )

    def take(self) -> Persist | None:
        """Hand the open batch to the disk, which has not written it yet."""
        self.wall_ms += 1
        self.core.collect(self.wall_ms, self.now_ms)
        persist = self.core.node.take_persist()
        if persist is not None:
            for write in persist.writes:
                assert isinstance(write, WriteRecord)
                record = write.record
                self.log.append(Logged(record.payload, record.zxid, record.time_ms, record.entries))
            self.flushing.append(persist)
        return persist

    def persist(self) -> None:
        """The disk is done with the oldest batch that it has."""
        self.core.persisted(self.flushing.popleft(), self.now_ms)

    def commit_all(self) -> None:
        """Everything that waits goes through the log."""
        while self.take() or self.flushing:
            while self.flushing:
                self.persist()

    def recovered(self, log: list[Logged] | None = None) -> ReplicaCore:
        """A core that has executed the log again."""
        core = self.new_core()
        for entry in self.log if log is None else log:
            core.replay(entry.payload, entry.zxid, entry.time_ms, count=entry.count)
        count = sum(entry.count for entry in (self.log if log is None else log))
        core.recovered(alone(self.settings.server_id, count, core.zxid), self.now_ms)
        return core

    def varied(self, **changes: object) -> Driver:
        """A driver of its own with other settings."""
        return Driver(replace(self.settings, **changes))  # type: ignore[arg-type]


__all__ = [
    "OPEN_ACL",
    "TICK_MS",
    "Client",
    "Driver",
    "Event",
    "Logged",
    "Op",
    "Reply",
    "create_body",
    "delete_body",
    "multi_body",
    "raw",
    "set_body",
    "watch_body",
]
