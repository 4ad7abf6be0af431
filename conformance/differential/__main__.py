"""``python -m conformance.differential``: random operations on two servers, compared."""

from __future__ import annotations

import random
import sys
import time

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from conformance.differential.known import REASONS
from conformance.differential.report import Report
from conformance.differential.segment import VARIANTS, run_segment, segment_seed
from conformance.servers import SERVERS, ServerUnavailable


@click.command()
@click.option("--operations", default=200_000, show_default=True, help="How many in all.")
@click.option("--seed", type=int, help="Repeats a run; random when not given.")
@click.option(
    "--servers",
    nargs=2,
    type=click.Choice(list(SERVERS)),
    default=("apache", "mesozoic"),
    show_default=True,
    help="The two servers; the first is the one to be like.",
)
@click.option("--segment", default=20_000, show_default=True, help="Operations between restarts.")
@click.option(
    "--variant",
    type=click.IntRange(0, len(VARIANTS) - 1),
    help="Only this variant of settings instead of each in turn.",
)
@click.option("--keep-going", is_flag=True, help="Do not stop at the first difference.")
@click.option(
    "--limit", default=5, show_default=True, help="Differences per segment with --keep-going."
)
def main(
    operations: int,
    seed: int | None,
    servers: tuple[str, str],
    segment: int,
    variant: int | None,
    keep_going: bool,
    limit: int,
) -> None:
    """Compare two ZooKeeper servers by random operations; exit code 1 if they differ."""
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    console = Console()
    console.print(f"seed {seed}, {servers[0]} and {servers[1]}", highlight=False)
    report = Report(servers, limit if keep_going else 1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    began = time.monotonic()
    shown = 0
    try:
        with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
            task = progress.add_task("operations", total=operations)
            index = 0
            while report.operations < operations and (keep_going or not report.differences):
                size = min(segment, operations - report.operations)
                which = index if variant is None else variant
                own_seed = segment_seed(seed, index)
                run_segment(
                    servers, own_seed, which, size, report, lambda n: progress.advance(task, n)
                )
                for text in report.differences[shown:]:
                    progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
                shown = len(report.differences)
                index += 1
    except ServerUnavailable as missing:
        sys.exit(f"cannot compare: {missing}")
    _print_summary(console, report, time.monotonic() - began)
    sys.exit(bool(report.differences))


def _print_summary(console: Console, report: Report, seconds: float) -> None:
    console.print(report.summary(), markup=False, highlight=False, soft_wrap=True)
    for name in report.known:
        console.print(f"  {name}: {REASONS[name]}", markup=False, highlight=False, soft_wrap=True)
    rate = report.operations / seconds
    console.print(f"{seconds:.1f} s with starts, {rate:.0f} operations a second", highlight=False)


if __name__ == "__main__":
    main()
