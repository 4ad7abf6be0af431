"""An ensemble under TLS with its writers, and the two kinds of maintenance."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from kazoo.client import KazooClient

from conformance.ensembles import OurEnsemble
from conformance.membership import HOST, free_ports
from conformance.reconfig.load import Writer, missing_writes
from zkserver.tls.authority import Authority

_SERVERS = 3
_RENEWED_S_MAX = 30.0
_POLL_S = 0.1


class Maintenance:
    """Three servers in ``directory``, whose links and client ports are under TLS."""

    def __init__(
        self, directory: Path, seconds: float, tell: Callable[[str], None] = print
    ) -> None:
        #: Of load behind each step.
        self.seconds = seconds
        self.tell = tell
        self.writers: list[Writer] = []
        self._directory = directory
        self._authority = Authority("the ensemble's authority")
        self._write("ca.pem", self._authority.pem)
        client = self._authority.issue("client")
        self._client_files = {
            "certfile": self._write("client.crt", client.certificate_pem),
            "keyfile": self._write("client.key", client.key_pem),
        }
        self.serial = self._issue()
        self._secure_ports = free_ports(_SERVERS)
        self.ensemble = OurEnsemble(
            _SERVERS,
            settings=self._settings(),
            settings_of={
                number: {"secureClientPort": str(port)}
                for number, port in enumerate(self._secure_ports, 1)
            },
            data_dir=directory / "servers",
        )

    def _write(self, name: str, content: bytes) -> str:
        """Put a file in its place as a whole, as tools that renew certificates do."""
        path = self._directory / name
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(path)
        return str(path)

    def _issue(self) -> int:
        identity = self._authority.issue("server", ["localhost", HOST])
        self._write("server.pem", identity.pem())
        return x509.load_pem_x509_certificate(identity.certificate_pem).serial_number

    def _settings(self) -> dict[str, str]:
        stores = {"keyStore.location": "server.pem", "trustStore.location": "ca.pem"}
        paths = {name: str(self._directory / file) for name, file in stores.items()}
        return {
            "sslQuorum": "true",
            "client.certReload": "true",
            "sslQuorumReloadCertFiles": "true",
            **{f"ssl.{name}": path for name, path in paths.items()},
            **{f"ssl.quorum.{name}": path for name, path in paths.items()},
        }

    def begin(self, count: int) -> None:
        """Start ``count`` writers, every second one under TLS."""
        secure = {**self._client_files, "use_ssl": True, "ca": str(self._directory / "ca.pem")}
        for number in range(count):
            is_secure = bool(number % 2)
            ports = self._secure_ports if is_secure else self.ensemble.ports
            hosts = ",".join(f"{HOST}:{port}" for port in ports)
            writer = Writer(f"writer-{number}", hosts, options=secure if is_secure else {})
            writer.start()
            self.writers.append(writer)

    def renew(self) -> None:
        """Give the servers a new certificate; raises ``RuntimeError`` if it is not used soon."""
        before, self.serial = self.serial, self._issue()
        deadline = time.monotonic() + _RENEWED_S_MAX
        while any(self.shown(port) == before for port in self._secure_ports):
            if time.monotonic() > deadline:
                raise RuntimeError("a server goes on with the certificate that was replaced")
            time.sleep(_POLL_S)
        self.tell("renewed the certificate: all servers show the new one, none was restarted")
        time.sleep(self.seconds)

    def shown(self, port: int) -> int:
        """The serial number of the certificate that a server shows now."""
        context = ssl.create_default_context(cafile=str(self._directory / "ca.pem"))
        context.load_cert_chain(self._client_files["certfile"], self._client_files["keyfile"])
        with (
            socket.create_connection((HOST, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            certificate = secured.getpeercert(binary_form=True) or b""
        return x509.load_der_x509_certificate(certificate).serial_number

    def restart_all(self) -> None:
        """Restart one server after the other, each when the one before serves again."""
        for member in self.ensemble.members:
            mode, began = member.mode(), time.monotonic()
            member.stop()
            member.restart()
            self.ensemble.wait_serving()
            took_s = time.monotonic() - began
            self.tell(f"restarted server {member.server_id}, a {mode}, in {took_s:.2f} s")
            time.sleep(self.seconds)

    def verdict(self) -> list[str]:
        """End the writers; what went wrong, in words."""
        for writer in self.writers:
            writer.stop()
        problems = [f"{w.name}: {w.failures}" for w in self.writers if w.failures]
        client = KazooClient(",".join(f"{HOST}:{port}" for port in self.ensemble.ports))
        client.start(30)
        try:
            return problems + missing_writes(self.writers, client)
        finally:
            client.stop()
            client.close()
