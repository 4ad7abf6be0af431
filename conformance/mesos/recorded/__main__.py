"""``python -m conformance.mesos.recorded``: the recorded bodies, played again."""

from __future__ import annotations

import asyncio
import logging
import sys
import time

import click
from rich.console import Console
from rich.table import Table

from conformance.mesos.recorded.differences import DIFFERENCES, judge
from conformance.mesos.recorded.sections import PLAYS, perform_all


@click.command()
@click.option("--differences", "tells_all", is_flag=True, help="Tell what is known to differ.")
@click.argument("sections", nargs=-1)
def main(tells_all: bool, sections: tuple[str, ...]) -> None:
    """Play SECTIONS, or all; exit code 1 if something differs that nobody has explained."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    plays = tuple(
        play for play in PLAYS if not sections or any(name in sections for name in play.sections)
    )
    # What masters and agents warn of, such as ended links, belongs to the plays.
    logging.getLogger("mesos_compat").setLevel(logging.ERROR)
    began = time.monotonic()
    verdicts, idle = judge(asyncio.run(perform_all(plays)))
    table = Table(title="Recorded bodies of Apache Mesos 1.11.0 and ours")
    for heading in ("section", "cases", "equal", "different", "unexplained"):
        table.add_column(heading, justify="left" if heading == "section" else "right")
    faults: list[str] = []
    for verdict in verdicts:
        numbers = (verdict.cases, verdict.equal, verdict.different, len(verdict.faults))
        table.add_row(verdict.section, *map(str, numbers))
        faults += verdict.faults
    if len(plays) == len(PLAYS):
        faults += [f"{one.section}/{one.case} is equal after all: {one.reason}" for one in idle]
    sums = [sum(getattr(one, name) for one in verdicts) for name in ("cases", "equal", "different")]
    table.add_row("all", *map(str, (*sums, len(faults))), style="bold")
    if tells_all:
        for one in DIFFERENCES:
            console.print(f"{one.section}/{one.case}: {one.reason}", markup=False, highlight=False)
    for fault in faults:
        console.print(fault, markup=False, highlight=False)
    console.print(table)
    console.print(f"{time.monotonic() - began:.1f} s")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
