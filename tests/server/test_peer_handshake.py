"""Who gets no link to a server, what it is told, and that nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.peer_world import OURS, THEIRS, TURN_MS, Server, World, note
from zkserver.replica.peer_codec import encode
from zkserver.replica.peer_messages import SnapshotPart, Touch
from zkserver.server.peer_dialling import BACKOFF_MS_MAX
from zkserver.server.peer_links import HANDSHAKE_MS
from zkserver.wire.peer import (
    Answer,
    Hello,
    Verdict,
    frame,
    pack_answer,
    pack_hello,
    read_answer,
)


@pytest.fixture
def world() -> Iterator[World]:
    own = World()
    yield own
    own.close()


# Refusals.


def refusal(world: World, server: Server, hello: Hello) -> Answer:
    raw = world.call(server)
    raw.send(pack_hello(hello))
    world.until_over(raw)
    (body,) = raw.bodies
    return read_answer(body)


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        (Hello(3, 1, OURS, 7, 9), "no common protocol version"),
        (Hello(3, 2, OURS), "this is server 1, not 2"),
        (Hello(1, 1, OURS), "there are two of that id"),
        (Hello(3, 1, THEIRS), "another ensemble"),
        (Hello(0, 1, OURS), "server 0 is not listed here"),
        (Hello(256, 1, OURS), "server 256 is not listed here"),
    ],
)
def test_hello_is_refused_with_its_reason_and_logged_once(
    world: World, capsys: pytest.CaptureFixture[str], hello: Hello, why: str
) -> None:
    one, two = world.ensemble(1, 2)
    for _ in range(3):
        answer = refusal(world, one, hello)
        assert answer.verdict is Verdict.REFUSED
        assert (answer.sender, answer.version, answer.cluster_id) == (1, 0, OURS)
        assert why in answer.reason
    assert capsys.readouterr().err.count(why) == 1
    assert one.events == [("linked", 2)]
    assert two.events == [("linked", 1)]


def test_refused_server_logs_why_once_and_asks_rarely(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Server(world, 1, accepts_strangers=False)
    three = Server(world, 3)
    three.lists(one)
    before_ms = world.now_ms
    calls = 0
    for _ in range(4):
        world.until(lambda: three.links._dials[1].call is not None)
        calls += 1
        world.until(lambda: three.links._dials[1].call is None)
    assert world.now_ms - before_ms >= (calls - 1) * BACKOFF_MS_MAX
    said = capsys.readouterr().err
    assert said.count("refused_by_peer") == said.count("peer_refused") == 1
    assert one.events == three.events == []
    # Somebody lists it.
    one.lists(three)
    world.until(lambda: three.linked == [1])


def test_server_without_a_cluster_id_is_accepted(world: World) -> None:
    one, two = Server(world, 1), Server(world, 2)
    one.cluster_id = b""
    two.lists(one)
    world.until(lambda: one.linked == [2])
    one.cluster_id = OURS
    world.turns(50)
    assert one.linked == [2]


def test_link_is_cut_when_its_peer_turns_out_to_be_of_another_ensemble(world: World) -> None:
    one, two = Server(world, 1), Server(world, 2)
    one.cluster_id = b""
    two.lists(one)
    world.until(lambda: one.linked == [2] and two.linked == [1])
    one.cluster_id = THEIRS
    world.until(lambda: one.events[-1:] == [("unlinked", 2)])
    world.until(lambda: two.events == [("linked", 1), ("unlinked", 1)])
    world.turns(3 * BACKOFF_MS_MAX)
    assert one.linked == two.linked == []


@pytest.mark.parametrize(
    "answer",
    [
        pack_answer(Answer(Verdict.ACCEPTED, 3, OURS, 1)),
        pack_answer(Answer(Verdict.ACCEPTED, 1, THEIRS, 1)),
        pack_answer(Answer(Verdict.ACCEPTED, 1, OURS, 2)),
        pack_answer(Answer(Verdict.ACCEPTED, 1, OURS, 0)),
        pack_hello(Hello(1, 2, OURS)),
        b"",
    ],
)
def test_answer_that_makes_no_sense_is_not_believed(
    world: World, answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = world.listen()
    two = Server(world, 2)
    two.links.set_addresses({1: listener.getsockname()})
    for _ in range(2):
        raw = world.accepted(listener)
        raw.send(answer)
        world.until_over(raw)
    assert two.events == []
    assert capsys.readouterr().err.count("peer_broke_protocol") == 1


# What strangers and broken peers send.


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        bytes(frame((b"HELLO",))),
        bytes(frame((pack_answer(Answer(Verdict.ACCEPTED, 3, OURS, 1)),))),
        b"\0\0\0\5\0\0\0\0HELLO",
    ],
)
def test_garbage_closes_its_connection_and_nobody_else_notices(
    world: World, garbage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = world.ensemble(1, 2)
    for _ in range(3):
        raw = world.call(one)
        raw.sock.sendall(garbage)
        world.until_over(raw)
        assert raw.bodies == []
    assert capsys.readouterr().err.count("it speaks another protocol") == 1
    one.links.send(2, note(1))
    world.until(lambda: two.notes_from(1) == [1])
    assert one.events == [("linked", 2)]


@pytest.mark.parametrize(
    "garbage",
    [
        bytes(frame((b"\xff",))),
        bytes(frame((b"",))),
        b"\xff\xff\xff\xff\0\0\0\0",
        b"\0\0\0\1\0\0\0\0\x11",
    ],
)
def test_link_of_a_peer_that_breaks_the_protocol_is_cut(world: World, garbage: bytes) -> None:
    one, two = world.ensemble(1, 2)
    raw = world.linked_raw(one, 9)
    raw.sock.sendall(bytes(frame((encode(note(1)),))) + garbage + frame((encode(note(2)),)))
    world.until_over(raw)
    assert one.events == [("linked", 2), ("linked", 9), (9, note(1)), ("unlinked", 9)]
    assert two.events == [("linked", 1)]


def test_frames_may_come_byte_by_byte(world: World) -> None:
    one = Server(world, 1)
    raw = world.call(one)
    stream = b"".join(
        frame((body,))
        for body in (pack_hello(Hello(2, 1, OURS)), encode(Touch((1, 2, 3))), encode(note(4)))
    )
    for at in range(len(stream)):
        raw.sock.sendall(stream[at : at + 1])
        world.turn()
    world.until(lambda: len(one.events) == 3)
    assert one.events == [("linked", 2), (2, Touch((1, 2, 3))), (2, note(4))]


def test_hello_and_messages_may_come_in_one_piece(world: World) -> None:
    one = Server(world, 1)
    raw = world.call(one)
    # A message may be larger than a hello may be.
    message = SnapshotPart(bytes(5000))
    raw.send(pack_hello(Hello(2, 1, OURS)), encode(message))
    world.until(lambda: len(one.events) == 2)
    assert one.events == [("linked", 2), (2, message)]


def test_caller_that_says_nothing_is_closed(world: World) -> None:
    one, _ = world.ensemble(1, 2)
    raw = world.call(one)
    raw.sock.sendall(frame((pack_hello(Hello(2, 1, OURS)),))[:-1])
    world.turns(HANDSHAKE_MS // 2)
    assert not raw.is_over
    world.turns(HANDSHAKE_MS // 2 + 2 * TURN_MS)
    world.until_over(raw)
    assert one.events == [("linked", 2)]


def test_oldest_of_too_many_callers_is_closed(world: World) -> None:
    one = Server(world, 1)
    raws = []
    for _ in range(66):
        raws.append(world.call(one))
        world.turn()
    world.until_over(raws[1])
    assert raws[0].is_over
    assert not raws[2].is_over
