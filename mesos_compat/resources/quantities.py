"""Amounts by name alone: what quotas, shares and minimum sizes are about.

Source: ``ResourceQuantities`` and ``ResourceLimits`` of Mesos. Amounts are whole thousandths;
members of ranges and sets count one each.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from mesos_compat.resources import values
from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.values import scalar_text, to_thousandths
from mesos_compat.wire.v1 import mesos_pb2

if TYPE_CHECKING:
    from mesos_compat.resources.resources import Resources


class Quantities:
    """An immutable map from names to more than zero thousandths, in the order of names."""

    __slots__ = ("_amounts",)

    def __init__(self, amounts: Iterable[tuple[str, int]] = ()) -> None:
        """Names and thousandths; the same name again is added, nothing or less is dropped."""
        sums: dict[str, int] = {}
        for name, amount in amounts:
            sums[name] = sums.get(name, 0) + amount
        self._amounts = {name: sums[name] for name in sorted(sums) if sums[name] > 0}

    @classmethod
    def _of_sorted(cls, amounts: dict[str, int]) -> Quantities:
        made = cls.__new__(cls)
        made._amounts = amounts
        return made

    @classmethod
    def of(cls, resources: Resources) -> Quantities:
        """What ``resources`` come to; a shared volume counts once."""
        return resources.quantities()

    @classmethod
    def from_map(cls, amounts: Mapping[str, mesos_pb2.Value.Scalar | float]) -> Quantities:
        """From a message's map, or from plain numbers: ``{"cpus": 0.5}`` is 500 thousandths."""
        return cls(_thousandths_by_name(amounts))

    @classmethod
    def parse(cls, text: str) -> Quantities:
        """From ``cpus:0.01;mem:32``; raises :class:`ResourceError`."""
        return cls(_parse_pairs(text, "quantity"))

    def amount(self, name: str) -> int:
        """The thousandths of ``name``, zero when there are none."""
        return self._amounts.get(name, 0)

    def names(self) -> list[str]:
        """The names, sorted."""
        return list(self._amounts)

    def items(self) -> ItemsView[str, int]:
        """Names and thousandths in the order of names."""
        return self._amounts.items()

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._amounts.items())

    def __contains__(self, name: object) -> bool:
        return name in self._amounts

    def __len__(self) -> int:
        return len(self._amounts)

    def __bool__(self) -> bool:
        return bool(self._amounts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantities) and self._amounts == other._amounts

    def __hash__(self) -> int:
        return hash(tuple(self._amounts.items()))

    def __add__(self, other: Quantities) -> Quantities:
        if not other._amounts:
            return self
        if not self._amounts:
            return other
        sums = dict(self._amounts)
        for name, amount in other._amounts.items():
            sums[name] = sums.get(name, 0) + amount
        if len(sums) > len(self._amounts):
            sums = {name: sums[name] for name in sorted(sums)}
        return Quantities._of_sorted(sums)

    def __sub__(self, other: Quantities) -> Quantities:
        """What is left; nothing becomes negative."""
        left: dict[str, int] | None = None
        for name, amount in other._amounts.items():
            have = self._amounts.get(name)
            if have is None:
                continue
            if left is None:
                left = dict(self._amounts)
            if have > amount:
                left[name] = have - amount
            else:
                del left[name]
        return self if left is None else Quantities._of_sorted(left)

    def contains(self, other: Quantities) -> bool:
        """Whether there is at least as much of everything as in ``other``."""
        mine = self._amounts
        return all(mine.get(name, 0) >= amount for name, amount in other._amounts.items())

    def __le__(self, other: Quantities) -> bool:
        return other.contains(self)

    def __ge__(self, other: Quantities) -> bool:
        return self.contains(other)

    def to_map(self) -> dict[str, mesos_pb2.Value.Scalar]:
        """What a message's map of quantities takes."""
        return {
            name: mesos_pb2.Value.Scalar(value=values.to_double(amount))
            for name, amount in self._amounts.items()
        }

    def __str__(self) -> str:
        return _text(self._amounts)

    def __repr__(self) -> str:
        return f"Quantities({str(self)!r})"


