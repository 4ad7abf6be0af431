"""The commands of ``zkserver`` that people run: status, check, version.

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

    Nothing is changed. The exit code is 1 when something is damaged.
    """
    from zkserver.storage import DiskFailed, OsDisk
    from zkserver.storage.check import check_directory

    for each, name in ((directory, "DIR"), (log_dir, "--log-dir")):
        if each is not None:
            _require_data(each, name)
    try:
        report = check_directory(OsDisk(), str(directory), str(log_dir) if log_dir else None)
    except DiskFailed as error:
        raise click.ClickException(str(error)) from error
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


def _require_data(directory: Path, name: str) -> None:
    """Refuse a directory without data of ours; one that is not there is a usage mistake."""
    from zkserver.storage.recovery import DIRECTORY_NAME

    if not directory.is_dir():
        raise click.BadParameter(f"{directory} is not a directory", param_hint=name)
    if not (directory / DIRECTORY_NAME).is_dir():
        hint = ""
        if directory.name == DIRECTORY_NAME:
            hint = f"; give the directory above it, {directory.resolve().parent}"
        elif (directory / "version-2").is_dir():
            hint = "; version-2 in it is written by Apache ZooKeeper and cannot be checked here"
        raise click.ClickException(
            f"{directory} holds no data of zkserver: there is no {DIRECTORY_NAME} in it{hint}"
        )


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
    try:
        commands.main(args=list(words), prog_name="zkserver", standalone_mode=False)
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
