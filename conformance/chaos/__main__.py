"""``python -m conformance.chaos``: an ensemble is broken under load and must keep its promises."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from conformance.chaos.bridge import measure_bridge
from conformance.chaos.recover import measure_recovery
from conformance.chaos.report import (
    print_bridges,
    print_checks,
    print_recoveries,
    print_verdict,
    write_json,
)
from conformance.chaos.run import FAULT_S, MIX, Plan, run_chaos
from conformance.ensembles import ENSEMBLES
from conformance.servers import ServerUnavailable

_SERVER = click.Choice(sorted(ENSEMBLES))
_MEDIAN_S_MAX = 1.0
#: No fault lasts as long as a session's timeout.
_SESSION_S_MIN = 12.0


@click.group()
def main() -> None:
    """Break ensembles of three servers, and see what they promise kept or broken."""


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)


@main.command()
@click.option("--seconds", default=600.0, show_default=True, type=click.FloatRange(1))
@click.option("--clients", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--workers", default=3, show_default=True, type=click.IntRange(1, 16))
@click.option("--seed", type=int, help="Of faults and operations; random by default.")
@click.option("--server", default="mesozoic", show_default=True, type=_SERVER)
@click.option("--fault", "faults", multiple=True, type=click.Choice(sorted(set(MIX))))
@click.option(
    "--fault-seconds",
    "fault_s",
    default=FAULT_S,
    show_default=True,
    type=(float, float),
    help="How long a fault lasts, from and to.",
)
@click.option("--load/--no-load", default=True, help="The compiled load generator beside.")
@click.option("--keep", type=click.Path(path_type=Path), help="Where data and history stay.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="The verdict's file.")
def run(
    seconds: float,
    clients: int,
    workers: int,
    seed: int | None,
    server: str,
    faults: tuple[str, ...],
    fault_s: tuple[float, float],
    load: bool,
    keep: Path | None,
    json_path: Path | None,
) -> None:
    """Clients, load generator and faults for SECONDS; fail when a promise was broken."""
    console = _console()
    plan = Plan(
        seconds=seconds,
        clients=clients,
        workers=min(workers, clients),
        seed=random.randrange(2**32) if seed is None else seed,
        server=server,
        faults=faults or MIX,
        fault_s=fault_s,
        session_timeout_s=max(_SESSION_S_MIN, 2 * fault_s[1]),
        load=load,
    )
    console.print(f"seed {plan.seed}")
    try:
        verdict = run_chaos(plan, lambda line: console.print(line, markup=False), keep)
    except (ServerUnavailable, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    verdict.check_recovery("kill_leader", _MEDIAN_S_MAX)
    print_verdict(console, verdict)
    if json_path is not None:
        write_json(json_path, verdict)
    sys.exit(1 if verdict.problems else 0)


@main.command()
@click.option("--kills", default=30, show_default=True, type=click.IntRange(1))
@click.option("--seed", type=int, help="Of the moments; random by default.")
@click.option("--server", default="mesozoic", show_default=True, type=_SERVER)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="The verdict's file.")
def recover(kills: int, seed: int | None, server: str, json_path: Path | None) -> None:
    """Kill the leader KILLS times; fail when the median until the next write is a second."""
    console = _console()
    seed = random.randrange(2**32) if seed is None else seed
    try:
        verdict = measure_recovery(server, kills, seed, console.print)
    except (ServerUnavailable, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    verdict.check_recovery("kill_leader", _MEDIAN_S_MAX)
    print_recoveries(console, verdict.recoveries_s)
    print_checks(console, verdict)
    if json_path is not None:
        write_json(json_path, verdict)
    sys.exit(1 if verdict.problems else 0)


@main.command()
@click.option("--cuts", default=3, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=15.0, show_default=True, help="How long each cut lasts.")
@click.option("--seed", type=int, help="Of who stands in the middle; random by default.")
@click.option(
    "--server",
    "servers",
    multiple=True,
    default=("mesozoic", "apache"),
    type=_SERVER,
    help="Whose ensemble; ours and then Apache's by default.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="The figures' file.")
def bridge(
    cuts: int, seconds: float, seed: int | None, servers: tuple[str, ...], json_path: Path | None
) -> None:
    """Let the outer servers see the middle one only; fail when ours stops serving."""
    console = _console()
    seed = random.randrange(2**32) if seed is None else seed
    found = []
    try:
        for server in servers:
            found += measure_bridge(server, cuts, seconds, seed, console.print)
    except (ServerUnavailable, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    print_bridges(console, found)
    problems = [why for each in found if each.server != "apache" for why in each.problems]
    for problem in problems:
        console.print(f"PROBLEM: {problem}", markup=False)
    console.print("verdict: " + ("FAILED" if problems else "passed"))
    if json_path is not None:
        json_path.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
