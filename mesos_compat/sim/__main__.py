"""``python -m mesos_compat.sim``: run seeds until one of them breaks a promise."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import click

from mesos_compat.sim.cluster import Verdict, run
from mesos_compat.sim.planted import PLANTED, planted
from mesos_compat.sim.scenario import ALLOCATORS, Scenario, draw
from mesos_compat.sim.shrink import shrink

#: How often progress is shown, seconds.
_PROGRESS_S: Final = 5.0


class Report:
    """What was run so far."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.runs = self.failed = self.simulated_ms = self.tasks = self.statuses = 0
        self.happened: dict[str, int] = {}
        self._shown = self.began

    def add(self, verdict: Verdict) -> None:
        """Count a run; show progress now and then."""
        self.runs += 1
        self.failed += verdict.violation is not None
        self.simulated_ms += verdict.simulated_ms
        self.tasks += verdict.tasks
        self.statuses += verdict.statuses
        for kind, times in verdict.happened.items():
            self.happened[kind] = self.happened.get(kind, 0) + times
        now = time.monotonic()
        if now - self._shown >= _PROGRESS_S:
            self._shown = now
            click.echo(f"seed {verdict.scenario.seed}: {self.summary()}", err=True)

    def summary(self) -> str:
        """One line of figures."""
        seconds = max(0.001, time.monotonic() - self.began)
        hours = self.simulated_ms / 3_600_000
        return (
            f"{self.runs} runs, {self.failed} failed, {self.runs / seconds:.1f} a second,"
            f" {hours / seconds * 60:.2f} simulated hours per minute,"
            f" {self.tasks} tasks, {self.statuses} statuses heard"
        )

    def show(self) -> None:
        """All figures."""
        click.echo(self.summary())
        if self.happened:
            told = ", ".join(f"{kind} {times}" for kind, times in sorted(self.happened.items()))
            click.echo(f"what happened: {told}")


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


def _tell(verdict: Verdict, *, shrinks: bool, again: str) -> None:
    """Print what was found, and how to see it again."""
    scenario = verdict.scenario
    click.echo(f"seed {scenario.seed}, {scenario.allocator}: {verdict.violation}")
    for line in verdict.trace.lines()[-20:]:
        click.echo(line)
    click.echo(f"again: {again}")
    if shrinks:
        click.echo("the smallest scenario that shows it (save it, and --replay the file):")
        click.echo(shrink(scenario).text())


@click.command()
@click.option("--seed", type=int, help="Run one seed.")
@click.option("--seeds", help="Run the seeds from A to B, given as A-B.")
@click.option("--minutes", type=float, help="Run new seeds for so long (the default: 1).")
@click.option("--allocator", type=click.Choice(ALLOCATORS), help="The default: what is drawn.")
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Run a scenario."
)
@click.option("--trace", "traces", is_flag=True, help="Print every event of the last run.")
@click.option("--shrink/--no-shrink", "shrinks", default=True, help="Make what fails small.")
@click.option("--keep-going", is_flag=True, help="Go on after a failure; a line for each.")
@click.option("--no-faults", is_flag=True, help="Nothing goes wrong.")
@click.option("--plant", type=click.Choice(sorted(PLANTED)), help="Break the code on purpose.")
def main(
    seed: int | None,
    seeds: str | None,
    minutes: float | None,
    allocator: str | None,
    replay: Path | None,
    traces: bool,
    shrinks: bool,
    keep_going: bool,
    no_faults: bool,
    plant: str | None,
) -> None:
    """Simulate clusters; ends with code 1 at the first promise that is broken."""
    report = Report()
    with planted(plant):
        if replay is not None:
            scenario = _read(replay)
            scenarios = iter([(scenario, f"--replay {replay}")])
        else:
            scenarios = _drawn(_chosen(seed, seeds, minutes), allocator, no_faults=no_faults)
        for scenario, options in scenarios:
            verdict = run(scenario, keep_trace=traces)
            report.add(verdict)
            if traces:
                click.echo("\n".join(verdict.trace.lines()))
            if seed is not None or replay is not None:
                click.echo(f"trace hash {verdict.trace.digest}")
            if verdict.violation is None:
                continue
            if keep_going:
                click.echo(f"seed {scenario.seed} {scenario.allocator}: {verdict.violation}")
                continue
            more = f" --plant {plant}" if plant else ""
            again = f"python -m mesos_compat.sim {options}{more}"
            _tell(verdict, shrinks=shrinks, again=again)
            break
    report.show()
    sys.exit(1 if report.failed else 0)


def _read(path: Path) -> Scenario:
    try:
        return Scenario.parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}") from None


def _drawn(
    seeds: Iterator[int], allocator: str | None, *, no_faults: bool
) -> Iterator[tuple[Scenario, str]]:
    """The scenarios of seeds, each with the options that run it again."""
    more = f" --allocator {allocator}" if allocator else ""
    more += " --no-faults" if no_faults else ""
    for one in seeds:
        yield draw(one, allocator, with_faults=not no_faults), f"--seed {one}{more}"


if __name__ == "__main__":
    main()
