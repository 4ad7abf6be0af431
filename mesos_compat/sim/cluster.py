"""Masters, agents and schedulers, and a run from its first moment to its verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mesos_compat.errors import InvariantBroken
from mesos_compat.sim import happenings, liveness
from mesos_compat.sim.agents import SimAgent
from mesos_compat.sim.checkers import Checkers
from mesos_compat.sim.masters import SimMaster
from mesos_compat.sim.registry import SimRegistry
from mesos_compat.sim.scenario import Scenario
from mesos_compat.sim.schedulers import SimScheduler
from mesos_compat.sim.trace import Trace
from mesos_compat.sim.wires import Network
from mesos_compat.sim.world import Violation, World
from mesos_compat.wire.v1 import master_pb2

#: How long it takes at most until somebody hears of another leader.
_DETECTION_MS: Final = 200
#: How soon a master that has stopped is replaced.
_RESTART_MS: Final = 150


@dataclass(slots=True)
class Verdict:
    """How a run ended."""

    scenario: Scenario
    trace: Trace
    #: What was found; None when all was well.
    violation: Violation | None
    #: Simulated time, milliseconds.
    simulated_ms: int
    #: Things that happened, tasks that were launched, and statuses that frameworks heard.
    steps: int = 0
    tasks: int = 0
    statuses: int = 0
    #: Kind of happening -> how often it was carried out.
    happened: dict[str, int] = field(default_factory=dict)


class Cluster:
    """All of one run."""

    def __init__(self, scenario: Scenario, trace: Trace) -> None:
        self.scenario = scenario
        self.knobs = scenario.knobs
        self.world = World(scenario.seed, trace)
        self.network = Network(self.world, self.knobs.link_ms)
        self.registry = SimRegistry(self.world, self.knobs)
        self.checkers = Checkers(self)
        self._dice = self.world.stream("cluster")
        self._masters: dict[str, SimMaster] = {}
        self.leader: SimMaster | None = None
        #: Nobody begins anything new; and nobody gives offers back.
        self.is_calm = self.is_hoarding = False
        self.happened: dict[str, int] = {}
        self.agents = [SimAgent(self, number) for number in range(self.knobs.agents)]
        self.schedulers = [SimScheduler(self, number) for number in range(self.knobs.schedulers)]

    # Who is there.

    def agent(self, one: int) -> SimAgent:
        """An agent, counted round."""
        return self.agents[one % len(self.agents)]

    def scheduler(self, one: int) -> SimScheduler:
        """A scheduler, counted round."""
        return self.schedulers[one % len(self.schedulers)]

    def host(self, one: int) -> str:
        """An agent or a scheduler by its name, counted round."""
        hosts = [agent.name for agent in self.agents]
        hosts += [scheduler.name for scheduler in self.schedulers]
        return hosts[one % len(hosts)]

    def master_of(self, master_id: str) -> SimMaster | None:
        """A master that listens, by its id."""
        master = self._masters.get(master_id)
        return master if master is not None and master.is_alive else None

    # Masters.

    def elect(self) -> None:
        """A new master leads from now on; others hear of it one by one."""
        number = len(self._masters) + 1
        self.world.note("sim", "elected", f"m{number}")
        master = self.leader = SimMaster(self, number, self.scenario.allocator)
        self._masters[master.info.id] = master
        for agent in self.agents:
            self.detect(agent)
        for scheduler in self.schedulers:
            delay_ms = self._dice.randint(1, _DETECTION_MS)
            self.world.after(delay_ms, self._tell_scheduler, scheduler, master)

    def detect(self, agent: SimAgent) -> None:
        """Let an agent hear soon who leads, if anybody does."""
        delay_ms = self._dice.randint(1, _DETECTION_MS)
        self.world.after(delay_ms, self._tell_agent, agent, self.leader)

    def _tell_agent(self, agent: SimAgent, master: SimMaster | None) -> None:
        if master is self.leader and master is not None:
            agent.master_changed(master if master.is_alive else None)

    def _tell_scheduler(self, scheduler: SimScheduler, master: SimMaster) -> None:
        if master is self.leader and scheduler.dialled is not master:
            scheduler.drop_stream()

    def crash_master(self, for_ms: int) -> None:
        """Whoever leads dies, and another leads later."""
        master = self.leader
        if master is None or not master.is_alive:
            return
        master.die()
        if self._dice.random() < 0.5:
            for agent in self.agents:
                self.detect(agent)
        self.world.after(for_ms, self._replace, master)

    def master_stopped(self, master: SimMaster) -> None:
        """A master has ended itself; if it was the leader, another leads soon."""
        self.world.after(_RESTART_MS, self._replace, master)

    def _replace(self, master: SimMaster) -> None:
        if self.leader is master:
            self.elect()

    def operate(self, call: master_pb2.Call) -> None:
        """A call of an operator to whoever leads."""
        if self.leader is not None:
            self.leader.operate(call)

    # The run.

    def heal(self) -> None:
        """Nothing goes wrong any more, and what did is mended."""
        self.world.note("sim", "heal")
        self.is_calm = True
        self.network.heal()
        self.registry.heal()
        if self.leader is None or not self.leader.is_alive:
            self.elect()
        for master in self._masters.values():
            if master is not self.leader:
                master.die()
        for agent in self.agents:
            agent.disk_slow = 0
            agent.start()
        for scheduler in self.schedulers:
            scheduler.start()

    def run(self) -> None:
        """From the first start to the last check; raises :class:`Violation`."""
        world, scenario = self.world, self.scenario
        self.elect()
        for agent in self.agents:
            world.after(self._dice.randint(0, 100), agent.start)
        for scheduler in self.schedulers:
            world.after(self._dice.randint(0, 100), scheduler.start)
        for happening in scenario.happenings:
            world.after(happening.at_ms, happenings.carry_out, self, happening)
        world.run_until(scenario.end_ms)
        liveness.converge(self)
        self.checkers.final()


def run(scenario: Scenario, *, keep_trace: bool = False) -> Verdict:
    """Run a scenario to its verdict."""
    trace = Trace(keep=keep_trace)
    violation: Violation | None = None
    cluster = Cluster(scenario, trace)
    try:
        cluster.run()
    except Violation as found:
        violation = found
    except InvariantBroken as broken:
        violation = Violation("invariant", str(broken))
    if violation is not None:
        cluster.world.note("sim", "VIOLATION", str(violation))
    return Verdict(
        scenario,
        trace,
        violation,
        cluster.world.now_ms,
        cluster.world.steps,
        cluster.checkers.tasks_expected,
        cluster.checkers.statuses_heard,
        cluster.happened,
    )
