"""``POST /api/v1`` of the master."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mesos_compat.errors import DecodeError
from mesos_compat.http import file_calls
from mesos_compat.http.answers import Answer, message, said, told
from mesos_compat.http.driver import MasterDriver
from mesos_compat.http.files import Attached
from mesos_compat.http.leading import Leadership
from mesos_compat.http.permissions import Permissions
from mesos_compat.http.requests import Request, answer_type, body_type, only
from mesos_compat.http.sharing import Sharing
from mesos_compat.http.streams import RecordStream
from mesos_compat.http.verbosity import LEVEL_MAX, Verbosity
from mesos_compat.master import events as ev
from mesos_compat.master.validation import master_call
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.master.views import operator
from mesos_compat.master.views.printing import ResponsePrinter
from mesos_compat.master.views.view import View
from mesos_compat.wire.media import ContentType, decode
from mesos_compat.wire.v1 import master_pb2

_Call = master_pb2.Call
_Response = master_pb2.Response

#: Calls that change something; the core answers them.
_CHANGES: Final = frozenset(
    {
        _Call.UPDATE_WEIGHTS,
        _Call.RESERVE_RESOURCES,
        _Call.UNRESERVE_RESOURCES,
        _Call.CREATE_VOLUMES,
        _Call.DESTROY_VOLUMES,
        _Call.GROW_VOLUME,
        _Call.SHRINK_VOLUME,
        _Call.UPDATE_MAINTENANCE_SCHEDULE,
        _Call.START_MAINTENANCE,
        _Call.STOP_MAINTENANCE,
        _Call.DRAIN_AGENT,
        _Call.DEACTIVATE_AGENT,
        _Call.REACTIVATE_AGENT,
        _Call.UPDATE_QUOTA,
        _Call.SET_QUOTA,
        _Call.REMOVE_QUOTA,
        _Call.TEARDOWN,
        _Call.MARK_AGENT_GONE,
    }
)


class OperatorApi:
    """Takes calls of operators, checks their form, and answers or lets the core answer."""

    def __init__(
        self,
        driver: MasterDriver,
        leadership: Leadership,
        view: Callable[[str | None], View],
        attached: Attached,
        permissions: Permissions,
        verbosity: Verbosity,
    ) -> None:
        self._driver = driver
        self._leadership = leadership
        self._view = view
        self._attached = attached
        self._permissions = permissions
        self._verbosity = verbosity
        self._sharing = Sharing()
        self._printer = ResponsePrinter()

    async def handle(self, request: Request) -> Answer | RecordStream:
        """One call; the order of the checks is Mesos's (``Master::Http::api``)."""
        refused = (
            self._leadership.elsewhere(request)
            or self._leadership.unready()
            or only(request, "POST")
        )
        if refused is not None:
            return refused
        content_type = body_type(request)
        if isinstance(content_type, Answer):
            return content_type
        try:
            call = decode(await request.body(), content_type, _Call)
        except DecodeError as error:
            return told(400, str(error))
        fault = master_call.validate(call)
        if fault is not None:
            return told(400, f"Failed to validate master::Call: {fault}")
        accepted = answer_type(request)
        if isinstance(accepted, Answer):
            return accepted
        return await self._answer(request, call, accepted)

    async def _answer(
        self, request: Request, call: master_pb2.Call, accepted: ContentType
    ) -> Answer | RecordStream:
        if call.type in _CHANGES:
            route = self._driver.new_route()
            return await self._driver.ask(route, ev.OperatorCalled(route, call, request.who))
        if call.type == _Call.SUBSCRIBE:
            return self._subscribe(request, accepted)
        if call.type == _Call.SET_LOGGING_LEVEL:
            return self._set_logging_level(request, call)
        if call.type == _Call.GET_LOGGING_LEVEL:
            response = _Response(type=_Response.GET_LOGGING_LEVEL)
            response.get_logging_level.level = self._verbosity.level
            return message(response, accepted)
        if call.type == _Call.LIST_FILES:
            return await self._list_files(request, call, accepted)
        if call.type == _Call.READ_FILE:
            return await self._read_file(request, call, accepted)
        read = operator.ANSWERS.get(call.type)
        if read is None:
            return said(501)

        def build() -> Answer:
            found = read(self._view(request.who), call)
            if isinstance(found, Refusal):
                return told(found.status, found.message)
            if accepted is ContentType.JSON:
                text = self._printer.dumps(found)
                return Answer(200, text.encode("ascii"), accepted.value)
            return message(found, accepted)

        key = (call.SerializeToString(deterministic=True), accepted, request.who)
        return await self._sharing.share(key, build)

    def _subscribe(self, request: Request, accepted: ContentType) -> RecordStream:
        route = self._driver.new_route()
        stream = self._driver.open_stream(route, accepted)
        self._driver.submit(ev.OperatorSubscribed(route, request.who))
        return stream

    def _set_logging_level(self, request: Request, call: master_pb2.Call) -> Answer:
        if not self._permissions.allow("set_log_level", request.principal):
            return said(403)
        wanted = call.set_logging_level
        if wanted.level > LEVEL_MAX:
            return told(400, f"Invalid level '{wanted.level}'.\n")
        self._verbosity.set(wanted.level, max(0.0, wanted.duration.nanoseconds / 1e9))
        return told(200)

    async def _list_files(
        self, request: Request, call: master_pb2.Call, accepted: ContentType
    ) -> Answer:
        found = await file_calls.list_files(self._attached, call.list_files.path, request.principal)
        if isinstance(found, Answer):
            return found
        response = _Response(type=_Response.LIST_FILES)
        response.list_files.SetInParent()
        response.list_files.file_infos.extend(found)
        return message(response, accepted)

    async def _read_file(
        self, request: Request, call: master_pb2.Call, accepted: ContentType
    ) -> Answer:
        found = await file_calls.read_file(self._attached, call.read_file, request.principal)
        if isinstance(found, Answer):
            return found
        response = _Response(type=_Response.READ_FILE)
        response.read_file.size, response.read_file.data = found
        return message(response, accepted)
