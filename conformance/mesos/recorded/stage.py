"""A cluster that plays one section, and what is found on the way."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from conformance.mesos.recorded import comparing, exchange
from conformance.mesos.recorded.names import Names, names_in
from conformance.mesos.recorded.recordings import Answer, Request, Section
from mesos_compat.master.core import MasterCore
from mesos_compat.testing import Cluster
from mesos_compat.wire.v1 import agent_pb2, executor_pb2, master_pb2, scheduler_pb2

Json = dict[str, Any]

_AGENT: Final = re.compile(r".{36}-(S\d+)")
_PROTOBUF: Final = "application/x-protobuf"
#: Where the recording's members listened: the master, its agents.
MASTER_PORT: Final = 5050
AGENT_PORT: Final = 5051
_CALLS: Final[Mapping[tuple[bool, str], tuple[type[Message], type[Message]]]] = {
    (True, "/api/v1/scheduler"): (scheduler_pb2.Call, scheduler_pb2.Event),
    (True, "/api/v1"): (master_pb2.Call, master_pb2.Response),
    (False, "/api/v1"): (agent_pb2.Call, agent_pb2.Response),
    (False, "/api/v1/executor"): (executor_pb2.Call, executor_pb2.Event),
}


@dataclass(slots=True)
class Outcome:
    """What one section came to: for each case that was played, where it differs."""

    section: Section
    differences: dict[str, list[str]] = field(default_factory=dict)

    def add(self, case: str, found: Iterator[str] | list[str]) -> None:
        """Note what a case differs in; nothing is what should be found."""
        self.differences.setdefault(case, []).extend(found)


class Stage:
    """One section on one cluster."""

    def __init__(self, section: str, cluster: Cluster, names: Names | None = None) -> None:
        self.section = Section(section)
        self.outcome = Outcome(self.section)
        # Sections that were recorded on one cluster share their names.
        self.names = names or Names()
        self.cluster = cluster
        self._ports: dict[int, int] = {}
        self._last_event: bytes | None = None
        ignored = comparing.MASTER_METRICS if section == "agent" else ()
        self.comparer = comparing.Comparer(self.names, self._ports, ignored)
        self._learn_places()

    def _learn_places(self) -> None:
        self.add_port(MASTER_PORT, self.cluster.masters[0].port)
        for number, agent in enumerate(self.cluster.agents):
            self.add_port(AGENT_PORT + number, agent.port)

    def add_port(self, recorded: int, ours: int) -> None:
        """Where one of the recording's members is here."""
        self._ports[ours] = recorded
        self.names.add_piece(f":{recorded}", f":{ours}")

    def port(self, recorded: int) -> int:
        """Ours for the recording's."""
        return next(ours for ours, theirs in self._ports.items() if theirs == recorded)

    @property
    def core(self) -> MasterCore:
        """The core of the master that leads, for waiting until something has taken effect."""
        return (self.cluster.leader or self.cluster.masters[0]).core

    async def wait_until_idle(self, but: str = "") -> None:
        """Until the master knows of no task and no executor, or of none but that one."""

        def is_idle() -> bool:
            agents = self.core.state.agents.values()
            tasks = [name for agent in agents for held in agent.tasks.values() for name in held]
            executors = [
                name for agent in agents for held in agent.executors.values() for name in held
            ]
            return all(name == but for name in (*tasks, *executors))

        await self.cluster.wait_for(is_idle)

    # Requests.

    def _port_of(self, request: Request) -> int:
        host = request.header("host") or ""
        return self.port(int(host.rpartition(":")[2]))

    def _types(self, request: Request) -> tuple[type[Message], type[Message]]:
        host = request.header("host") or ""
        path = request.target.removeprefix("/master")
        return _CALLS[host.endswith(f":{MASTER_PORT}"), path]

    def translate(self, request: Request) -> Request:
        """The same with our names."""
        self._bind_agents(request)
        headers = tuple((name, self.names.to_ours(value)) for name, value in request.headers)
        body = request.body
        if request.header("content-type") == _PROTOBUF:
            call, _ = self._types(request)
            try:
                message = call.FromString(body)
            except DecodeError:  # Some of the recorded ones are no messages, on purpose.
                return dataclasses.replace(request, headers=headers)
            shown = json_format.MessageToJson(message, preserving_proto_field_name=True)
            message = json_format.Parse(self.names.to_ours(shown), call())
            body = message.SerializePartialToString()
        else:
            body = self.names.to_ours(body.decode("latin-1")).encode("latin-1")
        target = self.names.to_ours(request.target)
        return Request(request.method, target, headers, body)

    def _bind_agents(self, request: Request) -> None:
        # Both masters number agents as they come, and scenes start them in the same order.
        text = request.target + request.body.decode("latin-1")
        for name in names_in(text):
            agent = _AGENT.fullmatch(name)
            if agent is not None and not self.names.is_bound(name):
                self.names.bind(name, f"{self.core.state.info.id}-{agent[1]}")

    async def ask(self, case: str) -> Answer:
        """Ask what was asked."""
        request = self.section.request(case)
        return await exchange.ask(self._port_of(request), self.translate(request))

    async def replay(self, *cases: str) -> None:
        """Ask what was asked, and compare what is answered; each case after the one before."""
        for case in cases:
            self.compare(case, await self.ask(case))

    async def replay_like(self, case: str, like: str) -> None:
        """The same for a case whose recorded answer is another's."""
        answer = await self.ask(case)
        self.outcome.add(case, self._differences(like, answer))

    async def replay_until(self, case: str, seconds: float = 10.0) -> None:
        """Ask again until the answer is as recorded, for what takes effect a moment later."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            found = list(self._differences(case, await self.ask(case)))
            if not found or loop.time() > end:
                break
            await asyncio.sleep(0.02)
        self.outcome.add(case, found)

    def compare(self, case: str, answer: Answer) -> None:
        """Hold an answer against the recorded one."""
        self.outcome.add(case, self._differences(case, answer))

    def _differences(self, case: str, answer: Answer) -> Iterator[str]:
        recorded = self.section.answer(case)
        yield from self.comparer.heads(recorded, answer)
        if recorded.header("mesos-stream-id"):
            return
        if recorded.header("content-type") != _PROTOBUF:
            yield from self.comparer.bodies(recorded, answer)
            return
        try:
            ours = self.read(case, answer)
        except ValueError as error:
            yield f"body: {error}"
            return
        yield from self.comparer.values(self.read(case, recorded), ours)

    def read(self, case: str, answer: Answer) -> Any:
        """The members of what was answered to a case, in either form; raises ``ValueError``."""
        if answer.header("content-type") != _PROTOBUF:
            return comparing.parse(comparing.content_of(answer))
        _, response = self._types(self.section.request(case))
        try:
            return comparing.members_of(response.FromString(answer.body))
        except DecodeError as error:
            raise ValueError(f"{case}: no {response.DESCRIPTOR.full_name}: {error}") from error

    # Streams.

    async def open(self, case: str) -> exchange.EventStream:
        """Ask for a recorded stream; its head is compared."""
        request = self.section.request(case)
        port = self._port_of(request)
        stream = await exchange.EventStream.open(port, self.translate(request))
        recorded = self.section.answer(case)
        self.outcome.add(case, self.comparer.heads(recorded, stream.answer))
        theirs = recorded.header("mesos-stream-id")
        ours = stream.answer.header("mesos-stream-id")
        if theirs and ours:
            self.names.rebind(theirs, ours)
        return stream

    async def replay_stream(self, case: str) -> exchange.EventStream:
        """Open it, and compare as many events as were recorded."""
        stream = await self.open(case)
        request = self.section.request(case)
        accept = request.header("accept") or request.header("content-type")
        for number, recorded in enumerate(self.section.events(case)):
            try:
                event = await stream.read_soon()
            except TimeoutError:
                event = None
            self._last_event = event
            if event is None:
                missing = f"event {number}: {recorded[:200]!r}, ours sends none"
                self.outcome.add(case, [missing])
                break
            is_protobuf = accept == _PROTOBUF
            found = self.event_differences(recorded, event, is_protobuf)
            self.outcome.add(case, [f"event {number}{line}" for line in found])
        return stream

    def compare_last_event(self, case: str) -> None:
        """Hold the last event of the last stream that was replayed against another case."""
        recorded = self.section.event(case)
        found = self.event_differences(recorded, self._last_event or b"{}")
        self.outcome.add(case, found)

    def event_differences(
        self,
        recorded: bytes,
        event: bytes,
        is_protobuf: bool = False,
        kind: type[Message] = scheduler_pb2.Event,
    ) -> list[str]:
        """Hold one event against a recorded one."""
        if is_protobuf:
            theirs = comparing.members_of(kind.FromString(recorded))
            mine = comparing.members_of(kind.FromString(event))
        else:
            theirs, mine = comparing.parse(recorded), comparing.parse(event)
        return list(self.comparer.values(theirs, mine))

    # Names that a request needs.

    def bind_ids(self, recorded: Json, ours: Json, *path: str) -> None:
        """Make two ids, deep in two objects, a pair."""
        theirs, mine = recorded, ours
        for step in path:
            theirs, mine = theirs[step], mine[step]
        self.names.rebind(str(theirs), str(mine))

    def body_of(self, case: str) -> Json:
        """A recorded JSON request's body."""
        body: Json = json.loads(self.section.request(case).body)
        return body


__all__ = ["AGENT_PORT", "MASTER_PORT", "Json", "Outcome", "Stage", "names_in"]
