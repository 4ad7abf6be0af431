"""A hundred frameworks for a while: everybody gets a like share, and nothing is given twice."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from mesos_compat.allocator import AllocatorOptions, Allotment
from mesos_compat.resources import Resources
from tests.mesos_compat.allocator.cluster import Cluster

TOTAL = "cpus:8;mem:8000"
TASK = "cpus:1;mem:500"
WHOLE, PART = Resources.parse(TOTAL), Resources.parse(TASK)


class Simulation:
    """Frameworks that launch one task per offer; tasks end by chance."""

    def __init__(self, policy: str, options: AllocatorOptions | None, seed: int) -> None:
        self.cluster = Cluster(policy, options, seed)
        self.chance = random.Random(seed)
        self.tasks: list[tuple[str, str]] = []
        # Rounds in which a task ran, by framework.
        self.worked: Counter[str] = Counter()

    def step(self) -> None:
        offers = self.cluster.tick()
        self.conserve(offers)
        for offer in offers:
            if self.cluster.accept(offer, TASK):
                self.tasks.append((offer.framework_id, offer.agent_id))
        ended = [task for task in self.tasks if self.chance.random() < 0.2]
        for framework_id, agent_id in ended:
            self.tasks.remove((framework_id, agent_id))
            self.cluster.end(framework_id, agent_id, TASK)
        self.worked.update(framework_id for framework_id, _agent in self.tasks)

    def conserve(self, offers: list[Allotment]) -> None:
        """Offers and tasks together are never more than an agent has."""
        used = Counter(agent_id for _framework_id, agent_id in self.tasks)
        offered: dict[str, Resources] = {}
        for offer in offers:
            before = offered.get(offer.agent_id, Resources())
            offered[offer.agent_id] = before + offer.resources.unallocate()
        for agent_id, resources in offered.items():
            for _task in range(used[agent_id]):
                resources += PART
            assert WHOLE.contains(resources)


def test_hundred_frameworks_get_like_shares() -> None:
    simulation = Simulation("drf", None, seed=3)
    names = [f"f{number:02}" for number in range(100)]
    for number in range(20):
        simulation.cluster.agent(f"a{number:02}", TOTAL)
    for name in names:
        simulation.cluster.framework(name)
    for _second in range(40):
        simulation.step()
    worked = [simulation.worked[name] for name in names]
    assert min(worked) > 0
    # Jain's index of fairness: 1 when all are equal, one hundredth when one has it all.
    assert 100 * sum(worked) ** 2 > 95 * len(worked) * sum(one * one for one in worked)


@pytest.mark.parametrize("policy", ["fcfs", "lrf"])
def test_nothing_is_given_twice_by_other_policies(policy: str) -> None:
    simulation = Simulation(policy, None, seed=4)
    for number in range(10):
        simulation.cluster.agent(f"a{number}", TOTAL)
    for number in range(20):
        simulation.cluster.framework(f"f{number:02}")
    for _second in range(25):
        simulation.step()
    assert simulation.worked


def test_same_seed_gives_the_same_history() -> None:
    def history() -> list[Counter[str]]:
        simulation = Simulation("drf", AllocatorOptions(framework_sorter="random"), seed=9)
        for number in range(5):
            simulation.cluster.agent(f"a{number}", TOTAL)
        for number in range(9):
            simulation.cluster.framework(f"f{number}")
        seen: list[Counter[str]] = []
        for _second in range(15):
            simulation.step()
            seen.append(Counter(simulation.worked))
        return seen

    assert history() == history()
