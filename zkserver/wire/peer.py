"""What travels between two servers: frames, and the handshake that opens a link.

A frame is ``int length of the body, int CRC-32 of the body, body``. TCP's own checksum lets
one error in some millions of broken segments through, and what would be hit is the log.

Whoever dials sends a :class:`Hello` in a frame and gets an :class:`Answer` in one; if that
accepts, both send messages from there on (:mod:`zkserver.replica.peer_codec`), each in a
frame. What stands behind the known fields of these two records is left alone, so that later
versions can add to them::

    hello    8s magic   H lowest version   H highest version   H from   H to   16s cluster id
    answer   8s magic   H version   B verdict   H from   16s cluster id   H length   reason
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from zlib import crc32

from zkserver.errors import PeerProtocolError

HELLO_MAGIC: Final = b"MZHELO\r\n"
ANSWER_MAGIC: Final = b"MZANSW\r\n"
#: The versions of the protocol that this server speaks.
VERSION_MIN: Final = 1
VERSION_MAX: Final = 1
CLUSTER_ID_BYTES: Final = 16
#: The cluster id of a server that has not learnt it yet.
NO_CLUSTER_ID: Final = bytes(CLUSTER_ID_BYTES)
#: The body of a frame. A leader sends its log in parts of 4 MiB, but what a new one lacks
#: comes in one Promise, which may be as long as the log is between two snapshots.
FRAME_BYTES_MAX: Final = 1 << 30
#: The body of a frame before the handshake is done: a stranger may not make us buffer more.
HANDSHAKE_BYTES_MAX: Final = 1024
#: Bytes of a reason in an answer; a longer one is cut.
REASON_BYTES_MAX: Final = 512

_HEAD: Final = struct.Struct(">II")
HEAD_BYTES: Final = _HEAD.size
_NO_HEAD: Final = bytes(HEAD_BYTES)
_SMALL_BYTES: Final = 4096
_HELLO: Final = struct.Struct(">8sHHHH16s")
_ANSWER: Final = struct.Struct(">8sHBH16sH")


def frame(pieces: Iterable[bytes]) -> bytearray:
    """A body, given in pieces, as a frame; the pieces are copied once.

    Raises ``OverflowError`` for a body that nobody would take (:data:`FRAME_BYTES_MAX`).
    """
    framed = bytearray().join((_NO_HEAD, *pieces))
    if len(framed) - HEAD_BYTES > FRAME_BYTES_MAX:
        raise OverflowError(f"a message of {len(framed)} bytes is more than a frame may hold")
    if len(framed) < _SMALL_BYTES:
        # A copy costs less here than views of the frame do.
        _HEAD.pack_into(framed, 0, len(framed) - HEAD_BYTES, crc32(framed[HEAD_BYTES:]))
        return framed
    with memoryview(framed) as whole, whole[HEAD_BYTES:] as body:
        _HEAD.pack_into(framed, 0, len(body), crc32(body))
    return framed


class FrameCutter:
    """Cuts what a socket gives into the bodies of frames."""

    __slots__ = ("_need", "_rest", "body_bytes_max")

    def __init__(self, body_bytes_max: int) -> None:
        #: A longer body is refused; may be changed between two bodies.
        self.body_bytes_max = body_bytes_max
        #: The beginning of a frame that is not complete.
        self._rest = bytearray()
        #: How long ``_rest`` has to become before it is looked at again.
        self._need = HEAD_BYTES

    def cut(self, data: bytes) -> Iterable[bytes]:
        """The bodies that ``data`` completes, in order; iterate to the end, or never call again.

        Raises :class:`PeerProtocolError` at a frame whose length or checksum is wrong, when
        those before it have been given out.
        """
        if not self._rest and HEAD_BYTES <= len(data) <= self.body_bytes_max:
            length, crc = _HEAD.unpack_from(data)
            if len(data) == HEAD_BYTES + length:
                # Mostly it is one frame.
                body = data[HEAD_BYTES:]
                if crc32(body) == crc:
                    return (body,)
        return self._cut(data)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        rest = self._rest
        whole: bytes | bytearray = data
        if rest:
            rest += data
            if len(rest) < self._need:
                return
            # Taken as it is, since copying it would double the work for a large frame.
            whole, rest = rest, bytearray()
            self._rest = rest
        view = memoryview(whole)
        pos, end = 0, len(whole)
        need = HEAD_BYTES
        while end - pos >= HEAD_BYTES:
            length, crc = _HEAD.unpack_from(whole, pos)
            if length > self.body_bytes_max:
                raise PeerProtocolError(
                    f"a frame of {length} bytes, where {self.body_bytes_max} are allowed"
                )
            behind = pos + HEAD_BYTES + length
            if behind > end:
                need = HEAD_BYTES + length
                break
            body = view[pos + HEAD_BYTES : behind]
            if crc32(body) != crc:
                raise PeerProtocolError("the checksum of a frame is wrong")
            pos = behind
            yield bytes(body)
        self._need = need
        if pos < end:
            rest += view[pos:]


@dataclass(frozen=True, slots=True)
class Hello:
    """What the server that dials says first."""

    sender: int
    #: The server that it believes to talk to.
    receiver: int
    #: 16 bytes, :data:`NO_CLUSTER_ID` for a server that does not know it.
    cluster_id: bytes
    version_min: int = VERSION_MIN
    version_max: int = VERSION_MAX


class Verdict(IntEnum):
    """What becomes of a hello; what later versions may add counts as REFUSED."""

    ACCEPTED = 0
    REFUSED = 1
    #: The other server is the one to dial, and does.
    CALLED_BACK = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server that was dialled says to a hello."""

    verdict: Verdict
    sender: int
    cluster_id: bytes
    #: The version that both speak from here on; 0 if the hello was not accepted.
    version: int
    #: Why it was not accepted, for the other one's log.
    reason: str = ""


