"""The object that kazoo's harness takes for its ZooKeeper cluster: one standalone server.

The harness calls ``start``, ``stop``, ``terminate`` and ``reset`` on the cluster, and ``run``,
``stop`` and ``destroy`` on its members, which must keep data and port between ``stop`` and
``run`` (tests reconnect across a restart) and lose the data on ``destroy``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from conformance.servers import SERVERS, ApacheServer, ZooKeeperProcess, free_port

_PROPERTY = "-Dzookeeper."
#: What the harness sets for its ensembles and a standalone server has no use for: tests of
#: reconfiguration and of local sessions do not pass on a standalone server in any case.
_ENSEMBLE_ONLY = ("reconfigEnabled", "localSessionsEnabled", "localSessionsUpgradingEnabled")


def java_settings(entries: Iterable[str], java_properties: Iterable[str]) -> dict[str, str]:
    """The zoo.cfg keys that say the same as the harness's entries and JVM properties.

    ZooKeeper reads a zoo.cfg key that it does not know as the system property of that name
    behind ``zookeeper.`` (QuorumPeerConfig.parseProperties), so ``-Dzookeeper.x=y`` is ``x=y``.
    """
    settings = dict(entry.split("=", 1) for entry in entries)
    for option in java_properties:
        if option.startswith(_PROPERTY):
            name, value = option.removeprefix(_PROPERTY).split("=", 1)
            settings[name] = value
    return settings


def zoo_cfg_settings(entries: Iterable[str], java_properties: Iterable[str]) -> dict[str, str]:
    """As :func:`java_settings`, without the keys that concern ensembles alone."""
    settings = java_settings(entries, java_properties)
    return {key: value for key, value in settings.items() if key not in _ENSEMBLE_ONLY}


class Member:
    """One server of the suite's cluster; ``run`` after ``stop`` finds data and port again."""

    host = "127.0.0.1"

    def __init__(self, kind: str, settings: dict[str, str]) -> None:
        self.kind = kind
        self.settings = settings
        self.client_port = free_port()
        self.server: ZooKeeperProcess | None = None
        self.working_path = Path(tempfile.mkdtemp(prefix="kazoo-suite-"))

    @property
    def address(self) -> str:
        """``host:port`` of the plain client port."""
        return f"{self.host}:{self.client_port}"

    @property
    def secure_address(self) -> NoReturn:
        """Skips the test: the kit's servers have no TLS port."""
        pytest.skip("needs a TLS port, which this kit does not configure")

    @property
    def running(self) -> bool:
        """Whether the process was started and not stopped since."""
        return self.server is not None

    def run(self) -> None:
        """Start the server on its directory and port and wait until it answers."""
        if self.server is not None:
            return
        self.working_path.mkdir(exist_ok=True)
        if self.kind == "apache":
            # Apache decodes digest identities with the JVM's charset; kazoo sends UTF-8.
            self.server = ApacheServer(
                jvm_options=("-Xmx512m", "-Dfile.encoding=UTF-8"),
                settings=self.settings,
                data_dir=self.working_path,
                port=self.client_port,
            )
        else:
            self.server = SERVERS[self.kind](
                settings=self.settings, data_dir=self.working_path, port=self.client_port
            )
        try:
            self.server.start()
        except BaseException:
            self.server = None
            raise

    def stop(self) -> None:
        """End the process and keep its data."""
        if self.server is not None:
            self.server.stop()
            self.server = None

    def reset(self) -> None:
        """End the process and lose its data."""
        self.stop()
        shutil.rmtree(self.working_path, ignore_errors=True)

    destroy = reset

    def get_logs(self, num_lines: int = 100) -> list[str]:
        """The last lines that the server printed; kazoo shows them with a failure."""
        log = self.working_path / "server.log"
        if not log.exists():
            return []
        return log.read_text(errors="replace").splitlines(keepends=True)[-num_lines:]


class SuiteCluster:
    """What ``kazoo.testing.harness`` builds instead of its own ``ZookeeperCluster``.

    ``options`` are the harness's keyword arguments; of these the zoo.cfg entries, the JVM
    properties, the size and the JAAS text matter here.
    """

    #: Which of ``conformance.servers.SERVERS`` to run; the plugin sets it.
    kind = "mesozoic"

    def __init__(
        self,
        *,
        size: int = 1,
        configuration_entries: Iterable[str] = (),
        java_system_properties: Iterable[str] = (),
        jaas_config: str | None = None,
        **options: object,
    ) -> None:
        if size != 1:
            raise ValueError(
                f"the kit runs one standalone server, not {size}: set ZOOKEEPER_CLUSTER_SIZE=1"
            )
        self.options = options
        self._jaas_config = jaas_config
        settings = zoo_cfg_settings(configuration_entries, java_system_properties)
        self._members = [Member(self.kind, settings)]

    def __getitem__(self, index: int) -> Member:
        if index >= len(self._members):
            pytest.skip(f"needs server {index + 1} of an ensemble, the kit runs a standalone one")
        return self._members[index]

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def start(self) -> None:
        """Start every member and wait until it answers."""
        if self._jaas_config is not None:
            pytest.skip("needs SASL, which this kit does not configure")
        for member in self._members:
            member.run()

    def stop(self) -> None:
        """End every member and keep the data."""
        for member in self._members:
            member.stop()

    def terminate(self) -> None:
        """End every member and lose the data; ``start`` begins anew."""
        for member in self._members:
            member.destroy()

    def reset(self) -> None:
        """As ``terminate``: the next ``start`` finds an empty directory."""
        self.terminate()

    def get_logs(self) -> list[str]:
        """The last lines of every member's log."""
        return [line for member in self._members for line in member.get_logs()]

    def get_ssl_client_configuration(self) -> NoReturn:
        """Skips the test: there are no certificates because there is no TLS port."""
        pytest.skip("needs TLS certificates, which this kit does not make")
