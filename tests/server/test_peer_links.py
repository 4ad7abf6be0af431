"""Links between servers over real sockets: how they come, what they carry, how they end."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import struct
from collections.abc import Iterator
from functools import partial

import pytest

from tests.server.peer_world import HOST, OURS, Event, Server, World, note
from zkserver.errors import StartError
from zkserver.log_output import configure
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.messages import Accepted, PrepareRequest
from zkserver.replica.peer_codec import decode, encode
from zkserver.replica.peer_messages import LinkMessage, SnapshotPart, Touch
from zkserver.server.peer_dialling import BACKOFF_MS_MAX
from zkserver.wire.peer import (
    Answer,
    Hello,
    Verdict,
    frame,
    pack_answer,
    pack_hello,
    read_answer,
    read_hello,
)


@pytest.fixture
def world() -> Iterator[World]:
    own = World()
    yield own
    own.close()


# Linking.


def test_servers_that_list_each_other_get_one_link_which_the_greater_dialled(world: World) -> None:
    one, two, three = world.ensemble(1, 2, 3)
    world.turns(2 * BACKOFF_MS_MAX)
    assert sorted(one.events) == [("linked", 2), ("linked", 3)]
    assert sorted(two.events) == [("linked", 1), ("linked", 3)]
    assert sorted(three.events) == [("linked", 1), ("linked", 2)]
    dialled = {(s.own_id, p): s.links.links[p].is_dialled for s in world.servers for p in s.linked}
    assert all(
        is_dialled == (own_id > peer_id) for (own_id, peer_id), is_dialled in dialled.items()
    )
    assert {link.version for s in world.servers for link in s.links.links.values()} == {1}


def test_messages_arrive_in_order_both_ways(world: World) -> None:
    one, two = world.ensemble(1, 2)
    sent: list[LinkMessage] = [
        Touch((1, 2)),
        SnapshotPart(bytes(3_000_000)),
        Accepted(Ballot(0, 1, 2), 5),
        PrepareRequest(Ballot(0, 1, 2)),
    ]
    for message in sent:
        one.links.send(2, message)
        two.links.send(1, message)
    world.until(lambda: len(one.events) == len(two.events) == 5)
    assert one.events[1:] == [(2, message) for message in sent]
    assert two.events[1:] == [(1, message) for message in sent]
    assert one.links.backlog_bytes(2) == 0


def test_what_is_sent_while_being_told_of_a_link_comes_behind_the_handshake(world: World) -> None:
    one, two = Server(world, 1), Server(world, 2)

    def greet(server: Server, event: Event) -> None:
        if event == ("linked", 3 - server.own_id):
            server.links.send(3 - server.own_id, note(server.own_id))

    for server in (one, two):
        server.then = partial(greet, server)
        server.lists(one, two)
    world.until(lambda: one.notes_from(2) == [2] and two.notes_from(1) == [1])


def test_frame_that_was_made_before_can_be_sent_to_several(world: World) -> None:
    one, two, three = world.ensemble(1, 2, 3)
    framed = frame((encode(note(7)),))
    for peer_id in (2, 3, 4):
        one.links.send_encoded(peer_id, framed)
    world.until(lambda: two.notes_from(1) == three.notes_from(1) == [7])


def test_what_is_sent_without_a_link_is_lost(world: World) -> None:
    one, two = Server(world, 1), Server(world, 2)
    one.links.send(2, note(1))
    one.lists(two)
    two.lists(one)
    world.until(lambda: one.linked == [2])
    one.links.send(2, note(2))
    world.until(lambda: two.notes_from(1) == [2])
    assert one.links.backlog_bytes(9) == 0


def test_server_that_comes_later_is_linked(world: World) -> None:
    one, two = Server(world, 1), Server(world, 2)
    with socket.create_server((HOST, 0)) as closed:
        port = closed.getsockname()[1]
    two.links.set_addresses({1: (HOST, port)})
    world.turns(3 * BACKOFF_MS_MAX)
    assert two.events == []
    assert one.links.listen(HOST, port) == port
    world.until(lambda: two.linked == [1])


@pytest.mark.parametrize("own_id", [1, 3])
def test_server_that_is_started_again_is_linked_again(world: World, own_id: int) -> None:
    servers = world.ensemble(1, 2, 3)
    before, two = servers[own_id - 1], servers[1]
    world.stop(before)
    world.until(lambda: two.told_of(own_id) == ["linked", "unlinked"])
    again = Server(world, own_id)
    again.port = again.links.listen(HOST, before.port)
    again.lists(*servers)
    world.until(lambda: len(again.linked) == 2)
    again.links.send(2, note(1))
    world.until(lambda: two.notes_from(own_id) == [1])
    world.turns(2 * BACKOFF_MS_MAX)
    assert two.told_of(own_id) == ["linked", "unlinked", "linked"]
    assert two.told_of(4 - own_id) == ["linked"]


def test_lesser_server_that_is_listed_is_called_back_at_once(world: World) -> None:
    listener = world.listen()
    two = Server(world, 2)
    two.links.set_addresses({1: listener.getsockname()})
    first = world.accepted(listener)
    first.sock.close()
    world.until(lambda: two.links._dials[1].call is None)
    two.links._dials[1].due_ms = world.now_ms + 10**9
    caller = world.call(two)
    caller.send(pack_hello(Hello(1, 2, OURS)))
    world.until_over(caller)
    assert read_answer(caller.bodies[0]).verdict is Verdict.CALLED_BACK
    back = world.accepted(listener)
    world.until(lambda: bool(back.bodies))
    assert read_hello(back.bodies.pop()) == Hello(2, 1, OURS)
    assert two.events == []
    back.send(pack_answer(Answer(Verdict.ACCEPTED, 1, OURS, 1)))
    world.until(lambda: two.linked == [1])
    assert two.events == [("linked", 1)]
    # One that comes when the link is up already changes nothing.
    late = world.call(two)
    late.send(pack_hello(Hello(1, 2, OURS)))
    world.until_over(late)
    assert two.events == [("linked", 1)]


@pytest.mark.parametrize("joiner_id", [1, 3])
def test_joiner_dials_a_server_that_does_not_list_it(world: World, joiner_id: int) -> None:
    member, joiner = Server(world, 2), Server(world, joiner_id)
    joiner.lists(member)
    world.until(lambda: member.linked == [joiner_id] and joiner.linked == [2])
    assert joiner.links.links[2].is_dialled
    # It becomes a member: the link goes on.
    member.lists(joiner)
    joiner.links.send(2, note(1))
    world.until(lambda: member.notes_from(joiner_id) == [1])
    world.turns(2 * BACKOFF_MS_MAX)
    assert joiner.events == [("linked", 2)]


# The ends of links.


def test_new_connection_of_a_server_replaces_the_old_one(world: World) -> None:
    one, _ = world.ensemble(1, 2)
    old = world.linked_raw(one, 9)
    new = world.linked_raw(one, 9)
    world.until_over(old)
    new.send(encode(note(5)))
    world.until(lambda: one.notes_from(9) == [5])
    one.links.send(9, note(6))
    world.until(lambda: bool(new.bodies))
    assert [decode(body) for body in new.bodies] == [note(6)]
    expected = [("linked", 2), ("linked", 9), ("unlinked", 9), ("linked", 9), (9, note(5))]
    assert one.events == expected


def test_connection_that_is_reset_is_a_link_that_ends(world: World) -> None:
    one, two = world.ensemble(1, 2)
    raw = world.linked_raw(one, 9)
    raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.sock.close()
    one.links.send(9, note(1))
    world.until(lambda: one.events[-1] == ("unlinked", 9))
    assert one.linked == [2]
    assert two.events == [("linked", 1)]


def test_peer_that_takes_nothing_is_cut(world: World) -> None:
    one = Server(world, 1, output_bytes_max=100_000)
    two = Server(world, 2)
    two.lists(one)
    world.linked_raw(one, 9, receive_bytes=4096).reads = False
    world.until(lambda: one.linked == [2, 9])
    part = SnapshotPart(bytes(50_000))
    for number in range(2000):
        one.links.send(9, part)
        one.links.send(2, note(number))
        assert one.links.backlog_bytes(9) <= 250_000
        world.turn()
        if 9 not in one.linked:
            break
    assert one.events[-1] == ("unlinked", 9)
    assert one.links.backlog_bytes(9) == 0
    world.until(lambda: two.notes_from(1) == list(range(number + 1)))


def test_link_is_cut_at_a_flush_and_not_while_sending(world: World) -> None:
    one = Server(world, 1, output_bytes_max=100)
    world.linked_raw(one, 9)
    for _ in range(5):
        one.links.send(9, SnapshotPart(bytes(100)))
    assert one.events == [("linked", 9)]
    one.links.flush()
    assert one.events == [("linked", 9), ("unlinked", 9)]


def test_one_frame_may_be_larger_than_what_may_wait(world: World) -> None:
    one = Server(world, 1, output_bytes_max=1000)
    raw = world.linked_raw(one, 9, receive_bytes=4096)
    raw.reads = False
    large = SnapshotPart(random.Random(1).randbytes(8_000_000))
    one.links.send(9, note(1))
    one.links.send(9, large)
    one.links.send(9, note(2))
    one.links.flush()
    assert one.links.backlog_bytes(9) > 1_000_000
    one.links.send(9, note(3))
    raw.reads = True
    world.until(lambda: len(raw.bodies) == 4)
    assert [decode(body) for body in raw.bodies] == [note(1), large, note(2), note(3)]
    assert one.events == [("linked", 9)]


def test_message_that_no_frame_can_hold_ends_the_link(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = world.ensemble(1, 2)
    with monkeypatch.context() as patched:
        patched.setattr("zkserver.wire.peer.FRAME_BYTES_MAX", 1000)
        one.links.send(2, SnapshotPart(bytes(1000)))
        one.links.send(2, note(1))
        one.links.flush()
    assert one.events[-1] == ("unlinked", 2)
    world.until(lambda: two.events[1:3] == [("unlinked", 1), ("linked", 1)])


def test_link_may_end_while_its_messages_are_handed_out(world: World) -> None:
    one = Server(world, 1)
    one.links.set_addresses({9: (HOST, 1)})
    raw = world.linked_raw(one, 9)
    one.accepts_strangers = False

    def remove(event: Event) -> None:
        if event == (9, note(1)):
            one.links.set_addresses({})

    one.then = remove
    raw.send(encode(note(1)), encode(note(2)))
    world.until_over(raw)
    assert one.events == [("linked", 9), (9, note(1)), ("unlinked", 9)]


def test_connection_may_be_given_up_by_whoever_hears_of_the_one_that_it_replaces(
    world: World,
) -> None:
    one = Server(world, 1)
    one.links.set_addresses({9: (HOST, 1)})
    world.linked_raw(one, 9)
    one.then = lambda event: one.links.close() if event[0] == "unlinked" else None
    new = world.call(one)
    new.send(pack_hello(Hello(9, 1, OURS)))
    world.until_over(new)
    assert one.events == [("linked", 9), ("unlinked", 9)]


@pytest.mark.parametrize("seed", range(4))
def test_every_pair_has_one_link_again_when_the_trouble_is_over(world: World, seed: int) -> None:
    chance = random.Random(seed)
    servers = [Server(world, own_id) for own_id in (1, 2, 3)]
    number = 0
    for _ in range(150):
        server = chance.choice(servers)
        event = chance.randrange(8)
        if event == 0:
            server.lists(*(other for other in servers if chance.random() < 0.7))
        elif event == 1 and server.linked:
            with contextlib.suppress(OSError):
                # The other end may have done the same.
                server.links.links[chance.choice(server.linked)].sock.shutdown(socket.SHUT_RDWR)
        elif event == 2:
            server.port = server.links.listen(HOST, 0)
        elif server.linked:
            number += 1
            server.links.send(chance.choice(server.linked), note(number))
        world.turn(wait_ms=0)
    for server in servers:
        server.lists(*servers)
    world.until(lambda: all(len(server.linked) == 2 for server in servers))
    world.turns(2 * BACKOFF_MS_MAX)
    for server in servers:
        for other in servers:
            if other is not server:
                told = server.told_of(other.own_id)
                assert told == (["linked", "unlinked"] * len(told))[: len(told)]
                assert told[-1] == "linked"
                # Some are lost with the links, but none comes twice or late.
                numbers = server.notes_from(other.own_id)
                assert numbers == sorted(set(numbers))
                server.links.send(other.own_id, note(10**6 + other.own_id))
    world.until(
        lambda: all(
            server.notes_from(other.own_id)[-1:] == [10**6 + server.own_id]
            for server in servers
            for other in servers
            if other is not server
        )
    )


# Reconfiguration and the shell's side.


def test_server_that_has_moved_is_dialled_at_its_new_place(world: World) -> None:
    one, two = world.ensemble(1, 2)
    moved = Server(world, 1)
    moved.lists(two)
    two.links.set_addresses({1: (HOST, moved.port)})
    assert two.events[-1] == ("unlinked", 1)
    world.until(lambda: moved.linked == [2] and two.linked == [1])
    assert two.events == [("linked", 1), ("unlinked", 1), ("linked", 1)]
    assert one.linked == []


def test_server_that_is_no_longer_listed_is_a_stranger(world: World) -> None:
    one, two, three = world.ensemble(1, 2, 3)
    two.links.set_addresses({3: (HOST, three.port)})
    world.turns(50)
    assert two.linked == [1, 3]
    two.accepts_strangers = False
    two.lists(one, three)
    two.lists(three)
    assert two.linked == [3]
    world.until(lambda: ("unlinked", 2) in one.events)
    world.turns(2 * BACKOFF_MS_MAX)
    assert two.linked == [3]


def test_call_under_way_is_given_up_when_its_server_is_no_longer_listed(world: World) -> None:
    listener = world.listen()
    two = Server(world, 2)
    two.links.set_addresses({1: listener.getsockname()})
    raw = world.accepted(listener)
    two.links.set_addresses({})
    world.until_over(raw)
    assert set(two.links.fds.values()) == {None}


def test_taken_port_is_an_error_and_the_old_one_is_kept(world: World) -> None:
    one = Server(world, 1)
    taken = world.listen().getsockname()[1]
    with pytest.raises(StartError, match=f"{HOST}:{taken}: Address already in use"):
        one.links.listen(HOST, taken)
    world.linked_raw(one, 9)
    assert one.linked == [9]


def test_new_place_is_listened_at_instead_of_the_old_one(world: World) -> None:
    one = Server(world, 1)
    old, one.port = one.port, one.links.listen("", 0)
    world.linked_raw(one, 9)
    with pytest.raises(ConnectionRefusedError), socket.create_connection((HOST, old)):
        pass


def test_callers_wait_while_there_is_no_descriptor(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Server(world, 1)
    listener = one.links._listener
    real = listener._sock
    assert real is not None

    class Exhausted:
        def accept(self) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

    listener._sock = Exhausted()  # type: ignore[assignment]
    raw = world.call(one)
    raw.send(pack_hello(Hello(9, 1, OURS)))
    world.until(lambda: "Too many open files" in capsys.readouterr().err)
    listener._sock = real
    world.until(lambda: one.linked == [9])


def test_event_of_a_socket_that_is_gone_is_ignored(world: World) -> None:
    one, two = world.ensemble(1, 2)
    for mask in (1, 4, 8, 16):
        one.links.ready(10**6, mask, world.now_ms)
        # Nothing has happened to these, but to sockets that had their numbers before.
        for fd in tuple(two.links.fds):
            two.links.ready(fd, mask, world.now_ms)
    one.links.send(2, note(1))
    world.until(lambda: two.notes_from(1) == [1])


def test_closing_tells_nobody_here_and_the_others_see_it(world: World) -> None:
    one, two = world.ensemble(1, 2)
    one.links.close()
    assert one.events == [("linked", 2)]
    assert one.links.fds == {}
    world.until(lambda: two.events == [("linked", 1), ("unlinked", 1)])
    one.links.tick(world.now_ms)
    one.links.send(2, note(1))
    one.links.flush()
    one.links.close()


def test_links_are_logged_when_asked_for(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    try:
        world.ensemble(1, 2)
    finally:
        configure()
    said = capsys.readouterr().err
    assert said.count("info peer_linked peer=1") == said.count("info peer_linked peer=2") == 1
