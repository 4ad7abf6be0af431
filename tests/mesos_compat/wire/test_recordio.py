"""RecordIO: records come back from a stream cut at any places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.errors import DecodeError
from mesos_compat.wire.recordio import Decoder, encode
from tests.strategies import pieces

RECORDS = st.lists(st.binary(max_size=30), max_size=6)


def test_record_is_behind_its_length_and_a_newline() -> None:
    assert encode(b'{"type":"HEARTBEAT"}') == b'20\n{"type":"HEARTBEAT"}'
    assert encode(b"") == b"0\n"


@given(RECORDS.flatmap(lambda rs: st.tuples(st.just(rs), pieces(b"".join(map(encode, rs))))))
def test_records_come_back_however_their_stream_is_cut(
    case: tuple[list[bytes], list[bytes]],
) -> None:
    records, stream = case
    decoder = Decoder(30)
    assert [record for piece in stream for record in decoder.feed(piece)] == records


def test_record_is_given_as_soon_as_it_is_whole() -> None:
    decoder = Decoder(10)
    assert decoder.feed(b"3\nab") == []
    assert decoder.feed(b"c2\n") == [b"abc"]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"de0\n1") == [b"de", b""]


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"\n", "Failed to decode length ''"),
        (b"-1\nx", "Failed to decode length '-1'"),
        (b"1 \nx", "Failed to decode length '1 '"),
        (b"0x1f\n", "Failed to decode length '0x1f'"),
        (b"\xb2\n", "Failed to decode length '\\xb2'"),
        (b'{"type":"HEARTBEAT"} and more', 'Failed to decode length \'{"type":"HEARTBEAT"}\''),
        (b"9" * 21, f"Failed to decode length '{'9' * 20}'"),
        (b"11\n", "A record of 11 bytes is longer than 10"),
        (b"99999999999999999999\n", "A record of 99999999999999999999 bytes is longer than 10"),
    ],
)
def test_stream_with_a_bad_length_has_no_more_records(stream: bytes, error: str) -> None:
    decoder = Decoder(10)
    for data in (stream, b"1\na"):
        with pytest.raises(DecodeError) as caught:
            decoder.feed(data)
        assert str(caught.value) == error


def test_length_that_comes_digit_by_digit_is_refused_as_soon_as_it_is_too_long() -> None:
    decoder = Decoder(10)
    for _ in range(20):
        assert decoder.feed(b"1") == []
    with pytest.raises(DecodeError, match="Failed to decode length"):
        decoder.feed(b"1")


@given(st.lists(st.binary(max_size=12), max_size=8))
def test_any_bytes_are_records_or_an_error(stream: list[bytes]) -> None:
    decoder = Decoder(8)
    try:
        records = [record for piece in stream for record in decoder.feed(piece)]
    except DecodeError:
        return
    # Nothing is made up, and nothing of a record is in another one.
    rest = b"".join(stream)
    for record in records:
        length, newline, rest = rest.partition(b"\n")
        assert int(length) == len(record)
        assert newline
        assert rest.startswith(record)
        rest = rest[len(record) :]
