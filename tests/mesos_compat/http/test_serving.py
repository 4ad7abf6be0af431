"""The server as clients see it, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mesos_compat.http.answers import Answer, redirected, told, unauthorized, values
from mesos_compat.http.requests import Principal, Request, answer_type, body_type, only
from mesos_compat.http.routing import Routes
from mesos_compat.http.serving import HttpServer
from mesos_compat.http.streams import WAITING_BYTES_MAX, RecordStream
from mesos_compat.wire.media import ContentType
from mesos_compat.wire.v1 import scheduler_pb2

BEAT = scheduler_pb2.Event(type=scheduler_pb2.Event.HEARTBEAT)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class World:
    routes: Routes
    port: int = 0
    streams: list[RecordStream] = field(default_factory=list)
    ended: list[RecordStream] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def raw(self, request: bytes) -> bytes:
        """All that is answered before the server closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        data = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        return data

    async def ask(self, method: str, path: str, *lines: str, body: bytes = b"") -> Reply:
        head = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *lines]
        if body:
            head.append(f"Content-Length: {len(body)}")
        data = await self.raw("\r\n".join([*head, "", ""]).encode() + body)
        first, _, content = data.partition(b"\r\n\r\n")
        status, *rest = first.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in rest)
        return Reply(int(status.split()[1]), headers, content)

    def ended_one(self, stream: RecordStream) -> None:
        self.ended.append(stream)
        self.news.set()


async def long_answer(request: Request) -> Answer:
    return values({"text": "x" * 2000, "rest": request.rest})


async def echo(request: Request) -> Answer:
    refused = only(request, "POST")
    if refused is not None:
        return refused
    found = body_type(request)
    if isinstance(found, Answer):
        return found
    wanted = answer_type(request)
    if isinstance(wanted, Answer):
        return wanted
    return told(200, f"{found.name} {wanted.name} {len(await request.body())}")


async def greeting(request: Request) -> Answer:
    return told(200, f"hello {request.who}")


def doorman(request: Request, realm: str) -> Principal | Answer:
    if request.header("Authorization") == "Basic me":
        return Principal("me", {})
    return unauthorized([f'Basic realm="{realm}"'])


@asynccontextmanager
async def world(
    prepare: Callable[[World], None] | None = None,
) -> AsyncIterator[World]:
    one = World(Routes("master"))

    async def stream(request: Request) -> RecordStream:
        del request
        made = RecordStream(len(one.streams), ContentType.JSON, {"Mesos-Stream-Id": "s"})
        one.streams.append(made)
        one.news.set()
        return made

    one.routes.add("/state", long_answer)
    one.routes.add("/echo", echo)
    one.routes.add("/stream", stream)
    one.routes.add("/secret", greeting, "realm")
    one.routes.add("/health", lambda _: _answered(Answer(200)))
    one.routes.add("/redirect", lambda _: _answered(redirected("//host:5050")))
    if prepare is not None:
        prepare(one)
    server = HttpServer(one.routes, authenticate=doorman, on_stream_end=one.ended_one)
    one.port = await server.start("127.0.0.1", 0)
    try:
        yield one
    finally:
        await server.stop()


async def _answered(answer: Answer) -> Answer:
    return answer


@pytest.mark.asyncio
async def test_heads_are_as_plain_as_mesos_s() -> None:
    async with world() as one:
        reply = await one.ask("GET", "/health")
        assert (reply.status, reply.body) == (200, b"")
        assert "Server" not in reply.headers
        assert "Content-Type" not in reply.headers
        assert reply.headers["Content-Length"] == "0"
        assert "Date" in reply.headers


@pytest.mark.asyncio
async def test_unknown_paths_and_methods_are_refused_in_mesos_s_words() -> None:
    async with world() as one:
        reply = await one.ask("GET", "/nothing")
        assert (reply.status, reply.body) == (404, b"404 Not Found.")
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        reply = await one.ask("GET", "/echo")
        expected = "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'."
        assert (reply.status, reply.body.decode()) == (405, expected)
        assert reply.headers["Allow"] == "POST"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("header", "status", "body"),
    [
        ("Content-Type: application/json", 200, "JSON JSON 2"),
        ("Content-Type: application/x-protobuf", 200, "PROTOBUF JSON 2"),
        ("X: y", 400, "Expecting 'Content-Type' to be present"),
        (
            "Content-Type: application/json; charset=utf-8",
            415,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
    ],
)
async def test_bodies_have_to_say_what_they_are(header: str, status: int, body: str) -> None:
    async with world() as one:
        reply = await one.ask("POST", "/echo", header, body=b"{}")
        assert (reply.status, reply.body.decode()) == (status, body)


