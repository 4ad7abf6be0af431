"""Messages between servers: their bytes, and what becomes of bytes that are no message."""

from __future__ import annotations

import contextlib
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import int64s
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
from zkserver.replica.peer_codec import Encoder, decode, encode
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
from zkserver.wire.peer import FrameCutter

counts = st.integers(0, (1 << 62) - 1)
uint32s = st.integers(0, (1 << 32) - 1)
uint64s = st.integers(0, (1 << 64) - 1)
payloads = st.binary(max_size=40)
ballots = st.builds(
    Ballot, st.integers(0, (1 << 15) - 1), st.integers(0, (1 << 32) - 1), st.integers(0, 0xFFFF)
)


@st.composite
def records(draw: st.DrawFn) -> tuple[Record, ...]:
    first = draw(counts)
    found = []
    parts = st.lists(st.tuples(st.integers(1, (1 << 32) - 1), int64s, int64s, payloads), max_size=4)
    for entries, zxid, time_ms, payload in draw(parts):
        found.append(Record(first, entries, zxid, time_ms, payload))
        first += entries
    return tuple(found)


MESSAGES: dict[type, st.SearchStrategy[LinkMessage]] = {
    Heartbeat: st.builds(
        Heartbeat, uint64s, uint64s, ballots, ballots, st.booleans(), st.booleans()
    ),
    Prepare: st.builds(Prepare, ballots, ballots, counts, counts),
    Promise: st.builds(Promise, ballots, ballots, counts, counts, records(), st.booleans()),
    AcceptSync: st.builds(AcceptSync, ballots, counts, records(), counts, counts),
    Accept: st.builds(Accept, ballots, records(), counts),
    Accepted: st.builds(Accepted, ballots, counts),
    OneShort: st.builds(OneShort, ballots, counts),
    Question: st.builds(Question, ballots, uint64s),
    Assurance: st.builds(Assurance, ballots, uint64s),
    PrepareRequest: st.builds(PrepareRequest, ballots),
    Refusal: st.builds(Refusal, ballots),
    Forward: st.builds(Forward, ballots, st.integers(1, (1 << 32) - 1), payloads),
    Touch: st.builds(Touch, st.lists(int64s, max_size=5).map(tuple)),
    DigestNote: st.builds(DigestNote, int64s, uint64s),
    SyncAsk: st.builds(SyncAsk, ballots, uint64s),
    SyncPoint: st.builds(SyncPoint, ballots, uint64s, counts),
    SnapshotBegin: st.builds(SnapshotBegin, counts, int64s, ballots, int64s, uint64s),
    SnapshotPart: st.builds(SnapshotPart, payloads),
    SnapshotEnd: st.builds(SnapshotEnd, uint32s),
}
messages = st.one_of(list(MESSAGES.values()))

BALLOT = Ballot(1, 7, 3)
BALLOT_HEX = "0001" + "00000007" + "0003"
LOWER = Ballot(1, 5, 2)
LOWER_HEX = "0001" + "00000005" + "0002"
RECORDS = (Record(4, 2, 0x700000001, 1000, b"ab"), Record(6, 1, 0x700000003, 1001, b"c"))
RECORDS_HEX = (
    "00000002"
    "0000000000000004" "00000002" "0000000700000001" "00000000000003e8" "00000002"
    "0000000000000006" "00000001" "0000000700000003" "00000000000003e9" "00000001"
    "616263"
)  # fmt: skip


def u64(value: int) -> str:
    return f"{value:016x}"


