"""Dialling another server: names, waits, and calls that lead nowhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.server.peer_world import HOST, TURN_MS, Raw, Server, World
from zkserver.server import peer_dialling
from zkserver.server.peer_dialling import BACKOFF_MS_MAX, BACKOFF_MS_MIN, HELD_MS, Dial
from zkserver.server.peer_links import CONNECT_MS, HANDSHAKE_MS
from zkserver.server.peer_socket import PeerSocket, Stage
from zkserver.wire.peer import NO_CLUSTER_ID, Answer, Verdict, pack_answer


@pytest.fixture
def world() -> Iterator[World]:
    own = World()
    yield own
    own.close()


def test_host_is_looked_up_without_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = Server(world, 1), Server(world, 2)
    with socket.create_server((HOST, 0)) as closed:
        dead = closed.getsockname()
    flags_used = []

    def look_up(host: str, port: int, flags: int) -> list[tuple[int, tuple[str, int]]]:
        assert host == "one.example"
        flags_used.append(flags)
        if flags or len(flags_used) < 20:
            raise socket.gaierror(socket.EAI_NONAME, "unknown name")
        return [(socket.AF_INET, dead), (socket.AF_INET, (HOST, port))]

    monkeypatch.setattr(peer_dialling, "_look_up", look_up)
    two.links.set_addresses({1: ("one.example", one.port)})
    world.until(lambda: two.linked == [1])
    assert flags_used[:4] == [socket.AI_NUMERICHOST, 0] * 2
    said = capsys.readouterr().err
    assert said.count("cannot find one.example: unknown name") == 1


def test_name_that_cannot_be_encoded_is_a_failure_to_dial(world: World) -> None:
    two = Server(world, 2)
    two.links.set_addresses({1: ("a" * 70 + ".example", 1)})
    world.until(lambda: two.links._dials[1].failures > 1)
    assert two.events == []


def test_attempts_are_put_off_further_and_further_and_by_chance() -> None:
    spans: list[int] = []

    def highest(count: int) -> int:
        spans.append(count)
        return count - 1

    dial = Dial(HOST, 1, 0, highest)
    waits = []
    for _ in range(12):
        dial.failed(0)
        waits.append(dial.due_ms)
    assert waits == [40, 80, 160, 320, 640] + [BACKOFF_MS_MAX] * 7
    # What is left to chance is all that is above the least.
    least = {wait - span + 1 for wait, span in zip(waits, spans, strict=True)}
    assert least == {BACKOFF_MS_MIN}
    dial.lost(held_ms=HELD_MS - 1, now_ms=0)
    assert dial.due_ms == BACKOFF_MS_MAX
    dial.lost(held_ms=HELD_MS, now_ms=0)
    assert dial.due_ms == 40


def test_dialling_is_given_up_when_nothing_comes_back(world: World) -> None:
    two = Server(world, 2)
    # A listener whose queue is full lets further callers wait.
    listener = socket.socket()
    world.listeners.append(listener)
    listener.bind((HOST, 0))
    listener.listen(0)
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        Raw(world, filler)
    two.links.set_addresses({1: listener.getsockname()})
    world.turn()
    call = two.links._dials[1].call
    assert call is not None
    world.turns(CONNECT_MS - 2 * TURN_MS)
    assert call.fd in two.links.fds
    world.turns(3 * TURN_MS)
    assert call.fd not in two.links.fds
    assert two.links._dials[1].failures == 1


def test_socket_that_was_connected_with_itself_has_reached_nobody(world: World) -> None:
    sock = socket.socket()
    sock.bind((HOST, 0))
    sock.connect(sock.getsockname())
    sock.setblocking(False)
    link = PeerSocket(sock, Stage.CONNECTING, "", world.poller, 0)
    assert not link.reached()
    assert link.doom == "reached itself"
    link.close()


def test_server_that_does_not_answer_is_dialled_again(world: World) -> None:
    listener = world.listen()
    two = Server(world, 2)
    two.links.set_addresses({1: listener.getsockname()})
    silent = world.accepted(listener)
    world.turns(HANDSHAKE_MS + TURN_MS)
    world.until_over(silent)
    again = world.accepted(listener)
    again.send(pack_answer(Answer(Verdict.ACCEPTED, 1, NO_CLUSTER_ID, 1)))
    world.until(lambda: two.linked == [1])
