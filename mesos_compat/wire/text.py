"""Durations and sizes as text, the way Mesos's flags and environment variables hold them.

A duration is a number and one of ``ns us ms secs mins hrs days weeks``, a size an integer and
one of ``B KB MB GB TB``, each 1024 times the one before. Both are plain integers inside:
nanoseconds and bytes. Errors are in the words of Mesos's own parsers; who asked adds what for.
"""

from __future__ import annotations

import re
from typing import Final

from mesos_compat.errors import DecodeError

# From the smallest on: which unit a duration is printed in depends on its neighbours.
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "secs": 1_000_000_000,
    "mins": 60 * 1_000_000_000,
    "hrs": 3_600 * 1_000_000_000,
    "days": 86_400 * 1_000_000_000,
    "weeks": 604_800 * 1_000_000_000,
}
_BYTES: Final = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}

_INT64_MAX: Final = (1 << 63) - 1
_UINT64_MAX: Final = (1 << 64) - 1
# More than any number in range needs; Python takes long over very long ones.
_NUMBER_CHARS_MAX: Final = 64

_DURATION: Final = re.compile(r"(?P<number>[0-9.]*)(?P<unit>.*)", re.DOTALL)
_SIZE: Final = re.compile(r"(?P<number>[0-9]*)(?P<unit>.*)", re.DOTALL)
_DECIMAL: Final = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")


def parse_duration(text: str) -> int:
    """Nanoseconds, cut where ``text`` is finer. Raises :class:`DecodeError`.

    Decimals are taken exactly, where Mesos multiplies doubles.
    """
    number, unit = _split(_DURATION, text)
    if not unit:
        raise DecodeError(f"Invalid duration '{text}'")
    if not _DECIMAL.fullmatch(number):
        raise DecodeError(f"Failed to convert '{number}' to number")
    factor = _NANOSECONDS.get(unit)
    if factor is None:
        raise DecodeError(
            f"Unknown duration unit '{unit}'; supported units are"
            " 'ns', 'us', 'ms', 'secs', 'mins', 'hrs', 'days', and 'weeks'"
        )
    nanoseconds = _INT64_MAX + 1
    if len(number) <= _NUMBER_CHARS_MAX:
        whole, _, decimals = number.partition(".")
        nanoseconds = int(whole + decimals or "0") * factor // 10 ** len(decimals)
    if nanoseconds > _INT64_MAX:
        raise DecodeError(
            "Argument out of the range that a Duration can represent due to int64_t's size limit"
        )
    return nanoseconds


def format_duration(nanoseconds: int) -> str:
    """As Mesos shows it: ``1.5mins`` is ``90secs``, and what is zero ``0ns``."""
    sign = "-" if nanoseconds < 0 else ""
    length = abs(nanoseconds)
    # The largest unit that the duration fills, but the next smaller one if only that is whole.
    chosen, smaller = ("ns", 1), ("ns", 1)
    for unit, factor in _NANOSECONDS.items():
        if length >= factor:
            chosen, smaller = (unit, factor), chosen
    if length % chosen[1] and not length % smaller[1]:
        chosen = smaller
    unit, factor = chosen
    return f"{sign}{length / factor:.15g}{unit}"


def parse_bytes(text: str) -> int:
    """Bytes; the unit's letters may be small. Raises :class:`DecodeError`."""
    number, unit = _split(_SIZE, text)
    if unit.startswith("."):
        raise DecodeError(f"Fractional bytes '{text}'")
    if not unit:
        raise DecodeError(f"Invalid bytes '{text}'")
    if not number or len(number) > _NUMBER_CHARS_MAX or int(number) > _UINT64_MAX:
        raise DecodeError(f"Failed to convert '{number}' to number")
    factor = _BYTES.get(unit.upper())
    if factor is None:
        raise DecodeError(f"Unknown bytes unit '{unit.upper()}'")
    size_bytes = int(number) * factor
    if size_bytes > _UINT64_MAX:
        raise DecodeError(f"'{text}' is more than {_UINT64_MAX} bytes")
    return size_bytes


def format_bytes(size_bytes: int) -> str:
    """In the largest unit that loses nothing, as Mesos shows it."""
    shown = f"{size_bytes}B"
    if size_bytes:
        for unit, factor in _BYTES.items():
            if size_bytes % factor == 0:
                shown = f"{size_bytes // factor}{unit}"
    return shown


def _split(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    match = pattern.match(text)
    return (match["number"], match["unit"]) if match else ("", text)
