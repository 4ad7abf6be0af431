"""TCP proxies between the servers of an ensemble, so that their links can be cut and delayed.

For every ordered pair of servers and each of the two peer ports there is a listener: what
server ``viewer`` takes for the address of ``viewed``. A connection through it carries bytes
both ways; those of each way pass the :class:`Direction` of its two servers, whoever dialled.

A cut direction holds the bytes, as a network that drops packets does: TCP delivers them when
it is healed, late but complete, unless somebody has given up. A connection cannot be set up
while either direction is cut. Behind a cut nobody sees the other's end either.

All proxies run on an asyncio loop in one thread; the methods may be called from any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from conformance.membership import HOST, PeerPorts, Place, free_ports

#: A server's process is there before its port is: a connection onward is tried for so long.
_DIAL_PATIENCE_S = 0.3
_DIAL_PAUSE_S = 0.02
_CHUNK_BYTES = 65_536
_POLLRDHUP = 0x2000
_ORDER_S_MAX = 10.0

_Result = TypeVar("_Result")

#: Reads what a dialling server says first on an election port, and says what to pass on:
#: (viewer, viewed, the bytes so far) -> bytes, or None while there are too few.
Greeting = Callable[[int, int, bytes], bytes | None]


class Direction:
    """What happens to bytes from one server to another; only the loop's thread changes it."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.passing = asyncio.Event()
        self.passing.set()

    async def hold(self) -> None:
        """Wait as long as bytes of this direction have to."""
        if self.delay_s:
            # What arrives meanwhile waits together, so a byte is late by one to two delays.
            await asyncio.sleep(self.delay_s)
        await self.passing.wait()


class _Pipe:
    """One connection through a proxy, from the dialling server to the dialled one."""

    def __init__(self, mesh: Mesh, viewer: int, viewed: int, writer: asyncio.StreamWriter) -> None:
        self.pair = frozenset((viewer, viewed))
        self._out = mesh.direction(viewer, viewed)
        self._back = mesh.direction(viewed, viewer)
        self._near = writer
        self._far: asyncio.StreamWriter | None = None

    async def run(self, reader: asyncio.StreamReader, port: int, greet: _Greet | None) -> None:
        """Dial ``port`` and pass bytes both ways until both have ended."""
        await self._both_passing()
        if _given_up(self._near):
            return
        dialled = await _dial(port)
        if dialled is None:
            return
        far_reader, self._far = dialled
        if greet is not None:
            self._far.write(await greet(reader))
        await asyncio.gather(
            self._pass(self._out, reader, self._far),
            self._pass(self._back, far_reader, self._near),
        )

    async def _both_passing(self) -> None:
        ways = (self._out, self._back)
        while not all(way.passing.is_set() for way in ways):
            for way in ways:
                await way.passing.wait()
        # A handshake takes a packet each way.
        for way in ways:
            await way.hold()

    async def _pass(
        self, way: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                await way.hold()
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            await way.hold()
            self.abort()
            return
        await way.hold()
        with contextlib.suppress(OSError):
            writer.write_eof()

    def abort(self) -> None:
        """Reset both connections."""
        for writer in (self._near, self._far):
            if writer is not None:
                writer.transport.abort()


_Greet = Callable[[asyncio.StreamReader], Coroutine[Any, Any, bytes]]


def _given_up(writer: asyncio.StreamWriter) -> bool:
    """Whether the dialling server has closed its connection while it was held."""
    sock = writer.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock.fileno(), _POLLRDHUP)
    return bool(poll.poll(0))


