"""Resources as Mesos prints them in its messages to clients.

``cpus(allocated: ops)(reservations: [(DYNAMIC,ops,p1)]):1``: the name, whom it is allocated to,
the stack of reservations, the disk, ``{REV}``, ``<SHARED>`` and the amount. Source: the stream
operators of ``mesos::Resource``. What only the older format has (``role``, ``reservation``) is
not shown.
"""

from __future__ import annotations

from mesos_compat.resources.values import scalar_text, to_thousandths
from mesos_compat.wire.v1 import mesos_pb2


def resource_text(resource: mesos_pb2.Resource) -> str:
    """One resource, which need not be valid."""
    parts = [resource.name]
    if resource.HasField("allocation_info"):
        parts.append(f"(allocated: {resource.allocation_info.role})")
    if resource.reservations:
        stack = ", ".join(f"({reservation_text(one)})" for one in resource.reservations)
        parts.append(f"(reservations: [{stack}])")
    if resource.HasField("disk"):
        parts.append(f"[{disk_text(resource.disk)}]")
    if resource.HasField("revocable"):
        parts.append("{REV}")
    if resource.HasField("shared"):
        parts.append("<SHARED>")
    parts.append(f":{_amount_text(resource)}")
    return "".join(parts)


def reservation_text(reservation: mesos_pb2.Resource.ReservationInfo) -> str:
    """``DYNAMIC,role,principal,{key: value}``, the last two only when set."""
    parts = [
        mesos_pb2.Resource.ReservationInfo.Type.Name(reservation.type),
        reservation.role,
    ]
    if reservation.HasField("principal"):
        parts.append(reservation.principal)
    if reservation.HasField("labels"):
        parts.append(labels_text(reservation.labels))
    return ",".join(parts)


def labels_text(labels: mesos_pb2.Labels) -> str:
    """``{key: value, key}``."""
    shown = ", ".join(
        f"{label.key}: {label.value}" if label.HasField("value") else label.key
        for label in labels.labels
    )
    return "{" + shown + "}"


def disk_text(disk: mesos_pb2.Resource.DiskInfo) -> str:
    """``MOUNT:/mnt,id:container_path``: source, persistence id and volume, as far as set."""
    parts: list[str] = []
    if disk.HasField("source"):
        parts.append(source_text(disk.source))
    if disk.HasField("persistence"):
        parts.append(disk.persistence.id)
    text = ",".join(parts)
    return f"{text}:{_volume_text(disk.volume)}" if disk.HasField("volume") else text


def source_text(source: mesos_pb2.Resource.DiskInfo.Source) -> str:
    """``MOUNT:/mnt``, or ``RAW(vendor,id,profile)`` for a disk of a storage plug-in."""
    name = mesos_pb2.Resource.DiskInfo.Source.Type.Name(source.type)
    if source.type == mesos_pb2.Resource.DiskInfo.Source.UNKNOWN:
        return name
    if source.HasField("id") or source.HasField("profile"):
        return f"{name}({source.vendor},{source.id},{source.profile})"
    if source.type == mesos_pb2.Resource.DiskInfo.Source.MOUNT and source.mount.HasField("root"):
        return f"{name}:{source.mount.root}"
    if source.type == mesos_pb2.Resource.DiskInfo.Source.PATH and source.path.HasField("root"):
        return f"{name}:{source.path.root}"
    return name


def _volume_text(volume: mesos_pb2.Volume) -> str:
    if not volume.HasField("host_path"):
        return volume.container_path
    mode = ":ro" if volume.mode == mesos_pb2.Volume.RO else ":rw"
    shown = f"{volume.host_path}:{volume.container_path}"
    return shown + mode if volume.HasField("mode") else shown


def _amount_text(resource: mesos_pb2.Resource) -> str:
    if resource.type == mesos_pb2.Value.SCALAR:
        return scalar_text(to_thousandths(resource.scalar.value))
    if resource.type == mesos_pb2.Value.RANGES:
        ranges = ", ".join(f"{one.begin}-{one.end}" for one in resource.ranges.range)
        return f"[{ranges}]"
    return "{" + ", ".join(resource.set.item) + "}"
