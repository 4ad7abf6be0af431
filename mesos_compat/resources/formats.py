"""The two formats of reservations, the one that endpoints show, and allocation marks.

====================  ==========================================  ==========================
reservation           PRE (before refinement)                     POST (with refinement)
====================  ==========================================  ==========================
none                  ``role: "*"``                               ``reservations`` empty
static                ``role: R``                                 one STATIC entry
dynamic               ``role: R`` and ``reservation``             one DYNAMIC entry
refined               cannot be shown                             several entries
====================  ==========================================  ==========================

ENDPOINT is POST with ``role`` and ``reservation`` filled in as well where PRE has them. Inside
this program resources are in POST. The functions change the messages that they are given.
Source: ``convertResourceFormat``, ``upgradeResources``, ``downgradeResources``,
``injectAllocationInfo`` and ``stripAllocationInfo`` of Mesos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import cache

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from mesos_compat.resources import roles
from mesos_compat.resources.errors import ResourceError
from mesos_compat.wire.v1 import mesos_pb2

_DYNAMIC = mesos_pb2.Resource.ReservationInfo.DYNAMIC
_STATIC = mesos_pb2.Resource.ReservationInfo.STATIC


class Format(Enum):
    """How reservations are written."""

    PRE = "PRE_RESERVATION_REFINEMENT"
    POST = "POST_RESERVATION_REFINEMENT"
    ENDPOINT = "ENDPOINT"


def upgrade(resource: mesos_pb2.Resource) -> None:
    """Turn one well-formed resource of any format into POST."""
    if not resource.reservations and resource.role != roles.ANY_ROLE:
        made = resource.reservations.add()
        if resource.HasField("reservation"):
            made.CopyFrom(resource.reservation)
            made.type = _DYNAMIC
        else:
            made.type = _STATIC
        made.role = resource.role
    resource.ClearField("role")
    resource.ClearField("reservation")


def downgrade(resource: mesos_pb2.Resource) -> None:
    """Turn one resource of POST into PRE; raises :class:`ResourceError` when it is refined."""
    if len(resource.reservations) > 1:
        raise ResourceError("Cannot downgrade resources containing refined reservations")
    _fill_older_fields(resource)
    resource.ClearField("reservations")


def to_endpoint(resource: mesos_pb2.Resource) -> None:
    """Turn one resource of POST into ENDPOINT."""
    if len(resource.reservations) <= 1:
        _fill_older_fields(resource)


def _fill_older_fields(resource: mesos_pb2.Resource) -> None:
    if not resource.reservations:
        resource.role = roles.ANY_ROLE
        return
    single = resource.reservations[0]
    resource.role = single.role
    if single.type == _DYNAMIC:
        resource.reservation.SetInParent()
        if single.HasField("principal"):
            resource.reservation.principal = single.principal
        if single.HasField("labels"):
            resource.reservation.labels.CopyFrom(single.labels)


def convert(resource: mesos_pb2.Resource, wanted: Format) -> None:
    """Turn one resource of POST into ``wanted``; raises :class:`ResourceError`."""
    if wanted is Format.PRE:
        downgrade(resource)
    elif wanted is Format.ENDPOINT:
        to_endpoint(resource)


def upgrade_all(message: Message) -> None:
    """Turn every resource anywhere within ``message`` into POST; they must be well formed."""
    _for_each_resource(message, upgrade)


def downgrade_all(message: Message) -> None:
    """Turn every resource anywhere within ``message`` into PRE; raises :class:`ResourceError`.

    A message for which it was raised may be changed in part.
    """
    _for_each_resource(message, downgrade)


def _for_each_resource(message: Message, change: Callable[[mesos_pb2.Resource], None]) -> None:
    # A stack instead of recursion: what is nested deeply came from outside.
    waiting = [message]
    while waiting:
        current = waiting.pop()
        if isinstance(current, mesos_pb2.Resource):
            change(current)
            continue
        for name in _ways_to_resources(current.DESCRIPTOR):
            value = getattr(current, name)
            if not isinstance(value, Message):
                waiting.extend(value)
            elif current.HasField(name):
                waiting.append(value)


@cache
def _ways_to_resources(descriptor: Descriptor) -> tuple[str, ...]:
    """The fields of ``descriptor`` that are or may hold resources."""
    return tuple(
        field.name
        for field in descriptor.fields
        if field.message_type is not None
        and not field.message_type.GetOptions().map_entry
        and _may_hold_resources(field.message_type)
    )


@cache
def _may_hold_resources(descriptor: Descriptor) -> bool:
    wanted = mesos_pb2.Resource.DESCRIPTOR.full_name
    seen = {descriptor.full_name: descriptor}
    waiting = [descriptor]
    while waiting:
        current = waiting.pop()
        if current.full_name == wanted:
            return True
        for field in current.fields:
            inner = field.message_type
            if inner is not None and inner.full_name not in seen:
                seen[inner.full_name] = inner
                waiting.append(inner)
    return False


def inject_allocation(resources: Iterable[mesos_pb2.Resource], role: str) -> None:
    """Mark those of ``resources`` that are allocated to nobody as allocated to ``role``."""
    for resource in resources:
        if not resource.HasField("allocation_info"):
            resource.allocation_info.role = role


def strip_allocation(resources: Iterable[mesos_pb2.Resource]) -> None:
    """Take the mark of allocation from ``resources``."""
    for resource in resources:
        resource.ClearField("allocation_info")


def resources_of_operation(
    operation: mesos_pb2.Offer.Operation,
) -> Iterator[mesos_pb2.Resource]:
    """Every resource that ``operation`` names, tasks' and executors' included."""
    kind = mesos_pb2.Offer.Operation
    if operation.type == kind.LAUNCH:
        yield from _resources_of_tasks(operation.launch.task_infos)
    elif operation.type == kind.LAUNCH_GROUP:
        yield from operation.launch_group.executor.resources
        yield from _resources_of_tasks(operation.launch_group.task_group.tasks)
    elif operation.type == kind.RESERVE:
        yield from operation.reserve.source
        yield from operation.reserve.resources
    elif operation.type == kind.UNRESERVE:
        yield from operation.unreserve.resources
    elif operation.type == kind.CREATE:
        yield from operation.create.volumes
    elif operation.type == kind.DESTROY:
        yield from operation.destroy.volumes
    elif operation.type == kind.GROW_VOLUME:
        yield operation.grow_volume.volume
        yield operation.grow_volume.addition
    elif operation.type == kind.SHRINK_VOLUME:
        yield operation.shrink_volume.volume
    elif operation.type == kind.CREATE_DISK:
        yield operation.create_disk.source
    elif operation.type == kind.DESTROY_DISK:
        yield operation.destroy_disk.source


def _resources_of_tasks(tasks: Iterable[mesos_pb2.TaskInfo]) -> Iterator[mesos_pb2.Resource]:
    for task in tasks:
        yield from task.resources
        yield from task.executor.resources


def inject_allocation_into(operation: mesos_pb2.Offer.Operation, role: str) -> None:
    """Mark the resources of ``operation`` that are allocated to nobody as ``role``'s."""
    inject_allocation(resources_of_operation(operation), role)


def strip_allocation_from(operation: mesos_pb2.Offer.Operation) -> None:
    """Take the marks of allocation from the resources of ``operation``."""
    strip_allocation(resources_of_operation(operation))
