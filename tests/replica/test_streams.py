"""How the stream is cut must not matter, and answers to one gulp are bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.replica.driver import (
    Client,
    Driver,
    Op,
    create_body,
    delete_body,
    multi_body,
    raw,
    set_body,
    watch_body,
)
from tests.strategies import pieces

AUTH = raw.pack_int(0) + raw.pack_bytes(b"digest") + raw.pack_bytes(b"u:p")
STREAM = b"".join(
    (
        raw.pack_connect(),
        raw.pack_request(1, Op.EXISTS, watch_body(b"/")),
        raw.pack_request(-2, Op.PING),
        raw.pack_request(2, Op.GET_DATA, watch_body(b"/none", watch=True)),
        raw.pack_request(3, Op.EXISTS, watch_body(b"/a", watch=True)),
        raw.pack_request(4, Op.CREATE, create_body(b"/a", b"data")),
        raw.pack_request(5, Op.GET_DATA, watch_body(b"/a")),
        raw.pack_request(-4, Op.AUTH, AUTH),
        raw.pack_request(6, Op.GET_CHILDREN2, watch_body(b"/")),
        raw.pack_request(7, Op.SET_DATA, set_body(b"/a", None)),
        raw.pack_request(8, Op.MULTI, multi_body((Op.DELETE, delete_body(b"/a")))),
        raw.pack_request(-2, Op.PING),
        raw.pack_request(9, Op.GET_ACL, raw.pack_bytes(b"/")),
        raw.pack_request(10, Op.CLOSE_SESSION),
        raw.pack_request(11, Op.EXISTS, watch_body(b"/")),
    )
)


def session_frames(stream: list[bytes]) -> list[bytes]:
    """All frames put out for a stream that comes in pieces, the disk working at the end.

    Authentication concerns the connection alone and does not wait for writes, so the
    disk must not be done with them sooner in one case than in the other.
    """
    driver = Driver()
    client = driver.client()
    handshake = raw.pack_connect()
    sent = b""
    for piece in stream:
        client.send(piece)
        sent += piece
        if len(sent) >= len(handshake) and not driver.core.sessions:
            # The session is made as soon as its request is complete, and nothing else yet.
            driver.take()
            driver.persist()
    driver.commit_all()
    driver.core.tree.check_invariants()
    assert client.is_ended
    return client.frames()


WHOLE = session_frames([STREAM])


def test_whole_stream_is_answered() -> None:
    xids = [raw.read_header(frame).xid for frame in WHOLE[1:]]
    assert sorted(xids) == sorted([1, -2, 2, 3, -4, -1, 4, 5, 6, 7, 8, -2, 9, 10])
    assert [xid for xid in xids if xid > 0] == list(range(1, 11))


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_stream_cut_in_two_anywhere_gives_the_same_replies(cut: int) -> None:
    assert session_frames([STREAM[:cut], STREAM[cut:]]) == WHOLE


@settings(max_examples=60, deadline=None)
@given(pieces(STREAM))
def test_stream_in_any_pieces_gives_the_same_replies(stream: list[bytes]) -> None:
    assert session_frames(stream) == WHOLE


def test_stream_byte_by_byte_gives_the_same_replies() -> None:
    assert session_frames([bytes([byte]) for byte in STREAM]) == WHOLE


def put_out(client: Client) -> int:
    return sum(map(len, client.conn.out))


LARGE = 500_000


@pytest.fixture
def reader(driver: Driver) -> Client:
    client = driver.connect()
    client.call(Op.CREATE, create_body(b"/large", bytes(LARGE)))
    return client


def drained(driver: Driver, client: Client) -> list[int]:
    """Take what is put out and go on, as the shell does; the sizes of each round."""
    sizes = []
    while client.conn.out:
        sizes.append(put_out(client))
        client.conn.out.clear()
        if client.conn.more:
            driver.core.resume(client.conn, driver.now_ms)
    return sizes


@pytest.mark.parametrize("watch", [False, True], ids=["plain", "watching"])
def test_large_answers_to_one_gulp_come_in_bounded_rounds(
    driver: Driver, reader: Client, watch: bool
) -> None:
    gulp = b"".join(
        raw.pack_request(n, Op.GET_DATA, watch_body(b"/large", watch=watch)) for n in range(1, 41)
    )
    reader.send(gulp)
    sizes = drained(driver, reader)
    assert sum(sizes) > 40 * LARGE
    assert max(sizes) < 4 * 1024 * 1024


def test_large_answers_behind_an_acl_come_in_bounded_rounds(driver: Driver, reader: Client) -> None:
    everybody = raw.pack_vector(
        [raw.pack_int(1) + raw.pack_bytes(b"world") + raw.pack_bytes(b"anyone")]
    )
    assert reader.call(Op.CREATE, create_body(b"/r", bytes(LARGE), acl=everybody)).err == 0
    reader.send(b"".join(raw.pack_request(n, Op.GET_DATA, watch_body(b"/r")) for n in range(1, 41)))
    assert max(drained(driver, reader)) < 4 * 1024 * 1024


def test_large_answers_are_all_given_and_in_order(driver: Driver, reader: Client) -> None:
    for xid in range(1, 11):
        reader.send(raw.pack_request(xid, Op.GET_DATA, watch_body(b"/large")))
    reader.send(raw.pack_request(11, Op.SET_DATA, set_body(b"/large", b"")))
    reader.send(raw.pack_request(12, Op.GET_DATA, watch_body(b"/large")))
    xids: list[int] = []
    while not xids or xids[-1] != 12:
        xids += [reply.xid for reply in reader.replies()]
        driver.core.resume(reader.conn, driver.now_ms)
        driver.commit_all()
    assert xids == list(range(1, 13))
