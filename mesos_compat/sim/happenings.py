"""What happens to a cluster from outside: faults, and orders of operators.

They are drawn from the seed, carried out at their times, and mended at the end. Each carries
its own end (how long a link stays cut, when a process comes back), so any one can be left out
of a scenario and the rest still makes sense.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mesos_compat.sim import orders
from mesos_compat.sim.wires import Side

if TYPE_CHECKING:
    from mesos_compat.sim.cluster import Cluster

_NS_PER_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Happening:
    """When, what, to whom, for how long, and a number for whatever else is to be drawn."""

    at_ms: int
    kind: str
    #: The agent, scheduler or host, counted round.
    one: int
    for_ms: int
    number: int = 0

    def line(self) -> str:
        """As it stands in a scenario file."""
        return f"{self.at_ms} {self.kind} {self.one} {self.for_ms} {self.number}"

    @classmethod
    def parse(cls, words: list[str]) -> Happening:
        """What is behind :meth:`line`; raises ``ValueError``."""
        at_ms, kind, *numbers = words
        if kind not in ACTIONS:
            raise ValueError(f"nothing of the kind {kind} can happen")
        one, for_ms, number = map(int, numbers)
        return cls(int(at_ms), kind, one, for_ms, number)


#: How often each kind is drawn.
_FAULTS: Final = (
    ("master-crash", 5), ("takeover", 4), ("registry-slow", 2), ("registry-fails", 2),
    ("agent-crash", 7), ("agent-cornered", 4), ("agent-power", 3), ("agent-wiped", 2),
    ("agent-unregisters", 1), ("disk-slow", 3), ("executor-dies", 3), ("cut", 7), ("block", 5),
    ("one-way", 5), ("slow-link", 3), ("scheduler-crash", 6), ("scheduler-forgets", 2),
    ("clock-jump", 3),
)  # fmt: skip
_ORDERS: Final = (
    ("teardown", 2), ("operator-teardown", 1), ("quota", 4), ("no-quota", 1), ("weights", 1),
    ("drain", 3), ("deactivate", 2), ("reactivate", 3), ("mark-gone", 1), ("reserve", 3),
    ("unreserve", 2), ("maintenance", 2),
)  # fmt: skip


def draw(
    dice: random.Random, faults: int, wishes: int, begin_ms: int, end_ms: int
) -> tuple[Happening, ...]:
    """So many faults and orders between two times, in their order; some runs prefer a few."""
    found = []
    for kinds, count in ((_FAULTS, faults), (_ORDERS, wishes)):
        weighted = dict(kinds)
        if dice.random() < 0.5:
            chosen = dice.sample(sorted(weighted), 4)
            weighted = {kind: weight for kind, weight in weighted.items() if kind in chosen}
        for kind in dice.choices(list(weighted), list(weighted.values()), k=count):
            for_ms = dice.choice((dice.randint(5, 200), dice.randint(200, 2_000), 4_000))
            at_ms = dice.randint(begin_ms, end_ms)
            found.append(Happening(at_ms, kind, dice.randrange(6), for_ms, dice.randrange(1 << 16)))
    found.sort(key=lambda one: one.at_ms)
    return tuple(found)


def carry_out(cluster: Cluster, happening: Happening) -> None:
    """The time of something has come."""
    cluster.world.note("sim", happening.kind, happening.line())
    cluster.happened[happening.kind] = cluster.happened.get(happening.kind, 0) + 1
    dice = random.Random(f"{cluster.world.seed}/{happening.line()}")
    ACTIONS[happening.kind](cluster, happening, dice)


# Masters and their registry.


def _master_crash(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    del dice
    cluster.crash_master(what.for_ms)


def _takeover(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    """Another master leads, and the old one has not noticed yet."""
    del dice
    old = cluster.leader
    cluster.elect()
    if old is not None:
        cluster.world.after(what.for_ms, old.die)


def _registry(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    del dice
    name = "slow" if what.kind == "registry-slow" else "failing"
    registry = cluster.registry
    setattr(registry, name, getattr(registry, name) + 1)

    def end() -> None:
        setattr(registry, name, max(0, getattr(registry, name) - 1))

    cluster.world.after(what.for_ms, end)


# Agents.


def _agent_crash(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    del dice
    agent = cluster.agent(what.one)
    agent.crash(power=what.kind == "agent-power")
    cluster.world.after(what.for_ms, agent.start)


def _agent_cornered(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    """A process ends that nobody hears: what it knew is on its disk, which is slow, or nowhere."""
    del dice
    agent = cluster.agent(what.one)
    network = cluster.network
    agent.disk_slow += 1
    for side in Side:
        network.block(agent.name, side)

    def end() -> None:
        agent.disk_slow = max(0, agent.disk_slow - 1)
        network.cut_all(agent.name, cluster.knobs.notice_ms)
        agent.crash()
        for side in Side:
            network.unblock(agent.name, side)
        cluster.world.after(100, agent.start)

    cluster.world.after(what.for_ms, end)


def _agent_wiped(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    del dice
    agent = cluster.agent(what.one)
    agent.wipe()
    cluster.world.after(what.for_ms, agent.start)


def _agent_unregisters(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    del dice
    cluster.agent(what.one).unregister()


def _disk_slow(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    del dice
    agent = cluster.agent(what.one)
    agent.disk_slow += 1

    def end() -> None:
        agent.disk_slow = max(0, agent.disk_slow - 1)

    cluster.world.after(what.for_ms, end)


def _executor_dies(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    agent = cluster.agent(what.one)
    if agent.running:
        agent.exited(dice.choice(list(agent.running.values())), 256)


# Links.


def _cut(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    notice_ms = dice.choice((1, cluster.knobs.notice_ms, 4_000))
    cluster.network.cut(cluster.host(what.one), dice, notice_ms)


def _stop_ways(
    cluster: Cluster, what: Happening, dice: random.Random, sides: tuple[Side, ...]
) -> None:
    """Block directions for a while; connections may be found dead meanwhile, or not."""
    network, host = cluster.network, cluster.host(what.one)
    for side in sides:
        network.block(host, side)
        cluster.world.after(what.for_ms, network.unblock, host, side)
    if dice.random() < 0.5:
        delay_ms = dice.randint(0, what.for_ms)
        cluster.world.after(delay_ms, network.cut, host, dice, cluster.knobs.notice_ms)


def _block(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    _stop_ways(cluster, what, dice, (Side.CLIENT, Side.SERVER))


def _one_way(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    _stop_ways(cluster, what, dice, (dice.choice((Side.CLIENT, Side.SERVER)),))


def _slow_link(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    host = cluster.host(what.one)
    cluster.network.slow_down(host, dice.choice((3, 10, 40)))
    cluster.world.after(what.for_ms, cluster.network.slow_down, host, 1)


# Schedulers and clocks.


def _scheduler_crash(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    scheduler = cluster.scheduler(what.one)
    forgets = what.kind == "scheduler-forgets"
    scheduler.crash(forgets=forgets, power=dice.random() < 0.3)
    cluster.world.after(what.for_ms, scheduler.start)


def _teardown(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    del dice
    cluster.scheduler(what.one).tear_down()


def _clock_jump(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    jump_ns = dice.choice((-1, 1)) * dice.randint(1, 100_000) * _NS_PER_SECOND // 10
    leader = cluster.leader
    if leader is not None and dice.random() < 0.5:
        leader.wall_offset_ns += jump_ns
    else:
        cluster.agent(what.one).wall_offset_ns += jump_ns


def _order(cluster: Cluster, what: Happening, dice: random.Random) -> None:
    for delay_ms, call in orders.make(cluster, what.kind, what.one, what.for_ms, dice):
        cluster.world.after(delay_ms, cluster.operate, call)


ACTIONS: Final[dict[str, Callable[[Cluster, Happening, random.Random], None]]] = {
    "master-crash": _master_crash,
    "takeover": _takeover,
    "registry-slow": _registry,
    "registry-fails": _registry,
    "agent-crash": _agent_crash,
    "agent-cornered": _agent_cornered,
    "agent-power": _agent_crash,
    "agent-wiped": _agent_wiped,
    "agent-unregisters": _agent_unregisters,
    "disk-slow": _disk_slow,
    "executor-dies": _executor_dies,
    "cut": _cut,
    "block": _block,
    "one-way": _one_way,
    "slow-link": _slow_link,
    "scheduler-crash": _scheduler_crash,
    "scheduler-forgets": _scheduler_crash,
    "teardown": _teardown,
    "clock-jump": _clock_jump,
    **{kind: _order for kind, _ in _ORDERS if kind != "teardown"},
}