@pytest.mark.asyncio
async def test_who_takes_neither_type_is_told_so() -> None:
    async with world() as one:
        lines = ("Content-Type: application/json", "Accept: text/html")
        assert (await one.ask("POST", "/echo", *lines, body=b"{}")).status == 406


@pytest.mark.asyncio
async def test_bodies_may_be_compressed_both_ways() -> None:
    async with world() as one:
        lines = ("Content-Type: application/json", "Content-Encoding: gzip")
        reply = await one.ask("POST", "/echo", *lines, body=gzip.compress(b"{ }"))
        assert reply.body == b"JSON JSON 3"
        reply = await one.ask("GET", "/state", "Accept-Encoding: deflate, gzip")
        assert reply.headers["Content-Encoding"] == "gzip"
        assert b"xxx" in gzip.decompress(reply.body)
        reply = await one.ask("GET", "/state", "Accept-Encoding: gzip;q=0")
        assert "Content-Encoding" not in reply.headers
        reply = await one.ask("POST", "/echo", *lines, body=b"not gzip")
        assert reply.status == 400
        assert (await one.ask("GET", "/health")).status == 200


@pytest.mark.asyncio
async def test_callbacks_get_javascript() -> None:
    async with world() as one:
        reply = await one.ask("GET", "/state?jsonp=cb.x")
        assert reply.headers["Content-Type"] == "text/javascript"
        assert reply.body.startswith(b"cb.x({")
        assert reply.body.endswith(b"})")
        assert (await one.ask("GET", "/state?jsonp=alert(1)//")).body.startswith(b"{")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/state", ""),
        ("/state/", ""),
        ("/state.json", ""),
        ("/master/state", ""),
        ("/master/state.json", ""),
        ("/%6daster/state/a/b", "a/b"),
        ("/state/role", "role"),
    ],
)
async def test_routes_are_found_by_their_longest_prefix(path: str, rest: str) -> None:
    async with world() as one:
        reply = await one.ask("GET", path)
        assert reply.status == 200
        assert f'"rest":"{rest}"'.encode() in reply.body


@pytest.mark.asyncio
async def test_secrets_are_for_those_who_say_who_they_are() -> None:
    async with world() as one:
        reply = await one.ask("GET", "/secret")
        assert (reply.status, reply.body) == (401, b"401 Unauthorized.")
        assert reply.headers["WWW-Authenticate"] == 'Basic realm="realm"'
        reply = await one.ask("GET", "/secret", "Authorization: Basic me")
        assert reply.body == b"hello me"


@pytest.mark.asyncio
async def test_each_record_of_a_stream_is_a_chunk_that_goes_at_once() -> None:
    async with world() as one:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(b"POST /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"200 OK" in head
        assert b"Transfer-Encoding: chunked" in head
        assert b"Mesos-Stream-Id: s" in head
        assert b"Content-Type: application/json\r\n" in head
        for _ in range(2):
            one.streams[0].send(BEAT)
            expected = b'18\r\n20\n{"type":"HEARTBEAT"}\r\n'.replace(b"18", b"%x" % 23)
            assert await asyncio.wait_for(reader.readexactly(len(expected)), 5) == expected
        one.streams[0].close()
        assert await asyncio.wait_for(reader.read(), 5) == b"0\r\n\r\n"
        writer.close()
        while not one.ended:
            one.news.clear()
            await asyncio.wait_for(one.news.wait(), 5)
        assert one.ended == one.streams


@pytest.mark.asyncio
async def test_end_of_a_client_is_noticed_without_a_record() -> None:
    async with world() as one:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(b"POST /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.transport.abort()
        while not one.ended:
            one.news.clear()
            await asyncio.wait_for(one.news.wait(), 5)
        assert one.streams[0].is_closed


def test_who_takes_nothing_is_cut_off() -> None:
    stream = RecordStream(1, ContentType.PROTOBUF)
    stream.send_record(bytes(WAITING_BYTES_MAX + 1))
    assert not stream.is_closed, "one record may be any size"
    stream.send_record(b"x")
    assert stream.is_closed


@pytest.mark.asyncio
async def test_garbage_harms_nobody() -> None:
    async with world() as one:
        await one.raw(b"\0\1\2 garbage\r\n\r\n")
        assert (await one.ask("GET", "/health")).status == 200


@pytest.mark.asyncio
async def test_http_1_0_is_answered_and_closed() -> None:
    async with world() as one:
        assert b"200 OK" in await one.raw(b"GET /health HTTP/1.0\r\n\r\n")
