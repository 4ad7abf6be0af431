"""The suite's cluster in its full form: an ensemble, as kazoo's own harness runs one.

The same ticks and limits, read-only mode allowed, reconfiguration and, where a test asks for
it, local sessions; a TLS port, and SASL where a test brings its users.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from conformance.ensembles import ApacheEnsemble, ApacheMember, Ensemble, Member, OurEnsemble
from conformance.kazoo_suite.certificates import (
    Certificates,
    can_make_certificates,
    make_certificates,
)
from conformance.kazoo_suite.cluster import java_settings
from conformance.membership import HOST, Role, free_ports
from conformance.servers import ApacheServer

#: As kazoo.testing.common writes them; session timeouts of the tests depend on the ticks.
_SETTINGS = {
    "tickTime": "2000",
    "initLimit": "4",
    "syncLimit": "2",
    "readonlymode.enabled": "true",
}
_JAVA = Path("/usr/share/java")
#: What Netty needs and Debian's manifest of the server does not name.
_NETTY = tuple(
    _JAVA / f"netty-{part}.jar" for part in ("codec", "resolver", "transport-native-unix-common")
)
_SASL_PROVIDER = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
_NETTY_FACTORY = "org.apache.zookeeper.server.NettyServerCnxnFactory"
_LOG_LINES = 100


class _NettyApacheMember(ApacheMember):
    class_path = (*ApacheServer.class_path, *_NETTY)


class _NettyApacheEnsemble(ApacheEnsemble):
    """Apache's servers with the connection factory that knows TLS, and with SASL."""

    # Apache decodes digest identities with the JVM's charset; kazoo sends UTF-8.
    jvm_options = ("-Xmx512m", "-Dfile.encoding=UTF-8")

    def _member(self, settings: dict[str, str], data_dir: Path, port: int) -> Member:
        jaas = self.data_dir / "jaas.conf"
        return _NettyApacheMember(
            jvm_options=(*self.jvm_options, f"-Djava.security.auth.login.config={jaas}"),
            settings=settings,
            data_dir=data_dir,
            port=port,
        )


class SuiteMember:
    """One server of the ensemble, as kazoo's tests use it; ``run`` does not wait."""

    host = HOST

    def __init__(self, member: Member, secure_port: int | None) -> None:
        self._member = member
        self._secure_port = secure_port

    @property
    def address(self) -> str:
        """``host:port`` of the plain client port."""
        return self._member.address

    @property
    def secure_address(self) -> str:
        """``host:port`` of the TLS port; skips the test where there is none."""
        if self._secure_port is None:
            pytest.skip("needs a TLS port, and openssl to make certificates for it")
        return f"{self.host}:{self._secure_port}"

    @property
    def client_port(self) -> int:
        """The plain client port."""
        return self._member.port

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._member.running

    def run(self) -> None:
        """Start the process on its data; it serves once it has found the others."""
        self._member.restart()

    def stop(self) -> None:
        """End the process and keep its data."""
        self._member.stop()

    def destroy(self) -> None:
        """End the process and lose its data."""
        self._member.kill()
        shutil.rmtree(self._member.data_dir, ignore_errors=True)

    reset = destroy

    def get_logs(self, num_lines: int = _LOG_LINES) -> list[str]:
        """The last lines that the server printed."""
        log = self._member.log_path
        if not log.exists():
            return []
        return log.read_text(errors="replace").splitlines(keepends=True)[-num_lines:]


class EnsembleCluster:
    """What kazoo's harness builds in place of its own ``ZookeeperCluster``; see there.

    ``size`` servers, those from the id ``observer_start_id`` on as observers.
    """

    #: A key of ``ENSEMBLES``; the plugin sets it.
    kind = "mesozoic"

    def __init__(
        self,
        *,
        size: int = 3,
        observer_start_id: int = -1,
        configuration_entries: Iterable[str] = (),
        java_system_properties: Iterable[str] = (),
        jaas_config: str | None = None,
        **options: object,
    ) -> None:
        self.options = options
        self._jaas_config = jaas_config
        self._directory = Path(tempfile.mkdtemp(prefix="kazoo-suite-"))
        # Certificates outlive ``terminate``; the harness ends the servers before this is called.
        atexit.register(shutil.rmtree, self._directory, ignore_errors=True)
        self._certificates: Certificates | None = None
        self._secure_ports: list[int] = []
        settings = {**_SETTINGS, **java_settings(configuration_entries, java_system_properties)}
        settings |= self._security_settings(size)
        ensemble: type[Ensemble] = _NettyApacheEnsemble if self.kind == "apache" else OurEnsemble
        roles: dict[int, Role] = {}
        if observer_start_id > 0:
            roles = dict.fromkeys(range(observer_start_id, size + 1), "observer")
        self._ensemble = ensemble(
            size,
            settings=settings,
            settings_of={
                number: {"secureClientPort": str(port), "secureClientPortAddress": HOST}
                for number, port in enumerate(self._secure_ports, 1)
            },
            roles=roles,
            data_dir=self._directory,
        )
        ports: list[int | None] = [*self._secure_ports] or [None] * size
        self._members = [
            SuiteMember(member, port)
            for member, port in zip(self._ensemble.prepare(), ports, strict=True)
        ]

    def _security_settings(self, size: int) -> dict[str, str]:
        jaas = self._directory / "jaas.conf"
        jaas.write_text(self._jaas_config or "")
        settings = {"authProvider.1": _SASL_PROVIDER, "serverCnxnFactory": _NETTY_FACTORY}
        if self.kind != "apache" and self._jaas_config is not None:
            # Apache's servers are told on Java's command line.
            settings["java.security.auth.login.config"] = str(jaas)
        if not can_make_certificates():
            return settings
        self._certificates = make_certificates(self._directory / "certificates")
        self._secure_ports = free_ports(size)
        return settings | {
            "ssl.keyStore.location": str(self._certificates.server),
            "ssl.trustStore.location": str(self._certificates.authority),
        }

    def __getitem__(self, index: int) -> SuiteMember:
        if index >= len(self._members):
            pytest.skip(f"needs server {index + 1}, and there are {len(self._members)}")
        return self._members[index]

    def __iter__(self) -> Iterator[SuiteMember]:
        return iter(self._members)

    def start(self) -> None:
        """Start every server and wait until all serve."""
        self._ensemble.start()

    def stop(self) -> None:
        """End every server and keep the data."""
        self._ensemble.stop()

    def terminate(self) -> None:
        """End every server and lose the data; ``start`` begins anew."""
        for member in self._members:
            member.destroy()

    reset = terminate

    def get_logs(self) -> list[str]:
        """The last lines of every server's log; kazoo shows them with a failure."""
        return [line for member in self._members for line in member.get_logs()]

    def get_ssl_client_configuration(self) -> dict[str, bytes]:
        """Key, certificate and authority of a client, in PEM; skips without a TLS port."""
        if self._certificates is None:
            pytest.skip("needs a TLS port, and openssl to make certificates for it")
        return {
            "client_key": self._certificates.client_key.read_bytes(),
            "client_cert": self._certificates.client_certificate.read_bytes(),
            "ca_cert": self._certificates.authority.read_bytes(),
        }
