"""Clients under TLS: real ones are served, and who should not be is refused and named."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError
from kazoo.security import ACL, Id

from conformance import rawclient as raw
from conformance.servers import OurServer, four_letter_word, free_port
from tests.tls.places import PASSWORD, Place
from zkserver.testing import EmbeddedServer
from zkserver.tls.authority import Authority

PATIENCE_S = 10.0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def client_of(port: int, place: Place, name: str = "client") -> KazooClient:
    return KazooClient(
        f"localhost:{port}",
        use_ssl=True,
        ca=place.path("ca.pem"),
        certfile=place.path(f"{name}.crt"),
        keyfile=place.path(f"{name}.key"),
    )


def test_kazoo_with_a_certificate_is_served(place: Place) -> None:
    with EmbeddedServer(settings=place.settings()) as server:
        client = client_of(server.secure_port, place)
        client.start(PATIENCE_S)
        try:
            # More than one record of TLS, and more than a socket takes at once.
            data = os.urandom(900_000)
            client.create("/large", data)
            assert client.get("/large")[0] == data
            answers = [client.get_async("/large") for _ in range(20)]
            assert all(answer.get(PATIENCE_S)[0] == data for answer in answers)
            plain = KazooClient(server.address)
            plain.start(PATIENCE_S)
            assert plain.get("/large")[0] == data
            plain.stop()
            plain.close()
        finally:
            client.stop()
            client.close()


@pytest.mark.parametrize("kind", ["server.pem", "server.p12"])
@pytest.mark.parametrize("trust", ["ca.pem", "trust.p12"])
def test_stores_of_every_kind_are_read(place: Place, kind: str, trust: str) -> None:
    settings = place.settings(
        ssl_keyStore_location=place.path(kind),
        ssl_keyStore_password=PASSWORD,
        ssl_trustStore_location=place.path(trust),
        ssl_trustStore_passwordPath=place.write("password", PASSWORD.encode() + b"\n"),
    )
    if kind.endswith("pem"):
        del settings["ssl.keyStore.password"]
    with EmbeddedServer(settings=settings) as server:
        assert word_over_tls(server.secure_port, place.context()).startswith("Zookeeper version")


def word_over_tls(port: int, context: ssl.SSLContext, word: bytes = b"srvr") -> str:
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(word)
        parts = []
        while part := secured.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def test_one_port_takes_both(place: Place) -> None:
    settings = place.settings(client_portUnification="true")
    del settings["secureClientPort"]
    with EmbeddedServer(settings=settings) as server:
        assert "Zookeeper version" in word_over_tls(server.port, place.context())
        assert "Zookeeper version" in four_letter_word(server.port, "srvr")
        client = client_of(server.port, place)
        client.start(PATIENCE_S)
        client.create("/a")
        client.stop()
        client.close()


def test_conf_tells_both_ports(place: Place) -> None:
    settings = {**place.settings(), "4lw.commands.whitelist": "*"}
    with EmbeddedServer(settings=settings) as server:
        said = word_over_tls(server.secure_port, place.context(), b"conf")
        assert f"clientPort={server.port}\nsecureClientPort={server.secure_port}\n" in said


def test_certificate_is_an_identity(place: Place) -> None:
    place.write_client("bob", place.authority.issue("bob"))
    place.write_client("root", place.authority.issue("root"))
    settings = place.settings(X509AuthenticationProvider_superUser="CN=root")
    with EmbeddedServer(settings=settings) as server:
        names = ("client", "bob", "root")
        clients = {name: client_of(server.secure_port, place, name) for name in names}
        for one in clients.values():
            one.start(PATIENCE_S)
        try:
            alice = clients["client"]
            alice.create("/hers", b"x", acl=[ACL(31, Id("x509", "CN=alice"))])
            alice.create("/also", b"x", acl=[ACL(31, Id("auth", ""))])
            assert alice.get_acls("/also")[0][0].id == Id("x509", "CN=alice")
            for path in ("/hers", "/also"):
                assert alice.get(path)[0] == b"x"
                assert clients["root"].get(path)[0] == b"x"
                with pytest.raises(NoAuthError):
                    clients["bob"].get(path)
        finally:
            for one in clients.values():
                one.stop()
                one.close()


@pytest.fixture
def process(place: Place) -> Iterator[tuple[OurServer, int]]:
    port = free_port()
    own = {"secureClientPort": str(port), "secureClientPortAddress": "127.0.0.1"}
    settings = {**place.settings(), **own}
    with OurServer(settings=settings) as server:
        yield server, port


def refused(server: OurServer, port: int, context: ssl.SSLContext) -> str:
    """Try, and give what the server's log says of it."""
    before = len(server.log_path.read_text())
    with pytest.raises(OSError, match=r".*"):
        word_over_tls(port, context)
    return said_since(server, before)


