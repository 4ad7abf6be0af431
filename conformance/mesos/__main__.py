"""``python -m conformance.mesos``: every real framework's job on our masters and agents.

One line for each fact that a job has checked, then a table. A client that this machine cannot
get is skipped, with the reason; where ``CI`` is set that counts as a failure.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import time
from collections.abc import Iterator
from enum import StrEnum

import click
from rich.console import Console
from rich.table import Table

from conformance import mesos
from conformance.clients.compare import ClientUnavailable
from conformance.mesos.jobs import Client, heed_termination


class Verdict(StrEnum):
    """How a client's job ended."""

    PASSED = "passed"
    FAILED = "FAILED"
    SKIPPED = "skipped"


def find_clients() -> Iterator[Client]:
    """Every client that has a module here called ``*_client``, in the order of their names."""
    for module in pkgutil.iter_modules(mesos.__path__):
        if module.name.endswith("_client") and not module.ispkg:
            client = importlib.import_module(f"{mesos.__name__}.{module.name}").CLIENT
            if isinstance(client, Client):
                yield client


def _do(client: Client, console: Console, only_prepare: bool) -> tuple[Verdict, str]:
    try:
        client.prepare()
    except ClientUnavailable as missing:
        return Verdict.SKIPPED, str(missing)
    if only_prepare:
        return Verdict.PASSED, "prepared"
    facts: list[str] = []

    def say(fact: str) -> None:
        facts.append(fact)
        console.print(f"{client.name}: {fact}", markup=False, highlight=False)

    try:
        client.run(say)
    except RuntimeError as error:
        console.print(f"{client.name}: {error}", markup=False, highlight=False)
        return Verdict.FAILED, str(error).splitlines()[0]
    return Verdict.PASSED, f"{len(facts)} facts checked"


@click.command()
@click.option("--prepare", "only_prepare", is_flag=True, help="Only bring what clients need.")
@click.argument("names", nargs=-1)
def main(only_prepare: bool, names: tuple[str, ...]) -> None:
    """Do the jobs of the clients called NAMES, or of all; exit code 1 if one fails."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(title="Real frameworks on our Mesos")
    for heading in ("client", "verdict", "", "s"):
        table.add_column(heading, justify="right" if heading == "s" else "left")
    clients = {client.name: client for client in find_clients()}
    if unknown := [name for name in names if name not in clients]:
        raise click.UsageError(f"no client {', '.join(unknown)}; there are {', '.join(clients)}")
    heed_termination()
    verdicts = set()
    for name in names or clients:
        began = time.monotonic()
        verdict, detail = _do(clients[name], console, only_prepare)
        table.add_row(name, verdict, detail, f"{time.monotonic() - began:.0f}")
        verdicts.add(verdict)
    console.print(table)
    allowed = {Verdict.PASSED} if os.environ.get("CI") else {Verdict.PASSED, Verdict.SKIPPED}
    sys.exit(0 if verdicts <= allowed else 1)


if __name__ == "__main__":
    main()
