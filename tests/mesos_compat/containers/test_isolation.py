"""Which isolation follows from the flags and from what a host has."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

from mesos_compat.containers import cgroups, isolation
from mesos_compat.containers.bounds import bounds_of
from mesos_compat.containers.cgroup_v1 import CgroupsV1
from mesos_compat.containers.cgroup_v2 import CgroupsV2, _EventsWatch
from mesos_compat.containers.isolation import find_isolation
from mesos_compat.containers.namespaces import Permitted
from mesos_compat.errors import FlagError
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import HIERARCHY, Bench, can_make, resources

V1_LINES = """\
25 1 0:22 / {base} rw - tmpfs tmpfs rw
26 25 0:23 / {base}/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / {base}/memory rw,relatime - cgroup cgroup rw,memory
28 25 0:25 / {base}/freezer rw - cgroup cgroup rw,freezer
29 25 0:26 / {base}/unified rw - cgroup2 cgroup2 rw
30 1 0:27 / /elsewhere/pids rw - cgroup cgroup rw,pids
"""


def test_hierarchies_are_found_where_they_are_mounted(tmp_path: Path) -> None:
    base = tmp_path / "fs"
    (base / "unified").mkdir(parents=True)
    (base / "unified" / "cgroup.controllers").write_text("hugetlb\n")
    (tmp_path / "mountinfo").write_text(V1_LINES.format(base=base))
    mounted = cgroups.find_mounted(str(base), str(tmp_path / "mountinfo"))
    assert mounted.v1 == {
        "cpu": f"{base}/cpu,cpuacct",
        "cpuacct": f"{base}/cpu,cpuacct",
        "memory": f"{base}/memory",
        "freezer": f"{base}/freezer",
    }
    # Version 2 is there, too, but has nothing to bound by.
    assert mounted.version == 1
    (base / "unified" / "cgroup.controllers").write_text("cpu memory pids\n")
    assert cgroups.find_mounted(str(base), str(tmp_path / "mountinfo")).version == 2
    (tmp_path / "mountinfo").write_text("")
    assert cgroups.find_mounted(str(base), str(tmp_path / "mountinfo")).version == 0


def test_an_isolator_that_is_not_known_is_an_error(bench: Bench) -> None:
    with pytest.raises(FlagError, match="'network/cni'"):
        find_isolation(bench.settings(isolation=("network/cni",)))


def no_cgroups(hierarchy: str) -> cgroups.Mounted:
    assert hierarchy == HIERARCHY
    return cgroups.Mounted()


@pytest.mark.parametrize(
    "changes",
    [{"isolation": ("cgroups/mem",)}, {"isolation": ("cgroups/all",)}, {"launcher": "linux"}],
)
def test_what_is_asked_for_by_name_and_is_not_there_is_an_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    monkeypatch.setattr(cgroups, "find_mounted", no_cgroups)
    with pytest.raises(FlagError, match="no cgroup hierarchy is mounted"):
        find_isolation(bench.settings(**changes))


@pytest.mark.parametrize("name", ["filesystem/linux", "namespaces/pid"])
def test_a_namespace_that_may_not_be_made_is_an_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(isolation, "find_permitted", lambda: Permitted("mount: no", "pid: no"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(FlagError, match=f"'{name}'"):
        find_isolation(bench.settings(isolation=(name,)))


def test_auto_does_without_and_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "find_mounted", no_cgroups)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = find_isolation(bench.settings(isolation=("auto",), launcher=None))
    assert (found.cgroups, found.controllers) == (None, ())
    assert (found.mount_namespace, found.pid_namespace, found.disk) == (False, False, True)
    assert len(found.notices) == 3


def test_the_posix_launcher_uses_no_cgroups(bench: Bench) -> None:
    found = find_isolation(bench.settings(isolation=("posix/cpu", "disk/du")))
    assert found.cgroups is None
    assert found.disk
    assert found.notices == ()


class FakeKernel:
    """A directory that looks like cgroups of version 2: the kernel's files appear in each."""

    def __init__(self, mount: Path) -> None:
        self.mount = mount
        mount.mkdir()
        self.appear(mount)

    def appear(self, directory: Path) -> None:
        (directory / "cgroup.controllers").write_text("cpu memory pids\n")
        (directory / "memory.max").write_text("max\n")
        (directory / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
        (directory / "memory.events.local").write_text("low 0\noom 0\noom_kill 0\n")


@pytest.fixture
def fake(tmp_path: Path) -> tuple[FakeKernel, CgroupsV2]:
    kernel = FakeKernel(tmp_path / "cgroup")
    made = CgroupsV2(
        str(kernel.mount), "mesos", ("cpu", "memory", "pids"), limit_swap=True, pids_max=50
    )
    return kernel, made


def contents(directory: Path, *names: str) -> list[str]:
    return [(directory / name).read_text() for name in names]


def test_version_2_bounds_the_container_and_runs_it_in_a_leaf(
    fake: tuple[FakeKernel, CgroupsV2],
) -> None:
    kernel, made = fake
    made.create(("c",), True)
    directory = kernel.mount / "mesos" / "c"
    kernel.appear(directory)
    (directory / "memory.swap.max").write_text("max")
    made.update(("c",), bounds_of(resources(cpus=0.5, mem=64), {"cpus": 1.0}), first=True)
    assert made.entry_files(("c",)) == [str(directory / "leaf" / "cgroup.procs")]
    assert contents(directory, "cpu.weight", "cpu.max") == ["50", "100000 100000"]
    assert contents(directory, "memory.low", "memory.max") == [str(64 << 20)] * 2
    assert contents(directory, "memory.swap.max", "pids.max") == ["0", "50"]
    # Lowering it while the container runs is not done.
    made.update(("c",), bounds_of(resources(mem=32)), first=False)
    assert contents(directory, "memory.low", "memory.max") == [str(32 << 20), str(64 << 20)]
    made.update(("c",), bounds_of(resources(mem=32), {"mem": float("inf")}), first=False)
    assert contents(directory, "memory.max") == ["max"]


def test_version_2_tells_a_container_at_its_own_bound_from_one_below_another(
    fake: tuple[FakeKernel, CgroupsV2],
) -> None:
    kernel, made = fake
    made.create(("c",), True)
    directory = kernel.mount / "mesos" / "c"
    kernel.appear(directory)
    assert not made.has_run_out_of_memory(("c",))
    # A nested container was killed because of its own bound.
    (directory / "memory.events").write_text("oom 1\noom_kill 1\n")
    assert not made.has_run_out_of_memory(("c",))
    (directory / "memory.events.local").write_text("oom 1\noom_kill 0\n")
    assert made.has_run_out_of_memory(("c",))
    (directory / "memory.max").write_text(str(32 << 20))
    (directory / "memory.peak").write_text(str(31 << 20))
    (directory / "memory.stat").write_text("anon 1\n")
    assert made.memory_message(("c",)) == (
        "Memory limit exceeded: Requested: 32MB Maximum Used: 31MB\n\nMEMORY STATISTICS: \nanon 1\n"
    )


def test_version_2_statistics_come_in_the_fields_of_mesos(
    fake: tuple[FakeKernel, CgroupsV2],
) -> None:
    kernel, made = fake
    made.create(("c",), True)
    directory = kernel.mount / "mesos" / "c"
    kernel.appear(directory)
    (directory / "cpu.stat").write_text("usage_usec 3\nuser_usec 1500000\nsystem_usec 500000\n")
    (directory / "memory.stat").write_text("anon 10\nfile 20\nfile_mapped 5\nunevictable 1\n")
    (directory / "memory.current").write_text("42\n")
    (directory / "pids.current").write_text("7\n")
    (directory / "leaf" / "cgroup.procs").write_text("11\n12\n")
    statistics = mesos_pb2.ResourceStatistics(timestamp=0)
    made.fill_statistics(("c",), statistics)
    assert (statistics.cpus_user_time_secs, statistics.cpus_system_time_secs) == (1.5, 0.5)
    assert (statistics.mem_rss_bytes, statistics.mem_cache_bytes) == (10, 20)
    assert (statistics.mem_mapped_file_bytes, statistics.mem_total_bytes) == (5, 42)
    assert (statistics.processes, statistics.threads) == (2, 7)
    assert made.roots() == ["c"]


def unified() -> str:
    """Where cgroups of version 2 can really be made, be it without controllers."""
    mount = cgroups.find_mounted(HIERARCHY).v2
    if mount is None or can_make(mount):
        pytest.skip("cgroups of version 2 cannot be made here")
    return mount


def in_group(directory: Path) -> subprocess.Popen[bytes]:
    """A process that enters a cgroup and waits."""
    code = f"echo $$ > {directory}/cgroup.procs; echo in; sleep 1000 & wait"
    child = subprocess.Popen(["sh", "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    return child


@pytest.mark.parametrize("has_kill_file", [True, False])
def test_version_2_kills_all_of_a_container(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, has_kill_file: bool
) -> None:
    made = CgroupsV2(unified(), bench.cgroups_root, ())
    made.create(("c",), True)
    made.create(("c", "n"), False)
    child = in_group(Path(made.entry_files(("c", "n"))[0]).parent)
    assert child.pid in made.processes(("c",))
    if not has_kill_file:
        write = Path.write_text

        def without_kill(path: Path, text: str) -> int:
            if path.name == "cgroup.kill":
                raise FileNotFoundError
            return write(path, text)

        monkeypatch.setattr(Path, "write_text", without_kill)
    made.kill(("c",))
    assert child.wait() == -signal.SIGKILL
    while made.processes(("c",)):
        pass
    made.remove(("c",))
    assert made.roots() == []
    made.kill(("c",))


def test_a_change_of_an_events_file_is_noticed_by_an_event_loop(bench: Bench) -> None:
    made = CgroupsV2(unified(), bench.cgroups_root, ())
    made.create(("c",), True)
    leaf = Path(made.entry_files(("c",))[0]).parent
    # Memory cannot run out here, but whether the cgroup is populated comes in the same way.
    asked = 0

    def confirm() -> bool:
        nonlocal asked
        asked += 1
        return True

    watch = _EventsWatch(leaf / "cgroup.events", confirm)
    assert not is_readable(watch.fd)
    child = in_group(leaf)
    assert is_readable(watch.fd)
    assert watch.happened()
    assert asked == 1
    assert not is_readable(watch.fd)
    made.kill(("c",))
    child.wait()
    watch.close()


def is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def test_version_1_without_a_freezer_tracks_in_another_hierarchy(bench: Bench) -> None:
    mounted = cgroups.find_mounted(HIERARCHY)
    if "pids" not in mounted.v1 or can_make(mounted.v1["pids"]):
        pytest.skip("cgroups of version 1 cannot be made here")
    made = CgroupsV1({"pids": mounted.v1["pids"]}, bench.cgroups_root, ("pids",), pids_max=9)
    made.create(("c",), True)
    made.update(("c",), bounds_of(()), first=True)
    files = made.entry_files(("c",))
    assert len(files) == 1
    assert (Path(files[0]).parent / "pids.max").read_text() == "9\n"
    child = in_group(Path(files[0]).parent)
    made.kill(("c",))
    assert child.wait() == -signal.SIGKILL
    while made.processes(("c",)):
        pass
    made.remove(("c",))
    assert made.roots() == []
