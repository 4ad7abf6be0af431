"""Durations and sizes as text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.errors import DecodeError
from mesos_compat.wire.text import format_bytes, format_duration, parse_bytes, parse_duration
from tests.mesos_compat.wire import recorded

SECOND = 1_000_000_000
FLAGS: dict[str, str] = json.loads(recorded.exchanges()["endpoints/get-flags"][1].body)["flags"]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0ns", 0),
        ("7ns", 7),
        ("1.5us", 1_500),
        ("250ms", 250_000_000),
        ("15secs", 15 * SECOND),
        ("1.5mins", 90 * SECOND),
        ("6hrs", 6 * 3600 * SECOND),
        ("1days", 86_400 * SECOND),
        ("2weeks", 14 * 86_400 * SECOND),
        (".5secs", SECOND // 2),
        ("5.secs", 5 * SECOND),
        ("4.35secs", 4_350_000_000),
        ("1.9ns", 1),
        ("9223372036854775807ns", (1 << 63) - 1),
    ],
)
def test_duration_is_read(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0ns"),
        (999, "999ns"),
        (1_000, "1us"),
        (1_500, "1500ns"),
        (1_500_000, "1500us"),
        (1_500_001, "1.500001ms"),
        (90 * SECOND, "90secs"),
        (75 * SECOND // 10, "7500ms"),
        (60 * SECOND, "1mins"),
        (61 * SECOND + 1, "1.01666666668333mins"),
        (36 * 3600 * SECOND, "36hrs"),
        (10 * 86_400 * SECOND, "10days"),
        (14 * 86_400 * SECOND, "2weeks"),
        (-90 * SECOND, "-90secs"),
    ],
)
def test_duration_is_shown_as_mesos_does(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


def test_recorded_durations_and_sizes_are_shown_as_they_were() -> None:
    units = ("ns", "us", "ms", "secs", "mins", "hrs", "days", "weeks")
    durations = [text for text in FLAGS.values() if text[0].isdigit() and text.endswith(units)]
    assert len(durations) > 5
    assert [format_duration(parse_duration(text)) for text in durations] == durations
    sizes = [text for text in FLAGS.values() if text[0].isdigit() and text.endswith("B")]
    assert sizes
    assert [format_bytes(parse_bytes(text)) for text in sizes] == sizes


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Invalid duration ''"),
        ("15", "Invalid duration '15'"),
        ("x", "Failed to convert '' to number"),
        ("-5secs", "Failed to convert '' to number"),
        ("1.2.3secs", "Failed to convert '1.2.3' to number"),
        (".secs", "Failed to convert '.' to number"),
        ("٣secs", "Failed to convert '' to number"),
        (
            "5 secs",
            "Unknown duration unit ' secs'; supported units are"
            " 'ns', 'us', 'ms', 'secs', 'mins', 'hrs', 'days', and 'weeks'",
        ),
        (
            "20000weeks",
            "Argument out of the range that a Duration can represent due to int64_t's size limit",
        ),
        (
            "9" * 5000 + "ns",
            "Argument out of the range that a Duration can represent due to int64_t's size limit",
        ),
    ],
)
def test_what_is_no_duration_is_told_in_mesos_words(text: str, error: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_duration(text)
    assert str(caught.value) == error


def test_bad_timeout_is_told_as_recorded() -> None:
    request, response = recorded.exchanges()["endpoints/get-metrics-bad-timeout"]
    assert "timeout=x " in request.first_line
    with pytest.raises(DecodeError) as caught:
        parse_duration("x")
    assert f"Invalid timeout 'x': {caught.value}.\n" == response.body.decode()


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0B", 0),
        ("5B", 5),
        ("4KB", 4096),
        ("2gb", 2 << 30),
        ("1Mb", 1 << 20),
        ("3TB", 3 << 40),
        ("18446744073709551615B", (1 << 64) - 1),
    ],
)
def test_size_is_read(text: str, size_bytes: int) -> None:
    assert parse_bytes(text) == size_bytes


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KB"),
        (1025, "1025B"),
        (1536 << 10, "1536KB"),
        (2 << 30, "2GB"),
        (1 << 50, "1024TB"),
    ],
)
def test_size_is_shown_in_the_largest_unit_that_loses_nothing(size_bytes: int, text: str) -> None:
    assert format_bytes(size_bytes) == text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Invalid bytes ''"),
        ("5", "Invalid bytes '5'"),
        ("1.5GB", "Fractional bytes '1.5GB'"),
        ("GB", "Failed to convert '' to number"),
        ("-1GB", "Failed to convert '' to number"),
        ("18446744073709551616B", "Failed to convert '18446744073709551616' to number"),
        ("17179869184GB", "'17179869184GB' is more than 18446744073709551615 bytes"),
        ("5PB", "Unknown bytes unit 'PB'"),
    ],
)
def test_what_is_no_size_is_told(text: str, error: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_bytes(text)
    assert str(caught.value) == error


@given(st.integers(0, (1 << 64) - 1))
def test_size_comes_back_from_its_text(size_bytes: int) -> None:
    assert parse_bytes(format_bytes(size_bytes)) == size_bytes


@given(st.integers(0, 10**15 - 1))
def test_duration_of_few_digits_comes_back_from_its_text(nanoseconds: int) -> None:
    # What is shown has 15 digits; that of a longer duration may be rounded.
    shown = format_duration(nanoseconds)
    whole = parse_duration(shown)
    assert abs(whole - nanoseconds) <= max(1, nanoseconds // 10**14)


@given(st.text("0123456789.nsumecihrdaywkKMGTB -+", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse, form in ((parse_duration, format_duration), (parse_bytes, format_bytes)):
        try:
            value = parse(text)
        except DecodeError:
            continue
        assert form(value)
