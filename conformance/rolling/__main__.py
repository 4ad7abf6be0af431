"""``python -m conformance.rolling``: certificates renewed and servers restarted under load."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click

from conformance.rolling.maintenance import Maintenance


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--writers", default=8, show_default=True, type=click.IntRange(2, 64))
@click.option("--seconds", default=2.0, show_default=True, help="Of load behind each step.")
def main(rounds: int, writers: int, seconds: float) -> None:
    """Renew the certificate and restart all servers, again and again, under load."""
    # That connections end is the point.
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="rolling-") as directory:
        work = Maintenance(Path(directory), seconds, click.echo)
        with work.ensemble:
            work.begin(writers)
            for _ in range(rounds):
                work.renew()
                work.restart_all()
            problems = work.verdict()
    outcomes: Counter[str] = sum((w.outcomes for w in work.writers), Counter())
    click.echo("writes: " + ", ".join(f"{count} {name}" for name, count in outcomes.most_common()))
    gap_s = max(writer.gap_s for writer in work.writers)
    click.echo(f"the longest time that a client waited for an answer: {gap_s:.2f} s")
    for problem in problems:
        click.echo(f"PROBLEM: {problem}")
    click.echo("verdict: " + ("FAILED" if problems else "passed"))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
