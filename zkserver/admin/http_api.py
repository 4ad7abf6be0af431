"""The AdminServer's HTTP side: paths, methods, status codes. aiohttp does the rest.

What it says comes from a :class:`Desk`, which asks the server in its own thread. Beside
Apache's commands there are ``/health`` (the server answers) and ``/ready`` (it serves clients),
with status 200 or 503, as load balancers and orchestrators ask.

Source: ``JettyAdminServer`` and ``Commands`` of Apache ZooKeeper 3.9, and a running 3.9.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from zkserver.admin import commands
from zkserver.admin.json_text import json_text
from zkserver.admin.prometheus import CONTENT_TYPE

#: What a request may bring; none of the commands that are answered needs more.
_BODY_BYTES_MAX: Final = 64 * 1024
_JSON: Final = "application/json"
_JSON_LINES: Final = "application/x-ndjson"
_OK, _BAD_REQUEST, _FORBIDDEN, _WRONG_METHOD = 200, 400, 403, 405
_FAILED, _NOT_IMPLEMENTED, _UNAVAILABLE = 500, 501, 503
_ANSWER_S: Final = 10.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Taken(Protocol):
    """A snapshot that was taken."""

    zxid: int
    size: int

    def pieces(self) -> AsyncIterator[bytes]:
        """What it holds."""


class Desk(Protocol):
    """Whom the HTTP side asks; every call is answered in the server's thread."""

    async def command(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        """The fields of a command's answer."""

    async def refusal(
        self, command: str, authorization: str | None, address: str, certificate: bytes | None
    ) -> tuple[int, str] | None:
        """Why somebody may not have ``snapshot`` or ``restore``; ``None``: they may."""

    async def snapshot(self, *, streaming: bool) -> Taken:
        """Take one, and keep it in the data directory unless ``streaming``; raises ``OSError``."""

    async def history(self, words: list[str]) -> tuple[str, bytes]:
        """What ``zkserver history`` says to these words: what was wrong with them, or JSON."""

    async def figures(self) -> bytes:
        """What Prometheus reads."""

    async def serves(self) -> bool:
        """Whether clients are served."""


def json_response(fields: dict[str, Any], status: int = _OK) -> web.Response:
    """The fields as Apache writes them."""
    return web.Response(body=json_text(fields).encode(), status=status, content_type=_JSON)


class AdminApi:
    """The commands below ``url``."""

    def __init__(self, desk: Desk, url: str) -> None:
        self.desk = desk
        self.url = url.rstrip("/")

    def application(self) -> web.Application:
        """The routes, to be served by aiohttp."""
        app = web.Application(middlewares=[_guarded], client_max_size=_BODY_BYTES_MAX)
        app.router.add_get(self.url, self.listing)
        app.router.add_get(f"{self.url}/", self.listing)
        app.router.add_get(f"{self.url}/{{name}}", self.command)
        app.router.add_post(f"{self.url}/{{name}}", self.posted)
        app.router.add_get("/history/{what}", self.history)
        app.router.add_get("/health", self.health)
        app.router.add_get("/ready", self.ready)
        return app

    async def listing(self, request: web.Request) -> web.Response:
        """Links to all commands."""
        del request
        lines = (f'<a href="{self.url}/{name}">{name}</a>\n<br/>\n' for name in commands.NAMES)
        return web.Response(text="".join(lines), content_type="text/html")

    async def command(self, request: web.Request) -> web.StreamResponse:
        """One command, by any of its names."""
        name = request.match_info["name"]
        if name in commands.SNAPSHOT_NAMES:
            return await self._snapshot(request)
        if name in commands.RESTORE_NAMES:
            fields = commands.whole(commands.RESTORE, {}, "restore is asked for by POST")
            return json_response(fields, _WRONG_METHOD)
        return json_response(await self.desk.command(name, dict(request.query)))

    async def posted(self, request: web.Request) -> web.StreamResponse:
        """Commands that come with a body: only ``restore``."""
        name = request.match_info["name"]
        if name not in commands.RESTORE_NAMES:
            fields = commands.whole(name, {}, f"command {name} is asked for by GET")
            return json_response(fields, _WRONG_METHOD)
        refused = await self._refused(commands.RESTORE, request)
        if refused is not None:
            return refused
        why = (
            "a running server is not restored here; stop it, put the snapshot into version-2 of"
            " an empty directory, and use: zkserver import"
        )
        return json_response(commands.whole(commands.RESTORE, {}, why), _NOT_IMPLEMENTED)

    async def _refused(self, name: str, request: web.Request) -> web.Response | None:
        tls = request.transport.get_extra_info("ssl_object") if request.transport else None
        refusal = await self.desk.refusal(
            name,
            request.headers.get("Authorization"),
            request.remote or "",
            tls.getpeercert(True) if tls is not None else None,
        )
        if refusal is None:
            return None
        return json_response(commands.whole(name, {}, refusal[1]), refusal[0])

    async def _snapshot(self, request: web.Request) -> web.StreamResponse:
        name = commands.SNAPSHOT
        refused = await self._refused(name, request)
        if refused is not None:
            return refused
        streaming = request.query.get("streaming", "true").lower() == "true"
        try:
            taken = await self.desk.snapshot(streaming=streaming)
        except OSError as error:
            return json_response(commands.whole(name, {}, str(error)), _FAILED)
        headers = {"last_zxid": f"0x{taken.zxid:x}", "snapshot_size": str(taken.size)}
        if not streaming:
            response = json_response(commands.whole(name, {}))
            response.headers.update(headers)
            return response
        stream = web.StreamResponse(headers=headers)
        stream.content_type = "application/octet-stream"
        stream.content_length = taken.size
        await stream.prepare(request)
        async for piece in taken.pieces():
            await stream.write(piece)
        await stream.write_eof()
        return stream

    async def history(self, request: web.Request) -> web.Response:
        """What ``zkserver history`` tells; the query has its options' names."""
        what = request.match_info["what"]
        refused = await self._refused(commands.HISTORY, request)
        if refused is not None:
            return refused
        try:
            words = history_words(what, request.query)
        except ValueError as error:
            return json_response({"error": str(error)}, _BAD_REQUEST)
        failure, told = await self.desk.history(words)
        if failure:
            return json_response({"error": failure}, _BAD_REQUEST)
        is_list = what == "changes"
        return web.Response(body=told, content_type=_JSON_LINES if is_list else _JSON)

    async def health(self, request: web.Request) -> web.Response:
        """Whether the server answers at all."""
        del request
        await self.desk.serves()
        return json_response({"healthy": True})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether it serves clients."""
        del request
        ready = await self.desk.serves()
        return json_response({"ready": ready}, _OK if ready else _UNAVAILABLE)


def history_words(what: str, query: Mapping[str, str]) -> list[str]:
    """A query as words for ``zkserver history``; raises ``ValueError``."""
    path, at = query.get("path", "/"), query.get("at", "now")
    if what in ("show", "tree"):
        return [what, f"--at={at}", "--", path]
    if what == "diff":
        if "from" not in query:
            raise ValueError("diff needs from=POINT, and takes to=POINT and path=PATH")
        return [what, "--", query["from"], query.get("to", "now"), path]
    if what == "changes":
        words = [f"--since={query['since']}"] if "since" in query else []
        words += ["--below"] if query.get("below", "false").lower() == "true" else []
        return [what, *words, f"--until={query.get('until', 'now')}", "--", path]
    raise ValueError(f"history has show, tree, diff and changes, but no {what}")


def metrics_application(desk: Desk) -> web.Application:
    """The port of Prometheus."""

    async def metrics(request: web.Request) -> web.Response:
        del request
        return web.Response(body=await desk.figures(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application(middlewares=[_guarded], client_max_size=_BODY_BYTES_MAX)
    app.router.add_get("/metrics", metrics)
    return app


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """TRACE is refused, and a server that does not answer is told of."""
    if request.method == "TRACE":
        return web.Response(status=_FORBIDDEN)
    try:
        is_long = "snap" in request.path or request.path.startswith("/history/")
        async with asyncio.timeout(None if is_long else _ANSWER_S):
            return await handler(request)
    except TimeoutError:
        return json_response({"error": "the server does not answer"}, _UNAVAILABLE)
