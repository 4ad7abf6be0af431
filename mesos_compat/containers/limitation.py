"""The bounds whose breaking ends a container: of its memory and of its disk.

The kernel kills some process of a container that runs out of memory; Mesos then destroys all
of it, so that no task limps on with a part missing.
"""

from __future__ import annotations

import asyncio
import contextlib

from mesos_compat.containers import usage
from mesos_compat.containers.bounds import MIB
from mesos_compat.containers.container import Container
from mesos_compat.containers.isolation import Isolation
from mesos_compat.containers.spec import ContainerizerSettings


async def wait_memory_exceeded(container: Container, isolation: Isolation) -> None:
    """Return when the container has run out of memory; for ever if nothing bounds that."""
    watch = None
    if isolation.cgroups is not None and container.record.bounded:
        with contextlib.suppress(OSError):
            watch = isolation.cgroups.watch_oom(container.spec.container_id)
    if watch is None:
        await asyncio.Event().wait()
        return
    loop = asyncio.get_running_loop()
    noticed = asyncio.Event()
    loop.add_reader(watch.fd, noticed.set)
    try:
        while True:
            await noticed.wait()
            noticed.clear()
            if watch.happened():
                break
    finally:
        loop.remove_reader(watch.fd)
        watch.close()
    _limit_memory(container, isolation)


def note_memory_exceeded(container: Container, isolation: Isolation) -> None:
    """After the end: whether it came because memory had run out, with nobody watching maybe."""
    cgroups = isolation.cgroups
    if cgroups is not None and container.record.bounded:
        with contextlib.suppress(OSError):
            if cgroups.has_run_out_of_memory(container.spec.container_id):
                _limit_memory(container, isolation)


def _limit_memory(container: Container, isolation: Isolation) -> None:
    if container.limitation is not None or isolation.cgroups is None:
        return
    container.limitation = "memory"
    try:
        container.message = isolation.cgroups.memory_message(container.spec.container_id)
    except OSError:
        container.message = "Memory limit exceeded"
    limit = container.bounds.mem_limit_bytes
    if limit is not None:
        container.limited = (usage.scalar("mem", limit / MIB),)


async def wait_disk_exceeded(
    container: Container, isolation: Isolation, settings: ContainerizerSettings
) -> None:
    """Measure the disk now and then; return when the container takes more than it may."""
    if not isolation.disk or not container.record.bounded:
        await asyncio.Event().wait()
    while True:
        await asyncio.sleep(settings.container_disk_watch_interval_ms / 1000)
        container.disk = await usage.measure_disk(
            container.spec, container.bounds, settings.work_dir
        )
        for use in container.disk:
            excess = use.excess()
            if excess is None or not settings.enforce_container_disk_quota:
                continue
            if container.limitation is None:
                container.limitation = "disk"
                container.message = excess
                container.limited = (use.volume or usage.scalar("disk", use.used_bytes / MIB),)
            return
