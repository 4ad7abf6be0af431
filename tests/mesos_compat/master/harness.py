"""A master among agents and schedulers that are only messages, on virtual time.

What the master says waits in the stream that it is said on until :meth:`Cluster.flush`, which
every step does by itself unless ``instant`` is off; so does what agents say. A registry stores
at once unless ``stores`` is off.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Protocol

from google.protobuf.message import Message

from mesos_compat.allocator import HierarchicalAllocator
from mesos_compat.allocator.interface import AllocatorOptions
from mesos_compat.errors import invariant
from mesos_compat.master import actions as act
from mesos_compat.master import events as ev
from mesos_compat.master.authorization import Authorizer, parse_acls
from mesos_compat.master.core import MasterCore
from mesos_compat.master.settings import MasterSettings
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2


class Peer(Protocol):
    """An agent, a scheduler or an operator."""

    def receive(self, stream: Stream, event: Message) -> None:
        """Something that the master has said arrives."""

    def cut(self, stream: Stream) -> None:
        """The stream is over, and not because the peer wanted it."""


@dataclass(slots=True, eq=False)
class Stream:
    """One connection: what is under way on it, and what has come of it."""

    route: ev.Route
    peer: Peer
    stream_id: str | None = None
    # A refusal.
    answer: tuple[int, str] | None = None
    # What the master has said that has not come, and what the peer has.
    inbox: deque[Message] = field(default_factory=deque)
    outbox: deque[ev.Event] = field(default_factory=deque)
    # The master has ended it.
    is_closed: bool = False


class Cluster:
    """See the module."""

    def __init__(
        self,
        settings: MasterSettings | None = None,
        *,
        acls: str | None = None,
        options: AllocatorOptions | None = None,
        registry: link_pb2.Registry | None = None,
        master_id: str = "M",
        domain: mesos_pb2.DomainInfo | None = None,
        policy: str = "drf",
    ) -> None:
        self._settings = settings or MasterSettings()
        self._acls, self._options, self._policy = acls, options or AllocatorOptions(), policy
        self._domain = domain
        if domain is not None:
            self._options = replace(self._options, domain=domain)
        self._serial = 0
        self.now = ev.Now(1_000, 1_700_000_000_000_000_000)
        self.registry = registry or link_pb2.Registry()
        # Whether what is said arrives, and what is to be stored is stored, at once.
        self.instant = True
        self.stores = True
        self.streams: dict[ev.Route, Stream] = {}
        # Ends of streams that the master has not noticed.
        self.unnoticed: deque[ev.Event] = deque()
        self.answers: dict[ev.Route, tuple[int, str]] = {}
        self.lead(master_id)

    def lead(self, master_id: str) -> None:
        """A master of this id is elected, and has what the last one has stored."""
        self.allocator = HierarchicalAllocator(self._policy, self._options, below=lambda _bound: 0)
        info = mesos_pb2.MasterInfo(id=master_id, ip=0, port=5050, hostname="master")
        if self._domain is not None:
            info.domain.CopyFrom(self._domain)
        authorizer = Authorizer(parse_acls(self._acls) if self._acls is not None else None)
        self.core = MasterCore(self._settings, info, self.allocator, authorizer, self.random_bytes)
        self.state = self.core.state
        # Why the master must not go on.
        self.stopped: str | None = None
        self.storing: act.StoreRegistry | None = None
        self.step(ev.Elected())

    def fail_over(self, master_id: str) -> None:
        """The master is gone with all streams, and another takes its place."""
        for stream in list(self.streams.values()):
            stream.peer.cut(stream)
        self.streams.clear()
        self.lead(master_id)

    def random_bytes(self, length: int) -> bytes:
        return self._next().to_bytes(length, "big")

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    # Time and events.

    def step(self, event: ev.Event) -> None:
        """One step, and all that follows from it at once."""
        for action in self.core.step(event, self.now):
            self._do(action)
        self.core.check()
        self.compare_books()
        if self.stores:
            self.store()
        if self.instant:
            self.flush()

    def store(self) -> None:
        """Let the registry store all that waits."""
        while self.storing is not None:
            self.store_once()

    def store_once(self) -> None:
        """Let the store under way be done."""
        done, self.storing = self.storing, None
        assert done is not None
        self.registry = done.registry
        self.step(ev.RegistryStored(done.token))

    def jump(self, duration_ms: int) -> None:
        """Let time pass without a tick on the way."""
        mono_ms, wall_ns = self.now
        self.now = ev.Now(mono_ms + duration_ms, wall_ns + duration_ms * 1_000_000)
        self.step(ev.Tick())

    def advance(self, duration_ms: int) -> None:
        """Let time pass, with a tick whenever the master wants one."""
        end_ms = self.now.mono_ms + duration_ms
        while self.now.mono_ms < end_ms:
            due_ms = max(self.core.next_due_ms(), self.now.mono_ms + 1)
            self.jump(min(due_ms, end_ms) - self.now.mono_ms)

    def flush(self) -> None:
        """Let all that is under way arrive, and what is said in return."""
        busy = True
        while busy:
            busy = False
            for stream in list(self.streams.values()):
                while stream.inbox:
                    busy = True
                    self.deliver(stream)
                while stream.outbox:
                    busy = True
                    self.hear(stream)

    def deliver(self, stream: Stream) -> None:
        """The next thing that the master has said on this stream arrives."""
        stream.peer.receive(stream, stream.inbox.popleft())

    def hear(self, stream: Stream) -> None:
        """The next thing that the peer has said on this stream arrives."""
        self.step(stream.outbox.popleft())

    def open(self, peer: Peer) -> Stream:
        """A request, of which a stream may come."""
        stream = Stream(self.new_route(), peer)
        self.streams[stream.route] = stream
        return stream

    def new_route(self) -> ev.Route:
        return ev.Route(self._next())

    def _do(self, action: act.Action) -> None:
        match action:
            case act.StoreRegistry():
                assert self.storing is None
                self.storing = action
            case act.FetchRegistry():
                self.step(ev.Recovered(self.registry))
            case act.Stop(why):
                self.stopped = why
            case act.Reply(route, status, message):
                assert route not in self.answers
                self.answers[route] = (int(status), message)
                stream = self.streams.pop(route, None)
                if stream is not None:
                    assert stream.stream_id is None
                    stream.answer = (int(status), message)
            case act.OpenScheduler() | act.OpenAgent():
                self._open(action)
            case act.CloseScheduler() | act.CloseAgent() | act.CloseOperator():
                self._close(action.route)
            case act.SendToScheduler() | act.SendToAgent() | act.SendToOperator():
                self._say(action)

    def _open(self, action: act.OpenScheduler | act.OpenAgent) -> None:
        stream = self.streams.get(action.route)
        if stream is not None:
            stream.stream_id = action.stream_id
        elif isinstance(action, act.OpenAgent):
            self.unnoticed.append(ev.AgentLost(action.route))
        else:
            self.unnoticed.append(ev.SchedulerLost(action.route))

    def _close(self, route: ev.Route) -> None:
        stream = self.streams.get(route)
        if stream is None:
            return
        stream.is_closed = True
        stream.outbox.clear()
        if self.instant:
            while stream.inbox:
                self.deliver(stream)
            del self.streams[route]

    def _say(self, action: act.SendToScheduler | act.SendToAgent | act.SendToOperator) -> None:
        stream = self.streams.get(action.route)
        if stream is None:
            # Nobody reads it any more.
            assert not self.instant
            return
        assert not stream.is_closed
        said = type(action.event)()
        # As if it came over a wire: nothing of it is shared with the master.
        said.MergeFromString(action.event.SerializeToString())
        stream.inbox.append(said)

    def compare_books(self) -> None:
        """What is used and offered is what the allocator believes to be held."""
        ledger = self.allocator._ledger
        assert sorted(ledger.agents) == sorted(self.state.agents)
        for agent_id, agent in self.state.agents.items():
            ours: dict[tuple[str, str], Resources] = {}
            held = [*agent.used.items()]
            held += [(offer.framework_id, offer.resources) for offer in agent.offers.values()]
            for framework_id, resources in held:
                for role, allocated in resources.allocations().items():
                    before = ours.get((role, framework_id), Resources())
                    ours[role, framework_id] = before + allocated.unallocate()
            theirs = {key: one.resources for key, one in ledger.agents[agent_id].held.items()}
            invariant(ours == theirs, "books agree", agent=agent_id, ours=ours, theirs=theirs)
            invariant(
                ledger.agents[agent_id].active == agent.is_active,
                "the allocator knows who is there",
                agent=agent_id,
            )

    def operate(self, call: master_pb2.Call, principal: str | None = None) -> tuple[int, str]:
        """A call of an operator, and its answer."""
        route = self.new_route()
        self.step(ev.OperatorCalled(route, call, principal))
        return self.answers[route]
