"""The agent's endpoints from before the v1 API: ``/state``, ``/containers``, ..."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mesos_compat.agent.views import older
from mesos_compat.agent.views.view import View
from mesos_compat.http.answers import Answer, said, told, values
from mesos_compat.http.permissions import Permissions
from mesos_compat.http.requests import Principal, Request
from mesos_compat.http.routing import Routes
from mesos_compat.http.streams import RecordStream
from mesos_compat.master.authorization import AUTHORIZABLE_PATHS
from mesos_compat.master.validation.refusal import Refusal


class OlderApi:
    """Reads in the words of old."""

    def __init__(
        self,
        unready: Callable[[], Answer | None],
        view: Callable[[Principal | None], View],
        permissions: Permissions,
    ) -> None:
        self._unready = unready
        self._permissions = permissions
        self._view = view

    def add_to(self, routes: Routes, realm: str) -> None:
        """Serve all endpoints to those who may read."""
        for path in older.ENDPOINTS:
            routes.add(path, self._handler(path), realm)

    def _handler(self, path: str) -> Callable[[Request], Awaitable[Answer | RecordStream]]:
        async def handle(request: Request) -> Answer:
            if request.rest:
                return said(404)
            unready = self._unready()
            if unready is not None:
                return unready
            if path in AUTHORIZABLE_PATHS and not self._permissions.allow(
                "get_endpoints", request.principal, paths=path
            ):
                return said(403)
            found = older.ENDPOINTS[path](self._view(request.principal), request.query)
            if isinstance(found, Refusal):
                return told(found.status, found.message)
            return values(found)

        return handle
