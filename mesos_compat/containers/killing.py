"""Killing all of a container, until nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time

from mesos_compat.containers import process
from mesos_compat.containers.container import Container
from mesos_compat.containers.isolation import Isolation
from mesos_compat.containers.launch import descendants_of
from mesos_compat.containers.spec import container_id_text

_log = logging.getLogger(__name__)

# How often a container that was killed is killed again until it is gone.
_KILL_AGAIN_S = 1.0
# How often to look for processes that die slowly after their supervisor has gone.
_LEFTOVER_POLL_S = 0.01


async def kill_until_gone(
    container: Container, isolation: Isolation, gone: asyncio.Task[None], complain_after_s: float
) -> None:
    """Kill a container again and again until ``gone`` is done; says so when it takes long."""
    complain_at = time.monotonic() + complain_after_s
    while not gone.done():
        await asyncio.to_thread(_kill, container, isolation)
        await asyncio.wait([gone], timeout=_KILL_AGAIN_S)
        if time.monotonic() > complain_at and not gone.done():
            complain_at = float("inf")
            name = container_id_text(container.spec.container_id)
            _log.error("Failed to kill all processes in container %s in time", name)


def _kill(container: Container, isolation: Isolation) -> None:
    try:
        if isolation.cgroups is not None:
            isolation.cgroups.kill(container.spec.container_id)
        if container.child is not None:
            # Its supervisor kills what that leaves behind.
            process.send_signal(container.child, signal.SIGKILL)
    except OSError as error:
        _log.warning("Failed to kill a container: %s", error)


async def kill_leftovers(container: Container, isolation: Isolation) -> None:
    """Kill what is left of a container without a supervisor.

    Normally nothing is; but somebody may have killed the supervisor.
    """
    while True:
        left = await asyncio.to_thread(_leftovers, container, isolation)
        if not left:
            return
        await asyncio.to_thread(_kill, container, isolation)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(_LEFTOVER_POLL_S)


def _leftovers(container: Container, isolation: Isolation) -> list[int]:
    if isolation.cgroups is not None:
        with contextlib.suppress(OSError):
            return isolation.cgroups.processes(container.spec.container_id)
    if container.child is not None and container.child.lives():
        return [*descendants_of(container.child.pid), container.child.pid]
    return []


async def remove_cgroups(container: Container, isolation: Isolation) -> None:
    """Remove the cgroups of a container of which nothing is left."""
    if isolation.cgroups is None:
        return
    try:
        await asyncio.to_thread(isolation.cgroups.remove, container.spec.container_id)
    except OSError as error:
        _log.warning("Failed to remove the cgroups of a container: %s", error)
