"""What this host has to offer, for an agent whose --resources leave something out.

Mesos keeps a part back for the system: of memory 1 GB and of the disk 5 GB, or half where there
is not twice as much. A host that is a container itself has what its cgroup grants.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from mesos_compat.containers.bounds import MIB
from mesos_compat.wire.v1 import mesos_pb2

_GIB = 1024 * MIB
_MEM_KEPT_BYTES = _GIB
_DISK_KEPT_BYTES = 5 * _GIB
PORTS_DEFAULT = (31000, 32000)


class HostResources(NamedTuple):
    """The defaults of one host."""

    cpus_milli: int
    mem_bytes: int
    disk_bytes: int
    ports: tuple[int, int]


def _without_kept(total: int, kept: int) -> int:
    return total - kept if total > 2 * kept else total // 2


def _own_cgroup_directories(cgroup_root: Path) -> list[Path]:
    """Where this process's own bounds may be: its cgroups and those above them."""
    found: dict[Path, None] = {}
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        bases = [cgroup_root / controllers] if controllers else [cgroup_root]
        for base in bases:
            directory = base / path.lstrip("/")
            for one in (directory, *directory.parents):
                if one.is_relative_to(base):
                    found[one] = None
    return list(found)


def granted_cpus_milli(cgroup_root: Path = Path("/sys/fs/cgroup")) -> int:
    """Thousandths of the CPUs this process may use: those there are, less what a cgroup says."""
    milli = len(os.sched_getaffinity(0)) * 1000
    for directory in _own_cgroup_directories(cgroup_root):
        try:
            if (directory / "cpu.max").exists():
                quota, _, period = (directory / "cpu.max").read_text().partition(" ")
            else:
                quota = (directory / "cpu.cfs_quota_us").read_text().strip()
                period = (directory / "cpu.cfs_period_us").read_text()
        except OSError:
            continue
        if quota.isdigit():
            milli = min(milli, int(quota) * 1000 // int(period))
    return milli


def granted_mem_bytes(cgroup_root: Path = Path("/sys/fs/cgroup")) -> int:
    """The memory this process may use: what there is, less what a cgroup says."""
    granted = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for directory in _own_cgroup_directories(cgroup_root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            try:
                text = (directory / name).read_text().strip()
            except OSError:
                continue
            if text.isdigit():
                granted = min(granted, int(text))
    return granted


def find_host_resources(work_dir: str, cgroup_root: Path = Path("/sys/fs/cgroup")) -> HostResources:
    """The defaults of this host; ``work_dir`` is on the disk that is offered. Raises OSError."""
    disk = os.statvfs(work_dir)
    return HostResources(
        cpus_milli=granted_cpus_milli(cgroup_root),
        mem_bytes=_without_kept(granted_mem_bytes(cgroup_root), _MEM_KEPT_BYTES),
        disk_bytes=_without_kept(disk.f_blocks * disk.f_frsize, _DISK_KEPT_BYTES),
        ports=PORTS_DEFAULT,
    )


def with_defaults(given: list[mesos_pb2.Resource], host: HostResources) -> list[mesos_pb2.Resource]:
    """``given``, and what the host has of the resources that are not mentioned there."""
    names = {resource.name for resource in given}
    scalars = {
        "cpus": host.cpus_milli / 1000,
        "mem": float(host.mem_bytes // MIB),
        "disk": float(host.disk_bytes // MIB),
    }
    found = list(given)
    for name, value in scalars.items():
        if name not in names:
            resource = mesos_pb2.Resource(name=name, type=mesos_pb2.Value.SCALAR)
            resource.scalar.value = value
            found.append(resource)
    if "ports" not in names:
        resource = mesos_pb2.Resource(name="ports", type=mesos_pb2.Value.RANGES)
        resource.ranges.range.add(begin=host.ports[0], end=host.ports[1])
        found.append(resource)
    return found
