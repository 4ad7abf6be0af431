"""Links between servers, as TCP makes them look.

A link session carries messages in order, each direction with its own delays, until it is
cut; then all that is under way is lost, and the two ends notice at different times. A new
session is dialled soon after. So order is kept within a session and not across sessions.

A blocked direction delivers nothing: messages pile up as in a sender's buffer, and come in
one burst when it opens again, unless the session was cut meanwhile. Damaged bytes are
found by the checksum of the codec, which cuts the session.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Protocol

from zkserver.errors import PeerProtocolError
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.messages import Accepted
from zkserver.replica.peer_messages import LinkMessage
from zkserver.sim.world import Violation, World
from zkserver.wire.peer import FRAME_BYTES_MAX, FrameCutter, frame


class Codec(Protocol):
    """How messages become bytes and back; :mod:`zkserver.replica.peer_codec` is one."""

    def encode(self, message: LinkMessage, /) -> bytes:
        """The bytes of a message."""

    def decode(self, body: bytes, /) -> LinkMessage:
        """The message; raises ``PeerProtocolError`` for bytes that are none."""


#: A message that takes more than so many times the usual delay is trouble.
SLOW_DELAYS: Final = 40


@dataclass(frozen=True, slots=True)
class Parcel:
    """What travels beside the codec: a snapshot on its way to a server that is far behind."""

    contents: Any
    delay_us: int


class Endpoint(Protocol):
    """A server as the network sees it."""

    def is_reachable(self) -> bool:
        """Whether its process is there to take connections."""

    def linked(self, peer_id: int) -> None:
        """A session is up."""

    def unlinked(self, peer_id: int) -> None:
        """The session is found to be gone."""

    def arrived(self, peer_id: int, message: Any) -> None:
        """A message came."""


class _Session:
    """One TCP connection between two servers."""

    __slots__ = ("is_open", "last_us", "waiting")

    def __init__(self) -> None:
        self.is_open = True
        #: Receiver -> when the last message sent to it arrives.
        self.last_us: dict[int, int] = {}
        #: Receiver -> what came while its direction was blocked, or before it was linked.
        self.waiting: dict[int, deque[Any]] = {}


class Network:
    """All links of an ensemble."""

    def __init__(self, world: World, ids: tuple[int, ...], delay_us: int, codec: Codec) -> None:
        self.world = world
        self.ids = ids
        self.codec = codec
        self.endpoints: dict[int, Endpoint] = {}
        #: Mean delay of a message, microseconds.
        self.delay_us = delay_us
        #: (from, to) -> how many faults block it.
        self.blocked: dict[tuple[int, int], int] = {}
        #: (from, to) -> by how much it is slower than usual.
        self.slowness: dict[tuple[int, int], int] = {}
        #: (lower id, higher id) -> the session, while it is whole.
        self._sessions: dict[tuple[int, int], _Session] = {}
        #: (server, peer) -> the session that the server believes to be up.
        self._believed: dict[tuple[int, int], _Session] = {}
        self._dialling: dict[tuple[int, int], None] = {}
        self._streams = {(a, b): world.stream(f"link {a} {b}") for a in ids for b in ids if a != b}
        #: (server, peer) -> since when nothing has been wrong between them, microseconds.
        self._calm_us: dict[tuple[int, int], int] = {}

    def disturb(self, one: int, other: int, until_us: int = 0) -> None:
        """Note that something is wrong, or just was, between two servers."""
        until_us = max(until_us, self.world.now_us, self._calm_us.get((one, other), 0))
        self._calm_us[one, other] = self._calm_us[other, one] = until_us

    def calm_since_us(self, one: int, other: int) -> int:
        """Since when two servers have reached each other without any trouble."""
        ways = ((one, other), (other, one))
        if any(self.blocked.get(way) or self.slowness.get(way) for way in ways):
            return self.world.now_us
        return self._calm_us.get((one, other), 0)

    # Sessions.

    def start(self) -> None:
        """Dial all links."""
        for low in self.ids:
            for high in self.ids:
                if low < high:
                    self._dial_later((low, high))

    def _dial_later(self, pair: tuple[int, int]) -> None:
        if pair not in self._dialling:
            self._dialling[pair] = None
            self.world.after(self._streams[pair].randint(1_000, 60_000), self._dial, pair)

    def _dial(self, pair: tuple[int, int]) -> None:
        del self._dialling[pair]
        low, high = pair
        if pair in self._sessions:
            return
        is_possible = (
            self.endpoints[low].is_reachable()
            and self.endpoints[high].is_reachable()
            and not self.blocked.get((low, high))
            and not self.blocked.get((high, low))
        )
        if not is_possible:
            self._dial_later(pair)
            return
        session = self._sessions[pair] = _Session()
        stream = self._streams[pair]
        for side, peer in (pair, (high, low)):
            self.world.after(self._delay(stream, pair), self._link, session, side, peer)

    def _link(self, session: _Session, side: int, peer: int) -> None:
        if not session.is_open:
            return
        if (side, peer) in self._believed:
            # The end of the one before was not noticed yet: it is replaced.
            del self._believed[side, peer]
            self.endpoints[side].unlinked(peer)
        self._believed[side, peer] = session
        self.disturb(side, peer)
        self.world.note(f"s{side}", "linked", f"s{peer}")
        self.endpoints[side].linked(peer)
        self._release(session, peer, side)

    def cut(self, one: int, other: int, stream: random.Random, notice_us_max: int = 30_000) -> None:
        """End the session between two servers; what is under way is lost."""
        pair = (min(one, other), max(one, other))
        session = self._sessions.pop(pair, None)
        if session is None:
            return
        session.is_open = False
        self.disturb(one, other)
        self.world.note("net", "cut", f"s{pair[0]} s{pair[1]}")
        for side, peer in (pair, (pair[1], pair[0])):
            self.world.after(stream.randint(0, notice_us_max), self._notice, session, side, peer)
        self._dial_later(pair)

    def _notice(self, session: _Session, side: int, peer: int) -> None:
        if self._believed.get((side, peer)) is session:
            del self._believed[side, peer]
            self.endpoints[side].unlinked(peer)

    def died(self, server_id: int, stream: random.Random, notice_us_max: int) -> None:
        """A process is gone, and its ends of all sessions with it."""
        for peer in self.ids:
            if peer != server_id:
                self._believed.pop((server_id, peer), None)
                self.cut(server_id, peer, stream, notice_us_max)

    # Messages.

    def _delay(self, stream: random.Random, way: tuple[int, int]) -> int:
        delay = self.delay_us // 3 + int(stream.expovariate(1.0) * self.delay_us)
        return delay * self.slowness.get(way, 1)

    def send(self, source: int, target: int, message: LinkMessage | Parcel) -> None:
        """Put a message on its way, if the sender has a session that it believes in."""
        session = self._believed.get((source, target))
        if session is None or not session.is_open:
            return
        way = (source, target)
        delay = self._delay(self._streams[way], way)
        load: Any = message
        if isinstance(message, Parcel):
            delay += message.delay_us
        else:
            load = self.codec.encode(message)
        world = self.world
        at = max(world.now_us + delay, session.last_us.get(target, 0))
        session.last_us[target] = at
        if at - world.now_us > SLOW_DELAYS * self.delay_us:
            # Whatever is sent meanwhile waits behind it.
            self.disturb(source, target, at)
        world.after(at - world.now_us, self._arrive, session, source, target, load)

    def _arrive(self, session: _Session, source: int, target: int, load: Any) -> None:
        if not session.is_open:
            return
        if (
            self.blocked.get((source, target))
            or session.waiting.get(target)
            or self._believed.get((target, source)) is not session
        ):
            session.waiting.setdefault(target, deque()).append(load)
            return
        self._hand_over(source, target, load)

    def _hand_over(self, source: int, target: int, load: Any) -> None:
        message = load.contents if isinstance(load, Parcel) else self.codec.decode(load)
        self.endpoints[target].arrived(source, message)

    def _release(self, session: _Session, source: int, target: int) -> None:
        """Deliver what has waited for a direction, in one burst."""
        waiting = session.waiting.get(target)
        while (
            waiting
            and session.is_open
            and not self.blocked.get((source, target))
            and self._believed.get((target, source)) is session
        ):
            self._hand_over(source, target, waiting.popleft())

    # Faults.

    def block(self, source: int, target: int) -> None:
        """Let nothing through in one direction."""
        self.blocked[source, target] = self.blocked.get((source, target), 0) + 1

    def unblock(self, source: int, target: int) -> None:
        """Undo one :meth:`block`."""
        count = self.blocked.get((source, target), 0)
        self.blocked[source, target] = max(0, count - 1)
        self.disturb(source, target)
        if count == 1:
            session = self._sessions.get((min(source, target), max(source, target)))
            if session is not None:
                self._release(session, source, target)

    def slow_down(self, source: int, target: int, factor: int) -> None:
        """Let a direction take ``factor`` times as long; 1 for as long as usual."""
        self.disturb(source, target)
        if factor == 1:
            self.slowness.pop((source, target), None)
        else:
            self.slowness[source, target] = factor

    def corrupt(self, one: int, other: int, stream: random.Random) -> None:
        """Damage bytes under way: the codec has to find it, and the session is cut."""
        check_damage(self.codec, stream)
        self.cut(one, other, stream)

    def heal(self) -> None:
        """Undo all faults."""
        for way in (*self.blocked, *self.slowness):
            self.disturb(*way)
        self.slowness.clear()
        blocked, self.blocked = self.blocked, {}
        for source, target in blocked:
            session = self._sessions.get((min(source, target), max(source, target)))
            if session is not None:
                self._release(session, source, target)


def check_damage(codec: Codec, stream: random.Random) -> None:
    """A frame of which a bit is flipped has to be refused by its checksum."""
    message = Accepted(Ballot(0, stream.randrange(1 << 20), 1), stream.randrange(1 << 30))
    data = frame((codec.encode(message),))
    data[stream.randrange(len(data))] ^= 1 << stream.randrange(8)
    try:
        taken = list(FrameCutter(FRAME_BYTES_MAX).cut(bytes(data)))
    except PeerProtocolError:
        return
    # A damaged length may leave the cutter waiting for more, which the cut ends as well.
    if taken:
        raise Violation("codec", f"damaged bytes were taken for a message: {data.hex()}")
