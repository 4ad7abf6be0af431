"""What both programs serve beside their own: ``/version``, ``/health``, ``/help``, ``/files``.

Source: the processes that libprocess starts in every program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final

from mesos_compat.errors import DecodeError
from mesos_compat.http import system
from mesos_compat.http.answers import Answer, said, told, values
from mesos_compat.http.files import Attached, FilesApi
from mesos_compat.http.permissions import Permissions
from mesos_compat.http.requests import Request
from mesos_compat.http.routing import Routes
from mesos_compat.http.verbosity import Verbosity
from mesos_compat.wire.json_dialect import JsonValue
from mesos_compat.wire.text import parse_duration

_HTML: Final = "text/html"
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Realms:
    """Whose credentials are asked for, to read and to change."""

    readonly: str
    readwrite: str


class ProcessApi:
    """See the module. ``metrics`` gives all metrics by Mesos's names, ``prometheus`` as text."""

    def __init__(
        self,
        version: JsonValue,
        attached: Attached,
        permissions: Permissions,
        verbosity: Verbosity,
        metrics: Callable[[], dict[str, float]],
        prometheus: Callable[[], str],
    ) -> None:
        self._version = version
        self._files = FilesApi(attached, permissions)
        self._permissions = permissions
        self._verbosity = verbosity
        self._metrics = metrics
        self._prometheus = prometheus
        self._routes: Routes | None = None

    def add_to(self, routes: Routes, realms: Realms) -> None:
        """Serve all of it."""
        self._routes = routes
        routes.add("/health", self._health)
        routes.add("/version", self._tell_version, is_own=False)
        routes.add("/help", self._help, is_own=False)
        routes.add("/logging/toggle", self._toggle, realms.readwrite, is_own=False)
        routes.add("/system/stats.json", system.stats, is_own=False)
        routes.add("/metrics/snapshot", self._snapshot, realms.readonly, is_own=False)
        routes.add("/metrics", self._as_prometheus, realms.readonly, is_own=False)
        for name in ("browse", "read", "download", "debug"):
            handler = getattr(self._files, name)
            routes.add(f"/files/{name}", handler, realms.readonly, is_own=False)

    async def _health(self, request: Request) -> Answer:
        return said(404) if request.rest else told(200)

    async def _tell_version(self, request: Request) -> Answer:
        return said(404) if request.rest else values(self._version)

    def _may_not(self, request: Request, path: str) -> bool:
        return not self._permissions.allow("get_endpoints", request.principal, paths=path)

    async def _toggle(self, request: Request) -> Answer:
        if self._may_not(request, "/logging/toggle"):
            return said(403)
        return await self._verbosity.toggle(request)

    async def _snapshot(self, request: Request) -> Answer:
        if self._may_not(request, "/metrics/snapshot"):
            return said(403)
        timeout = request.query.get("timeout")
        if timeout is not None:
            try:
                parse_duration(timeout)
            except DecodeError as error:
                return told(400, f"Invalid timeout '{timeout}': {error}.\n")
        found: dict[str, JsonValue] = dict(sorted(self._metrics().items()))
        return values(found)

    async def _as_prometheus(self, request: Request) -> Answer:
        if request.rest:
            return said(404)
        if self._may_not(request, "/metrics/snapshot"):
            # The same, in other words.
            return said(403)
        return Answer(200, self._prometheus().encode(), _PROMETHEUS)

    async def _help(self, request: Request) -> Answer:
        """The paths there are; a tool may have them as JSON."""
        paths = self._routes.paths if self._routes is not None else []
        if "application/json" in (request.header("Accept") or ""):
            shown: list[JsonValue] = list(paths)
            return values({"paths": shown})
        items = "".join(f"<li><code>{escape(path)}</code></li>" for path in paths)
        page = f"<!doctype html><title>Endpoints</title><h1>Endpoints</h1><ul>{items}</ul>\n"
        return Answer(200, page.encode(), _HTML)
