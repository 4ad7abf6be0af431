"""Frames that no client library sends: each is answered or refused, none hurts the server."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replica.driver import (
    Client,
    Driver,
    Op,
    create_body,
    delete_body,
    multi_body,
    raw,
    set_body,
)

MARSHALLING_ERROR = -5
BAD_ARGUMENTS = -8
INT_MIN = -(1 << 31)
#: Lengths that a record may claim for its path or data without having them.
LIES = (-2, -5, -100, INT_MIN, 1000, (1 << 31) - 1)


def end_marker() -> bytes:
    return multi_body()


@pytest.mark.parametrize("length", LIES)
@pytest.mark.parametrize("op", [Op.SET_DATA, Op.CREATE, Op.DELETE, Op.SET_ACL, Op.CREATE2])
def test_write_with_a_lying_length_is_a_marshalling_error(
    driver: Driver, op: Op, length: int
) -> None:
    client = driver.connect()
    body = raw.pack_int(length) + b"/abc" + raw.pack_int(1) + b"x" + raw.pack_int(-1)
    assert client.call(op, body).err == MARSHALLING_ERROR
    assert client.call(Op.EXISTS, raw.pack_bytes(b"/") + b"\0").err == 0


@pytest.mark.parametrize("length", LIES)
def test_set_data_with_a_lying_path_length_in_a_multi_hurts_nobody(
    driver: Driver, length: int
) -> None:
    client = driver.connect()
    lie = raw.pack_int(length) + raw.pack_int(0) + raw.pack_int(-1)
    body = raw.pack_int(Op.SET_DATA) + b"\0" + raw.pack_int(-1) + lie + end_marker()
    client.call(Op.MULTI, body)
    assert client.call(Op.CREATE, create_body(b"/after")).err == 0
    assert driver.recovered().tree.nodes == driver.core.tree.nodes


@pytest.mark.parametrize("length", LIES)
def test_set_data_with_a_lying_data_length_in_a_multi_hurts_nobody(
    driver: Driver, length: int
) -> None:
    client = driver.connect()
    lie = raw.pack_bytes(b"/") + raw.pack_int(length) + raw.pack_int(-1)
    body = raw.pack_int(Op.SET_DATA) + b"\0" + raw.pack_int(-1) + lie + end_marker()
    client.call(Op.MULTI, body)
    assert client.call(Op.CREATE, create_body(b"/after")).err == 0


@pytest.mark.parametrize("op", [Op.CREATE, Op.DELETE, Op.GET_DATA, Op.EXISTS])
def test_null_path_is_a_marshalling_error(driver: Driver, op: Op) -> None:
    client = driver.connect()
    bodies = {Op.CREATE: create_body(None), Op.DELETE: delete_body(None)}
    body = bodies.get(op, raw.pack_int(-1) + b"\0")
    assert client.call(op, body).err == MARSHALLING_ERROR


def test_null_path_of_set_data_is_a_bad_path_as_apache_answers(driver: Driver) -> None:
    assert driver.connect().call(Op.SET_DATA, set_body(None, b"")).err == BAD_ARGUMENTS


def test_bytes_behind_a_record_are_ignored(driver: Driver) -> None:
    client = driver.connect()
    assert client.call(Op.CREATE, create_body(b"/a") + b"more").err == 0
    assert client.call(Op.SET_DATA, set_body(b"/a", b"x") + b"more").err == 0
    assert client.call(Op.GET_DATA, raw.pack_bytes(b"/a") + b"\0more").err == 0
    assert client.call(Op.DELETE, delete_body(b"/a") + b"more").err == 0


@pytest.mark.parametrize("op", [Op.CHECK_WATCHES, Op.REMOVE_WATCHES, Op.ADD_WATCH])
def test_unknown_kind_of_watch_is_a_marshalling_error(driver: Driver, op: Op) -> None:
    client = driver.connect()
    assert client.call(op, raw.pack_bytes(b"/") + raw.pack_int(9)).err == MARSHALLING_ERROR


ops = st.sampled_from([int(op) for op in Op if op not in (Op.CLOSE_SESSION, Op.AUTH)])
lengths = st.sampled_from((-1, 0, 1, 2, 4, *LIES)).map(raw.pack_int)
fragments = st.one_of(
    lengths,
    st.sampled_from((b"/", b"/a", b"/a/b", b"\0", b"\1")).map(raw.pack_bytes),
    st.sampled_from([int(op) for op in Op]).map(lambda op: raw.pack_int(op) + b"\0" + b"\xff" * 4),
    st.just(end_marker()),
    st.binary(max_size=12),
)
records = st.lists(fragments, max_size=8).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(ops, records), min_size=1, max_size=6))
def test_any_records_leave_a_server_that_works_and_recovers_to_the_same(
    requests: list[tuple[int, bytes]],
) -> None:
    driver = Driver()
    victim, hostile = driver.connect(), driver.connect()
    for op, record in requests:
        hostile.request(op, record)
    driver.commit_all()
    told = hostile.replies()
    assert len(told) == len(requests) or hostile.is_ended
    assert_works(driver, victim)


def assert_works(driver: Driver, client: Client) -> None:
    assert client.call(Op.CREATE, create_body(b"/proof", flags=2)).err == 0
    driver.core.tree.check_invariants()
    assert driver.recovered().tree.nodes == driver.core.tree.nodes
