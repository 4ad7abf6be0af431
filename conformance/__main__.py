"""``python -m conformance``: everything that compares us with Apache's server, in one table.

Real clients do the same job on both servers and their transcripts must be equal; kazoo's
own test suite must pass on ours wherever it passes on Apache's; random operations must get
the same answers. A missing tool skips a row, but fails it where ``CI`` is set.
"""

from __future__ import annotations

import difflib
import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from conformance import clients
from conformance.clients.compare import Client, ClientUnavailable, transcript
from conformance.servers import ServerUnavailable

_OUTPUT_TAIL = 4000
_DIFF_LINES_SHOWN = 40


class Verdict(StrEnum):
    """How a row ended."""

    EQUAL = "equal"
    DIFFERENT = "DIFFERENT"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    name: str
    verdict: Verdict
    # What was compared, or why it was not.
    detail: str
    # What to read when it did not end well.
    evidence: str = ""
    seconds: float = 0.0


def find_clients() -> Iterator[Client]:
    """Every client that has a module in ``conformance.clients``, in the order of their names."""
    for module in pkgutil.iter_modules(clients.__path__):
        client = getattr(importlib.import_module(f"{clients.__name__}.{module.name}"), "CLIENT", 0)
        if isinstance(client, Client):
            yield client


def compare_client(client: Client) -> Row:
    """The client's transcripts on the two servers."""
    try:
        apache, ours = transcript(client, "apache"), transcript(client, "mesozoic")
    except (ClientUnavailable, ServerUnavailable) as missing:
        return Row(client.name, Verdict.SKIPPED, str(missing).splitlines()[0])
    except RuntimeError as error:
        return Row(client.name, Verdict.FAILED, str(error).splitlines()[0], str(error))
    diff = list(difflib.unified_diff(apache, ours, "apache", "mesozoic", lineterm=""))
    detail = f"{len(apache)} lines of transcript"
    if not apache:
        return Row(client.name, Verdict.FAILED, "the transcript is empty")
    if diff:
        shown = "\n".join(diff[:_DIFF_LINES_SHOWN])
        return Row(client.name, Verdict.DIFFERENT, detail, shown)
    return Row(client.name, Verdict.EQUAL, detail)


def _run(module: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a module of the kit, which is shown nowhere else."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def compare_suite() -> Row:
    """kazoo's own test suite."""
    name = "kazoo's test suite"
    with tempfile.TemporaryDirectory() as place:
        results = Path(place) / "results.json"
        code, output = _run("conformance.kazoo_suite", "--json", str(results))
        if not results.exists():
            return _not_run(name, output)
        document = json.loads(results.read_text())
    counts = []
    for run in document["runs"]:
        outcomes = [test["outcome"] for test in run["tests"].values()]
        counts.append(f"{outcomes.count('passed')} passed on {run['server']}")
    verdict = Verdict.EQUAL if code == 0 else Verdict.DIFFERENT
    return Row(name, verdict, ", ".join(counts), output[-_OUTPUT_TAIL:] if code else "")


def compare_randomly(operations: int) -> Row:
    """Random operations, answer by answer."""
    name = "random operations"
    code, output = _run("conformance.differential", "--operations", str(operations))
    compared = re.search(r"^\d+ operations, \d+ answers compared", output, re.MULTILINE)
    if compared is None:
        return _not_run(name, output)
    verdict = Verdict.EQUAL if code == 0 else Verdict.DIFFERENT
    return Row(name, verdict, compared.group(), output[-_OUTPUT_TAIL:] if code else "")


def _not_run(name: str, output: str) -> Row:
    """A part of the kit that came to no result: Apache's server is missing, or it broke."""
    missing = re.search(r"Apache ZooKeeper is not here.*", output)
    if missing is not None:
        return Row(name, Verdict.SKIPPED, missing.group())
    return Row(name, Verdict.FAILED, "it came to no result", output[-_OUTPUT_TAIL:])


def _timed(compare: Callable[[], Row]) -> Row:
    began = time.monotonic()
    row = compare()
    took_s = time.monotonic() - began
    return Row(row.name, row.verdict, row.detail, row.evidence, took_s)


def is_proof(rows: list[Row]) -> bool:
    """Whether nothing differed and something was compared; in CI, everything must have been."""
    verdicts = {row.verdict for row in rows}
    allowed = {Verdict.EQUAL} if os.environ.get("CI") else {Verdict.EQUAL, Verdict.SKIPPED}
    return Verdict.EQUAL in verdicts and verdicts <= allowed


def _print(console: Console, rows: list[Row]) -> None:
    table = Table(title="Apache ZooKeeper and ours")
    for heading in ("what", "verdict", "compared", "s"):
        table.add_column(heading, justify="right" if heading == "s" else "left")
    for row in rows:
        table.add_row(row.name, row.verdict, row.detail, f"{row.seconds:.0f}")
        if row.evidence:
            console.print(f"{row.name}:\n{row.evidence}\n", markup=False, highlight=False)
    console.print(table)


@click.command()
@click.option(
    "--operations",
    default=40_000,
    show_default=True,
    type=click.IntRange(1),
    help="Random operations to compare.",
)
@click.option("--no-suite", is_flag=True, help="Leave out kazoo's suite, which takes minutes.")
def main(operations: int, no_suite: bool) -> None:
    """Compare our server with Apache's by everything there is; exit code 1 if they differ."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    parts: list[tuple[str, Callable[[], Row]]] = [
        (client.name, lambda client=client: compare_client(client))  # type: ignore[misc]
        for client in find_clients()
    ]
    parts.append(("random operations", lambda: compare_randomly(operations)))
    if not no_suite:
        parts.append(("kazoo's test suite", compare_suite))
    rows = []
    for number, (name, compare) in enumerate(parts, 1):
        console.print(f"{number}/{len(parts)} {name} ...", highlight=False)
        rows.append(_timed(compare))
    _print(console, rows)
    proof = is_proof(rows)
    console.print("verdict: " + ("passed" if proof else "FAILED"), highlight=False)
    sys.exit(0 if proof else 1)


if __name__ == "__main__":
    main()
