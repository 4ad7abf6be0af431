"""The verdict as a reader wants it, and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from conformance.chaos.bridge import Bridge
from conformance.chaos.history import Outcome
from conformance.chaos.verdict import Verdict


def print_verdict(console: Console, verdict: Verdict) -> None:
    """All of it."""
    console.print(f"seed {verdict.seed}, {verdict.seconds:.0f} s of faults")
    _print_operations(console, verdict)
    faults = ", ".join(f"{count} {name}" for name, count in sorted(verdict.faults.items()))
    console.print(f"faults: {sum(verdict.faults.values())} ({faults})")
    print_recoveries(console, verdict.recoveries_s)
    sessions, load = verdict.sessions, verdict.load
    console.print(
        f"sessions: {sessions.clients} clients lost their connection {sessions.losses} times; "
        f"{sessions.moves} times a session went on at another server, {sessions.expired} expired"
    )
    console.print(
        f"load generator: {load.acknowledged} writes answered in {load.runs} runs, "
        f"{load.errors} refused, {load.lost} connections lost, "
        f"{load.fruitless} runs could not begin"
    )
    console.print(f"probes: {verdict.probe_writes} writes answered")
    print_checks(console, verdict)


def print_checks(console: Console, verdict: Verdict) -> None:
    """Each promise, each problem, and passed or failed."""
    for check in verdict.checks:
        state = "BROKEN" if check.problems else "kept"
        console.print(f"{state}: {check.promise} ({check.count})", markup=False)
    for problem in verdict.problems:
        console.print(f"PROBLEM: {problem}", markup=False)
    console.print("verdict: " + ("FAILED" if verdict.problems else "passed"))


def print_recoveries(console: Console, recoveries_s: dict[str, list[float]]) -> None:
    """How long it took until writes worked again, by fault."""
    table = Table(title="seconds from the loss of the leader to the next answered write")
    table.add_column("fault")
    for heading in ("times", "least", "median", "90 %", "worst"):
        table.add_column(heading, justify="right")
    for fault, times in sorted(recoveries_s.items()):
        if times:
            table.add_row(fault, str(len(times)), *(f"{each:.2f}" for each in spread(times)))
    console.print(table)


def spread(times: Sequence[float]) -> tuple[float, float, float, float]:
    """Least, median, nine tenths and worst of some times; one at least."""
    ordered = sorted(times)
    ninth = ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]
    return ordered[0], statistics.median(ordered), ninth, ordered[-1]


def print_bridges(console: Console, bridges: Sequence[Bridge]) -> None:
    """For how long each server took no writes, in the median of the cuts."""
    table = Table(title="bridge: the link between leader and other is cut, middle sees both")
    table.add_column("ensemble")
    table.add_column("through")
    for heading in ("longest gap, s", "worst", "serves in the 2nd half"):
        table.add_column(heading, justify="right")
    for server in dict.fromkeys(bridge.server for bridge in bridges):
        cuts = [bridge for bridge in bridges if bridge.server == server]
        for column in zip(*(bridge.serving for bridge in cuts), strict=True):
            gaps = [each.gap_s for each in column]
            served = sum(each.late_writes > 0 for each in column)
            table.add_row(
                server,
                column[0].role,
                f"{statistics.median(gaps):.2f}",
                f"{max(gaps):.2f}",
                f"{served} of {len(cuts)}",
            )
        table.add_section()
    console.print(table)
    for bridge in bridges:
        back = "never" if bridge.back_s is None else f"{bridge.back_s:.2f} s"
        console.print(f"{bridge.server}: cut for {bridge.cut_s:g} s, all serve again after {back}")


def _print_operations(console: Console, verdict: Verdict) -> None:
    table = Table(title="operations of the clients")
    table.add_column("operation")
    for outcome in Outcome:
        table.add_column(outcome.value, justify="right")
    for action, counts in verdict.operations.items():
        table.add_row(action, *(str(counts.get(outcome, 0)) for outcome in Outcome))
    totals = [
        sum(counts.get(outcome, 0) for counts in verdict.operations.values()) for outcome in Outcome
    ]
    table.add_section()
    table.add_row("all", *map(str, totals))
    console.print(table)
    if verdict.errors:
        told = ", ".join(f"{count} {name}" for name, count in verdict.errors.items())
        console.print(f"errors that clients were told: {told}", markup=False)


def write_json(path: Path, verdict: Verdict) -> None:
    """The verdict as one JSON object, with ``passed`` and ``problems``."""
    told = {"passed": not verdict.problems, "problems": verdict.problems, **asdict(verdict)}
    path.write_text(json.dumps(told, indent=2) + "\n")
