"""Whether lists of resources, as clients send them, may be used.

Each function gives the first fault in Mesos's words, or None. :func:`validate` looks at each
resource by itself; :func:`validate_usable` also at what tasks, executors and operations may
not name. All but :func:`validate` and :func:`validate_operation` want the newer format.
Source: ``Resources::validate``, ``validation::resource`` of the master, and
``validateAndUpgradeResources``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mesos_compat.resources.identifiers import validate_id
from mesos_compat.resources.quantities import Quantities
from mesos_compat.resources.resources import Resources
from mesos_compat.resources.texts import resource_text
from mesos_compat.resources.values import SCALE, to_thousandths
from mesos_compat.resources.wellformed import validate_resource
from mesos_compat.wire.v1 import mesos_pb2

_Operation = mesos_pb2.Offer.Operation

# The member of an operation that goes with its type, and how Mesos speaks of it when it is
# missing: with which article, as what, and whether the sentence ends in a stop.
_MEMBERS: Final = {
    _Operation.RESERVE: ("reserve", "A RESERVE offer operation", "."),
    _Operation.UNRESERVE: ("unreserve", "An UNRESERVE offer operation", "."),
    _Operation.CREATE: ("create", "A CREATE offer operation", "."),
    _Operation.DESTROY: ("destroy", "A DESTROY offer operation", "."),
    _Operation.GROW_VOLUME: ("grow_volume", "A GROW_VOLUME operation", ""),
    _Operation.SHRINK_VOLUME: ("shrink_volume", "A SHRINK_VOLUME offer operation", ""),
    _Operation.LAUNCH: ("launch", "A LAUNCH offer operation", "."),
    _Operation.LAUNCH_GROUP: ("launch_group", "A LAUNCH_GROUP offer operation", "."),
    _Operation.CREATE_DISK: ("create_disk", "A CREATE_DISK offer operation", "."),
    _Operation.DESTROY_DISK: ("destroy_disk", "A DESTROY_DISK offer operation", "."),
}


def validate(messages: Iterable[mesos_pb2.Resource]) -> str | None:
    """Checks that each is well formed; the text begins ``Resource '...' is invalid: ``."""
    for message in messages:
        fault = validate_resource(message)
        if fault is not None:
            return f"Resource '{resource_text(message)}' is invalid: {fault}"
    return None


def validate_usable(messages: Sequence[mesos_pb2.Resource]) -> str | None:
    """Checks what a task, an executor or an operation of the master names."""
    for prefix, check in (
        ("Invalid resources", validate),
        ("Invalid 'gpus' resource", validate_gpus),
        ("Invalid DiskInfo", validate_disk_info),
        ("Invalid ReservationInfo", validate_reservation_info),
    ):
        fault = check(messages)
        if fault is not None:
            return f"{prefix}: {fault}"
    return None


def validate_gpus(messages: Iterable[mesos_pb2.Resource]) -> str | None:
    """Checks that there are whole gpus."""
    gpus = sum(
        to_thousandths(message.scalar.value) for message in messages if message.name == "gpus"
    )
    return "The 'gpus' resource must be an unsigned integer" if gpus % SCALE else None


def validate_disk_info(messages: Iterable[mesos_pb2.Resource]) -> str | None:
    """Checks what is said of disks: persistent volumes are reserved, named and mounted."""
    for message in messages:
        if not message.HasField("disk"):
            continue
        disk = message.disk
        fault: str | None = None
        if disk.HasField("persistence"):
            fault = _persistence_fault(message)
        elif disk.HasField("volume"):
            fault = "Non-persistent volume not supported"
        elif not disk.HasField("source"):
            fault = "DiskInfo is set but empty"
        if fault is not None:
            return fault
    return None


def _persistence_fault(volume: mesos_pb2.Resource) -> str | None:
    if volume.HasField("revocable"):
        return "Persistent volumes cannot be created from revocable resources"
    if not volume.reservations:
        return "Persistent volumes cannot be created from unreserved resources"
    if not volume.disk.HasField("volume"):
        return "Expecting 'volume' to be set for persistent volume"
    if volume.disk.volume.HasField("host_path"):
        return "Expecting 'host_path' to be unset for persistent volume"
    fault = validate_id(volume.disk.persistence.id)
    return f"Invalid persistence ID for persistent volume: {fault}" if fault else None


def validate_reservation_info(messages: Iterable[mesos_pb2.Resource]) -> str | None:
    """Checks that nothing revocable is dynamically reserved."""
    dynamic = mesos_pb2.Resource.ReservationInfo.DYNAMIC
    for message in messages:
        if (
            message.reservations
            and message.reservations[-1].type == dynamic
            and message.HasField("revocable")
        ):
            return (
                f"Dynamically reserved resource {resource_text(message)} cannot be created from"
                " revocable resources"
            )
    return None


def validate_unique_persistence_ids(resources: Resources) -> str | None:
    """Checks that no role has two volumes of one id; uses of one shared volume are one."""
    seen: dict[tuple[str | None, str | None], None] = {}
    for volume in resources.persistent_volumes():
        key = (
            volume.reservations[-1].role if volume.reservations else None,
            volume.disk.persistence.id,
        )
        if key in seen:
            return f"Persistence ID '{key[1]}' is not unique"
        seen[key] = None
    return None


def validate_revocable_mix(resources: Resources) -> str | None:
    """Checks that no name is used both revocably and not."""
    revocable = dict.fromkeys(resources.revocable().names())
    for name in resources.nonrevocable().names():
        if name in revocable:
            return f"Cannot use both revocable and non-revocable '{name}' at the same time"
    return None


def validate_persistent_volumes(messages: Iterable[mesos_pb2.Resource]) -> str | None:
    """Checks that all are persistent volumes that may be written to."""
    for message in messages:
        if not message.HasField("disk"):
            return f"Resource {resource_text(message)} does not have DiskInfo"
        if not message.disk.HasField("persistence"):
            return "'persistence' is not set in DiskInfo"
        if not message.disk.HasField("volume"):
            return "Expecting 'volume' to be set for persistent volume"
        if message.disk.volume.mode == mesos_pb2.Volume.RO:
            return "Read-only persistent volume not supported"
    return None


def validate_single_allocation(messages: Iterable[mesos_pb2.Resource]) -> str | None:
    """Checks that all are allocated, and to one role."""
    first: str | None = None
    for message in messages:
        if not message.allocation_info.HasField("role"):
            return "The resources are not allocated to a role"
        role = message.allocation_info.role
        if first is None:
            first = role
        elif role != first:
            return (
                f"The resources have multiple allocation roles ('{role}' and '{first}')"
                " but only one allocation role is allowed"
            )
    return None


def validate_single_provider(messages: Iterable[mesos_pb2.Resource]) -> str | None:
    """Checks that all are of the agent itself, or of one and the same resource provider."""
    providers = dict.fromkeys(
        message.provider_id.value if message.HasField("provider_id") else None
        for message in messages
    )
    if len(providers) <= 1:
        return None
    if None in providers:
        return "Some resources have a resource provider and some do not"
    named = ", ".join(provider for provider in providers if provider is not None)
    return f"The resources have multiple resource providers: {named}"


def overlaps(parts: Iterable[Resources]) -> bool:
    """Whether a member of ranges or of a set is in more than one of ``parts``."""
    quantities, total = Quantities(), Resources()
    for part in parts:
        quantities += part.quantities()
        total += part
    return quantities != total.quantities()


def validate_operation(operation: mesos_pb2.Offer.Operation) -> str | None:
    """Checks every resource that an operation of either format names, as ACCEPT does first."""
    if operation.type not in _MEMBERS:
        return "Unknown offer operation"
    member, subject, stop = _MEMBERS[operation.type]
    if not operation.HasField(member):
        return f"{subject} must have the Offer.Operation.{member} field set{stop}"
    if operation.type == _Operation.LAUNCH:
        return _task_resources_fault(operation.launch.task_infos)
    if operation.type == _Operation.LAUNCH_GROUP:
        group = operation.launch_group
        return validate(group.executor.resources) or _task_resources_fault(group.task_group.tasks)
    if operation.type == _Operation.RESERVE:
        return validate(operation.reserve.resources) or validate(operation.reserve.source)
    if operation.type == _Operation.UNRESERVE:
        return validate(operation.unreserve.resources)
    if operation.type == _Operation.CREATE:
        return validate(operation.create.volumes)
    if operation.type == _Operation.DESTROY:
        return validate(operation.destroy.volumes)
    if operation.type == _Operation.GROW_VOLUME:
        grow = operation.grow_volume
        return validate_resource(grow.volume) or validate_resource(grow.addition)
    if operation.type == _Operation.SHRINK_VOLUME:
        return validate_resource(operation.shrink_volume.volume)
    if operation.type == _Operation.CREATE_DISK:
        return validate_resource(operation.create_disk.source)
    return validate_resource(operation.destroy_disk.source)


def _task_resources_fault(tasks: Iterable[mesos_pb2.TaskInfo]) -> str | None:
    for task in tasks:
        fault = validate(task.resources) or validate(task.executor.resources)
        if fault is not None:
            return fault
    return None
