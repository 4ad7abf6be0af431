"""``POST /api/v1`` of the agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mesos_compat.agent import events as ev
from mesos_compat.agent.views import operator
from mesos_compat.agent.views.view import View
from mesos_compat.agent_shell.attaching import attach_input, attach_output
from mesos_compat.agent_shell.driver import AgentDriver
from mesos_compat.agent_shell.permissions import AgentPermissions
from mesos_compat.containers.spec import container_id_of
from mesos_compat.errors import DecodeError
from mesos_compat.http import file_calls
from mesos_compat.http.answers import Answer, message, said, told
from mesos_compat.http.conversations import StreamForm
from mesos_compat.http.record_types import answer_form, request_form
from mesos_compat.http.requests import Principal, Request, only
from mesos_compat.http.streams import RecordStream
from mesos_compat.http.verbosity import LEVEL_MAX, Verbosity
from mesos_compat.master.validation import agent_call
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.wire.media import decode
from mesos_compat.wire.v1 import agent_pb2

_Call = agent_pb2.Call
_Response = agent_pb2.Response

#: Calls about containers; the core answers them.
_CONTAINERS: Final = frozenset(
    {
        _Call.LAUNCH_NESTED_CONTAINER,
        _Call.WAIT_NESTED_CONTAINER,
        _Call.KILL_NESTED_CONTAINER,
        _Call.REMOVE_NESTED_CONTAINER,
        _Call.LAUNCH_NESTED_CONTAINER_SESSION,
        _Call.LAUNCH_CONTAINER,
        _Call.WAIT_CONTAINER,
        _Call.KILL_CONTAINER,
        _Call.REMOVE_CONTAINER,
    }
)
_STREAMED: Final = (_Call.LAUNCH_NESTED_CONTAINER_SESSION, _Call.ATTACH_CONTAINER_OUTPUT)


class OperatorApi:
    """Takes calls of operators and of executors, and answers or lets the core answer."""

    def __init__(
        self,
        driver: AgentDriver,
        unready: Callable[[], Answer | None],
        view: Callable[[Principal | None], View],
        permissions: AgentPermissions,
        verbosity: Verbosity,
    ) -> None:
        self._driver = driver
        self._unready = unready
        self._view = view
        self._permissions = permissions
        self._verbosity = verbosity

    async def handle(self, request: Request) -> Answer | RecordStream:
        """One call; the order of the checks is Mesos's (``Http::api`` of the agent)."""
        refused = self._unready() or only(request, "POST")
        if refused is not None:
            return refused
        content = request_form(request)
        if isinstance(content, Answer):
            return content
        accepted = answer_form(request)
        if content.media_type is not None:
            # Only input comes as a stream of records.
            if isinstance(accepted, Answer):
                return accepted
            return await attach_input(self._driver, request, content, self._permissions)
        try:
            call = decode(await request.body(), content.content_type, _Call)
        except DecodeError as error:
            return told(400, str(error))
        fault = agent_call.validate(call)
        if fault is not None:
            return told(400, f"Failed to validate agent::Call: {fault}")
        if isinstance(accepted, Answer):
            return accepted
        name = _Call.Type.Name(call.type)
        if call.type == _Call.ATTACH_CONTAINER_INPUT:
            return told(415, f"Streaming 'Content-Type' is required for {name} call")
        if accepted.media_type is not None and call.type not in _STREAMED:
            return told(406, f"Streaming response is not supported for {name} call")
        return await self._answer(request, call, accepted)

    async def _answer(
        self, request: Request, call: agent_pb2.Call, form: StreamForm
    ) -> Answer | RecordStream:
        if call.type in _CONTAINERS:
            claims = request.principal.claims if request.principal is not None else None
            route = self._driver.new_route()
            event = ev.ContainerCalled(route, call, claims, request.who)
            return await self._driver.ask_about_container(event, form)
        if call.type == _Call.ATTACH_CONTAINER_OUTPUT:
            wanted = container_id_of(call.attach_container_output.container_id)
            asker = request.principal
            if not self._permissions.may_attach("attach_containers_output", asker, wanted):
                return said(403)
            return await attach_output(self._driver, wanted, form)
        if call.type in (_Call.LIST_FILES, _Call.READ_FILE):
            return await self._answer_files(request, call, form)
        if call.type == _Call.SET_LOGGING_LEVEL:
            if not self._permissions.allow("set_log_level", request.principal):
                return said(403)
            level = call.set_logging_level.level
            if level > LEVEL_MAX:
                return told(400, f"Invalid level '{level}'.\n")
            duration_s = call.set_logging_level.duration.nanoseconds / 1e9
            self._verbosity.set(level, max(0.0, duration_s))
            return told(200)
        if call.type == _Call.GET_LOGGING_LEVEL:
            response = _Response(type=_Response.GET_LOGGING_LEVEL)
            response.get_logging_level.level = self._verbosity.level
            return message(response, form.content_type)
        read = operator.ANSWERS.get(call.type)
        if read is None:
            return said(501)
        found = read(self._view(request.principal), call)
        if isinstance(found, Refusal):
            return told(found.status, found.message)
        return message(found, form.content_type)

    async def _answer_files(
        self, request: Request, call: agent_pb2.Call, form: StreamForm
    ) -> Answer:
        attached = self._driver.attached
        if call.type == _Call.LIST_FILES:
            infos = await file_calls.list_files(attached, call.list_files.path, request.principal)
            if isinstance(infos, Answer):
                return infos
            response = _Response(type=_Response.LIST_FILES)
            response.list_files.SetInParent()
            response.list_files.file_infos.extend(infos)
            return message(response, form.content_type)
        part = await file_calls.read_file(attached, call.read_file, request.principal)
        if isinstance(part, Answer):
            return part
        response = _Response(type=_Response.READ_FILE)
        response.read_file.size, response.read_file.data = part
        return message(response, form.content_type)
