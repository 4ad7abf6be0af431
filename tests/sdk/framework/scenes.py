"""What tests with real clusters share."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from mesos_compat.testing import Cluster
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework import Backoff, Framework

WAIT_S = 40.0
FAST_MASTER = {"allocation_interval": "20ms"}
QUICK = Backoff(0.05, 0.4)
SMALL = {"cpus": 0.1, "mem": 32}


def commands_with(mark: str) -> list[int]:
    """The processes of this host that have ``mark`` in their command line."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and int(path.name) != os.getpid():
            try:
                line = path.joinpath("cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in line:
                found.append(int(path.name))
    return found


def task_ids(framework: Framework, name: str) -> list[str]:
    return [one.task_id for one in framework.instances(name)]


def running_at(cluster: Cluster) -> list[str]:
    """The tasks that run as the leading master knows."""
    leader = cluster.leader
    assert leader is not None
    return sorted(
        task_id
        for framework in leader.core.state.frameworks.values()
        for task_id, task in framework.tasks.items()
        if task.message.state == mesos_pb2.TASK_RUNNING
    )


async def lines_of(path: Path, count: int) -> list[str]:
    """Wait until a file has so many lines."""
    while not path.exists() or len(path.read_text().splitlines()) < count:
        await asyncio.sleep(0.01)
    return path.read_text().splitlines()
