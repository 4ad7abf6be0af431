"""What is left of containers in cgroups, and is in no agent's books, goes away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mesos_compat.containers import cgroups
from mesos_compat.containers.cgroup_v1 import CgroupsV1
from mesos_compat.containers.containerizer import Containerizer
from mesos_compat.containers.process import ProcessRef
from tests.mesos_compat.containers.bench import HIERARCHY, Bench, Start, skip_without_cgroups

pytestmark = pytest.mark.asyncio
ISOLATION = {"launcher": "linux", "isolation": ("cgroups/mem",)}


@pytest.fixture(autouse=True)
def needs_cgroups() -> None:
    skip_without_cgroups()


async def launch_and_forget(bench: Bench, start: Start) -> tuple[str, ProcessRef]:
    """A container goes on whose agent is gone, and what that wrote down of it, too."""
    first = await start(**ISOLATION)
    spec = bench.spec("sleep 1000", environment={"MESOS_DIRECTORY": str(bench.root / "work/x")})
    command = ProcessRef.of((await first.launch(spec)).pid)
    assert command is not None
    await first.close()
    shutil.rmtree(bench.root / "run" / "containers")
    return spec.container_id[0], command


def roots(containerizer: Containerizer) -> list[str]:
    found = containerizer.isolation.cgroups
    assert found is not None
    return found.roots()


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_container_of_this_agent_is_destroyed_without_its_records(
    bench: Bench, start: Start, is_known: bool
) -> None:
    name, command = await launch_and_forget(bench, start)
    second = await start(**ISOLATION)
    await second.recover([(name,)] if is_known else [])
    assert not command.lives()
    assert roots(second) == []


async def test_a_container_of_another_agent_goes_on(bench: Bench, start: Start) -> None:
    name, command = await launch_and_forget(bench, start)
    other = {"work_dir": str(bench.root / "wo"), "runtime_dir": str(bench.root / "other")}
    second = await start(**ISOLATION, **other)
    await second.recover([])
    assert command.lives()
    assert roots(second) == [name]
    third = await start(**ISOLATION)
    await third.recover([])
    assert not command.lives()


@pytest.mark.parametrize("is_old", [True, False])
async def test_empty_cgroups_are_removed_when_nobody_can_be_about_to_use_them(
    start: Start, monkeypatch: pytest.MonkeyPatch, is_old: bool
) -> None:
    agent = await start(**ISOLATION)
    found = agent.isolation.cgroups
    assert found is not None
    found.create(("stale",), True)
    made_at = found.changed_at(("stale",))
    assert made_at > 0
    if is_old:
        monkeypatch.setattr(type(found), "changed_at", lambda *_: made_at - 3600)
    await agent.recover([])
    assert roots(agent) == ([] if is_old else ["stale"])


async def test_cgroups_that_are_in_one_hierarchy_only_are_found(bench: Bench) -> None:
    mounted = cgroups.find_mounted(HIERARCHY)
    if mounted.version != 1 or "freezer" not in mounted.v1:
        pytest.skip("this host has one hierarchy")
    made = CgroupsV1(mounted.v1, bench.cgroups_root, ("memory",))
    made.create(("c",), True)
    Path(mounted.v1["freezer"], bench.cgroups_root, "c").rmdir()
    assert made.roots() == ["c"]
    made.remove(("c",))
    assert made.roots() == []
