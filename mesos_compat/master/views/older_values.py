"""Values that several of the older endpoints have: amounts of resources, labels, times.

Amounts are what :mod:`mesos_compat.resources.objects` makes of resources, made for answers with
tens of thousands of them: straight from messages, and sums over a whole cluster in one go.
Source: ``common/http.cpp`` of Mesos.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mesos_compat.resources import Kind, Resources
from mesos_compat.resources.values import Items, Ranges, to_double, to_thousandths
from mesos_compat.wire.json_dialect import JsonValue
from mesos_compat.wire.v1 import mesos_pb2

#: An object, whose members come in the order in which Mesos writes them.
JsonObject = dict[str, JsonValue]

_NS_PER_SECOND: Final = 1_000_000_000
# Always there, and first, in the order that Mesos's answers have.
_ALWAYS: Final = ("disk", "mem", "gpus", "cpus")
_SCALAR: Final = mesos_pb2.Value.SCALAR
_RANGES: Final = mesos_pb2.Value.RANGES

_Pairs = dict[str, list[tuple[int, int]]]
_Names = dict[str, list[str]]


def seconds(time_ns: int) -> float:
    """Nanoseconds since 1970 as the seconds that are shown."""
    return time_ns / _NS_PER_SECOND


def labels(given: mesos_pb2.Labels) -> JsonValue:
    """Labels as a list, without the object around it."""
    return [
        {"key": one.key, "value": one.value} if one.HasField("value") else {"key": one.key}
        for one in given.labels
    ]


def by_name(value: JsonValue) -> JsonValue:
    """The same with sorted members everywhere: so Mesos prints what it does not write by hand."""
    if isinstance(value, dict):
        return {name: by_name(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [by_name(one) for one in value]
    return value


def amounts(parts: Iterable[Resources]) -> JsonObject:
    """What all of ``parts`` come to, as one object; a shared volume counts once."""
    scalars = dict.fromkeys(_ALWAYS, 0)
    pairs: _Pairs = {}
    names: _Names = {}
    shared: dict[Kind, None] = {}
    for part in parts:
        for kind, amount in part.kinds():
            if kind.shared:
                if kind in shared:
                    continue
                shared[kind] = None
            name = kind.name + "_revocable" if kind.revocable else kind.name
            if kind.is_scalar:
                scalars[name] = scalars.get(name, 0) + kind.thousandths(amount)
                continue
            members = amount if kind.size is None else kind.size
            if isinstance(members, Ranges):
                pairs.setdefault(name, []).extend(members.pairs)
            elif isinstance(members, Items):
                names.setdefault(name, []).extend(members.names)
    return _object(scalars, pairs, names)


def amounts_of(messages: Iterable[mesos_pb2.Resource]) -> JsonObject:
    """What well-formed messages of either format come to, as one object."""
    scalars = dict.fromkeys(_ALWAYS, 0)
    pairs: _Pairs = {}
    names: _Names = {}
    for one in messages:
        name = one.name + "_revocable" if one.HasField("revocable") else one.name
        if one.type == _SCALAR:
            scalars[name] = scalars.get(name, 0) + to_thousandths(one.scalar.value)
        elif one.type == _RANGES:
            pairs.setdefault(name, []).extend((pair.begin, pair.end) for pair in one.ranges.range)
        else:
            names.setdefault(name, []).extend(one.set.item)
    return _object(scalars, pairs, names)


def _object(scalars: dict[str, int], pairs: _Pairs, names: _Names) -> JsonObject:
    """Numbers, then ranges, then sets, both as text."""
    made: JsonObject = {name: to_double(amount) for name, amount in scalars.items()}
    for name, found in pairs.items():
        made[name] = str(Ranges.of(found))
    for name, items in names.items():
        made[name] = str(Items.of(items))
    return made
