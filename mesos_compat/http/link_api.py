"""``POST /api/v1/agent_link`` of the master: our own agents' side of :mod:`mesos_compat.wire`.

Apache's masters and agents speak libprocess's messages to each other; ours carry the same
contents over HTTP, always in protobuf.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.errors import DecodeError
from mesos_compat.http.answers import Answer, told
from mesos_compat.http.driver import MasterDriver
from mesos_compat.http.leading import Leadership
from mesos_compat.http.requests import Request, only
from mesos_compat.http.streams import RecordStream
from mesos_compat.master import events as ev
from mesos_compat.wire import link_pb2
from mesos_compat.wire.media import ContentType, decode

PATH: Final = "/api/v1/agent_link"


class LinkApi:
    """Takes what agents say."""

    def __init__(self, driver: MasterDriver, leadership: Leadership) -> None:
        self._driver = driver
        self._leadership = leadership
        self._routes: dict[str, ev.Route] = {}

    async def handle(self, request: Request) -> Answer | RecordStream:
        """A SUBSCRIBE, which alone opens a stream, or some calls of an open one."""
        refused = (
            self._leadership.elsewhere(request)
            or self._leadership.unready()
            or only(request, "POST")
        )
        if refused is not None:
            return refused
        try:
            calls = decode(await request.body(), ContentType.PROTOBUF, link_pb2.Calls)
        except DecodeError as error:
            return told(400, str(error))
        if calls.HasField("stream_id"):
            return self._called(calls)
        if len(calls.calls) != 1 or calls.calls[0].type != link_pb2.Call.SUBSCRIBE:
            return told(400, "Expecting one SUBSCRIBE call, or 'stream_id' to be present")
        return await self._subscribe(request, calls.calls[0])

    async def _subscribe(self, request: Request, call: link_pb2.Call) -> Answer | RecordStream:
        if not call.HasField("subscribe"):
            return told(400, "Expecting 'subscribe' to be present")
        route = self._driver.new_route()
        event = ev.AgentSubscribed(route, call, request.who)
        answer = await self._driver.subscribe(route, event, ContentType.PROTOBUF)
        if isinstance(answer, RecordStream):
            self._routes[answer.headers["Mesos-Stream-Id"]] = route
        return answer

    def _called(self, calls: link_pb2.Calls) -> Answer:
        route = self._routes.get(calls.stream_id)
        if route is None:
            return told(410, "The stream is over")
        for call in calls.calls:
            self._driver.submit(ev.AgentCalled(route, call))
        return Answer(202)

    def stream_ended(self, stream: RecordStream) -> None:
        """Calls of that stream are no longer taken."""
        self._routes.pop(stream.headers.get("Mesos-Stream-Id", ""), None)