class Limits:
    """An immutable map from names to the most thousandths allowed, in the order of names.

    A name that is not in it is not limited; zero allows nothing.
    """

    __slots__ = ("_amounts",)

    def __init__(self, amounts: Iterable[tuple[str, int]] = ()) -> None:
        """Names and thousandths, which are no less than zero."""
        self._amounts = dict(sorted(amounts))

    @classmethod
    def from_map(cls, amounts: Mapping[str, mesos_pb2.Value.Scalar | float]) -> Limits:
        """From a message's map, or from plain numbers."""
        return cls(_thousandths_by_name(amounts))

    @classmethod
    def parse(cls, text: str) -> Limits:
        """From ``cpus:4;mem:0``; raises :class:`ResourceError`, also for a name given twice."""
        pairs: dict[str, int] = {}
        for name, amount in _parse_pairs(text, "limit"):
            if name in pairs:
                raise ResourceError(
                    f"Failed to parse '{scalar_text(amount)}' to limit:"
                    " duplicate names are not allowed"
                )
            pairs[name] = amount
        return cls(pairs.items())

    def amount(self, name: str) -> int | None:
        """The thousandths allowed of ``name``, or None when it is not limited."""
        return self._amounts.get(name)

    def items(self) -> ItemsView[str, int]:
        """Names and thousandths in the order of names."""
        return self._amounts.items()

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._amounts.items())

    def __len__(self) -> int:
        return len(self._amounts)

    def __bool__(self) -> bool:
        return bool(self._amounts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and self._amounts == other._amounts

    def __hash__(self) -> int:
        return hash(tuple(self._amounts.items()))

    def __sub__(self, used: Quantities) -> Limits:
        """What may still be used; nothing becomes negative."""
        return Limits(
            (name, max(0, allowed - used.amount(name))) for name, allowed in self._amounts.items()
        )

    def contains(self, used: Quantities) -> bool:
        """Whether ``used`` is within these limits."""
        return all(used.amount(name) <= allowed for name, allowed in self._amounts.items())

    def to_map(self) -> dict[str, mesos_pb2.Value.Scalar]:
        """What a message's map of limits takes."""
        return {
            name: mesos_pb2.Value.Scalar(value=values.to_double(amount))
            for name, amount in self._amounts.items()
        }

    def __str__(self) -> str:
        return _text(self._amounts)

    def __repr__(self) -> str:
        return f"Limits({str(self)!r})"


def _text(amounts: Mapping[str, int]) -> str:
    shown = "; ".join(f"{name}:{scalar_text(amount)}" for name, amount in amounts.items())
    return shown or "{}"


def _thousandths_by_name(
    amounts: Mapping[str, mesos_pb2.Value.Scalar | float],
) -> list[tuple[str, int]]:
    return [
        (
            name,
            to_thousandths(amount.value if isinstance(amount, mesos_pb2.Value.Scalar) else amount),
        )
        for name, amount in amounts.items()
    ]


def _parse_pairs(text: str, wanted: str) -> list[tuple[str, int]]:
    pairs: list[tuple[str, int]] = []
    for token in filter(None, text.split(";")):
        pair = [part for part in token.split(":") if part]
        if len(pair) != 2:
            raise ResourceError(f"Failed to parse '{token}': missing or extra ':'")
        try:
            value = values.parse(pair[1])
        except ResourceError as error:
            raise ResourceError(f"Failed to parse '{pair[1]}' to {wanted}: {error}") from error
        if value.type != mesos_pb2.Value.SCALAR:
            raise ResourceError(
                f"Failed to parse '{pair[1]}' to {wanted}: only scalar values are allowed"
            )
        pairs.append((pair[0].strip(), to_thousandths(value.scalar.value)))
    return pairs
