"""The messages between servers as bytes: one byte that names the kind, then its fields.

Integers are big-endian, a ballot is its packed form in eight bytes. Records stand at the
end of a message, the fixed parts of all of them first and their payloads behind, so that
the fixed parts are read in one go::

    Heartbeat        B 1   Q number   Q echo   Q ballot   Q leader   B flags
    Prepare          B 2   Q ballot   Q accepted   Q decided   Q length
    Promise          B 3   Q ballot   Q accepted   Q decided   Q length   B is_cut   records
    AcceptSync       B 4   Q ballot   Q start   Q decided   Q length   records
    Accept           B 5   Q ballot   Q decided   records
    Accepted         B 6   Q ballot   Q length
    PrepareRequest   B 7   Q ballot
    Refusal          B 8   Q ballot
    Question         B 9   Q ballot   Q number
    Assurance        B 10  Q ballot   Q number
    OneShort         B 11  Q ballot   Q length
    Forward          B 16  Q ballot   I entries   payload
    Touch            B 17  q session id, any number of them
    DigestNote       B 18  q zxid   Q digest
    SyncAsk          B 19  Q ballot   Q number
    SyncPoint        B 20  Q ballot   Q number   Q index
    SnapshotBegin    B 32  Q index   q zxid   Q ballot   q time_ms   Q size
    SnapshotPart     B 33  data
    SnapshotEnd      B 34  I crc
    records          I count, of each: Q first   I entries   q zxid   q time_ms   I bytes,
                     of each: the payload

What is decoded has the form of a message; whether it makes sense now is for the roles to
judge. The one thing looked at is that records lie behind one another, on which the log
relies.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from zkserver.errors import PeerProtocolError
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.log import Record
from zkserver.paxos.messages import (
    Accept,
    Accepted,
    AcceptSync,
    Assurance,
    Heartbeat,
    OneShort,
    Prepare,
    PrepareRequest,
    Promise,
    Question,
    Refusal,
)
from zkserver.replica.peer_messages import (
    DigestNote,
    Forward,
    LinkMessage,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotPart,
    SyncAsk,
    SyncPoint,
    Touch,
)
from zkserver.wire.peer import frame

_HEARTBEAT: Final = 1
_PREPARE: Final = 2
_PROMISE: Final = 3
_ACCEPT_SYNC: Final = 4
_ACCEPT: Final = 5
_ACCEPTED: Final = 6
_PREPARE_REQUEST: Final = 7
_REFUSAL: Final = 8
_QUESTION: Final = 9
_ASSURANCE: Final = 10
_ONE_SHORT: Final = 11
_FORWARD: Final = 16
_TOUCH: Final = 17
_DIGEST_NOTE: Final = 18
_SYNC_ASK: Final = 19
_SYNC_POINT: Final = 20
_SNAPSHOT_BEGIN: Final = 32
_SNAPSHOT_PART: Final = 33
_SNAPSHOT_END: Final = 34

# Each begins with the kind.
_BALLOT: Final = struct.Struct(">BQ")
_BALLOT_AND_LENGTH: Final = struct.Struct(">BQQ")
_THREE: Final = struct.Struct(">BQQQ")
_FOUR: Final = struct.Struct(">BQQQQ")
_BEAT: Final = struct.Struct(">BQQQQB")
_PROMISE_HEAD: Final = struct.Struct(">BQQQQ?")
_FORWARD_HEAD: Final = struct.Struct(">BQI")
_DIGEST: Final = struct.Struct(">BqQ")
_BEGIN: Final = struct.Struct(">BQqQqQ")
_END: Final = struct.Struct(">BI")
_PART_HEAD: Final = bytes((_SNAPSHOT_PART,))
_TOUCH_HEAD: Final = bytes((_TOUCH,))

_COUNT: Final = struct.Struct(">I")
_RECORD: Final = struct.Struct(">QIqqI")
_SESSION_ID_BYTES: Final = 8

_HEARS_LEADER: Final = 1
_QUORUM_CONNECTED: Final = 2


class Encoder:
    """Makes frames, and makes each one once.

    A leader sends the same Accept to all its followers in one turn. The frame is kept until
    :meth:`forget`, which the shell calls at the end of a turn.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[tuple[Accept, bytearray]] = []

    def frame(self, message: LinkMessage) -> bytearray:
        """The frame of a message; raises ``OverflowError`` when it would be too large."""
        if type(message) is not Accept:
            return frame(_pieces(message))
        for kept, framed in self._kept:
            # Records that several followers get are the same objects, and compared as such.
            if kept == message:
                return framed
        framed = frame(_pieces(message))
        self._kept.append((message, framed))
        return framed

    def forget(self) -> None:
        """The turn is over: what was made in it is not needed again."""
        if self._kept:
            self._kept.clear()


def encode(message: LinkMessage) -> bytes:
    """A message as the body of a frame."""
    return b"".join(_pieces(message))


