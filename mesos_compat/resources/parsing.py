"""Resources given on a command line: ``cpus:4;mem:1024;ports:[1-5]``, or JSON.

Source: ``Resources::parse`` and ``fromSimpleString``. ``name(role):value`` is reserved
statically for ``role``.
"""

from __future__ import annotations

from mesos_compat.errors import DecodeError
from mesos_compat.resources import formats, roles, values
from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.wellformed import validate_resource
from mesos_compat.wire import json_dialect
from mesos_compat.wire.json_dialect import JsonSyntaxError, JsonValue
from mesos_compat.wire.v1 import mesos_pb2

_ReservationInfo = mesos_pb2.Resource.ReservationInfo


def parse(text: str, default_role: str) -> list[mesos_pb2.Resource]:
    """Well-formed resources of the newer format; raises :class:`ResourceError`."""
    listed = _json_array(text)
    if listed is None:
        resources = _parse_simple(text, default_role)
    else:
        resources = _from_json(listed, default_role)
    for resource in resources:
        fault = validate_resource(resource)
        if fault is not None:
            raise ResourceError(fault)
        formats.upgrade(resource)
    _check_command_line(resources)
    return resources


def _json_array(text: str) -> list[JsonValue] | None:
    """The elements of a JSON array; whatever else ``text`` is, is read as the simple form."""
    try:
        value = json_dialect.parse(text)
    except JsonSyntaxError:
        return None
    return value if isinstance(value, list) else None


def _from_json(listed: list[JsonValue], default_role: str) -> list[mesos_pb2.Resource]:
    resources: list[mesos_pb2.Resource] = []
    for element in listed:
        try:
            resource = json_dialect.from_value(element, mesos_pb2.Resource)
        except DecodeError as error:
            raise ResourceError(
                f"Some JSON resources were not formatted properly: {error}"
            ) from error
        if not resource.HasField("role") and not resource.reservations:
            resource.role = default_role
        resources.append(resource)
    return resources


def _parse_simple(text: str, default_role: str) -> list[mesos_pb2.Resource]:
    resources: list[mesos_pb2.Resource] = []
    for token in filter(None, text.split(";")):
        pair = [part for part in token.split(":") if part]
        if len(pair) != 2:
            raise ResourceError(f"Bad value for resources, missing or extra ':' in {token}")
        name, role = pair[0].strip(), default_role
        if "(" in pair[0]:
            opening, closing = pair[0].find("("), pair[0].find(")")
            if closing < opening:
                raise ResourceError(f"Bad value for resources, mismatched parentheses in {token}")
            name = pair[0][:opening].strip()
            role = pair[0][opening + 1 : closing].strip()
        resources.append(_resource(name, pair[1], role))
    return resources


def _resource(name: str, text: str, role: str) -> mesos_pb2.Resource:
    try:
        value = values.parse(text)
    except ResourceError as error:
        raise ResourceError(
            f"Failed to parse resource {name} value {text} error {error}"
        ) from error
    resource = mesos_pb2.Resource(name=name, type=value.type)
    if value.type == mesos_pb2.Value.SCALAR:
        resource.scalar.CopyFrom(value.scalar)
    elif value.type == mesos_pb2.Value.RANGES:
        resource.ranges.CopyFrom(value.ranges)
    elif value.type == mesos_pb2.Value.SET:
        resource.set.CopyFrom(value.set)
    else:
        raise ResourceError(f"Bad type for resource {name} value {text} type TEXT")
    if role != roles.ANY_ROLE:
        resource.reservations.add(type=_ReservationInfo.STATIC, role=role)
    return resource


def _check_command_line(resources: list[mesos_pb2.Resource]) -> None:
    """What only frameworks and operators make may not be given to a flag."""
    types: dict[str, int] = {}
    for resource in resources:
        if resource.disk.HasField("persistence"):
            raise ResourceError("Persistent volumes cannot be specified at the command line")
        if resource.HasField("revocable"):
            raise ResourceError(
                "Revocable resources cannot be specified at the command line; do not include a"
                " 'revocable' key in the resources JSON"
            )
        if resource.reservations and resource.reservations[-1].type == _ReservationInfo.DYNAMIC:
            raise ResourceError(
                "Dynamic reservations cannot be specified at the command line; do not include a"
                " reservation with DYNAMIC type in the resources JSON"
            )
        if types.setdefault(resource.name, resource.type) != resource.type:
            raise ResourceError(
                f"Resources with the same name ('{resource.name}') but different types are not"
                " allowed"
            )
