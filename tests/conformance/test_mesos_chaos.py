"""Parts of a Mesos cluster killed; the long runs are ``conformance.mesos.chaos``."""

from __future__ import annotations

import asyncio
import random

import pytest

from conformance.mesos import limits
from conformance.mesos.chaos.arena import Arena
from conformance.mesos.cluster import Cluster


@pytest.mark.real
def test_kills_of_all_kinds_lose_no_task() -> None:
    with Cluster(masters=1, agents=1) as cluster:
        arena = Arena(cluster, count=6, at_once=6, task_s=10.0, dice=random.Random(4))
        arena.start_scheduler()
        try:
            arena.wait_running(6)
            for target in ("agent", "scheduler", "executor", "master"):
                arena.kill(target)
                arena.wait_agreement()
            arena.wait_done()
        finally:
            arena.stop()
        assert arena.faults() == []
        assert set(arena.known().states.values()) <= {"TASK_FINISHED", "TASK_FAILED"}


@pytest.mark.real
@pytest.mark.skipif(bool(limits.why_not()), reason=limits.why_not() or "cgroups can be used")
def test_limits_are_kept() -> None:
    flags = ("--isolation=cgroups/cpu,cgroups/mem,cgroups/pids", "--cgroups_pids_max=60")
    with Cluster(agents=1, agent_flags=flags, agent_resources="cpus:8;mem:4096;disk:99") as cluster:
        assert asyncio.run(limits.run(cluster)) == []