GOLDEN: list[tuple[LinkMessage, str]] = [
    (
        Heartbeat(9, 8, LOWER, BALLOT, hears_leader=True, quorum_connected=False),
        "01" + u64(9) + u64(8) + LOWER_HEX + BALLOT_HEX + "01",
    ),
    (
        Heartbeat(9, 8, LOWER, BALLOT, hears_leader=False, quorum_connected=True),
        "01" + u64(9) + u64(8) + LOWER_HEX + BALLOT_HEX + "02",
    ),
    (Prepare(BALLOT, LOWER, 4, 7), "02" + BALLOT_HEX + LOWER_HEX + u64(4) + u64(7)),
    (
        Promise(BALLOT, LOWER, 4, 7, RECORDS, is_cut=True),
        "03" + BALLOT_HEX + LOWER_HEX + u64(4) + u64(7) + "01" + RECORDS_HEX,
    ),
    (
        AcceptSync(BALLOT, 4, RECORDS, 5, 7),
        "04" + BALLOT_HEX + u64(4) + u64(5) + u64(7) + RECORDS_HEX,
    ),
    (Accept(BALLOT, RECORDS, 5), "05" + BALLOT_HEX + u64(5) + RECORDS_HEX),
    (Accept(BALLOT, (), 5), "05" + BALLOT_HEX + u64(5) + "00000000"),
    (Accepted(BALLOT, 7), "06" + BALLOT_HEX + u64(7)),
    (PrepareRequest(BALLOT), "07" + BALLOT_HEX),
    (Refusal(BALLOT), "08" + BALLOT_HEX),
    (Question(BALLOT, 5), "09" + BALLOT_HEX + u64(5)),
    (Assurance(BALLOT, 5), "0a" + BALLOT_HEX + u64(5)),
    (OneShort(BALLOT, 7), "0b" + BALLOT_HEX + u64(7)),
    (Forward(BALLOT, 2, b"ab"), "10" + BALLOT_HEX + "00000002" + "6162"),
    (Touch((1, -2)), "11" + u64(1) + "fffffffffffffffe"),
    (Touch(()), "11"),
    (DigestNote(5, (1 << 64) - 1), "12" + u64(5) + "ff" * 8),
    (SyncAsk(BALLOT, 5), "13" + BALLOT_HEX + u64(5)),
    (SyncPoint(BALLOT, 5, 6), "14" + BALLOT_HEX + u64(5) + u64(6)),
    (
        SnapshotBegin(6, 0x700000002, BALLOT, 1000, 99),
        "20" + u64(6) + u64(0x700000002) + BALLOT_HEX + u64(1000) + u64(99),
    ),
    (SnapshotPart(b"ab"), "21" + "6162"),
    (SnapshotEnd(0xCBF43926), "22" + "cbf43926"),
]
SAMPLES = [bytes.fromhex(encoded) for _, encoded in GOLDEN]


def test_every_message_is_tried() -> None:
    assert set(MESSAGES) == set(get_args(LinkMessage)) == {type(message) for message, _ in GOLDEN}


@pytest.mark.parametrize(("message", "encoded"), GOLDEN)
def test_message_has_these_bytes(message: LinkMessage, encoded: str) -> None:
    assert encode(message).hex() == encoded
    assert decode(bytes.fromhex(encoded)) == message


@given(messages)
def test_message_is_read_back(message: LinkMessage) -> None:
    found = decode(encode(message))
    assert found == message
    assert type(found) is type(message)


@given(messages)
def test_frame_holds_the_encoded_message(message: LinkMessage) -> None:
    (body,) = FrameCutter(1 << 20).cut(bytes(Encoder().frame(message)))
    assert body == encode(message)


def test_ballots_and_records_come_back_as_such() -> None:
    found = decode(encode(Accept(BALLOT, RECORDS, 5)))
    assert isinstance(found, Accept)
    assert type(found.ballot) is Ballot
    assert [type(record) for record in found.records] == [Record, Record]


@pytest.mark.parametrize("sample", SAMPLES, ids=[type(message).__name__ for message, _ in GOLDEN])
def test_message_cut_short_is_refused_or_another_valid_one(sample: bytes) -> None:
    for size in range(len(sample)):
        try:
            found = decode(sample[:size])
        except PeerProtocolError:
            continue
        # Their last field has no length of its own.
        assert isinstance(found, Forward | Touch | SnapshotPart)
        assert encode(found) == sample[:size]


@pytest.mark.parametrize("sample", SAMPLES, ids=[type(message).__name__ for message, _ in GOLDEN])
def test_message_with_more_behind_it_is_refused(sample: bytes) -> None:
    if sample[0] not in (16, 33):
        with pytest.raises(PeerProtocolError):
            decode(sample + b"\0")


