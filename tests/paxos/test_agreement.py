"""Whatever happens, one value per position; and when it is over, things go on."""

from __future__ import annotations

import pytest

from tests.paxos.cluster import Cluster


def storm(cluster: Cluster, steps: int) -> None:
    """Random steps and faults."""
    dice = cluster.random
    for _ in range(steps):
        kind = dice.random()
        alive = sorted(cluster.nodes)
        if kind < 0.5:
            links = sorted(link for link, under_way in cluster.links.items() if under_way)
            if links:
                cluster.deliver(dice.choice(links))
        elif kind < 0.7:
            busy = [server for server in alive if cluster.flushing[server]]
            if busy:
                cluster.flush(dice.choice(busy))
        elif kind < 0.8:
            cluster.now_ms += dice.choice((1, 5, 20, 60))
            for server in alive:
                cluster.tick(server)
        elif kind < 0.96:
            if alive:
                cluster.propose(dice.choice(alive))
        elif kind < 0.97:
            down = [server for server in cluster.ids if server not in cluster.nodes]
            if down and dice.random() < 0.7:
                cluster.start(dice.choice(down))
            elif alive:
                cluster.crash(dice.choice(alive))
        else:
            one, other = dice.sample(cluster.ids, 2)
            if (one, other) in cluster.cut_off or (other, one) in cluster.cut_off:
                cluster.mend(one, other)
            elif dice.random() < 0.5:
                cluster.cut(one, other)
            else:
                cluster.unlink(one, other)
                cluster.link(one, other)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("count", [3, 5])
def test_one_value_per_position_and_progress_afterwards(count: int, seed: int) -> None:
    cluster = Cluster(count, seed)
    storm(cluster, 2500)
    for server in cluster.ids:
        if server not in cluster.nodes:
            cluster.start(server)
        for other in cluster.ids:
            if other != server:
                cluster.mend(server, other)
    cluster.settle(3000)
    leader = cluster.leader()
    assert leader is not None, "nobody leads"
    assert cluster.propose(leader) is not None
    cluster.settle(500)
    lengths = {node.decided for node in cluster.nodes.values()}
    assert len(lengths) == 1, lengths
    assert cluster.nodes[leader].decided == cluster.nodes[leader].log.end


def test_three_servers_elect_one_and_decide() -> None:
    cluster = Cluster(3)
    cluster.settle(1000)
    leader = cluster.leader()
    assert leader is not None
    assert sum(node.leads for node in cluster.nodes.values()) == 1
    for _ in range(5):
        cluster.propose(leader)
    cluster.settle(200)
    assert {node.decided for node in cluster.nodes.values()} == {cluster.nodes[leader].log.end}


def test_a_bridge_keeps_its_leader() -> None:
    cluster = Cluster(3)
    cluster.settle(1000)
    leader = cluster.leader()
    assert leader is not None
    middle, far = (server for server in cluster.ids if server != leader)
    cluster.cut(leader, far)
    cluster.settle(3000)
    assert cluster.leader() == leader
    before = cluster.nodes[middle].decided
    cluster.propose(leader)
    cluster.settle(100)
    assert cluster.nodes[middle].decided > before
