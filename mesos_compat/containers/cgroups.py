"""Which cgroups this host has, what of them may be written, and what both versions have in common.

A container has one cgroup (version 2) or one in each hierarchy in use (version 1), at
``<cgroups_root>/<container id>``, a nested one at ``.../<parent>/mesos/<id>`` below its
parent's. Every container is *tracked* in a cgroup of its own, so that all of it can be found
and killed; its resources are *bounded* in one, unless it shares its parent's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mesos_compat.containers.bounds import Bounds
from mesos_compat.containers.spec import ContainerId
from mesos_compat.wire.v1 import mesos_pb2

# What lies between the cgroups of a parent and a child (CGROUP_SEPARATOR of Mesos).
SEPARATOR = "mesos"
_SIGKILL = 9
# How often the kernel is asked to remove an empty cgroup, waiting 1 ms, 2 ms, ... in between.
_REMOVALS_MAX = 8


class OomWatch(Protocol):
    """Something that becomes readable when a container has run out of memory."""

    fd: int

    def happened(self) -> bool:
        """Take note of what made it readable; whether the container has run out of memory."""

    def close(self) -> None:
        """Stop watching."""


class Cgroups(Protocol):
    """The cgroups of all containers of one agent. Every method may raise OSError."""

    # 1 or 2.
    version: int
    # Of "cpu", "memory", "pids", those that bound containers.
    controllers: tuple[str, ...]

    def create(self, container_id: ContainerId, bounded: bool) -> None:
        """Make a container's cgroups; ``bounded`` is whether it has bounds of its own."""

    def entry_files(self, container_id: ContainerId) -> list[str]:
        """The files into which a process of the container writes itself."""

    def update(self, container_id: ContainerId, bounds: Bounds, first: bool) -> None:
        """Set a container's bounds; ``first`` when it does not run yet.

        The bound of memory of a running container is never lowered, as in Mesos.
        """

    def fill_statistics(
        self, container_id: ContainerId, statistics: mesos_pb2.ResourceStatistics
    ) -> None:
        """Add what the container uses and has used."""

    def processes(self, container_id: ContainerId) -> list[int]:
        """All processes of the container, those of nested ones too."""

    def kill(self, container_id: ContainerId) -> None:
        """Send SIGKILL to all of them."""

    def remove(self, container_id: ContainerId) -> None:
        """Remove the cgroups of a container without processes, and of those nested in it."""

    def watch_oom(self, container_id: ContainerId) -> OomWatch | None:
        """Watch for the memory of a container to run out; None when memory is not bounded."""

    def has_run_out_of_memory(self, container_id: ContainerId) -> bool:
        """Whether a process of the container was killed because its bound was reached."""

    def memory_message(self, container_id: ContainerId) -> str:
        """What Mesos says of a container that ran out of memory."""

    def roots(self) -> list[str]:
        """The ids of the root containers that have a cgroup."""

    def changed_at(self, container_id: ContainerId) -> float:
        """When the container's cgroup was made, or later: in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """The cgroup hierarchies of this host."""

    # Version 1: controller -> where its hierarchy is mounted.
    v1: dict[str, str] = field(default_factory=dict)
    # Version 2: where it is mounted, and which controllers it has.
    v2: str | None = None
    v2_controllers: tuple[str, ...] = ()

    @property
    def version(self) -> int:
        """Which version to use: that which has the controllers; 0 is none."""
        if "memory" in self.v2_controllers or "cpu" in self.v2_controllers:
            return 2
        if self.v1:
            return 1
        return 2 if self.v2 is not None else 0


def find_mounted(hierarchy: str, mountinfo: str = "/proc/self/mountinfo") -> Mounted:
    """The hierarchies mounted at or below ``hierarchy`` (--cgroups_hierarchy)."""
    v1: dict[str, str] = {}
    v2 = None
    for line in Path(mountinfo).read_text().splitlines():
        before, _, after = line.partition(" - ")
        mount_point = before.split()[4].replace("\\040", " ")
        fs_type, _, options = after.split(" ", 2)
        if mount_point != hierarchy and not mount_point.startswith(hierarchy.rstrip("/") + "/"):
            continue
        if fs_type == "cgroup2":
            v2 = mount_point
        elif fs_type == "cgroup":
            for option in options.split(","):
                if option in ("cpu", "cpuacct", "memory", "pids", "freezer"):
                    v1[option] = mount_point
    controllers: tuple[str, ...] = ()
    if v2 is not None:
        controllers = tuple(Path(v2, "cgroup.controllers").read_text().split())
    return Mounted(v1, v2, controllers)


def container_path(container_id: ContainerId) -> str:
    """Where the cgroup of a container lies below the root of all containers."""
    return f"/{SEPARATOR}/".join(container_id)


def read_pids(directory: Path) -> list[int]:
    """The processes of one cgroup; empty when it is gone."""
    try:
        return [int(line) for line in (directory / "cgroup.procs").read_text().split()]
    except FileNotFoundError:
        return []
    except OSError:
        # A cgroup that is being removed says ENODEV.
        return []


def walk(directory: Path) -> Iterator[Path]:
    """A cgroup and all below it, the innermost first."""
    for parent, _, _ in os.walk(directory, topdown=False):
        yield Path(parent)


def signal_all(pids: list[int], number: int = _SIGKILL) -> None:
    """Signal every process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def read_table(path: Path) -> dict[str, int]:
    """A file of ``name number`` lines."""
    table = {}
    for line in path.read_text().splitlines():
        name, _, number = line.partition(" ")
        if number.strip().isdigit():
            table[name] = int(number)
    return table


def read_number(path: Path) -> int | None:
    """A file with one number; None when the kernel has no such file, or no number in it."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def remove_directory(directory: Path) -> None:
    """Remove one cgroup. The kernel may need a moment after its last process has gone."""
    for attempt in range(_REMOVALS_MAX):
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if attempt == _REMOVALS_MAX - 1:
                raise
            time.sleep(0.001 * 2**attempt)
        else:
            return