@given(st.binary(max_size=120))
def test_any_bytes_are_a_message_or_a_protocol_error(body: bytes) -> None:
    with contextlib.suppress(PeerProtocolError):
        decode(body)


@given(st.sampled_from(SAMPLES), st.binary(max_size=60))
def test_any_bytes_behind_a_kind_are_a_message_or_a_protocol_error(
    sample: bytes, more: bytes
) -> None:
    with contextlib.suppress(PeerProtocolError):
        decode(sample[:1] + more)


@given(messages, st.data())
def test_changed_message_is_a_message_or_a_protocol_error(
    message: LinkMessage, data: st.DataObject
) -> None:
    body = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    body = body[:cut] + data.draw(st.binary(max_size=6)) + body[cut:]
    try:
        found = decode(bytes(body))
    except PeerProtocolError:
        return
    assert type(found) in MESSAGES


def test_unknown_kinds_are_refused() -> None:
    for kind in set(range(256)) - {sample[0] for sample in SAMPLES}:
        with pytest.raises(PeerProtocolError, match=f"unknown kind {kind}$"):
            decode(bytes((kind,)) + bytes(40))


def test_empty_frame_is_refused() -> None:
    with pytest.raises(PeerProtocolError):
        decode(b"")


@pytest.mark.parametrize(
    "found",
    [
        (Record(4, 2, 1, 0, b""), Record(7, 1, 3, 0, b"")),
        (Record(4, 2, 1, 0, b""), Record(5, 1, 3, 0, b"")),
        (Record(4, 2, 1, 0, b""), Record(0, 1, 3, 0, b"")),
        (Record(4, 0, 1, 0, b""),),
    ],
)
def test_records_that_a_log_cannot_hold_are_refused(found: tuple[Record, ...]) -> None:
    with pytest.raises(PeerProtocolError, match="behind one another"):
        decode(encode(Accept(BALLOT, found, 0)))


def test_count_of_records_is_not_believed() -> None:
    body = bytearray(encode(Accept(BALLOT, RECORDS, 5)))
    body[17:21] = b"\xff\xff\xff\xff"
    with pytest.raises(PeerProtocolError, match="4294967295 records"):
        decode(bytes(body))


def test_forwarded_batch_without_writes_is_refused() -> None:
    with pytest.raises(PeerProtocolError):
        decode(encode(Forward(BALLOT, 0, b"")))


# Frames that several followers get.


def test_accept_is_encoded_once_for_all_followers_of_a_turn() -> None:
    encoder = Encoder()
    first = encoder.frame(Accept(BALLOT, RECORDS, 5))
    # What a leader makes for the next follower: another tuple of the same records.
    assert encoder.frame(Accept(BALLOT, tuple(record for record in RECORDS), 5)) is first
    other = encoder.frame(Accept(BALLOT, RECORDS, 6))
    assert other != first
    assert encoder.frame(Accept(BALLOT, RECORDS, 5)) is first
    assert encoder.frame(Accept(BALLOT, RECORDS, 6)) is other


@pytest.mark.parametrize(
    "other",
    [
        Accept(LOWER, RECORDS, 5),
        Accept(BALLOT, RECORDS[:1], 5),
        Accept(BALLOT, (), 5),
        Accept(BALLOT, (RECORDS[0]._replace(payload=b"aB"), RECORDS[1]), 5),
    ],
)
def test_another_accept_is_not_taken_for_the_one_before(other: Accept) -> None:
    encoder = Encoder()
    encoder.frame(Accept(BALLOT, RECORDS, 5))
    (body,) = FrameCutter(1 << 20).cut(bytes(encoder.frame(other)))
    assert decode(body) == other


def test_frames_are_forgotten_at_the_end_of_a_turn() -> None:
    encoder = Encoder()
    first = encoder.frame(Accept(BALLOT, RECORDS, 5))
    encoder.forget()
    again = encoder.frame(Accept(BALLOT, RECORDS, 5))
    assert again == first
    assert again is not first
