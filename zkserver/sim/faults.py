"""What goes wrong in a run: drawn from its seed, carried out, and mended at the end.

A fault carries its own end (how long a link stays cut, when a server comes back), so any
one can be left out of a scenario and the rest still makes sense.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zkserver.sim.rot import flip_stored_bit

if TYPE_CHECKING:
    from zkserver.sim.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: when, what, whom it concerns, for how long, and how bad."""

    at_ms: int
    kind: str
    #: The server it concerns, or one end of the link.
    one: int
    #: The other end of the link; a client's number for what concerns clients.
    other: int
    for_ms: int
    number: int = 0

    def line(self) -> str:
        """As it stands in a scenario file."""
        return f"fault {self.at_ms} {self.kind} {self.one} {self.other} {self.for_ms} {self.number}"

    @classmethod
    def parse(cls, words: list[str]) -> Fault:
        """The fault behind :meth:`line`; raises ``ValueError``."""
        at_ms, kind, *numbers = words
        if kind not in ACTIONS:
            raise ValueError(f"unknown fault {kind}")
        one, other, for_ms, number = map(int, numbers)
        return cls(int(at_ms), kind, one, other, for_ms, number)


#: How often each kind is drawn.
_WEIGHTS: Final = (
    ("kill", 6), ("power", 6), ("all_power", 1), ("pause", 4), ("cut", 4), ("block", 4),
    ("one_way", 4), ("isolate", 4), ("bridge", 3), ("halves", 3), ("swizzle", 2), ("slow_link", 3),
    ("corrupt", 1), ("clock_jump", 3), ("disk_full", 2), ("fsync_error", 3), ("slow_fsync", 3),
    ("rot", 1), ("drop_clients", 3), ("storm", 1), ("member", 4), ("duel", 4),
)  # fmt: skip


def draw_faults(
    dice: random.Random, servers: int, count: int, begin_ms: int, end_ms: int
) -> tuple[Fault, ...]:
    """``count`` faults between two times, in their order; some runs prefer a few kinds."""
    weighted = dict(_WEIGHTS)
    if dice.random() < 0.5:
        chosen = dice.sample(sorted(weighted), 5)
        weighted = {kind: weight for kind, weight in weighted.items() if kind in chosen}
    kinds, weights = list(weighted), list(weighted.values())
    found = []
    for _ in range(count):
        one, other = dice.sample(range(1, servers + 1), 2)
        for_ms = dice.choice((dice.randint(5, 100), dice.randint(50, 800), dice.randint(500, 2500)))
        found.append(
            Fault(
                dice.randint(begin_ms, end_ms),
                dice.choices(kinds, weights)[0],
                one,
                other,
                for_ms,
                dice.randrange(1 << 16),
            )
        )
    found.sort(key=lambda fault: fault.at_ms)
    return tuple(found)


def carry_out(cluster: Cluster, fault: Fault) -> None:
    """The time of a fault has come."""
    cluster.world.note("fault", fault.kind, fault.line())
    cluster.injected[fault.kind] = cluster.injected.get(fault.kind, 0) + 1
    dice = random.Random(f"{cluster.world.seed}/{fault.line()}")
    ACTIONS[fault.kind](cluster, fault, dice)


# Processes.


