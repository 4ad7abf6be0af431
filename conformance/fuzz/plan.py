"""Which bytes a conversation consists of: a pure function of the seed and its number."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from enum import Enum

from conformance.fuzz.mutations import mutate
from conformance.fuzz.requests import LAST_OPERATIONS, OPERATIONS, make_multi

_HEADER = struct.Struct(">ii")
_WORDS = (b"ruok", b"srvr", b"stat", b"mntr", b"conf", b"cons", b"envi", b"isro", b"wchs", b"dump")
_LENGTHS = (-1, -(2**31), 2**31 - 1, 1_048_576, 2_000_000, -2, 0x47455420)
#: Requests of one conversation that a server can be expected to survive.
_BATCH_MAX = 80


class Manner(Enum):
    """How an input goes onto the wire, and what is waited for."""

    #: One well-framed request among others; then a request that must be answered.
    PIPELINED = "pipelined"
    #: The same, one byte a segment.
    TRICKLED = "trickled"
    #: Sent as the last thing; the server must close the connection by itself.
    REFUSED = "refused"
    #: Sent as the last thing, then the sending side is shut down: the server must close.
    FINISHED = "finished"
    #: Sent, then the socket is closed at once, with a reset.
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Input:
    """Some bytes, the name of their kind, and how they are sent."""

    kind: str
    data: bytes
    manner: Manner = Manner.PIPELINED


@dataclass(frozen=True, slots=True)
class Conversation:
    """The inputs of one connection, in order; before them a handshake or not."""

    number: int
    handshake: bool
    inputs: tuple[Input, ...]


def plan_conversation(seed: int, number: int) -> Conversation:
    """Conversation ``number`` of ``seed``; the same on every call and machine."""
    rng = random.Random(f"{seed}/{number}")
    if rng.random() < 0.6:
        return Conversation(number, False, (_before_handshake(rng),))
    inputs = [_request(rng) for _ in range(rng.randint(1, _BATCH_MAX))]
    inputs.append(_last(rng))
    return Conversation(number, True, tuple(inputs))


def frame(body: bytes) -> bytes:
    """A frame with the right length."""
    return len(body).to_bytes(4, "big") + body


def request(xid: int, kind: int, body: bytes) -> bytes:
    """A request frame."""
    return frame(_HEADER.pack(xid, kind) + body)


def connect_request(rng: random.Random) -> bytes:
    """A ConnectRequest body for a new session, or for one that does not exist."""
    timeout_ms = rng.choice((0, -1, 4000, 2**31 - 1))
    session_id = 0 if rng.random() < 0.3 else rng.getrandbits(63)
    body = struct.pack(">iqiq", 0, 0, timeout_ms, session_id) + frame(bytes(16))
    return body + rng.choice((b"", b"\0", b"\1"))


def _xid(rng: random.Random) -> int:
    # Not -1: its reply would look like a notification.
    return rng.choice((-2, -4, -8, 0, -3)) if rng.random() < 0.05 else rng.randrange(1, 2**30)


def _request(rng: random.Random) -> Input:
    """A well-framed request that leaves the connection usable, if the server keeps it."""
    xid = _xid(rng)
    if rng.random() < 0.12:
        name, (kind, body) = "multi", make_multi(rng)
    else:
        name, kind, make = rng.choice(OPERATIONS)
        body = make(rng)
    match rng.randrange(20):
        case 0 | 1 | 2 | 3:
            return Input(f"valid {name}", request(xid, kind, body))
        case 4 | 5:
            cut = body[: rng.randrange(len(body) + 1)]
            return Input("body cut short", request(xid, kind, cut))
        case 6:
            return Input("body with a tail", request(xid, kind, body + rng.randbytes(50)))
        case 7:
            noise = rng.randbytes(rng.choice((0, 1, 5, 20, 200)))
            return Input("body of random bytes", request(xid, kind, noise))
        case 8:
            huge = struct.pack(">i", rng.choice((2**31 - 1, 2**24, 1_048_575, -2)))
            return Input("body with a huge count", request(xid, kind, huge + body[4:]))
        case 9 if rng.random() < 0.2:
            return Input("byte at a time", request(xid, kind, body), Manner.TRICKLED)
        case _:
            return Input(f"mutated {name}", request(xid, kind, mutate(body, rng)))


def _last(rng: random.Random) -> Input:
    """An input which the connection is not meant to survive, or may not."""
    name, kind, make = rng.choice(OPERATIONS)
    whole = request(_xid(rng), kind, make(rng))
    match rng.randrange(12):
        case 0:
            noise = rng.randbytes(rng.choice((0, 8, 60)))
            length = struct.pack(">i", rng.choice(_LENGTHS))
            return Input("impossible length", length + noise, Manner.REFUSED)
        case 1:
            short = frame(rng.randbytes(rng.randrange(8)))
            return Input("frame below a header", short, Manner.REFUSED)
        case 2:
            return Input(
                "frame half written", whole[: rng.randrange(1, len(whole))], Manner.FINISHED
            )
        case 3:
            cut = whole[: rng.randrange(1, len(whole))]
            return Input("frame half written, reset", cut, Manner.ABANDONED)
        case 4 | 5:
            wrong = mutate(whole, rng) + whole
            return Input("stream out of step", wrong, Manner.FINISHED)
        case 6:
            unknown = rng.choice((0, -1, 10, 23, 99, 108, 2**31 - 1, -(2**31), rng.getrandbits(31)))
            return Input("unknown operation", request(_xid(rng), unknown, make(rng)))
        case 7:
            noise = rng.randbytes(rng.choice((8, 16, 64, 3000)))
            return Input("frame of random bytes", frame(noise))
        case 8:
            return Input("stream of random bytes", rng.randbytes(2000), Manner.FINISHED)
        case 9:
            mutated = frame(mutate(whole[4:], rng))
            return Input("mutated header", mutated)
        case _:
            name, kind, make = rng.choice(LAST_OPERATIONS)
            body = make(rng)
            if rng.random() < 0.5:
                return Input(f"mutated {name}", request(_xid(rng), kind, mutate(body, rng)))
            return Input(f"valid {name}", request(_xid(rng), kind, body))


def _before_handshake(rng: random.Random) -> Input:
    connect = connect_request(rng)
    whole = frame(connect)
    match rng.randrange(12):
        case 0:
            noise = rng.randbytes(rng.choice((1, 3, 4, 5, 44, 500)))
            return Input("first: random bytes", noise, Manner.FINISHED)
        case 1:
            return Input("first: four letter word", rng.choice(_WORDS), Manner.FINISHED)
        case 2 | 3:
            word = mutate(rng.choice(_WORDS) + rng.choice((b"", b"\n", b"xx")), rng)
            return Input("first: mangled four letter word", word, Manner.FINISHED)
        case 4:
            cut = whole[: rng.randrange(len(whole))]
            return Input("first: handshake cut short", cut, Manner.FINISHED)
        case 5:
            cut = whole[: rng.randrange(len(whole))]
            return Input("first: handshake cut short, reset", cut, Manner.ABANDONED)
        case 6:
            length = struct.pack(">i", rng.choice(_LENGTHS))
            return Input("first: impossible length", length + connect, Manner.REFUSED)
        case 7:
            length = struct.pack(">i", max(0, len(connect) + rng.randint(-44, 44)))
            return Input("first: handshake of wrong length", length + connect, Manner.FINISHED)
        case 8:
            mutated = frame(mutate(connect, rng))
            return Input("first: mutated handshake", mutated, Manner.FINISHED)
        case 9:
            _, kind, make = rng.choice(OPERATIONS)
            early = request(1, kind, make(rng))
            return Input("first: request without handshake", early, Manner.FINISHED)
        case 10:
            return Input("first: two handshakes", whole + whole, Manner.FINISHED)
        case _:
            http = rng.choice(
                (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00")
            )
            return Input("first: another protocol", http, Manner.FINISHED)
