"""CREATE_DISK and DESTROY_DISK: disks of storage plug-ins. Source: ``validation::operation``."""

from __future__ import annotations

from mesos_compat.resources import Resources
from mesos_compat.resources.texts import resource_text
from mesos_compat.resources.validation import validate_usable
from mesos_compat.wire.v1 import mesos_pb2

_Source = mesos_pb2.Resource.DiskInfo.Source


def validate_create_disk(create: mesos_pb2.Offer.Operation.CreateDisk) -> str | None:
    """Checks that a raw disk of a storage plug-in is to become one that can be used."""
    source = create.source
    fault = _provider_disk_fault(source)
    if fault is not None:
        return fault
    if not _is_disk(source, _Source.RAW):
        return "'source' is not a RAW disk resource"
    if create.target_type not in (_Source.MOUNT, _Source.BLOCK):
        return "'target_type' is neither MOUNT or BLOCK"
    has_profile = source.disk.source.HasField("profile")
    if has_profile != create.HasField("target_profile"):
        return None
    if has_profile:
        return "'target_profile' must not be set when 'source' has a profile"
    return "'target_profile' must be set when 'source' has no profile"


def validate_destroy_disk(destroy: mesos_pb2.Offer.Operation.DestroyDisk) -> str | None:
    """Checks that a disk of a storage plug-in has nothing on it."""
    source = destroy.source
    fault = _provider_disk_fault(source)
    if fault is not None:
        return fault
    if not _is_disk(source, _Source.MOUNT, _Source.BLOCK, _Source.RAW):
        return "'source' is neither a MOUNT, BLOCK or RAW disk resource"
    if not source.disk.source.HasField("id"):
        return "'source' is not backed by a CSI volume"
    if source.disk.HasField("persistence"):
        return (
            f"A disk resource containing a persistent volume {resource_text(source)} cannot be"
            " destroyed directly. Please destroy the persistent volume first then destroy the"
            " disk resource"
        )
    return None


def _provider_disk_fault(source: mesos_pb2.Resource) -> str | None:
    fault = validate_usable(list(Resources([source])))
    if fault is not None:
        return f"Invalid resource: {fault}"
    if not source.HasField("provider_id"):
        return "'source' is not managed by a resource provider"
    return None


def _is_disk(resource: mesos_pb2.Resource, *types: mesos_pb2.Resource.DiskInfo.Source.Type) -> bool:
    return resource.disk.HasField("source") and resource.disk.source.type in types
