"""Where and with what a comparison was made: the part of a result that makes it repeatable."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import re
import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import psutil

from conformance.servers import four_letter_word


def raise_file_limit() -> int:
    """Raise this process's limit of open files, which servers inherit; returns the new one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@contextlib.contextmanager
def affinity(cpus: set[int]) -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, on ``cpus``."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cores() -> tuple[int, int]:
    """The core for the server and the core for the load; the same one if there is no other."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[min(1, len(usable) - 1)]


def file_system(path: Path) -> str:
    """The type of the file system that holds ``path``, such as ``ext4``."""
    inside = [
        part
        for part in psutil.disk_partitions(all=True)
        if path.resolve().is_relative_to(part.mountpoint)
    ]
    return max(inside, key=lambda part: len(part.mountpoint)).fstype if inside else "unknown"


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "not here"
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0] if lines else "silent"


def server_version(port: int) -> str:
    """What the server on ``port`` calls itself in its answer to ``srvr``; empty if it does not."""
    with contextlib.suppress(OSError):
        found = re.search(r"Zookeeper version: ([^,\n]*)", four_letter_word(port, "srvr"))
        if found:
            return found.group(1)
    return ""


def describe(data: Path) -> dict[str, object]:
    """The machine, its kernel and versions; ``data`` is where the servers write."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "load_average": psutil.getloadavg(),
        "file_system": file_system(data),
        "python": platform.python_version(),
        "java": _first_line("java", "-version"),
        "gcc": _first_line("gcc", "--version"),
        "mesozoic": metadata.version("mesozoic"),
    }


def resident_mb(pid: int) -> float:
    """Resident memory of the process (VmRSS), in megabytes of 10**6 bytes.

    Children are left out: a forked snapshot writer shares its parent's pages.
    """
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def _family(pid: int) -> Iterator[psutil.Process]:
    """The process and its children, those that still live."""
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        yield leader
        yield from leader.children(recursive=True)


def suspend(pid: int) -> None:
    """Stop a process and its children until :func:`resume`; one that is gone is no error."""
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()


def resume(pid: int) -> None:
    """Let a process and its children go on."""
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


class CpuUse:
    """Who used the processors since this was made: the servers, the load, and everybody else."""

    def __init__(self, server_pids: Sequence[int]) -> None:
        self._servers = [psutil.Process(pid) for pid in server_pids]
        self._began = time.monotonic()
        self._before = self._used()

    def _used(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # A guest's time is in user time already.
        guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        servers = [server.cpu_times() for server in self._servers]
        kin = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return (
            sum(times) - idle - guest,
            sum(server.user + server.system for server in servers),
            sum(usage.ru_utime + usage.ru_stime for usage in kin),
        )

    def figures(self) -> dict[str, float]:
        """Processor time since then.

        ``server_cores`` and ``foreign_cores`` are averages (1.0 is one core all the time),
        ``server_cpu_s`` is what the server used in seconds.
        """
        seconds = max(time.monotonic() - self._began, 1e-6)
        busy, server, ours = (
            (after - before) / seconds
            for before, after in zip(self._before, self._used(), strict=True)
        )
        return {
            "server_cores": server,
            "server_cpu_s": server * seconds,
            "foreign_cores": max(0.0, busy - server - ours),
        }
