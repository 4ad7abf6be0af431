"""``python -m conformance.mesos.chaos``: see the package."""

from __future__ import annotations

import itertools
import random
import statistics
import sys
import time
from collections import Counter
from typing import Final

import click
from rich.console import Console

from conformance.mesos.chaos import jobs as sdk_jobs
from conformance.mesos.chaos.arena import Arena
from conformance.mesos.cluster import Cluster
from conformance.mesos.jobs import heed_termination

_TARGETS: Final = ("master", "agent", "executor", "scheduler")
_PAUSE_S: Final = 1.5


@click.group()
def main() -> None:
    """Kill parts of a Mesos cluster while tasks run, and see whether anything was lost."""
    heed_termination()


def _verdict(console: Console, arena: Arena) -> None:
    known = arena.known()
    states = Counter(known.states.values())
    console.print("tasks: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    faults = arena.faults()
    for fault in faults:
        console.print(f"  [red]{fault}[/red]")
    console.print("verdict: failed" if faults else "verdict: passed")
    if faults:
        console.print(arena.cluster.logs())
        sys.exit(1)


@main.command()
@click.option("--tasks", default=50, show_default=True)
@click.option("--at-once", default=50, show_default=True)
@click.option("--task-seconds", default=20.0, show_default=True)
@click.option("--rounds", default=2, show_default=True, help="Kills of each kind, at least.")
@click.option("--seed", type=int)
def kill(tasks: int, at_once: int, task_seconds: float, rounds: int, seed: int | None) -> None:
    """Kill a master, an agent, an executor and the scheduler, in turn, while tasks run."""
    console = Console(soft_wrap=True, highlight=False)
    seed = random.SystemRandom().randrange(1 << 30) if seed is None else seed
    console.print(f"seed {seed}")
    with Cluster(masters=2, agents=2) as cluster:
        arena = Arena(
            cluster,
            count=tasks,
            at_once=at_once,
            task_s=task_seconds,
            dice=random.Random(seed),
        )
        arena.start_scheduler()
        try:
            arena.wait_running(min(tasks, at_once))
            done = 0
            for target in itertools.cycle(_TARGETS):
                if arena.is_done:
                    break
                time.sleep(_PAUSE_S)
                if done < rounds * len(_TARGETS):
                    took_s = arena.kill(target)
                    running = arena.wait_agreement()
                    console.print(
                        f"{target} killed, back after {took_s:.2f} s; {running} tasks run,"
                        " as the master says"
                    )
                    done += 1
            _verdict(console, arena)
        finally:
            arena.stop()


@main.command()
@click.option("--kills", default=20, show_default=True)
@click.option("--at-once", default=20, show_default=True)
@click.option("--seed", type=int)
def failover(kills: int, at_once: int, seed: int | None) -> None:
    """Kill the leading of three masters many times under load, on three ZooKeeper servers."""
    console = Console(soft_wrap=True, highlight=False)
    seed = random.SystemRandom().randrange(1 << 30) if seed is None else seed
    with Cluster(masters=3, agents=2, zookeepers=3) as cluster:
        arena = Arena(cluster, count=1 << 30, at_once=at_once, task_s=1.0, dice=random.Random(seed))
        arena.start_scheduler()
        took = []
        try:
            for number in range(1, kills + 1):
                time.sleep(_PAUSE_S)
                before = len(arena.known().states)
                began = time.monotonic()
                member = cluster.kill_leader()
                leader = cluster.leader()
                took.append(time.monotonic() - began)
                member.start()
                cluster.wait_agents(2)
                _wait_for_launches(arena, before)
                gap_s = time.monotonic() - began
                console.print(
                    f"{number}: {leader.name} leads after {took[-1]:.2f} s, tasks are launched"
                    f" again after {gap_s:.2f} s"
                )
        finally:
            arena.stop()
        console.print(
            f"time to a new leader: median {statistics.median(took):.2f} s, worst"
            f" {max(took):.2f} s; {len(arena.known().states)} tasks launched"
        )
        arena.count = len(arena.known().states)
        _finish(arena)
        _verdict(console, arena)


@main.command()
@click.option("--seconds", default=600.0, show_default=True)
@click.option("--calls", default=10_000, show_default=True)
@click.option("--services", default=20, show_default=True)
@click.option("--seed", type=int)
def jobs(seconds: float, calls: int, services: int, seed: int | None) -> None:
    """Kill anything at random while a pool makes calls and services are kept up."""
    console = Console(soft_wrap=True, highlight=False)
    seed = random.SystemRandom().randrange(1 << 30) if seed is None else seed
    console.print(f"seed {seed}")
    faults = sdk_jobs.run(
        console.print, random.Random(seed), seconds=seconds, calls=calls, services=services
    )
    for fault in faults:
        console.print(f"  [red]{fault}[/red]")
    console.print("verdict: failed" if faults else "verdict: passed")
    sys.exit(bool(faults))


def _wait_for_launches(arena: Arena, before: int) -> None:
    ends = time.monotonic() + 60
    while len(arena.known().states) <= before:
        if time.monotonic() > ends:
            raise RuntimeError("no task was launched for a minute\n" + arena.cluster.logs())
        time.sleep(0.05)


def _finish(arena: Arena) -> None:
    """A scheduler that launches nothing more waits for what is open."""
    arena.start_scheduler()
    try:
        arena.wait_done()
    finally:
        arena.stop()


if __name__ == "__main__":
    main()
