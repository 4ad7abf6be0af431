"""TLS as libprocess's variables describe it, with certificates made for the test."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import aiohttp
import pytest

from mesos_compat.errors import FlagError
from mesos_compat.http.answers import Answer, told
from mesos_compat.http.requests import Request
from mesos_compat.http.routing import Routes
from mesos_compat.http.serving import HttpServer
from mesos_compat.http.tls import TlsSettings

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    where = tmp_path_factory.mktemp("tls")
    line = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key"
    line += " -out cert -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(line.split(), cwd=where, check=True, capture_output=True)
    return {
        "LIBPROCESS_SSL_ENABLED": "true",
        "LIBPROCESS_SSL_KEY_FILE": str(where / "key"),
        "LIBPROCESS_SSL_CERT_FILE": str(where / "cert"),
        "LIBPROCESS_SSL_CA_FILE": str(where / "cert"),
    }


async def hello(_: Request) -> Answer:
    return told(200, "hello")


async def ask(server: TlsSettings, client: ssl.SSLContext | bool) -> str:
    routes = Routes("master")
    routes.add("/hello", hello)
    http = HttpServer(routes, on_stream_end=lambda _: None, tls=server.server())
    port = await http.start("127.0.0.1", 0)
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://localhost:{port}/hello", ssl=client) as response,
        ):
            return await response.text()
    finally:
        await http.stop()


def test_without_the_variable_there_is_no_tls() -> None:
    settings = TlsSettings({})
    assert settings.server() is None
    assert settings.client() is None


def test_programs_that_are_started_get_the_variables(certificate: dict[str, str]) -> None:
    others = {"PATH": "x", "LIBPROCESS_IP": "127.0.0.1"}
    assert TlsSettings({**certificate, **others}).variables() == certificate
    assert TlsSettings({**others, "LIBPROCESS_SSL_CA_FILE": "x"}).variables() == {}


def test_who_need_not_show_a_certificate_goes_without_one(certificate: dict[str, str]) -> None:
    settings = TlsSettings({**certificate, "LIBPROCESS_SSL_KEY_FILE": "missing"})
    assert settings.client(needs_own=False) is not None
    with pytest.raises(FlagError, match="missing"):
        settings.client()


@pytest.mark.asyncio
@pytest.mark.parametrize("verifies", ["true", "false"])
async def test_clients_reach_a_server_with_tls(certificate: dict[str, str], verifies: str) -> None:
    settings = TlsSettings({**certificate, "LIBPROCESS_SSL_VERIFY_SERVER_CERT": verifies})
    client = settings.client()
    assert client is not None
    assert await ask(settings, client) == "hello"


@pytest.mark.asyncio
async def test_clients_without_a_certificate_are_refused_where_one_is_required(
    certificate: dict[str, str],
) -> None:
    settings = TlsSettings({**certificate, "LIBPROCESS_SSL_REQUIRE_CLIENT_CERT": "1"})
    client = settings.client()
    assert client is not None
    assert await ask(settings, client) == "hello"
    bare = ssl.create_default_context(cafile=certificate["LIBPROCESS_SSL_CA_FILE"])
    with pytest.raises(aiohttp.ClientError):
        await ask(settings, bare)


@pytest.mark.asyncio
async def test_unknown_authorities_are_not_trusted(certificate: dict[str, str]) -> None:
    with pytest.raises(aiohttp.ClientError):
        await ask(TlsSettings(certificate), True)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("SUPPORT_DOWNGRADE", "true", "SUPPORT_DOWNGRADE"),
        ("ENABLED", "maybe", "'maybe' is not true or false"),
        ("KEY_FILE", "/nowhere", "/nowhere"),
        ("KEY_FILE", "", "needs LIBPROCESS_SSL_KEY_FILE"),
        ("CIPHERS", "NONSENSE", "none of 'NONSENSE' is known"),
    ],
)
def test_what_cannot_be_is_named(
    certificate: dict[str, str], variable: str, value: str, complaint: str
) -> None:
    with pytest.raises(FlagError, match=complaint):
        TlsSettings({**certificate, f"LIBPROCESS_SSL_{variable}": value}).server()


def test_versions_may_be_chosen(certificate: dict[str, str]) -> None:
    only = {**certificate, "LIBPROCESS_SSL_ENABLE_TLS_V1_2": "false"}
    context = TlsSettings(only).server()
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
