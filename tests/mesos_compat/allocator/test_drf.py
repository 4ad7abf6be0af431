"""Dominant resource fairness: the order of roles and frameworks."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from mesos_compat.allocator import AllocatorOptions
from mesos_compat.errors import FlagError
from mesos_compat.resources import Quantities, Resources
from tests.mesos_compat.allocator.cluster import Cluster, holders, shown


def test_worked_example_of_the_paper_gives_equal_dominant_shares() -> None:
    """NSDI'11, section 4.1: 9 CPUs and 18 GB; A's tasks need <1, 4>, B's <3, 1>."""
    cluster = Cluster()
    cluster.agent("a1", "cpus:9;mem:18")
    tasks = {"A": "cpus:1;mem:4", "B": "cpus:3;mem:1"}
    minimum = {
        "A": [{"cpus": 1.0, "mem": 4.0}],
        "B": [{"cpus": 3.0, "mem": 1.0}],
    }
    for name in tasks:
        cluster.framework(name, name, minimum={name: minimum[name]})
    launched: list[str] = []
    while offers := cluster.tick():
        (offer,) = offers
        assert cluster.accept(offer, tasks[offer.framework_id])
        launched.append(offer.framework_id)
    # A comes first, since names break ties; the rest is the paper's table.
    assert launched == ["A", "B", "A", "B", "A"]
    assert cluster.share("A") == cluster.share("B") == pytest.approx(2 / 3)


def test_role_with_twice_the_weight_gets_twice_the_share() -> None:
    cluster = Cluster()
    for number in range(30):
        cluster.agent(f"a{number:02}", "cpus:1;mem:100")
    cluster.framework("f1", "heavy")
    cluster.framework("f2", "light")
    cluster.allocator.update_weights({"heavy": 2})
    assert Counter(holders(cluster.run()).values()) == {"f1": 20, "f2": 10}


def test_weights_are_exact() -> None:
    cluster = Cluster()
    for number in range(10):
        cluster.agent(f"a{number:02}", "cpus:1;mem:100")
    cluster.framework("f1", "third")
    cluster.framework("f2", "rest")
    cluster.allocator.update_weights({"third": Fraction(1, 3), "rest": Fraction(2, 3)})
    assert Counter(holders(cluster.run()).values()) == {"f1": 4, "f2": 6}


def test_sub_roles_share_their_parents_part() -> None:
    cluster = Cluster()
    for number in range(12):
        cluster.agent(f"a{number:02}", "cpus:1;mem:100")
    cluster.framework("f1", "a/x")
    cluster.framework("f2", "a/y")
    cluster.framework("f3", "b")
    assert Counter(holders(cluster.run()).values()) == {"f1": 3, "f2": 3, "f3": 6}


def test_parents_own_frameworks_compete_with_its_sub_roles() -> None:
    cluster = Cluster()
    for number in range(12):
        cluster.agent(f"a{number:02}", "cpus:1;mem:100")
    cluster.framework("f1", "a")
    cluster.framework("f2", "a/x")
    cluster.framework("f3", "a/y")
    assert Counter(holders(cluster.run()).values()) == {"f1": 4, "f2": 4, "f3": 4}


def test_frameworks_of_a_role_share_it_evenly() -> None:
    cluster = Cluster()
    for number in range(9):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    for name in ("f1", "f2", "f3"):
        cluster.framework(name)
    assert Counter(holders(cluster.run()).values()) == {"f1": 3, "f2": 3, "f3": 3}


def test_framework_in_several_roles_is_offered_agents_for_each() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.agent("a2", "cpus:1;mem:100")
    cluster.framework("f1", "x", "y")
    assert sorted(offer.role for offer in cluster.run()) == ["x", "y"]


