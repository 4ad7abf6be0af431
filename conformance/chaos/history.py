"""What clients did and were answered, as records and as the file that carries them."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

#: Where the clients work. Registers exist from the start and are never deleted.
ROOT = "/chaos"
REGISTERS = f"{ROOT}/registers"
UNIQUE = f"{ROOT}/unique"
EPHEMERALS = f"{ROOT}/ephemerals"
PROBES = f"{ROOT}/probes"

#: What a register holds before anybody has written it.
INITIAL = "initial"


def register_path(number: int) -> str:
    """The register of that number."""
    return f"{REGISTERS}/r{number:03d}"


def unique_parent(client: str) -> str:
    """Below it lie the znodes with unique names that a client creates."""
    return f"{UNIQUE}/{client}"


class Action(enum.StrEnum):
    """What a client asked for."""

    SET = "set"
    SWAP = "swap"
    """A setData with the version that a read gave, so of ``expected`` for ``value``."""
    READ = "read"
    """A sync, then a getData on the same connection."""
    PEEK = "peek"
    """A getData alone, which may show an older state."""
    CREATE = "create"
    """Of a znode with a name that nobody else uses, and that is tried once."""
    DELETE = "delete"
    """Of a znode that the same client has created."""


class Outcome(enum.StrEnum):
    """How it ended, as far as the client knows."""

    OK = "ok"
    REFUSED = "refused"
    """The server answered an error that means: nothing was done."""
    UNKNOWN = "unknown"
    """No answer: it may have happened, or may yet happen, or not."""


class Entry(NamedTuple):
    """One operation. Times are seconds of CLOCK_MONOTONIC, which all processes share."""

    client: str
    #: The session's id, 0 if there was none when it began.
    session: int
    action: Action
    path: str
    outcome: Outcome
    start_s: float
    end_s: float
    #: Written, or read; None when a read was not answered.
    value: str | None = None
    #: Of a swap: the value whose version it named.
    expected: str | None = None
    #: Of the answer's Stat, or -1.
    version: int = -1
    mzxid: int = -1
    #: The error's name, when it was not OK.
    error: str = ""


class Recorder:
    """Writes entries to a file as they come, one JSON array a line; threads may share it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, entry: Entry) -> None:
        """Write ``entry``; one write call, so that lines of threads do not mix."""
        self._stream.write(json.dumps(entry) + "\n")


def read_history(paths: Iterable[Path]) -> list[Entry]:
    """The entries of all files; a last line that was cut off by a kill is left out."""
    return [entry for path in paths for entry in _read(path)]


def _read(path: Path) -> Iterator[Entry]:
    with path.open() as lines:
        for line in lines:
            if line.endswith("\n"):
                client, session, action, znode, outcome, *rest = json.loads(line)
                yield Entry(client, session, Action(action), znode, Outcome(outcome), *rest)
