"""What operations do to resources: what they consume and what they make of it.

Source: ``getResourceConversions``, ``Resources::apply`` and ``applyCheckpointedResources`` of
Mesos. Everything here is exact: apart from its marks, nothing is gained and nothing lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.resources import Resources
from mesos_compat.resources.texts import resource_text
from mesos_compat.resources.values import to_double, to_thousandths
from mesos_compat.wire.v1 import mesos_pb2

_Operation = mesos_pb2.Offer.Operation
_STATIC = mesos_pb2.Resource.ReservationInfo.STATIC


@dataclass(frozen=True, slots=True)
class Conversion:
    """One step: ``consumed`` becomes ``converted``."""

    consumed: Resources
    converted: Resources
    # What must be gone after the step: a destroyed shared volume that others still use.
    must_be_gone: Resources | None = None

    def apply(self, resources: Resources) -> Resources:
        """``resources`` after this step; raises :class:`ResourceError` when it cannot be."""
        if not resources.contains(self.consumed):
            raise ResourceError(f"{resources} does not contain {self.consumed}")
        result = resources - self.consumed + self.converted
        if self.must_be_gone is not None and result.contains(self.must_be_gone):
            (volume,) = self.must_be_gone
            raise ResourceError(
                f"Persistent volume {resource_text(volume)} cannot be removed due to additional"
                " shared copies"
            )
        return result


def apply(resources: Resources, operation: mesos_pb2.Offer.Operation) -> Resources:
    """``resources`` after a valid ``operation`` of the newer format.

    RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME and SHRINK_VOLUME; raises
    :class:`ResourceError` when it cannot be carried out on these resources.
    """
    try:
        steps = conversions(operation)
    except ResourceError as error:
        raise ResourceError(f"Cannot get conversions: {error}") from error
    return apply_conversions(resources, steps)


def apply_conversions(resources: Resources, steps: Iterable[Conversion]) -> Resources:
    """``resources`` after all ``steps``; raises :class:`ResourceError`."""
    for step in steps:
        resources = step.apply(resources)
    return resources


def conversions(operation: mesos_pb2.Offer.Operation) -> list[Conversion]:
    """The steps of a valid ``operation``.

    Raises :class:`ResourceError` for an operation that has none, and for one that would change
    how much there is.
    """
    steps = _steps(operation)
    for step in steps:
        before, after = step.consumed.quantities(), step.converted.quantities()
        if before != after:
            raise ResourceError(f"Resources cannot be converted from '{before}' to '{after}'")
    return steps


def _steps(operation: mesos_pb2.Offer.Operation) -> list[Conversion]:
    if operation.type == _Operation.RESERVE:
        return [_reserve(operation.reserve)]
    if operation.type == _Operation.UNRESERVE:
        reserved = [Resources([resource]) for resource in operation.unreserve.resources]
        return [Conversion(one, one.pop_reservation()) for one in reserved]
    if operation.type == _Operation.CREATE:
        return [
            Conversion(Resources([without_volume(volume)]), Resources([volume]))
            for volume in operation.create.volumes
        ]
    if operation.type == _Operation.DESTROY:
        return [_destroy(volume) for volume in operation.destroy.volumes]
    if operation.type == _Operation.GROW_VOLUME:
        return [_grow(operation.grow_volume)]
    if operation.type == _Operation.SHRINK_VOLUME:
        return [_shrink(operation.shrink_volume)]
    if operation.type == _Operation.UNKNOWN:
        raise ResourceError("Unknown operation")
    raise ResourceError("Operation not supported")


def _reserve(reserve: mesos_pb2.Offer.Operation.Reserve) -> Conversion:
    made = Resources(reserve.resources)
    # Without a source one reservation is added to what the offer has.
    return Conversion(Resources(reserve.source) if reserve.source else made.pop_reservation(), made)


def _destroy(volume: mesos_pb2.Resource) -> Conversion:
    gone = Resources([volume])
    return Conversion(gone, Resources([without_volume(volume)]), must_be_gone=gone)


def _grow(grow: mesos_pb2.Offer.Operation.GrowVolume) -> Conversion:
    _refuse_provider(grow.volume)
    grown = _resized(grow.volume, to_thousandths(grow.addition.scalar.value))
    return Conversion(Resources([grow.volume, grow.addition]), Resources([grown]))


def _shrink(shrink: mesos_pb2.Offer.Operation.ShrinkVolume) -> Conversion:
    _refuse_provider(shrink.volume)
    freed_thousandths = to_thousandths(shrink.subtract.value)
    freed = without_volume(shrink.volume)
    freed.scalar.value = to_double(freed_thousandths)
    shrunk = _resized(shrink.volume, -freed_thousandths)
    return Conversion(Resources([shrink.volume]), Resources([shrunk, freed]))


def _refuse_provider(volume: mesos_pb2.Resource) -> None:
    if volume.HasField("provider_id"):
        raise ResourceError("Operation not supported for resource provider")


def _resized(volume: mesos_pb2.Resource, more_thousandths: int) -> mesos_pb2.Resource:
    resized = mesos_pb2.Resource()
    resized.CopyFrom(volume)
    resized.scalar.value = to_double(to_thousandths(volume.scalar.value) + more_thousandths)
    return resized


def without_volume(volume: mesos_pb2.Resource) -> mesos_pb2.Resource:
    """The disk that the persistent ``volume`` is made from, which is not shared."""
    stripped = mesos_pb2.Resource()
    stripped.CopyFrom(volume)
    if stripped.disk.HasField("source"):
        stripped.disk.ClearField("persistence")
        stripped.disk.ClearField("volume")
    else:
        stripped.ClearField("disk")
    stripped.ClearField("shared")
    return stripped


def needs_checkpointing(resource: mesos_pb2.Resource) -> bool:
    """Whether an agent must store ``resource``: dynamically reserved, or a persistent volume."""
    if resource.HasField("provider_id"):
        return False
    dynamic = bool(resource.reservations) and resource.reservations[-1].type != _STATIC
    return dynamic or resource.disk.HasField("persistence")


def apply_checkpointed(total: Resources, checkpointed: Resources) -> Resources:
    """``total`` of an agent's flags with what it has stored of reservations and volumes.

    Raises :class:`ResourceError` when they do not fit.
    """
    for resource in checkpointed:
        if not needs_checkpointing(resource):
            raise ResourceError(f"Unexpected checkpointed resources {resource_text(resource)}")
        plain = without_volume(resource)
        # Flags give only static reservations, and those are always first.
        if plain.reservations and plain.reservations[-1].type != _STATIC:
            keep = 1 if plain.reservations[0].type == _STATIC else 0
            del plain.reservations[keep:]
        stripped = Resources([plain])
        if not total.contains(stripped):
            raise ResourceError(
                f"Incompatible agent resources: {total} does not contain {resource_text(plain)}"
            )
        total = total - stripped + Resources([resource])
    return total
