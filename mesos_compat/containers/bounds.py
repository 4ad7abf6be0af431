"""What a container asks for and what bounds it, as numbers a kernel understands.

Resources add up by name whatever their role; a limit (TaskInfo.limits) replaces the request as
the upper bound, and infinity takes the bound away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mesos_compat.wire.v1 import mesos_pb2

MIB = 1 << 20
# What Mesos grants every container at least (MIN_MEMORY).
MEMORY_BYTES_MIN = 32 * MIB
# CPU_SHARES_PER_CPU and MIN_CPU_SHARES of Mesos.
SHARES_PER_CPU = 1024
SHARES_MIN = 2
# CPU_CFS_PERIOD and MIN_CPU_CFS_QUOTA.
CFS_PERIOD_US = 100_000
CFS_QUOTA_US_MIN = 1_000
# cgroups v2: 100 is what a cgroup has that nobody has changed; so one CPU is that.
WEIGHT_PER_CPU = 100
WEIGHT_MIN, WEIGHT_MAX = 1, 10_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The requests and upper bounds of one container; None is unbounded or not asked for."""

    # Thousandths of a CPU.
    cpus_request_milli: int | None = None
    cpus_limit_milli: int | None = None
    mem_request_bytes: int | None = None
    mem_limit_bytes: int | None = None
    disk_limit_bytes: int | None = None
    # Whether the upper bounds were given apart from the requests.
    cpus_limit_given: bool = False
    mem_limit_given: bool = False

    @property
    def cpu_shares(self) -> int | None:
        """``cpu.shares`` of cgroups v1."""
        if self.cpus_request_milli is None:
            return None
        return max(self.cpus_request_milli * SHARES_PER_CPU // 1000, SHARES_MIN)

    @property
    def cpu_weight(self) -> int | None:
        """``cpu.weight`` of cgroups v2."""
        if self.cpus_request_milli is None:
            return None
        return min(max(self.cpus_request_milli * WEIGHT_PER_CPU // 1000, WEIGHT_MIN), WEIGHT_MAX)

    def cfs_quota_us(self, enable_cfs: bool) -> int | None:
        """CPU time per period of 100 ms; None is no bound.

        Without a limit of its own the request is the bound if ``--cgroups_enable_cfs`` says so.
        """
        milli = self.cpus_limit_milli
        if not self.cpus_limit_given:
            milli = self.cpus_request_milli if enable_cfs else None
        if milli is None:
            return None
        return max(milli * CFS_PERIOD_US // 1000, CFS_QUOTA_US_MIN)


def _sums(resources: Iterable[mesos_pb2.Resource]) -> dict[str, int]:
    """The scalars by name, in thousandths; disks that are volumes or devices are left out."""
    sums: dict[str, int] = {}
    for resource in resources:
        if resource.type != mesos_pb2.Value.SCALAR:
            continue
        if resource.name == "disk" and (
            resource.disk.HasField("persistence") or resource.disk.HasField("source")
        ):
            continue
        milli = round(resource.scalar.value * 1000)
        sums[resource.name] = sums.get(resource.name, 0) + milli
    return sums


def bounds_of(
    resources: Iterable[mesos_pb2.Resource], limits: Mapping[str, float] | None = None
) -> Bounds:
    """The bounds that follow from resources and limits."""
    sums = _sums(resources)
    given = limits or {}

    def mebibytes(name: str) -> int | None:
        return None if name not in sums else sums[name] * MIB // 1000

    cpus_limit = sums.get("cpus")
    if "cpus" in given:
        cpus_limit = None if math.isinf(given["cpus"]) else round(given["cpus"] * 1000)
    mem = mebibytes("mem")
    mem_limit = mem
    if "mem" in given:
        mem_limit = None if math.isinf(given["mem"]) else round(given["mem"] * MIB)
    return Bounds(
        cpus_request_milli=sums.get("cpus"),
        cpus_limit_milli=cpus_limit,
        mem_request_bytes=None if mem is None else max(mem, MEMORY_BYTES_MIN),
        mem_limit_bytes=None if mem_limit is None else max(mem_limit, MEMORY_BYTES_MIN),
        disk_limit_bytes=mebibytes("disk"),
        cpus_limit_given="cpus" in given,
        mem_limit_given="mem" in given,
    )
