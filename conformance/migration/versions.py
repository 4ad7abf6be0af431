"""Apache's server in any version that Maven Central has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from conformance.clients.java.toolchain import BUILD, maven_classpath
from conformance.servers import ApacheServer

#: The last releases of their lines.
VERSIONS: Final = ("3.4.14", "3.5.10", "3.6.4", "3.7.2", "3.8.4", "3.9.3")
#: From which version on a server has it.
CONFIG_SINCE: Final = (3, 5)
CONTAINERS_SINCE: Final = (3, 5)
TTL_SINCE: Final = (3, 5, 4)
COMPRESSION_SINCE: Final = (3, 6)
#: Its metrics for Prometheus are on Maven Central.
PROMETHEUS_SINCE: Final = (3, 9)
# What the servers want and their own descriptions leave to others: the metrics since 3.6,
# snappy for snapshots, Jetty and Jackson for the AdminServer.
_POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>conformance</groupId>
  <artifactId>apache-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.zookeeper</groupId>
      <artifactId>zookeeper</artifactId>
      <version>%s</version>
    </dependency>
    <dependency>
      <groupId>io.dropwizard.metrics</groupId>
      <artifactId>metrics-core</artifactId>
      <version>4.1.12.1</version>
    </dependency>
    <dependency>
      <groupId>org.xerial.snappy</groupId>
      <artifactId>snappy-java</artifactId>
      <version>1.1.10.5</version>
    </dependency>
    <dependency>
      <groupId>org.eclipse.jetty</groupId>
      <artifactId>jetty-servlet</artifactId>
      <version>9.4.56.v20240826</version>
    </dependency>
    <dependency>
      <groupId>com.fasterxml.jackson.core</groupId>
      <artifactId>jackson-databind</artifactId>
      <version>2.15.2</version>
    </dependency>
    %s
  </dependencies>
</project>
"""
_PROMETHEUS: Final = """<dependency>
      <groupId>org.apache.zookeeper</groupId>
      <artifactId>zookeeper-prometheus-metrics</artifactId>
      <version>%s</version>
    </dependency>"""


def number_of(version: str) -> tuple[int, ...]:
    """The version as numbers, to be compared."""
    return tuple(map(int, version.split(".")))


def server_class(version: str) -> type[ApacheServer]:
    """A class of servers of that version; Maven fetches it if it is not here.

    Raises :class:`~conformance.clients.compare.ClientUnavailable` if it cannot.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    pom = BUILD / f"apache-server-{version}.xml"
    has_prometheus = number_of(version) >= PROMETHEUS_SINCE
    pom.write_text(_POM % (version, _PROMETHEUS % version if has_prometheus else ""))
    jars = maven_classpath(pom).split(os.pathsep)

    class Server(ApacheServer):
        name = f"apache {version}"
        class_path = tuple(map(Path, jars))

    return Server
