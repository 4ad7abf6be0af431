"""``POST /api/v1/executor`` of the agent."""

from __future__ import annotations

from collections.abc import Callable

from mesos_compat.agent import events as ev
from mesos_compat.agent_shell.driver import AgentDriver
from mesos_compat.errors import DecodeError
from mesos_compat.http.answers import Answer, told
from mesos_compat.http.requests import Request, answer_type, body_type, only
from mesos_compat.http.streams import RecordStream
from mesos_compat.master.validation import executor_call
from mesos_compat.wire.media import decode
from mesos_compat.wire.v1 import executor_pb2

_Call = executor_pb2.Call


class ExecutorApi:
    """Takes calls of executors, checks their form, and lets the core answer."""

    def __init__(self, driver: AgentDriver, unready: Callable[[], Answer | None]) -> None:
        self._driver = driver
        self._unready = unready

    async def handle(self, request: Request) -> Answer | RecordStream:
        """One call; the order of the checks is Mesos's (``Http::executor`` of the agent)."""
        refused = self._unready() or only(request, "POST")
        if refused is not None:
            return refused
        content_type = body_type(request)
        if isinstance(content_type, Answer):
            return content_type
        try:
            call = decode(await request.body(), content_type, _Call)
        except DecodeError as error:
            return told(400, str(error))
        fault = executor_call.validate(call)
        if fault is not None:
            return told(400, f"Failed to validate Executor::Call: {fault}")
        claims = request.principal.claims if request.principal is not None else None
        route = self._driver.new_route()
        if call.type != _Call.SUBSCRIBE:
            return await self._driver.ask(route, ev.ExecutorCalled(route, call, claims))
        accepted = answer_type(request)
        if isinstance(accepted, Answer):
            return accepted
        event = ev.ExecutorSubscribed(route, call, claims)
        return await self._driver.subscribe(event, accepted)
