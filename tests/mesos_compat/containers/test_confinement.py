"""Cgroups and namespaces of this machine, where it lets us make some."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from mesos_compat.containers import cgroups
from mesos_compat.containers.process import ProcessRef
from mesos_compat.containers.spec import ContainerKind
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import (
    HIERARCHY,
    Bench,
    Start,
    resources,
    skip_without_cgroups,
    skip_without_namespaces,
)

pytestmark = pytest.mark.asyncio

HOG = "head -c 100000000 /dev/zero | tail -c 100000000 > /dev/null"


def controller_directory(bench: Bench, controller: str) -> Path:
    mounted = cgroups.find_mounted(HIERARCHY)
    mount = mounted.v2 if mounted.version == 2 else mounted.v1[controller]
    assert mount is not None
    return Path(mount, bench.cgroups_root)


def bounded(share_cgroups: bool) -> mesos_pb2.ContainerInfo:
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    container.linux_info.share_cgroups = share_cgroups
    return container


async def test_a_container_that_runs_out_of_memory_is_destroyed_as_a_whole(
    bench: Bench, start: Start
) -> None:
    skip_without_cgroups()
    containerizer = await start(isolation=("cgroups/cpu", "cgroups/mem"))
    # The hog dies, but its container would go on.
    spec = bench.spec(f"({HOG}); sleep 1000", resources=resources(cpus=0.1, mem=32))
    await containerizer.launch(spec)
    termination = await containerizer.wait(spec.container_id)
    assert termination.limitation == "memory"
    assert termination.status == signal.SIGKILL
    assert termination.message.startswith(
        "Memory limit exceeded: Requested: 32MB Maximum Used: 32MB\n\nMEMORY STATISTICS: \n"
    )
    assert [(one.name, one.scalar.value) for one in termination.limited] == [("mem", 32.0)]
    assert not (controller_directory(bench, "memory") / spec.container_id[0]).exists()


async def test_a_container_within_its_memory_that_is_killed_broke_no_bound(
    bench: Bench, start: Start
) -> None:
    skip_without_cgroups()
    containerizer = await start(isolation=("cgroups/mem",))
    spec = bench.spec("kill -9 $$", resources=resources(mem=32))
    await containerizer.launch(spec)
    termination = await containerizer.wait(spec.container_id)
    assert (termination.status, termination.limitation) == (9, None)


async def test_a_limit_above_the_request_is_what_bounds_memory(bench: Bench, start: Start) -> None:
    skip_without_cgroups()
    containerizer = await start(isolation=("cgroups/mem",))
    spec = bench.spec(HOG, resources=resources(mem=32), limits={"mem": float("inf")})
    await containerizer.launch(spec)
    termination = await containerizer.wait(spec.container_id)
    # 100 MB went through without anybody minding.
    assert (termination.status, termination.limitation) == (0, None)


async def test_a_fork_bomb_is_contained_and_destroyed(bench: Bench, start: Start) -> None:
    skip_without_cgroups()
    containerizer = await start(isolation=("cgroups/pids",), cgroups_pids_max=16)
    full = bench.fifo()
    # Each sleeper is one process; the loop is bounded, too, should the bound not hold. The
    # subshell gives up at the first fork that fails; what is around it needs no more forks.
    never = bench.fifo("never")
    bomb = "(i=0; while [ $i -lt 64 ]; do setsid sleep 1000 & i=$((i+1)); done)"
    spec = bench.spec(f"{bomb} 2>/dev/null; echo > {full}; read _ < {never}")
    await containerizer.launch(spec)
    await asyncio.to_thread(full.read_text)
    directory = controller_directory(bench, "pids") / spec.container_id[0]
    # The shell around it and all the sleepers there was room for beside the subshell.
    assert int((directory / "pids.current").read_text()) == 15
    assert containerizer.statistics(spec.container_id).threads == 15
    assert (directory / "pids.events").read_text() != "max 0\n"
    await containerizer.destroy(spec.container_id)
    assert not directory.exists()


async def test_shares_of_cpus_follow_the_request_and_its_updates(
    bench: Bench, start: Start
) -> None:
    skip_without_cgroups()
    containerizer = await start(isolation=("cgroups/cpu",), cgroups_enable_cfs=True)
    spec = bench.spec("sleep 1000", resources=resources(cpus=0.5))
    await containerizer.launch(spec)
    directory = controller_directory(bench, "cpu") / spec.container_id[0]

    def seen() -> tuple[int, str]:
        if (directory / "cpu.weight").exists():
            weight = int((directory / "cpu.weight").read_text())
            return weight * 1024 // 100, (directory / "cpu.max").read_text().split()[0]
        shares = int((directory / "cpu.shares").read_text())
        return shares, (directory / "cpu.cfs_quota_us").read_text().strip()

    assert seen() == (512, "50000")
    assert containerizer.statistics(spec.container_id).cpus_limit == 0.5
    await containerizer.update(spec.container_id, resources(cpus=2), {"cpus": 3})
    assert seen() == (2048, "300000")
    assert containerizer.statistics(spec.container_id).cpus_limit == 3
    assert containerizer.statistics(spec.container_id).cpus_soft_limit == 2


async def test_the_bound_of_memory_of_a_running_container_only_rises(
    bench: Bench, start: Start
) -> None:
    skip_without_cgroups()
    containerizer = await start(isolation=("cgroups/mem",))
    spec = bench.spec("sleep 1000", resources=resources(mem=64))
    await containerizer.launch(spec)
    directory = controller_directory(bench, "memory") / spec.container_id[0]

    def bound() -> int:
        v2 = directory / "memory.max"
        return int((v2 if v2.exists() else directory / "memory.limit_in_bytes").read_text())

    for asked, expected in ((64, 64), (128, 128), (33, 128)):
        await containerizer.update(spec.container_id, resources(mem=asked))
        assert bound() == expected << 20


async def test_a_nested_container_has_bounds_of_its_own_if_it_does_not_share(
    bench: Bench, start: Start
) -> None:
    skip_without_cgroups()
    containerizer = await start(isolation=("cgroups/mem",))
    parent = bench.spec("sleep 1000", resources=resources(mem=512))
    await containerizer.launch(parent)
    alone = bench.spec(
        HOG, parent=parent, container=bounded(share_cgroups=False), resources=resources(mem=32)
    )
    shared = bench.spec(HOG, parent=parent, container=bounded(share_cgroups=True))
    for spec in (alone, shared):
        await containerizer.launch(spec)
    assert (await containerizer.wait(alone.container_id)).limitation == "memory"
    ended = await containerizer.wait(shared.container_id)
    assert (ended.status, ended.limitation) == (0, None)
    assert containerizer.signal(parent.container_id, 0)


async def test_processes_are_found_by_their_cgroup_wherever_they_go(
    bench: Bench, start: Start
) -> None:
    skip_without_cgroups()
    containerizer = await start(launcher="linux")
    ready = bench.fifo()
    parent = bench.spec("sleep 1000")
    nested = bench.spec(f"setsid sh -c 'echo $$ > {ready}; sleep 1000' & wait", parent=parent)
    await containerizer.launch(parent)
    await containerizer.launch(nested)
    stray = ProcessRef.of(int(await asyncio.to_thread(ready.read_text)))
    assert stray is not None
    expected = f"/{bench.cgroups_root}/{parent.container_id[0]}/mesos/{nested.container_id[1]}"
    lines = Path(f"/proc/{stray.pid}/cgroup").read_text().splitlines()
    assert any(line.split(":", 2)[2].startswith(expected) for line in lines)
    await containerizer.destroy(nested.container_id)
    assert not stray.lives()
    assert containerizer.signal(parent.container_id, 0)


async def test_a_container_has_its_own_processes_and_mounts(bench: Bench, start: Start) -> None:
    skip_without_namespaces()
    containerizer = await start(isolation=("namespaces/pid",))
    spec = bench.spec("echo $$; ls /proc | grep -c '^[0-9]'; readlink /proc/self/ns/mnt; exit 6")
    launched = await containerizer.launch(spec)
    assert launched.pid > 2
    assert (await containerizer.wait(spec.container_id)).status == 6 << 8
    pid, count, mount = Path(spec.sandbox, "stdout").read_text().split()
    assert pid == "2"
    assert int(count) <= 5
    assert mount != str(Path("/proc/self/ns/mnt").readlink())


async def test_a_signal_reaches_a_command_in_a_namespace_of_its_own(
    bench: Bench, start: Start
) -> None:
    skip_without_namespaces()
    containerizer = await start(isolation=("namespaces/pid",))
    ready = bench.fifo()
    spec = bench.spec(f"echo up > {ready}; exec sleep 1000")
    await containerizer.launch(spec)
    await asyncio.to_thread(ready.read_text)
    assert containerizer.signal(spec.container_id, signal.SIGTERM)
    assert (await containerizer.wait(spec.container_id)).status == signal.SIGTERM


async def test_all_of_a_namespace_ends_with_the_command(bench: Bench, start: Start) -> None:
    skip_without_namespaces()
    containerizer = await start(isolation=("namespaces/pid",))
    ready = bench.fifo()
    go = bench.fifo("go")
    spec = bench.spec(f"setsid sleep 1000 & echo up > {ready}; cat {go}")
    launched = await containerizer.launch(spec)
    await asyncio.to_thread(ready.read_text)
    command = Path(f"/proc/{launched.pid}")
    init = int((command / "status").read_text().partition("PPid:")[2].split()[0])
    inside = [ProcessRef.of(pid) for pid in namespace_members(init)]
    assert len(inside) >= 3
    await asyncio.to_thread(go.write_text, "")
    assert (await containerizer.wait(spec.container_id)).status == 0
    assert not any(one.lives() for one in inside if one is not None)


def namespace_members(init: int) -> list[int]:
    wanted = Path(f"/proc/{init}/ns/pid").readlink()
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                if (one / "ns/pid").readlink() == wanted:
                    found.append(int(one.name))
            except OSError:
                continue
    return found


async def test_nested_and_debug_containers_enter_their_parents_namespaces(
    bench: Bench, start: Start
) -> None:
    skip_without_namespaces()
    containerizer = await start(isolation=("namespaces/pid",))
    show = "readlink /proc/self/ns/mnt /proc/self/ns/pid"
    ready = bench.fifo()
    parent = bench.spec(f"{show}; echo up > {ready}; sleep 1000")
    await containerizer.launch(parent)
    await asyncio.to_thread(ready.read_text)
    nested = bench.spec(show, parent=parent)
    await containerizer.launch(nested)
    await containerizer.wait(nested.container_id)
    session = bench.spec(show, parent=parent, kind=ContainerKind.DEBUG)
    await containerizer.launch(session)
    said = b"".join(
        [output.data async for output in await containerizer.attach_output(session.container_id)]
    )
    ours = Path(parent.sandbox, "stdout").read_text()
    assert said.decode() == ours
    own = Path(nested.sandbox, "stdout").read_text().split()
    assert not set(own) & set(ours.split())


async def test_a_volume_of_the_host_is_mounted_for_the_container_only(
    bench: Bench, start: Start
) -> None:
    skip_without_namespaces()
    containerizer = await start(isolation=("filesystem/linux",))
    shared = bench.root / "shared"
    shared.mkdir()
    (shared / "file").write_text("of the host")
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    for path, mode in (("a/b", mesos_pb2.Volume.RW), ("ro", mesos_pb2.Volume.RO)):
        container.volumes.add(mode=mode, container_path=path, host_path=str(shared))
    spec = bench.spec(
        "cat a/b/file; echo more > a/b/more; touch ro/x || cat ro/more", container=container
    )
    await containerizer.launch(spec)
    assert (await containerizer.wait(spec.container_id)).status == 0
    assert Path(spec.sandbox, "stdout").read_text() == "of the hostmore\n"
    assert sorted(one.name for one in shared.iterdir()) == ["file", "more"]
    # On the host there are only the mount points.
    assert list(Path(spec.sandbox, "a", "b").iterdir()) == []


async def test_a_mount_point_that_is_a_link_is_not_followed(bench: Bench, start: Start) -> None:
    skip_without_namespaces()
    containerizer = await start(isolation=("filesystem/linux",))
    outside = bench.root / "outside"
    outside.mkdir()
    parent = bench.spec("sleep 1000")
    await containerizer.launch(parent)
    nested_sandbox = Path(parent.sandbox, "containers", "c2")
    nested_sandbox.mkdir(parents=True)
    (nested_sandbox / "v").symlink_to(outside)
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    container.volumes.add(
        mode=mesos_pb2.Volume.RW, container_path="v/made", host_path=str(bench.root)
    )
    nested = bench.spec("true", parent=parent, container=container)
    assert nested.sandbox == str(nested_sandbox)
    with pytest.raises(Exception, match="Failed to prepare the volume at 'v/made'"):
        await containerizer.launch(nested)
    assert list(outside.iterdir()) == []


async def test_a_volume_added_later_is_mounted_in_the_running_container(
    bench: Bench, start: Start
) -> None:
    skip_without_namespaces()
    containerizer = await start(isolation=("filesystem/linux",))
    go = bench.fifo()
    volume = mesos_pb2.Resource(name="disk", type=mesos_pb2.Value.SCALAR, role="web/api")
    volume.scalar.value = 10
    volume.disk.persistence.id = "data"
    volume.disk.volume.container_path = "data"
    volume.disk.volume.mode = mesos_pb2.Volume.RW
    spec = bench.spec(f"cat {go}; echo kept > data/file")
    await containerizer.launch(spec)
    await containerizer.update(spec.container_id, [volume])
    await asyncio.to_thread(go.write_text, "")
    assert (await containerizer.wait(spec.container_id)).status == 0
    kept = bench.root / "work" / "volumes" / "roles" / "web api" / "data" / "file"
    assert kept.read_text() == "kept\n"


async def test_all_that_this_host_permits_is_found_by_auto(bench: Bench, start: Start) -> None:
    containerizer = await start(isolation=("auto",), launcher=None)
    found = containerizer.isolation
    if os.geteuid() != 0:
        assert found.notices
        return
    spec = bench.spec("exit 9", resources=resources(cpus=0.1, mem=64, disk=10))
    await containerizer.launch(spec)
    assert (await containerizer.wait(spec.container_id)).status == 9 << 8
    everything = (found.controllers, found.mount_namespace, found.pid_namespace)
    assert bool(found.notices) == (everything != (("cpu", "memory", "pids"), True, True))
