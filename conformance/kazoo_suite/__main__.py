"""``python -m conformance.kazoo_suite``: kazoo's suite on Apache's server and on ours.

``--servers 3`` runs it as kazoo's own continuous integration does, on ensembles.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from conformance.kazoo_suite.compare import Difference, compare
from conformance.kazoo_suite.results import SuiteRun
from conformance.kazoo_suite.run import missing_packages, run_suite, server_version
from conformance.servers import SERVERS, ServerUnavailable

#: With this many servers altogether the suite still runs on all kinds at the same time.
_AT_ONCE_MAX = 2


@dataclass(frozen=True, slots=True)
class Suite:
    """What is run: the suite on so many servers of each kind."""

    kinds: Sequence[str]
    versions: dict[str, str]
    size: int

    def run(self, pattern: str | None, tests: Sequence[str] = ()) -> list[SuiteRun]:
        """The suite on every kind: on single servers at once, for it mostly waits for timeouts.

        Ensembles take turns, since the start of one keeps the processors busy for so long
        that tests of the other run into their own time limits.
        """
        workers = len(self.kinds) if len(self.kinds) * self.size <= _AT_ONCE_MAX else 1
        with ThreadPoolExecutor(workers) as pool:
            futures = [
                pool.submit(
                    run_suite,
                    kind,
                    self.versions[kind],
                    size=self.size,
                    pattern=pattern,
                    tests=tests,
                )
                for kind in self.kinds
            ]
            return [future.result() for future in futures]


def _print_runs(console: Console, runs: Sequence[SuiteRun], size: int) -> None:
    where = "one standalone server" if size == 1 else f"an ensemble of {size} servers"
    table = Table(title=f"kazoo's own test suite on {where}")
    for heading in ("server", "version", "passed", "failed", "skipped", "seconds"):
        table.add_column(heading, justify="left" if heading in ("server", "version") else "right")
    for run in runs:
        counts = [str(run.count(outcome)) for outcome in ("passed", "failed", "skipped")]
        table.add_row(run.server, run.version, *counts, f"{run.seconds:.0f}")
    console.print(table)


def _print_failures(console: Console, run: SuiteRun) -> None:
    for result in run.results.values():
        if result.outcome == "failed":
            console.print(f"{run.server} fails {result.test}: {result.line}", markup=False)


def _print_differences(
    console: Console, runs: Sequence[SuiteRun], differences: Sequence[Difference]
) -> None:
    for difference in differences:
        names = (runs[0].server, runs[1].server)
        word = difference.word
        console.print(f"{word}: {difference.test}", markup=False)
        rows = (
            (names[0], difference.reference, difference.reference_line),
            (names[1], difference.subject, difference.subject_line),
        )
        for name, outcomes, line in rows:
            console.print(f"    {name}: {', '.join(outcomes)}  {line}", markup=False)


def _print_only_one(
    console: Console, runs: Sequence[SuiteRun], differences: Sequence[Difference]
) -> None:
    """The lists of the tests that passed on one of the two and never on the other."""
    for name, tests in (
        (runs[0].server, [d.test for d in differences if d.broken]),
        (runs[1].server, [d.test for d in differences if d.ahead]),
    ):
        console.print(f"only {name} passes {len(tests)}" + (":" if tests else ""))
        for test in tests:
            console.print(f"    {test}", markup=False)


def _as_json(runs: Sequence[SuiteRun], differences: Sequence[Difference], size: int) -> str:
    document = {
        "servers": size,
        "runs": [
            {
                "server": run.server,
                "version": run.version,
                "seconds": round(run.seconds, 1),
                "tests": {
                    name: {"outcome": result.outcome, "line": result.line}
                    for name, result in sorted(run.results.items())
                },
            }
            for run in runs
        ],
        "differences": [
            {
                "test": difference.test,
                "reference": difference.reference,
                "subject": difference.subject,
                "broken": difference.broken,
                "flaky": difference.flaky,
            }
            for difference in differences
        ],
    }
    return json.dumps(document, indent=2) + "\n"


@click.command()
@click.option(
    "--server",
    "-s",
    "chosen",
    multiple=True,
    type=click.Choice(sorted(SERVERS)),
    help="A kind of server; give it twice to compare two. Default: apache, then mesozoic.",
)
@click.argument("more", nargs=-1, type=click.Choice(sorted(SERVERS)))
@click.option(
    "--servers",
    "size",
    default=1,
    show_default=True,
    type=click.IntRange(1, 9),
    help="How many servers make an ensemble; 1 is a standalone server.",
)
@click.option("--only", metavar="PATTERN", help="Only tests that match pytest's -k PATTERN.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write results here.")
def main(
    chosen: tuple[str, ...],
    more: tuple[str, ...],
    size: int,
    only: str | None,
    json_path: Path | None,
) -> None:
    """Run kazoo's suite; fail when a test passes on the first kind of server, not on the second.

    With one kind, fail when a test fails. The same kind twice shows which tests are flaky.
    """
    kinds = (*chosen, *more) or ("apache", "mesozoic")
    if len(kinds) > 2:
        raise click.UsageError("two kinds of server can be compared at a time, not more")
    console = Console(soft_wrap=True)
    missing = missing_packages()
    if missing:
        console.print(f"parts of the suite cannot run: pip install {' '.join(missing)}")
        console.print("(make conformance installs them)")
    try:
        suite = Suite(kinds, {kind: server_version(kind) for kind in kinds}, size)
        runs = suite.run(only)
    except (ServerUnavailable, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    differences: list[Difference] = []
    if len(runs) == 2:

        def rerun(tests: Sequence[str]) -> tuple[SuiteRun, SuiteRun]:
            first, second = suite.run(None, tests)
            return first, second

        differences = compare(runs[0], runs[1], rerun)
        failed = any(difference.broken for difference in differences)
    else:
        failed = runs[0].count("failed") > 0
    for run in runs:
        _print_failures(console, run)
    _print_runs(console, runs, size)
    if len(runs) == 2:
        _print_differences(console, runs, differences)
        _print_only_one(console, runs, differences)
    if json_path is not None:
        json_path.write_text(_as_json(runs, differences, size))
    # What could not run shows nothing.
    failed = failed or bool(missing) or not runs[0].count("passed")
    console.print("verdict: " + ("FAILED" if failed else "passed"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
