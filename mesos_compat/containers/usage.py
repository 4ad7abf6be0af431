"""What a container uses (ResourceStatistics) and whether it uses more of the disk than it may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mesos_compat.containers import gc
from mesos_compat.containers.bounds import MIB, Bounds
from mesos_compat.containers.cgroups import Cgroups
from mesos_compat.containers.process import usage_of_tree
from mesos_compat.containers.spec import ContainerId, ContainerSpec
from mesos_compat.containers.volumes import persistent_volume_path, persistent_volumes
from mesos_compat.wire.v1 import mesos_pb2

_UNITS = (("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10))


def bytes_text(count: int) -> str:
    """A number of bytes in the largest unit that divides it, as Mesos writes it."""
    for unit, size in _UNITS:
        if count and count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}B"


def fill_bounds(
    statistics: mesos_pb2.ResourceStatistics, bounds: Bounds, quota_us: int | None, period_us: int
) -> None:
    """Add what the container asked for and what bounds it.

    ``quota_us`` is the CPU time it is held to per period, None when it is not.
    """
    if bounds.cpus_request_milli is not None:
        statistics.cpus_soft_limit = bounds.cpus_request_milli / 1000
    if quota_us is not None:
        statistics.cpus_limit = quota_us / period_us
    if bounds.mem_request_bytes is not None:
        statistics.mem_soft_limit_bytes = bounds.mem_request_bytes
    if bounds.mem_limit_bytes is not None:
        statistics.mem_limit_bytes = bounds.mem_limit_bytes


def fill_usage(
    statistics: mesos_pb2.ResourceStatistics,
    container_id: ContainerId,
    root: int | None,
    cgroups: Cgroups | None,
) -> None:
    """Add what the processes use: by their cgroups, and by /proc where these do not count.

    ``root`` is the first process of the container, None when it has ended.
    """
    controllers = () if cgroups is None else cgroups.controllers
    if root is not None and not ("cpu" in controllers and "memory" in controllers):
        used = usage_of_tree(root)
        statistics.cpus_user_time_secs = used.user_time_s
        statistics.cpus_system_time_secs = used.system_time_s
        statistics.mem_rss_bytes = used.resident_bytes
    if cgroups is not None:
        cgroups.fill_statistics(container_id, statistics)


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What one container, or one persistent volume of it, was last seen to take."""

    used_bytes: int
    limit_bytes: int | None
    # The volume; None is the sandbox.
    volume: mesos_pb2.Resource | None = None

    def excess(self) -> str | None:
        """What Mesos says when that is too much."""
        if self.limit_bytes is None or self.used_bytes <= self.limit_bytes:
            return None
        used, quota = bytes_text(self.used_bytes), bytes_text(self.limit_bytes)
        return f"Disk usage ({used}) exceeds quota ({quota})"


async def measure_disk(spec: ContainerSpec, bounds: Bounds, work_dir: str) -> list[DiskUse]:
    """Measure the sandbox and each persistent volume, in a thread; the sandbox is the first."""
    volumes = persistent_volumes(spec.resources)
    paths = [persistent_volume_path(work_dir, volume) for volume in volumes]
    used = await asyncio.to_thread(gc.used_bytes, spec.sandbox, tuple(paths))
    found = [DiskUse(used, bounds.disk_limit_bytes)]
    for volume, path in zip(volumes, paths, strict=True):
        used = await asyncio.to_thread(gc.used_bytes, path)
        found.append(DiskUse(used, round(volume.scalar.value * MIB), volume))
    return found


def fill_disk(statistics: mesos_pb2.ResourceStatistics, measured: list[DiskUse]) -> None:
    """Add what was measured."""
    for one in measured:
        if one.volume is None:
            statistics.disk_used_bytes = one.used_bytes
            if one.limit_bytes is not None:
                statistics.disk_limit_bytes = one.limit_bytes
            continue
        entry = statistics.disk_statistics.add(used_bytes=one.used_bytes)
        if one.limit_bytes is not None:
            entry.limit_bytes = one.limit_bytes
        entry.persistence.CopyFrom(one.volume.disk.persistence)
        if one.volume.disk.HasField("source"):
            entry.source.CopyFrom(one.volume.disk.source)


def scalar(name: str, value: float) -> mesos_pb2.Resource:
    """An unreserved scalar resource, for TaskStatus.limitation."""
    resource = mesos_pb2.Resource(name=name, type=mesos_pb2.Value.SCALAR, role="*")
    resource.scalar.value = value
    return resource
