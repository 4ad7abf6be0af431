"""A C program on ``libzookeeper-mt`` (Debian's, of ZooKeeper 3.8.0) and its transcript.

The program in ``conformance/clients/c`` is compiled once per state of its sources. It
connects to the server itself and, where it is to lose its connection, to a proxy.
"""

from __future__ import annotations

from pathlib import Path

from conformance.clients.c.link import Link
from conformance.clients.c.programs import (
    build_step,
    built,
    require,
    require_file,
    transcript_of,
)
from conformance.clients.compare import Client, main

SOURCES = Path(__file__).parent / "c"
_HEADER = Path("/usr/include/zookeeper/zookeeper.h")
FLAGS = ("-std=gnu11", "-O1", "-g", "-DTHREADED", "-Wall", "-Wextra", "-Werror")


def program() -> Path:
    """The compiled program; raises :class:`ClientUnavailable` without compiler or library."""
    require("gcc", "gcc")
    require_file(_HEADER, "libzookeeper-mt-dev")
    sources = sorted(SOURCES.glob("*.c"))

    def build(place: Path) -> None:
        build_step(
            ["gcc", *FLAGS, *map(str, sources), "-lzookeeper_mt", "-lpthread", "-o", "job"], place
        )

    return built("c", [*sources, *SOURCES.glob("*.h")], build) / "job"


def run(address: str) -> list[str]:
    """The transcript of the program on the server at ``address`` (``host:port``).

    Raises :class:`ClientUnavailable` without compiler or library and ``RuntimeError`` when
    the job cannot be done.
    """
    job = program()
    with Link(address) as link:
        return transcript_of([str(job), address, link.address, link.control])


CLIENT = Client("c_client", run)

if __name__ == "__main__":
    main(CLIENT)