def said_since(server: OurServer, before: int) -> str:
    until = time.monotonic() + PATIENCE_S
    while not (said := server.log_path.read_text()[before:]) and time.monotonic() < until:
        time.sleep(0.01)
    return said


def test_refusals_are_named_and_nothing_else_is_disturbed(
    place: Place, process: tuple[OurServer, int]
) -> None:
    server, port = process
    good = client_of(port, place)
    good.start(PATIENCE_S)
    good.create("/before")
    session = good.client_id
    strange = Authority("somebody else's authority")
    place.write_client("strange", strange.issue("alice"))
    place.write_client("expired", place.authority.issue("alice", days=-1))

    said = refused(server, port, place.context("strange"))
    assert "the client's certificate is refused: unable to get local issuer certificate" in said
    said = refused(server, port, place.context("expired"))
    assert "the client's certificate is refused: certificate has expired" in said
    said = refused(server, port, place.context(None))
    assert "the client showed no certificate (clientAuth)" in said

    distrusting = ssl.create_default_context(cadata=strange.pem.decode())
    distrusting.load_cert_chain(place.path("client.pem"))
    assert "the client does not trust our certificate" in refused(server, port, distrusting)

    before = len(server.log_path.read_text())
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as plain:
        plain.sendall(b"srvr")
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100)[:1] in (b"", b"\x15"), "an alert, or the end"
    assert "plain text, or something else that is no TLS" in said_since(server, before)

    before = len(server.log_path.read_text())
    with pytest.raises(OSError, match=r".*"):
        word_over_tls(server.port, place.context())
    assert "it looks like TLS, and this port takes plain text" in said_since(server, before)

    assert good.client_id == session
    assert good.exists("/before") is not None
    good.stop()
    good.close()


def test_client_that_says_nothing_is_dropped_and_one_that_goes_harms_nobody(place: Place) -> None:
    settings = {**place.settings(), "nio.sessionlessCnxnTimeout": "100", "tickTime": "100"}
    with EmbeddedServer(settings=settings) as server:
        with socket.create_connection(("127.0.0.1", server.secure_port), PATIENCE_S) as silent:
            assert silent.recv(1) == b""
        with socket.create_connection(("127.0.0.1", server.secure_port), PATIENCE_S) as broken:
            broken.sendall(b"\x16\x03\x01\x02\x00\x01")
            broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert "Zookeeper version" in word_over_tls(server.secure_port, place.context())


def test_certificate_may_be_wanted_or_not(place: Place) -> None:
    for auth in ("want", "none"):
        with EmbeddedServer(settings=place.settings(ssl_clientAuth=auth)) as server:
            assert "Zookeeper version" in word_over_tls(server.secure_port, place.context(None))


def test_renewed_certificate_is_used_without_a_restart(place: Place) -> None:
    settings = place.settings(client_certReload="true")
    with EmbeddedServer(settings=settings) as server:
        client = client_of(server.secure_port, place)
        client.start(PATIENCE_S)
        first = serial_of(server.secure_port, place)
        # One that is written in part leaves the old one in force.
        place.write("server.pem", b"-----BEGIN")
        time.sleep(0.6)
        assert serial_of(server.secure_port, place) == first
        place.write_server(place.authority.issue("server", ["localhost"]))
        until = time.monotonic() + PATIENCE_S
        while serial_of(server.secure_port, place) == first and time.monotonic() < until:
            time.sleep(0.05)
        assert serial_of(server.secure_port, place) != first
        assert client.exists("/") is not None
        client.stop()
        client.close()


def serial_of(port: int, place: Place) -> object:
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE_S) as plain,
        place.context().wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        found = secured.getpeercert()
        assert found is not None
        return found["serialNumber"]


def test_no_record_holds_two_replies(place: Place) -> None:
    # Apache's library for C takes one frame out of a record, and then waits for the socket.
    with EmbeddedServer(settings=place.settings()) as server:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = place.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", server.secure_port), timeout=10) as sock:

            def exchange(call: Callable[[], object]) -> None:
                while True:
                    try:
                        call()
                    except ssl.SSLWantReadError:
                        sock.sendall(outgoing.read())
                        incoming.write(sock.recv(65536))
                    else:
                        sock.sendall(outgoing.read())
                        return

            exchange(tls.do_handshake)
            exchange(lambda: tls.write(raw.pack_connect(timeout_ms=10_000)))
            exchange(lambda: tls.read(65536))
            pings = b"".join(raw.pack_request(-2, 11) for _ in range(3))
            exchange(lambda: tls.write(pings))
            received = b""
            while (records := _records(received)) < 3:
                received += sock.recv(65536)
    assert records == 3


def _records(data: bytes) -> int:
    """How many whole TLS records with application data there are."""
    count = pos = 0
    while pos + 5 <= len(data):
        kind, size = data[pos], int.from_bytes(data[pos + 3 : pos + 5], "big")
        pos += 5 + size
        count += kind == 0x17 and pos <= len(data)
    return count
