"""Servers' links in this thread, pumped by hand, and sockets that only talk like a server."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable

from zkserver.replica.peer_messages import DigestNote
from zkserver.server.peer_links import PeerLinks
from zkserver.server.poller import new_poller
from zkserver.wire.peer import FrameCutter, Hello, Verdict, frame, pack_hello, read_answer

HOST = "127.0.0.1"
OURS = bytes(range(16))
THEIRS = bytes(range(1, 17))
#: What no test of working code ever waits for, seconds.
PATIENCE_S = 20.0
#: What a turn adds to the time of the servers, milliseconds.
TURN_MS = 20
Event = tuple[object, ...]


class Server:
    """The links of one server, and what they told, in order."""

    def __init__(
        self,
        world: World,
        own_id: int,
        *,
        accepts_strangers: bool = True,
        output_bytes_max: int = 1 << 20,
    ) -> None:
        self.own_id = own_id
        self.cluster_id = OURS
        self.accepts_strangers = accepts_strangers
        self.events: list[Event] = []
        #: Called behind the noting of an event.
        self.then: Callable[[Event], None] = _do_nothing
        self.links = PeerLinks(
            own_id,
            lambda: self.cluster_id,
            {},
            world.poller,
            lambda peer_id: self._note("linked", peer_id),
            lambda peer_id: self._note("unlinked", peer_id),
            self._note,
            accepts_strangers=lambda peer_id: self.accepts_strangers and 1 <= peer_id <= 255,
            below=random.Random(own_id).randrange,
            output_bytes_max=output_bytes_max,
        )
        self.port = self.links.listen(HOST, 0)
        world.servers.append(self)

    def _note(self, *event: object) -> None:
        self.events.append(event)
        self.then(event)

    def lists(self, *others: Server) -> None:
        """It is told where these are, and where it is itself."""
        members = {other.own_id: (HOST, other.port) for other in (self, *others)}
        self.links.set_addresses(members)

    @property
    def linked(self) -> list[int]:
        """The servers that it has a link to."""
        return sorted(self.links.links)

    def told_of(self, peer_id: int) -> list[object]:
        """How the link to a server came and went."""
        return [what for what, *more in self.events if more == [peer_id]]

    def notes_from(self, peer_id: int) -> list[int]:
        """The numbers of the notes that a server has sent."""
        return [
            more[0].zxid
            for sender, *more in self.events
            if sender == peer_id and isinstance(more[0], DigestNote)
        ]


def _do_nothing(event: Event) -> None:
    del event


class Raw:
    """A socket that is no server, but may talk like one."""

    def __init__(self, world: World, sock: socket.socket) -> None:
        world.raws.append(self)
        self.sock = sock
        #: Whether it takes what it is sent.
        self.reads = True
        self.is_over = False
        self.bodies: list[bytes] = []
        self._cutter = FrameCutter(1 << 30)

    def send(self, *bodies: bytes) -> None:
        """Send each of the bodies in a frame."""
        for body in bodies:
            self.sock.sendall(frame((body,)))

    def read(self) -> None:
        """Take what has arrived, if it takes anything."""
        while self.reads and not self.is_over:
            try:
                data = self.sock.recv(1 << 20)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self.is_over = not data
            self.bodies += self._cutter.cut(data)


class World:
    """A clock of its own, one poller, and everybody whose sockets are to be looked after."""

    def __init__(self) -> None:
        self.poller = new_poller()
        self.now_ms = 1000
        self.servers: list[Server] = []
        self.raws: list[Raw] = []
        self.listeners: list[socket.socket] = []

    def turn(self, wait_ms: int = 1) -> None:
        """Look once after everything."""
        events = self.poller.wait(wait_ms)
        self.now_ms += TURN_MS
        for fd, mask in events:
            for server in self.servers:
                if fd in server.links.fds:
                    server.links.ready(fd, mask, self.now_ms)
                    break
        for server in self.servers:
            server.links.tick(self.now_ms)
            server.links.flush()
        for raw in self.raws:
            raw.read()

    def turns(self, duration_ms: int) -> None:
        """Let that much time go by for the servers."""
        end = self.now_ms + duration_ms
        while self.now_ms < end:
            self.turn(wait_ms=0)

    def until(self, holds: Callable[[], bool]) -> None:
        """Turn until a condition holds; fails when it never does."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, [server.events for server in self.servers]
            self.turn()

    def until_over(self, raw: Raw) -> None:
        """Turn until the other side has closed a raw connection."""
        self.until(lambda: raw.is_over)

    def ensemble(self, *own_ids: int) -> list[Server]:
        """Servers that list each other and are linked."""
        servers = [Server(self, own_id) for own_id in own_ids]
        for server in servers:
            server.lists(*servers)
        self.until(lambda: all(len(s.linked) == len(servers) - 1 for s in servers))
        return servers

    def call(self, server: Server, receive_bytes: int = 0) -> Raw:
        """A raw connection to a server."""
        sock = socket.socket()
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.connect((HOST, server.port))
        sock.setblocking(False)
        return Raw(self, sock)

    def stop(self, server: Server) -> None:
        """End a server."""
        server.links.close()
        self.servers.remove(server)

    def listen(self) -> socket.socket:
        """A raw listening socket."""
        listener = socket.create_server((HOST, 0))
        listener.setblocking(False)
        self.listeners.append(listener)
        return listener

    def accepted(self, listener: socket.socket) -> Raw:
        """The next connection that a server makes to a raw listener."""
        calls: list[socket.socket] = []

        def has_accepted() -> bool:
            try:
                calls.append(listener.accept()[0])
            except BlockingIOError:
                return False
            return True

        self.until(has_accepted)
        calls[0].setblocking(False)
        return Raw(self, calls[0])

    def linked_raw(self, server: Server, own_id: int, receive_bytes: int = 0) -> Raw:
        """A raw connection that has done the handshake as the server ``own_id``."""
        raw = self.call(server, receive_bytes)
        raw.send(pack_hello(Hello(own_id, server.own_id, OURS)))
        self.until(lambda: bool(raw.bodies))
        assert read_answer(raw.bodies.pop()).verdict is Verdict.ACCEPTED
        return raw

    def close(self) -> None:
        """Close all sockets."""
        for server in self.servers:
            server.links.close()
        for raw in self.raws:
            raw.sock.close()
        for listener in self.listeners:
            listener.close()
        self.poller.close()


def note(number: int) -> DigestNote:
    """A small message that can be told from others."""
    return DigestNote(number, number)
