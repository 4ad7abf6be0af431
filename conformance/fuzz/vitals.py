"""What the server process looks like from outside: alive, memory, descriptors, log."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from conformance.servers import ZooKeeperProcess

#: Sessions of the last conversations must expire before the server is as idle as at the start.
_SETTLE_S_MAX = 40.0
_POLL_S = 0.1
#: How much more memory the server may hold after a run, in bytes.
RSS_GROWTH_MAX = 64 * 1024 * 1024
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at the server process."""

    alive: bool
    rss_bytes: int
    descriptors: int
    tracebacks: int


def look(server: ZooKeeperProcess) -> Vitals:
    """The server's vitals now; zeros for a process that is gone."""
    log = server.log_path.read_text(errors="replace")
    tracebacks = log.count(_TRACEBACK)
    if server.process is None or server.process.poll() is not None:
        return Vitals(False, 0, 0, tracebacks)
    process = psutil.Process(server.pid)
    return Vitals(True, process.memory_info().rss, process.num_fds(), tracebacks)


def look_when_settled(server: ZooKeeperProcess, before: Vitals) -> Vitals:
    """The vitals once descriptors are back at ``before``'s, or after ``_SETTLE_S_MAX``."""
    deadline = time.monotonic() + _SETTLE_S_MAX
    while True:
        now = look(server)
        settled = now.descriptors <= before.descriptors
        if not now.alive or settled or time.monotonic() > deadline:
            return now
        time.sleep(_POLL_S)


def problems(before: Vitals, after: Vitals, *, python: bool) -> list[str]:
    """What is wrong with ``after``; memory and tracebacks are judged for our server alone.

    A JVM's memory says nothing about leaks, and Apache logs a stack trace for bad input.
    """
    if not after.alive:
        return ["the server process is dead"]
    found = []
    if after.descriptors > before.descriptors:
        found.append(f"open descriptors grew from {before.descriptors} to {after.descriptors}")
    if python and after.rss_bytes - before.rss_bytes > RSS_GROWTH_MAX:
        grown_mib = (after.rss_bytes - before.rss_bytes) / 2**20
        found.append(f"memory grew by {grown_mib:.0f} MiB, at most 64 MiB are accepted")
    if python and after.tracebacks > before.tracebacks:
        found.append(f"the log has {after.tracebacks - before.tracebacks} tracebacks")
    return found
