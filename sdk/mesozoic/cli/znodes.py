"""``mesozoic zk``: znodes, read and written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
from kazoo.client import KazooClient
from kazoo.protocol.states import ZnodeStat

from mesozoic.cli.addresses import Addresses
from mesozoic.cli.failures import Failure, told
from mesozoic.cli.options import json_option, pass_addresses
from mesozoic.cli.printing import Row, print_json, print_line_of_json, print_rows
from mesozoic.cli.watching import Watching, text_of

_CONNECT_S: Final = 10.0
_BRANCH, _LAST, _PIPE, _SPACE = "├── ", "└── ", "│   ", "    "


@click.group()
@click.option("--auth", multiple=True, metavar="SCHEME:CREDENTIAL", help="As digest:user:password.")
@click.pass_context
def zk(context: click.Context, auth: tuple[str, ...]) -> None:
    """Look at znodes, and change them."""
    pairs = [tuple(one.split(":", 1)) for one in auth]
    if any(len(pair) != 2 for pair in pairs):
        raise click.BadParameter("--auth is of the form SCHEME:CREDENTIAL")
    context.meta["auth"] = pairs


@contextmanager
def _client(addresses: Addresses) -> Iterator[Any]:
    """A started client; raises :class:`Failure` for what ZooKeeper answers."""
    auth = click.get_current_context().meta.get("auth") or None
    with told():
        client = KazooClient(addresses.zk_hosts(), auth_data=auth, timeout=_CONNECT_S)
        try:
            client.start(timeout=_CONNECT_S)
            yield client
        finally:
            client.stop()
            client.close()


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise Failure(f"'{path}' is no path of a znode", "Paths begin with '/'.")
    return path.rstrip("/") or "/"


def stat_row(stat: ZnodeStat) -> Row:
    """A Stat under ZooKeeper's own names, times readable."""
    return {
        "czxid": f"0x{stat.czxid:x}",
        "ctime": _time(stat.ctime),
        "mzxid": f"0x{stat.mzxid:x}",
        "mtime": _time(stat.mtime),
        "pzxid": f"0x{stat.pzxid:x}",
        "version": stat.version,
        "cversion": stat.cversion,
        "aversion": stat.aversion,
        "ephemeralOwner": f"0x{stat.ephemeralOwner & (1 << 64) - 1:x}",
        "dataLength": stat.dataLength,
        "numChildren": stat.numChildren,
    }


def _time(milliseconds: int) -> str:
    whole = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}"


@zk.command("ls")
@click.argument("path", default="/")
@click.option("--long", "-l", "is_long", is_flag=True, help="With data, version and children.")
@json_option
@pass_addresses
def ls_(addresses: Addresses, path: str, is_long: bool, as_json: bool) -> None:
    """List the children of PATH."""
    path = _absolute(path)
    with _client(addresses) as client:
        names = sorted(client.get_children(path))
        if not is_long:
            if as_json:
                print_json(names)
            else:
                click.echo("\n".join(names) if names else f"{path} has no children")
            return
        rows = []
        for name in names:
            data, stat = client.get(f"{path.rstrip('/')}/{name}")
            rows.append({"name": name, "data": text_of(data), **stat_row(stat)})
    if as_json:
        print_json(rows)
        return
    columns = {
        "name": "NAME",
        "version": "VERSION",
        "numChildren": "CHILDREN",
        "mtime": "CHANGED",
        "data": "DATA",
    }
    print_rows(rows, columns, f"{path} has no children")


@zk.command()
@click.argument("path")
@json_option
@pass_addresses
def get(addresses: Addresses, path: str, as_json: bool) -> None:
    """Print the data of PATH."""
    with _client(addresses) as client:
        data, stat = client.get(_absolute(path))
    if as_json:
        print_json({"path": path, "data": text_of(data), "stat": stat_row(stat)})
    else:
        click.echo(data or b"")


@zk.command("set")
@click.argument("path")
@click.argument("data")
@click.option("--version", default=-1, help="Only if the znode has this version.")
@json_option
@pass_addresses
def set_(addresses: Addresses, path: str, data: str, version: int, as_json: bool) -> None:
    """Write DATA to PATH; @FILE is the contents of a file."""
    with _client(addresses) as client:
        stat = client.set(_absolute(path), _data(data), version=version)
    if as_json:
        print_json(stat_row(stat))
    else:
        click.echo(f"{path} has version {stat.version}")


def _data(given: str) -> bytes:
    if not given.startswith("@"):
        return given.encode()
    try:
        return Path(given[1:]).read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {given[1:]}: {error.strerror}") from error


