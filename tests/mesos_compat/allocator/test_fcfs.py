"""First come, first served."""

from __future__ import annotations

from tests.mesos_compat.allocator.cluster import Cluster, holders


def cluster_of(agents: int) -> Cluster:
    cluster = Cluster("fcfs")
    for number in range(agents):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    return cluster


def test_first_framework_gets_everything_it_accepts() -> None:
    cluster = cluster_of(3)
    cluster.framework("late-name-first-come")
    cluster.framework("a")
    assert set(holders(cluster.run()).values()) == {"late-name-first-come"}


def test_next_in_line_gets_what_the_head_refuses() -> None:
    cluster = cluster_of(2)
    cluster.framework("f1")
    cluster.framework("f2")
    first, _second = cluster.run()
    cluster.decline(first, 100)
    assert holders(cluster.tick()) == {first.agent_id: "f2"}


def test_revived_framework_queues_at_the_end_and_a_second_revive_changes_nothing() -> None:
    cluster = cluster_of(1)
    for name in ("f1", "f2"):
        cluster.framework(name)
    cluster.allocator.suppress("f1", [])
    cluster.allocator.revive("f1", [], cluster.now_ms)
    cluster.allocator.revive("f2", [], cluster.now_ms)
    assert [role_and_name[1] for role_and_name in cluster.allocator.explain().order] == [
        "f2",
        "f1",
    ]
    assert holders(cluster.run()) == {"a0": "f2"}


def test_suppressed_and_removed_heads_let_the_next_through() -> None:
    cluster = cluster_of(1)
    for name in ("f1", "f2", "f3"):
        cluster.framework(name)
    cluster.allocator.suppress("f1", [])
    cluster.allocator.remove_framework("f2")
    assert holders(cluster.run()) == {"a0": "f3"}
