"""``zkserver history``: what the tree was, and who made it so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from zkserver.errors import StartError
from zkserver.history import answers
from zkserver.history.kept import Kept, read_kept
from zkserver.history.points import Point, point_of

_DATA_SHOWN = 60
_NOW = "now"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data are, and how answers are printed."""

    data_dir: Path
    log_dir: Path
    as_json: bool

    def kept(self) -> Kept:
        """What is there; raises ``click.ClickException``."""
        from zkserver.storage import CorruptLog, CorruptSnapshot, DiskFailed, OsDisk

        try:
            return read_kept(OsDisk(), str(self.data_dir), str(self.log_dir))
        except (StartError, CorruptLog, CorruptSnapshot, DiskFailed) as error:
            raise click.ClickException(str(error)) from error


def _point(ctx: click.Context, param: click.Parameter, value: str) -> Point:
    """What stands on the command line as a :class:`Point`."""
    del ctx
    try:
        return point_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=param) from error


_AT = click.option(
    "--at",
    "point",
    callback=_point,
    default=_NOW,
    show_default=True,
    help="A zxid, a date in ISO 8601, or now.",
)


def _path_of(ctx: click.Context, param: click.Parameter, value: str) -> str:
    del ctx
    if not value.startswith("/") or (value != "/" and value.endswith("/")):
        raise click.BadParameter("a path begins with / and does not end with it", param=param)
    return value


_PATH = click.argument("path", metavar="PATH", callback=_path_of)
_TOP = click.argument("path", metavar="[PATH]", default="/", callback=_path_of)


@click.group("history", short_help="What the tree was, and who changed it.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), required=True, help="The server's dataDir."
)
@click.option("--log-dir", type=click.Path(path_type=Path), help="dataLogDir, if apart.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object in a line.")
@click.pass_context
def history(ctx: click.Context, data_dir: Path, log_dir: Path | None, as_json: bool) -> None:
    """Tell from the kept snapshots and log what the tree was, and who made it so.

    The server may run meanwhile; nothing is changed.
    """
    ctx.obj = Place(data_dir, log_dir or data_dir, as_json)


@history.command("show")
@_PATH
@_AT
@click.pass_obj
def show(place: Place, path: str, point: Point) -> None:
    """Show the znode PATH as it was: data, Stat, ACL and children."""
    with _told():
        found = answers.show(place.kept(), path, point)
    if place.as_json:
        click.echo(json.dumps(found))
        return
    for name, value in found.items():
        if name == "stat":
            for part, number in value.items():
                click.echo(f"{part} = {number}")
        elif name == "acl":
            for one in value:
                click.echo(f"acl = {one['scheme']}:{one['id']}:{one['perms']}")
        elif name == "children":
            click.echo(f"children = {' '.join(value)}")
        else:
            click.echo(f"{name} = {value}")


@history.command("tree")
@_TOP
@_AT
@click.pass_obj
def tree(place: Place, path: str, point: Point) -> None:
    """List all znodes at and below PATH as they were."""
    with _told():
        found = answers.tree(place.kept(), path, point)
    if place.as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"as of zxid {found['zxid']}, {found['time']}")
    for at, znode in found["znodes"].items():
        click.echo(f"{at}  {_data(znode)}")


@history.command("diff")
@click.argument("first", callback=_point)
@click.argument("second", callback=_point)
@_TOP
@click.pass_obj
def diff(place: Place, first: Point, second: Point, path: str) -> None:
    """Tell what differs at and below PATH between the points FIRST and SECOND."""
    with _told():
        found = answers.diff(place.kept(), path, first, second)
    if place.as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"from zxid {found['from_zxid']} to {found['zxid']}")
    for one in found["changes"]:
        click.echo(_change_line(one))


@history.command("changes")
@_PATH
@click.option("--below", is_flag=True, help="Of all znodes below PATH as well.")
@click.option("--since", callback=_point, default=_NOW, help="From this point on.  [default: all]")
@click.option("--until", callback=_point, default=_NOW, help="Up to this point.")
@click.pass_obj
def changes(place: Place, path: str, below: bool, since: Point, until: Point) -> None:
    """Tell who changed the znode PATH: session, address, time, request."""
    with _told():
        for entry in answers.changes(place.kept(), path, since, until, below=below):
            if place.as_json:
                click.echo(json.dumps(entry))
                continue
            who = f"session {entry['session']} from {entry['address'] or 'a server'}"
            known = f" as {', '.join(entry['identities'])}" if entry["identities"] else ""
            click.echo(f"{entry['zxid']} {entry['time']} {entry['operation']} by {who}{known}")
            for one in entry["changes"]:
                click.echo(f"    {_change_line(one)}")


class _told:  # noqa: N801 - used as a function is
    """Turn what cannot be answered into one line for the user."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, tb: object) -> None:
        if isinstance(error, StartError):
            raise click.ClickException(str(error)) from error


def _data(znode: dict[str, Any]) -> str:
    data = znode["data"]
    if data is None:
        return f"base64 {znode['data_base64'][:_DATA_SHOWN]}" if "data_base64" in znode else "null"
    return repr(data[:_DATA_SHOWN]) + ("..." if len(data) > _DATA_SHOWN else "")


def _change_line(change: dict[str, Any]) -> str:
    return f"{change['path']} {' '.join(_parts(change))}"


def _parts(change: dict[str, Any]) -> Iterator[str]:
    kind, before, after = change["kind"], change["before"], change["after"]
    yield kind
    if kind == "created":
        yield _data(after)
    elif kind == "data":
        yield f"{_data(before)} -> {_data(after)}"
        yield f"(version {before['stat']['version']} -> {after['stat']['version']})"
    elif kind == "children":
        yield f"{before['stat']['num_children']} -> {after['stat']['num_children']}"
