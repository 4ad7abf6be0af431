"""A session's replies come in the order of its requests; nothing shows before the disk has it."""

from __future__ import annotations

from tests.replica.driver import (
    Client,
    Driver,
    Event,
    Op,
    Reply,
    create_body,
    delete_body,
    multi_body,
    raw,
    set_body,
    watch_body,
)


def data_of(reply: Reply) -> bytes | None:
    return raw.Cursor(reply.body).buffer()


def is_paused(client: Client) -> bool:
    return client.conn.paused


def xids(client: Client) -> list[int]:
    return [reply.xid for reply in client.replies()]


def test_read_behind_a_write_waits_and_sees_it(driver: Driver) -> None:
    client = driver.connect()
    client.request(Op.CREATE, create_body(b"/a", b"new"))
    client.request(Op.GET_DATA, watch_body(b"/a"))
    client.request(Op.PING, xid=-2)
    assert client.frames() == []
    driver.commit_all()
    made, read, ping = client.replies()
    assert (made.xid, read.xid, ping.xid) == (1, 2, -2)
    assert data_of(read) == b"new"
    assert read.zxid == made.zxid == ping.zxid


def test_reads_of_others_do_not_wait(driver: Driver) -> None:
    writer, reader = driver.connect(), driver.connect()
    writer.request(Op.CREATE, create_body(b"/a"))
    reader.request(Op.EXISTS, watch_body(b"/"))
    assert xids(reader) == [1]
    assert xids(writer) == []


def test_order_is_kept_with_two_batches_in_flight(driver: Driver) -> None:
    client = driver.connect()
    client.request(Op.CREATE, create_body(b"/a", b"0"))
    client.request(Op.GET_DATA, watch_body(b"/a"))
    driver.take()
    client.request(Op.GET_DATA, watch_body(b"/a"))
    client.request(Op.SET_DATA, set_body(b"/a", b"1"))
    client.request(Op.GET_DATA, watch_body(b"/a"))
    driver.take()
    client.request(Op.GET_DATA, watch_body(b"/a"))
    assert xids(client) == []
    driver.persist()
    first = client.replies()
    assert [reply.xid for reply in first] == [1, 2, 3]
    assert [data_of(reply) for reply in first[1:]] == [b"0", b"0"]
    driver.persist()
    second = client.replies()
    assert [reply.xid for reply in second] == [4, 5, 6]
    assert [data_of(reply) for reply in second[1:]] == [b"1", b"1"]


def test_read_waits_for_the_second_batch_when_the_first_is_done(driver: Driver) -> None:
    client = driver.connect()
    for value in (b"1", b"2"):
        client.request(Op.SET_DATA, set_body(b"/", value))
        driver.take()
    driver.persist()
    client.request(Op.GET_DATA, watch_body(b"/"))
    assert xids(client) == [1]
    driver.persist()
    written, read = client.replies()
    assert (written.xid, read.xid, data_of(read)) == (2, 3, b"2")


def test_second_batch_is_not_executed_before_the_first(driver: Driver) -> None:
    one, other = driver.connect(), driver.connect()
    one.request(Op.CREATE, create_body(b"/a"))
    driver.take()
    other.request(Op.DELETE, delete_body(b"/a"))
    driver.take()
    driver.persist()
    assert [reply.err for reply in one.replies()] == [0]
    assert xids(other) == []
    driver.persist()
    assert [reply.err for reply in other.replies()] == [0]


def test_nothing_is_visible_to_others_before_it_is_on_disk(driver: Driver) -> None:
    writer, reader = driver.connect(), driver.connect()
    before = driver.core.zxid
    assert reader.call(Op.GET_CHILDREN, watch_body(b"/", watch=True)).err == 0
    writer.request(Op.CREATE, create_body(b"/a"))
    for step in (lambda: None, driver.take):
        step()
        reader.request(Op.EXISTS, watch_body(b"/a"))
        told = reader.received()
        assert [(r.err, r.zxid) for r in told if isinstance(r, Reply)] == [(-101, before)]
        assert len(told) == 1
    driver.persist()
    assert reader.received() == [Event(4, b"/", before + 1)]


def test_writer_gets_its_notification_before_the_reply(driver: Driver) -> None:
    client = driver.connect()
    client.call(Op.EXISTS, watch_body(b"/a", watch=True))
    client.request(Op.CREATE, create_body(b"/a"))
    driver.commit_all()
    told = client.received()
    assert isinstance(told[0], Event)
    assert isinstance(told[1], Reply)
    assert told[0] == Event(1, b"/a", told[1].zxid)


