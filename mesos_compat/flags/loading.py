"""Reads a command line and the environment by a table of flags."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.wire import text

_PREFIX: Final = "MESOS_"
_FILE: Final = "file://"
_HIDDEN: Final = "(hidden)"
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


class Kind(enum.Enum):
    """What a flag's text means."""

    TEXT = "text"
    # An object in itself, or the path of a file with it.
    JSON = "JSON, or /path or file:///path of it"
    # The same of what ``/flags`` does not show. Apache's takes the path alone.
    SECRET = "/path or file:///path of a secret"  # noqa: S105 - says what a flag takes
    # It may hold a password, so ``/flags`` shows the path where one was given.
    ADDRESS = "an address, or file:///path of it"
    # What is in the file is not read here.
    PATH = "/path or file:///path"
    BOOL = "true or false"
    INTEGER = "a whole number"
    DECIMAL = "a number"
    DURATION = "a duration such as 15secs"
    SIZE = "a size such as 2GB"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: its name, kind, and the text that stands for it when it is not given.

    ``is_ignored`` flags are taken so that command lines written for Apache's programs work,
    and do nothing. ``old`` is a name from before the agents got theirs.
    """

    name: str
    kind: Kind
    default: str | None = None
    is_ignored: bool = False
    old: str = ""
    help: str = ""


Value = str | bool | int | float | None


class Flags:
    """The values of all flags of a program, by name.

    Durations are nanoseconds, sizes bytes. A flag without default that is not given is None.
    """

    def __init__(self, table: Sequence[Flag], given: Mapping[str, str]) -> None:
        self._table = {flag.name: flag for flag in table}
        #: What was given of each flag: a text, or where it is.
        self.given = dict(given)
        self._values: dict[str, Value] = {}
        for flag in table:
            text = given.get(flag.name, flag.default)
            self._values[flag.name] = None if text is None else _read(flag, _fetched(flag, text))

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def text(self, name: str) -> str | None:
        """A flag whose kind is TEXT, JSON, SECRET or ADDRESS, or the path of one that is PATH."""
        value = self._values[name]
        return None if value is None else str(value)

    def is_set(self, name: str) -> bool:
        """A flag whose kind is BOOL."""
        return bool(self._values[name])

    def number(self, name: str) -> int | None:
        """A flag whose kind is INTEGER, DURATION (nanoseconds) or SIZE (bytes)."""
        value = self._values[name]
        return None if value is None else int(value)

    def milliseconds(self, name: str) -> int:
        """A flag of kind DURATION that has a default, in milliseconds."""
        return int(self._values[name] or 0) // 1_000_000

    def shown(self) -> dict[str, str]:
        """What ``/flags`` says: every flag that has a value, as text, by name."""
        found = {}
        for name in sorted(self._table):
            value = self._values[name]
            if value is not None:
                found[name] = _show(self._table[name], value, self.given.get(name, ""))
        return found

    @property
    def ignored(self) -> list[str]:
        """Flags that were given and have no effect here."""
        return [name for name in sorted(self.given) if self._table[name].is_ignored]


def load(table: Sequence[Flag], arguments: Sequence[str], environment: Mapping[str, str]) -> Flags:
    """The flags of a command line; raises :class:`FlagError` naming what is wrong.

    Variables that no flag belongs to are somebody else's.
    """
    names = {flag.name: flag for flag in table}
    names.update({flag.old: flag for flag in table if flag.old})
    texts: dict[str, str] = {}
    for name, flag in names.items():
        given = environment.get(_PREFIX + name.upper())
        if given is not None:
            texts[flag.name] = given
    seen: set[str] = set()
    for argument in arguments:
        flag, given = _split(argument, names)
        if flag.name in seen:
            raise FlagError(f"Flag '{flag.name}' is given twice")
        seen.add(flag.name)
        texts[flag.name] = given
    return Flags(table, texts)


def _split(argument: str, names: Mapping[str, Flag]) -> tuple[Flag, str]:
    if not argument.startswith("--") or argument == "--":
        raise FlagError(f"Unexpected argument '{argument}': flags are given as --name=value")
    name, equals, value = argument[2:].partition("=")
    name = name.replace("-", "_") if name.replace("-", "_") in names else name
    flag = names.get(name)
    if flag is not None:
        if equals:
            return flag, value
        if flag.kind is Kind.BOOL:
            return flag, "true"
        raise FlagError(f"Failed to load flag '{name}': a value is missing (--{name}=...)")
    denied = names.get(name.replace("-", "_").removeprefix("no_"))
    if denied is None:
        raise FlagError(f"Failed to load unknown flag '{name}'; --help lists all flags")
    if denied.kind is not Kind.BOOL:
        raise FlagError(f"Failed to load flag '{denied.name}' via '{name}': it is not a truth")
    if equals:
        raise FlagError(f"Failed to load flag '{denied.name}' via '{name}' with value '{value}'")
    return denied, "false"


def _is_elsewhere(kind: Kind, given: str) -> bool:
    """Whether it is a file that holds the text."""
    match kind:
        case Kind.TEXT | Kind.ADDRESS:
            return given.startswith(_FILE)
        case Kind.JSON | Kind.SECRET:
            return given.startswith((_FILE, "/"))
        case _:
            return False


def _fetched(flag: Flag, given: str) -> str:
    """The text itself, where a file was named that holds it."""
    if flag.kind is Kind.PATH:
        return given.removeprefix(_FILE)
    if not _is_elsewhere(flag.kind, given):
        return given
    try:
        return Path(given.removeprefix(_FILE)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FlagError(
            f"Failed to load flag '{flag.name}': cannot read {given}: {error}"
        ) from error


def _read(flag: Flag, given: str) -> Value:
    try:
        match flag.kind:
            case Kind.TEXT | Kind.JSON | Kind.SECRET | Kind.ADDRESS | Kind.PATH:
                return given
            case Kind.BOOL:
                return _TRUTHS[given]
            case Kind.INTEGER:
                return int(given)
            case Kind.DECIMAL:
                return float(given)
            case Kind.DURATION:
                return text.parse_duration(given)
            case Kind.SIZE:
                return text.parse_bytes(given)
    except (DecodeError, ValueError, KeyError) as error:
        why = f"'{given}' is not {flag.kind.value}"
        if isinstance(error, DecodeError):
            why += f" ({error})"
        raise FlagError(f"Failed to load flag '{flag.name}': {why}") from error


def _show(flag: Flag, value: Value, given: str) -> str:
    match flag.kind:
        case Kind.SECRET:
            return given if _is_elsewhere(flag.kind, given) else _HIDDEN
        case Kind.ADDRESS:
            return given
        case Kind.BOOL:
            return "true" if value else "false"
        case Kind.DURATION:
            return text.format_duration(int(value or 0))
        case Kind.SIZE:
            return text.format_bytes(int(value or 0))
        case Kind.DECIMAL:
            return repr(value)
        case _:
            return str(value)


def usage(program: str, table: Sequence[Flag]) -> str:
    """What ``--help`` prints."""
    lines = [f"Usage: {program} [options]", ""]
    for flag in sorted(table, key=lambda one: one.name):
        shown = f"--[no-]{flag.name}" if flag.kind is Kind.BOOL else f"--{flag.name}=VALUE"
        notes = [flag.help] if flag.help else []
        if flag.kind not in (Kind.TEXT, Kind.BOOL):
            notes.append(f"({flag.kind.value})")
        if flag.default is not None:
            notes.append(f"(default: {flag.default})")
        if flag.is_ignored:
            notes.append("(accepted without effect)")
        lines.append(f"  {shown:<44} {' '.join(notes)}".rstrip())
    return "\n".join(lines) + "\n"
