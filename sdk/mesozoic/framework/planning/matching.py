"""Whether an instance fits into what an agent offers, and why not. Pure.

Usable are resources that nobody can take away: scalars and ports that are not revocable, not
shared, and no volume or disk of its own. What is reserved for the framework is used first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from mesos_compat.resources import Kind, Resources
from mesos_compat.resources.values import SCALE, Amount, Ranges, scalar_text
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.planning.constraints import HOSTNAME, fields_of
from mesozoic.framework.planning.specs import Spec

PORTS: Final = "ports"


class Room:
    """What is left of the offers of one agent while instances are placed into them."""

    __slots__ = ("agent_id", "fields", "hostname", "left", "offer_ids", "offered", "placed")

    def __init__(self, offers: Iterable[mesos_pb2.Offer]) -> None:
        """``offers`` is at least one, all of the same agent."""
        listed = list(offers)
        self.offer_ids = tuple(offer.id.value for offer in listed)
        self.agent_id = listed[0].agent_id.value
        self.fields = fields_of(listed[0])
        self.hostname = self.fields[HOSTNAME]
        #: How many instances were placed here, by name.
        self.placed: Counter[str] = Counter()
        self.offered = Resources(one for offer in listed for one in offer.resources).select(
            _is_usable
        )
        self.left = self.offered

    def lacks(self, spec: Spec) -> list[str]:
        """What is missing for one instance, as sentences; empty if it fits."""
        found = [
            f"{name}: {scalar_text(wanted)} wanted, {self._scalar_left(name, have)}"
            for name, wanted in spec.resources
            if (have := self.left.amount(name)) < wanted
        ]
        have = self.left.ranges(PORTS).size
        if have < spec.ports:
            offered = self.offered.ranges(PORTS).size
            found.append(f"ports: {spec.ports} wanted, {_left(str(have), str(offered))}")
        return found

    def _scalar_left(self, name: str, have: int) -> str:
        return _left(scalar_text(have), scalar_text(self.offered.amount(name)))

    def take(self, spec: Spec) -> tuple[list[mesos_pb2.Resource], tuple[int, ...]]:
        """Take an instance's resources out; it fits. Returns them, and the ports among them."""
        taken = [part for name, wanted in spec.resources for part in self._take(name, wanted)]
        ports = [*self._take_ports(spec.ports)]
        taken += [(kind, Ranges.of((port, port) for port in some)) for kind, some in ports]
        resources = Resources.of_kinds(taken)
        self.left -= resources
        return list(resources), tuple(port for _, some in ports for port in some)

    def _kinds(self, name: str) -> list[tuple[Kind, Amount]]:
        named = [entry for entry in self.left.kinds() if entry[0].name == name]
        return sorted(named, key=lambda entry: not entry[0].is_reserved)

    def _take(self, name: str, wanted: int) -> Iterator[tuple[Kind, Amount]]:
        for kind, amount in self._kinds(name):
            if isinstance(amount, int) and wanted:
                part = min(amount, wanted)
                wanted -= part
                yield kind, part

    def _take_ports(self, wanted: int) -> Iterator[tuple[Kind, list[int]]]:
        for kind, amount in self._kinds(PORTS):
            if isinstance(amount, Ranges) and wanted:
                some: list[int] = []
                for begin, end in amount.pairs:
                    some += range(begin, min(end + 1, begin + wanted - len(some)))
                wanted -= len(some)
                yield kind, some


def _left(have: str, offered: str) -> str:
    """What is not promised to others of the same framework already."""
    return f"{have} offered" if have == offered else f"{have} left of the {offered} offered"


def _is_usable(kind: Kind) -> bool:
    if kind.revocable or kind.shared or kind.disk is not None or kind.provider_id is not None:
        return False
    return kind.is_scalar or kind.name == PORTS


def thousandths(amount: float) -> int:
    """An amount as it is kept. Raises ``ValueError`` if it is not a positive multiple of 0.001."""
    whole = round(amount * SCALE)
    if whole <= 0 or abs(whole - amount * SCALE) > 1e-6:
        raise ValueError(f"{amount} is not a positive number of thousandths")
    return whole
