"""``python -m conformance.bench``: the load generator, and the comparison with Apache's server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from conformance.bench import cases, loadgen, machine, measure, report, rounds
from conformance.servers import SERVERS, ServerUnavailable

#: More than this many cores busy with other programs, and a comparison deserves a warning.
_DISTURBED_CORES = 0.15
#: Wide enough for the table where the output is no terminal.
_WIDTH = 180


@click.group()
def main() -> None:
    """Load for ZooKeeper servers, and Apache's server beside ours under it."""


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def load(arguments: tuple[str, ...]) -> None:
    """Run the load generator alone; `load --help` lists its modes and options."""
    try:
        program = loadgen.binary()
    except (loadgen.CompilerMissingError, loadgen.LoadError) as error:
        raise click.ClickException(str(error)) from error
    os.execv(program, [str(program), *arguments])  # noqa: S606  # our own binary, no shell


class Teller:
    """Shows what is being measured: a moving line on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._moving = console.is_terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not self._moving,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Teller:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begins(self, number: int, contestant: str, what: str) -> None:
        """Something is about to be measured in round ``number``."""
        text = f"round {number}, {contestant}: {what}"
        if self._moving:
            self._progress.update(self._task, description=text)
        elif what.startswith("start"):
            self._console.print(text, highlight=False)

    def took(self, sample: measure.Sample) -> None:
        """A figure is there."""
        self._progress.advance(self._task)
        if sample.error:
            self._console.print(f"  {sample.contestant}: {sample.case} FAILED: {sample.error}")
        elif not self._moving:
            figure = report.number(sample.value)
            self._console.print(f"  {sample.contestant}: {sample.case} {figure}", highlight=False)


def _plan(
    quick: bool, seconds: float | None, laps: int | None, only: tuple[str, ...], servers: int
) -> measure.Plan:
    sizes = {
        "watchers": 1000,
        "idle_sessions": cases.FULL_IDLE_SESSIONS,
        "znodes": 50_000 if quick else cases.FULL_ZNODES,
    }
    table = cases.all_cases(**sizes) if servers == 1 else cases.ensemble_cases()
    chosen = cases.select(table, only)
    if not chosen:
        keys = ", ".join(case.key for case in table)
        raise click.UsageError(f"no case matches {', '.join(only)}; the cases are: {keys}")
    return measure.Plan(
        cases=chosen,
        seconds=seconds if seconds is not None else (0.6 if quick else 1.0),
        case_warm_up_s=0.1 if quick else 0.3,
        # The servers of an ensemble share the cores, and each has its own code to compile.
        server_warm_up_s=(4.0 if quick else 40.0) * (1 if servers == 1 else 2),
        fanout_rounds=5 if quick else 9,
        laps=laps if laps is not None else (1 if quick else 3),
        **sizes,
    )


def _entrants(
    quick: bool, servers: int, variants: str | None, ours: str
) -> tuple[str, tuple[measure.Contestant, ...]]:
    """The variants and who takes part; raises ``ValueError`` for variants there are not."""
    if servers > 1:
        if variants is not None:
            raise ValueError("ensembles are measured in one variant: leave --variants out")
        return "default", rounds.ensemble_contestants(servers, ours)
    names = variants or ("default" if quick else ",".join(rounds.VARIANTS))
    return names, rounds.contestants(rounds.matching_variants(names), ours)


@main.command()
@click.option("--quick", is_flag=True, help="One round with short times and small sizes.")
@click.option(
    "--servers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 9),
    help="Servers in an ensemble; 1 is a standalone server.",
)
@click.option("--rounds", "count", type=click.IntRange(1), help="Rounds (3; with --quick 1).")
@click.option("--seconds", type=click.FloatRange(0.1), help="Measured time of each load (1).")
@click.option("--laps", type=click.IntRange(1), help="Turns in each case and round (3).")
@click.option("--only", multiple=True, metavar="PATTERN", help="Cases by key or label: 'set*'.")
@click.option("--variants", help=f"Of {','.join(rounds.VARIANTS)} (all; with --quick default).")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where to write all.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=loadgen.ROOT / "build" / "bench",
    help="Where the servers write; a real disk (build/bench).",
)
@click.option(
    "--ours",
    type=click.Choice(sorted(SERVERS)),
    default="mesozoic",
    help="The server under test; `apache` compares Apache's with itself: the noise.",
)
def zk(
    quick: bool,
    servers: int,
    count: int | None,
    seconds: float | None,
    laps: int | None,
    only: tuple[str, ...],
    variants: str | None,
    json_path: Path | None,
    data: Path,
    ours: str,
) -> None:
    """Compare our ZooKeeper server with Apache's, or ensembles of both, in turn, case by case."""
    try:
        names, entrants = _entrants(quick, servers, variants, ours)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    plan = _plan(quick, seconds, laps, only, servers)
    number = count or (1 if quick else 3)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    machine.raise_file_limit()
    total = rounds.samples_expected(number, entrants, plan)
    try:
        loadgen.binary()
        about = machine.describe(data.parent)
        with Teller(console, total) as teller:
            results = rounds.run_rounds(number, entrants, plan, data, teller.begins, teller.took)
    except (ServerUnavailable, loadgen.CompilerMissingError, loadgen.LoadError) as error:
        raise click.ClickException(str(error)) from error
    lines = report.rows(plan.cases, results)
    turns = number * plan.laps
    medians = "one run each" if turns == 1 else f"medians of {turns} alternating runs"
    what = "ZooKeeper" if servers == 1 else f"ZooKeeper, ensembles of {servers} servers"
    console.print(report.table(lines, f"{what}: {medians} on {about['cpu']}"))
    console.print(report.summary(lines))
    repeats = report.repeats(results)
    if repeats:
        console.print(f"Loads that were repeated because a reply was lost: {repeats}")
    disturbed = report.disturbance(results)
    if disturbed is not None and disturbed > _DISTURBED_CORES:
        console.print(
            f"Other programs kept {disturbed:.2f} cores busy meanwhile: figures and ratios are "
            "off. Stop them and run this again."
        )
    about |= {"foreign_cores": disturbed}
    about |= {
        "rounds": number,
        "laps": plan.laps,
        "seconds": plan.seconds,
        "servers": servers,
        "variants": names,
        "quick": quick,
    }
    if json_path is not None:
        report.write_json(json_path, lines, results, about)
        console.print(f"written to {json_path}")
    if any(sample.error for sample in results.samples):
        raise click.ClickException("some cases could not be measured; see FAILED above")


