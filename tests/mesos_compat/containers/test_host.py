"""What is found out about this host: users, limits, resources, processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mesos_compat.containers import process
from mesos_compat.containers.host_resources import (
    HostResources,
    find_host_resources,
    granted_cpus_milli,
    granted_mem_bytes,
    with_defaults,
)
from mesos_compat.containers.process import ProcessRef, usage_of_tree
from mesos_compat.containers.rlimits import rlimits_of
from mesos_compat.containers.spec import LaunchError
from mesos_compat.containers.users import identity_of
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import needs_root, resources

RLimit = mesos_pb2.RLimitInfo.RLimit
GIB = 1 << 30


def limited(**fields: int) -> mesos_pb2.ContainerInfo:
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    container.rlimit_info.rlimits.add(**fields)
    return container


def test_every_limit_of_mesos_has_a_number() -> None:
    for name, number in RLimit.Type.items():
        if name != "UNKNOWN":
            ((found, soft, hard),) = rlimits_of(limited(type=number, soft=1, hard=2))
            assert (soft, hard) == (1, 2)
            # The numbers of Linux are what Python was built with.
            assert found == getattr(resource, name.replace("RLMT", "RLIMIT"), 10)


def test_a_limit_without_values_is_unlimited() -> None:
    expected = [(resource.RLIMIT_CORE, resource.RLIM_INFINITY, resource.RLIM_INFINITY)]
    assert rlimits_of(limited(type=RLimit.RLMT_CORE)) == expected
    assert rlimits_of(None) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"type": RLimit.RLMT_CORE, "soft": 2, "hard": 1},
        {"type": RLimit.RLMT_CORE, "soft": 1},
        {"type": RLimit.RLMT_CORE, "hard": 1},
        {"type": RLimit.UNKNOWN, "soft": 1, "hard": 1},
        {"soft": 1, "hard": 1},
    ],
)
def test_limits_that_make_no_sense_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(LaunchError, match="Invalid rlimits"):
        rlimits_of(limited(**fields))


@needs_root
def test_root_becomes_the_user_with_its_groups() -> None:
    nobody = identity_of("nobody", True)
    assert nobody is not None
    assert nobody.uid != 0
    assert nobody.gid in nobody.groups
    assert 0 not in nobody.groups


def test_nobody_is_switched_to_if_the_agent_is_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identity_of("nobody", False) is None
    assert identity_of(None, True) is None
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert identity_of("no-such-user", True) is None


def test_defaults_are_added_for_what_is_not_given() -> None:
    host = HostResources(1500, 3 * GIB, 100 * GIB, (31000, 32000))
    found = {one.name: one for one in with_defaults([*resources(mem=1)], host)}
    assert {name: one.scalar.value for name, one in found.items() if name != "ports"} == {
        "cpus": 1.5,
        "mem": 1.0,
        "disk": 102400.0,
    }
    (ports,) = found["ports"].ranges.range
    assert (ports.begin, ports.end) == (31000, 32000)


def test_a_part_of_the_host_is_kept_back(tmp_path: Path) -> None:
    host = find_host_resources(str(tmp_path))
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert host.mem_bytes in {total - GIB, total // 2} or host.mem_bytes < total
    disk = os.statvfs(tmp_path)
    size = disk.f_blocks * disk.f_frsize
    assert host.disk_bytes == (size - 5 * GIB if size > 10 * GIB else size // 2)
    assert host.cpus_milli <= 1000 * (os.cpu_count() or 1)


def test_the_bounds_of_the_agents_own_cgroups_are_respected(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("25000 100000\n")
    (tmp_path / "memory.max").write_text("1000000\n")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        controllers = line.split(":")[1]
        (tmp_path / controllers).mkdir(exist_ok=True)
        if "cpu" in controllers.split(","):
            (tmp_path / controllers / "cpu.cfs_quota_us").write_text("50000")
            (tmp_path / controllers / "cpu.cfs_period_us").write_text("100000")
    assert granted_cpus_milli(tmp_path) == 250
    assert granted_mem_bytes(tmp_path) == 1000000
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert granted_mem_bytes(tmp_path) > 1000000
    assert granted_cpus_milli(tmp_path) >= 500


def test_a_process_is_told_from_another_one_with_its_id() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = ProcessRef.of(child.pid)
    assert found is not None
    assert found.lives()
    other = found._replace(start_time_ticks=found.start_time_ticks + 1)
    assert not other.lives()
    assert not process.send_signal(other, 9)
    assert child.poll() is None
    assert process.send_signal(found, 9)
    # It has ended as soon as it has, whether or not anybody has waited for it.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not found.lives()
    assert child.wait() == -9
    assert ProcessRef.of(child.pid) is None
    assert child.stdin is not None
    child.stdin.close()


@pytest.mark.asyncio
async def test_waiting_for_a_process_that_is_not_there_is_over_at_once() -> None:
    await process.wait_gone(ProcessRef(2**22 - 1, 1))


def test_the_usage_of_a_tree_includes_descendants_of_threads_and_what_they_have_used() -> None:
    program = (
        "import subprocess, sys, threading\n"
        "inner = 'print(1, flush=True); x = bytearray(20_000_000); input()'\n"
        "run = lambda: subprocess.run([sys.executable, '-c', inner])\n"
        "threading.Thread(target=run).start()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"1\n"
    used = usage_of_tree(child.pid)
    assert (used.processes, used.threads) == (2, 3)
    assert used.resident_bytes > 1_000_000
    child.communicate(b"\n\n")
    assert usage_of_tree(child.pid).processes == 0
