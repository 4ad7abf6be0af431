"""Whether one resource message is well formed: value, disk, reservations, sharing.

Both formats of reservations may come (see :mod:`mesos_compat.resources.formats`). Source:
``Resources::validate``; the texts are Mesos's.
"""

from __future__ import annotations

from itertools import pairwise

from mesos_compat.resources import roles
from mesos_compat.resources.texts import labels_text, source_text
from mesos_compat.resources.values import to_thousandths
from mesos_compat.wire.v1 import mesos_pb2

_Source = mesos_pb2.Resource.DiskInfo.Source
_ReservationInfo = mesos_pb2.Resource.ReservationInfo


def validate_resource(resource: mesos_pb2.Resource) -> str | None:
    """Why ``resource`` is not well formed, or None. An exact zero is well formed."""
    if not resource.name:
        return "Empty resource name"
    fault = _value_fault(resource)
    if fault is None and resource.HasField("disk"):
        fault = _disk_fault(resource)
    if fault is not None:
        return fault
    if resource.reservations:
        fault = _stack_fault(resource) or _older_fields_fault(resource)
    else:
        fault = _older_format_fault(resource)
    if fault is not None:
        return fault
    if resource.HasField("shared"):
        if resource.name != "disk":
            return f"Resource {resource.name} cannot be shared"
        if not resource.disk.HasField("persistence"):
            return "Only persistent volumes can be shared"
    return None


def _value_fault(resource: mesos_pb2.Resource) -> str | None:
    present = (
        resource.HasField("scalar"),
        resource.HasField("ranges"),
        resource.HasField("set"),
    )
    if resource.type == mesos_pb2.Value.SCALAR:
        if present != (True, False, False):
            return "Invalid scalar resource"
        value = resource.scalar.value
        # What is not zero must not become zero by rounding either.
        if value != 0 and to_thousandths(value) <= 0:
            return "Invalid scalar resource: value <= 0"
        return None
    if resource.type == mesos_pb2.Value.RANGES:
        if present != (False, True, False):
            return "Invalid ranges resource"
        return _ranges_fault(resource.ranges)
    if resource.type == mesos_pb2.Value.SET:
        if present != (False, False, True):
            return "Invalid set resource"
        items = resource.set.item
        if len(dict.fromkeys(items)) != len(items):
            return "Invalid set resource: duplicated elements"
        return None
    return "Unsupported resource type"


def _ranges_fault(ranges: mesos_pb2.Value.Ranges) -> str | None:
    pairs = [(one.begin, one.end) for one in ranges.range]
    if any(begin > end for begin, end in pairs):
        return "Invalid ranges resource: begin > end"
    pairs.sort()
    for (_begin, end), (next_begin, _end) in pairwise(pairs):
        if next_begin <= end:
            return "Invalid ranges resource: overlapping ranges"
    return None


def _disk_fault(resource: mesos_pb2.Resource) -> str | None:
    if resource.name != "disk":
        return f"DiskInfo should not be set for {resource.name} resource"
    if not resource.disk.HasField("source"):
        return None
    source = resource.disk.source
    if source.type == _Source.UNKNOWN:
        return f"Unsupported 'DiskInfo.Source.Type' in '{source_text(source)}'"
    if source.type in (_Source.BLOCK, _Source.RAW):
        kind = _Source.Type.Name(source.type)
        if source.HasField("mount"):
            return f"Mount should not be set for {kind} disk source"
        if source.HasField("path"):
            return f"Path should not be set for {kind} disk source"
    return None


def _older_format_fault(resource: mesos_pb2.Resource) -> str | None:
    """Checks ``role`` and ``reservation`` of a resource without ``reservations``."""
    fault = roles.validate(resource.role)
    if fault is not None or not resource.HasField("reservation"):
        return fault
    for member in ("type", "role"):
        if resource.reservation.HasField(member):
            return (
                f"'Resource.ReservationInfo.{member}' must not be set for"
                " the 'Resource.reservation' field"
            )
    if resource.role == roles.ANY_ROLE:
        return 'Invalid reservation: role "*" cannot be dynamically reserved'
    return None


def _stack_fault(resource: mesos_pb2.Resource) -> str | None:
    """Checks ``reservations``: each entry, and that each refines the one before it."""
    for reservation in resource.reservations:
        for member in ("type", "role"):
            if not reservation.HasField(member):
                return (
                    f"Invalid reservation: 'Resource.ReservationInfo.{member}' field must be set."
                )
        fault = roles.validate(reservation.role)
        if fault is not None:
            return fault
        if reservation.role == roles.ANY_ROLE:
            return 'Invalid reservation: role "*" cannot be reserved'
    ancestor = resource.reservations[0].role
    for reservation in resource.reservations[1:]:
        if reservation.type == _ReservationInfo.STATIC:
            return "Invalid refined reservation: A refined reservation cannot be STATIC"
        if not roles.is_subrole(reservation.role, ancestor):
            return (
                f"Invalid refined reservation: role '{reservation.role}'"
                f" is not a refinement of '{ancestor}'"
            )
        ancestor = reservation.role
    return None


def _older_fields_fault(resource: mesos_pb2.Resource) -> str | None:
    """Checks ``role`` and ``reservation`` beside ``reservations``: they must say the same."""
    if len(resource.reservations) > 1:
        for member in ("role", "reservation"):
            if resource.HasField(member):
                return (
                    f"Invalid resource format: 'Resource.{member}' must not be set if there is"
                    " more than one reservation in 'Resource.reservations'"
                )
        return None
    single = resource.reservations[0]
    if resource.HasField("role") and resource.role != single.role:
        return (
            f"Invalid resource format: 'Resource.role' field with '{resource.role}' does not"
            f" match the role '{single.role}' in 'Resource.reservations'"
        )
    if single.type == _ReservationInfo.STATIC:
        if resource.HasField("reservation"):
            return (
                "Invalid resource format: 'Resource.reservation' must not be set if the single"
                " reservation in 'Resource.reservations' is STATIC"
            )
        return None
    if single.type != _ReservationInfo.DYNAMIC:
        return "Unsupported 'Resource.ReservationInfo.Type'"
    if resource.HasField("role") != resource.HasField("reservation"):
        return (
            "Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be"
            " both set or both not set if the single reservation in 'Resource.reservations' is"
            " DYNAMIC"
        )
    if not resource.HasField("reservation"):
        return None
    return _older_reservation_fault(resource.reservation, single)


def _older_reservation_fault(
    older: mesos_pb2.Resource.ReservationInfo, single: mesos_pb2.Resource.ReservationInfo
) -> str | None:
    if older.principal != single.principal:
        return (
            f"Invalid resource format: 'Resource.reservation.principal' field with"
            f" '{older.principal}' does not match the principal '{single.principal}' in"
            " 'Resource.reservations'"
        )
    if older.labels != single.labels:
        return (
            "Invalid resource format: 'Resource.reservation.labels' field with"
            f" '{labels_text(older.labels)}' does not match the labels"
            f" '{labels_text(single.labels)}' in 'Resource.reservations'"
        )
    return None