def decode(body: bytes) -> LinkMessage:
    """The message in the body of a frame; raises :class:`PeerProtocolError` and nothing else."""
    reader = _READERS.get(body[0]) if body else None
    if reader is None:
        raise PeerProtocolError(
            f"a message of unknown kind {body[0]}" if body else "an empty frame"
        )
    try:
        return reader(body)
    except struct.error:
        raise PeerProtocolError(
            f"a message of kind {body[0]} that is {len(body)} bytes long"
        ) from None


def _pieces(message: LinkMessage) -> list[bytes]:
    """What the body of a message is made of; the most frequent kinds come first."""
    match message:
        case Accept():
            head = _BALLOT_AND_LENGTH.pack(_ACCEPT, message.ballot.packed(), message.decided)
            return _with_records(head, message.records)
        case Accepted():
            ballot = message.ballot.packed()
            return [_BALLOT_AND_LENGTH.pack(_ACCEPTED, ballot, message.length)]
        case Forward():
            ballot = message.ballot.packed()
            return [_FORWARD_HEAD.pack(_FORWARD, ballot, message.entries), message.payload]
        case Heartbeat():
            return [_pack_heartbeat(message)]
        case OneShort(ballot, length):
            return [_BALLOT_AND_LENGTH.pack(_ONE_SHORT, ballot.packed(), length)]
        case Question(ballot, number):
            return [_BALLOT_AND_LENGTH.pack(_QUESTION, ballot.packed(), number)]
        case Assurance(ballot, number):
            return [_BALLOT_AND_LENGTH.pack(_ASSURANCE, ballot.packed(), number)]
        case SyncAsk(ballot, number):
            return [_BALLOT_AND_LENGTH.pack(_SYNC_ASK, ballot.packed(), number)]
        case SyncPoint(ballot, number, index):
            return [_THREE.pack(_SYNC_POINT, ballot.packed(), number, index)]
        case Touch(session_ids):
            return [_TOUCH_HEAD, struct.pack(f">{len(session_ids)}q", *session_ids)]
        case DigestNote():
            return [_DIGEST.pack(_DIGEST_NOTE, message.zxid, message.digest)]
        case SnapshotPart():
            return [_PART_HEAD, message.data]
        case _:
            return _rare_pieces(message)


def _rare_pieces(
    message: Prepare
    | Promise
    | AcceptSync
    | PrepareRequest
    | Refusal
    | SnapshotBegin
    | SnapshotEnd,
) -> list[bytes]:
    match message:
        case Prepare(ballot, accepted, decided, length):
            packed = _FOUR.pack(_PREPARE, ballot.packed(), accepted.packed(), decided, length)
            return [packed]
        case Promise(ballot, accepted, decided, length, records, is_cut):
            head = _PROMISE_HEAD.pack(
                _PROMISE, ballot.packed(), accepted.packed(), decided, length, is_cut
            )
            return _with_records(head, records)
        case AcceptSync(ballot, start, records, decided, length):
            head = _FOUR.pack(_ACCEPT_SYNC, ballot.packed(), start, decided, length)
            return _with_records(head, records)
        case PrepareRequest(ballot):
            return [_BALLOT.pack(_PREPARE_REQUEST, ballot.packed())]
        case Refusal(ballot):
            return [_BALLOT.pack(_REFUSAL, ballot.packed())]
        case SnapshotBegin(index, zxid, ballot, time_ms, size):
            return [_BEGIN.pack(_SNAPSHOT_BEGIN, index, zxid, ballot.packed(), time_ms, size)]
        case SnapshotEnd(crc):
            return [_END.pack(_SNAPSHOT_END, crc)]


def _pack_heartbeat(beat: Heartbeat) -> bytes:
    flags = _HEARS_LEADER * beat.hears_leader | _QUORUM_CONNECTED * beat.quorum_connected
    return _BEAT.pack(
        _HEARTBEAT, beat.number, beat.echo, beat.ballot.packed(), beat.leader.packed(), flags
    )


def _with_records(head: bytes, records: tuple[Record, ...]) -> list[bytes]:
    pack = _RECORD.pack
    pieces = [head, _COUNT.pack(len(records))]
    pieces += [
        pack(first, entries, zxid, time_ms, len(payload))
        for first, entries, zxid, time_ms, payload in records
    ]
    pieces += [record.payload for record in records]
    return pieces


def _read_records(body: bytes, at: int) -> tuple[Record, ...]:
    """The records that stand from ``at`` to the end of a body."""
    (count,) = _COUNT.unpack_from(body, at)
    heads = at + _COUNT.size
    pos = heads + count * _RECORD.size
    if pos > len(body):
        raise PeerProtocolError(f"{count} records in {len(body) - at} bytes")
    records: list[Record] = []
    behind = -1
    for first, entries, zxid, time_ms, size in _RECORD.iter_unpack(body[heads:pos]):
        if entries < 1 or behind not in (-1, first):
            raise PeerProtocolError("records that do not lie behind one another")
        behind = first + entries
        records.append(Record(first, entries, zxid, time_ms, body[pos : pos + size]))
        pos += size
    # A payload that was cut short has moved this behind the end.
    if pos != len(body):
        raise PeerProtocolError("the payloads of records are shorter or longer than they say")
    return tuple(records)


