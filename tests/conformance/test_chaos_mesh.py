"""Proxies between servers: what is cut is held, one way as well, and comes when it is mended."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from conformance.chaos.greeting import rewriting_greeting
from conformance.chaos.mesh import Mesh
from conformance.membership import HOST, PeerPorts, Place

PATIENCE_S = 10.0


class Link:
    """A connection that server 2 has dialled to server 1, through the mesh."""

    def __init__(self, mesh: Mesh, listener: socket.socket) -> None:
        self.dialler = socket.create_connection((HOST, mesh.route(2, 1).quorum), PATIENCE_S)
        self.dialled, _ = listener.accept()
        self.dialled.settimeout(PATIENCE_S)

    def close(self) -> None:
        self.dialler.close()
        self.dialled.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as sock:
        sock.settimeout(PATIENCE_S)
        yield sock


@pytest.fixture
def mesh(listener: socket.socket) -> Iterator[Mesh]:
    port = listener.getsockname()[1]
    with Mesh([Place(1, PeerPorts(port, 1), 1), Place(2, PeerPorts(1, 1), 1)]) as made:
        yield made


@pytest.fixture
def link(mesh: Mesh, listener: socket.socket) -> Iterator[Link]:
    made = Link(mesh, listener)
    yield made
    made.close()


def is_silent(sock: socket.socket) -> bool:
    return not select.select([sock], [], [], 0)[0]


def test_bytes_pass_both_ways(link: Link) -> None:
    link.dialler.sendall(b"there")
    assert link.dialled.recv(10) == b"there"
    link.dialled.sendall(b"back")
    assert link.dialler.recv(10) == b"back"


def test_one_way_is_held_while_the_other_passes(mesh: Mesh, link: Link) -> None:
    mesh.cut(2, 1)
    link.dialler.sendall(b"held")
    link.dialled.sendall(b"passes")
    assert link.dialler.recv(10) == b"passes"
    assert is_silent(link.dialled)
    mesh.join(2, 1)
    assert link.dialled.recv(10) == b"held"


def test_an_isolated_server_is_cut_both_ways_until_it_is_healed(mesh: Mesh, link: Link) -> None:
    mesh.isolate(1)
    link.dialler.sendall(b"there")
    link.dialled.sendall(b"back")
    assert is_silent(link.dialler)
    assert is_silent(link.dialled)
    mesh.heal()
    assert link.dialled.recv(10) == b"there"
    assert link.dialler.recv(10) == b"back"


def test_no_connection_comes_through_a_cut(mesh: Mesh, listener: socket.socket) -> None:
    mesh.part(1, 2)
    with socket.create_connection((HOST, mesh.route(2, 1).quorum), PATIENCE_S):
        # The call is taken by the proxy, as a network without answers could not; but not passed.
        assert is_silent(listener)
        mesh.heal()
        listener.accept()[0].close()


def test_a_reset_ends_the_connections_and_new_ones_are_made(
    mesh: Mesh, link: Link, listener: socket.socket
) -> None:
    mesh.reset(1, 2)
    with pytest.raises(ConnectionError):
        # What the proxy resets is an error on the side that it resets first, an end on none.
        if not link.dialler.recv(1):
            raise ConnectionError
    again = Link(mesh, listener)
    again.dialler.sendall(b"anew")
    assert again.dialled.recv(10) == b"anew"
    again.close()


def test_an_apache_servers_greeting_names_the_proxy() -> None:
    greet = rewriting_greeting(lambda viewer, viewed: PeerPorts(1, 100 * viewer + viewed))
    said = (-65_536).to_bytes(8, signed=True) + (2).to_bytes(8) + (9).to_bytes(4) + b"host:3888"
    passed_on = greet(2, 1, said + b"more")
    assert passed_on is not None
    assert passed_on[20:] == b"127.0.0.1:102more"
    assert passed_on[16:20] == len(b"127.0.0.1:102").to_bytes(4)
    assert greet(2, 1, said[:-1]) is None
    assert greet(2, 1, b"\0" * 20) == b"\0" * 20
