"""Frames and the handshake between servers: the bytes, and what becomes of other bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import pieces
from zkserver.errors import PeerProtocolError
from zkserver.wire import peer
from zkserver.wire.peer import (
    HEAD_BYTES,
    NO_CLUSTER_ID,
    REASON_BYTES_MAX,
    Answer,
    FrameCutter,
    Hello,
    Verdict,
    agreed_version,
    clusters_differ,
    frame,
    pack_answer,
    pack_hello,
    read_answer,
    read_hello,
    why_refused,
)

OURS = bytes(range(16))
THEIRS = bytes(range(1, 17))
BODIES = [b"", b"one", b"\0" * 300, b"two"]
STREAM = b"".join(frame((body,)) for body in BODIES)

hellos = st.builds(
    Hello,
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
)
answers = st.builds(
    Answer,
    st.sampled_from(Verdict),
    st.integers(0, 0xFFFF),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 0xFFFF),
    st.text(st.characters(codec="utf-8"), max_size=REASON_BYTES_MAX // 4),
)


def test_frame_is_length_checksum_and_body() -> None:
    # CRC-32 of "123456789" is the check value of that code.
    assert frame((b"1234", b"", b"56789")).hex() == "00000009" + "cbf43926" + b"123456789".hex()


@given(st.lists(st.binary(max_size=60), max_size=6), st.data())
def test_bodies_come_out_however_the_stream_is_cut(
    bodies: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frame((body,)) for body in bodies)
    cutter = FrameCutter(60)
    found = [body for part in data.draw(pieces(stream)) for body in cutter.cut(part)]
    assert found == bodies


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 11])
def test_bodies_come_out_of_equal_small_parts(size: int) -> None:
    cutter = FrameCutter(300)
    parts = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert [body for part in parts for body in cutter.cut(part)] == BODIES


def test_body_comes_out_with_its_last_byte() -> None:
    cutter = FrameCutter(300)
    framed = bytes(frame((b"body",)))
    for at in range(len(framed) - 1):
        assert list(cutter.cut(framed[at : at + 1])) == []
    assert list(cutter.cut(framed[-1:])) == [b"body"]


def test_large_body_comes_out_of_many_parts() -> None:
    body = bytes(range(256)) * 16384
    stream = bytes(frame((b"before",)) + frame((body,)) + frame((b"behind",)))
    cutter = FrameCutter(len(body))
    found = [
        found for at in range(0, len(stream), 1000) for found in cutter.cut(stream[at : at + 1000])
    ]
    assert found == [b"before", body, b"behind"]


def test_length_beyond_the_limit_is_refused_behind_what_came_before() -> None:
    cutter = FrameCutter(3)
    cut = iter(cutter.cut(bytes(frame((b"one",)) + frame((b"four",)))))
    assert next(cut) == b"one"
    with pytest.raises(PeerProtocolError, match="4 bytes, where 3"):
        next(cut)


def test_limit_is_refused_before_the_body_has_come() -> None:
    with pytest.raises(PeerProtocolError):
        list(FrameCutter(1024).cut(b"GET / HTTP/1.1\r\n"))


def test_limit_can_be_raised_between_two_bodies_of_one_part() -> None:
    cutter = FrameCutter(3)
    found = []
    for body in cutter.cut(bytes(frame((b"one",)) + frame((b"three",)))):
        found.append(body)
        cutter.body_bytes_max = 5
    assert found == [b"one", b"three"]


@pytest.mark.parametrize("bit", range(8 * (HEAD_BYTES + 4)))
def test_no_body_comes_out_of_a_frame_with_one_bit_changed(bit: int) -> None:
    damaged = frame((b"body",))
    damaged[bit // 8] ^= 1 << bit % 8
    try:
        # A greater length waits for more; what follows belongs to it then.
        found = list(FrameCutter(64).cut(bytes(damaged) + bytes(4)))
    except PeerProtocolError:
        found = []
    assert found == []


@given(st.binary(max_size=200), st.data())
def test_any_bytes_give_bodies_or_a_protocol_error(stream: bytes, data: st.DataObject) -> None:
    cutter = FrameCutter(100)
    try:
        for part in data.draw(pieces(stream)):
            for body in cutter.cut(part):
                assert len(body) <= 100
    except PeerProtocolError:
        pass


def test_frame_that_nobody_would_take_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "FRAME_BYTES_MAX", 4)
    assert len(frame((b"four",))) == HEAD_BYTES + 4
    with pytest.raises(OverflowError):
        frame((b"fo", b"ur?"))


# The handshake.


def test_hello_has_these_bytes() -> None:
    packed = pack_hello(Hello(3, 1, OURS, 1, 2))
    assert packed.hex() == "4d5a48454c4f0d0a" + "0001" + "0002" + "0003" + "0001" + OURS.hex()


def test_answer_has_these_bytes() -> None:
    packed = pack_answer(Answer(Verdict.REFUSED, 1, OURS, 0, "why"))
    expected = "4d5a414e53570d0a" + "0000" + "01" + "0001" + OURS.hex() + "0003" + b"why".hex()
    assert packed.hex() == expected


@given(hellos, st.binary(max_size=20))
def test_hello_is_read_back_whatever_a_later_version_adds(hello: Hello, more: bytes) -> None:
    assert read_hello(pack_hello(hello) + more) == hello


@given(answers, st.binary(max_size=20))
def test_answer_is_read_back_whatever_a_later_version_adds(answer: Answer, more: bytes) -> None:
    assert read_answer(pack_answer(answer) + more) == answer


def test_verdict_of_a_later_version_is_a_refusal() -> None:
    packed = bytearray(pack_answer(Answer(Verdict.ACCEPTED, 1, OURS, 1, "why")))
    packed[10] = 9
    assert read_answer(bytes(packed)) == Answer(Verdict.REFUSED, 1, OURS, 1, "why")


def test_long_reason_is_cut() -> None:
    answer = read_answer(pack_answer(Answer(Verdict.REFUSED, 1, OURS, 0, "€" * 1000)))
    assert answer.reason.startswith("€" * (REASON_BYTES_MAX // 3))
    assert len(answer.reason) <= REASON_BYTES_MAX // 3 + 1


@given(st.data())
def test_record_cut_short_is_refused(data: st.DataObject) -> None:
    hello = pack_hello(data.draw(hellos))
    with pytest.raises(PeerProtocolError):
        read_hello(hello[: data.draw(st.integers(0, len(hello) - 1))])
    answer = pack_answer(data.draw(answers))
    with pytest.raises(PeerProtocolError):
        read_answer(answer[: data.draw(st.integers(0, len(answer) - 1))])


@given(st.binary(max_size=80))
def test_what_does_not_begin_like_a_record_is_refused(body: bytes) -> None:
    with pytest.raises(PeerProtocolError):
        read_hello(body)
    with pytest.raises(PeerProtocolError):
        read_answer(body)


def test_neither_record_passes_for_the_other() -> None:
    with pytest.raises(PeerProtocolError):
        read_answer(pack_hello(Hello(1, 2, OURS)) + bytes(40))
    with pytest.raises(PeerProtocolError):
        read_hello(pack_answer(Answer(Verdict.ACCEPTED, 1, OURS, 1)) + bytes(40))


@pytest.mark.parametrize(
    ("lowest", "highest", "version"),
    [(1, 1, 1), (1, 9, 1), (0, 1, 1), (2, 9, 0), (0, 0, 0), (9, 1, 0)],
)
def test_highest_common_version_is_spoken(lowest: int, highest: int, version: int) -> None:
    assert agreed_version(lowest, highest) == version


def test_older_servers_and_newer_ones_find_their_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "VERSION_MIN", 3)
    monkeypatch.setattr(peer, "VERSION_MAX", 5)
    spoken = [agreed_version(*r) for r in ((1, 2), (1, 3), (4, 4), (1, 9), (5, 9), (6, 9))]
    assert spoken == [0, 3, 4, 5, 5, 0]


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (OURS, OURS, False),
        (OURS, THEIRS, True),
        (OURS, NO_CLUSTER_ID, False),
        (NO_CLUSTER_ID, OURS, False),
        (NO_CLUSTER_ID, NO_CLUSTER_ID, False),
    ],
)
def test_only_two_known_clusters_differ(one: bytes, other: bytes, differ: bool) -> None:
    assert clusters_differ(one, other) is differ


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        (Hello(3, 1, OURS), ""),
        (Hello(3, 1, NO_CLUSTER_ID), ""),
        (Hello(3, 1, OURS, 1, 7), ""),
        (Hello(3, 1, OURS, 2, 7), "no common protocol version: 2 to 7 there, 1 to 1 here"),
        (Hello(3, 2, OURS), "this is server 1, not 2"),
        (Hello(1, 1, OURS), "this is server 1 itself, or there are two of that id"),
        (
            Hello(3, 1, THEIRS),
            f"another ensemble: its cluster id is {THEIRS.hex()} there, {OURS.hex()} here",
        ),
    ],
)
def test_hello_is_refused_with_its_reason(hello: Hello, why: str) -> None:
    assert why_refused(hello, 1, OURS) == why


def test_server_that_has_no_cluster_id_takes_any() -> None:
    assert why_refused(Hello(3, 1, THEIRS), 1, NO_CLUSTER_ID) == ""
