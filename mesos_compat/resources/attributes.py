"""Attributes of agents: parsed from the flag's text, and shown in the older endpoints' form.

Source: ``mesos::Attributes``. An attribute is a scalar, ranges or a text; sets are not allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mesos_compat.resources import values
from mesos_compat.resources.errors import ResourceError
from mesos_compat.wire.v1 import mesos_pb2


def parse(text: str) -> list[mesos_pb2.Attribute]:
    """Attributes from ``rack:r1;level:2;ports:[1-2]``; raises :class:`ResourceError`."""
    attributes: list[mesos_pb2.Attribute] = []
    for pair in re.split(r"[;\n]", text):
        if not pair:
            continue
        name, _colon, value_text = pair.partition(":")
        if not name or not value_text:
            raise ResourceError(f"Invalid attribute key:value pair '{pair}'")
        attributes.append(_parse_one(name, value_text))
    return attributes


def _parse_one(name: str, text: str) -> mesos_pb2.Attribute:
    try:
        value = values.parse(text)
    except ResourceError as error:
        raise ResourceError(
            f"Failed to parse attribute {name} text {text} error {error}"
        ) from error
    attribute = mesos_pb2.Attribute(name=name, type=value.type)
    if value.type == mesos_pb2.Value.SCALAR:
        attribute.scalar.CopyFrom(value.scalar)
    elif value.type == mesos_pb2.Value.RANGES:
        attribute.ranges.CopyFrom(value.ranges)
    elif value.type == mesos_pb2.Value.TEXT:
        attribute.text.CopyFrom(value.text)
    else:
        raise ResourceError(f"Bad type for attribute {name} text {text} type SET")
    return attribute


def to_object(attributes: Iterable[mesos_pb2.Attribute]) -> dict[str, float | str]:
    """The older endpoints' form: ``{"rack": "r1", "level": 7.0, "ports": "[1-2]"}``."""
    shown: dict[str, float | str] = {}
    for attribute in attributes:
        if attribute.type == mesos_pb2.Value.SCALAR:
            shown[attribute.name] = values.to_double(values.to_thousandths(attribute.scalar.value))
        elif attribute.type == mesos_pb2.Value.RANGES:
            ranges = ", ".join(f"{one.begin}-{one.end}" for one in attribute.ranges.range)
            shown[attribute.name] = f"[{ranges}]"
        elif attribute.type == mesos_pb2.Value.SET:
            shown[attribute.name] = str(values.Items(tuple(attribute.set.item)))
        else:
            shown[attribute.name] = attribute.text.value
    return shown
