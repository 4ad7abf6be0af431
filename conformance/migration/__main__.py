"""``python -m conformance.migration``: journeys from each version of Apache's, in a table.

Then a live session and an ensemble are moved there and back.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from conformance.migration.journey import Journey, travel
from conformance.migration.live import move_live_session
from conformance.migration.members import move_ensemble
from conformance.migration.versions import (
    COMPRESSION_SINCE,
    CONFIG_SINCE,
    CONTAINERS_SINCE,
    TTL_SINCE,
    VERSIONS,
    number_of,
    server_class,
)
from conformance.servers import ApacheServer

_SHOWN = 20


@click.command(help=__doc__)
@click.option("--versions", default=",".join(VERSIONS), show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(versions: str, seed: int) -> None:
    """Make the journeys; the exit code is 1 when something was not the same."""
    table = Table(
        "version", "snapshots", "how many", "znodes", "sessions", "on ours", "back on 3.8"
    )
    told: list[str] = []
    for version in versions.split(","):
        for compression in compressions(version):
            journey = journey_from(version, compression, seed)
            table.add_row(*_row(journey, compression))
            for station, lines in journey.differences.items():
                told += [f"{version} {compression} {station}: {line}" for line in lines[:_SHOWN]]
    with tempfile.TemporaryDirectory(prefix="live-") as directory:
        told += [f"live session: {line}" for line in move_live_session(Path(directory))]
    told += [f"ensemble: {line}" for line in move_ensemble()]
    Console(width=100).print(table)
    click.echo("a live session and an ensemble were moved there and back")
    for line in told:
        click.echo(line)
    sys.exit(bool(told))


def compressions(version: str) -> tuple[str, ...]:
    """How the snapshots of a version can be compressed."""
    return ("", "gz", "snappy") if number_of(version) >= COMPRESSION_SINCE else ("",)


def journey_from(version: str, compression: str, seed: int) -> Journey:
    """From that version to ours and to Debian's Apache."""
    with tempfile.TemporaryDirectory(prefix="journey-") as directory:
        return travel(
            version,
            server_class(version),
            ApacheServer,
            Path(directory),
            seed=seed,
            compression=compression,
            has_containers=number_of(version) >= CONTAINERS_SINCE,
            has_ttl=number_of(version) >= TTL_SINCE,
            has_config=number_of(version) >= CONFIG_SINCE,
        )


def _row(journey: Journey, compression: str) -> list[str]:
    said = {
        station: f"{len(lines)} different" if lines else "equal"
        for station, lines in journey.differences.items()
    }
    return [
        journey.version,
        compression or "plain",
        str(journey.snapshots),
        str(journey.znodes),
        str(journey.sessions),
        said.get("ours", ""),
        said.get("back", ""),
    ]


if __name__ == "__main__":
    main()