async def _dial(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _DIAL_PATIENCE_S
    while True:
        try:
            return await asyncio.open_connection(HOST, port)
        except OSError:
            if loop.time() > deadline:
                return None
            await asyncio.sleep(_DIAL_PAUSE_S)


class Mesh:
    """All proxies of one ensemble; a context manager that ends them.

    ``greeting`` may change what a server says first to an election port.
    """

    def __init__(self, places: Iterable[Place], greeting: Greeting | None = None) -> None:
        self._greeting = greeting
        self._places = {place.server_id: place for place in places}
        self._directions: dict[tuple[int, int], Direction] = {}
        self._ports: dict[tuple[int, int], PeerPorts] = {}
        self._pipes: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mesh", daemon=True)
        self._thread.start()
        self._await(self._open())

    @property
    def servers(self) -> list[int]:
        """The ids of the servers it lies between."""
        return list(self._places)

    def route(self, viewer: int, viewed: int) -> PeerPorts:
        """The ports by which ``viewer`` reaches ``viewed``: a ``Route`` for an ensemble."""
        return self._ports[viewer, viewed]

    def direction(self, source: int, sink: int) -> Direction:
        """The way of the bytes from one server to another."""
        return self._directions[source, sink]

    def cut(self, source: int, sink: int) -> None:
        """Hold all bytes from ``source`` to ``sink``."""
        self._await(self._change(source, sink, passing=False))

    def join(self, source: int, sink: int) -> None:
        """Let the bytes from ``source`` to ``sink`` pass again."""
        self._await(self._change(source, sink, passing=True))

    def part(self, one: int, other: int) -> None:
        """Cut both directions between two servers."""
        self.cut(one, other)
        self.cut(other, one)

    def isolate(self, server: int) -> None:
        """Cut a server from all others, both ways."""
        for other in self._places:
            if other != server:
                self.part(server, other)

    def delay(self, source: int, sink: int, delay_s: float) -> None:
        """Hold each piece of the bytes from ``source`` to ``sink`` for ``delay_s`` seconds."""
        self._await(self._change(source, sink, delay_s=delay_s))

    def reset(self, one: int, other: int) -> None:
        """Reset the connections between two servers; they may connect again at once."""
        self._await(self._reset(frozenset((one, other))))

    def heal(self) -> None:
        """Nothing is cut or delayed any more."""
        self._await(self._heal())

    def connections(self) -> int:
        """How many connections there are through the proxies, held ones among them."""
        return len(self._pipes)

    def close(self) -> None:
        """End all proxies and their connections."""
        if self._loop.is_closed():
            return
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Mesh:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await(self, order: Coroutine[Any, Any, _Result]) -> _Result:
        future: Future[_Result] = asyncio.run_coroutine_threadsafe(order, self._loop)
        return future.result(_ORDER_S_MAX)

    async def _open(self) -> None:
        pairs = [(a, b) for a in self._places for b in self._places if a != b]
        # All must be there before the first connection is.
        self._directions = {pair: Direction() for pair in pairs}
        numbers = iter(free_ports(2 * len(pairs)))
        self._ports = {pair: PeerPorts(next(numbers), next(numbers)) for pair in pairs}
        for viewer, viewed in pairs:
            mine, real = self._ports[viewer, viewed], self._places[viewed].ports
            await self._listen(viewer, viewed, mine.quorum, real.quorum, greets=False)
            await self._listen(viewer, viewed, mine.election, real.election, greets=True)

    async def _listen(
        self, viewer: int, viewed: int, port: int, target: int, *, greets: bool
    ) -> None:
        greeting = self._greeting if greets else None

        async def greet(reader: asyncio.StreamReader) -> bytes:
            assert greeting is not None
            said = b""
            while (passed_on := greeting(viewer, viewed, said)) is None:
                chunk = await reader.read(_CHUNK_BYTES)
                if not chunk:
                    return said
                said += chunk
            return passed_on

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            pipe = _Pipe(self, viewer, viewed, writer)
            self._pipes.add(pipe)
            try:
                await pipe.run(reader, target, greet if greeting else None)
            except OSError:
                pipe.abort()
            finally:
                self._pipes.discard(pipe)
                pipe.abort()

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(serve(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(accepted, HOST, port, family=socket.AF_INET)
        self._servers.append(server)

    async def _change(
        self, source: int, sink: int, passing: bool | None = None, delay_s: float | None = None
    ) -> None:
        way = self._directions[source, sink]
        if delay_s is not None:
            way.delay_s = delay_s
        if passing is True:
            way.passing.set()
        elif passing is False:
            way.passing.clear()

    async def _heal(self) -> None:
        for way in self._directions.values():
            way.delay_s = 0.0
            way.passing.set()

    async def _reset(self, pair: frozenset[int]) -> None:
        for pipe in list(self._pipes):
            if pipe.pair == pair:
                pipe.abort()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for pipe in list(self._pipes):
            pipe.abort()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
