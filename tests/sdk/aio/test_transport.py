"""TLS, redirections, silence and odd answers."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from mesos_compat.testing import Cluster
from mesos_compat.wire.media import ContentType, encode
from mesos_compat.wire.recordio import encode as record
from mesos_compat.wire.v1 import master_pb2, scheduler_pb2
from mesozoic.aio import OperatorClient, SchedulerDriver
from mesozoic.aio.tls import context_of
from mesozoic.aio.transport import redirected
from mesozoic.core.settings import SchedulerSettings
from mesozoic.errors import BadEnvironment, CallLost, CallRefused, Unreachable
from tests.sdk.aio.scenes import FAST_MASTER, WAIT_S, Recorder, command_task, framework

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server of one handler; gives its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


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


@needs_openssl
@pytest.mark.asyncio
async def test_everything_goes_over_tls_with_a_context_or_by_the_environment(
    certificate: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Cluster(master_flags=FAST_MASTER, environment=certificate) as cluster:
        address = cluster.url.removeprefix("https://")
        trusting = ssl.create_default_context(cafile=certificate["LIBPROCESS_SSL_CA_FILE"])
        scheduler = Recorder(command_task("t", "true"))
        async with (
            SchedulerDriver(address, framework(), scheduler, ssl=trusting),
            OperatorClient(address, ssl=trusting) as operator,
        ):
            await scheduler.wait_state("t", "TASK_FINISHED")
            assert await operator.get_health()
        for name, value in certificate.items():
            monkeypatch.setenv(name, value)
        async with OperatorClient(address) as operator:
            assert await operator.get_health()


@needs_openssl
@pytest.mark.asyncio
async def test_certificate_that_is_not_trusted_is_refused(certificate: dict[str, str]) -> None:
    async with Cluster(agents=0, environment=certificate) as cluster:
        distrusting = ssl.create_default_context()
        async with OperatorClient(cluster.url, ssl=distrusting) as operator:
            with pytest.raises(Unreachable):
                await operator.get_health()


@needs_openssl
def test_variables_say_what_is_verified(certificate: dict[str, str]) -> None:
    assert context_of({}) is None
    careless = context_of(certificate)
    assert careless is not None and careless.verify_mode is ssl.CERT_NONE
    careful = context_of(certificate | {"LIBPROCESS_SSL_VERIFY_SERVER_CERT": "1"})
    assert careful is not None and careful.verify_mode is ssl.CERT_REQUIRED
    assert not careful.check_hostname
    scheme = {"LIBPROCESS_SSL_HOSTNAME_VALIDATION_SCHEME": "openssl"}
    strict = context_of(certificate | {"LIBPROCESS_SSL_VERIFY_CERT": "true"} | scheme)
    assert strict is not None and strict.check_hostname
    with pytest.raises(BadEnvironment):
        context_of(certificate | {"LIBPROCESS_SSL_CERT_FILE": "/no/such/file"})


def test_redirections_are_relative_to_the_scheme_and_stay_within_tls() -> None:
    url = "https://a:5050/api/v1/scheduler"
    assert redirected(url, "//b:5050/api/v1/scheduler") == "https://b:5050/api/v1/scheduler"
    assert redirected("http://a:1/x", "//b:2/y?z=1") == "http://b:2/y?z=1"
    with pytest.raises(CallRefused, match="out of TLS"):
        redirected(url, "http://b:5050/api/v1/scheduler")


@pytest.mark.asyncio
async def test_redirections_in_circles_end() -> None:
    async def around(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"//{request.host}{request.path}"})

    async with serving(around) as url, OperatorClient(url) as operator:
        with pytest.raises(CallRefused, match="circles"):
            await operator.get_health()


@pytest.mark.asyncio
async def test_compressed_answers_are_read() -> None:
    async def compressed(_: web.Request) -> web.Response:
        answer = master_pb2.Response(type=master_pb2.Response.GET_FLAGS)
        answer.get_flags.flags.add(name="long", value="x" * 10_000)
        body = encode(answer, ContentType.JSON)
        response = web.Response(body=body, content_type="application/json")
        response.enable_compression(web.ContentCoding.gzip)
        return response

    # The answer's own type counts, whatever was asked for.
    async with serving(compressed) as url, OperatorClient(url, codec="protobuf") as operator:
        assert await operator.get_flags() == {"long": "x" * 10_000}


@pytest.mark.asyncio
async def test_answer_that_breaks_off_is_a_lost_call() -> None:
    async def breaking(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serving(breaking) as url, OperatorClient(url) as operator:
        with pytest.raises(CallLost):
            await operator.get_health()


class StrangeMaster:
    """Takes subscriptions, says what it is given, and then nothing."""

    def __init__(self, *said: bytes) -> None:
        self._said = said
        self.calls: list[scheduler_pb2.Call] = []
        self.is_asked_again = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(scheduler_pb2.Call.FromString(await request.read()))
        if len(self.calls) > 1:
            self.is_asked_again.set()
        response = web.StreamResponse(headers={"Content-Type": "application/x-protobuf"})
        await response.prepare(request)
        subscribed = scheduler_pb2.Event(type=scheduler_pb2.Event.SUBSCRIBED)
        subscribed.subscribed.framework_id.value = "f"
        subscribed.subscribed.heartbeat_interval_seconds = 0.02
        data = record(subscribed.SerializeToString())
        # In two pieces, as networks do.
        await response.write(data[:7])
        await response.write(data[7:] + b"".join(self._said))
        await asyncio.Event().wait()
        return response


@pytest.mark.asyncio
async def test_master_that_falls_silent_is_left_and_subscribed_to_again() -> None:
    master = StrangeMaster()
    scheduler = Recorder()
    settings = SchedulerSettings(backoff_ms=1, backoff_max_ms=1)
    async with serving(master.handle) as url:
        driver = SchedulerDriver(url, framework(), scheduler, settings=settings)
        async with driver:
            await scheduler.wait(lambda: "resubscribed" in scheduler.log)
            await driver.stop(failover=True)
    assert [call.framework_id.value for call in master.calls[:2]] == ["", "f"]


@pytest.mark.asyncio
@pytest.mark.parametrize("said", [b"nonsense\n", record(b"\xff\xff\xff")])
async def test_stream_that_makes_no_sense_is_left(said: bytes) -> None:
    master = StrangeMaster(said)
    settings = SchedulerSettings(backoff_ms=1, backoff_max_ms=1)
    async with serving(master.handle) as url, asyncio.timeout(WAIT_S):
        driver = SchedulerDriver(url, framework(), Recorder(), settings=settings)
        running = asyncio.create_task(driver.run())
        await master.is_asked_again.wait()
        await driver.stop(failover=True)
        await running


@pytest.mark.asyncio
async def test_operator_events_of_a_silent_master_begin_anew() -> None:
    subscriptions = 0

    async def silent(request: web.Request) -> web.StreamResponse:
        nonlocal subscriptions
        subscriptions += 1
        response = web.StreamResponse(headers={"Content-Type": "application/x-protobuf"})
        await response.prepare(request)
        event = master_pb2.Event(type=master_pb2.Event.SUBSCRIBED)
        event.subscribed.heartbeat_interval_seconds = 0.02
        await response.write(record(event.SerializeToString()))
        await asyncio.Event().wait()
        return response

    async with serving(silent) as url, OperatorClient(url) as operator, asyncio.timeout(WAIT_S):
        heard = 0
        async for _ in operator.events():
            heard += 1
            if heard == 2:
                break
    assert subscriptions == 2


@pytest.mark.asyncio
async def test_operator_events_that_are_refused_for_good_say_so() -> None:
    async def refusing(_: web.Request) -> web.Response:
        return web.Response(status=403, text="403 Forbidden.")

    async with serving(refusing) as url, OperatorClient(url) as operator:
        with pytest.raises(CallRefused, match="403 Forbidden"):
            await anext(aiter(operator.events()))
