"""``POST /api/v1/scheduler`` of the master."""

from __future__ import annotations

from mesos_compat.errors import DecodeError
from mesos_compat.http.answers import Answer, told
from mesos_compat.http.driver import STREAM_ID, MasterDriver
from mesos_compat.http.leading import Leadership
from mesos_compat.http.requests import Request, answer_type, body_type, only
from mesos_compat.http.streams import RecordStream
from mesos_compat.master import events as ev
from mesos_compat.master.validation import scheduler_call
from mesos_compat.wire.media import ContentType, decode
from mesos_compat.wire.v1 import scheduler_pb2

_Call = scheduler_pb2.Call


class SchedulerApi:
    """Takes calls of schedulers, checks their form, and lets the core answer."""

    def __init__(self, driver: MasterDriver, leadership: Leadership) -> None:
        self._driver = driver
        self._leadership = leadership

    async def handle(self, request: Request) -> Answer | RecordStream:
        """One call; the order of the checks is Mesos's (``Master::Http::scheduler``)."""
        if request.principal is not None and request.who is None:
            return told(403, "Forbidden: a principal without a value may not be a framework's")
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
        fault = scheduler_call.validate(call, request.who)
        if fault is not None:
            return told(400, f"Failed to validate scheduler::Call: {fault}")
        return await self._pass_on(request, call)

    async def _pass_on(self, request: Request, call: scheduler_pb2.Call) -> Answer | RecordStream:
        stream_id = request.header(STREAM_ID)
        route = self._driver.new_route()
        accepted = ContentType.JSON
        if call.type in (_Call.SUBSCRIBE, _Call.RECONCILE_OPERATIONS):
            found = answer_type(request)
            if isinstance(found, Answer):
                return found
            accepted = found
        if call.type != _Call.SUBSCRIBE:
            event = ev.SchedulerCalled(route, call, request.who, stream_id)
            return await self._driver.ask(route, event)
        if stream_id is not None:
            return told(400, f"Subscribe calls should not include the '{STREAM_ID}' header")
        subscribed = ev.SchedulerSubscribed(route, call, request.who)
        return await self._driver.subscribe(route, subscribed, accepted)
