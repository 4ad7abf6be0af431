"""Apache's own shell, zkCli, under TLS with a certificate, and logged in by SASL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from conformance.clients.c_tls_client import run as run_c_client
from conformance.clients.compare import ClientUnavailable
from conformance.clients.java.toolchain import debian_classpath, run_java
from conformance.membership import free_ports
from conformance.migration.versions import server_class
from conformance.servers import OurServer, ServerUnavailable
from tests.tls.places import PASSWORD, Place
from zkserver.testing import EmbeddedServer

#: Of Debian's package; the shell reads its words with it.
COMMONS_CLI = Path("/usr/share/java/commons-cli.jar")
JAAS = """
Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="secret"; };
Client { org.apache.zookeeper.server.auth.DigestLoginModule required
         username="bob" password="secret"; };
"""


def skip_or_fail(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(reason)


def shell(address: str, options: tuple[str, ...], *words: str, netty: bool = False) -> str:
    """What zkCli prints; with ``netty`` that of Maven, since Debian's lacks a part of Netty."""
    try:
        libraries = debian_classpath()
        if netty:
            libraries = os.pathsep.join(map(str, (*server_class("3.8.4").class_path, COMMONS_CLI)))
    except ClientUnavailable as error:
        skip_or_fail(str(error))
    done = run_java(
        "org.apache.zookeeper.ZooKeeperMain",
        libraries,
        ["-server", address, *words],
        options=options,
        merge_errors=True,
    )
    return done.stdout


def test_java_client_with_a_certificate_is_who_it_says(tmp_path: Path) -> None:
    place = Place(tmp_path)
    options = (
        "-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty",
        "-Dzookeeper.client.secure=true",
        f"-Dzookeeper.ssl.keyStore.location={place.path('client.p12')}",
        f"-Dzookeeper.ssl.keyStore.password={PASSWORD}",
        f"-Dzookeeper.ssl.trustStore.location={place.path('trust.p12')}",
        f"-Dzookeeper.ssl.trustStore.password={PASSWORD}",
    )
    with EmbeddedServer(settings=place.settings()) as server:
        address = f"127.0.0.1:{server.secure_port}"
        said = shell(address, options, "create", "/java", "x", "auth::cdrwa", netty=True)
        assert "Created /java" in said
        said = shell(address, options, "getAcl", "/java", netty=True)
        assert "'x509,'CN=alice" in said
        # Without the certificate there is nobody to talk to.
        assert "Created" not in shell(address, options[:2], "create", "/other", netty=True)


def test_java_client_logs_in_by_sasl(tmp_path: Path) -> None:
    path = tmp_path / "jaas.conf"
    path.write_text(JAAS)
    key = "java.security.auth.login.config"
    with EmbeddedServer(
        settings={key: str(path), "sessionRequireClientSASLAuth": "true"}
    ) as server:
        options = (f"-D{key}={path}",)
        assert "Created /mine" in shell(
            server.address, options, "create", "/mine", "x", "auth::cdrwa"
        )
        assert "'sasl,'bob" in shell(server.address, options, "getAcl", "/mine")
        path.write_text(JAAS.replace('password="secret"', 'password="wrong"'))
        assert "Created" not in shell(server.address, options, "create", "/theirs", "x")


def test_c_client_sees_no_difference_to_apache_under_tls(tmp_path: Path) -> None:
    place = Place(tmp_path)
    certificates = f"{place.path('ca.pem')},{place.path('client.crt')},{place.path('client.key')},"
    told = []
    try:
        netty = {"serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory"}
        for make, more in ((server_class("3.8.4"), netty), (OurServer, {})):
            port = free_ports(1)[0]
            settings = {**place.settings(), **more, "secureClientPort": str(port)}
            with make(settings={**settings, "4lw.commands.whitelist": "*"}):
                told.append(run_c_client(f"127.0.0.1:{port}", certificates))
    except (ClientUnavailable, ServerUnavailable) as error:
        skip_or_fail(str(error))
    assert told[1] == told[0]
