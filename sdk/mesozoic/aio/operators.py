"""Clients of the operator APIs: of the leading master, and of any agent.

::

    async with OperatorClient("zk://zk1,zk2/mesos") as operator:
        state = await operator.get_state()
        async for event in operator.events():          # for ever, over changes of master too
            ...
        agent = operator.agent("http://10.0.0.7:5051")  # shares the connections
        tasks = await agent.get_tasks()
"""

from __future__ import annotations

import asyncio
import random
import ssl as tls
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Self

from mesos_compat.wire.media import decode
from mesos_compat.wire.v1 import agent_pb2, master_pb2, mesos_pb2
from mesozoic.aio.agent_calls import AgentCalls
from mesozoic.aio.detect import Detector, Masters, detector_of, url_of
from mesozoic.aio.master_calls import MasterCalls
from mesozoic.aio.process_streams import ProcessStreams
from mesozoic.aio.transport import Answer, Codec, EventStream, Transport
from mesozoic.errors import CallLost, CallRefused, Unreachable

PATH: Final = "/api/v1"
#: So many masters are tried for one call, and so long is waited for the first to be found.
_ATTEMPTS_MAX: Final = 5
_FIND_S: Final = 30.0
#: Mesos's interval of heartbeats, until the stream has told its own; so many may be missed.
_HEARTBEAT_S: Final = 15.0
_HEARTBEATS_MISSED_MAX: Final = 5
_BACKOFF_S: Final = 0.1
_BACKOFF_MAX_S: Final = 10.0


def _body(answer: Answer) -> bytes:
    """The body of a good answer; raises :class:`CallRefused` for another."""
    if not 200 <= answer.status < 300:
        raise CallRefused(answer.status, answer.text)
    return answer.body


class OperatorClient(MasterCalls):
    """The operator API of whichever master leads; ``async with`` opens and closes it.

    Every method raises :class:`~mesozoic.errors.CallRefused` with the master's status and
    sentence, :class:`~mesozoic.errors.Unreachable` when no master takes the call, and
    :class:`~mesozoic.errors.CallLost` when the connection broke and it may have been obeyed.
    """

    def __init__(
        self,
        master: Masters,
        *,
        credential: mesos_pb2.Credential | None = None,
        ssl: tls.SSLContext | None = None,
        codec: Codec = "protobuf",
    ) -> None:
        """As for :class:`~mesozoic.aio.SchedulerDriver`."""
        self._transport = Transport(credential=credential, ssl=ssl, codec=codec)
        self._detector: Detector = detector_of(master, is_tls=self._transport.is_tls)
        self._master: str | None = None
        self._found = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin to look for the master; a call waits until one is found."""
        await self._transport.open()
        self._detector.start(self._detected)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections, those of agents' clients too."""
        await self._detector.stop()
        await self._transport.close()

    def _detected(self, master: str | None) -> None:
        self._master = master
        if master is None:
            self._found.clear()
        else:
            self._found.set()

    async def wait_master(self) -> str:
        """URL of the master to ask; raises :class:`Unreachable` when none is found in time."""
        try:
            async with asyncio.timeout(_FIND_S):
                while self._master is None:
                    await self._found.wait()
        except TimeoutError:
            raise Unreachable(f"no master was found within {_FIND_S:g} s") from None
        return self._master

    def agent(self, address: str) -> AgentClient:
        """A client of the agent at ``host:port`` or a URL, on the connections of this one.

        Raises :class:`~mesozoic.errors.BadAddress`.
        """
        return AgentClient(address, transport=self._transport)

    async def agent_by_id(self, agent_id: str) -> AgentClient:
        """A client of a registered agent; raises :class:`CallRefused` (404) for another id."""
        for agent in (await self.get_agents()).agents:
            if agent.agent_info.id.value == agent_id:
                address = agent.pid or f"{agent.agent_info.hostname}:{agent.agent_info.port}"
                return self.agent(address)
        raise CallRefused(404, f"Agent '{agent_id}' not found")

    async def call(self, call: master_pb2.Call) -> master_pb2.Response:
        """Make any call but SUBSCRIBE; those that change answer an empty response."""
        for _ in range(_ATTEMPTS_MAX):
            master = await self.wait_master()
            try:
                answer = await self._transport.post(master + PATH, call)
            except Unreachable as error:
                failure = error
                self._detector.failed(master)
                if self._master == master:
                    break
                continue
            body = _body(answer)
            if not body:
                return master_pb2.Response()
            kind = answer.content_type or self._transport.content_type
            return decode(body, kind, master_pb2.Response)
        raise failure

    async def events(self) -> AsyncIterator[master_pb2.Event]:
        """What happens in the cluster, for ever.

        The first event is SUBSCRIBED with the whole state, and so it is each time the stream
        had to be made anew: what was missed is in that state. Raises :class:`CallRefused` for
        an answer that will not change (401, 403, ...).
        """
        attempts = 0
        while True:
            master = await self.wait_master()
            try:
                call = master_pb2.Call(type=master_pb2.Call.SUBSCRIBE)
                url = master + PATH
                async with await self._transport.subscribe(url, call, master_pb2.Event) as stream:
                    attempts = 0
                    async for event in _until_silent(stream):
                        yield event
            except CallRefused as error:
                if error.status < 500:
                    raise
                self._detector.failed(master)
            except (CallLost, Unreachable, TimeoutError):
                self._detector.failed(master)
            bound_s = min(_BACKOFF_S * 2**attempts, _BACKOFF_MAX_S)
            attempts = min(attempts + 1, 16)
            await asyncio.sleep(random.uniform(0, bound_s))


async def _until_silent(
    stream: EventStream[master_pb2.Event],
) -> AsyncIterator[master_pb2.Event]:
    """The events of a stream; raises ``TimeoutError`` when heartbeats stay away."""
    interval_s = _HEARTBEAT_S
    while True:
        async with asyncio.timeout(_HEARTBEATS_MISSED_MAX * interval_s):
            events = await stream.read()
        if events is None:
            return
        for event in events:
            told_s = event.subscribed.heartbeat_interval_seconds
            if event.type == master_pb2.Event.SUBSCRIBED and told_s > 0:
                interval_s = told_s
            yield event


class AgentClient(AgentCalls, ProcessStreams):
    """The operator API of one agent; raises as :class:`OperatorClient` does.

    ``async with`` opens and closes it, unless it has come from :meth:`OperatorClient.agent`
    and so lives on the connections of that one.
    """

    def __init__(
        self,
        agent: str,
        *,
        credential: mesos_pb2.Credential | None = None,
        ssl: tls.SSLContext | None = None,
        codec: Codec = "protobuf",
        transport: Transport | None = None,
    ) -> None:
        """``agent`` is ``host:port``, a pid or a URL. Raises ``BadAddress``."""
        self._is_own = transport is None
        self._transport = transport or Transport(credential=credential, ssl=ssl, codec=codec)
        self._url = url_of(agent, is_tls=self._transport.is_tls) + PATH

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_own:
            await self._transport.close()

    async def call(
        self, call: agent_pb2.Call, timeout_s: float | None = 120.0
    ) -> agent_pb2.Response:
        """Make any call that is not answered by a stream; some answer an empty response."""
        answer = await self._transport.post(self._url, call, timeout_s=timeout_s)
        body = _body(answer)
        if not body:
            return agent_pb2.Response()
        kind = answer.content_type or self._transport.content_type
        return decode(body, kind, agent_pb2.Response)
