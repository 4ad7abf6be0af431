"""A place for containers to run in, and what this machine permits of isolation."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Protocol

import pytest

from mesos_compat.containers import cgroups
from mesos_compat.containers.containerizer import Containerizer
from mesos_compat.containers.namespaces import Permitted, find_permitted
from mesos_compat.containers.spec import ContainerizerSettings, ContainerSpec
from mesos_compat.wire.v1 import mesos_pb2

HIERARCHY = "/sys/fs/cgroup"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may switch users")


@functools.cache
def permitted() -> Permitted:
    if os.geteuid() != 0:
        return Permitted("not root", "not root")
    return find_permitted()


@functools.cache
def why_no_cgroups() -> str:
    """Why cgroups cannot bound memory and processes here; empty when they can."""
    mounted = cgroups.find_mounted(HIERARCHY)
    if mounted.version == 1 and not {"memory", "pids", "cpu"} - mounted.v1.keys():
        return can_make(mounted.v1["memory"]) or ""
    if mounted.version == 2 and mounted.v2 is not None:
        missing = {"memory", "pids", "cpu"} - set(mounted.v2_controllers)
        return f"no controllers {missing}" if missing else can_make(mounted.v2) or ""
    return "no cgroups with memory and pids are mounted"


def skip_without_cgroups() -> None:
    if why := why_no_cgroups():
        pytest.skip(f"cgroups cannot be written: {why}")


def skip_without_namespaces() -> None:
    if why := permitted().mount or permitted().pid:
        pytest.skip(f"namespaces cannot be made: {why}")


def can_make(directory: str) -> str | None:
    """Why no cgroup can be made in ``directory``; None when one can."""
    probe = Path(directory, f"mesos_probe_{os.getpid()}")
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        return str(error)
    return None


def resources(**scalars: float) -> tuple[mesos_pb2.Resource, ...]:
    found = []
    for name, value in scalars.items():
        resource = mesos_pb2.Resource(name=name, type=mesos_pb2.Value.SCALAR)
        resource.scalar.value = value
        found.append(resource)
    return tuple(found)


class Bench:
    """A work directory that any user may enter, and the settings of an agent in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cgroups_root = f"mesos_test_{root.name}"
        self._count = 0

    def settings(self, **changes: object) -> ContainerizerSettings:
        values: dict[str, object] = {
            "work_dir": str(self.root / "work"),
            "runtime_dir": str(self.root / "run"),
            "fetcher_cache_dir": str(self.root / "fetch"),
            "cgroups_root": self.cgroups_root,
            "launcher": "posix",
        }
        return ContainerizerSettings(**(values | changes))  # type: ignore[arg-type]

    def spec(self, command: str | mesos_pb2.CommandInfo, **changes: object) -> ContainerSpec:
        """A container, nested in that of ``parent`` if there is one among ``changes``."""
        if isinstance(command, str):
            command = mesos_pb2.CommandInfo(value=command)
        self._count += 1
        name = f"c{self._count}"
        parent = changes.pop("parent", None)
        if parent is None:
            values: dict[str, object] = {
                "container_id": (name,),
                "sandbox": str(self.root / "work" / "executors" / "runs" / name),
            }
        else:
            assert isinstance(parent, ContainerSpec)
            values = {
                "container_id": (*parent.container_id, name),
                "sandbox": f"{parent.sandbox}/containers/{name}",
            }
        return ContainerSpec(command=command, **(values | changes))  # type: ignore[arg-type]

    def fifo(self, name: str = "fifo") -> Path:
        """A pipe by which a command tells the test something, or the other way round."""
        path = self.root / name
        os.mkfifo(path, 0o666)
        path.chmod(0o666)
        return path

    def remove_cgroups(self) -> None:
        mounted = cgroups.find_mounted(HIERARCHY)
        for mount in dict.fromkeys([*mounted.v1.values(), *filter(None, [mounted.v2])]):
            for directory in cgroups.walk(Path(mount, self.cgroups_root)):
                cgroups.remove_directory(directory)


class Start(Protocol):
    """Starts a containerizer with settings changed as said."""

    async def __call__(self, **changes: object) -> Containerizer: ...
