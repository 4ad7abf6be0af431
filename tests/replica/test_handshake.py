"""How a connection gets a session: dialects, negotiation, refusals, re-attachment, expiry."""

from __future__ import annotations

import pytest

from tests.replica.driver import (
    TICK_MS,
    Client,
    Driver,
    Event,
    Op,
    Reply,
    create_body,
    raw,
    set_body,
    watch_body,
)

REFUSED = raw.Handshake(0, 0, 0, bytes(16), read_only=False)


def session_of(client: Client) -> int:
    assert client.handshake is not None
    return client.handshake.session_id


def password_of(client: Client) -> bytes:
    assert client.handshake is not None
    assert client.handshake.password is not None
    return client.handshake.password


def handshake(driver: Driver, request: bytes) -> tuple[Client, list[bytes]]:
    client = driver.client()
    client.send(request)
    driver.commit_all()
    return client, client.frames()


@pytest.mark.parametrize(
    ("asked", "sent_bytes", "answered_bytes"), [(None, 44, 36), (False, 45, 37), (True, 45, 37)]
)
def test_server_answers_in_the_dialect_of_the_client(
    driver: Driver, asked: bool | None, sent_bytes: int, answered_bytes: int
) -> None:
    request = raw.pack_connect(read_only=asked)
    assert len(request) == 4 + sent_bytes
    _, (frame,) = handshake(driver, request)
    assert len(frame) == answered_bytes
    told = raw.read_handshake(frame)
    assert told.read_only is (None if asked is None else False)
    assert (told.protocol, len(told.password or b"")) == (0, 16)


@pytest.mark.parametrize(
    ("asked_ms", "given_ms"),
    [(5000, 5000), (0, 2000), (-1, 2000), (1999, 2000), (20_001, 20_000), ((1 << 31) - 1, 20_000)],
)
def test_timeout_is_clamped(driver: Driver, asked_ms: int, given_ms: int) -> None:
    client = driver.connect(timeout_ms=asked_ms)
    assert client.handshake is not None
    assert client.handshake.timeout_ms == given_ms


@pytest.mark.parametrize("password", [None, b"", b"short", b"x" * 40])
def test_any_password_will_do_for_a_new_session(driver: Driver, password: bytes | None) -> None:
    _, (frame,) = handshake(driver, raw.pack_connect(password=password))
    told = raw.read_handshake(frame)
    assert told.accepted
    assert len(told.password or b"") == 16


def test_sessions_differ_in_id_and_password(driver: Driver) -> None:
    clients = [driver.connect() for _ in range(5)]
    assert len({session_of(client) for client in clients}) == 5
    assert len({password_of(client) for client in clients}) == 5


def test_session_is_answered_only_when_it_is_on_disk(driver: Driver) -> None:
    client = driver.client()
    client.send(raw.pack_connect())
    driver.take()
    assert client.frames() == []
    assert driver.core.sessions == {}
    driver.persist()
    assert len(client.frames()) == 1


def test_requests_behind_the_handshake_wait_for_the_session(driver: Driver) -> None:
    behind = raw.pack_request(1, Op.CREATE, create_body(b"/e", flags=1))
    behind += raw.pack_request(2, Op.GET_EPHEMERALS, raw.pack_bytes(b""))
    client = driver.client()
    client.send(raw.pack_connect() + behind)
    client.request(Op.PING, xid=-2)
    driver.commit_all()
    first, *rest = client.frames()
    assert raw.read_handshake(first).accepted
    assert [raw.read_header(frame).xid for frame in rest] == [1, 2, -2]
    assert b"/e" in rest[1]


def test_client_that_has_seen_the_future_is_turned_away_without_a_word(driver: Driver) -> None:
    driver.connect()
    client, frames = handshake(driver, raw.pack_connect(last_zxid=driver.core.zxid + 1))
    assert frames == []
    assert client.is_ended
    _, accepted = handshake(driver, raw.pack_connect(last_zxid=driver.core.zxid))
    assert len(accepted) == 1


@pytest.mark.parametrize(
    "sent",
    [
        raw.pack_frame(b"\0" * 20),
        raw.pack_frame(b""),
        raw.pack_int(-1),
        raw.pack_int(0x100000),
        b"ruok",
    ],
)
def test_first_frame_that_is_no_handshake_ends_the_connection(driver: Driver, sent: bytes) -> None:
    client, frames = handshake(driver, sent)
    assert frames == []
    assert client.is_ended
    assert driver.core.sessions == {}


@pytest.mark.parametrize("read_only", [None, False])
def test_unknown_session_is_refused_in_the_dialect_of_the_client(
    driver: Driver, read_only: bool | None
) -> None:
    client, (frame,) = handshake(driver, raw.pack_connect(session_id=99, read_only=read_only))
    told = raw.read_handshake(frame)
    assert (told.timeout_ms, told.session_id, told.password) == (0, 0, bytes(16))
    assert told.read_only is (None if read_only is None else False)
    assert client.is_ended


def test_reattaching_ends_the_old_connection_and_keeps_password_and_ephemerals(
    driver: Driver,
) -> None:
    before = driver.connect(timeout_ms=5000)
    before.call(Op.CREATE, create_body(b"/e", flags=1))
    after = driver.again(before, timeout_ms=7000)
    assert before.is_ended
    assert before.frames() == []
    assert after.handshake == raw.Handshake(
        0, 7000, session_of(before), password_of(before), read_only=False
    )
    driver.core.lost(before.conn)
    told = after.call(Op.GET_EPHEMERALS, raw.pack_bytes(b"/"))
    assert raw.Cursor(told.body).i32() == 1
    assert driver.core.attached[session_of(before)] is after.conn


