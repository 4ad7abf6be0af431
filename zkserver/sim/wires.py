"""Connections between clients and servers: bytes in order, both ways, with delays."""

from __future__ import annotations

import random
from collections import deque
from typing import Any, Protocol

from zkserver.sim.world import World


class ClientEnd(Protocol):
    """The client, as its connection sees it."""

    def got(self, wire: Wire, data: bytes) -> None:
        """Bytes came."""

    def hung_up(self, wire: Wire) -> None:
        """The connection is gone."""


class ServerEnd(Protocol):
    """The server, as a connection sees it."""

    def accept(self, wire: Wire) -> None:
        """A client connects."""

    def took(self, wire: Wire, data: bytes) -> None:
        """Bytes came."""

    def client_left(self, wire: Wire) -> None:
        """The client hung up, or is not to be reached any more."""

    def drained(self, wire: Wire) -> None:
        """The client reads again."""


class Wire:
    """One TCP connection of a client."""

    __slots__ = (
        "_down_us", "_stream", "_up_us", "_world", "client", "conn", "delay_us", "inbox",
        "is_down_open", "is_stalled", "is_up_open", "server",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        stream: random.Random,
        client: ClientEnd,
        server: ServerEnd,
        delay_us: int,
    ) -> None:
        self._world = world
        self._stream = stream
        self.client = client
        self.server = server
        self.delay_us = delay_us
        #: The core's connection, once the server has accepted.
        self.conn: Any = None
        #: What the server does not read yet, because the core paused the connection.
        self.inbox: deque[bytes] = deque()
        #: The client does not read: the server's output stays with the server.
        self.is_stalled = False
        self.is_up_open = self.is_down_open = True
        self._down_us = 0
        delay = self._delay()
        self._up_us = world.now_us + delay
        world.after(delay, server.accept, self)

    def _delay(self) -> int:
        return self.delay_us // 3 + int(self._stream.expovariate(1.0) * self.delay_us)

    def send_up(self, data: bytes) -> None:
        """From the client."""
        at = self._up_us = max(self._up_us, self._world.now_us + self._delay()) + 1
        self._world.after(at - self._world.now_us, self._up, data)

    def _up(self, data: bytes) -> None:
        if self.is_up_open:
            self.server.took(self, data)

    def send_down(self, data: bytes) -> None:
        """From the server."""
        at = self._down_us = max(self._down_us, self._world.now_us + self._delay()) + 1
        self._world.after(at - self._world.now_us, self._down, data)

    def _down(self, data: bytes) -> None:
        if self.is_down_open:
            self.client.got(self, data)

    def close_from_client(self) -> None:
        """The client hangs up; what it sent before still arrives."""
        if not self.is_down_open:
            return
        self.is_down_open = False
        self._world.after(max(0, self._up_us - self._world.now_us) + 1, self._left)

    def _left(self) -> None:
        if self.is_up_open:
            self.is_up_open = False
            self.server.client_left(self)

    def close_from_server(self, notice_us: int = 0) -> None:
        """The server hangs up or is gone; what it sent before still arrives."""
        if not self.is_up_open:
            return
        self.is_up_open = False
        at = max(self._down_us, self._world.now_us + notice_us) + 1
        self._world.after(at - self._world.now_us, self._hung_up)

    def _hung_up(self) -> None:
        if self.is_down_open:
            self.is_down_open = False
            self.client.hung_up(self)

    def drop(self) -> None:
        """The connection breaks: what is under way is lost, both ends notice soon."""
        if self.is_up_open:
            self.is_up_open = False
            self._world.after(self._stream.randint(0, 30_000), self.server.client_left, self)
        if self.is_down_open:
            self.is_down_open = False
            self._world.after(self._stream.randint(0, 30_000), self.client.hung_up, self)

    def stall(self) -> None:
        """The client stops reading."""
        self.is_stalled = True

    def drain(self) -> None:
        """The client reads again."""
        self.is_stalled = False
        if self.is_up_open:
            self.server.drained(self)
