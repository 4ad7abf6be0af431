"""Operations, and who asks for them of which agent."""

from __future__ import annotations

from mesos_compat.master.validation.operation import OperationContext
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.validation.launching import ALL_CAPABILITIES

Operation = mesos_pb2.Offer.Operation
Reservation = mesos_pb2.Resource.ReservationInfo
Source = mesos_pb2.Resource.DiskInfo.Source


def framework(*roles: str, principal: str | None = "p1") -> mesos_pb2.FrameworkInfo:
    info = mesos_pb2.FrameworkInfo(user="u", name="n", roles=roles)
    info.id.value = "F"
    if principal is not None:
        info.principal = principal
    info.capabilities.add(type=mesos_pb2.FrameworkInfo.Capability.MULTI_ROLE)
    return info


def context(
    asks: mesos_pb2.FrameworkInfo | None = None,
    *,
    capabilities: tuple[int, ...] = ALL_CAPABILITIES,
    checkpointed: Resources | None = None,
    used: tuple[Resources, ...] = (),
    operator: str | None = None,
) -> OperationContext:
    return OperationContext(
        capabilities=capabilities,
        checkpointed=checkpointed or Resources(),
        used=used,
        framework=asks,
        operator=operator,
    )


def cpus(value: float = 1, *roles: str, allocated: str | None = None) -> mesos_pb2.Resource:
    """Some cpus, dynamically reserved by p1 for each of ``roles`` in turn."""
    resource = mesos_pb2.Resource(name="cpus", type=mesos_pb2.Value.SCALAR)
    resource.scalar.value = value
    for role in roles:
        resource.reservations.add(type=Reservation.DYNAMIC, role=role, principal="p1")
    if allocated is not None:
        resource.allocation_info.role = allocated
    return resource


def volume(
    volume_id: str, size: float = 8, role: str = "r", allocated: str | None = None
) -> mesos_pb2.Resource:
    """A persistent volume that p1 has made."""
    resource = cpus(size, role, allocated=allocated)
    resource.name = "disk"
    resource.disk.persistence.id = volume_id
    resource.disk.persistence.principal = "p1"
    resource.disk.volume.mode = mesos_pb2.Volume.RW
    resource.disk.volume.container_path = "c"
    return resource


def reserve(
    *resources: mesos_pb2.Resource, source: tuple[mesos_pb2.Resource, ...] = ()
) -> mesos_pb2.Offer.Operation:
    made = Operation(type=Operation.RESERVE)
    made.reserve.resources.extend(resources)
    made.reserve.source.extend(source)
    return made


def create(*volumes: mesos_pb2.Resource) -> mesos_pb2.Offer.Operation:
    made = Operation(type=Operation.CREATE)
    made.create.volumes.extend(volumes)
    return made


def destroy(*volumes: mesos_pb2.Resource) -> mesos_pb2.Offer.Operation:
    made = Operation(type=Operation.DESTROY)
    made.destroy.volumes.extend(volumes)
    return made


def grow(disk: mesos_pb2.Resource, addition: mesos_pb2.Resource) -> mesos_pb2.Offer.Operation:
    made = Operation(type=Operation.GROW_VOLUME)
    made.grow_volume.volume.CopyFrom(disk)
    made.grow_volume.addition.CopyFrom(addition)
    return made


def disk_space(value: float, role: str = "r") -> mesos_pb2.Resource:
    resource = cpus(value, role)
    resource.name = "disk"
    return resource


def shrink(disk: mesos_pb2.Resource, subtract: float) -> mesos_pb2.Offer.Operation:
    made = Operation(type=Operation.SHRINK_VOLUME)
    made.shrink_volume.volume.CopyFrom(disk)
    made.shrink_volume.subtract.value = subtract
    return made


def of_provider(disk: mesos_pb2.Resource) -> mesos_pb2.Resource:
    disk.provider_id.value = "provider"
    return disk


def shared(disk: mesos_pb2.Resource) -> mesos_pb2.Resource:
    disk.shared.SetInParent()
    return disk


def mounted(disk: mesos_pb2.Resource) -> mesos_pb2.Resource:
    disk.disk.source.type = Source.MOUNT
    return disk


def plugin_disk(
    kind: mesos_pb2.Resource.DiskInfo.Source.Type, **members: str
) -> mesos_pb2.Resource:
    disk = mesos_pb2.Resource(name="disk", type=mesos_pb2.Value.SCALAR)
    disk.scalar.value = 8
    disk.provider_id.value = "provider"
    disk.disk.source.MergeFrom(Source(type=kind, **members))  # type: ignore[arg-type]
    return disk


def with_volume(disk: mesos_pb2.Resource) -> mesos_pb2.Resource:
    disk.reservations.add(type=Reservation.DYNAMIC, role="r")
    disk.disk.persistence.id = "v"
    disk.disk.volume.mode = mesos_pb2.Volume.RW
    disk.disk.volume.container_path = "c"
    return disk