def test_wrong_password_is_refused_ends_the_connection_but_not_the_session(driver: Driver) -> None:
    owner = driver.connect()
    owner.call(Op.CREATE, create_body(b"/e", flags=1))
    thief = driver.connect(session_id=session_of(owner), password=b"x" * 16)
    assert thief.handshake == REFUSED
    assert thief.is_ended
    assert owner.is_ended
    assert b"/e" in driver.core.tree.nodes
    driver.core.lost(owner.conn)
    again = driver.again(owner)
    assert again.handshake is not None
    assert again.handshake.accepted


def test_closing_session_cannot_be_attached_to(driver: Driver) -> None:
    client = driver.connect()
    client.request(Op.CLOSE_SESSION)
    late = driver.client()
    late.send(raw.pack_connect(session_id=session_of(client), password=password_of(client)))
    assert [raw.read_handshake(frame) for frame in late.frames()] == [REFUSED]
    driver.commit_all()
    assert driver.core.sessions == {}


def test_read_on_a_new_connection_waits_for_the_writes_of_the_old_one(driver: Driver) -> None:
    before = driver.connect()
    before.request(Op.SET_DATA, set_body(b"/", b"written"))
    driver.take()
    after = driver.client()
    after.send(raw.pack_connect(session_id=session_of(before), password=password_of(before)))
    after.request(Op.GET_DATA, watch_body(b"/"))
    after.conn.out[:] = after.conn.out[1:]
    driver.persist()
    driver.commit_all()
    (reply,) = after.replies()
    assert raw.Cursor(reply.body).buffer() == b"written"


def test_read_waits_for_the_session_s_writes_though_their_connection_is_lost(
    driver: Driver,
) -> None:
    before = driver.connect()
    before.request(Op.SET_DATA, set_body(b"/", b"written"))
    driver.take()
    driver.core.lost(before.conn)
    after = driver.client()
    after.send(raw.pack_connect(session_id=session_of(before), password=password_of(before)))
    after.request(Op.GET_DATA, watch_body(b"/"))
    after.conn.out[:] = after.conn.out[1:]
    driver.persist()
    driver.commit_all()
    (reply,) = after.replies()
    assert raw.Cursor(reply.body).buffer() == b"written"


def test_client_lost_during_its_handshake_leaves_a_session_that_expires(driver: Driver) -> None:
    client = driver.client()
    client.send(raw.pack_connect(timeout_ms=2000))
    driver.take()
    driver.core.lost(client.conn)
    driver.persist()
    assert len(driver.core.sessions) == 1
    driver.now_ms += 2000 + TICK_MS
    driver.core.tick(driver.now_ms)
    driver.commit_all()
    assert driver.core.sessions == {}


def test_ephemeral_is_gone_after_its_owner_expires_and_watchers_are_told(driver: Driver) -> None:
    owner, watcher = driver.connect(timeout_ms=2000), driver.connect(timeout_ms=20_000)
    owner.call(Op.CREATE, create_body(b"/e", flags=1))
    watcher.call(Op.EXISTS, watch_body(b"/e", watch=True))
    driver.now_ms += 1999
    driver.core.tick(driver.now_ms)
    assert driver.take() is None
    driver.now_ms += 1 + TICK_MS
    driver.core.tick(driver.now_ms)
    assert b"/e" in driver.core.tree.nodes, "expiry goes through the log"
    driver.commit_all()
    assert b"/e" not in driver.core.tree.nodes
    assert watcher.received() == [Event(2, b"/e", driver.core.zxid)]
    assert owner.is_ended
    assert owner.frames() == []
    assert session_of(owner) not in driver.core.sessions
    assert driver.again(owner).handshake == REFUSED


def test_any_sign_of_life_keeps_a_session(driver: Driver) -> None:
    client = driver.connect(timeout_ms=2000)
    for _ in range(6):
        driver.now_ms += 1500
        client.request(Op.PING, xid=-2)
        driver.core.tick(driver.now_ms)
        assert driver.take() is None
    assert len(client.replies()) == 6


def test_session_expired_on_demand_is_expired_once(driver: Driver) -> None:
    client = driver.connect()
    assert driver.core.expire_session(session_of(client), driver.now_ms)
    assert not driver.core.expire_session(session_of(client), driver.now_ms)
    driver.commit_all()
    assert not driver.core.expire_session(session_of(client), driver.now_ms)
    assert client.is_ended


def test_new_timeout_of_a_reattached_session_counts_from_then_on(driver: Driver) -> None:
    before = driver.connect(timeout_ms=20_000)
    driver.again(before, timeout_ms=2000)
    driver.now_ms += 2000 + TICK_MS
    driver.core.tick(driver.now_ms)
    driver.commit_all()
    assert driver.core.sessions == {}


def test_close_session_is_answered_after_the_events_of_its_ephemerals(driver: Driver) -> None:
    client = driver.connect()
    client.call(Op.CREATE, create_body(b"/e", flags=1))
    client.call(Op.GET_DATA, watch_body(b"/e", watch=True))
    xid = client.request(Op.CLOSE_SESSION)
    driver.commit_all()
    event, reply = client.received()
    assert isinstance(reply, Reply)
    assert event == Event(2, b"/e", reply.zxid)
    assert (reply.xid, reply.err) == (xid, 0)