@main.command()
@click.option("--agents", "sizes", multiple=True, type=int, help="1000 and 10000 by default.")
@click.option("--frameworks", default=100, show_default=True)
@click.option("--tasks-per-agent", default=20, show_default=True)
def mesos(sizes: tuple[int, ...], frameworks: int, tasks_per_agent: int) -> None:
    """Measure a Mesos master with many agents, frameworks and tasks."""
    from conformance.bench import mesos as master_bench

    console = Console(soft_wrap=True, highlight=False)
    console.print(master_bench.describe_machine())
    first = (sizes or (1000,))[0]
    tasks = first * tasks_per_agent
    measured = [
        *(
            master_bench.measure(agents, frameworks, min(20_000, agents * tasks_per_agent))
            for agents in sizes or (1000, 10_000)
        ),
        master_bench.measure_reads_while_scheduling(first, frameworks, tasks // 2),
        master_bench.measure_failover(first, frameworks, tasks),
    ]
    for figures in measured:
        console.print(f"{figures.agents} agents, {figures.frameworks} frameworks")
        for name, value in figures.values.items():
            console.print(f"  {name:<60} {value}")


@main.command()
@click.option("--workers", default=2, show_default=True)
@click.option("--calls", default=5_000, show_default=True)
@click.option("--rounds", "laps", default=5, show_default=True)
def pool(workers: int, calls: int, laps: int) -> None:
    """Measure calls of nothing by a pool on Mesos, beside Dask's own cluster."""
    # Dask is not needed for anything else here.
    from conformance.bench import pool as bench

    console = Console(soft_wrap=True, highlight=False)
    found = bench.compare(console.print, workers=workers, calls=calls, rounds=laps)
    console.print(bench.summary(found))


if __name__ == "__main__":
    main()