@zk.command()
@click.argument("path")
@click.argument("data", default="")
@click.option("--sequence", "-s", is_flag=True, help="The server adds a number to the name.")
@click.option("--parents", "-p", is_flag=True, help="Create what is above, too.")
@json_option
@pass_addresses
def create(
    addresses: Addresses, path: str, data: str, sequence: bool, parents: bool, as_json: bool
) -> None:
    """Create PATH with DATA; @FILE is the contents of a file."""
    # The name before a number may well end with a slash.
    whole = path if sequence and path.startswith("/") else _absolute(path)
    with _client(addresses) as client:
        made = client.create(whole, _data(data), sequence=sequence, makepath=parents)
    if as_json:
        print_json({"path": made})
    else:
        click.echo(f"created {made}")


@zk.command()
@click.argument("path")
@click.option("--recursive", "-r", is_flag=True, help="With all that is below.")
@click.option("--version", default=-1, help="Only if the znode has this version.")
@json_option
@pass_addresses
def rm(addresses: Addresses, path: str, recursive: bool, version: int, as_json: bool) -> None:
    """Delete PATH."""
    with _client(addresses) as client:
        client.delete(_absolute(path), version=version, recursive=recursive)
    if as_json:
        print_json({"deleted": path})
    else:
        click.echo(f"deleted {path}")


@zk.command()
@click.argument("path")
@json_option
@pass_addresses
def stat(addresses: Addresses, path: str, as_json: bool) -> None:
    """Print the Stat and the ACL of PATH."""
    with _client(addresses) as client:
        acls, found = client.get_acls(_absolute(path))
    row = stat_row(found)
    told_acls = [f"{one.id.scheme}:{one.id.id}:{one.perms:05b}" for one in acls]
    if as_json:
        print_json({**row, "acl": told_acls})
        return
    for name, value in row.items():
        click.echo(f"{name:>14}  {value}")
    click.echo(f"{'acl':>14}  {', '.join(_acl(one) for one in acls)}")


def _acl(acl: Any) -> str:
    allowed = "".join(letter for bit, letter in enumerate("rwcda") if acl.perms & 1 << bit)
    return f"{acl.id.scheme}:{acl.id.id}:{allowed}"


@zk.command()
@click.argument("path", default="/")
@click.option("--data", "-d", "shows_data", is_flag=True, help="With what the znodes hold.")
@json_option
@pass_addresses
def tree(addresses: Addresses, path: str, shows_data: bool, as_json: bool) -> None:
    """Print PATH and all that is below."""
    path = _absolute(path)
    with _client(addresses) as client:
        found = _tree(client, path, shows_data=shows_data)
    if found is None:
        raise Failure("there is no such znode")
    if as_json:
        print_json(found)
        return
    click.echo(_title(path, found))
    for line in _branches(found):
        click.echo(line)


def _tree(client: Any, path: str, *, shows_data: bool) -> dict[str, Any] | None:
    """A znode with its children by name; None when it is gone by now."""
    if client.exists(path) is None:
        return None
    found: dict[str, Any] = {}
    if shows_data:
        found["data"] = text_of(client.get(path)[0])
    children = {}
    for name in sorted(client.get_children(path)):
        child = _tree(client, f"{path.rstrip('/')}/{name}", shows_data=shows_data)
        if child is not None:
            children[name] = child
    found["children"] = children
    return found


def _title(name: str, node: dict[str, Any]) -> str:
    return f"{name}  {node['data']}".rstrip() if node.get("data") else name


def _branches(node: dict[str, Any], before: str = "") -> Iterator[str]:
    children = list(node["children"].items())
    for number, (name, child) in enumerate(children, 1):
        is_last = number == len(children)
        yield f"{before}{_LAST if is_last else _BRANCH}{_title(name, child)}"
        yield from _branches(child, before + (_SPACE if is_last else _PIPE))


@zk.command()
@click.argument("path")
@click.option("--recursive", "-r", is_flag=True, help="All that is below as well.")
@click.option("--count", "-n", default=0, help="End after so many events.")
@json_option
@pass_addresses
def watch(addresses: Addresses, path: str, recursive: bool, count: int, as_json: bool) -> None:
    """Print what happens to PATH and its children, until Ctrl-C.

    Changes that follow each other at once may be told as one.
    """
    path = _absolute(path)
    with _client(addresses) as client:
        changes = Watching(client, path, recursive=recursive).changes()
        # Not among the events, so that a program may wait for it.
        click.echo(f"watching {path}", err=True)
        for number, (kind, where, data) in enumerate(changes, 1):
            if as_json:
                print_line_of_json({"type": kind, "path": where, "data": data})
            else:
                click.echo(f"{kind:<8} {where}" + ("" if data is None else f"  {data}"))
            if number == count:
                return
