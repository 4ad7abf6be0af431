"""Least resource first."""

from __future__ import annotations

from mesos_compat.allocator import AllocatorOptions
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.allocator.cluster import Cluster, holders


def cluster_of(agents: int, ageing_ms: int = 60_000) -> Cluster:
    cluster = Cluster("lrf", AllocatorOptions(ageing_ms=ageing_ms))
    for number in range(agents):
        cluster.agent(f"a{number}", "cpus:4;mem:400")
    return cluster


def request(cluster: Cluster, framework_id: str, text: str) -> None:
    wanted = mesos_pb2.Request(resources=list(Resources.parse(text)))
    cluster.allocator.request_resources(framework_id, [wanted])


def order(cluster: Cluster) -> list[str]:
    return [framework_id for _role, framework_id in cluster.allocator.explain().order]


def test_smallest_request_is_served_first() -> None:
    cluster = cluster_of(1)
    for name, wanted in (("f1", "cpus:3"), ("f2", "cpus:1;mem:10"), ("f3", "cpus:2")):
        cluster.framework(name)
        request(cluster, name, wanted)
    assert set(holders(cluster.run()).values()) == {"f2"}
    assert order(cluster) == ["f2", "f3", "f1"]


def test_demand_is_measured_by_its_dominant_share() -> None:
    cluster = cluster_of(1)
    for name, wanted in (("f1", "cpus:1;mem:300"), ("f2", "cpus:2;mem:10")):
        cluster.framework(name)
        request(cluster, name, wanted)
    assert set(holders(cluster.run()).values()) == {"f2"}


def test_covered_demand_goes_behind_the_others_within_a_run() -> None:
    cluster = cluster_of(4)
    for name, wanted in (("f1", "cpus:1"), ("f2", "cpus:8")):
        cluster.framework(name)
        request(cluster, name, wanted)
    offered = list(holders(cluster.run()).values())
    # One agent covers f1, two cover f2, and the last is nobody's need: the smallest again.
    assert sorted(offered) == ["f1", "f1", "f2", "f2"]


def test_smallest_wanted_offer_stands_for_a_request() -> None:
    cluster = cluster_of(1)
    cluster.framework("f1", "x", minimum={"x": [{"cpus": 3.0}]})
    cluster.framework("f2", "x", minimum={"x": [{"cpus": 4.0}, {"cpus": 1.0}]})
    assert set(holders(cluster.run()).values()) == {"f2"}


def test_without_any_statement_who_holds_least_comes_first() -> None:
    cluster = cluster_of(4)
    for name in ("f1", "f2"):
        cluster.framework(name)
    assert sorted(holders(cluster.run()).values()) == ["f1", "f1", "f2", "f2"]


def test_great_demand_grows_old_and_overtakes_a_small_one_that_is_served() -> None:
    cluster = cluster_of(1, ageing_ms=1000)
    for name, wanted in (("f1", "cpus:1"), ("f2", "cpus:3")):
        cluster.framework(name)
        request(cluster, name, wanted)
    served: list[str] = []
    for _second in range(8):
        (offer,) = cluster.tick()
        served.append(offer.framework_id)
        cluster.decline(offer, 0)
    # f1 has always waited for one interval, so it counts half; 3 / (1 + 6) is less than that.
    assert served == ["f1", "f1", "f1", "f1", "f1", "f1", "f2", "f1"]


def test_request_is_withdrawn_by_an_empty_one_and_by_removal() -> None:
    cluster = cluster_of(1)
    for name in ("f1", "f2"):
        cluster.framework(name)
    request(cluster, "f1", "cpus:4")
    cluster.run()
    request(cluster, "f1", "")
    cluster.allocator.remove_framework("f2")
    cluster.framework("f2")
    assert sorted(order(cluster)) == ["f1", "f2"]
    cluster.allocator.check()
