"""A Node program on npm's ``node-zookeeper-client`` and its transcript.

The program is in ``conformance/clients/node``; the library, pinned by the lock file
there, is installed once per state of that file, outside of the sources.
"""

from __future__ import annotations

from pathlib import Path

from conformance.clients.c.link import Link
from conformance.clients.c.programs import (
    built,
    fetch_step,
    require,
    transcript_of,
)
from conformance.clients.compare import Client, main

_SOURCES = Path(__file__).parent / "node"


def library() -> Path:
    """The directory with the installed library.

    Raises :class:`ClientUnavailable` without Node or when npm cannot fetch the library.
    """
    require("node", "nodejs")
    require("npm", "npm")
    manifests = [_SOURCES / "package.json", _SOURCES / "package-lock.json"]

    def build(place: Path) -> None:
        for manifest in manifests:
            (place / manifest.name).write_bytes(manifest.read_bytes())
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        fetch_step(["npm", "ci", *quiet], place)

    return built("node", manifests, build) / "node_modules"


def run(address: str) -> list[str]:
    """The transcript of the program on the server at ``address`` (``host:port``).

    Raises :class:`ClientUnavailable` without Node or the library and ``RuntimeError`` when
    the job cannot be done.
    """
    modules = library()
    with Link(address) as link:
        return transcript_of(
            ["node", str(_SOURCES / "job.js"), address, link.address, link.control],
            {"NODE_PATH": str(modules)},
        )


CLIENT = Client("node_client", run)

if __name__ == "__main__":
    main(CLIENT)
