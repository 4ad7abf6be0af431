"""The pool's end of the connections with its workers."""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
from collections.abc import Callable
from typing import Final, Protocol

from mesozoic.pool import frames
from mesozoic.pool.frames import Frame
from mesozoic.pool.worker import keep_alive

#: Whoever has not proved by then that it is a worker is cut off.
_PROVE_S: Final = 20.0


class LinkOwner(Protocol):
    """Who hears of links."""

    def is_expected(self, name: str) -> bool:
        """Whether a worker of this name may connect now."""

    def linked(self, link: Link) -> None:
        """A worker has proved itself."""

    def heard(self, link: Link, said: list[Frame]) -> None:
        """It says something."""

    def unlinked(self, link: Link, why: str) -> None:
        """It is gone."""


class Link(asyncio.Protocol):
    """A connection from a worker, from the greeting on."""

    def __init__(self, owner: LinkOwner, secret: bytes, on_gone: Callable[[Link], None]) -> None:
        self.name = ""
        self._owner = owner
        self._secret = secret
        self._on_gone = on_gone
        self._nonce = os.urandom(frames.NONCE_BYTES)
        self._is_proved = False
        self._early = b""
        self._decoder = frames.Decoder(frames.PAYLOAD_BYTES_MAX)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fault = ""

    # For the owner.

    def send(self, data: bytes) -> None:
        """Send frames; what cannot be sent any more is dropped."""
        if self._transport is not None:
            self._transport.write(data)

    def cut(self, why: str) -> None:
        """End the connection at once; ``unlinked`` follows."""
        self._fault = self._fault or why
        if self._transport is not None:
            self._transport.abort()

    # For asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        if not isinstance(transport, asyncio.Transport):
            return
        self._transport = transport
        connection: socket.socket = transport.get_extra_info("socket")
        keep_alive(connection)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_PROVE_S, self.cut, "no proof came")
        transport.write(frames.GREETING + self._nonce)

    def data_received(self, data: bytes) -> None:
        """Proof first, then frames."""
        try:
            if not self._is_proved:
                self._early += data
                rest = self._prove()
                if rest is None:
                    return
                data = rest
            said = self._decoder.feed(data)
        except frames.BadFrames as error:
            self.cut(str(error))
            return
        if said:
            self._owner.heard(self, said)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the owner, if it has heard of this."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._on_gone(self)
        if self._is_proved:
            self._owner.unlinked(self, self._fault or (str(error) if error else "it has hung up"))

    def _prove(self) -> bytes | None:
        """What follows the proof; None while that is not whole. Raises ``BadFrames``."""
        head = frames.NAME_LENGTH.size
        if len(self._early) < head:
            return None
        length = frames.NAME_LENGTH.unpack_from(self._early)[0]
        if length > frames.NAME_BYTES_MAX:
            raise frames.BadFrames("this is no worker")
        whole = head + length + frames.NONCE_BYTES + frames.PROOF_BYTES
        if len(self._early) < whole:
            return None
        named, rest = self._early[head : head + length], self._early[head + length : whole]
        nonce, shown = rest[: frames.NONCE_BYTES], rest[frames.NONCE_BYTES :]
        name = named.decode("utf-8", "replace")
        key = frames.key_of(self._secret, name)
        expected = frames.proof(key, frames.WORKER, self._nonce, nonce, named)
        if not hmac.compare_digest(shown, expected) or not self._owner.is_expected(name):
            raise frames.BadFrames("this is none of our workers")
        if self._timer is not None:
            self._timer.cancel()
        self.name = name
        self._is_proved = True
        self.send(frames.proof(key, frames.POOL, self._nonce, nonce, named))
        self._owner.linked(self)
        return self._early[whole:]


class Links:
    """The server, and all connections."""

    def __init__(self, owner: LinkOwner) -> None:
        self._owner = owner
        self._secret = os.urandom(32)
        self._all: set[Link] = set()
        self._server: asyncio.Server | None = None
        self.address = ""

    def key_of(self, name: str) -> bytes:
        """What a worker has to know."""
        return frames.key_of(self._secret, name)

    async def open(self, host: str, port: int) -> None:
        """Listen; raises ``OSError``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make, host, port)
        bound = self._server.sockets[0].getsockname()[1]
        self.address = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"

    def _make(self) -> Link:
        link = Link(self._owner, self._secret, self._all.discard)
        self._all.add(link)
        return link

    async def close(self) -> None:
        """End all connections; workers end with them."""
        if self._server is not None:
            self._server.close()
        for link in list(self._all):
            link.cut("the pool is over")
        if self._server is not None:
            await self._server.wait_closed()
