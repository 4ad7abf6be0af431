"""Keys and certificates for the suite's TLS test, made by the ``openssl`` program.

One authority signs a server's and a client's certificate, as kazoo's own harness does it.
Everything is PEM, which both Apache's server (3.5.5 and newer) and kazoo read.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_DAYS = "2"
_BITS = "rsa:2048"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the files are: what a server reads, and what a client reads."""

    authority: Path
    #: Key and certificate in one file, as a PEM key store is.
    server: Path
    client_key: Path
    client_certificate: Path


def can_make_certificates() -> bool:
    """Whether the ``openssl`` program is here."""
    return shutil.which("openssl") is not None


def make_certificates(directory: Path) -> Certificates:
    """Make an authority and two certificates in ``directory``; raises ``CalledProcessError``."""
    directory.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    request = ("req", "-x509", "-newkey", _BITS, "-nodes", "-days", _DAYS)
    openssl(*request, "-subj", "/CN=ca.kazoo.org", "-keyout", "ca-key.pem", "-out", "ca.pem")
    for name, subject in (("server", "/CN=localhost"), ("client", "/CN=client")):
        signed_by = ("-CA", "ca.pem", "-CAkey", "ca-key.pem")
        files = ("-keyout", f"{name}-key.pem", "-out", f"{name}.pem")
        openssl(*request, *signed_by, "-subj", subject, *files)
    store = directory / "server-store.pem"
    store.write_text(
        (directory / "server-key.pem").read_text() + (directory / "server.pem").read_text()
    )
    return Certificates(
        authority=directory / "ca.pem",
        server=store,
        client_key=directory / "client-key.pem",
        client_certificate=directory / "client.pem",
    )
