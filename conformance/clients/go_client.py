"""A Go program on ``github.com/go-zookeeper/zk`` and its transcript.

The program in ``conformance/clients/go`` is built once per state of its sources; the Go
tools fetch the module (pinned by ``go.sum``) when it is new to this machine.
"""

from __future__ import annotations

from pathlib import Path

from conformance.clients.c.programs import (
    build_step,
    built,
    fetch_step,
    require,
    transcript_of,
)
from conformance.clients.compare import Client, main

_SOURCES = Path(__file__).parent / "go"
_ENVIRONMENT = {"GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local"}


def program() -> Path:
    """The built program; raises :class:`ClientUnavailable` without Go."""
    require("go", "golang-go")
    sources = sorted(path for path in _SOURCES.iterdir() if path.suffix in {".go", ".mod", ".sum"})

    def build(place: Path) -> None:
        # -mod=mod may write to go.mod and go.sum, so the build works on copies of them.
        for source in sources:
            (place / source.name).write_bytes(source.read_bytes())
        fetch_step(["go", "mod", "download"], place, _ENVIRONMENT)
        build_step(["go", "build", "-o", "job", "."], place, _ENVIRONMENT)

    return built("go", sources, build) / "job"


def run(address: str) -> list[str]:
    """The transcript of the program on the server at ``address`` (``host:port``).

    Raises :class:`ClientUnavailable` without Go and ``RuntimeError`` when the program
    cannot be built or the job cannot be done.
    """
    job = program()
    return transcript_of([str(job), address])


CLIENT = Client("go_client", run)

if __name__ == "__main__":
    main(CLIENT)
