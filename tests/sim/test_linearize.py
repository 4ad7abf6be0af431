"""Histories made by hand: those with an order are accepted, those without are not."""

from __future__ import annotations

import pytest

from zkserver.sim.linearize import Event, is_linearizable
from zkserver.wire.opcodes import Code


def create(begun: int, ended: int | None, data: bytes = b"a", code: int = 0) -> Event:
    return Event("create", begun, ended, data, code=code)


def put(begun: int, ended: int | None, data: bytes, version: int = -1, code: int = 0) -> Event:
    return Event("set" if version < 0 else "cset", begun, ended, data, version, code)


def read(begun: int, ended: int, value: tuple[bytes, int] | None) -> Event:
    return Event("syncget", begun, ended, value=value, code=0 if value else Code.NO_NODE)


def delete(begun: int, ended: int | None, code: int = 0) -> Event:
    return Event("delete", begun, ended, code=code)


ACCEPTED = {
    "nothing": [],
    "one after the other": [create(0, 1), put(2, 3, b"b"), read(4, 5, (b"b", 1))],
    "a read beside a write sees it": [create(0, 1), put(2, 9, b"b"), read(3, 4, (b"b", 1))],
    "a read beside a write does not see it yet": [
        create(0, 1), put(2, 9, b"b"), read(3, 4, (b"a", 0)),
    ],
    "two creates, one wins": [create(0, 5), create(1, 4, b"b", Code.NODE_EXISTS)],
    "a write without an answer happened": [
        create(0, 1), put(2, None, b"b"), read(9, 10, (b"b", 1)),
    ],
    "a write without an answer never happened": [
        create(0, 1), put(2, None, b"b"), read(9, 10, (b"a", 0)),
    ],
    "a write without an answer happened late": [
        create(0, 1), put(2, None, b"b"), read(3, 4, (b"a", 0)), read(9, 10, (b"b", 1)),
    ],
    "a version fits": [create(0, 1), put(2, 3, b"b", 0), put(4, 5, b"c", 0, Code.BAD_VERSION)],
    "deleted and made anew": [
        create(0, 1), delete(2, 3), read(4, 5, None), create(6, 7, b"z"), read(8, 9, (b"z", 0)),
    ],
}  # fmt: skip

REJECTED = {
    "an old value": [create(0, 1), put(2, 3, b"b"), read(4, 5, (b"a", 0))],
    "a lost write": [create(0, 1), read(2, 3, None)],
    "applied twice": [create(0, 1), put(2, 3, b"b"), read(4, 5, (b"b", 2))],
    "two reads go back": [
        create(0, 1), put(2, 20, b"b"), read(3, 4, (b"b", 1)), read(5, 6, (b"a", 0)),
    ],
    "both creates win": [create(0, 5), create(1, 4, b"b")],
    "a value that nobody wrote": [create(0, 1), read(2, 3, (b"q", 0))],
    "without an answer, seen and then not": [
        create(0, 1), put(2, None, b"b"), read(3, 4, (b"b", 1)), read(5, 6, (b"a", 0)),
    ],
    "a wrong version was taken": [create(0, 1), put(2, 3, b"b", 7)],
    "deleted twice": [create(0, 1), delete(2, 3), delete(4, 5)],
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_history_with_an_order_is_accepted(name: str) -> None:
    assert is_linearizable(ACCEPTED[name]) is True


@pytest.mark.parametrize("name", REJECTED)
def test_a_history_without_an_order_is_rejected(name: str) -> None:
    assert is_linearizable(REJECTED[name]) is False


def test_many_concurrent_writes_are_decided() -> None:
    events = [create(0, 1), *(put(2 + n, 100 + n, b"%d" % n) for n in range(9))]
    assert is_linearizable([*events, read(200, 201, (b"3", 9))]) is True
    assert is_linearizable([*events, read(200, 201, (b"3", 8))]) is False
