"""CREATE, DESTROY, GROW_VOLUME and SHRINK_VOLUME. Source: ``validation::operation``."""

from __future__ import annotations

from collections.abc import Sequence

from mesos_compat.master.validation import framework as frameworks
from mesos_compat.master.validation.operation_context import (
    OperationContext,
    validate_for_agent,
    validate_provider,
)
from mesos_compat.resources import Resources
from mesos_compat.resources.convert import without_volume
from mesos_compat.resources.texts import resource_text
from mesos_compat.resources.validation import validate as validate_resources
from mesos_compat.resources.validation import (
    validate_persistent_volumes,
    validate_single_allocation,
    validate_unique_persistence_ids,
    validate_usable,
)
from mesos_compat.resources.values import to_thousandths
from mesos_compat.wire.v1 import mesos_pb2

_Capability = mesos_pb2.AgentInfo.Capability
_Source = mesos_pb2.Resource.DiskInfo.Source


def validate_create(
    create: mesos_pb2.Offer.Operation.Create, context: OperationContext
) -> str | None:
    """Checks persistent volumes that are to be made."""
    fault = _volumes_fault(create.volumes)
    if fault is not None:
        return fault
    fault = validate_unique_persistence_ids(context.checkpointed + Resources(create.volumes))
    if fault is not None:
        return fault
    for volume in create.volumes:
        fault = (
            _sharing_fault(volume, context.framework)
            or validate_for_agent(volume, "Volume", "created", context)
            or _creator_fault(volume, context.principal)
        )
        if fault is not None:
            return fault
    if context.framework is not None:
        fault = validate_single_allocation(create.volumes)
        if fault is not None:
            return f"Invalid volume resources: {fault}"
    return None


def _volumes_fault(volumes: Sequence[mesos_pb2.Resource]) -> str | None:
    fault = validate_usable(volumes) or validate_provider(volumes)
    if fault is not None:
        return f"Invalid resources: {fault}"
    fault = validate_persistent_volumes(volumes)
    return f"Not a persistent volume: {fault}" if fault else None


def _sharing_fault(
    volume: mesos_pb2.Resource, framework: mesos_pb2.FrameworkInfo | None
) -> str | None:
    shares = mesos_pb2.FrameworkInfo.Capability.SHARED_RESOURCES
    if (
        framework is None
        or not volume.HasField("shared")
        or frameworks.has_capability(framework, shares)
    ):
        return None
    return (
        f"Create volume operation for '{resource_text(volume)}' has been attempted by framework"
        f" '{framework.id.value}' with no SHARED_RESOURCES capability"
    )


def _creator_fault(volume: mesos_pb2.Resource, principal: str | None) -> str | None:
    if principal is None:
        return None
    persistence = volume.disk.persistence
    if not persistence.HasField("principal"):
        return (
            f"Create volume operation attempted by principal '{principal}', but there is a"
            " volume in the operation with no principal set in 'disk.persistence'"
        )
    if persistence.principal != principal:
        return (
            f"Create volume operation attempted by authenticated principal '{principal}', which"
            f" does not match a volume in the operation with principal '{persistence.principal}'"
            " set in 'disk.persistence'"
        )
    return None


def validate_destroy(
    destroy: mesos_pb2.Offer.Operation.Destroy, context: OperationContext
) -> str | None:
    """Checks that the volumes exist, and that nothing runs on them."""
    volumes = Resources(destroy.volumes).unallocate()
    messages = list(volumes)
    fault = _volumes_fault(messages)
    if fault is not None:
        return fault
    parts = [Resources([message]) for message in messages]
    for message, part in zip(messages, parts, strict=True):
        if not message.HasField("provider_id") and not context.checkpointed.contains(part):
            return "Persistent volumes not found"
    for used in context.used:
        unallocated = used.persistent_volumes().unallocate()
        if any(unallocated.contains(part) for part in parts):
            return "Persistent volumes in use"
    return None


def validate_grow(
    grow: mesos_pb2.Offer.Operation.GrowVolume, context: OperationContext
) -> str | None:
    """Checks that the addition is of the volume's own kind of disk."""
    for member, resource in (("volume", grow.volume), ("addition", grow.addition)):
        fault = validate_resources([resource])
        if fault is not None:
            return f"Invalid resource in the 'GrowVolume.{member}' field: {fault}"
    if to_thousandths(grow.addition.scalar.value) <= 0:
        return "The size of 'GrowVolume.addition' field must be greater than zero"
    if grow.volume.HasField("provider_id"):
        return "Growing a volume from a resource provider is not supported"
    fault = validate_persistent_volumes(Resources([grow.volume]))
    if fault is not None:
        return f"Invalid persistent volume in the 'GrowVolume.volume' field: {fault}"
    if grow.volume.HasField("shared"):
        return "Growing a shared persistent volume is not supported"
    disk = without_volume(grow.volume)
    if len(Resources([disk]) + Resources([grow.addition])) != 1:
        return "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields"
    if _Capability.RESIZE_VOLUME not in context.capabilities:
        return (
            f"Volume {resource_text(grow.volume)} cannot be grown on an agent without"
            " RESIZE_VOLUME capability"
        )
    return None


def validate_shrink(
    shrink: mesos_pb2.Offer.Operation.ShrinkVolume, context: OperationContext
) -> str | None:
    """Checks that something is taken away, and something left."""
    volume = shrink.volume
    fault = validate_resources([volume])
    if fault is not None:
        return f"Invalid resource in the 'ShrinkVolume.volume' field: {fault}"
    taken = to_thousandths(shrink.subtract.value)
    if taken <= 0:
        return "Value of 'ShrinkVolume.subtract' must be greater than zero"
    if to_thousandths(volume.scalar.value) <= taken:
        return (
            "Value of 'ShrinkVolume.subtract' must be smaller than the size of"
            " 'ShrinkVolume.volume'"
        )
    if volume.HasField("provider_id"):
        return "Shrinking a volume from a resource provider is not supported"
    if volume.disk.source.type == _Source.MOUNT:
        return "Shrinking a volume on a MOUNT disk is not supported"
    fault = validate_persistent_volumes(Resources([volume]))
    if fault is not None:
        return f"Invalid persistent volume in the 'ShrinkVolume.volume' field: {fault}"
    if volume.HasField("shared"):
        return "Shrinking a shared persistent volume is not supported"
    if _Capability.RESIZE_VOLUME not in context.capabilities:
        return (
            f"Volume {resource_text(volume)} cannot be shrunk on an agent without RESIZE_VOLUME"
            " capability"
        )
    return None
