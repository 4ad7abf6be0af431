"""Runs one client's job against two servers and compares what it printed.

A transcript is the list of lines that the client program prints about what it saw:
results, Stats, error names, events. What legitimately differs between two runs
(times, session ids, zxids) is masked before the comparison, by the client program
itself where it can and by :func:`mask` otherwise.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from conformance.servers import SERVERS, ServerUnavailable


class ClientUnavailable(RuntimeError):  # noqa: N818 - names a state, not a mistake
    """The client's toolchain is not on this machine; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client program: its name, and a function from ``host:port`` to its transcript.

    ``run`` raises :class:`ClientUnavailable` when its toolchain is missing, and
    ``RuntimeError`` with the program's output when it fails.
    """

    name: str
    run: Callable[[str], list[str]]


_MASKS = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x#"),
    (re.compile(r"\b(ctime|mtime) ?= ?.*"), r"\1 = #"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:#"),
)


def mask(line: str) -> str:
    """``line`` with hexadecimal ids, times and ports of this run replaced by ``#``."""
    for pattern, replacement in _MASKS:
        line = pattern.sub(replacement, line)
    return line.rstrip()


def transcript(client: Client, server_name: str) -> list[str]:
    """The masked transcript of ``client`` on a fresh server called ``server_name``."""
    with SERVERS[server_name]() as server:
        return [mask(line) for line in client.run(server.address)]


def difference(client: Client, first: str = "apache", second: str = "mesozoic") -> list[str]:
    """A unified diff of the client's transcripts on the two servers; empty when equal."""
    ours, theirs = transcript(client, second), transcript(client, first)
    if not theirs:
        raise RuntimeError(f"{client.name}: the transcript on {first} is empty")
    return list(difflib.unified_diff(theirs, ours, first, second, lineterm=""))


def main(client: Client) -> None:
    """The command line of one client module."""
    parser = argparse.ArgumentParser(description=f"The job of {client.name} on two servers.")
    parser.add_argument("--servers", nargs=2, default=["apache", "mesozoic"], choices=SERVERS)
    parser.add_argument("--show", action="store_true", help="print the transcript as well")
    args = parser.parse_args()
    try:
        if args.show:
            print("\n".join(transcript(client, args.servers[0])))
        diff = difference(client, *args.servers)
    except (ClientUnavailable, ServerUnavailable) as missing:
        sys.exit(f"{client.name}: skipped: {missing}")
    print("\n".join(diff) or f"{client.name}: equal on {' and '.join(args.servers)}")
    sys.exit(bool(diff))
