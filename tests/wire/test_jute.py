"""Jute values: the bytes they are, and what becomes of bytes that are not values."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import buffers, int32s, int64s, strings
from zkserver.wire.jute import INT, LONG, DecodeError, Reader, java_text, pack_buffer, pack_strings

READS: dict[str, Callable[[Reader], object]] = {
    "byte": Reader.byte,
    "boolean": Reader.boolean,
    "int32": Reader.int32,
    "int64": Reader.int64,
    "buffer": Reader.buffer,
    "string": Reader.string,
    "needed_string": Reader.needed_string,
    "strings": Reader.strings,
    "count": Reader.count,
}


@pytest.mark.parametrize(
    ("kind", "encoded", "value"),
    [
        ("byte", "ff", 255),
        ("boolean", "00", False),
        ("boolean", "01", True),
        ("boolean", "80", True),
        ("int32", "00000102", 258),
        ("int32", "fffffff5", -11),
        ("int32", "80000000", -(1 << 31)),
        ("int64", "0000000100000002", (1 << 32) + 2),
        ("int64", "ffffffffffffffff", -1),
        ("buffer", "ffffffff", None),
        ("buffer", "00000000", b""),
        ("buffer", "0000000361007a", b"a\0z"),
        ("string", "00000003e282ac", "€".encode()),
        ("needed_string", "000000022f61", b"/a"),
        ("strings", "ffffffff", []),
        ("strings", "fffffff0", []),
        ("strings", "00000000", []),
        ("strings", "0000000200000001610000000162", [b"a", b"b"]),
        ("count", "fffffffe", 0),
    ],
)
def test_value_is_read_from_its_bytes(kind: str, encoded: str, value: object) -> None:
    reader = Reader(bytes.fromhex(encoded))
    assert READS[kind](reader) == value
    assert reader.left == 0


@pytest.mark.parametrize(
    ("kind", "encoded"),
    [
        ("byte", ""),
        ("int32", "000001"),
        ("int64", "00000000000001"),
        ("buffer", "fffffffe"),
        ("buffer", "0000000461"),
        ("buffer", "7fffffff"),
        ("needed_string", "ffffffff"),
        ("strings", "00000001ffffffff"),
        ("count", "00000001"),
        ("count", "7fffffff00"),
    ],
)
def test_malformed_value_is_a_decode_error(kind: str, encoded: str) -> None:
    with pytest.raises(DecodeError):
        READS[kind](Reader(bytes.fromhex(encoded)))


@pytest.mark.parametrize(
    ("packed", "encoded"),
    [
        (pack_buffer(None), "ffffffff"),
        (pack_buffer(b""), "00000000"),
        (pack_buffer(b"/zk"), "000000032f7a6b"),
        (pack_strings([]), "00000000"),
        (pack_strings({b"a": None, b"bc": None}), "0000000200000001610000000262" + "63"),
    ],
)
def test_packed_value_has_the_bytes_of_the_format(packed: bytes, encoded: str) -> None:
    assert packed.hex() == encoded


@given(int32s, int64s, buffers, st.lists(strings), st.binary(max_size=5))
def test_values_come_back_as_they_were_packed(
    small: int, large: int, buffer: bytes | None, texts: list[bytes], rest: bytes
) -> None:
    data = INT.pack(small) + LONG.pack(large) + pack_buffer(buffer) + pack_strings(texts)
    reader = Reader(b"xx" + data + rest, 2)
    assert (reader.int32(), reader.int64()) == (small, large)
    assert reader.buffer() == buffer
    assert reader.strings() == texts
    assert reader.left == len(rest)


@given(st.binary(max_size=64), st.lists(st.sampled_from(sorted(READS)), max_size=8))
@example(b"\x7f\xff\xff\xff\x00", ["strings"])
def test_any_bytes_give_values_or_decode_errors_within_the_record(
    data: bytes, kinds: list[str]
) -> None:
    reader = Reader(data + b"beyond", 0, len(data))
    try:
        for kind in kinds:
            READS[kind](reader)
    except DecodeError:
        pass
    assert 0 <= reader.pos <= len(data)
    assert reader.left == len(data) - reader.pos


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"plain", b"plain"),
        ("Zürich 雪".encode(), "Zürich 雪".encode()),
        (b"a\xc4b", b"a\xef\xbf\xbdb"),
        (b"\xed\xa0\x80", b"\xef\xbf\xbd"),
    ],
)
def test_malformed_text_becomes_what_java_makes_of_it(sent: bytes, kept: bytes) -> None:
    assert java_text(sent) == kept
