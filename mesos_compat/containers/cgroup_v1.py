"""Cgroups of version 1: one hierarchy a controller."""

from __future__ import annotations

import os
from pathlib import Path

from mesos_compat.containers import cgroups, syscalls
from mesos_compat.containers.bounds import CFS_PERIOD_US, MIB, Bounds
from mesos_compat.containers.process import TICKS_PER_S
from mesos_compat.containers.spec import ContainerId
from mesos_compat.wire.v1 import mesos_pb2

_MEMORY_STAT = (
    ("total_rss", "mem_rss_bytes"),
    ("total_rss", "mem_anon_bytes"),
    ("total_cache", "mem_file_bytes"),
    ("total_cache", "mem_cache_bytes"),
    ("total_mapped_file", "mem_mapped_file_bytes"),
    ("total_swap", "mem_swap_bytes"),
    ("total_unevictable", "mem_unevictable_bytes"),
)


class _EventfdWatch:
    """The kernel counts an eventfd up whenever the memory of one cgroup has run out."""

    def __init__(self, directory: Path) -> None:
        self.fd = syscalls.eventfd()
        self._directory = directory
        self._control = os.open(directory / "memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        (directory / "cgroup.event_control").write_text(f"{self.fd} {self._control}")

    def happened(self) -> bool:
        """Take note; whether the memory has run out."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return False
        # The kernel also says it of a cgroup that is removed.
        return bool(cgroups.read_number(self._directory / "memory.failcnt"))

    def close(self) -> None:
        """Stop watching."""
        os.close(self._control)
        os.close(self.fd)


class CgroupsV1:
    """See :class:`~mesos_compat.containers.cgroups.Cgroups`."""

    version = 1

    def __init__(
        self,
        mounts: dict[str, str],
        root: str,
        controllers: tuple[str, ...],
        *,
        enable_cfs: bool = False,
        limit_swap: bool = False,
        pids_max: int | None = None,
    ) -> None:
        self.controllers = tuple(name for name in controllers if name in mounts)
        self._enable_cfs = enable_cfs
        self._limit_swap = limit_swap
        self._pids_max = pids_max
        # Controller -> directory of all containers. The usage of CPUs has a controller apart.
        bounding = list(self.controllers)
        if "cpu" in bounding and "cpuacct" in mounts:
            bounding.append("cpuacct")
        self._bounding = {name: Path(mounts[name], root) for name in bounding}
        # The hierarchy in which every container is found again.
        tracker = "freezer" if "freezer" in mounts else next(iter(mounts))
        self._tracking = Path(mounts[tracker], root)
        self._has_freezer = tracker == "freezer"
        # Containers with bounds of their own; the others are in their parents' cgroups.
        for directory in (self._tracking, *self._bounding.values()):
            directory.mkdir(parents=True, exist_ok=True)

    def _bounded(self, controller: str, container_id: ContainerId) -> Path:
        """Where a controller bounds a container: in its own cgroup or an ancestor's."""
        base = self._bounding[controller]
        while len(container_id) > 1:
            directory = base / cgroups.container_path(container_id)
            if directory.is_dir():
                return directory
            container_id = container_id[:-1]
        return base / container_id[0]

    def _owned(self, controller: str, container_id: ContainerId) -> Path | None:
        directory = self._bounding[controller] / cgroups.container_path(container_id)
        return directory if directory.is_dir() else None

    def _tracked(self, container_id: ContainerId) -> Path:
        return self._tracking / cgroups.container_path(container_id)

    def create(self, container_id: ContainerId, bounded: bool) -> None:
        """Make the container's cgroups."""
        self._tracked(container_id).mkdir(parents=True, exist_ok=True)
        if bounded:
            for base in self._bounding.values():
                (base / cgroups.container_path(container_id)).mkdir(parents=True, exist_ok=True)

    def entry_files(self, container_id: ContainerId) -> list[str]:
        """The files ``cgroup.procs`` of the container."""
        directories = [self._bounded(name, container_id) for name in self._bounding]
        directories.append(self._tracked(container_id))
        # Controllers may be mounted together.
        return [str(one / "cgroup.procs") for one in dict.fromkeys(directories)]

    def update(self, container_id: ContainerId, bounds: Bounds, first: bool) -> None:
        """Set the container's bounds."""
        if "cpu" in self._bounding and (cpu := self._owned("cpu", container_id)):
            if bounds.cpu_shares is not None:
                (cpu / "cpu.shares").write_text(str(bounds.cpu_shares))
            quota = bounds.cfs_quota_us(self._enable_cfs)
            if quota is not None:
                (cpu / "cpu.cfs_period_us").write_text(str(CFS_PERIOD_US))
                (cpu / "cpu.cfs_quota_us").write_text(str(quota))
            elif not first and (cpu / "cpu.cfs_quota_us").exists():
                (cpu / "cpu.cfs_quota_us").write_text("-1")
        if "memory" in self._bounding and (memory := self._owned("memory", container_id)):
            self._update_memory(memory, bounds, first)
        if (
            self._pids_max is not None
            and "pids" in self._bounding
            and (pids := self._owned("pids", container_id))
        ):
            (pids / "pids.max").write_text(str(self._pids_max))

    def _update_memory(self, memory: Path, bounds: Bounds, first: bool) -> None:
        if bounds.mem_request_bytes is not None:
            (memory / "memory.soft_limit_in_bytes").write_text(str(bounds.mem_request_bytes))
        if bounds.mem_request_bytes is None and bounds.mem_limit_bytes is None:
            return
        wanted = bounds.mem_limit_bytes
        current = int((memory / "memory.limit_in_bytes").read_text())
        if not first and wanted is not None and wanted <= current:
            return
        text = "-1" if wanted is None else str(wanted)
        files = [memory / "memory.limit_in_bytes"]
        swap = memory / "memory.memsw.limit_in_bytes"
        if self._limit_swap and swap.exists():
            # The bound of both may not be below that of memory at any time.
            files.insert(0 if wanted is None or wanted > current else 1, swap)
        for file in files:
            file.write_text(text)

    def fill_statistics(
        self, container_id: ContainerId, statistics: mesos_pb2.ResourceStatistics
    ) -> None:
        """Add the container's usage."""
        if "cpuacct" in self._bounding:
            directory = self._bounded("cpuacct", container_id)
            table = cgroups.read_table(directory / "cpuacct.stat")
            statistics.cpus_user_time_secs = table.get("user", 0) / TICKS_PER_S
            statistics.cpus_system_time_secs = table.get("system", 0) / TICKS_PER_S
        if "cpu" in self._bounding and self._enable_cfs:
            table = cgroups.read_table(self._bounded("cpu", container_id) / "cpu.stat")
            statistics.cpus_nr_periods = table.get("nr_periods", 0)
            statistics.cpus_nr_throttled = table.get("nr_throttled", 0)
            statistics.cpus_throttled_time_secs = table.get("throttled_time", 0) / 1e9
        if "memory" in self._bounding:
            self._fill_memory(self._bounded("memory", container_id), statistics)
        if "pids" in self._bounding:
            directory = self._bounded("pids", container_id)
            statistics.threads = cgroups.read_number(directory / "pids.current") or 0
            statistics.processes = len(self.processes(container_id))

    @staticmethod
    def _fill_memory(memory: Path, statistics: mesos_pb2.ResourceStatistics) -> None:
        table = cgroups.read_table(memory / "memory.stat")
        for name, target in _MEMORY_STAT:
            if name in table:
                setattr(statistics, target, table[name])
        for file, target in (
            ("memory.usage_in_bytes", "mem_total_bytes"),
            ("memory.memsw.usage_in_bytes", "mem_total_memsw_bytes"),
            ("memory.kmem.usage_in_bytes", "mem_kmem_usage_bytes"),
            ("memory.kmem.tcp.usage_in_bytes", "mem_kmem_tcp_usage_bytes"),
        ):
            number = cgroups.read_number(memory / file)
            if number is not None:
                setattr(statistics, target, number)

    def processes(self, container_id: ContainerId) -> list[int]:
        """The container's processes."""
        tracked = self._tracked(container_id)
        return [pid for one in cgroups.walk(tracked) for pid in cgroups.read_pids(one)]

    def kill(self, container_id: ContainerId) -> None:
        """Send SIGKILL to all of the container."""
        tracked = self._tracked(container_id)
        if not tracked.is_dir():
            return
        # Frozen processes fork no more, so that one look finds all of them.
        self._freeze(tracked, "FROZEN")
        try:
            cgroups.signal_all(self.processes(container_id))
        finally:
            self._freeze(tracked, "THAWED")

    def _freeze(self, directory: Path, state: str) -> None:
        if self._has_freezer:
            try:
                (directory / "freezer.state").write_text(state)
            except FileNotFoundError:
                pass

    def remove(self, container_id: ContainerId) -> None:
        """Remove the container's cgroups."""
        bases = dict.fromkeys((self._tracking, *self._bounding.values()))
        for base in bases:
            directory = base / cgroups.container_path(container_id)
            for one in cgroups.walk(directory):
                cgroups.remove_directory(one)

    def watch_oom(self, container_id: ContainerId) -> cgroups.OomWatch | None:
        """Watch for the container's memory to run out."""
        if "memory" not in self._bounding:
            return None
        directory = self._owned("memory", container_id)
        return None if directory is None else _EventfdWatch(directory)

    def has_run_out_of_memory(self, container_id: ContainerId) -> bool:
        """Whether a process was killed because of the container's own bound."""
        if "memory" not in self._bounding:
            return False
        directory = self._owned("memory", container_id)
        if directory is None or not cgroups.read_number(directory / "memory.failcnt"):
            return False
        # A host that runs out as a whole counts kills, too, but then no bound was reached.
        return any(
            cgroups.read_table(one / "memory.oom_control").get("oom_kill", 0)
            for one in cgroups.walk(directory)
        )

    def memory_message(self, container_id: ContainerId) -> str:
        """Mesos's words for that."""
        directory = self._bounded("memory", container_id)
        limit = cgroups.read_number(directory / "memory.limit_in_bytes") or 0
        most = cgroups.read_number(directory / "memory.max_usage_in_bytes") or 0
        statistics = (directory / "memory.stat").read_text()
        return (
            f"Memory limit exceeded: Requested: {limit // MIB}MB "
            f"Maximum Used: {most // MIB}MB\n\nMEMORY STATISTICS: \n{statistics}"
        )

    def roots(self) -> list[str]:
        """The root containers that have cgroups."""
        bases = dict.fromkeys((self._tracking, *self._bounding.values()))
        return sorted({one.name for base in bases for one in base.iterdir() if one.is_dir()})

    def changed_at(self, container_id: ContainerId) -> float:
        """When the container's newest cgroup was made, or later."""
        path = cgroups.container_path(container_id)
        bases = dict.fromkeys((self._tracking, *self._bounding.values()))
        places = [base / path for base in bases if (base / path).is_dir()]
        return max((one.stat().st_mtime for one in places), default=0.0)
