"""``python -m conformance.kazoo_suite``: kazoo's suite on Apache's server and on ours."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from conformance.kazoo_suite.compare import Difference, compare
from conformance.kazoo_suite.results import SuiteRun
from conformance.kazoo_suite.run import missing_packages, run_suite, server_version
from conformance.servers import SERVERS, ServerUnavailable


def _run_all(
    kinds: Sequence[str], versions: dict[str, str], pattern: str | None, tests: Sequence[str] = ()
) -> list[SuiteRun]:
    """The suite on every server at the same time: it mostly waits for clients' timeouts."""
    with ThreadPoolExecutor(len(kinds)) as pool:
        futures = [
            pool.submit(run_suite, kind, versions[kind], pattern=pattern, tests=tests)
            for kind in kinds
        ]
        return [future.result() for future in futures]


def _print_runs(console: Console, runs: Sequence[SuiteRun]) -> None:
    table = Table(title="kazoo's own test suite")
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
        word = "BROKEN" if difference.broken else "flaky" if difference.flaky else "differs"
        console.print(f"{word}: {difference.test}", markup=False)
        rows = (
            (names[0], difference.reference, difference.reference_line),
            (names[1], difference.subject, difference.subject_line),
        )
        for name, outcomes, line in rows:
            console.print(f"    {name}: {', '.join(outcomes)}  {line}", markup=False)


def _as_json(runs: Sequence[SuiteRun], differences: Sequence[Difference]) -> str:
    document = {
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
    "--servers",
    "-s",
    multiple=True,
    type=click.Choice(sorted(SERVERS)),
    help="A server to run; give it twice to compare two. Default: apache, then mesozoic.",
)
@click.argument("more_servers", nargs=-1, type=click.Choice(sorted(SERVERS)))
@click.option("--only", metavar="PATTERN", help="Only tests that match pytest's -k PATTERN.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write results here.")
def main(
    servers: tuple[str, ...],
    more_servers: tuple[str, ...],
    only: str | None,
    json_path: Path | None,
) -> None:
    """Run kazoo's suite; fail when a test passes on the first server and not on the second.

    With one server, fail when a test fails. The same server twice shows which tests are flaky.
    """
    kinds = (*servers, *more_servers) or ("apache", "mesozoic")
    if len(kinds) > 2:
        raise click.UsageError("two servers can be compared at a time, not more")
    console = Console(soft_wrap=True)
    missing = missing_packages()
    if missing:
        console.print(f"parts of the suite cannot run: pip install {' '.join(missing)}")
    try:
        versions = {kind: server_version(kind) for kind in kinds}
        runs = _run_all(kinds, versions, only)
    except (ServerUnavailable, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    differences: list[Difference] = []
    if len(runs) == 2:

        def rerun(tests: Sequence[str]) -> tuple[SuiteRun, SuiteRun]:
            first, second = _run_all(kinds, versions, None, tests)
            return first, second

        differences = compare(runs[0], runs[1], rerun)
        failed = any(difference.broken for difference in differences)
    else:
        failed = runs[0].count("failed") > 0
    for run in runs:
        _print_failures(console, run)
    _print_runs(console, runs)
    _print_differences(console, runs, differences)
    if json_path is not None:
        json_path.write_text(_as_json(runs, differences))
    console.print("verdict: " + ("FAILED" if failed else "passed"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
