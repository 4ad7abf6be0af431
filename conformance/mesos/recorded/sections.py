"""Which sections there are, what cluster each was recorded on, and what is played there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conformance.mesos.recorded import (
    agent_scenes,
    failing_scenes,
    legacy_scenes,
    operator_scenes,
    scheduler_scenes,
)
from conformance.mesos.recorded.stage import Outcome, Stage
from mesos_compat.testing import Cluster

_ATTRIBUTES: Final = "rack:r1;zone:z1;level:7"
_EXECUTOR: Final = Path(__file__).with_name("programs") / "custom_executor.py"
#: Places of the recording's machine.
_MASTER_LOG: Final = "/opt/m/oracle/run/master.log"
_AGENT_LOG: Final = "/opt/m/oracle/run/agent0.log"
_AGENT_DIRECTORY: Final = "/opt/m/oracle/run/agent0/agents/0/wdir"
_RECORDED_EXECUTOR: Final = "/opt/m/oracle/libexec/custom_executor.py"
#: Offers come sooner than by default, for those who wait for them.
_SOON: Final = {"allocation_interval": "20ms"}
#: Nothing is allocated but when a scene causes it.
_NEVER: Final = {"allocation_interval": "1hrs"}


@dataclass(frozen=True, slots=True)
class Play:
    """Sections that share a cluster, and what happens there."""

    sections: tuple[str, ...]
    scenes: Callable[..., Awaitable[None]]
    master_flags: Mapping[str, str] = field(default_factory=lambda: _SOON)
    masters: int = 1
    #: A name for each agent's host.
    hosts: tuple[str, ...] = ("localhost",)


PLAYS: Final = (
    Play(("scheduler-http",), scheduler_scenes.http),
    Play(("scheduler",), scheduler_scenes.calls),
    Play(("task-validation",), scheduler_scenes.validation, _NEVER),
    Play(("offers",), scheduler_scenes.offers, _NEVER),
    Play(("scheduler-protobuf",), scheduler_scenes.protobuf),
    Play(("operations",), scheduler_scenes.operations, _NEVER),
    Play(
        ("operator", "endpoints", "operator-events"),
        operator_scenes.play,
        _NEVER,
        hosts=("agent0", "agent1"),
    ),
    Play(("executor", "agent"), agent_scenes.executors, _NEVER),
    Play(("task-group",), agent_scenes.groups, _NEVER),
    Play(("failover",), failing_scenes.frameworks, _NEVER),
    Play(("maintenance",), failing_scenes.machines, hosts=("agent0",)),
    Play(
        ("agent-loss",),
        failing_scenes.agents,
        {**_SOON, "agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "3"},
    ),
    Play(("ha",), failing_scenes.masters, {**_SOON, "registry": "in_memory"}, masters=2),
    Play(("legacy",), legacy_scenes.play),
)


async def _build(play: Play, cluster: Cluster) -> None:
    log = cluster.directory / "master.log"
    log.touch()
    for _ in range(play.masters):
        flags = {"hostname": "localhost", "external_log_file": str(log)}
        await cluster.add_master({**flags, **play.master_flags})
    for number, host in enumerate(play.hosts):
        # Both masters number agents as they come.
        log = cluster.directory / f"agent{number}.log"
        log.touch()
        flags = {"hostname": host, "attributes": _ATTRIBUTES, "external_log_file": str(log)}
        await cluster.add_agent({"ip": "127.0.0.1", **flags})
        await cluster.wait_for_agents(number + 1)


def _stages(play: Play, cluster: Cluster) -> list[Stage]:
    first = Stage(play.sections[0], cluster)
    stages = [first, *(Stage(name, cluster, first.names) for name in play.sections[1:])]
    directory = cluster.directory
    (work_dir, *_) = sorted(path for path in directory.glob("agent*") if path.is_dir())
    first.names.add_piece(_MASTER_LOG, str(directory / "master.log"))
    first.names.add_piece(_AGENT_LOG, str(directory / "agent0.log"))
    first.names.add_piece(_AGENT_DIRECTORY, str(work_dir))
    first.names.add_piece(_RECORDED_EXECUTOR, f"{sys.executable} {_EXECUTOR}")
    return stages


async def perform(play: Play) -> list[Outcome]:
    """Build the cluster of a play, and play it; raises what the scenes raise."""
    with_zookeeper = play.masters > 1
    async with Cluster(masters=0, agents=0, with_zookeeper=with_zookeeper) as cluster:
        await _build(play, cluster)
        stages = _stages(play, cluster)
        try:
            await play.scenes(*stages)
        except (RuntimeError, ValueError, TimeoutError, OSError) as error:
            told = f"{type(error).__name__}: {error}"
            stages[0].outcome.add("the scene", [f"was not played to its end: {told}"])
        return [stage.outcome for stage in stages]


async def perform_all(plays: tuple[Play, ...], at_once: int = 4) -> list[Outcome]:
    """Play several, a few at a time, since they mostly wait."""
    turn = asyncio.Semaphore(at_once)

    async def one(play: Play) -> list[Outcome]:
        async with turn:
            return await perform(play)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(play)) for play in plays]
    return [outcome for task in tasks for outcome in task.result()]


__all__ = ["PLAYS", "Play", "perform", "perform_all"]
