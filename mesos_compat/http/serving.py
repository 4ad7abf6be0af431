"""The server: aiohttp below, libprocess's manners on top."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import ssl
from collections.abc import Callable
from typing import Final

from aiohttp import web

from mesos_compat.http.answers import Answer, FileAnswer, said, told
from mesos_compat.http.requests import Principal, Request
from mesos_compat.http.routing import Route, Routes
from mesos_compat.http.streams import RecordStream

#: Frameworks send tasks with data of megabytes, and many tasks at once.
_BODY_BYTES_MAX: Final = 512 * 1024 * 1024
#: Shorter bodies are not worth compressing; libprocess's own bound.
_GZIP_BYTES_MIN: Final = 1024
#: Clients keep connections for the next call, however long that takes.
_KEEP_ALIVE_S: Final = 24 * 3600
#: Of a file, at a time.
_FILE_BYTES: Final = 256 * 1024
_CALLBACK: Final = re.compile(r"[A-Za-z_$][\w$.]*")

#: Tells who asks in a realm, or what is answered to who may not.
Authenticate = Callable[[Request, str], Principal | Answer | None]

_log = logging.getLogger(__name__)


def _everybody(request: Request, realm: str) -> None:
    del request, realm


class HttpServer:
    """Serves ``routes``; ``on_stream_end`` hears of each stream whose client has gone."""

    def __init__(
        self,
        routes: Routes,
        *,
        authenticate: Authenticate = _everybody,
        on_stream_end: Callable[[RecordStream], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._routes = routes
        self._authenticate = authenticate
        self._on_stream_end = on_stream_end
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._streams: set[RecordStream] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises ``OSError`` when the address is taken."""
        app = web.Application(client_max_size=_BODY_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._serve)
        app.on_response_prepare.append(_strip)
        # A stream's handler ends with its connection, and nothing else waits for long.
        self._runner = web.AppRunner(
            app,
            handler_cancellation=True,
            keepalive_timeout=_KEEP_ALIVE_S,
            access_log=None,
            shutdown_timeout=0.5,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=self._tls, backlog=1024)
        await site.start()
        address = self._runner.addresses[0]
        return int(address[1])

    async def stop(self) -> None:
        """End all streams and connections."""
        for stream in tuple(self._streams):
            stream.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, raw: web.Request) -> web.StreamResponse:
        answer: Answer | FileAnswer | RecordStream
        found = self._routes.find(raw.raw_path.partition("?")[0])
        if found is None:
            answer = said(404)
        else:
            route, rest = found
            request = Request(raw, rest)
            answer = self._enter(request, route) or await self._handle(request, route)
        if isinstance(answer, RecordStream):
            return await self._pump(raw, answer)
        if isinstance(answer, FileAnswer):
            return await _send_file(raw, answer)
        return _response(raw, answer)

    def _enter(self, request: Request, route: Route) -> Answer | None:
        if route.realm is None:
            return None
        principal = self._authenticate(request, route.realm)
        if isinstance(principal, Answer):
            return principal
        request.principal = principal
        return None

    async def _handle(self, request: Request, route: Route) -> Answer | FileAnswer | RecordStream:
        try:
            return await route.handler(request)
        except web.HTTPRequestEntityTooLarge:
            return told(413, f"The body is larger than {_BODY_BYTES_MAX} bytes")
        except (web.HTTPException, web.RequestPayloadError) as error:
            # The body is not encoded as its header says, or was cut off.
            _log.info("a body cannot be read: %s", error)
            return told(400, "Failed to decode the request body")

    async def _pump(self, raw: web.Request, stream: RecordStream) -> web.StreamResponse:
        headers = {"Content-Type": stream.media_type, **stream.headers}
        response = web.StreamResponse(status=200, headers=headers)
        response.enable_chunked_encoding()
        self._streams.add(stream)
        try:
            await response.prepare(raw)
            while (framed := await stream.wait_next()) is not None:
                await response.write(framed)
            await response.write_eof()
        except ConnectionError:
            _log.debug("a stream's client has gone: %s", raw.remote)
        finally:
            self._streams.discard(stream)
            stream.cut()
            self._on_stream_end(stream)
        return response


async def _strip(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """libprocess does not say what it is, nor of what type nothing is, unless it was said."""
    del request
    response.headers.popall("Server", None)
    is_empty = isinstance(response, web.Response) and not response.body
    if is_empty and response.content_type == "application/octet-stream":
        response.headers.popall("Content-Type", None)


async def _send_file(raw: web.Request, answer: FileAnswer) -> web.StreamResponse:
    response = web.StreamResponse(headers=answer.headers)
    response.content_length = answer.size
    try:
        await response.prepare(raw)
        sent = 0 if raw.method != "HEAD" else answer.size
        while sent < answer.size:
            wanted = min(_FILE_BYTES, answer.size - sent)
            data = await asyncio.to_thread(answer.read, sent, wanted)
            if not data:
                raise ConnectionAbortedError("the file has become shorter")
            await response.write(data)
            sent += len(data)
        await response.write_eof()
    except OSError as error:
        # Half of it is sent: only the end of the connection can say that there is no more.
        _log.info("a file was not sent to its end: %s", error)
        if raw.transport is not None:
            raw.transport.close()
    finally:
        answer.close()
    return response


def _response(raw: web.Request, answer: Answer) -> web.Response:
    body, headers = answer.body, dict(answer.headers)
    if answer.content_type is not None:
        headers["Content-Type"] = answer.content_type
    callback = raw.query.get("jsonp")
    if callback and answer.content_type == "application/json" and _CALLBACK.fullmatch(callback):
        body = callback.encode() + b"(" + body + b")"
        headers["Content-Type"] = "text/javascript"
    if (
        answer.may_compress
        and len(body) >= _GZIP_BYTES_MIN
        and _takes_gzip(raw.headers.get("Accept-Encoding", ""))
    ):
        body = gzip.compress(body, compresslevel=6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    if raw.method == "HEAD":
        # aiohttp would leave it out.
        headers["Content-Length"] = str(len(body))
    return web.Response(status=answer.status, body=body, headers=headers)


def _takes_gzip(header: str) -> bool:
    for entry in header.split(","):
        coding, _, parameters = entry.strip().partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
