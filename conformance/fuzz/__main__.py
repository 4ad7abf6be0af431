"""``python -m conformance.fuzz``: a million bad inputs, and a client that must not notice."""

from __future__ import annotations

import random
import sys
from collections import Counter

import click
from rich.console import Console
from rich.table import Table

from conformance.fuzz.player import Outcome
from conformance.fuzz.run import Report, fuzz
from conformance.servers import SERVERS, ServerUnavailable


def _print_outcomes(console: Console, report: Report) -> None:
    shown = [outcome for outcome in Outcome if outcome is not Outcome.UNREAD]
    table = Table(title=f"{report.server}, seed {report.seed}")
    table.add_column("input")
    for heading in ("count", *(outcome.value for outcome in shown)):
        table.add_column(heading, justify="right")
    totals: Counter[Outcome] = Counter()
    for kind in sorted({kind for kind, _ in report.outcomes.counts}):
        row = [report.outcomes.counts[kind, outcome] for outcome in shown]
        totals.update(dict(zip(shown, row, strict=True)))
        table.add_row(kind, str(sum(row)), *(str(n) if n else "" for n in row))
    table.add_section()
    table.add_row("all", str(totals.total()), *(str(totals[outcome]) for outcome in shown))
    console.print(table)


def _print_verdict(console: Console, report: Report) -> None:
    rate = report.outcomes.inputs / max(report.seconds, 0.001)
    console.print(
        f"{report.outcomes.inputs} inputs over {report.outcomes.conversations} connections in "
        f"{report.seconds:.0f} s ({rate:.0f}/s); {report.deleted} znodes cleaned up"
    )
    console.print(
        f"control client: {report.control_rounds} rounds of setData and getData, the slowest "
        f"took {report.control_latency_s_max * 1000:.0f} ms"
    )
    before, after = report.before, report.after
    console.print(
        f"server: memory {before.rss_bytes / 2**20:.1f} -> {after.rss_bytes / 2**20:.1f} MiB, "
        f"descriptors {before.descriptors} -> {after.descriptors}, "
        f"tracebacks in the log {after.tracebacks}"
    )
    for problem in report.problems:
        console.print(f"PROBLEM: {problem}", markup=False)
    if report.log_tail:
        console.print(f"the server's log ends:\n{report.log_tail}", markup=False)
    console.print("verdict: " + ("FAILED" if report.problems else "passed"))


@click.command()
@click.option("--inputs", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--seed", type=int, help="The seed of every byte sent; random by default.")
@click.option("--server", default="mesozoic", show_default=True, type=click.Choice(sorted(SERVERS)))
@click.option("--connections", default=4, show_default=True, type=click.IntRange(1, 64))
@click.option("--only", type=int, metavar="N", help="Replay conversation N of the seed alone.")
def main(inputs: int, seed: int | None, server: str, connections: int, only: int | None) -> None:
    """Fuzz SERVER; fail when its other clients or its process come to harm."""
    console = Console(soft_wrap=True)
    seed = random.randrange(2**32) if seed is None else seed
    console.print(f"seed {seed}")

    def progress(done: int, seconds: float) -> None:
        console.print(f"{done}/{inputs} inputs, {seconds:.0f} s", highlight=False)

    try:
        report = fuzz(
            server,
            inputs=inputs,
            seed=seed,
            connections=1 if only is not None else connections,
            progress=progress,
            only=only,
        )
    except (ServerUnavailable, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    _print_outcomes(console, report)
    _print_verdict(console, report)
    sys.exit(1 if report.problems else 0)


if __name__ == "__main__":
    main()
