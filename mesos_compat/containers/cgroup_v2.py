"""Cgroups of version 2: one hierarchy for all controllers.

A cgroup whose children have controllers may hold no process itself, so a container's processes
are in ``<container>/leaf``, and its bounds are on ``<container>``.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable
from pathlib import Path

from mesos_compat.containers import cgroups
from mesos_compat.containers.bounds import CFS_PERIOD_US, MIB, Bounds
from mesos_compat.containers.spec import ContainerId
from mesos_compat.wire.v1 import mesos_pb2

_LEAF = "leaf"
_US_PER_S = 1_000_000

_MEMORY_STAT = (
    ("anon", "mem_rss_bytes"),
    ("anon", "mem_anon_bytes"),
    ("file", "mem_file_bytes"),
    ("file", "mem_cache_bytes"),
    ("file_mapped", "mem_mapped_file_bytes"),
    ("unevictable", "mem_unevictable_bytes"),
)


class _EventsWatch:
    """``memory.events`` is an exceptional condition (POLLPRI) whenever it has changed.

    An event loop waits for readability, and the file is always readable. So the file is in an
    epoll of its own, which is readable when the file has changed.
    """

    def __init__(self, file: Path, confirm: Callable[[], bool]) -> None:
        self._confirm = confirm
        self._file = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._file, select.EPOLLPRI)
        self.fd = self._epoll.fileno()
        os.pread(self._file, 4096, 0)

    def happened(self) -> bool:
        """Take note; whether the memory has run out."""
        # Reading is what takes note of it.
        os.pread(self._file, 4096, 0)
        return self._confirm()

    def close(self) -> None:
        """Stop watching."""
        self._epoll.close()
        os.close(self._file)


class CgroupsV2:
    """See :class:`~mesos_compat.containers.cgroups.Cgroups`."""

    version = 2

    def __init__(
        self,
        mount: str,
        root: str,
        controllers: tuple[str, ...],
        *,
        enable_cfs: bool = False,
        limit_swap: bool = False,
        pids_max: int | None = None,
    ) -> None:
        self._enable_cfs = enable_cfs
        self._limit_swap = limit_swap
        self._pids_max = pids_max
        self._root = Path(mount, root)
        self._root.mkdir(parents=True, exist_ok=True)
        # All the way down from the top, else the containers have no controllers.
        ancestors = [self._root, *self._root.parents]
        self.controllers = controllers
        for directory in reversed(ancestors[: ancestors.index(Path(mount)) + 1]):
            self.controllers = _enable(directory, self.controllers)

    def _directory(self, container_id: ContainerId) -> Path:
        return self._root / cgroups.container_path(container_id)

    def _bounded(self, container_id: ContainerId) -> Path:
        """The cgroup that bounds a container: its own, or that of the ancestor it shares."""
        while len(container_id) > 1 and not self._is_bounded(container_id):
            container_id = container_id[:-1]
        return self._directory(container_id)

    def _is_bounded(self, container_id: ContainerId) -> bool:
        # Only where the parent has passed controllers on is there anything to bound.
        directory = self._directory(container_id)
        present = (directory / "cgroup.controllers").read_text().split()
        return len(container_id) == 1 or bool(set(present) & set(self.controllers))

    def create(self, container_id: ContainerId, bounded: bool) -> None:
        """Make the container's cgroups."""
        directory = self._directory(container_id)
        directory.mkdir(parents=True, exist_ok=True)
        if bounded and len(container_id) > 1:
            for above in (self._directory(container_id[:-1]), directory.parent):
                _enable(above, self.controllers)
        (directory / _LEAF).mkdir(exist_ok=True)

    def entry_files(self, container_id: ContainerId) -> list[str]:
        """The files ``cgroup.procs`` of the container."""
        return [str(self._directory(container_id) / _LEAF / "cgroup.procs")]

    def update(self, container_id: ContainerId, bounds: Bounds, first: bool) -> None:
        """Set the container's bounds."""
        if not self._is_bounded(container_id):
            return
        directory = self._directory(container_id)
        if "cpu" in self.controllers and bounds.cpu_weight is not None:
            (directory / "cpu.weight").write_text(str(bounds.cpu_weight))
            quota = bounds.cfs_quota_us(self._enable_cfs)
            text = "max" if quota is None else str(quota)
            (directory / "cpu.max").write_text(f"{text} {CFS_PERIOD_US}")
        if "memory" in self.controllers:
            self._update_memory(directory, bounds, first)
        if "pids" in self.controllers and self._pids_max is not None:
            (directory / "pids.max").write_text(str(self._pids_max))

    def _update_memory(self, directory: Path, bounds: Bounds, first: bool) -> None:
        if bounds.mem_request_bytes is not None:
            (directory / "memory.low").write_text(str(bounds.mem_request_bytes))
        if bounds.mem_request_bytes is None and bounds.mem_limit_bytes is None:
            return
        current = cgroups.read_number(directory / "memory.max")
        wanted = bounds.mem_limit_bytes
        if not first and wanted is not None and (current is None or wanted <= current):
            return
        (directory / "memory.max").write_text("max" if wanted is None else str(wanted))
        swap = directory / "memory.swap.max"
        if self._limit_swap and wanted is not None and swap.exists():
            # There is no bound of both together here; without swap it comes to the same.
            swap.write_text("0")

    def fill_statistics(
        self, container_id: ContainerId, statistics: mesos_pb2.ResourceStatistics
    ) -> None:
        """Add the container's usage."""
        directory = self._bounded(container_id)
        if "cpu" in self.controllers:
            table = cgroups.read_table(directory / "cpu.stat")
            statistics.cpus_user_time_secs = table.get("user_usec", 0) / _US_PER_S
            statistics.cpus_system_time_secs = table.get("system_usec", 0) / _US_PER_S
            if self._enable_cfs:
                statistics.cpus_nr_periods = table.get("nr_periods", 0)
                statistics.cpus_nr_throttled = table.get("nr_throttled", 0)
                throttled = table.get("throttled_usec", 0) / _US_PER_S
                statistics.cpus_throttled_time_secs = throttled
        if "memory" in self.controllers:
            table = cgroups.read_table(directory / "memory.stat")
            for name, target in _MEMORY_STAT:
                if name in table:
                    setattr(statistics, target, table[name])
            for file, target in (
                ("memory.current", "mem_total_bytes"),
                ("memory.swap.current", "mem_swap_bytes"),
            ):
                number = cgroups.read_number(directory / file)
                if number is not None:
                    setattr(statistics, target, number)
        if "pids" in self.controllers:
            statistics.threads = cgroups.read_number(directory / "pids.current") or 0
            statistics.processes = len(self.processes(container_id))

    def processes(self, container_id: ContainerId) -> list[int]:
        """The container's processes."""
        directory = self._directory(container_id)
        return [pid for one in cgroups.walk(directory) for pid in cgroups.read_pids(one)]

    def kill(self, container_id: ContainerId) -> None:
        """Send SIGKILL to all of the container."""
        directory = self._directory(container_id)
        try:
            (directory / "cgroup.kill").write_text("1")
            return
        except FileNotFoundError:
            if not directory.is_dir():
                return
        # A kernel before 5.14: freeze, so that none forks away, and kill one by one.
        self._freeze(directory, "1")
        try:
            cgroups.signal_all(self.processes(container_id))
        finally:
            self._freeze(directory, "0")

    @staticmethod
    def _freeze(directory: Path, state: str) -> None:
        try:
            (directory / "cgroup.freeze").write_text(state)
        except FileNotFoundError:
            pass

    def remove(self, container_id: ContainerId) -> None:
        """Remove the container's cgroups."""
        for one in cgroups.walk(self._directory(container_id)):
            cgroups.remove_directory(one)

    def watch_oom(self, container_id: ContainerId) -> cgroups.OomWatch | None:
        """Watch for the container's memory to run out."""
        if "memory" not in self.controllers or not self._is_bounded(container_id):
            return None
        return _EventsWatch(
            self._directory(container_id) / "memory.events",
            lambda: self.has_run_out_of_memory(container_id),
        )

    def has_run_out_of_memory(self, container_id: ContainerId) -> bool:
        """Whether a process was killed because of the container's own bound."""
        if "memory" not in self.controllers:
            return False
        directory = self._directory(container_id)
        try:
            if not self._is_bounded(container_id):
                return False
            events = cgroups.read_table(directory / "memory.events")
            # Kills count wherever the bound was reached; reaching one counts locally.
            local = directory / "memory.events.local"
            own = cgroups.read_table(local if local.exists() else directory / "memory.events")
        except FileNotFoundError:
            return False
        return events.get("oom_kill", 0) > 0 and own.get("oom", 0) > 0

    def memory_message(self, container_id: ContainerId) -> str:
        """Mesos's words for that."""
        directory = self._bounded(container_id)
        limit = cgroups.read_number(directory / "memory.max") or 0
        # Kernels before 5.19 do not keep the most.
        most = cgroups.read_number(directory / "memory.peak") or limit
        statistics = (directory / "memory.stat").read_text()
        return (
            f"Memory limit exceeded: Requested: {limit // MIB}MB "
            f"Maximum Used: {most // MIB}MB\n\nMEMORY STATISTICS: \n{statistics}"
        )

    def roots(self) -> list[str]:
        """The root containers that have cgroups."""
        return sorted(one.name for one in self._root.iterdir() if one.is_dir())

    def changed_at(self, container_id: ContainerId) -> float:
        """When the container's cgroup was made, or later."""
        return self._directory(container_id).stat().st_mtime


def _enable(directory: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Pass controllers on to the children of a cgroup; those that could be."""
    enabled = []
    for name in wanted:
        try:
            (directory / "cgroup.subtree_control").write_text(f"+{name}")
        except OSError as error:
            # No such controller here, or processes of others are in the way.
            if error.errno not in (errno.EINVAL, errno.ENOENT, errno.EBUSY, errno.EOPNOTSUPP):
                raise
        else:
            enabled.append(name)
    return tuple(enabled)
