"""``mesozoic up``: ZooKeeper, masters and agents on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Final

import click

from mesozoic.cli.failures import Failure
from mesozoic.cli.local import records
from mesozoic.cli.local.cluster import LocalCluster
from mesozoic.cli.local.layout import Wanted
from mesozoic.cli.local.members import how_ended
from mesozoic.cli.options import json_option
from mesozoic.cli.printing import print_line_of_json

_LOOK_S: Final = 0.2
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SERVERS: Final = (1, 3, 5, 7)


@click.command()
@click.option(
    "--servers",
    default="1",
    show_default=True,
    type=click.Choice([str(count) for count in _SERVERS]),
    help="ZooKeeper servers.",
)
@click.option("--masters", default=1, show_default=True, type=click.IntRange(1, 9))
@click.option("--agents", default=1, show_default=True, type=click.IntRange(0, 60))
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the cluster's data and logs are kept, and found again. The default: a temporary"
    " directory.",
)
@click.option("--zk-port", default=0, help="The first ZooKeeper server's port, others follow.")
@click.option("--master-port", default=0, help="The first master's port, others follow.")
@click.option("--resources", help="What each agent offers, as in 'cpus:2;mem:1024'.")
@json_option
def up(
    servers: str,
    masters: int,
    agents: int,
    data: Path | None,
    zk_port: int,
    master_port: int,
    resources: str | None,
    as_json: bool,
) -> None:
    """Run a cluster on this machine until Ctrl-C.

    Prints the addresses when all members serve. All other commands find the cluster by
    themselves. Agents are at 127.0.0.1, 127.0.0.2, and so on.
    """
    wanted = Wanted(int(servers), masters, agents, zk_port, master_port, resources)
    with _signals() as stopped, cluster_of(wanted, data) as cluster:
        began = time.monotonic()
        cluster.start()
        cluster.wait_ready(lambda _: _stop_if(stopped()))
        records.write(cluster.record)
        if as_json:
            print_line_of_json(asdict(cluster.record))
        else:
            tell(cluster, time.monotonic() - began)
        _watch(cluster, stopped)
        if not as_json:
            click.echo("ending the cluster")


@contextmanager
def cluster_of(wanted: Wanted, data: Path | None) -> Iterator[LocalCluster]:
    """A cluster that was not started yet, and is ended; without ``data`` nothing stays of it."""
    if data is None:
        # The last one to leave removes it: the reaper.
        directory = Path(tempfile.mkdtemp(prefix="mesozoic-"))
        # Sandboxes are for the tasks' users, who have to get to them.
        directory.chmod(0o755)
    else:
        directory = data.resolve()
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Failure(f"cannot make the directory {directory}: {error.strerror}") from error
    cluster = LocalCluster(wanted, directory, keeps=data is not None)
    try:
        yield cluster
    finally:
        cluster.close()


def tell(cluster: LocalCluster, took_s: float) -> None:
    """The addresses, for people."""
    leader = cluster.leader()
    places = [
        ("ZooKeeper", cluster.layout.hosts),
        ("masters", cluster.layout.zk),
        ("leading master", "" if leader is None else f"http://{leader.address}"),
        ("agents", ", ".join(f"http://{agent.address}" for agent in cluster.agents) or "none"),
        ("data and logs", str(cluster.directory)),
    ]
    for what, where in places:
        click.echo(f"{what:>15}  {where}")
    click.echo(f"ready after {took_s:.1f} s; Ctrl-C ends all of it")


def _stop_if(stopped: bool) -> None:
    if stopped:
        raise click.Abort


def _watch(cluster: LocalCluster, stopped: Callable[[], bool]) -> None:
    """Until the signal; tells of members that end, and raises when all have."""
    ended: set[str] = set()
    while not stopped():
        for member in cluster.members:
            code = member.exit_code
            if code is not None and member.name not in ended:
                ended.add(member.name)
                click.echo(f"{member.name} {how_ended(code)}; its log ends with", err=True)
                click.echo(member.tail(), err=True)
        if len(ended) == len(cluster.members):
            raise Failure("all members have ended")
        time.sleep(_LOOK_S)


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Within it SIGINT and SIGTERM only set what the function tells."""
    heard: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        heard.append(number)

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield lambda: bool(heard)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
