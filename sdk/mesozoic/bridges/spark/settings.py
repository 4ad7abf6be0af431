"""What a Spark that is to run on Mesos through our driver has to be told."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mesozoic.aio.zookeeper_address import FILE_SCHEME, SCHEME, ZooKeeperAddress
from mesozoic.errors import BadAddress

MASTER: Final = "spark.master"
DRIVER_CLASS_PATH: Final = "spark.driver.extraClassPath"
DRIVER_HOST: Final = "spark.driver.host"
EXECUTOR_HOME: Final = "spark.mesos.executor.home"
EXECUTOR_URI: Final = "spark.executor.uri"
FAILOVER_TIMEOUT: Final = "spark.mesos.driver.failoverTimeout"
PRINCIPAL: Final = "spark.mesos.principal"
SECRET: Final = "spark.mesos.secret"  # noqa: S105 - the name of a setting
#: Settings of our driver: whether addresses without a scheme are https, and a PEM file of whom
#: to trust.
TLS_ENABLED: Final = "spark.mesozoic.tls.enabled"
TLS_CA: Final = "spark.mesozoic.tls.ca"
#: Where Spark looks for the secret, too. What is in the environment of a process is for its user
#: alone; its arguments are for everybody on the host.
SECRET_VARIABLE: Final = "SPARK_MESOS_SECRET"  # noqa: S105 - the name of a variable

_MESOS: Final = "mesos://"
#: Spark's own default is none: one broken connection would end all executors.
_FAILOVER_S: Final = 60.0
_MASTER_PORT: Final = 5050
_ZOOKEEPER_PORT: Final = 2181


@dataclass(frozen=True, slots=True)
class Credential:
    """Who the framework is to the master, by HTTP's Basic authentication."""

    principal: str
    # Left out of what is printed of it.
    secret: str

    def __repr__(self) -> str:
        return f"Credential(principal={self.principal!r})"


def spark_master(master: str) -> str:
    """``master`` as Spark takes it: with ``mesos://`` before it, if that is not there.

    ``host:port``, several with commas between, a URL, or ``zk://`` as Mesos has it.
    """
    return master if master.startswith(_MESOS) else _MESOS + master


def spark_settings(
    master: str,
    *,
    jar: Path,
    spark_home: Path,
    driver_host: str | None = None,
    principal: str | None = None,
    tls_ca: Path | None = None,
) -> dict[str, str]:
    """The settings without which Spark does not run on ``master`` with the driver in ``jar``.

    ``driver_host`` is the address of this host that executors connect to; by default the one
    from which the master is reached. ``spark_home`` is where agents find Spark. Raises
    :class:`~mesozoic.errors.BadAddress`.
    """
    settings = {
        MASTER: spark_master(master),
        DRIVER_CLASS_PATH: str(jar),
        EXECUTOR_HOME: str(spark_home),
        DRIVER_HOST: driver_host or address_towards(master),
        FAILOVER_TIMEOUT: str(_FAILOVER_S),
    }
    if principal is not None:
        settings[PRINCIPAL] = principal
    if tls_ca is not None:
        settings[TLS_CA] = str(tls_ca)
    return settings


def address_towards(master: str) -> str:
    """The address of this host from which ``master`` is reached; nothing is sent.

    Raises :class:`~mesozoic.errors.BadAddress` when its host has no address or no way leads there.
    """
    host, port = _first_host(spark_master(master).removeprefix(_MESOS))
    try:
        family, kind, _, _, peer = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(peer)
            found = str(probe.getsockname()[0])
    except OSError as error:
        raise BadAddress(f"'{host}' of the master's address cannot be reached: {error}") from error
    # As Spark takes addresses of IPv6.
    return f"[{found}]" if ":" in found else found


def _first_host(master: str) -> tuple[str, int]:
    """A host and a port of ``master``; its ZooKeeper servers are as good."""
    default = _MASTER_PORT
    if master.startswith((SCHEME, FILE_SCHEME)):
        master = ZooKeeperAddress.parse(master).hosts
        default = _ZOOKEEPER_PORT
    first = master.partition(",")[0].strip()
    authority = first if "://" in first else f"//{first}"
    try:
        parts = urlsplit(authority)
        if parts.hostname:
            return parts.hostname, parts.port or default
    except ValueError:
        pass
    raise BadAddress(f"'{first}' names no master")


def joined_class_path(jar: Path, others: str) -> str:
    """``jar`` before whatever else somebody wants there."""
    return f"{jar}{os.pathsep}{others}" if others else str(jar)
