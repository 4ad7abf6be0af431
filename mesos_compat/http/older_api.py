"""The master's endpoints from before the v1 API: ``/state``, ``/reserve``, ``/quota``, ..."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from mesos_compat.http.answers import Answer, json_text, told, values
from mesos_compat.http.driver import MasterDriver
from mesos_compat.http.leading import Leadership
from mesos_compat.http.requests import Request, only
from mesos_compat.http.routing import Routes
from mesos_compat.http.sharing import Sharing
from mesos_compat.http.streams import RecordStream
from mesos_compat.master import events as ev
from mesos_compat.master.quota_and_weights import quota_facts
from mesos_compat.master.validation import older_calls
from mesos_compat.master.validation.quota import validate_remove
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.master.views import older
from mesos_compat.master.views.older_texts import TaskTexts
from mesos_compat.master.views.view import View
from mesos_compat.wire.json_dialect import JsonValue
from mesos_compat.wire.v1 import master_pb2

#: Of these the method is checked; the others answer any.
_CHANGED_BY: Final[Mapping[str, Mapping[str, Callable[[bytes], master_pb2.Call | Refusal]]]] = {
    "/reserve": {"POST": older_calls.reserve},
    "/unreserve": {"POST": older_calls.unreserve},
    "/create-volumes": {"POST": older_calls.create_volumes},
    "/destroy-volumes": {"POST": older_calls.destroy_volumes},
    "/teardown": {"POST": older_calls.teardown},
    "/weights": {"PUT": older_calls.update_weights},
    "/quota": {"POST": older_calls.set_quota},
    "/maintenance/schedule": {"POST": older_calls.update_maintenance_schedule},
    "/machine/down": {"POST": older_calls.start_maintenance},
    "/machine/up": {"POST": older_calls.stop_maintenance},
}
_REMOVES_QUOTA: Final = "/quota"
_CHECKS_METHOD: Final = frozenset({*_CHANGED_BY, "/maintenance/status"})
#: In these are nearly all bytes of a big cluster's answers.
_WITH_TASKS: Final = ("/state", "/frameworks")
#: Served by any master; the others are answered by the one that leads.
_ANYWHERE: Final = frozenset({"/flags"})

_Read = Callable[[View, Mapping[str, str]], "JsonValue | Refusal"]


class OlderApi:
    """Reads and changes in the words of old; what they do is what the v1 API does."""

    def __init__(
        self,
        driver: MasterDriver,
        leadership: Leadership,
        view: Callable[[str | None], View],
    ) -> None:
        self._driver = driver
        self._leadership = leadership
        self._view = view
        self._sharing = Sharing()
        secret = os.urandom(16).hex()
        self._texts = {path: TaskTexts(secret) for path in _WITH_TASKS}

    def add_to(self, routes: Routes, readonly: str, readwrite: str) -> None:
        """Serve all endpoints; the realms say who may read, and who may change."""
        for path in sorted({*older.ENDPOINTS, *_CHANGED_BY}):
            realm = readwrite if path in _CHANGED_BY else readonly
            routes.add(path, self._handler(path), realm)

    def _handler(self, path: str) -> Callable[[Request], Awaitable[Answer | RecordStream]]:
        async def handle(request: Request) -> Answer | RecordStream:
            return await self._handle(path, request)

        return handle

    async def _handle(self, path: str, request: Request) -> Answer | RecordStream:
        if path not in _ANYWHERE:
            elsewhere = self._leadership.elsewhere(request)
            if elsewhere is not None:
                return elsewhere
        changes = _CHANGED_BY.get(path, {})
        read = older.ENDPOINTS.get(path)
        if path in _CHECKS_METHOD:
            allowed = [*(["GET"] if read else []), *changes]
            if path == _REMOVES_QUOTA:
                allowed.append("DELETE")
            refused = only(request, *allowed)
            if refused is not None:
                return refused
        if request.method in changes:
            return await self._change(changes[request.method](await request.body()), request)
        if path == _REMOVES_QUOTA and request.method == "DELETE":
            return await self._change(self._removal(request), request)
        return await self._read(path, read, request)

    def _removal(self, request: Request) -> master_pb2.Call | Refusal:
        """DELETE of ``/quota/ROLE``, whose refusals name the path."""
        path = f"/master/quota/{request.rest}"
        call = older_calls.remove_quota(path)
        if isinstance(call, Refusal):
            return call
        view = self._view(request.who)
        facts = quota_facts(view.state, view.settings)
        return validate_remove(call.remove_quota.role, facts, path) or call

    async def _change(
        self, call: master_pb2.Call | Refusal, request: Request
    ) -> Answer | RecordStream:
        unready = self._leadership.unready()
        if unready is not None:
            return unready
        if isinstance(call, Refusal):
            return told(call.status, call.message)
        route = self._driver.new_route()
        return await self._driver.ask(route, ev.OperatorCalled(route, call, request.who))

    async def _read(self, path: str, read: _Read | None, request: Request) -> Answer:
        if read is None:
            return told(404)

        texts = self._texts.get(path)

        def build() -> Answer:
            printing = texts.begin() if texts is not None else None
            view = replace(self._view(request.who), printing=printing)
            found = read(view, request.query)
            if isinstance(found, Refusal):
                return told(found.status, found.message)
            return values(found) if printing is None else json_text(printing.dumps(found))

        query = tuple(sorted(request.query.items()))
        return await self._sharing.share((path, query, request.who), build)