def _read_accept(body: bytes) -> Accept:
    _, ballot, decided = _BALLOT_AND_LENGTH.unpack_from(body)
    records = _read_records(body, _BALLOT_AND_LENGTH.size)
    return Accept(Ballot.unpacked(ballot), records, decided)


def _read_accepted(body: bytes) -> Accepted:
    _, ballot, length = _BALLOT_AND_LENGTH.unpack(body)
    return Accepted(Ballot.unpacked(ballot), length)


def _read_one_short(body: bytes) -> OneShort:
    _, ballot, length = _BALLOT_AND_LENGTH.unpack(body)
    return OneShort(Ballot.unpacked(ballot), length)


def _read_question(body: bytes) -> Question:
    _, ballot, number = _BALLOT_AND_LENGTH.unpack(body)
    return Question(Ballot.unpacked(ballot), number)


def _read_assurance(body: bytes) -> Assurance:
    _, ballot, number = _BALLOT_AND_LENGTH.unpack(body)
    return Assurance(Ballot.unpacked(ballot), number)


def _read_heartbeat(body: bytes) -> Heartbeat:
    _, number, echo, ballot, leader, flags = _BEAT.unpack(body)
    return Heartbeat(
        number,
        echo,
        Ballot.unpacked(ballot),
        Ballot.unpacked(leader),
        bool(flags & _HEARS_LEADER),
        bool(flags & _QUORUM_CONNECTED),
    )


def _read_prepare(body: bytes) -> Prepare:
    _, ballot, accepted, decided, length = _FOUR.unpack(body)
    return Prepare(Ballot.unpacked(ballot), Ballot.unpacked(accepted), decided, length)


def _read_promise(body: bytes) -> Promise:
    _, ballot, accepted, decided, length, is_cut = _PROMISE_HEAD.unpack_from(body)
    records = _read_records(body, _PROMISE_HEAD.size)
    return Promise(
        Ballot.unpacked(ballot), Ballot.unpacked(accepted), decided, length, records, is_cut
    )


def _read_accept_sync(body: bytes) -> AcceptSync:
    _, ballot, start, decided, length = _FOUR.unpack_from(body)
    records = _read_records(body, _FOUR.size)
    return AcceptSync(Ballot.unpacked(ballot), start, records, decided, length)


def _read_prepare_request(body: bytes) -> PrepareRequest:
    return PrepareRequest(Ballot.unpacked(_BALLOT.unpack(body)[1]))


def _read_refusal(body: bytes) -> Refusal:
    return Refusal(Ballot.unpacked(_BALLOT.unpack(body)[1]))


def _read_forward(body: bytes) -> Forward:
    _, ballot, entries = _FORWARD_HEAD.unpack_from(body)
    if entries < 1:
        raise PeerProtocolError("a batch without writes was forwarded")
    return Forward(Ballot.unpacked(ballot), entries, body[_FORWARD_HEAD.size :])


def _read_sync_ask(body: bytes) -> SyncAsk:
    _, ballot, number = _BALLOT_AND_LENGTH.unpack(body)
    return SyncAsk(Ballot.unpacked(ballot), number)


def _read_sync_point(body: bytes) -> SyncPoint:
    _, ballot, number, index = _THREE.unpack(body)
    return SyncPoint(Ballot.unpacked(ballot), number, index)


def _read_touch(body: bytes) -> Touch:
    count = (len(body) - 1) // _SESSION_ID_BYTES
    return Touch(struct.unpack(f">x{count}q", body))


def _read_digest_note(body: bytes) -> DigestNote:
    _, zxid, digest = _DIGEST.unpack(body)
    return DigestNote(zxid, digest)


def _read_snapshot_begin(body: bytes) -> SnapshotBegin:
    _, index, zxid, ballot, time_ms, size = _BEGIN.unpack(body)
    return SnapshotBegin(index, zxid, Ballot.unpacked(ballot), time_ms, size)


def _read_snapshot_part(body: bytes) -> SnapshotPart:
    return SnapshotPart(body[1:])


def _read_snapshot_end(body: bytes) -> SnapshotEnd:
    return SnapshotEnd(_END.unpack(body)[1])


_READERS: Final[dict[int, Callable[[bytes], LinkMessage]]] = {
    _HEARTBEAT: _read_heartbeat,
    _PREPARE: _read_prepare,
    _PROMISE: _read_promise,
    _ACCEPT_SYNC: _read_accept_sync,
    _ACCEPT: _read_accept,
    _ACCEPTED: _read_accepted,
    _PREPARE_REQUEST: _read_prepare_request,
    _REFUSAL: _read_refusal,
    _QUESTION: _read_question,
    _ASSURANCE: _read_assurance,
    _ONE_SHORT: _read_one_short,
    _FORWARD: _read_forward,
    _TOUCH: _read_touch,
    _DIGEST_NOTE: _read_digest_note,
    _SYNC_ASK: _read_sync_ask,
    _SYNC_POINT: _read_sync_point,
    _SNAPSHOT_BEGIN: _read_snapshot_begin,
    _SNAPSHOT_PART: _read_snapshot_part,
    _SNAPSHOT_END: _read_snapshot_end,
}
