"""Amounts: scalars in whole thousandths, ranges of numbers, and sets of names.

Mesos keeps three decimal digits of a scalar; here a scalar *is* a number of thousandths, so
that sums are exact, and doubles exist only in messages. Source: ``Value`` in mesos.proto and
the arithmetic of ``mesos::Value``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mesos_compat.resources.errors import ResourceError
from mesos_compat.wire.v1 import mesos_pb2

SCALE: Final = 1000

# What the conversion of a double outside the range of 64 bits gives: a value that no check
# for "more than nothing" lets pass.
_OUT_OF_RANGE: Final = -(1 << 63)
_LARGEST_PRODUCT: Final = float(1 << 63)

_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_HEXADECIMAL: Final = re.compile(r"0[xX][0-9a-fA-F]+", re.ASCII)
_SMALLEST_NORMAL: Final = 2.2250738585072014e-308
_UINT64_MAX: Final = (1 << 64) - 1


def to_thousandths(value: float) -> int:
    """``value`` rounded to whole thousandths, halves away from zero.

    What is no number, or too large for 64 bits, becomes the least number of 64 bits.
    """
    product = value * 1000.0
    if not -_LARGEST_PRODUCT < product < _LARGEST_PRODUCT:
        return _OUT_OF_RANGE
    whole = int(product)
    # The difference is exact, which rounding by adding a half would not be.
    rest = product - whole
    if rest >= 0.5:
        return whole + 1
    if rest <= -0.5:
        return whole - 1
    return whole


def to_double(thousandths: int) -> float:
    """The double that Mesos writes for so many thousandths."""
    whole, rest = divmod(abs(thousandths), SCALE)
    value = float(whole) + rest / 1000.0
    return -value if thousandths < 0 else value


def scalar_text(thousandths: int) -> str:
    """A scalar as Mesos prints it: ``0.1``, ``1024``."""
    return f"{to_double(thousandths):.15g}"


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of whole numbers, as pairs of first and last: sorted, apart and not adjacent."""

    pairs: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> Ranges:
        """The union of ``pairs`` in any order; a pair that ends before it begins is empty."""
        joined: list[tuple[int, int]] = []
        for begin, end in sorted(pairs):
            if begin > end:
                continue
            if joined and begin <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((begin, end))
        return cls(tuple(joined))

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(end - begin + 1 for begin, end in self.pairs)

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def __add__(self, other: Ranges) -> Ranges:
        if not self.pairs or not other.pairs:
            return self if self.pairs else other
        return Ranges.of(self.pairs + other.pairs)

    def __sub__(self, other: Ranges) -> Ranges:
        left: list[tuple[int, int]] = []
        holes = iter(other.pairs)
        hole = next(holes, None)
        for pair_begin, end in self.pairs:
            begin = pair_begin
            while hole is not None and hole[0] <= end:
                if hole[1] < begin:
                    hole = next(holes, None)
                    continue
                if hole[0] > begin:
                    left.append((begin, hole[0] - 1))
                begin = hole[1] + 1
                if begin > end:
                    # This hole may reach into the next pair, so it is kept.
                    break
                hole = next(holes, None)
            if begin <= end:
                left.append((begin, end))
        return Ranges(tuple(left))

    def covers(self, other: Ranges) -> bool:
        """Whether every number of ``other`` is here too."""
        if len(other.pairs) == 1 == len(self.pairs):
            return self.pairs[0][0] <= other.pairs[0][0] and other.pairs[0][1] <= self.pairs[0][1]
        begins = [begin for begin, _end in self.pairs]
        for begin, end in other.pairs:
            index = bisect_right(begins, begin) - 1
            if index < 0 or end > self.pairs[index][1]:
                return False
        return True

    def __str__(self) -> str:
        return "[" + ", ".join(f"{begin}-{end}" for begin, end in self.pairs) + "]"


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A set of names, which keeps the order in which they came; equality does not look at it."""

    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> Items:
        """The set of ``names``, each once."""
        return cls(tuple(dict.fromkeys(names)))

    @property
    def size(self) -> int:
        """How many names there are."""
        return len(self.names)

    def __bool__(self) -> bool:
        return bool(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Items) and sorted(self.names) == sorted(other.names)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.names)))

    def __add__(self, other: Items) -> Items:
        return Items.of(self.names + other.names)

    def __sub__(self, other: Items) -> Items:
        gone = dict.fromkeys(other.names)
        return Items(tuple(name for name in self.names if name not in gone))

    def covers(self, other: Items) -> bool:
        """Whether every name of ``other`` is here too."""
        present = dict.fromkeys(self.names)
        return all(name in present for name in other.names)

    def __str__(self) -> str:
        return "{" + ", ".join(self.names) + "}"


# What there is of a resource: thousandths of a scalar, or the members of ranges or of a set.
Amount = int | Ranges | Items


def plus(left: Amount, right: Amount) -> Amount:
    """The sum of two amounts of one type."""
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    if isinstance(left, Ranges) and isinstance(right, Ranges):
        return left + right
    if isinstance(left, Items) and isinstance(right, Items):
        return left + right
    raise TypeError(f"amounts of two types: {left!r} and {right!r}")


def minus(left: Amount, right: Amount) -> Amount:
    """What is left; a scalar may become negative, members that are not there are ignored."""
    if isinstance(left, int) and isinstance(right, int):
        return left - right
    if isinstance(left, Ranges) and isinstance(right, Ranges):
        return left - right
    if isinstance(left, Items) and isinstance(right, Items):
        return left - right
    raise TypeError(f"amounts of two types: {left!r} and {right!r}")


def covers(left: Amount, right: Amount) -> bool:
    """Whether ``right`` can be taken out of ``left``, both of one type."""
    if isinstance(left, int) and isinstance(right, int):
        return right <= left
    if isinstance(left, Ranges) and isinstance(right, Ranges):
        return left.covers(right)
    if isinstance(left, Items) and isinstance(right, Items):
        return left.covers(right)
    raise TypeError(f"amounts of two types: {left!r} and {right!r}")


def is_positive(amount: Amount) -> bool:
    """Whether there is anything."""
    return amount > 0 if isinstance(amount, int) else bool(amount)


def parse(text: str) -> mesos_pb2.Value:
    """A value from its text: ``4.5``, ``[1-5, 8-9]``, ``{a, b}``; any other text is TEXT.

    Spaces do not count. Raises :class:`ResourceError`. Source: ``internal::values::parse``.
    """
    text = text.replace(" ", "")
    if not text:
        raise ResourceError("Expecting non-empty string")
    if not all(_brackets_match(text, opening, closing) for opening, closing in ("{}", "[]", "()")):
        raise ResourceError("Mismatched brackets")
    if text.startswith("["):
        return _parse_ranges(text)
    if "[" in text:
        raise ResourceError("Unexpected '[' found")
    if text.startswith("{"):
        value = mesos_pb2.Value(type=mesos_pb2.Value.SET)
        value.set.SetInParent()
        value.set.item.extend(_tokens(text, "{},\n"))
        return value
    if "{" in text:
        raise ResourceError("Unexpected '{' found")
    number = _number(text)
    if number is None:
        return mesos_pb2.Value(type=mesos_pb2.Value.TEXT, text=mesos_pb2.Value.Text(value=text))
    if 0 < abs(number) < _SMALLEST_NORMAL:
        raise ResourceError("Subnormal values not supported")
    return mesos_pb2.Value(type=mesos_pb2.Value.SCALAR, scalar=mesos_pb2.Value.Scalar(value=number))


def _number(text: str) -> float | None:
    """The number that ``text`` is; negative and infinite ones count as plain text."""
    if _HEXADECIMAL.fullmatch(text):
        return float(int(text, 16)) if len(text) <= 18 else None
    if not _DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if 0 <= number < float("inf") else None


def _parse_ranges(text: str) -> mesos_pb2.Value:
    tokens = _tokens(text, "[]-,\n")
    if len(tokens) % 2:
        raise ResourceError('Expecting one or more "ranges"')
    pairs: list[tuple[int, int]] = []
    for first, last in zip(tokens[::2], tokens[1::2], strict=True):
        begin, end = _natural(first), _natural(last)
        if begin is None or end is None:
            raise ResourceError(f"Expecting non-negative integers in '{first}'")
        pairs.append((begin, end))
    value = mesos_pb2.Value(type=mesos_pb2.Value.RANGES)
    value.ranges.SetInParent()
    if all(begin <= end for begin, end in pairs):
        pairs = list(Ranges.of(pairs).pairs)
    for begin, end in pairs:
        value.ranges.range.add(begin=begin, end=end)
    return value


def _natural(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 20:
        number = int(text)
        return number if number <= _UINT64_MAX else None
    return None


def _tokens(text: str, separators: str) -> list[str]:
    return [token for token in re.split(f"[{re.escape(separators)}]", text) if token]


def _brackets_match(text: str, opening: str, closing: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == opening) - (character == closing)
        if depth < 0:
            return False
    return depth == 0
