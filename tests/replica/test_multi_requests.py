"""multi and multiRead on the wire: one result for each operation, or one code for all."""

from __future__ import annotations

import struct

import pytest

from tests.replica.driver import (
    Driver,
    Op,
    create_body,
    delete_body,
    multi_body,
    raw,
    set_body,
    watch_body,
)


def test_failed_multi_lists_a_code_for_every_operation(driver: Driver) -> None:
    client = driver.connect()
    body = multi_body(
        (Op.CREATE, create_body(b"/a")),
        (Op.CHECK, delete_body(b"/none")),
        (Op.CREATE, create_body(b"/b")),
    )
    reply = client.call(Op.MULTI, body)
    assert reply.err == 0
    entries = [struct.pack(">ibii", -1, 0, code, code) for code in (0, -101, -2)]
    assert reply.body == b"".join(entries) + struct.pack(">ibi", -1, 1, -1)
    assert b"/a" not in driver.core.tree.nodes


def test_successful_multi_answers_each_operation_under_its_type(driver: Driver) -> None:
    client = driver.connect()
    body = multi_body(
        (Op.CREATE, create_body(b"/a")),
        (Op.CREATE2, create_body(b"/b")),
        (Op.CREATE_CONTAINER, create_body(b"/c", flags=4)),
        (Op.SET_DATA, set_body(b"/a", b"x")),
        (Op.CHECK, delete_body(b"/a", 1)),
        (Op.DELETE, delete_body(b"/a", 1)),
    )
    cursor = raw.Cursor(client.call(Op.MULTI, body).body)

    def head() -> tuple[int, bool, int]:
        return cursor.i32(), cursor.flag(), cursor.i32()

    assert head() == (1, False, 0)
    assert cursor.buffer() == b"/a"
    # Apache 3.8.0 makes a plain create of a create2 in a multi.
    assert head() == (1, False, 0)
    assert cursor.buffer() == b"/b"
    assert head() == (15, False, 0)
    assert cursor.buffer() == b"/c"
    assert cursor.stat().czxid == driver.core.zxid
    assert head() == (5, False, 0)
    assert cursor.stat().version == 1
    assert head() == (13, False, 0)
    assert head() == (2, False, 0)
    assert head() == (-1, True, -1)
    assert cursor.rest == b""


def test_empty_multi_succeeds(driver: Driver) -> None:
    reply = driver.connect().call(Op.MULTI, multi_body())
    assert (reply.err, reply.body) == (0, struct.pack(">ibi", -1, 1, -1))


@pytest.mark.parametrize("op", [Op.GET_DATA, Op.MULTI, Op.CREATE_SESSION, Op.CLOSE_SESSION])
def test_multi_with_another_kind_of_operation_is_a_marshalling_error(
    driver: Driver, op: Op
) -> None:
    body = multi_body((Op.CREATE, create_body(b"/a")), (op, watch_body(b"/")))
    reply = driver.connect().call(Op.MULTI, body)
    assert (reply.err, reply.body) == (-5, b"")
    assert b"/a" not in driver.core.tree.nodes


def test_multi_read_gives_each_its_own_result(driver: Driver) -> None:
    client = driver.connect()
    client.call(Op.CREATE, create_body(b"/a", b"x"))
    body = multi_body(
        (Op.GET_DATA, watch_body(b"/a")),
        (Op.GET_DATA, watch_body(b"/none")),
        (Op.GET_CHILDREN, watch_body(b"/zookeeper")),
    )
    cursor = raw.Cursor(client.call(Op.MULTI_READ, body).body)
    assert (cursor.i32(), cursor.flag(), cursor.i32()) == (4, False, 0)
    assert cursor.buffer() == b"x"
    cursor.stat()
    assert (cursor.i32(), cursor.flag(), cursor.i32(), cursor.i32()) == (-1, False, -101, -101)
    assert (cursor.i32(), cursor.flag(), cursor.i32()) == (8, False, 0)
    assert {cursor.buffer() for _ in range(cursor.i32())} == {b"quota", b"config"}
    assert (cursor.i32(), cursor.flag(), cursor.i32()) == (-1, True, -1)


def test_multi_read_with_a_write_is_a_marshalling_error_without_body(driver: Driver) -> None:
    body = multi_body((Op.GET_DATA, watch_body(b"/")), (Op.SET_DATA, set_body(b"/", b"")))
    reply = driver.connect().call(Op.MULTI_READ, body)
    assert (reply.err, reply.body) == (-5, b"")