def _kill(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    del dice
    cluster.crash(fault.one, power=fault.kind == "power", for_ms=fault.for_ms)


def _all_power(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    for server_id in cluster.ids:
        cluster.crash(server_id, power=True, for_ms=fault.for_ms + dice.randint(0, 300))


def _pause(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    del dice
    server = cluster.servers[fault.one]
    server.pause()
    cluster.world.after(fault.for_ms * 1000, server.resume)


def _clock_jump(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    cluster.servers[fault.one].clock.jump(dice.choice((-1, 1)) * dice.randint(1, 10_000_000))


def _member(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    """An operator takes a server out of the ensemble, and puts it back, by way of any server."""
    if any(other.kind == "rot" for other in cluster.scenario.faults):
        # The few that are left could be the one that has lost its data.
        return
    line = f"server.{fault.one}=10.0.0.{fault.one}:2888:3888:participant"
    asked, asked_again = dice.choices(cluster.ids, k=2)
    cluster.servers[asked].reconfigure(b"", str(fault.one).encode())
    back = cluster.servers[asked_again].reconfigure
    cluster.world.after(fault.for_ms * 1000, back, line.encode(), b"")


def _duel(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    """The leader is cut off for long enough that another one is elected.

    It may be paused at first: then it does not know yet that it was deposed, and has requests
    to answer. And the first to promise the other one may die right behind that, and hear only
    the one that it has left when it comes back: what it promised is all that keeps it from
    helping both.
    """
    leader = cluster.leading() or fault.one
    others = [server_id for server_id in cluster.ids if server_id != leader]
    network, world = cluster.network, cluster.world
    for_us = (fault.for_ms + cluster.knobs.timeout_ms * 2) * 1000
    for way in _apart([leader], others):
        network.block(*way)
        world.after(for_us, network.unblock, *way)
    if dice.random() < 0.5:
        cluster.servers[leader].pause()
        world.after(dice.randint(0, for_us), cluster.servers[leader].resume)
    away_us = dice.choice((2_000, 20_000, 60_000))
    grace_us = dice.choice((0, 1, 2, 4)) * network.delay_us
    power = dice.random() < 0.5

    def promised(server_id: int, candidate: int) -> None:
        if candidate != leader:
            for other in others:
                cluster.servers[other].has_promised = None
            world.after(grace_us, die, server_id, candidate)

    def die(server_id: int, candidate: int) -> None:
        cluster.crash(server_id, power=power, for_ms=away_us // 1000)
        for way in _apart([server_id], [candidate]):
            network.block(*way)
            world.after(away_us + fault.for_ms * 1000, network.unblock, *way)
        for way in _apart([server_id], [leader]):
            network.unblock(*way)

    if dice.random() < 0.5:
        for other in others:
            cluster.servers[other].has_promised = promised


# Links.


def _cut(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    cluster.network.cut(fault.one, fault.other, dice, dice.choice((1_000, 300_000)))


def _corrupt(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    cluster.network.corrupt(fault.one, fault.other, dice)


def _stop_ways(
    cluster: Cluster, fault: Fault, dice: random.Random, ways: list[tuple[int, int]]
) -> None:
    """Block directions for a while; sessions may be found dead meanwhile, or not."""
    network = cluster.network
    for source, target in ways:
        network.block(source, target)
        cluster.world.after(fault.for_ms * 1000, network.unblock, source, target)
        if dice.random() < 0.5:
            delay_us = dice.randint(0, fault.for_ms * 1000)
            cluster.world.after(delay_us, network.cut, source, target, dice)


def _block(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    one, other = fault.one, fault.other
    _stop_ways(cluster, fault, dice, [(one, other), (other, one)])


def _one_way(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    _stop_ways(cluster, fault, dice, [(fault.one, fault.other)])


def _isolate(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    others = [server_id for server_id in cluster.ids if server_id != fault.one]
    shape = dice.randrange(3)
    ways = [(fault.one, other) for other in others] if shape != 1 else []
    ways += [(other, fault.one) for other in others] if shape != 2 else []
    _stop_ways(cluster, fault, dice, ways)


def _apart(first: list[int], second: list[int]) -> list[tuple[int, int]]:
    return [way for a in first for b in second for way in ((a, b), (b, a))]


def _halves(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    order = dice.sample(cluster.ids, len(cluster.ids))
    size = len(order) // 2
    _stop_ways(cluster, fault, dice, _apart(order[:size], order[size:]))


def _bridge(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    """Two groups that reach each other only over one server."""
    order = dice.sample(cluster.ids, len(cluster.ids))
    size = len(order) // 2
    _stop_ways(cluster, fault, dice, _apart(order[:size], order[size + 1 :]))


def _swizzle(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    """Links stop one by one and come back one by one, in another order."""
    pairs = [(a, b) for a in cluster.ids for b in cluster.ids if a < b]
    network, world = cluster.network, cluster.world
    step_us = fault.for_ms * 500 // len(pairs)
    backwards = dice.sample(pairs, len(pairs))
    for position, pair in enumerate(dice.sample(pairs, len(pairs))):
        back = len(pairs) + backwards.index(pair)
        for source, target in (pair, (pair[1], pair[0])):
            world.after(position * step_us, network.block, source, target)
            world.after(back * step_us, network.unblock, source, target)


def _slow_link(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    network, factor = cluster.network, dice.choice((5, 30, 100))
    for source, target in ((fault.one, fault.other), (fault.other, fault.one)):
        network.slow_down(source, target, factor)
        cluster.world.after(fault.for_ms * 1000, network.slow_down, source, target, 1)


# Disks.


def _disk_full(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    disk = cluster.servers[fault.one].disk
    disk.free_bytes = dice.choice((0, 3000, 10_000))
    cluster.world.after(fault.for_ms * 1000, cluster.mend_disk, fault.one)


def _fsync_error(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    disk = cluster.servers[fault.one].disk
    disk.fail(dice.choice(("flush", "flush", "write")), errno.EIO)
    cluster.world.after(fault.for_ms * 1000, cluster.mend_disk, fault.one)


def _slow_fsync(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    server = cluster.servers[fault.one]
    server.slowness = dice.choice((10, 50))
    cluster.world.after(fault.for_ms * 1000, setattr, server, "slowness", 1)


def _rot(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    """In a minority of copies at most, and no other one of them may be damaged before."""
    damaged = sum(server.is_rotten for server in cluster.servers.values())
    server = cluster.servers[fault.one]
    if damaged < (len(cluster.ids) - 1) // 2 and not server.is_rotten:
        flip_stored_bit(server, dice)


# Clients.


def _drop_clients(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    del dice
    for wire in tuple(cluster.servers[fault.one].wires):
        wire.drop()


def _storm(cluster: Cluster, fault: Fault, dice: random.Random) -> None:
    """All clients come back again and again."""
    for _ in range(dice.randint(1, 4)):
        delay_us = dice.randint(0, fault.for_ms * 1000)
        for client in cluster.clients:
            cluster.world.after(delay_us + dice.randint(0, 5000), client.hang_up, "storm")


ACTIONS: Final[dict[str, Callable[[Cluster, Fault, random.Random], None]]] = {
    "kill": _kill,
    "power": _kill,
    "all_power": _all_power,
    "pause": _pause,
    "cut": _cut,
    "block": _block,
    "one_way": _one_way,
    "isolate": _isolate,
    "bridge": _bridge,
    "halves": _halves,
    "swizzle": _swizzle,
    "slow_link": _slow_link,
    "corrupt": _corrupt,
    "clock_jump": _clock_jump,
    "member": _member,
    "duel": _duel,
    "disk_full": _disk_full,
    "fsync_error": _fsync_error,
    "slow_fsync": _slow_fsync,
    "rot": _rot,
    "drop_clients": _drop_clients,
    "storm": _storm,
}
