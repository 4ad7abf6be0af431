"""An ensemble with its clients, and a run from its first moment to its verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from zkserver.replica import peer_codec
from zkserver.sim import faults, liveness
from zkserver.sim.checkers import Checkers
from zkserver.sim.client import SimClient
from zkserver.sim.knobs import applied
from zkserver.sim.linearize import check_registers
from zkserver.sim.network import Network
from zkserver.sim.scenario import Scenario
from zkserver.sim.server import SimServer
from zkserver.sim.trace import Trace
from zkserver.sim.world import Violation, World


@dataclass(slots=True)
class Verdict:
    """How a run ended."""

    scenario: Scenario
    trace: Trace
    #: What was found; None when all was well.
    violation: Violation | None
    #: Simulated time, milliseconds.
    simulated_ms: int
    #: Entries in the sequence, replies that were checked, things that happened.
    entries: int = 0
    replies: int = 0
    steps: int = 0
    #: Kind of fault -> how often it was carried out.
    injected: dict[str, int] = field(default_factory=dict)


class Cluster:
    """Servers, links, clients and checkers of one run."""

    def __init__(self, scenario: Scenario, trace: Trace) -> None:
        self.scenario = scenario
        self.knobs = scenario.knobs
        self.ids = tuple(range(1, scenario.servers + 1))
        self.world = World(scenario.seed, trace)
        self.network = Network(self.world, self.ids, self.knobs.link_delay_us, peer_codec)
        self.checkers = Checkers(self.world, self.knobs, self.network)
        self.servers = {
            server_id: SimServer(server_id, self.world, self.network, self.knobs, self.checkers)
            for server_id in self.ids
        }
        self.network.endpoints.update(self.servers)
        self.checkers.servers.update(self.servers)
        self.clients = [
            SimClient(number, self.world, self.knobs, list(self.servers.values()), self.checkers)
            for number in range(scenario.clients)
        ]
        self.injected: dict[str, int] = {}

    def leading(self) -> int:
        """The server that leads in the highest ballot; 0 when none does."""
        ballots = {
            server.core.node.leader.ballot: server_id
            for server_id, server in self.servers.items()
            if server.core is not None and server.core.node.leader is not None
        }
        return ballots[max(ballots)] if ballots else 0

    # What faults do to processes.

    def crash(self, server_id: int, *, power: bool, for_ms: int) -> None:
        """A server dies, and starts again later."""
        self.servers[server_id].crash(power=power)
        self.world.after(for_ms * 1000, self.servers[server_id].start)

    def mend_disk(self, server_id: int) -> None:
        """The operator makes room or replaces the disk's cable, and starts the server again."""
        self.servers[server_id].disk.mend()
        self.servers[server_id].start()

    def heal(self) -> None:
        """Faults are over."""
        self.world.note("sim", "heal")
        self.network.heal()
        for server in self.servers.values():
            server.slowness = 1
            server.has_promised = None
            server.disk.mend()
            server.resume()
            server.start()
        for client in self.clients:
            if client.wire is not None and client.wire.is_stalled:
                client.wire.drain()

    # The run.

    def run(self) -> None:
        """From the first start to the last check; raises :class:`Violation`."""
        world, scenario = self.world, self.scenario
        for server in self.servers.values():
            world.after(server.stream.randint(0, 50_000), server.start)
        self.network.start()
        for fault in scenario.faults:
            world.after(fault.at_ms * 1000, faults.carry_out, self, fault)
        for operation in scenario.operations:
            client = self.clients[operation.client]
            world.after(operation.at_ms * 1000, client.perform, operation)
        world.run_until(scenario.end_ms * 1000)
        liveness.converge(self)
        self.checkers.final(self.servers.values())
        check_registers([call for client in self.clients for call in client.history])


def run(scenario: Scenario, *, keep_trace: bool = False) -> Verdict:
    """Run a scenario to its verdict."""
    trace = Trace(keep=keep_trace)
    violation: Violation | None = None
    with applied(scenario.knobs):
        cluster = Cluster(scenario, trace)
        try:
            cluster.run()
        except Violation as found:
            violation = found
            cluster.world.note("sim", "VIOLATION", str(found))
    return Verdict(
        scenario,
        trace,
        violation,
        cluster.world.now_us // 1000,
        cluster.checkers.end,
        sum(client.replies.replies for client in cluster.clients),
        cluster.world.steps,
        cluster.injected,
    )
