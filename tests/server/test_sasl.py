"""SASL DIGEST-MD5: real clients log in, and who cannot is refused as Apache refuses it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, InvalidACLError, NoAuthError
from kazoo.security import ACL, Id

from conformance.rawclient import pack_bytes
from tests.server.harness import Client
from zkserver.config import ConfigError
from zkserver.config_jaas import read_users
from zkserver.replica.sasl import DigestMd5, SaslError
from zkserver.testing import EmbeddedServer

JAAS = """
/* The server's users */
Server {
    org.apache.zookeeper.server.auth.DigestLoginModule required
    user_super="adminsecret"  // may do much
    user_bob="bob's \\"secret\\""
    user_jürgen="größe";
};
Client { org.example.Other optional debug=true; };
"""
PASSWORDS = {"super": "adminsecret", "bob": 'bob\'s "secret"', "jürgen": "größe"}
PATIENCE_S = 10.0
SASL = 102


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "jaas.conf"
    path.write_text(JAAS)
    return {
        "java.security.auth.login.config": str(path),
        "authProvider.1": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    }


@pytest.fixture
def server(settings: dict[str, str]) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(settings=settings) as made:
        yield made


def client_of(server: EmbeddedServer, user: str | None, password: str | None = None) -> Any:
    options: Mapping[str, str] | None = None
    if user is not None:
        options = {
            "mechanism": "DIGEST-MD5",
            "username": user,
            "password": password or PASSWORDS[user],
        }
    return KazooClient(server.address, sasl_options=options, timeout=PATIENCE_S)


def test_users_are_identities(server: EmbeddedServer) -> None:
    clients = {user: client_of(server, user) for user in (*PASSWORDS, None)}
    for one in clients.values():
        one.start(PATIENCE_S)
    try:
        clients["bob"].create("/his", b"x", acl=[ACL(31, Id("sasl", "bob"))])
        clients["bob"].create("/also", b"x", acl=[ACL(31, Id("auth", ""))])
        assert clients["bob"].get_acls("/also")[0][0].id == Id("sasl", "bob")
        for path in ("/his", "/also"):
            assert clients["bob"].get(path)[0] == b"x"
            # SASLAuthenticationProvider lets whoever is called super do what any user may.
            assert clients["super"].get(path)[0] == b"x"
            for user in ("jürgen", None):
                with pytest.raises(NoAuthError):
                    clients[user].get(path)
    finally:
        for one in clients.values():
            one.stop()
            one.close()


@pytest.mark.parametrize(("user", "password"), [("bob", "wrong"), ("nobody", "secret")])
def test_wrong_password_is_refused(server: EmbeddedServer, user: str, password: str) -> None:
    client = client_of(server, user, password)
    with pytest.raises(AuthFailedError):
        client.start(PATIENCE_S)
        client.exists("/")
    client.stop()
    client.close()


def test_who_does_not_log_in_is_refused_where_that_is_required(settings: dict[str, str]) -> None:
    with EmbeddedServer(settings={**settings, "sessionRequireClientSASLAuth": "true"}) as server:
        bob = client_of(server, "bob")
        bob.start(PATIENCE_S)
        assert bob.exists("/") is not None
        bob.stop()
        bob.close()
        with Client(server.port) as stranger:
            assert stranger.call(3, pack_bytes(b"/") + b"\0").err == -124


def test_super_user_may_do_everything(settings: dict[str, str]) -> None:
    with EmbeddedServer(settings={**settings, "superUser": "bob"}) as server:
        owner, bob = client_of(server, None), client_of(server, "bob")
        for one in (owner, bob):
            one.start(PATIENCE_S)
        owner.add_auth("digest", "a:b")
        owner.create("/hers", b"x", acl=[ACL(31, Id("auth", ""))])
        assert bob.get("/hers")[0] == b"x"
        for one in (owner, bob):
            one.stop()
            one.close()


def test_failure_may_be_allowed(settings: dict[str, str]) -> None:
    settings["allowSaslFailedClients"] = "true"
    with EmbeddedServer(settings=settings) as server, Client(server.port) as client:
        assert client.call(SASL, pack_bytes(b"")).err == 0
        assert client.call(SASL, pack_bytes(b'username="x"')).body == pack_bytes(None)
        assert client.call(3, pack_bytes(b"/") + b"\0").err == 0


def test_exchange_out_of_order_is_refused(server: EmbeddedServer) -> None:
    with Client(server.port) as client:
        reply = client.call(SASL, pack_bytes(b'username="bob"'))
        assert (reply.err, reply.zxid) == (-115, 0)


def test_without_sasl_its_scheme_is_no_scheme() -> None:
    with EmbeddedServer() as server:
        client = client_of(server, None)
        client.start(PATIENCE_S)
        with pytest.raises(InvalidACLError):
            client.create("/a", acl=[ACL(31, Id("sasl", "bob"))])
        client.stop()
        client.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Other { a.DigestLoginModule required user_a="b"; };', "has no section Server"),
        ("Server { com.sun.Krb5LoginModule required; };", "GSSAPI is not"),
        ("Server { a.DigestLoginModule required debug=true; };", "has no users"),
        ('Server { a.DigestLoginModule required user_a="b" };', "= is missing behind the option }"),
        ('Server { a.DigestLoginModule required user_a="b"; }', "; is missing behind the section"),
        ("Server", "{ is missing"),
        ('Server { "', "line 1: cannot be understood"),
    ],
)
def test_mistakes_in_a_jaas_file_are_named(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "jaas.conf"
    path.write_text(text)
    with pytest.raises(ValueError, match=r".*") as caught:
        read_users(str(path), "Server")
    assert expected in str(caught.value)


def test_start_names_the_key(tmp_path: Path) -> None:
    (tmp_path / "jaas.conf").write_text("Server")
    key = "java.security.auth.login.config"
    with pytest.raises(ConfigError, match=rf"{key}=.*jaas.conf: ") as caught:
        EmbeddedServer(settings={key: str(tmp_path / "jaas.conf")}).start()
    assert len(caught.value.problems) == 1


NONCE = bytes(30)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((b'realm="zk-sasl-md5"', b'realm="other"'), "realm"),
        ((b"nc=00000001", b"nc=00000002"), "nc"),
        ((b"qop=auth", b"qop=auth-conf"), "qop"),
        ((b"zookeeper/zk-sasl-md5", b"http/zk-sasl-md5"), "digest-uri"),
        ((b"response=", b"response=0"), "the password of 'bob' is another one"),
        ((b"cnonce=", b"nonce="), "is there twice"),
        ((b",qop=auth", b',qop="auth'), "does not end"),
    ],
)
def test_each_directive_counts(change: tuple[bytes, bytes], expected: str) -> None:
    exchange = DigestMd5({"bob": "secret"}, NONCE)
    nonce = base64.b64encode(NONCE)
    assert b'nonce="%b"' % nonce in exchange.challenge()
    good = (
        b'charset=utf-8,username="bob",realm="zk-sasl-md5",nonce="%b",nc=00000001,cnonce="abc",'
        b'digest-uri="zookeeper/zk-sasl-md5",qop=auth,maxbuf=65536,response=%b'
    )
    with pytest.raises(SaslError) as caught:
        exchange.respond((good % (nonce, b"0" * 32)).replace(*change))
    assert expected in str(caught.value)
