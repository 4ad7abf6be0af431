"""Processes by way of /proc and pidfd: which one it is, whether it lives, what its tree uses."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import NamedTuple

from mesos_compat.containers.launch import descendants_of, start_time_ticks

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ProcessRef(NamedTuple):
    """One process for good: its id may be given to another one, but not with this start time."""

    pid: int
    # In clock ticks since boot.
    start_time_ticks: int

    @classmethod
    def of(cls, pid: int) -> ProcessRef | None:
        """The process that has this id now, None when there is none."""
        try:
            return cls(pid, start_time_ticks(pid))
        except (OSError, ValueError, IndexError):
            return None

    def lives(self) -> bool:
        """Whether it has not ended; one that nobody has waited for yet has ended."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return False
        return int(stat[19]) == self.start_time_ticks and stat[0] not in (b"Z", b"X")


def boot_id() -> str:
    """What tells this boot of the host from others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def send_signal(process: ProcessRef, number: int) -> bool:
    """Signal that very process; False when it has ended. Raises PermissionError."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # Only now that the descriptor holds it can the process not become another one.
        if not process.lives():
            return False
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True


async def wait_gone(process: ProcessRef) -> None:
    """Wait until the process has ended, whoever its parent is; a child of ours is buried."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        if process.lives():
            await _wait_readable(fd)
        try:
            os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            pass  # Its parent is somebody else: an agent before this one.
    finally:
        os.close(fd)


async def _wait_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()

    def happened() -> None:
        loop.remove_reader(fd)
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(fd, happened)
    try:
        await readable
    finally:
        loop.remove_reader(fd)


class TreeUsage(NamedTuple):
    """What a process and its descendants use and have used."""

    user_time_s: float
    system_time_s: float
    resident_bytes: int
    processes: int
    threads: int


def usage_of_tree(root: int) -> TreeUsage:
    """The usage of a tree, with the times of children that were waited for."""
    user = system = resident = processes = threads = 0
    for pid in (root, *descendants_of(root)):
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        # utime + cutime, stime + cstime, num_threads, rss; proc(5) counts from 3 here.
        user += int(fields[11]) + int(fields[13])
        system += int(fields[12]) + int(fields[14])
        threads += int(fields[17])
        resident += int(fields[21])
        processes += 1
    return TreeUsage(
        user / TICKS_PER_S, system / TICKS_PER_S, resident * PAGE_BYTES, processes, threads
    )
