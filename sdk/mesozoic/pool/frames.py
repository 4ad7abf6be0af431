"""What pool and worker say to each other over their connection, and how each proves itself.

First the handshake, in pieces of known length::

    pool   -> GREETING, its nonce
    worker -> length of its name, its name, its nonce, proof(key, WORKER, nonces, name)
    pool   -> proof(key, POOL, nonces, name)

Then frames in both directions. Nothing of a frame is looked at before both proofs were good.
"""

from __future__ import annotations

import hmac
import json
import struct
from typing import Final, NamedTuple

#: The last character is the version.
GREETING: Final = b"mesozoicpool\x00\x01"
NONCE_BYTES: Final = 32
PROOF_BYTES: Final = 32
NAME_LENGTH: Final = struct.Struct("<H")
#: A task id of Mesos has no more.
NAME_BYTES_MAX: Final = 255

WORKER: Final = b"worker"
POOL: Final = b"pool"

#: Variables by which a worker learns whose it is.
ADDRESS_VARIABLE: Final = "MESOZOIC_POOL_ADDRESS"
NAME_VARIABLE: Final = "MESOZOIC_POOL_WORKER"
KEY_VARIABLE: Final = "MESOZOIC_POOL_KEY"

#: Length of the payload, kind, number of the job, microseconds that it took.
HEADER: Final = struct.Struct("<QBQI")
TOOK_US_MAX: Final = 0xFFFF_FFFF
#: What a worker may send at once; it keeps larger results, and sends those in pieces.
PAYLOAD_BYTES_MAX: Final = 1 << 30

# From the pool.
SETUP: Final = 1  # see :class:`Setup`
JOB: Final = 2  # pickled function, arguments and keyword arguments
RECALL: Final = 3  # give back what has not begun
FETCH: Final = 4  # send a kept result in pieces
DROP: Final = 5  # remove a kept result
LEAVE: Final = 6  # end, when what was sent is done
# From the worker.
HELLO: Final = 16  # see :class:`Hello`
READY: Final = 17  # the initializer has returned
UNFIT: Final = 18  # the initializer has raised: as FAILED
RESULT: Final = 19  # the pickled result
FAILED: Final = 20  # the pickled account of an exception
KEPT: Final = 21  # the result is in the sandbox: its length as NUMBER
RETURNED: Final = 22  # numbers of jobs that have not begun
PIECE: Final = 23  # of a kept result; an empty one is the last
MISSING: Final = 24  # a kept result cannot be read: why

NUMBER: Final = struct.Struct("<Q")
#: Directory in the sandbox for kept results, which are called by the number of their jobs.
KEPT_DIRECTORY: Final = "results"


class Frame(NamedTuple):
    """One thing that was said."""

    kind: int
    number: int
    took_us: int
    payload: bytes


class Hello(NamedTuple):
    """What a worker says of itself, first of all."""

    pid: int
    hostname: str
    # ``major.minor``: pickled code needs the same on both sides.
    python: str
    # As the agent knows it.
    sandbox: str

    def payload(self) -> bytes:
        """As it is sent."""
        return json.dumps(self).encode()

    @classmethod
    def of(cls, payload: bytes) -> Hello:
        """What was sent; raises :class:`BadFrames`."""
        try:
            pid, hostname, python, sandbox = json.loads(payload)
        except ValueError as error:
            raise BadFrames(f"a HELLO of {payload[:100]!r}") from error
        return cls(int(pid), str(hostname), str(python), str(sandbox))


class Setup(NamedTuple):
    """What a worker is told first of all."""

    # A call as of :mod:`~mesozoic.pool.outcomes`, or None.
    initializer: bytes | None
    # Results above this many bytes are kept in the sandbox.
    large_bytes: int

    def payload(self) -> bytes:
        """As it is sent."""
        initializer = None if self.initializer is None else self.initializer.hex()
        return json.dumps([initializer, self.large_bytes]).encode()

    @classmethod
    def of(cls, payload: bytes) -> Setup:
        """What was sent."""
        initializer, large_bytes = json.loads(payload)
        return cls(None if initializer is None else bytes.fromhex(initializer), int(large_bytes))


class BadFrames(Exception):  # noqa: N818 - names the reason
    """The other side does not speak this protocol, or not for us."""


def key_of(secret: bytes, name: str) -> bytes:
    """The key of one worker: it is of no use for the place of another."""
    return hmac.digest(secret, b"key\0" + name.encode(), "sha256")


def proof(key: bytes, whose: bytes, pool_nonce: bytes, worker_nonce: bytes, name: bytes) -> bytes:
    """What only one who knows ``key`` can say in answer to a nonce of the other side."""
    return hmac.digest(key, b"\0".join((whose, pool_nonce + worker_nonce, name)), "sha256")


def frame(kind: int, number: int = 0, payload: bytes = b"", took_us: int = 0) -> bytes:
    """A frame as it is sent."""
    return HEADER.pack(len(payload), kind, number, took_us) + payload


class Decoder:
    """Cuts a stream of bytes into frames; raises :class:`BadFrames` for one that is too long."""

    __slots__ = ("_buffer", "_payload_bytes_max")

    def __init__(self, payload_bytes_max: int | None = None) -> None:
        self._buffer = bytearray()
        self._payload_bytes_max = payload_bytes_max

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with this."""
        buffer = self._buffer
        buffer += data
        found = []
        at, have = 0, len(buffer)
        while have - at >= HEADER.size:
            length, kind, number, took_us = HEADER.unpack_from(buffer, at)
            if self._payload_bytes_max is not None and length > self._payload_bytes_max:
                raise BadFrames(f"a frame of {length} bytes")
            begin = at + HEADER.size
            if have - begin < length:
                break
            at = begin + length
            found.append(Frame(kind, number, took_us, bytes(buffer[begin:at])))
        if at:
            del buffer[:at]
        return found