def test_excluded_resource_makes_no_share_dominant() -> None:
    options = AllocatorOptions(fair_sharing_excluded_resource_names=("gpus",))
    for cluster, expected in ((Cluster(), "f2"), (Cluster(options=options), "f1")):
        gpus = Resources.parse("cpus:1;mem:1;gpus:4").allocate("x")
        cpus = Resources.parse("cpus:3;mem:1").allocate("y")
        cluster.agent("a1", "cpus:8;mem:100;gpus:4", used={"f1": gpus, "f2": cpus})
        cluster.framework("f1", "x", can=("GPU_RESOURCES",))
        cluster.framework("f2", "y", can=("GPU_RESOURCES",))
        assert set(holders(cluster.run()).values()) == {expected}


def test_used_resources_of_agents_count_before_their_framework_is_known() -> None:
    cluster = Cluster()
    used = Resources.parse("cpus:2;mem:50").allocate("role")
    cluster.agent("a1", "cpus:4;mem:100", used={"f1": used})
    cluster.framework("f1", used={"a1": used})
    cluster.framework("f2")
    cluster.allocator.check()
    assert cluster.share("role") == 0.5
    assert shown(cluster.run()) == [("f2", "role", "a1", "cpus:2; mem:50")]


def test_offer_lists_what_is_no_scalar_first() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:1024;disk:9;ports:[31000-32000]")
    cluster.framework("f1")
    assert shown(cluster.run()) == [
        ("f1", "role", "a1", "ports:[31000-32000]; cpus:4; mem:1024; disk:9")
    ]


def test_random_sorters_prefer_greater_weights() -> None:
    options = AllocatorOptions(role_sorter="random", framework_sorter="random")
    cluster = Cluster(options=options)
    for number in range(400):
        cluster.agent(f"a{number:03}", "cpus:1;mem:100")
    for name in ("f1", "f2"):
        cluster.framework(name, "heavy")
    cluster.framework("f3", "light")
    cluster.allocator.update_weights({"heavy": 3})
    offered = Counter(holders(cluster.run()).values())
    assert 250 < offered["f1"] + offered["f2"] < 350
    assert 90 < offered["f1"] < 210


def test_random_roles_may_have_fairly_sorted_frameworks() -> None:
    cluster = Cluster(options=AllocatorOptions(role_sorter="random"))
    for number in range(10):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    for name in ("f1", "f2"):
        cluster.framework(name)
    assert Counter(holders(cluster.run()).values()) == {"f1": 5, "f2": 5}


def test_random_order_depends_on_the_seed_alone() -> None:
    options = AllocatorOptions(role_sorter="random", framework_sorter="random")

    def offered(seed: int) -> list[tuple[str, str, str, str]]:
        cluster = Cluster(options=options, seed=seed)
        for number in range(20):
            cluster.agent(f"a{number:02}", "cpus:1;mem:100")
        for number in range(5):
            cluster.framework(f"f{number}", f"r{number % 2}")
        return shown(cluster.run())

    assert offered(1) == offered(1)
    assert offered(1) != offered(2)


def test_agents_are_taken_in_random_order() -> None:
    def first(seed: int) -> str:
        cluster = Cluster(seed=seed, options=AllocatorOptions(min_allocatable=()))
        for number in range(10):
            cluster.agent(f"a{number}", "cpus:1")
        cluster.framework("f1")
        return cluster.run()[0].agent_id

    assert len({first(seed) for seed in range(20)}) > 3


def test_unknown_names_are_refused() -> None:
    with pytest.raises(FlagError, match="'fair' is none of"):
        Cluster("fair")
    with pytest.raises(FlagError, match="--role_sorter: 'best'"):
        Cluster(options=AllocatorOptions(role_sorter="best"))


def test_smallest_default_offer_is_some_cpu_or_some_memory() -> None:
    smallest = AllocatorOptions().min_allocatable
    assert smallest == (Quantities.parse("cpus:0.01"), Quantities.parse("mem:32"))
    for total, offered in (("cpus:0.01", 1), ("mem:32", 1), ("mem:31;disk:9", 0)):
        cluster = Cluster()
        cluster.agent("a1", total)
        cluster.framework("f1")
        assert len(cluster.run()) == offered
