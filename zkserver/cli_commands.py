"""The commands of ``zkserver`` that people run: status, dev, check, import, export, version.

They may take their time to import click and rich, unlike ``start``, which is
only listed here and done in ``cli``. Reports go to standard output, mistakes in
one line to standard error; ``--json`` prints the same facts for programs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkserver import __version__, cli
from zkserver.admin.status_query import ServerStatus, parse_address, query_status
from zkserver.apache.directory import DIRECTORY_NAME as APACHES
from zkserver.errors import StartError
from zkserver.storage.check import Report
from zkserver.storage.recovery import DIRECTORY_NAME as OWN

if TYPE_CHECKING:
    from rich.console import Console

_DEFAULT_ADDRESS = "127.0.0.1:2181"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="zkserver %(version)s")
def commands() -> None:
    """A drop-in Apache ZooKeeper server."""


@commands.command(
    "start",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    short_help="Serve ZooKeeper clients.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def start_command(words: tuple[str, ...]) -> None:
    """Reached only when options stand before the word start."""
    raise SystemExit(cli.start(words))


@commands.command("version")
def version_command() -> None:
    """Print the version, and the one of ZooKeeper it answers as."""
    from zkserver.admin.environment import COMPATIBLE_VERSION

    click.echo(f"zkserver {__version__} (compatible with Apache ZooKeeper {COMPATIBLE_VERSION})")


@commands.command("status")
@click.argument("address", default=_DEFAULT_ADDRESS, metavar="[HOST:PORT]")
@click.option("--timeout", "timeout_s", default=5.0, show_default=True, help="Seconds to wait.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def status_command(address: str, timeout_s: float, as_json: bool) -> None:
    """Ask a ZooKeeper server (ours or Apache's) how it is.

    The exit code is 1 when it is not serving.
    """
    try:
        host, port = parse_address(address)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="HOST:PORT") from error
    status = query_status(host, port, timeout_s)
    if as_json:
        click.echo(json.dumps(status.facts(), indent=2))
    elif not status.serving:
        click.echo(f"zkserver status: {address}: {status.problem}", err=True)
    else:
        _print_status(status)
    raise SystemExit(0 if status.serving else 1)


@commands.command("dev")
@click.option("--servers", default=3, show_default=True, type=click.IntRange(1, 9))
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Keep data here.")
@click.option("--port", default=0, help="Client port of the first; the next ones follow.")
def dev_command(servers: int, data: Path | None, port: int) -> None:
    """Run an ensemble on this machine until Ctrl-C, for development."""
    from zkserver.dev import run as run_development
    from zkserver.errors import StartError

    try:
        run_development(servers, data, port, click.echo)
    except StartError as error:
        click.echo(f"zkserver dev: {error}", err=True)
        raise SystemExit(1) from error


@commands.command("check")
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--log-dir",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    help="Where the log is, if dataLogDir is set.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check_command(directory: Path, log_dir: Path | None, as_json: bool) -> None:
    """Verify the snapshots and logs of the data directory DIR.

    It may be one of ours, of Apache ZooKeeper's (3.4 to 3.9), or of both. Nothing is changed. The
    exit code is 1 when something is damaged.
    """
    reports = _check(directory, log_dir)
    report = reports[0]
    if len(reports) > 1:
        report = Report(
            tuple(file for each in reports for file in each.files),
            tuple(problem for each in reports for problem in each.problems),
            all(each.can_start for each in reports),
        )
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        for line in report.lines:
            click.echo(line)
        told = {f"{file.path}: {file.problem}" for file in report.files if file.problem}
        for problem in report.problems:
            # What is wrong with one file is in that file's line already.
            if problem not in told:
                click.echo(f"PROBLEM: {problem}")
        click.echo(_verdict(len(report.problems), report.can_start))
    raise SystemExit(1 if report.problems else 0)


def _check(directory: Path, log_dir: Path | None) -> list[Report]:
    """What each kind of data in a directory looks like; raises where there is none."""
    from zkserver.apache.checking import check_apache
    from zkserver.apache.directory import holds_data
    from zkserver.storage import DiskFailed, OsDisk
    from zkserver.storage.check import check_directory

    places = [(directory, "DIR"), *([(log_dir, "--log-dir")] if log_dir else [])]
    for each, name in places:
        if not each.is_dir():
            raise click.BadParameter(f"{each} is not a directory", param_hint=name)
    data, log = str(directory), str(log_dir or directory)
    reports = []
    try:
        if all((each / OWN).is_dir() for each, _ in places):
            reports.append(check_directory(OsDisk(), data, log))
        if holds_data(data, log):
            reports.append(check_apache(data, log))
    except DiskFailed as error:
        raise click.ClickException(str(error)) from error
    if not reports:
        for each, _ in places:
            _refuse_without_data(each)
    return reports


def _refuse_without_data(directory: Path) -> None:
    if (directory / OWN).is_dir():
        return
    hint = ""
    if directory.name in (OWN, APACHES):
        hint = f"; give the directory above it, {directory.resolve().parent}"
    raise click.ClickException(
        f"{directory} holds no data: there is neither {OWN} (zkserver's) nor {APACHES} (Apache"
        f" ZooKeeper's) with anything in it{hint}"
    )


@commands.command("import")
@click.argument("source", type=click.Path(path_type=Path), metavar="SOURCE")
@click.option(
    "--source-log-dir", type=click.Path(path_type=Path), help="Where Apache's dataLogDir is."
)
@click.option(
    "--data-dir", type=click.Path(path_type=Path), required=True, help="Where ours shall be."
)
@click.option("--log-dir", type=click.Path(path_type=Path), help="dataLogDir of ours, if apart.")
@click.option(
    "--trust-empty", is_flag=True, help="Take logs without a snapshot for the whole history."
)
@click.option(
    "--no-extended-types",
    is_flag=True,
    help="SOURCE was written with extendedTypesEnabled=false: no owner stands for a TTL.",
)
def import_command(
    source: Path,
    source_log_dir: Path | None,
    data_dir: Path,
    log_dir: Path | None,
    trust_empty: bool,
    no_extended_types: bool,
) -> None:
    """Import the data directory SOURCE of Apache ZooKeeper 3.4 to 3.9.

    SOURCE is not changed; its server must not run. `zkserver start` does the same by itself
    where its data directory holds Apache's data and none of ours.
    """
    from zkserver.apache.importing import import_data
    from zkserver.storage import DirectoryLocked, DiskFailed, OsDisk

    if not source.is_dir():
        raise click.BadParameter(f"{source} is not a directory", param_hint="SOURCE")
    try:
        imported = import_data(
            OsDisk(),
            (str(source), str(source_log_dir or source)),
            (str(data_dir), str(log_dir or data_dir)),
            trust_empty=trust_empty,
            extended_types=not no_extended_types,
        )
    except (StartError, DirectoryLocked, DiskFailed) as error:
        raise click.ClickException(str(error)) from error
    for note in imported.notes:
        click.echo(f"note: {note}")
    click.echo(imported.line())


@commands.command("export")
@click.argument("target", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), required=True, help="Where our data are."
)
@click.option("--log-dir", type=click.Path(path_type=Path), help="dataLogDir of ours, if apart.")
@click.option("--myid", type=click.IntRange(1, 255), help="Write a myid file, for an ensemble.")
def export_command(target: Path, data_dir: Path, log_dir: Path | None, myid: int | None) -> None:
    """Write a data directory DIR on which Apache ZooKeeper starts.

    The server of --data-dir must not run. DIR may be that directory itself.
    """
    from zkserver.apache.exporting import export_data
    from zkserver.storage import DirectoryLocked, DiskFailed, OsDisk

    try:
        exported = export_data(
            OsDisk(), (str(data_dir), str(log_dir or data_dir)), str(target), myid=myid
        )
    except (StartError, DirectoryLocked, DiskFailed) as error:
        raise click.ClickException(str(error)) from error
    for line in exported.lines():
        click.echo(line)


@commands.command(
    "history",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    short_help="What the tree was, and who changed it.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def history_command(words: tuple[str, ...]) -> None:
    """Reached only when options stand before the word history."""
    raise SystemExit(run(["history", *words]))


def _verdict(problems: int, can_start: bool) -> str:
    if not problems:
        return "sound: nothing wrong was found"
    end = "a server can start on it" if can_start else "a server will not start on it"
    return f"damaged: {problems} problem{'s' if problems > 1 else ''}; {end}"


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _print_status(status: ServerStatus) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    # Text, not markup: what a server answers must not be able to style our terminal.
    table.add_column(overflow="fold")
    for label, value in status.rows():
        table.add_row(label, Text(value))
    _console().print(table)


def run(words: Sequence[str]) -> int:
    """Run one command line; the exit code. Mistakes become one line on standard error."""
    group, name, rest = commands, "zkserver", list(words)
    if rest[:1] == ["history"]:
        # A group of its own, with modules that no other command needs.
        from zkserver.history.commands import history

        group, name, rest = history, "zkserver history", rest[1:]
    try:
        group.main(args=rest, prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.ClickException as error:
        sys.stderr.write(f"zkserver: {error.format_message()}\n")
        return 2 if isinstance(error, click.UsageError) else 1
    except click.exceptions.Exit as done:
        return done.exit_code
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1
    except click.Abort:
        return 130
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"zkserver: {where}{error.strerror or error}\n")
        return 1
    return 0
