"""Stores on disk, in all formats."""

from __future__ import annotations

import ssl
from pathlib import Path

from zkserver.tls.authority import Authority, Identity, trust_store

PASSWORD = "changeit"


class Place:
    """A directory with an authority, a server's and a client's certificate, in all formats."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority("the test's authority")
        self.server = self.authority.issue("server", ["localhost", "127.0.0.1"])
        self.client = self.authority.issue("alice")
        self.write("ca.pem", self.authority.pem)
        self.write("trust.p12", trust_store(self.authority, PASSWORD))
        self.write_server(self.server)
        self.write_client("client", self.client)

    def write(self, name: str, content: bytes) -> str:
        path = self.directory / name
        path.write_bytes(content)
        return str(path)

    def write_server(self, identity: Identity) -> None:
        self.write("server.pem", identity.pem())
        self.write("server.p12", identity.pkcs12(PASSWORD))

    def write_client(self, name: str, identity: Identity) -> str:
        """The path without the ending; the certificate alone is in .crt, the key in .key."""
        self.write(f"{name}.p12", identity.pkcs12(PASSWORD))
        self.write(f"{name}.crt", identity.certificate_pem)
        self.write(f"{name}.key", identity.key_pem)
        self.write(f"{name}.pem", identity.pem())
        return str(self.directory / name)

    def path(self, name: str) -> str:
        return str(self.directory / name)

    def settings(self, **others: str) -> dict[str, str]:
        return {
            "secureClientPort": "0",
            "ssl.keyStore.location": self.path("server.pem"),
            "ssl.trustStore.location": self.path("ca.pem"),
            **{key.replace("_", "."): value for key, value in others.items()},
        }

    def context(self, client: str | None = "client") -> ssl.SSLContext:
        """What a client needs to connect; without a name it shows no certificate."""
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if client is not None:
            context.load_cert_chain(self.path(f"{client}.pem"))
        return context
