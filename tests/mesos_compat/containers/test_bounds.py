"""Resources and limits as numbers of the kernel, as Mesos computes them."""

from __future__ import annotations

import math

import pytest

from mesos_compat.containers.bounds import bounds_of
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import resources


@pytest.mark.parametrize(
    ("cpus", "shares", "weight"),
    [(0.001, 2, 1), (0.1, 102, 10), (1, 1024, 100), (2.5, 2560, 250), (1000, 1024000, 10000)],
)
def test_the_share_of_cpus_follows_the_request(cpus: float, shares: int, weight: int) -> None:
    bounds = bounds_of(resources(cpus=cpus))
    assert (bounds.cpu_shares, bounds.cpu_weight) == (shares, weight)


@pytest.mark.parametrize(
    ("limits", "enable_cfs", "quota"),
    [
        ({}, False, None),
        ({}, True, 50_000),
        ({"cpus": 2.0}, False, 200_000),
        ({"cpus": math.inf}, True, None),
        ({"cpus": 0.001}, False, 1_000),
    ],
)
def test_cpu_time_is_bounded_by_the_limit_or_if_wanted_by_the_request(
    limits: dict[str, float], enable_cfs: bool, quota: int | None
) -> None:
    assert bounds_of(resources(cpus=0.5), limits).cfs_quota_us(enable_cfs) == quota


@pytest.mark.parametrize(
    ("mem", "limits", "request_mib", "limit_mib"),
    [
        (64.0, {}, 64, 64),
        (1.0, {}, 32, 32),
        (64.0, {"mem": 128.0}, 64, 128),
        (64.0, {"mem": math.inf}, 64, None),
    ],
)
def test_memory_is_bounded_by_the_limit_or_the_request_and_never_below_32_mb(
    mem: float, limits: dict[str, float], request_mib: int, limit_mib: int | None
) -> None:
    bounds = bounds_of(resources(mem=mem), limits)
    assert bounds.mem_request_bytes == request_mib << 20
    assert bounds.mem_limit_bytes == (None if limit_mib is None else limit_mib << 20)


def test_resources_of_several_roles_add_up_exactly() -> None:
    parts = resources(cpus=0.1) * 3
    parts[0].role = "a"
    assert bounds_of(parts).cpus_request_milli == 300


def test_volumes_and_whole_disks_are_no_space_of_the_sandbox() -> None:
    plain, volume, disk = (*resources(disk=10), *resources(disk=20), *resources(disk=40))
    volume.disk.persistence.id = "id"
    disk.disk.source.type = mesos_pb2.Resource.DiskInfo.Source.MOUNT
    assert bounds_of([plain, volume, disk]).disk_limit_bytes == 10 << 20


def test_nothing_asked_for_is_nothing_bounded() -> None:
    bounds = bounds_of(())
    assert bounds.cpu_shares is None
    assert bounds.cpu_weight is None
    assert bounds.cfs_quota_us(True) is None
    assert (bounds.mem_request_bytes, bounds.mem_limit_bytes) == (None, None)
    assert bounds.disk_limit_bytes is None
