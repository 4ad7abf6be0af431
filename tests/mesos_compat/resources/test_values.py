"""Thousandths, ranges and sets, and the texts that they are read from."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.resources import values
from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.values import Items, Ranges, to_double, to_thousandths
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.messages import item_sets, number_ranges

LEAST = -(1 << 63)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, 0),
        (1.0, 1000),
        (0.1, 100),
        (0.1 + 0.2, 300),
        (0.0004, 0),
        (0.0005, 1),
        (-0.0005, -1),
        (-0.0004, 0),
        (2.0005, 2001),
        (0.49999999999999994 / 1000, 0),
        (1e15, 10**18),
        (1e300, LEAST),
        (-1e300, LEAST),
        (math.inf, LEAST),
        (math.nan, LEAST),
    ],
)
def test_doubles_are_rounded_to_thousandths_halves_away_from_zero(
    value: float, expected: int
) -> None:
    assert to_thousandths(value) == expected


@given(st.integers(-(10**12), 10**12))
def test_thousandths_survive_being_written_as_a_double(amount: int) -> None:
    assert to_thousandths(to_double(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (100, "0.1"), (-1000, "-1"), (1000200, "1000.2"), (10**18, "1e+15"), (1, "0.001")],
)
def test_scalars_are_printed_with_up_to_fifteen_digits(amount: int, text: str) -> None:
    assert values.scalar_text(amount) == text


def members(ranges: Ranges) -> set[int]:
    return {number for begin, end in ranges.pairs for number in range(begin, end + 1)}


@given(number_ranges, number_ranges)
def test_ranges_behave_as_sets_of_numbers(left: Ranges, right: Ranges) -> None:
    assert members(left + right) == members(left) | members(right)
    assert members(left - right) == members(left) - members(right)
    assert left.covers(right) == (members(left) >= members(right))
    assert left.size == len(members(left))
    assert bool(left - right) == bool(members(left) - members(right))


@given(number_ranges, number_ranges)
def test_ranges_stay_sorted_and_apart(left: Ranges, right: Ranges) -> None:
    for ranges in (left + right, left - right):
        assert ranges == Ranges.of(ranges.pairs)


def test_adjacent_and_overlapping_ranges_become_one() -> None:
    assert Ranges.of([(5, 9), (1, 2), (3, 4), (8, 12), (20, 19)]).pairs == ((1, 12),)
    assert str(Ranges.of([(1, 2), (4, 4)])) == "[1-2, 4-4]"


@given(item_sets, item_sets)
def test_sets_of_names_behave_as_sets(left: Items, right: Items) -> None:
    assert set((left + right).names) == set(left.names) | set(right.names)
    assert set((left - right).names) == set(left.names) - set(right.names)
    assert left.covers(right) == (set(left.names) >= set(right.names))
    assert (left == right) == (set(left.names) == set(right.names))
    assert left + right == right + left
    assert hash(left + right) == hash(right + left)


def test_sets_of_names_keep_the_order_in_which_names_came() -> None:
    assert str(Items.of(["b", "a", "b"]) + Items.of(["c", "a"])) == "{b, a, c}"


def test_amounts_of_two_types_do_not_mix() -> None:
    for function in (values.plus, values.minus, values.covers):
        with pytest.raises(TypeError, match="two types"):
            function(1, Ranges.of([(1, 2)]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4", 4.0),
        (" 4.5 ", 4.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+2", 2.0),
        ("0x10", 16.0),
        ("0", 0.0),
    ],
)
def test_numbers_are_scalars(text: str, expected: float) -> None:
    value = values.parse(text)
    assert (value.type, value.scalar.value) == (mesos_pb2.Value.SCALAR, expected)


@pytest.mark.parametrize("text", ["r1", "-1", "inf", "nan", "1_000", "1e400", "1.2.3", "٤"])
def test_what_is_no_number_of_zero_or_more_is_text(text: str) -> None:
    value = values.parse(text)
    assert (value.type, value.text.value) == (mesos_pb2.Value.TEXT, text)


def test_ranges_and_sets_are_read_with_and_without_spaces() -> None:
    ranges = values.parse("[31000-32000, 33000 - 33001,32001-32005]").ranges.range
    assert [(one.begin, one.end) for one in ranges] == [(31000, 32005), (33000, 33001)]
    assert list(values.parse("{a, b,c}").set.item) == ["a", "b", "c"]
    assert values.parse("[]").HasField("ranges")
    assert values.parse("{}").HasField("set")


def test_inverted_ranges_are_kept_for_validation_to_refuse() -> None:
    (one,) = values.parse("[5-1]").ranges.range
    assert (one.begin, one.end) == (5, 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting non-empty string"),
        ("  ", "Expecting non-empty string"),
        ("[1-2", "Mismatched brackets"),
        ("1-2]", "Mismatched brackets"),
        ("}a{", "Mismatched brackets"),
        ("(", "Mismatched brackets"),
        ("[1-2-3]", 'Expecting one or more "ranges"'),
        ("[a-2]", "Expecting non-negative integers in 'a'"),
        ("[1-18446744073709551616]", "Expecting non-negative integers in '1'"),
        ("1[2-3]", r"Unexpected '\[' found"),
        ("a{b}", "Unexpected '{' found"),
        ("1e-310", "Subnormal values not supported"),
    ],
)
def test_malformed_values_are_refused(text: str, why: str) -> None:
    with pytest.raises(ResourceError, match=f"^{why}$"):
        values.parse(text)


@given(st.text())
def test_any_text_is_a_value_or_refused(text: str) -> None:
    try:
        value = values.parse(text)
    except ResourceError:
        return
    assert value.IsInitialized()
