"""Cgroups of containers that nobody watches: left behind by an agent that was killed.

Mesos destroys every container below its cgroup that it does not know, so two of its agents may
not share one. Ours may, as they do when a host has several for a test. So a container is
destroyed only if it is this agent's: the agent had launched it, or one of its processes was
given a sandbox in the agent's work directory. A cgroup without processes is removed whosever it
was, but not a young one: another agent may be about to start a process in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from mesos_compat.containers.cgroups import Cgroups

_log = logging.getLogger(__name__)

#: A process follows its cgroup within moments.
_YOUNG_S: Final = 60.0
_KILL_AGAIN_S: Final = 0.01
_SANDBOX_VARIABLES: Final = (b"MESOS_DIRECTORY=", b"MESOS_SANDBOX=")


async def clear(
    cgroups: Cgroups,
    watched: Collection[str],
    known: Collection[str],
    work_dir: str,
    timeout_s: float,
) -> None:
    """Destroy what is left of containers, by the ids of root containers.

    ``watched`` are let be; ``known`` are this agent's, and so are those whose sandboxes lie in
    ``work_dir``. Processes that have not died within ``timeout_s`` are given up.
    """
    for name in await asyncio.to_thread(cgroups.roots):
        if name in watched:
            continue
        try:
            async with asyncio.timeout(timeout_s):
                await _clear_one(cgroups, name, work_dir, is_known=name in known)
        except OSError as error:
            why = str(error) or "its processes do not die"
            _log.warning("Failed to destroy what is left of container %s: %s", name, why)


async def _clear_one(cgroups: Cgroups, name: str, work_dir: str, *, is_known: bool) -> None:
    pids = await asyncio.to_thread(cgroups.processes, (name,))
    if pids and not is_known and not any(_is_in(pid, work_dir) for pid in pids):
        _log.info("The container %s belongs to another agent", name)
        return
    if not pids and not is_known and time.time() - cgroups.changed_at((name,)) < _YOUNG_S:
        return
    if pids:
        _log.warning("Destroying the container %s, which nobody has watched", name)
    while pids:
        await asyncio.to_thread(cgroups.kill, (name,))
        await asyncio.sleep(_KILL_AGAIN_S)
        pids = await asyncio.to_thread(cgroups.processes, (name,))
    await asyncio.to_thread(cgroups.remove, (name,))


def _is_in(pid: int, work_dir: str) -> bool:
    """Whether a process was told that its sandbox is below a directory."""
    within = os.fsencode(work_dir.rstrip("/")) + b"/"
    with contextlib.suppress(OSError):
        for pair in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            for variable in _SANDBOX_VARIABLES:
                if pair.startswith(variable + within):
                    return True
    return False
