"""An agent's host: the process with the core, its disk, and the containers on it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.core import AgentCore
from mesos_compat.agent.recovered import read_state
from mesos_compat.containers.spec import ContainerId, Termination
from mesos_compat.containers.spec import Recovered as FoundContainer
from mesos_compat.resources import Resources
from mesos_compat.sim.disks import SimDisk
from mesos_compat.sim.executors import SimExecutor
from mesos_compat.sim.masters import Opened, Refused, SimMaster
from mesos_compat.sim.wires import Ear, Side, Wire, copied
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.cluster import Cluster

#: What agents have, by their number.
_RESOURCES: Final = (
    "cpus:4;mem:1024;disk:2048;ports:[31000-31099]",
    "cpus:2;mem:2048;disk:1024;ports:[31000-31009]",
    "cpus:8;mem:512;disk:4096;ports:[31000-31999];cpus(r):1;mem(r):64",
)
#: How soon a process that has ended by itself is started again.
_RESTART_MS: Final = 150
_PID: Final = 77
_KILLED: Final = 9


@dataclass(slots=True)
class _Executing:
    """A stream of an executor."""

    wire: Wire
    is_open: bool = False


class SimAgent:
    """See the module."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.number = number
        self.name = f"a{number}"
        self.hostname = f"host{number}"
        self.cluster = cluster
        self.world = cluster.world
        self.knobs = cluster.knobs
        self.network = cluster.network
        self.checkers = cluster.checkers
        self._dice = cluster.world.stream(self.name)
        self._mono_offset_ms = 0
        self.disk = SimDisk(self._dice)
        self.resources = Resources.parse(_RESOURCES[number % len(_RESOURCES)])
        self.core: AgentCore | None = None
        #: How many lives the process has had.
        self.life = 0
        #: And how often the host was started.
        self.boots = 1
        self.wall_offset_ns = 0
        #: How many faults make the disk slow.
        self.disk_slow = 0
        #: What runs in containers, whether there is an agent or not.
        self.running: dict[ContainerId, SimExecutor] = {}
        self._reset()

    def _reset(self) -> None:
        self.core = None
        self._link: tuple[ev.Link, Wire] | None = None
        self._executing: dict[ev.Route, _Executing] = {}
        self._asked: dict[ev.Route, Wire] = {}
        self._next_route = 0
        self._launching: dict[ContainerId, bool] = {}
        self._tick_ms: int | None = None
        self._waiting: deque[ev.Event] = deque()
        self._is_stepping = False
        self._is_writing = False

    # The process.

    @property
    def is_up(self) -> bool:
        """Whether the process is there."""
        return self.core is not None

    def start(self) -> None:
        """A new process, on what is on the disk."""
        if self.core is not None:
            return
        self.life += 1
        self.world.note(self.name, "start", f"life {self.life} boot {self.boots}")
        self._mono_offset_ms = self._dice.randrange(1_000_000)
        dice = self.world.stream(f"{self.name} life {self.life}")
        info = mesos_pb2.AgentInfo(hostname=self.hostname, port=5051, resources=self.resources)
        settings = self.knobs.agent_settings(self.hostname, self.number)
        if self.boots % 2 == 0:
            settings = replace(settings, reconfiguration_policy="additive")
        self.core = AgentCore(settings, info, dice.randrange, dice.randbytes)
        found = read_state(dict(self.disk.files), dict(self.disk.links))
        self.checkers.agent_started(self)
        self.submit(ev.Recovered(found, f"boot{self.boots}"))
        self.cluster.detect(self)

    def crash(self, *, power: bool = False) -> None:
        """The process is gone; with ``power`` all of the host is."""
        if self.core is not None:
            self.world.note(self.name, "died", "power" if power else "")
            self.disk.crash()
            if self._link is not None:
                self._leave(self._link[1], power=power)
            for stream in self._executing.values():
                stream.wire.hang_up(Side.SERVER)
            for wire in dict.fromkeys(self._asked.values()):
                wire.hang_up(Side.SERVER)
        self._reset()
        if power:
            self.boots += 1
            self.checkers.agent_lost(self)
            for executor in list(self.running.values()):
                executor.die()
            self.running.clear()

    def _leave(self, wire: Wire, *, power: bool) -> None:
        if power:
            wire.vanish(Side.CLIENT)
        else:
            wire.hang_up(Side.CLIENT)

    def wipe(self) -> None:
        """The host comes back with another disk, and nothing on it."""
        self.crash(power=True)
        self.disk.wipe()
        self.checkers.agent_wiped(self)

    def unregister(self) -> None:
        """Somebody wants it gone for good."""
        if self.core is not None and self.core.is_recovered:
            self.checkers.agent_gives_up(self)
            self.submit(ev.UnregisterAsked("an operator wants it"))

    @property
    def agent_id(self) -> str:
        """Empty until a master has given one, or while the process is away."""
        return "" if self.core is None else self.core.state.agent_id

    def now(self) -> ev.Now:
        """The time as it sees it."""
        world = self.world
        return ev.Now(world.now_ms + self._mono_offset_ms, world.wall_ns() + self.wall_offset_ns)

    def submit(self, event: ev.Event) -> None:
        """Step with ``event``, after those before."""
        self._waiting.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        life = self.life
        while self._waiting and self.core is not None and self.life == life:
            self._step(self.core, self._waiting.popleft())
        if self.life == life:
            self._is_stepping = False
            self._wind()

    def _step(self, core: AgentCore, event: ev.Event) -> None:
        before = self.checkers.before_agent(self)
        actions = core.step(event, self.now())
        self.checkers.agent_stepped(self, event, before)
        for action in actions:
            if self.core is core:
                self._do(action)

    def _wind(self) -> None:
        if self.core is None:
            return
        due_ms = max(self.core.next_due_ms() - self._mono_offset_ms, self.world.now_ms)
        if self._tick_ms is None or due_ms < self._tick_ms:
            self._tick_ms = due_ms
            self.world.after(due_ms - self.world.now_ms, self._tick, self.life, due_ms)

    def _tick(self, life: int, due_ms: int) -> None:
        if self.life == life and self._tick_ms == due_ms and self.core is not None:
            self._tick_ms = None
            self.submit(ev.Tick())

    def _later(self, delay_ms: int, event: ev.Event) -> None:
        """Let ``event`` come in so long, if this process is still there."""
        self.world.after(delay_ms, self._if_here, self.life, event)

    def _if_here(self, life: int, event: ev.Event) -> None:
        if self.life == life and self.core is not None:
            self.submit(event)

    def master_changed(self, master: SimMaster | None) -> None:
        """Somebody tells who leads."""
        if self.core is not None:
            told = ev.MasterLost() if master is None else ev.MasterDetected(copied(master.info))
            self.submit(told)

    # Executors.

    def accept(self, wire: Wire) -> None:
        """An executor has connected; it subscribes first."""
        life = self.life
        wire.ears[Side.SERVER] = Ear(lambda call: self._subscribed(wire, life, call), lambda: None)

    def _subscribed(self, wire: Wire, life: int, call: executor_pb2.Call) -> None:
        if self.life != life or self.core is None:
            wire.hang_up(Side.SERVER)
            return
        route = self._route()
        stream = self._executing[route] = _Executing(wire)

        def ended() -> None:
            if self._executing.pop(route, None) is not None and stream.is_open:
                self._if_here(life, ev.ExecutorLost(route))

        wire.ears[Side.SERVER] = Ear(lambda one: self._called(wire, life, one), ended)
        self.submit(ev.ExecutorSubscribed(route, call))

    def _called(self, wire: Wire, life: int, call: executor_pb2.Call) -> None:
        if self.life == life and self.core is not None:
            route = self._route()
            self._asked[route] = wire
            self.submit(ev.ExecutorCalled(route, call))

    def _route(self) -> ev.Route:
        self._next_route += 1
        return ev.Route(self._next_route)

    def exited(self, executor: SimExecutor, status: int = 0) -> None:
        """An executor ends by itself, or somebody has killed it."""
        executor.die()
        if self.running.get(executor.container_id) is executor:
            del self.running[executor.container_id]
            ended = ev.ContainerExited(executor.container_id, Termination(status))
            self._later(self._dice.randint(0, 5), ended)

    # What is to be done.

    def _do(self, action: act.Action) -> None:
        match action:
            case act.OpenLink():
                self._open(action)
            case act.SendToMaster(link, call):
                if self._link is not None and self._link[0] == link:
                    self._link[1].send(Side.SERVER, copied(call))
            case act.CloseLink(link):
                if self._link is not None and self._link[0] == link:
                    self._link[1].hang_up(Side.CLIENT)
                    self._link = None
            case act.Checkpoint():
                self.disk.waiting.append(action)
                self._write()
            case act.Stop(why, is_regular):
                self.world.note(self.name, "Stop", why.splitlines()[0])
                self.crash()
                self.checkers.agent_stopped(self, why, is_regular=is_regular)
                self.world.after(_RESTART_MS, self.start)
            case act.OpenExecutor() | act.SendToExecutor() | act.CloseExecutor() | act.Reply():
                self._do_executor(action)
            case _:
                self._do_container(action)

    def _do_executor(
        self, action: act.OpenExecutor | act.SendToExecutor | act.CloseExecutor | act.Reply
    ) -> None:
        stream = self._executing.get(action.route)
        match action:
            case act.OpenExecutor(route):
                if stream is None:
                    self._later(0, ev.ExecutorLost(route))
                    return
                stream.is_open = True
                stream.wire.send(Side.CLIENT, Opened(""))
            case act.SendToExecutor():
                if stream is not None:
                    stream.wire.send(Side.CLIENT, copied(action.event))
            case act.CloseExecutor(route):
                if self._executing.pop(route, None) is not None and stream is not None:
                    stream.wire.hang_up(Side.SERVER)
            case act.Reply(route, status, message):
                answer = Refused(status, message)
                wire = self._asked.pop(route, None)
                if wire is not None:
                    wire.send(Side.CLIENT, answer)
                elif self._executing.pop(route, None) is not None and stream is not None:
                    stream.wire.send(Side.CLIENT, answer)
                    stream.wire.hang_up(Side.SERVER)

    def _open(self, action: act.OpenLink) -> None:
        link, life = action.link, self.life
        master = self.cluster.master_of(action.master.id)
        if master is None:
            self._later(self._dice.randint(1, 20), ev.LinkLost(link, "nobody listens"))
            return
        wire = self.network.dial(self.name)
        self._link = link, wire

        def heard(message: object) -> None:
            if self.life == life and isinstance(message, link_pb2.Event):
                self.checkers.agent_hears(self, message)
                self.submit(ev.LinkEvent(link, message))

        def ended() -> None:
            if self._link is not None and self._link[1] is wire:
                self._link = None
                self._if_here(life, ev.LinkLost(link, "it is over"))

        wire.ears[Side.CLIENT] = Ear(heard, ended)
        master.accept(wire)
        wire.send(Side.SERVER, copied(action.subscribe))

    def _write(self) -> None:
        """Let the disk write the oldest checkpoint, one after the other."""
        if self._is_writing or not self.disk.waiting:
            return
        self._is_writing = True
        delay_ms = self._dice.randint(0, self.knobs.disk_ms * (30 if self.disk_slow else 1))
        self.world.after(delay_ms, self._written, self.life)

    def _written(self, life: int) -> None:
        if self.life != life or self.core is None:
            return
        self._is_writing = False
        token = self.disk.write_next().token
        self._write()
        self.submit(ev.Checkpointed(token))

    def _do_container(self, action: act.Action) -> None:
        match action:
            case act.LaunchContainer():
                container_id = action.spec.container_id
                self._launching[container_id] = True
                delay_ms = self._dice.randint(1, 60)
                self.world.after(delay_ms, self._launch, self.life, action)
            case act.DestroyContainer(container_id):
                if container_id in self._launching:
                    self._launching[container_id] = False
                executor = self.running.get(container_id)
                if executor is not None:
                    self.exited(executor, _KILLED)
            case act.UpdateContainer(container_id):
                self._later(self._dice.randint(0, 30), ev.ContainerUpdated(container_id))
            case act.RecoverContainers(known):
                self._recover(known)
            case _:
                # Directories, which nobody looks at here.
                pass

    def _launch(self, life: int, action: act.LaunchContainer) -> None:
        container_id = action.spec.container_id
        if self.life != life or self.core is None:
            return
        is_wanted = self._launching.pop(container_id)
        if not is_wanted or self._dice.randrange(100) < self.knobs.broken_percent:
            self.submit(ev.ContainerLaunchFailed(container_id, "no luck"))
            return
        self.running[container_id] = SimExecutor(self, action.spec)
        self.submit(ev.ContainerLaunched(container_id, _PID))

    def _recover(self, known: tuple[ContainerId, ...]) -> None:
        """Containers that run are found again, those that nobody knows are destroyed."""
        for container_id, executor in list(self.running.items()):
            if container_id not in known:
                executor.die()
                del self.running[container_id]
        found = [FoundContainer(one, _PID, running=one in self.running) for one in known]
        delay_ms = self._dice.randint(1, 20)
        gone = [one for one in known if one not in self.running]
        self._later(delay_ms, ev.ContainersRecovered(tuple(found)))
        for container_id in gone:
            self._later(delay_ms, ev.ContainerExited(container_id, Termination(None)))
