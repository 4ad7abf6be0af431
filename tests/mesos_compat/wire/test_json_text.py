"""JSON text and plain values: numbers, words of errors, and what is no JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.wire.json_text import (
    NEAR_CHARS_MAX,
    JsonSyntaxError,
    encode_value,
    parse,
    print_double,
)

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab\"'\\é"), inner),
    max_leaves=12,
)


@given(VALUES)
def test_any_value_comes_back_from_its_text(value: Any) -> None:
    text = encode_value(value)
    assert text.isascii()
    assert parse(text) == value
    assert json.loads(text) == value


@given(VALUES)
def test_text_of_other_writers_is_read(value: Any) -> None:
    assert parse(json.dumps(value, indent=2, ensure_ascii=False).encode()) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_double_comes_back_from_its_digits_and_stays_a_double(value: float) -> None:
    text = print_double(value)
    assert float(text) == value
    assert isinstance(json.loads(text), float)
    assert encode_value([value]) == f"[{text}]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.0, "4.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (1795346839.5, "1795346839.5"),
        (1e15, "1000000000000000.0"),
        (1e16, "10000000000000000.0"),
        (-1.2345678901234567e20, "-123456789012345670000.0"),
        (1e20, "100000000000000000000.0"),
        (1e21, "1e21"),
        (1.5e300, "1.5e300"),
        (0.0001, "0.0001"),
        (0.000012, "0.000012"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (-2.5e-8, "-2.5e-8"),
        (5e-324, "5e-324"),
        (math.inf, '"Infinity"'),
        (-math.inf, '"-Infinity"'),
        (math.nan, '"NaN"'),
    ],
)
def test_double_is_printed_as_mesos_does(value: float, text: str) -> None:
    assert print_double(value) == text
    assert encode_value({"a": [value, 1]}) == f'{{"a":[{text},1]}}'


def test_string_that_looks_like_a_double_stays_as_it_is() -> None:
    value = {"a": ":1e+16,", "b": [1e16, True, None, 7, "é"], "c": (1, 2.5)}
    assert encode_value(value) == (
        '{"a":":1e+16,","b":[10000000000000000.0,true,null,7,"\\u00e9"],"c":[1,2.5]}'
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "syntax error at line 1 near: "),
        (" \n ", "syntax error at line 2 near: "),
        ('{"type": ', "syntax error at line 1 near: "),
        ('{"a":1,\n"b" 2}', "syntax error at line 2 near: 2}"),
        ("{a:1}", "syntax error at line 1 near: a:1}"),
        ("[1 2]", "syntax error at line 1 near: 2]"),
        ("[1,]", "syntax error at line 1 near: ]"),
        ('{"a":1,}', "syntax error at line 1 near: }"),
        ('["unfinished', "syntax error at line 1 near: "),
        ('["bad \\x escape"]', 'syntax error at line 1 near:  escape"]'),
        ("nil", "syntax error at line 1 near: il"),
        ("[tru]", "syntax error at line 1 near: ]"),
        ("-", "syntax error at line 1 near: "),
        ("[NaN]", "syntax error at line 1 near: NaN]"),
        ('["NaN",-Infinity]', "syntax error at line 1 near: Infinity]"),
        ('["\\ud83d\\ude00","\\ud83d x"]', 'syntax error at line 1 near:  x"]'),
        ('["\\\\ud83d","\\ude00"]', 'syntax error at line 1 near: "]'),
        ('["a\tb"]', 'syntax error at line 1 near: b"]'),
        ("{} {}", "Parsed JSON included non-whitespace trailing characters:  {}"),
        ("[1e400]", "Value out of range"),
        ("9" * 5000, "Value out of range"),
        (b'"\xff"', "Not UTF-8 at byte 1"),
        ('"\ud800"', "Not Unicode at character 1"),
    ],
)
def test_error_is_told_in_the_words_of_mesos_parser(text: bytes | str, error: str) -> None:
    with pytest.raises(JsonSyntaxError) as caught:
        parse(text)
    assert str(caught.value) == error


def test_pairs_and_escaped_backslashes_are_no_halves() -> None:
    assert parse('["\\ud83d\\ude00","\\\\ud83d","\\u00e9"]') == ["😀", "\\ud83d", "é"]


def test_integer_of_any_size_stays_whole() -> None:
    assert parse("[18446744073709551615,-9223372036854775808]") == [(1 << 64) - 1, -(1 << 63)]


def test_error_does_not_repeat_a_long_body() -> None:
    with pytest.raises(JsonSyntaxError) as caught:
        parse("x" * 100_000)
    assert len(str(caught.value)) < NEAR_CHARS_MAX + 100
    with pytest.raises(JsonSyntaxError) as caught:
        parse("1 " + "x" * 100_000)
    assert len(str(caught.value)) < NEAR_CHARS_MAX + 100


def test_many_quotes_behind_a_stray_constant_take_no_longer_than_others() -> None:
    # A search that began anew at every quote would not come to an end in this test.
    with pytest.raises(JsonSyntaxError, match="near: NaN"):
        parse('["' + '\\"' * 200_000 + '",NaN]')