def pack_hello(hello: Hello) -> bytes:
    """The body of a hello's frame."""
    return _HELLO.pack(
        HELLO_MAGIC,
        hello.version_min,
        hello.version_max,
        hello.sender,
        hello.receiver,
        hello.cluster_id,
    )


def read_hello(body: bytes) -> Hello:
    """The hello in a frame's body; raises :class:`PeerProtocolError` if it is none."""
    if len(body) < _HELLO.size or not body.startswith(HELLO_MAGIC):
        raise PeerProtocolError("the first frame is no hello of a server")
    _, lowest, highest, sender, receiver, cluster_id = _HELLO.unpack_from(body)
    return Hello(sender, receiver, cluster_id, lowest, highest)


def pack_answer(answer: Answer) -> bytes:
    """The body of an answer's frame."""
    reason = answer.reason.encode("utf-8", "replace")[:REASON_BYTES_MAX]
    head = _ANSWER.pack(
        ANSWER_MAGIC,
        answer.version,
        answer.verdict,
        answer.sender,
        answer.cluster_id,
        len(reason),
    )
    return head + reason


def read_answer(body: bytes) -> Answer:
    """The answer in a frame's body; raises :class:`PeerProtocolError` if it is none."""
    if len(body) < _ANSWER.size or not body.startswith(ANSWER_MAGIC):
        raise PeerProtocolError("the first frame is no answer of a server")
    _, version, verdict, sender, cluster_id, length = _ANSWER.unpack_from(body)
    reason = body[_ANSWER.size : _ANSWER.size + length]
    if len(reason) != length:
        raise PeerProtocolError("the reason in an answer is cut short")
    return Answer(
        Verdict(verdict) if verdict in _VERDICTS else Verdict.REFUSED,
        sender,
        cluster_id,
        version,
        reason.decode("utf-8", "replace"),
    )


_VERDICTS: Final = frozenset(Verdict)


def agreed_version(lowest: int, highest: int) -> int:
    """The highest version that we and a server that speaks these have in common, 0 for none."""
    version = min(VERSION_MAX, highest)
    return version if version >= max(VERSION_MIN, lowest) else 0


def clusters_differ(one: bytes, other: bytes) -> bool:
    """Whether two servers are known to belong to different ensembles."""
    return one != other and NO_CLUSTER_ID not in (one, other)


def why_refused(hello: Hello, own_id: int, cluster_id: bytes) -> str:
    """Why the server ``own_id`` of the ensemble ``cluster_id`` refuses a hello; "" if not."""
    if not agreed_version(hello.version_min, hello.version_max):
        return (
            f"no common protocol version: {hello.version_min} to {hello.version_max} there,"
            f" {VERSION_MIN} to {VERSION_MAX} here"
        )
    if hello.receiver != own_id:
        return f"this is server {own_id}, not {hello.receiver}"
    if hello.sender == own_id:
        return f"this is server {own_id} itself, or there are two of that id"
    if clusters_differ(hello.cluster_id, cluster_id):
        return (
            f"another ensemble: its cluster id is {hello.cluster_id.hex()} there,"
            f" {cluster_id.hex()} here"
        )
    return ""
