"""``python -m conformance.reconfig``: 1 -> 3 -> 5 -> 3 -> 1 servers under load."""

from __future__ import annotations

import logging
import sys
from collections import Counter

import click
from rich.console import Console

from conformance.clients.compare import ClientUnavailable
from conformance.ensembles import ENSEMBLES
from conformance.reconfig.growth import SETTINGS, Growth, ReconfigError


@click.command()
@click.option("--server", default="mesozoic", show_default=True, type=click.Choice([*ENSEMBLES]))
@click.option("--writers", default=8, show_default=True, type=click.IntRange(1, 64))
@click.option("--seconds", default=5.0, show_default=True, help="Of load between two changes.")
def main(server: str, writers: int, seconds: float) -> None:
    """Grow an ensemble 1 -> 3 -> 5 and shrink it back under load."""
    console = Console(soft_wrap=True)
    # That connections end is the point.
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    with ENSEMBLES[server](1, settings=SETTINGS) as ensemble:
        growth = Growth(ensemble, seconds, lambda line: console.print(line, markup=False))
        try:
            growth.begin(writers)
            growth.join(2, by_cli=False)
            growth.join(2, by_cli=True)
            problems = growth.missing()
            growth.leave(2, by_cli=True)
            growth.leave(2, by_cli=False)
        except ClientUnavailable as missing:
            raise click.ClickException(str(missing)) from missing
        except (ReconfigError, RuntimeError) as error:
            problems = [f"{error}\n{ensemble.log_tails()}"]
        problems += growth.verdict()
    outcomes: Counter[str] = sum((w.outcomes for w in growth.writers), Counter())
    told = ", ".join(f"{count} {name}" for name, count in outcomes.most_common())
    console.print(f"writes: {told}", markup=False)
    gap_s = max(writer.gap_s for writer in growth.writers)
    console.print(f"the longest time that a client waited for an answer: {gap_s:.2f} s")
    for problem in problems:
        console.print(f"PROBLEM: {problem}", markup=False)
    console.print("verdict: " + ("FAILED" if problems else "passed"))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
