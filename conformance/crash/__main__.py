"""``python -m conformance.crash``: kill the server again and again, and look for lost writes."""

from __future__ import annotations

import random
import sys

import click
from rich.console import Console

from conformance.crash.checker import Tally
from conformance.crash.rounds import CrashTest, Kind, Summary
from conformance.servers import SERVERS, ServerUnavailable


def _print_summary(console: Console, summary: Summary) -> None:
    tally = summary.tally
    kinds = ", ".join(f"{count} {kind.value}" for kind, count in summary.rounds.items())
    console.print(
        f"{summary.server}, seed {summary.seed}: {summary.rounds.total()} rounds ({kinds}), "
        f"{summary.kills} kills, {summary.seconds:.0f} s"
    )
    console.print(
        f"writes sent {tally.sent}, answered {tally.acknowledged}; of the unanswered ones "
        f"{tally.kept} took effect, {tally.lost} did not"
    )
    console.print(
        f"znodes compared {tally.znodes}, sessions re-attached {tally.reattached}, "
        f"ephemerals found again {tally.ephemerals}"
    )
    if summary.violation is None:
        console.print("verdict: passed")
        return
    console.print(f"VIOLATION: {summary.violation}", markup=False)
    console.print(f"the server's log ends:\n{summary.log_tail}", markup=False)
    console.print("verdict: FAILED")


@click.command()
@click.option("--rounds", default=100, show_default=True, type=click.IntRange(1))
@click.option("--server", default="mesozoic", show_default=True, type=click.Choice(sorted(SERVERS)))
@click.option("--writers", default=4, show_default=True, type=click.IntRange(1, 64))
@click.option("--seed", type=int, help="The seed of writes and moments; random by default.")
def main(rounds: int, server: str, writers: int, seed: int | None) -> None:
    """Kill SERVER under load ROUNDS times; fail when a promise was broken."""
    console = Console(soft_wrap=True)
    seed = random.randrange(2**32) if seed is None else seed
    test = CrashTest(server, rounds=rounds, writers=writers, seed=seed)

    def progress(number: int, kind: Kind, tally: Tally) -> None:
        console.print(
            f"round {number}/{rounds} {kind.value}: answered {tally.acknowledged}, "
            f"unanswered {tally.kept} kept, {tally.lost} lost",
            highlight=False,
        )

    try:
        summary = test.run(progress)
    except (ServerUnavailable, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    _print_summary(console, summary)
    sys.exit(0 if summary.violation is None else 1)


if __name__ == "__main__":
    main()
