"""The simulated registry: who owns it, and what a failed store may have done."""

from __future__ import annotations

from mesos_compat.sim.knobs import Knobs
from mesos_compat.sim.registry import SimRegistry
from mesos_compat.sim.trace import Trace
from mesos_compat.sim.world import World
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2


class Master:
    """One who fetches and stores."""

    def __init__(self, world: World, registry: SimRegistry, number: int) -> None:
        self.world, self.registry, self.number = world, registry, number
        self.fetched: list[str] = []
        self.told: list[str] = []

    def fetch(self) -> None:
        self.registry.fetch(
            self.number, lambda found: self.fetched.append(hostname_of(found)), self.told.append
        )
        self.world.run_until(self.world.now_ms + 10_000)

    def store(self, hostname: str) -> None:
        kept = link_pb2.Registry()
        kept.master.CopyFrom(mesos_pb2.MasterInfo(id="M", ip=1, port=5050, hostname=hostname))
        self.registry.store(self.number, kept, lambda: self.told.append("done"), self.told.append)
        self.world.run_until(self.world.now_ms + 10_000)


def hostname_of(found: link_pb2.Registry) -> str:
    return found.master.hostname


def masters(seed: int = 1) -> tuple[SimRegistry, Master, Master]:
    world = World(seed, Trace())
    registry = SimRegistry(world, Knobs())
    return registry, Master(world, registry, 1), Master(world, registry, 2)


def test_what_one_stores_another_fetches() -> None:
    _registry, first, second = masters()
    first.fetch()
    first.store("one")
    second.fetch()
    assert first.told == ["done"]
    assert second.fetched == ["one"]


def test_who_fetches_it_takes_it_from_the_one_before() -> None:
    _registry, first, second = masters()
    first.fetch()
    second.fetch()
    first.store("one")
    assert first.told == ["another master has taken it over"]
    second.fetch()
    assert second.fetched == ["", ""]


def test_a_store_that_fails_may_have_been_done() -> None:
    found = set()
    for seed in range(40):
        registry, first, second = masters(seed)
        first.fetch()
        registry.failing = 1
        first.store("one")
        registry.heal()
        second.fetch()
        found.add((first.told[0], second.fetched[0]))
    failed = "it cannot be written"
    assert found == {("done", "one"), (failed, "one"), (failed, "")}
