"""Servers of an ensemble without a quorum: what they do for clients, and how it ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import rawclient as raw
from tests.replica.driver import (
    TICK_MS,
    Event,
    Reply,
    create_body,
    delete_body,
    multi_body,
    set_body,
    watch_body,
)
from zkserver.paxos.ballot import NO_BALLOT
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.election import Timing
from zkserver.paxos.log import Log
from zkserver.paxos.node import PaxosNode
from zkserver.replica.connection import Connection, Phase
from zkserver.replica.core import ReplicaCore
from zkserver.replica.read_only import ReadOnly
from zkserver.replica.settings import ReplicaSettings
from zkserver.replica.state import State, dump
from zkserver.wire.opcodes import Code, Op

PATIENCE_MS = 1000
STEP_MS = 10
SETTINGS = ReplicaSettings(
    tick_ms=TICK_MS, session_timeout_min_ms=2000, session_timeout_max_ms=20_000
)
REFUSED = {
    Op.CREATE: create_body(b"/x"),
    Op.CREATE2: create_body(b"/x"),
    Op.CREATE_CONTAINER: create_body(b"/x", flags=4),
    Op.CREATE_TTL: create_body(b"/x", flags=5) + raw.pack_long(1000),
    Op.DELETE: delete_body(b"/a"),
    Op.DELETE_CONTAINER: raw.pack_bytes(b"/a"),
    Op.SET_DATA: set_body(b"/a", b"y"),
    Op.SET_ACL: raw.pack_bytes(b"/a") + raw.pack_vector([]) + raw.pack_int(-1),
    Op.SYNC: raw.pack_bytes(b"/a"),
    Op.MULTI: multi_body((Op.CHECK, delete_body(b"/a"))),
    Op.CHECK: delete_body(b"/a"),
    Op.RECONFIG: raw.pack_bytes(None) * 3 + raw.pack_long(-1),
}


class Client:
    """A connection to one of the servers, and what came out of it."""

    def __init__(self, servers: Servers, server_id: int) -> None:
        self.servers = servers
        self.core = servers.cores[server_id]
        self.conn = Connection("127.0.0.1", 1, servers.now_ms)
        self.handshake: raw.Handshake | None = None

    def send(self, data: bytes) -> None:
        self.core.received(self.conn, data, self.servers.now_ms)

    def connect(self, behind: bytes = b"", **fields: object) -> Client:
        """The handshake, with ``behind`` in the same packet; waits until it is answered."""
        request = raw.pack_connect(timeout_ms=5000, **fields)  # type: ignore[arg-type]
        self.send(request + behind)
        for _ in range(50):
            if self.conn.out or self.has_ended():
                break
            self.servers.run(STEP_MS)
        if self.conn.out:
            self.handshake = raw.read_handshake(self.conn.out.pop(0)[4:])
        return self

    @property
    def told(self) -> raw.Handshake:
        """What it was told in the handshake."""
        assert self.handshake is not None, self.conn.why_closed
        return self.handshake

    def has_ended(self) -> bool:
        """Whether the server takes nothing more from it."""
        return self.conn.phase >= Phase.CLOSING

    def received(self) -> list[Reply | Event]:
        """Replies and notifications since the last look."""
        data, found = b"".join(self.conn.out), list[Reply | Event]()
        self.conn.out.clear()
        while data:
            size = int.from_bytes(data[:4], "big")
            frame, data = data[4 : 4 + size], data[4 + size :]
            head, body = raw.read_header(frame), frame[raw.HEADER_BYTES :]
            if head.xid == raw.NOTIFICATION_XID:
                cursor = raw.Cursor(body)
                kind, _, path = cursor.i32(), cursor.i32(), cursor.buffer()
                found.append(Event(kind, path or b"", head.zxid))
            else:
                found.append(Reply(*head, body))
        return found

    def call(self, op: int, body: bytes = b"") -> Reply:
        """Send a request and wait for its reply."""
        self.send(raw.pack_request(7, op, body))
        for _ in range(50):
            if self.conn.out:
                break
            self.servers.run(STEP_MS)
        (reply,) = self.received()
        assert isinstance(reply, Reply)
        assert reply.xid == 7
        return reply

    def again(self, password: bytes | None = None) -> Client:
        """The same session on another connection."""
        told = self.told
        given = told.password if password is None else password
        other = Client(self.servers, self.core.settings.server_id)
        return other.connect(read_only=True, session_id=told.session_id, password=given)


class Servers:
    """Three voters in one process: messages arrive at once, and the disk is never slow."""

    def __init__(self, settings: ReplicaSettings = SETTINGS, *, read_only: bool = True) -> None:
        self.settings = settings
        self.now_ms = 1_000_000
        self.is_together = True
        self.cores = {i: self._core(i, read_only=read_only) for i in (1, 2, 3)}

    def _core(self, server_id: int, *, read_only: bool) -> ReplicaCore:
        draw = itertools.count(server_id * 1000)
        core = ReplicaCore(
            replace(self.settings, server_id=server_id),
            (server_id << 56) + 1,
            lambda n: next(draw).to_bytes(n, "big"),
        )
        configuration = Configuration(0, (1, 2, 3))
        node = PaxosNode(
            server_id,
            configuration,
            Log(0, 0),
            NO_BALLOT,
            NO_BALLOT,
            Timing(),
            lambda most: min(server_id, most - 1),
        )
        core.join(node, patience_ms=PATIENCE_MS, touch_ms=100, now_ms=self.now_ms)
        assert core.ensemble is not None
        if read_only:
            core.ensemble.read_only = ReadOnly(core)
        return core

    def part(self) -> None:
        """Cut all links."""
        self.is_together = False
        for core, other in itertools.permutations(self.cores, 2):
            ensemble = self.cores[core].ensemble
            assert ensemble is not None
            ensemble.unlinked(other, self.now_ms)

    def meet(self) -> None:
        """Link everybody to everybody."""
        self.is_together = True
        for core, other in itertools.permutations(self.cores, 2):
            self.cores[core].node.linked(other, self.now_ms)

    def run(self, for_ms: int) -> None:
        """Let time go by."""
        for _ in range(for_ms // STEP_MS):
            self.now_ms += STEP_MS
            for core in self.cores.values():
                assert core.ensemble is not None
                core.ensemble.tick(self.now_ms)
                core.tick(self.now_ms)
            while self._exchange():
                pass

    def _exchange(self) -> bool:
        """One round of messages and writes; whether there was anything."""
        is_busy = False
        for server_id, core in self.cores.items():
            ensemble = core.ensemble
            assert ensemble is not None
            core.advance(self.now_ms)
            core.collect(self.now_ms, self.now_ms)
            outbox = ensemble.take_outbox()
            persist = core.node.take_persist()
            if persist is not None:
                core.persisted(persist, self.now_ms)
                is_busy = True
            outbox += ensemble.take_outbox()
            for peer_id, message in outbox:
                peer = self.cores[peer_id].ensemble
                if self.is_together and peer is not None:
                    peer.received(server_id, message, self.now_ms)
                    is_busy = True
        return is_busy

    @property
    def leader(self) -> int:
        """The one that leads and has a quorum."""
        (found,) = (
            i
            for i, core in self.cores.items()
            if core.node.leads and core.ensemble is not None and core.ensemble.is_in_step
        )
        return found

    def is_read_only(self, server_id: int) -> bool:
        """Whether that server serves reads only."""
        ensemble = self.cores[server_id].ensemble
        return ensemble is not None and ensemble.is_read_only

    def client(self, server_id: int = 1, **fields: object) -> Client:
        """A client after its handshake, or after its end."""
        return Client(self, server_id).connect(**fields)  # type: ignore[arg-type]

    def reader(self, server_id: int = 1) -> Client:
        """A client that takes a read-only server."""
        return self.client(server_id, read_only=True)


def parted(settings: ReplicaSettings = SETTINGS) -> Servers:
    """Servers that had a quorum, wrote ``/a`` and ``/large``, and lost it."""
    found = Servers(settings)
    found.meet()
    found.run(1000)
    if settings.enforced_schemes:
        found.part()
        found.run(PATIENCE_MS + 2 * STEP_MS)
        return found
    writer = found.client()
    assert writer.call(Op.CREATE, create_body(b"/a", b"x")).err == 0
    assert writer.call(Op.CREATE, create_body(b"/large", bytes(900_000))).err == 0
    assert writer.call(Op.CLOSE_SESSION).err == 0
    found.part()
    found.run(PATIENCE_MS + 2 * STEP_MS)
    return found


@pytest.fixture
def servers() -> Iterator[Servers]:
    found = parted()
    yield found
    for core in found.cores.values():
        core.tree.check_invariants()


def test_a_new_server_looks_for_a_leader_before_it_is_read_only() -> None:
    servers = Servers()
    servers.run(PATIENCE_MS - STEP_MS)
    assert not servers.is_read_only(1)
    assert servers.reader().has_ended()
    servers.run(2 * STEP_MS)
    assert servers.is_read_only(1)
    assert servers.reader().told.read_only


@pytest.mark.parametrize("server_id", [1, 2, 3])
def test_leader_and_followers_alike_become_read_only_without_a_quorum(server_id: int) -> None:
    servers = Servers()
    servers.meet()
    servers.run(1000)
    writer = servers.client(server_id)
    servers.part()
    servers.run(PATIENCE_MS - 5 * STEP_MS)
    assert not writer.has_ended()
    assert not servers.is_read_only(server_id)
    servers.run(500)
    assert writer.has_ended()
    assert servers.is_read_only(server_id)


def test_without_the_setting_nobody_is_served_without_a_quorum() -> None:
    servers = Servers(read_only=False)
    servers.meet()
    servers.run(1000)
    servers.part()
    servers.run(2 * PATIENCE_MS)
    for server_id in servers.cores:
        client = servers.reader(server_id)
        assert client.has_ended()
        assert client.handshake is None


@pytest.mark.parametrize("asked", [False, None])
def test_who_wants_to_write_is_sent_away_without_an_answer(
    servers: Servers, asked: bool | None
) -> None:
    client = servers.client(read_only=asked)
    assert client.has_ended()
    assert client.handshake is None


def test_a_session_exists_on_this_server_alone(servers: Servers) -> None:
    client = servers.reader()
    assert (client.told.timeout_ms, client.told.read_only) == (5000, True)
    core = servers.cores[1]
    assert client.told.session_id not in core.sessions
    assert client.told.session_id not in core.attached
    assert not core.has_batches
    other = servers.client(
        2, read_only=True, session_id=client.told.session_id, password=client.told.password
    )
    assert other.told == raw.Handshake(0, 0, 0, bytes(16), read_only=True)
    assert other.has_ended()
    assert not client.has_ended()


def test_reads_are_answered_and_what_follows_the_handshake_at_once(servers: Servers) -> None:
    behind = raw.pack_request(1, Op.GET_DATA, watch_body(b"/a"))
    client = servers.client(read_only=True, behind=behind)
    (reply,) = client.received()
    assert isinstance(reply, Reply)
    assert (reply.xid, reply.err) == (1, 0)
    assert raw.Cursor(reply.body).buffer() == b"x"
    assert client.call(Op.EXISTS, watch_body(b"/none", watch=True)).err == Code.NO_NODE
    assert client.call(Op.GET_CHILDREN, watch_body(b"/")).err == 0
    assert client.call(Op.WHO_AM_I).err == 0


@pytest.mark.parametrize("op", REFUSED)
def test_writes_and_sync_are_refused_before_anything_else(servers: Servers, op: Op) -> None:
    core, client = servers.cores[1], servers.reader()
    zxid = core.zxid
    assert client.call(op, REFUSED[op]) == (7, zxid, Code.NOT_READ_ONLY, b"")
    assert client.call(op) == (7, zxid, Code.NOT_READ_ONLY, b"")
    assert not client.has_ended()
    assert not core.has_batches
    assert client.conn.last_op == op


def test_an_unknown_operation_ends_the_connection(servers: Servers) -> None:
    client = servers.reader()
    assert client.call(99).err == Code.UNIMPLEMENTED
    assert client.has_ended()


def mixed() -> bytes:
    """Requests of all kinds, and a ping among them."""
    return b"".join(
        (
            raw.pack_request(1, Op.GET_DATA, watch_body(b"/a")),
            raw.pack_request(2, Op.SET_DATA, set_body(b"/a", b"y")),
            raw.pack_request(3, Op.SYNC, raw.pack_bytes(b"/")),
            raw.PING_FRAME,
            raw.pack_request(4, Op.EXISTS, watch_body(b"/none", watch=True)),
            raw.pack_request(5, Op.GET_DATA, watch_body(b"/a")),
            raw.pack_request(6, Op.CREATE, create_body(b"/b")),
        )
    )


#: Without a quorum for all examples.
PARTED = parted()


@given(st.lists(st.integers(1, len(mixed()) - 1), max_size=6))
def test_answers_come_in_order_however_the_requests_are_cut(cuts: list[int]) -> None:
    client, requests = PARTED.reader(), mixed()
    for start, end in itertools.pairwise([0, *sorted(cuts), len(requests)]):
        client.send(requests[start:end])
    told = [(r.xid, r.err) for r in client.received() if isinstance(r, Reply)]
    refused = Code.NOT_READ_ONLY
    assert told == [
        (1, 0),
        (2, refused),
        (3, refused),
        (raw.PING_XID, 0),
        (4, Code.NO_NODE),
        (5, 0),
        (6, refused),
    ]


def test_a_frame_that_cannot_be_ends_the_connection(servers: Servers) -> None:
    for frame in (raw.pack_int(7), raw.pack_int(SETTINGS.frame_bytes_max + 1)):
        client = servers.reader()
        client.send(frame + bytes(20))
        assert client.has_ended()


def test_large_answers_are_made_as_they_are_sent(servers: Servers) -> None:
    client, count = servers.reader(), 20
    requests = [
        raw.pack_request(xid, Op.GET_DATA, watch_body(b"/large")) for xid in range(1, count + 1)
    ]
    client.send(b"".join(requests) + raw.pack_request(21, Op.SET_DATA, set_body(b"/a", b"y")))
    told = client.received()
    assert len(told) < count
    while client.conn.more:
        client.core.resume(client.conn, servers.now_ms)
        told += client.received()
    assert [r.xid for r in told if isinstance(r, Reply)] == list(range(1, 22))


def test_a_session_is_closed(servers: Servers) -> None:
    client = servers.reader()
    assert client.call(Op.CLOSE_SESSION) == (7, servers.cores[1].zxid, 0, b"")
    assert client.has_ended()
    assert client.again().told.session_id == 0


def test_a_session_is_reopened_and_leaves_its_old_connection(servers: Servers) -> None:
    first = servers.reader()
    second = first.again()
    assert second.told == first.told
    assert first.has_ended()
    assert second.call(Op.GET_DATA, watch_body(b"/a")).err == 0
    servers.cores[1].lost(second.conn)
    assert first.again().told == first.told


def test_a_wrong_password_is_refused(servers: Servers) -> None:
    first = servers.reader()
    second = first.again(password=b"?" * 16)
    assert second.told == raw.Handshake(0, 0, 0, bytes(16), read_only=True)
    assert second.has_ended()


def test_who_has_seen_more_is_sent_away(servers: Servers) -> None:
    client = servers.client(read_only=True, last_zxid=servers.cores[1].zxid + 1)
    assert client.has_ended()
    assert client.handshake is None


def test_a_session_of_the_ensemble_is_not_taken_over() -> None:
    servers = Servers()
    servers.meet()
    servers.run(1000)
    writer = servers.client()
    servers.part()
    servers.run(PATIENCE_MS + 500)
    for password in (writer.told.password, b"?" * 16):
        client = writer.again(password)
        assert client.has_ended()
        assert client.handshake is None
    assert writer.told.session_id in servers.cores[1].sessions


def test_a_session_expires_when_nothing_is_heard(servers: Servers) -> None:
    silent, alive = servers.reader(), servers.reader()
    for _ in range(5):
        assert not silent.has_ended()
        servers.run(1000)
        alive.send(raw.PING_FRAME)
    servers.run(TICK_MS)
    assert silent.has_ended()
    assert not silent.conn.out
    assert not alive.has_ended()
    assert silent.again().told.session_id == 0


def test_all_end_when_there_is_a_leader_again(servers: Servers) -> None:
    client = servers.reader()
    assert client.call(Op.GET_DATA, watch_body(b"/a", watch=True)).err == 0
    servers.meet()
    servers.run(1000)
    assert client.has_ended()
    assert not any(map(servers.is_read_only, servers.cores))
    told = client.again().told
    assert told == raw.Handshake(0, 0, 0, bytes(16), read_only=False)
    writer = servers.reader()
    assert writer.told.read_only is False
    assert writer.call(Op.SET_DATA, set_body(b"/a", b"y")).err == 0
    assert [len(core.sessions) for core in servers.cores.values()] == [1, 1, 1]
    servers.part()
    servers.run(PATIENCE_MS + 500)
    assert servers.is_read_only(1)
    assert client.again().told == raw.Handshake(0, 0, 0, bytes(16), read_only=True)


def test_all_end_when_the_state_comes_from_elsewhere(servers: Servers) -> None:
    client, core = servers.reader(), servers.cores[1]
    assert client.call(Op.GET_DATA, watch_body(b"/a", watch=True)).err == 0
    assert core.ensemble is not None
    blocks = list(dump(State.of(core, copied=True)))
    core.ensemble.installed(blocks, core.executed + 5, core.zxid + 5, servers.now_ms)
    # It may have missed what it watches for.
    assert client.has_ended()
    servers.run(STEP_MS)
    assert servers.reader().told.read_only


def test_identities_that_are_demanded_are_demanded_first() -> None:
    servers = parted(replace(SETTINGS, enforced_schemes=frozenset((b"digest",))))
    client = servers.reader()
    assert client.call(Op.SET_DATA, set_body(b"/a", b"y")).err == (
        Code.SESSION_CLOSED_REQUIRE_SASL_AUTH
    )
    assert client.has_ended()
    client = servers.reader()
    proof = raw.pack_int(0) + raw.pack_bytes(b"digest") + raw.pack_bytes(b"me:secret")
    assert client.call(Op.AUTH, proof).err == 0
    assert client.call(Op.SET_DATA, set_body(b"/a", b"y")).err == Code.NOT_READ_ONLY


# leaderServes


def test_a_leader_that_shall_not_serve_sends_its_clients_away() -> None:
    servers = Servers(read_only=False)
    for core in servers.cores.values():
        assert core.ensemble is not None
        core.ensemble.leader_serves = False
    servers.meet()
    servers.run(1000)
    leader = servers.leader
    follower = next(i for i in servers.cores if i != leader)
    assert servers.client(leader).has_ended()
    client = servers.client(follower)
    assert client.call(Op.CREATE, create_body(b"/a")).err == 0
    ensemble = servers.cores[leader].ensemble
    assert ensemble is not None
    ensemble.leader_serves = True
    guest = servers.client(leader)
    ensemble.leader_serves = False
    servers.run(STEP_MS)
    assert guest.has_ended()
    assert not client.has_ended()


def test_a_leader_that_is_the_only_server_serves() -> None:
    servers = Servers(read_only=False)
    core = servers.cores[1]
    assert core.ensemble is not None
    core.ensemble.leader_serves = False
    servers.part()
    core.node.enter(Configuration(1, (1,)), servers.now_ms)
    servers.run(1000)
    assert servers.client().told.session_id != 0