def test_notification_comes_before_the_read_that_shows_the_change(driver: Driver) -> None:
    writer, watcher = driver.connect(), driver.connect()
    writer.call(Op.CREATE, create_body(b"/a", b"0"))
    watcher.call(Op.GET_DATA, watch_body(b"/a", watch=True))
    # The watcher's read stands behind a write of its own, in the same batch as the change.
    writer.request(Op.SET_DATA, set_body(b"/a", b"1"))
    watcher.request(Op.CREATE, create_body(b"/b"))
    watcher.request(Op.GET_DATA, watch_body(b"/a"))
    driver.commit_all()
    event, made, read = watcher.received()
    assert event == Event(3, b"/a", driver.core.zxid - 1)
    assert isinstance(made, Reply)
    assert isinstance(read, Reply)
    assert (made.xid, data_of(read)) == (2, b"1")


def test_events_of_a_multi_come_in_the_order_of_its_operations(driver: Driver) -> None:
    client = driver.connect()
    client.call(Op.ADD_WATCH, raw.pack_bytes(b"/") + raw.pack_int(1))
    body = multi_body(
        (Op.CREATE, create_body(b"/b")),
        (Op.CREATE, create_body(b"/a")),
        (Op.SET_DATA, set_body(b"/b", b"x")),
        (Op.DELETE, delete_body(b"/b")),
    )
    client.request(Op.MULTI, body)
    driver.commit_all()
    zxid = driver.core.zxid
    *events, reply = client.received()
    assert events == [
        Event(1, b"/b", zxid),
        Event(1, b"/a", zxid),
        Event(3, b"/b", zxid),
        Event(2, b"/b", zxid),
    ]
    assert isinstance(reply, Reply)
    assert reply.zxid == zxid


def test_failed_write_uses_a_zxid_and_a_read_does_not(driver: Driver) -> None:
    client = driver.connect()
    first = client.call(Op.DELETE, delete_body(b"/none"))
    assert (first.err, first.body) == (-101, b"")
    assert client.call(Op.EXISTS, watch_body(b"/none")).zxid == first.zxid
    assert client.call(Op.DELETE, delete_body(b"/none")).zxid == first.zxid + 1


def test_close_session_answers_all_before_it_and_takes_nothing_behind_it(driver: Driver) -> None:
    client = driver.connect()
    client.send(
        raw.pack_request(1, Op.CREATE, create_body(b"/e", flags=1))
        + raw.pack_request(2, Op.EXISTS, watch_body(b"/e"))
        + raw.pack_request(3, Op.CLOSE_SESSION)
        + raw.pack_request(4, Op.CREATE, create_body(b"/late"))
    )
    client.request(Op.CREATE, create_body(b"/later"), xid=5)
    driver.commit_all()
    assert [(reply.xid, reply.err) for reply in client.replies()] == [(1, 0), (2, 0), (3, 0)]
    assert client.is_ended
    assert set(driver.core.tree.nodes) == {
        b"", b"/", b"/zookeeper", b"/zookeeper/quota", b"/zookeeper/config",
    }  # fmt: skip
    assert driver.core.sessions == {}


def test_write_after_the_session_has_ended_is_session_expired(driver: Driver) -> None:
    client = driver.connect()
    assert client.handshake is not None
    driver.core.expire_session(client.handshake.session_id, driver.now_ms)
    client.request(Op.CREATE, create_body(b"/a"))
    client.request(Op.MULTI, b"")
    driver.commit_all()
    assert b"/a" not in driver.core.tree.nodes
    assert client.is_ended


def test_busy_server_asks_writers_to_pause_until_the_disk_is_done() -> None:
    driver = Driver().varied(outstanding_max=5)
    client, idle = driver.connect(), driver.connect()
    for _ in range(5):
        client.request(Op.SET_DATA, set_body(b"/", b"x"))
    assert not is_paused(client)
    client.request(Op.SET_DATA, set_body(b"/", b"x"))
    assert is_paused(client)
    idle.request(Op.EXISTS, watch_body(b"/"))
    assert len(idle.replies()) == 1
    assert not is_paused(idle)
    driver.take()
    assert is_paused(client)
    driver.core.dirty.clear()
    driver.persist()
    assert not is_paused(client)
    assert client.conn in driver.core.dirty
    assert driver.core.outstanding == 0
    assert len(client.replies()) == 6


def test_outstanding_counts_waiting_reads_and_comes_back_to_zero(driver: Driver) -> None:
    client = driver.connect()
    client.request(Op.CREATE, create_body(b"/a"))
    client.request(Op.EXISTS, watch_body(b"/a"))
    assert (driver.core.outstanding, client.conn.queued) == (2, 2)
    driver.commit_all()
    assert (driver.core.outstanding, client.conn.queued) == (0, 0)


def test_batch_of_a_lost_connection_is_executed_all_the_same(driver: Driver) -> None:
    client = driver.connect()
    client.request(Op.CREATE, create_body(b"/a"))
    driver.take()
    driver.core.lost(client.conn)
    driver.persist()
    assert b"/a" in driver.core.tree.nodes
    assert client.conn.out == []
