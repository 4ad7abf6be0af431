"""``python -m zkserver.sim``: run seeds until one of them breaks a promise."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import click

from zkserver.sim.cluster import Verdict, run
from zkserver.sim.planted import PLANTED, planted
from zkserver.sim.scenario import Scenario, draw
from zkserver.sim.shrink import shrink

#: How often progress is shown, seconds.
_PROGRESS_S: Final = 5.0


class Report:
    """What was run so far."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.runs = self.simulated_ms = self.entries = self.replies = 0
        self.injected: dict[str, int] = {}
        self._shown = self.began

    def add(self, verdict: Verdict) -> None:
        """Count a run; show progress now and then."""
        self.runs += 1
        self.simulated_ms += verdict.simulated_ms
        self.entries += verdict.entries
        self.replies += verdict.replies
        for kind, times in verdict.injected.items():
            self.injected[kind] = self.injected.get(kind, 0) + times
        now = time.monotonic()
        if now - self._shown >= _PROGRESS_S:
            self._shown = now
            click.echo(f"seed {verdict.scenario.seed}: {self.summary()}", err=True)

    def summary(self) -> str:
        """One line of figures."""
        seconds = max(0.001, time.monotonic() - self.began)
        hours = self.simulated_ms / 3_600_000
        return (
            f"{self.runs} runs, {self.runs / seconds:.1f} a second,"
            f" {hours / seconds * 60:.3f} simulated hours per minute,"
            f" {self.entries} entries, {self.replies} replies checked"
        )

    def show(self) -> None:
        """All figures."""
        click.echo(self.summary())
        if self.injected:
            faults = ", ".join(f"{kind} {times}" for kind, times in sorted(self.injected.items()))
            click.echo(f"faults: {faults}")


def parse_seeds(text: str) -> range:
    """``A-B`` or one number as the seeds it means; raises ``click.BadParameter``."""
    first, _, last = text.partition("-")
    try:
        return range(int(first), int(last or first) + 1)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not of the form A-B") from None


def _chosen(seed: int | None, seeds: str | None, minutes: float | None) -> Iterator[int]:
    """The seeds to run; with ``minutes`` new ones until the time is over."""
    if seed is not None:
        yield seed
        return
    if seeds is not None:
        yield from parse_seeds(seeds)
        return
    end = time.monotonic() + (minutes or 1.0) * 60
    for one in count(time.time_ns() // 1_000_000):
        if time.monotonic() >= end:
            return
        yield one


def _tell(verdict: Verdict, *, shrinks: bool, replay: str) -> None:
    """Print what was found, and how to see it again."""
    scenario = verdict.scenario
    click.echo(f"seed {scenario.seed}, {scenario.servers} servers: {verdict.violation}")
    for line in verdict.trace.lines()[-20:]:
        click.echo(line)
    click.echo(f"again: {replay}")
    if shrinks:
        click.echo("the smallest scenario that shows it (save it, and --replay the file):")
        click.echo(shrink(scenario).text())


@click.command()
@click.option("--seed", type=int, help="Run one seed.")
@click.option("--seeds", help="Run the seeds from A to B, given as A-B.")
@click.option("--minutes", type=float, help="Run new seeds for so long (the default: 1).")
@click.option("--servers", type=click.Choice(["3", "5"]), default="3", show_default=True)
@click.option("--replay", type=click.Path(exists=True, path_type=Path), help="Run a scenario.")
@click.option("--trace", "traces", is_flag=True, help="Print every event of the last run.")
@click.option("--shrink/--no-shrink", "shrinks", default=True, help="Make what fails small.")
@click.option("--no-faults", is_flag=True, help="Nothing goes wrong.")
@click.option("--plant", type=click.Choice(sorted(PLANTED)), help="Break the servers on purpose.")
def main(
    seed: int | None,
    seeds: str | None,
    minutes: float | None,
    servers: str,
    replay: Path | None,
    traces: bool,
    shrinks: bool,
    no_faults: bool,
    plant: str | None,
) -> None:
    """Simulate ensembles; ends with code 1 at the first promise that is broken."""
    report = Report()
    with planted(plant):
        for scenario, again in _scenarios(seed, seeds, minutes, servers, replay, no_faults):
            verdict = run(scenario, keep_trace=traces)
            report.add(verdict)
            if traces:
                click.echo("\n".join(verdict.trace.lines()))
            if verdict.violation is not None:
                if plant:
                    again += f" --plant {plant}"
                _tell(verdict, shrinks=shrinks, replay=again)
                report.show()
                sys.exit(1)
            if seed is not None or replay is not None:
                click.echo(f"trace hash {verdict.trace.digest}")
    report.show()


def _scenarios(
    seed: int | None,
    seeds: str | None,
    minutes: float | None,
    servers: str,
    replay: Path | None,
    no_faults: bool,
) -> Iterator[tuple[Scenario, str]]:
    """The scenarios to run, and the command that runs each again."""
    command = "python -m zkserver.sim"
    if replay is not None:
        yield Scenario.parse(replay.read_text(encoding="utf-8")), f"{command} --replay {replay}"
        return
    for one in _chosen(seed, seeds, minutes):
        more = " --no-faults" if no_faults else ""
        yield (
            draw(one, int(servers), with_faults=not no_faults),
            f"{command} --seed {one} --servers {servers}{more}",
        )


if __name__ == "__main__":
    main()
