"""A master's process: the core, its connections, its timer and its registry."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesos_compat.allocator import HierarchicalAllocator
from mesos_compat.master import actions as act
from mesos_compat.master import events as ev
from mesos_compat.master.authorization import Authorizer
from mesos_compat.master.core import MasterCore
from mesos_compat.sim.wires import Ear, Side, Wire, copied
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Opened:
    """What comes first on a stream that was not refused."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What comes in place of a stream, and is the last."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class SchedulerRequest:
    """A call on a connection of its own."""

    call: scheduler_pb2.Call
    stream_id: str


@dataclass(slots=True)
class _Stream:
    """A request that is to be a stream, or is."""

    wire: Wire
    lost: ev.Event
    is_open: bool = False
    # The other side has gone.
    is_gone: bool = False


class SimMaster:
    """One life of a master; the next one has another number."""

    def __init__(self, cluster: Cluster, number: int, allocator: str) -> None:
        self.number = number
        self.name = f"m{number}"
        self._cluster = cluster
        self._world = world = cluster.world
        dice = world.stream(self.name)
        self.info = mesos_pb2.MasterInfo(
            id=f"M{number}", ip=number, port=5050, hostname=f"master{number}"
        )
        options = cluster.knobs.allocator_options(allocator)
        self.allocator = HierarchicalAllocator(allocator, options, dice.randrange)
        self.core = MasterCore(
            cluster.knobs.master_settings(),
            self.info,
            self.allocator,
            Authorizer(None),
            dice.randbytes,
        )
        self.is_alive = True
        #: By how much its clock of the wall is wrong.
        self.wall_offset_ns = 0
        self._mono_offset_ms = dice.randrange(1_000_000)
        self._streams: dict[ev.Route, _Stream] = {}
        self._asked: dict[ev.Route, Wire] = {}
        self._operators: dict[ev.Route, str] = {}
        self._next_route = 0
        self._tick_ms: int | None = None
        self._waiting: deque[ev.Event] = deque()
        self._is_stepping = False
        self.submit(ev.Elected())
        self.submit(ev.OperatorSubscribed(self._route()))

    # The process.

    def die(self) -> None:
        """The process is gone, and all its connections with it."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._world.note(self.name, "died")
        for stream in self._streams.values():
            stream.wire.hang_up(Side.SERVER)
        for wire in dict.fromkeys(self._asked.values()):
            wire.hang_up(Side.SERVER)
        self._streams.clear()

    @property
    def is_ready(self) -> bool:
        """Whether it answers."""
        return self.is_alive and self.core.state.is_recovered

    def now(self) -> ev.Now:
        """The time as it sees it."""
        world = self._world
        return ev.Now(world.now_ms + self._mono_offset_ms, world.wall_ns() + self.wall_offset_ns)

    def submit(self, event: ev.Event) -> None:
        """Step with ``event``, after those before."""
        self._waiting.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        while self._waiting and self.is_alive:
            self._step(self._waiting.popleft())
        self._is_stepping = False
        self._wind()

    def _step(self, event: ev.Event) -> None:
        now = self.now()
        actions = self.core.step(event, now)
        self._cluster.checkers.master_stepped(self, event, actions)
        for action in actions:
            self._do(action)

    def _wind(self) -> None:
        """See to it that the core is ticked when it wants that."""
        if not self.is_alive:
            return
        due_ms = max(self.core.next_due_ms() - self._mono_offset_ms, self._world.now_ms)
        if self._tick_ms is None or due_ms < self._tick_ms:
            self._tick_ms = due_ms
            self._world.after(due_ms - self._world.now_ms, self._tick, due_ms)

    def _tick(self, due_ms: int) -> None:
        if self._tick_ms == due_ms:
            self._tick_ms = None
            if self.is_alive:
                self.submit(ev.Tick())

    def _route(self) -> ev.Route:
        self._next_route += 1
        return ev.Route(self._next_route)

    # What others say.

    def accept(self, wire: Wire) -> None:
        """Somebody has connected; what comes first says what for."""
        wire.ears[Side.SERVER] = Ear(lambda message: self._first(wire, message), lambda: None)

    def _first(self, wire: Wire, message: object) -> None:
        if not self.is_alive:
            wire.hang_up(Side.SERVER)
        elif not self.is_ready:
            wire.send(Side.CLIENT, Refused(503, "Master has not finished recovery"))
            wire.hang_up(Side.SERVER)
        elif isinstance(message, SchedulerRequest):
            wire.ears[Side.SERVER] = Ear(lambda one: self._request(wire, one), lambda: None)
            self._request(wire, message)
        elif isinstance(message, scheduler_pb2.Call | link_pb2.Call):
            self._subscribed(wire, message)

    def _subscribed(self, wire: Wire, call: scheduler_pb2.Call | link_pb2.Call) -> None:
        route = self._route()
        if isinstance(call, scheduler_pb2.Call):
            lost: ev.Event = ev.SchedulerLost(route)
            event: ev.Event = ev.SchedulerSubscribed(route, call)
        else:
            lost, event = ev.AgentLost(route), ev.AgentSubscribed(route, call)
        stream = self._streams[route] = _Stream(wire, lost)

        def ended() -> None:
            stream.is_gone = True
            if stream.is_open and self._streams.pop(route, None) is not None:
                self.submit(lost)

        wire.ears[Side.SERVER] = Ear(lambda one: self.submit(ev.AgentCalled(route, one)), ended)
        self.submit(event)

    def _request(self, wire: Wire, request: SchedulerRequest) -> None:
        if not self.is_alive:
            return
        route = self._route()
        self._asked[route] = wire
        self.submit(ev.SchedulerCalled(route, request.call, None, request.stream_id))

    def operate(self, call: master_pb2.Call) -> None:
        """An operator's call; the answer goes into the trace."""
        if not self.is_ready:
            return
        route = self._route()
        self._operators[route] = master_pb2.Call.Type.Name(call.type)
        self._cluster.checkers.promises.asked(self, route, call)
        self.submit(ev.OperatorCalled(route, call))

    # What is to be done.

    def _do(self, action: act.Action) -> None:
        match action:
            case act.SendToScheduler() | act.SendToAgent():
                stream = self._streams.get(action.route)
                if stream is not None:
                    stream.wire.send(Side.CLIENT, copied(action.event))
            case act.OpenScheduler() | act.OpenAgent():
                self._open(action.route, action.stream_id)
            case act.CloseScheduler() | act.CloseAgent():
                stream = self._streams.pop(action.route, None)
                if stream is not None:
                    stream.wire.hang_up(Side.SERVER)
            case act.Reply():
                self._reply(action)
            case act.FetchRegistry():
                self._cluster.registry.fetch(self.number, self._fetched, self._failed)
            case act.StoreRegistry():
                token = action.token
                self._cluster.registry.store(
                    self.number,
                    copied(action.registry),
                    lambda: self._if_alive(ev.RegistryStored(token)),
                    self._failed,
                )
            case act.Stop():
                self._world.note(self.name, "Stop", action.why)
                self.die()
                self._cluster.master_stopped(self)
            case act.SendToOperator() | act.CloseOperator():
                # The one who subscribes reads all and says nothing.
                pass

    def _open(self, route: ev.Route, stream_id: str) -> None:
        stream = self._streams[route]
        stream.is_open = True
        stream.wire.send(Side.CLIENT, Opened(stream_id))
        if stream.is_gone:
            del self._streams[route]
            self.submit(stream.lost)

    def _reply(self, action: act.Reply) -> None:
        name = self._operators.pop(action.route, None)
        if name is not None:
            self._cluster.checkers.promises.answered(self, action.route, int(action.status))
            self._world.note(self.name, name, f"{action.status} {action.message}")
            return
        answer = Refused(int(action.status), action.message)
        wire = self._asked.pop(action.route, None)
        if wire is not None:
            wire.send(Side.CLIENT, answer)
            return
        stream = self._streams.pop(action.route)
        stream.wire.send(Side.CLIENT, answer)
        stream.wire.hang_up(Side.SERVER)

    def _if_alive(self, event: ev.Event) -> None:
        if self.is_alive:
            self.submit(event)

    def _fetched(self, registry: link_pb2.Registry) -> None:
        self._if_alive(ev.Recovered(registry))

    def _failed(self, why: str) -> None:
        self._if_alive(ev.RegistryFailed(why))
