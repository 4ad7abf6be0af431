"""An immutable multiset of resources, in the newer format of reservations.

A dictionary from kind to amount, in the order in which the kinds came. The order is what
clients see in offers and error texts; it changes as Mesos's does: what is used up leaves its
place to the last. Equality does not look at it.

Source: ``mesos::Resources``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mesos_compat.errors import invariant
from mesos_compat.resources import formats, parsing, roles
from mesos_compat.resources.formats import Format
from mesos_compat.resources.kinds import Kind, Reservation, entry_of
from mesos_compat.resources.quantities import Limits, Quantities
from mesos_compat.resources.texts import resource_text
from mesos_compat.resources.values import (
    Amount,
    Items,
    Ranges,
    covers,
    is_positive,
    minus,
    plus,
)
from mesos_compat.resources.wellformed import validate_resource
from mesos_compat.wire.v1 import mesos_pb2


class Resources:
    """Resources that can be added, subtracted, compared, filtered and marked."""

    __slots__ = ("_entries", "_quantities")

    def __init__(self, messages: Iterable[mesos_pb2.Resource] = ()) -> None:
        """From messages of any format. As in Mesos, what is empty or not well formed is left out.

        Callers that want to refuse such messages ask
        :func:`mesos_compat.resources.validation.validate` first.
        """
        self._entries: dict[Kind, Amount] = {}
        self._quantities: Quantities | None = None
        for message in messages:
            if validate_resource(message) is None:
                _put(self._entries, *entry_of(message))

    @classmethod
    def _of(cls, entries: dict[Kind, Amount]) -> Resources:
        made = cls.__new__(cls)
        made._entries = entries
        made._quantities = None
        return made

    @classmethod
    def of_kinds(cls, entries: Iterable[tuple[Kind, Amount]]) -> Resources:
        """From kinds and amounts as :meth:`kinds` gives them."""
        merged: dict[Kind, Amount] = {}
        for kind, amount in entries:
            _put(merged, kind, amount)
        return cls._of(merged)

    @classmethod
    def parse(cls, text: str, default_role: str = roles.ANY_ROLE) -> Resources:
        """From the text of a flag: ``cpus:4;mem:1024;ports:[1-5]``, or a JSON array of resources.

        What names no role is reserved for ``default_role``. Raises
        :class:`~mesos_compat.resources.errors.ResourceError` for what is malformed or may not be
        given on a command line.
        """
        return cls(parsing.parse(text, default_role))

    # Arithmetic.

    def __add__(self, other: Resources) -> Resources:
        if not other._entries:
            return self
        if not self._entries:
            return other
        entries = dict(self._entries)
        for kind, amount in other._entries.items():
            have = entries.get(kind)
            entries[kind] = amount if have is None else plus(have, amount)
        return Resources._of(entries)

    def __sub__(self, other: Resources) -> Resources:
        """What is left. What is not here, or more than is here, is ignored, as in Mesos."""
        if not other._entries or not self._entries:
            return self
        entries = dict(self._entries)
        for kind, amount in other._entries.items():
            have = entries.get(kind)
            if have is None:
                continue
            left = minus(have, amount)
            if is_positive(left):
                entries[kind] = left
            else:
                _drop(entries, kind)
        return Resources._of(entries)

    def contains(self, other: Resources) -> bool:
        """Whether all of ``other`` can be taken out of this."""
        mine = self._entries
        for kind, wanted in other._entries.items():
            have = mine.get(kind)
            if have is None or not covers(have, wanted):
                return False
        return True

    def contains_quantities(self, quantities: Quantities) -> bool:
        """Whether there is at least so much of each name, of whatever kind."""
        return self.quantities().contains(quantities)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resources) and self._entries == other._entries

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self._entries)

    # Looking inside.

    def __iter__(self) -> Iterator[mesos_pb2.Resource]:
        """Messages of the newer format, made anew; a shared volume comes once."""
        for kind, amount in self._entries.items():
            for _copy in range(kind.copies(amount)):
                yield kind.message(amount)

    def __len__(self) -> int:
        return sum(kind.copies(amount) for kind, amount in self._entries.items())

    def kinds(self) -> Iterable[tuple[Kind, Amount]]:
        """Kinds and amounts, without the cost of messages; see :class:`Kind` for counts."""
        return self._entries.items()

    def messages(self, wanted: Format = Format.POST) -> list[mesos_pb2.Resource]:
        """Messages in the wanted format; raises ``ResourceError`` where PRE cannot show them."""
        shown = list(self)
        if wanted is not Format.POST:
            for message in shown:
                formats.convert(message, wanted)
        return shown

    def __str__(self) -> str:
        shown = [
            text if not kind.shared else f"{text}<{amount}>"
            for kind, amount in self._entries.items()
            for text in [resource_text(kind.message(amount))] * kind.copies(amount)
        ]
        return "; ".join(shown) or "{}"

    def __repr__(self) -> str:
        return f"Resources({str(self)!r})"

    def quantities(self) -> Quantities:
        """Amounts by name, in thousandths; members of ranges and sets count as one each."""
        if self._quantities is None:
            self._quantities = Quantities(
                (kind.name, kind.thousandths(amount)) for kind, amount in self._entries.items()
            )
        return self._quantities

    def amount(self, name: str) -> int:
        """The thousandths of the scalar ``name``, zero when there is none."""
        return sum(
            kind.thousandths(amount)
            for kind, amount in self._entries.items()
            if kind.name == name and kind.is_scalar
        )

    def ranges(self, name: str) -> Ranges:
        """The members of the ranges ``name``, of whatever kind."""
        total = Ranges()
        for kind, amount in self._entries.items():
            if kind.name == name and isinstance(amount, Ranges):
                total += amount
        return total

    def items(self, name: str) -> Items:
        """The members of the set ``name``, of whatever kind."""
        total = Items()
        for kind, amount in self._entries.items():
            if kind.name == name and isinstance(amount, Items):
                total += amount
        return total

    def names(self) -> list[str]:
        """The names of what there is, sorted."""
        return sorted({kind.name: None for kind in self._entries})

    def is_allocatable_to(self, role: str) -> bool:
        """Whether ``role`` may have all of this; see :meth:`allocatable_to` for the part."""
        return all(kind.is_allocatable_to(role) for kind in self._entries)

    # Parts.

    def select(self, predicate: Callable[[Kind], bool]) -> Resources:
        """The part whose kinds satisfy ``predicate``: :meth:`filter` without making messages."""
        return Resources._of(
            {kind: amount for kind, amount in self._entries.items() if predicate(kind)}
        )

    def filter(self, predicate: Callable[[mesos_pb2.Resource], bool]) -> Resources:
        """The part whose messages satisfy ``predicate``."""
        return Resources._of(
            {
                kind: amount
                for kind, amount in self._entries.items()
                if predicate(kind.message(amount))
            }
        )

    def reserved(self, role: str | None = None) -> Resources:
        """What is reserved, for ``role`` itself when one is given."""
        if role is None:
            return self.select(lambda kind: bool(kind.reservations))
        return self.select(lambda kind: kind.reservation_role == role)

    def unreserved(self) -> Resources:
        """What nobody has reserved."""
        return self.select(lambda kind: not kind.reservations)

    def reservations(self) -> dict[str, Resources]:
        """What is reserved, by role."""
        return self._grouped(lambda kind: kind.reservation_role)

    def reserved_to_subtree(self, role: str) -> Resources:
        """What is reserved for ``role`` or for a role below it."""
        return self.select(
            lambda kind: (
                bool(kind.reservations) and roles.is_in_subtree(kind.reservations[-1].role, role)
            )
        )

    def allocatable_to(self, role: str) -> Resources:
        """What ``role`` may have: the unreserved, its own, and that of roles above it."""
        return self.select(lambda kind: kind.is_allocatable_to(role))

    def revocable(self) -> Resources:
        """What may be taken away again."""
        return self.select(lambda kind: kind.revocable)

    def nonrevocable(self) -> Resources:
        """What may not be taken away."""
        return self.select(lambda kind: not kind.revocable)

    def shared(self) -> Resources:
        """Shared volumes, with the counts of their uses."""
        return self.select(lambda kind: kind.shared)

    def nonshared(self) -> Resources:
        """All but shared volumes."""
        return self.select(lambda kind: not kind.shared)

    def persistent_volumes(self) -> Resources:
        """Persistent volumes, shared ones included."""
        return self.select(lambda kind: kind.is_persistent_volume)

    def scalars(self) -> Resources:
        """What is a number."""
        return self.select(lambda kind: kind.is_scalar)

    def nonscalars(self) -> Resources:
        """Ranges and sets."""
        return self.select(lambda kind: not kind.is_scalar)

    def named(self, name: str) -> Resources:
        """What is called ``name``."""
        return self.select(lambda kind: kind.name == name)

    def allocations(self) -> dict[str, Resources]:
        """What is allocated, by role."""
        return self._grouped(lambda kind: kind.allocated_to)

    def allocated_to_subtree(self, role: str) -> Resources:
        """What is allocated to ``role`` or to a role below it."""
        return self.select(
            lambda kind: (
                kind.allocated_to is not None and roles.is_in_subtree(kind.allocated_to, role)
            )
        )

    def _grouped(self, role_of: Callable[[Kind], str | None]) -> dict[str, Resources]:
        groups: dict[str, dict[Kind, Amount]] = {}
        for kind, amount in self._entries.items():
            role = role_of(kind)
            if role is not None:
                groups.setdefault(role, {})[kind] = amount
        return {role: Resources._of(entries) for role, entries in groups.items()}

    # Changed marks.

    def _mapped(self, change: Callable[[Kind], Kind]) -> Resources:
        return Resources.of_kinds((change(kind), amount) for kind, amount in self._entries.items())

    def allocate(self, role: str) -> Resources:
        """The same, all of it allocated to ``role``."""
        if all(kind.allocated_to is None for kind in self._entries):
            # The usual case, in which no two kinds can become one.
            return Resources._of(
                {kind.allocated(role): amount for kind, amount in self._entries.items()}
            )
        return self._mapped(lambda kind: kind.allocated(role))

    def unallocate(self) -> Resources:
        """The same, allocated to nobody."""
        return self._mapped(lambda kind: kind.allocated(None))

    def push_reservation(self, info: mesos_pb2.Resource.ReservationInfo) -> Resources:
        """The same with one more reservation, which must refine the present one."""
        added = Reservation.of(info)
        pushed = self._mapped(lambda kind: kind.reserved((*kind.reservations, added)))
        for message in pushed:
            fault = validate_resource(message)
            invariant(fault is None, "a pushed reservation is valid", fault=fault)
        return pushed

    def pop_reservation(self) -> Resources:
        """The same without the last reservation; all of it must be reserved."""
        for kind in self._entries:
            invariant(kind.reservations, "what is popped is reserved", name=kind.name)
        return self._mapped(lambda kind: kind.reserved(kind.reservations[:-1]))

    def to_unreserved(self) -> Resources:
        """The same without any reservation."""
        return self._mapped(lambda kind: kind.reserved(()))

    # Smaller sizes.

    def shrink_to(self, target: Quantities | Limits) -> Resources:
        """A part that is no more than ``target``; what cannot be divided fits whole or not.

        Names that ``target`` lacks are left out when it is :class:`Quantities`, and kept whole
        when it is :class:`Limits`. Source: ``shrinkResources``; here the first come first.
        """
        remaining = dict(target.items())
        keeps_others = isinstance(target, Limits)
        entries: dict[Kind, Amount] = {}
        for kind, amount in self._entries.items():
            limit = remaining.get(kind.name)
            if limit is None:
                if keeps_others:
                    entries[kind] = amount
                continue
            part = _shrunk(kind, amount, limit)
            if is_positive(part):
                entries[kind] = part
                remaining[kind.name] = limit - kind.thousandths(part)
        return Resources._of(entries)


def _put(entries: dict[Kind, Amount], kind: Kind, amount: Amount) -> None:
    if is_positive(amount):
        have = entries.get(kind)
        entries[kind] = amount if have is None else plus(have, amount)


def _drop(entries: dict[Kind, Amount], gone: Kind) -> None:
    """Take ``gone`` out and put the last entry into its place."""
    last, amount = entries.popitem()
    if last == gone:
        return
    moved = [(last, amount) if kind == gone else (kind, value) for kind, value in entries.items()]
    entries.clear()
    entries.update(moved)


def _shrunk(kind: Kind, amount: Amount, limit_thousandths: int) -> Amount:
    """As much of one entry as ``limit_thousandths`` allows, which may be nothing."""
    if kind.size is None and isinstance(amount, int):
        return min(amount, limit_thousandths)
    if kind.thousandths(amount) <= limit_thousandths:
        return amount
    one = kind.thousandths(1) if kind.size is not None else 0
    # Of several equal disks some may fit; of ranges and sets no part is chosen.
    return limit_thousandths // one if one and not kind.shared else 0
