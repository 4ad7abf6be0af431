"""The C program of ``c_client`` under TLS, with a client's certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from conformance.clients.c.link import Link
from conformance.clients.c.programs import build_step, built, transcript_of
from conformance.clients.c_client import FLAGS, SOURCES
from conformance.clients.c_library import library

#: While the link is cut a request fails in a handshake (ZSSLCONNECTIONERROR, which Debian's
#: headers do not name) or without one, as it happens.
_CUT: Final = "code -15"


def program() -> Path:
    """The compiled program; raises :class:`ClientUnavailable` without what it needs."""
    with_tls = library()
    sources = sorted(SOURCES.glob("*.c"))

    def build(place: Path) -> None:
        build_step(
            [
                *("gcc", *FLAGS, "-DHAVE_OPENSSL_H", f"-I{with_tls / 'include'}"),
                *map(str, sources),
                *(f"-L{with_tls}", f"-Wl,-rpath,{with_tls}", "-lzookeeper_mt"),
                *("-lssl", "-lcrypto", "-lpthread", "-o", "job"),
            ],
            place,
        )

    return built("c-tls", [*sources, *SOURCES.glob("*.h"), Path(__file__)], build) / "job"


def run(address: str, certificates: str) -> list[str]:
    """The transcript on the TLS port at ``address`` (``host:port``).

    ``certificates`` are the library's: authority, certificate, key and its password, with commas
    between them; the first three are files in PEM.
    """
    job = program()
    with Link(address) as link:
        told = transcript_of([str(job), address, link.address, link.control, certificates])
    return [line.replace(_CUT, "ZCONNECTIONLOSS") for line in told]
