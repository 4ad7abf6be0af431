"""Tables for people and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from mesos_compat.wire.json_dialect import to_value

Row = Mapping[str, Any]


def console() -> Console:
    """Standard output; lines are not broken where it is no terminal."""
    found = Console(highlight=False, markup=False)
    found.soft_wrap = not found.is_terminal
    return found


def print_json(value: object) -> None:
    """One JSON document, indented."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_line_of_json(value: object) -> None:
    """One JSON document in one line: the next one may follow at any time."""
    click.echo(json.dumps(value, ensure_ascii=False))


def object_of(message: Message) -> Any:
    """A message as JSON objects, in Mesos's dialect."""
    return to_value(message)


def print_rows(rows: Sequence[Row], columns: Mapping[str, str], nothing: str) -> None:
    """A table; ``columns`` are the rows' keys with their headings. ``nothing`` is for no rows."""
    if not rows:
        click.echo(nothing)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key, heading in columns.items():
        is_number = all(isinstance(row[key], int | float) for row in rows)
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[key]) for key in columns))
    out = Console(highlight=False, markup=False)
    if not out.is_terminal:
        # Nothing is cut for a program that reads on.
        out = Console(highlight=False, markup=False, width=10_000)
    with out.capture() as text:
        out.print(table)
    for line in text.get().splitlines():
        click.echo(line.rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value) or "-"
    return str(value)
