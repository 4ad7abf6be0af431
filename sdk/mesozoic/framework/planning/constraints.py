"""Where instances may run: conditions on an agent, alone or with what runs there already. Pure.

A field is the name of an attribute of agents, or ``hostname``, ``agent_id``, or ``@region`` and
``@zone`` of the agent's fault domain. An agent without the field fails every condition on it but
``!=`` and ``unlike``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mesos_compat.resources.values import Ranges, scalar_text, to_thousandths
from mesos_compat.wire.v1 import mesos_pb2

HOSTNAME: Final = "hostname"
AGENT_ID: Final = "agent_id"
REGION: Final = "@region"
ZONE: Final = "@zone"


class Operator(Enum):
    """Kinds of constraints; the values stand in stored specs."""

    EQUALS = "=="
    DIFFERS = "!="
    IS_IN = "is_in"
    LIKE = "like"
    UNLIKE = "unlike"
    UNIQUE = "unique"
    GROUP_BY = "group_by"
    MAX_PER = "max_per"


#: These look at what of the same spec runs elsewhere.
COUNTING: Final = (Operator.UNIQUE, Operator.GROUP_BY, Operator.MAX_PER)


@dataclass(frozen=True, slots=True)
class Constraint:
    """One condition; made by the functions below."""

    field: str
    operator: Operator
    values: tuple[str, ...] = ()
    # MAX_PER: how many; GROUP_BY: how many values there are, 0 if that is not known.
    number: int = 0

    def __str__(self) -> str:
        if self.operator is Operator.UNIQUE:
            return f"unique({self.field})"
        if self.operator in COUNTING:
            return f"{self.operator.value}({self.field}, {self.number})"
        return f"{self.field} {self.operator.value} {', '.join(self.values)}"


class Attribute:
    """``attribute("rack") == "r1"`` and the like make constraints."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __eq__(self, value: object) -> Constraint:  # type: ignore[override]
        return Constraint(self._name, Operator.EQUALS, (str(value),))

    def __ne__(self, value: object) -> Constraint:  # type: ignore[override]
        return Constraint(self._name, Operator.DIFFERS, (str(value),))

    __hash__ = None  # type: ignore[assignment]

    def is_in(self, *values: object) -> Constraint:
        """The attribute has one of these values."""
        return Constraint(self._name, Operator.IS_IN, tuple(str(value) for value in values))


def attribute(name: str) -> Attribute:
    """An attribute of agents, to be compared; scalars are compared as Mesos prints them."""
    return Attribute(name)


def like(name: str, pattern: str) -> Constraint:
    """The whole value matches a regular expression; raises ``re.error``."""
    re.compile(pattern)
    return Constraint(name, Operator.LIKE, (pattern,))


def unlike(name: str, pattern: str) -> Constraint:
    """The value does not match a regular expression as a whole; raises ``re.error``."""
    re.compile(pattern)
    return Constraint(name, Operator.UNLIKE, (pattern,))


def unique(name: str) -> Constraint:
    """At most one instance for each value."""
    return Constraint(name, Operator.UNIQUE)


def max_per(name: str, number: int) -> Constraint:
    """At most ``number`` instances for each value."""
    return Constraint(name, Operator.MAX_PER, number=number)


def group_by(name: str, number: int = 0) -> Constraint:
    """Instances are spread evenly over the values.

    Known are the values of agents that were offered lately; with ``number`` instances also wait
    until so many values are known.
    """
    return Constraint(name, Operator.GROUP_BY, number=number)


def fields_of(offer: mesos_pb2.Offer) -> dict[str, str]:
    """The fields of an offer's agent."""
    fields = {one.name: _text(one) for one in offer.attributes}
    fields[HOSTNAME] = offer.hostname
    fields[AGENT_ID] = offer.agent_id.value
    if offer.domain.HasField("fault_domain"):
        fields[REGION] = offer.domain.fault_domain.region.name
        fields[ZONE] = offer.domain.fault_domain.zone.name
    return fields


def _text(attribute: mesos_pb2.Attribute) -> str:
    if attribute.type == mesos_pb2.Value.SCALAR:
        return scalar_text(to_thousandths(attribute.scalar.value))
    if attribute.type == mesos_pb2.Value.RANGES:
        return str(Ranges.of((one.begin, one.end) for one in attribute.ranges.range))
    return attribute.text.value


def fault(
    constraint: Constraint,
    fields: Mapping[str, str],
    counts: Mapping[str, int],
    known: Iterable[str],
) -> str | None:
    """Why an agent with ``fields`` is not allowed, or None if it is.

    ``counts`` are the instances of the spec for each value of the constraint's field, ``known``
    the values that there are.
    """
    value = fields.get(constraint.field)
    if constraint.operator in COUNTING:
        if value is None:
            return f"{constraint}: the agent has no {constraint.field}"
        return _counted_fault(constraint, value, counts, known)
    if _holds(constraint, value):
        return None
    return f"{constraint}: the agent has {'none' if value is None else repr(value)}"


def _holds(constraint: Constraint, value: str | None) -> bool:
    match constraint.operator:
        case Operator.DIFFERS:
            return value not in constraint.values
        case Operator.LIKE:
            return value is not None and re.fullmatch(constraint.values[0], value) is not None
        case Operator.UNLIKE:
            return value is None or re.fullmatch(constraint.values[0], value) is None
        case _:
            return value in constraint.values


def _counted_fault(
    constraint: Constraint, value: str, counts: Mapping[str, int], known: Iterable[str]
) -> str | None:
    have = counts.get(value, 0)
    if constraint.operator is not Operator.GROUP_BY:
        most = 1 if constraint.operator is Operator.UNIQUE else constraint.number
        return None if have < most else f"{constraint}: {have} there on {value!r}"
    others = {one: counts.get(one, 0) for one in sorted({*known, *counts, value})}
    least = min(others.values())
    if len(others) < constraint.number:
        least = 0
    if have <= least:
        return None
    fewer = next((one for one, count in others.items() if count < have), "a value not seen yet")
    return f"{constraint}: {have} there on {value!r}, fewer on {fewer!r}"
