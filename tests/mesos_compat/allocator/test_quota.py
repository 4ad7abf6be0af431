"""Guarantees, limits, headroom, and what counts as consumed."""

from __future__ import annotations

from collections import Counter

from mesos_compat.allocator import Reason
from mesos_compat.resources import Limits, Quantities, Resources
from tests.mesos_compat.allocator.cluster import Cluster, holders, shown


def with_quota(role: str, guarantees: str = "", limits: str | None = None) -> Cluster:
    cluster = Cluster()
    cluster.allocator.update_quota(
        role, Quantities.parse(guarantees), None if limits is None else Limits.parse(limits)
    )
    return cluster


def offered(cluster: Cluster, role: str, name: str) -> float:
    return cluster.allocator.metrics()[
        f"allocator/mesos/quota/roles/{role}/resources/{name}/offered_or_allocated"
    ]


def test_guarantee_comes_before_fair_shares() -> None:
    cluster = with_quota("prod", "cpus:3;mem:300")
    for number in range(4):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    cluster.framework("f1", "dev")
    cluster.framework("f2", "prod")
    assert Counter(holders(cluster.run()).values()) == {"f2": 3, "f1": 1}


def test_offer_for_a_guarantee_is_shrunk_to_it() -> None:
    cluster = with_quota("prod", "cpus:1;mem:64", "cpus:1;mem:64")
    cluster.agent("a1", "cpus:4;mem:1024;ports:[1-9]")
    cluster.framework("f1", "prod")
    assert shown(cluster.run()) == [("f1", "prod", "a1", "ports:[1-9]; cpus:1; mem:64")]


def test_role_with_a_met_guarantee_may_have_more_without_a_limit() -> None:
    cluster = with_quota("prod", "cpus:1;mem:64")
    cluster.agent("a1", "cpus:4;mem:1024")
    cluster.framework("f1", "prod")
    assert shown(cluster.run()) == [("f1", "prod", "a1", "cpus:4; mem:1024")]


def test_limit_bounds_a_role_without_a_guarantee() -> None:
    cluster = with_quota("dev", limits="cpus:1.5")
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.agent("a2", "cpus:1;mem:100")
    cluster.framework("f1", "dev")
    sizes = sorted(text for _fw, _role, _agent, text in shown(cluster.run()))
    assert sizes == ["cpus:0.5; mem:100", "cpus:1; mem:100"]
    assert offered(cluster, "dev", "cpus") == 1.5


def test_limit_of_zero_allows_nothing() -> None:
    cluster = with_quota("dev", limits="cpus:0;mem:0")
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.framework("f1", "dev")
    assert cluster.run() == []
    assert cluster.reason("f1", "a1") is Reason.QUOTA_LIMIT
    cluster.allocator.remove_quota("dev")
    assert len(cluster.tick()) == 1


def test_limit_holds_for_the_subtree() -> None:
    cluster = with_quota("dev", limits="cpus:2;mem:200")
    for number in range(4):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    cluster.framework("f1", "dev/x")
    cluster.framework("f2", "dev")
    assert Counter(holders(cluster.run()).values()) == {"f1": 1, "f2": 1}


def test_headroom_is_left_for_guarantees_that_nobody_asks_for_yet() -> None:
    cluster = with_quota("prod", "cpus:2;mem:200")
    for number in range(4):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    cluster.framework("f1", "dev")
    assert len(cluster.run()) == 2
    free = next(agent for agent in ("a0", "a1", "a2", "a3") if not _holds(cluster, agent))
    assert cluster.reason("f1", free) is Reason.HEADROOM
    cluster.framework("f2", "prod")
    assert set(holders(cluster.run()).values()) == {"f2"}


def _holds(cluster: Cluster, agent_id: str) -> bool:
    return cluster.reason("f1", agent_id) is Reason.OFFERED


def test_headroom_counts_no_reservations_and_nothing_revocable() -> None:
    cluster = with_quota("prod", "cpus:1;mem:100")
    revocable = list(Resources.parse("cpus:9;mem:900"))
    for message in revocable:
        message.revocable.SetInParent()
    reserved = Resources.parse("cpus(other):9;mem(other):900")
    cluster.agent("a1", Resources(revocable) + reserved)
    cluster.agent("a2", "cpus:1;mem:100")
    cluster.framework("f1", "dev", can=("REVOCABLE_RESOURCES",))
    assert [offer.agent_id for offer in cluster.run()] == ["a1"]


def test_names_that_no_guarantee_lacks_are_not_held_back() -> None:
    cluster = with_quota("prod", "cpus:4")
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1", "dev")
    assert shown(cluster.run()) == [("f1", "dev", "a1", "mem:100")]


def test_reservations_count_as_consumed_held_or_not() -> None:
    cluster = with_quota("prod", "cpus:2;mem:200", "cpus:2;mem:200")
    cluster.agent("a1", "cpus(prod):2;mem(prod):100;cpus:1;mem:200")
    cluster.framework("f1", "prod")
    # One hundred of memory is missing, and no cpu.
    (offer,) = cluster.run()
    assert offer.resources.unreserved().quantities() == Quantities.parse("mem:100")
    assert offer.resources.reserved("prod").quantities() == Quantities.parse("cpus:2;mem:100")


def test_reservation_by_an_operator_counts_at_once() -> None:
    from tests.mesos_compat.allocator.test_reservations import reserve

    cluster = with_quota("prod", limits="cpus:2;mem:200")
    cluster.agent("a1", "cpus:4;mem:400")
    cluster.framework("f1", "prod")
    assert cluster.allocator.update_available("a1", [reserve("cpus:2;mem:200", "prod/x")]) is None
    assert cluster.run() == []
    assert cluster.reason("f1", "a1") is Reason.QUOTA_LIMIT


def test_guarantee_of_two_roles_is_met_for_both() -> None:
    cluster = with_quota("p", "cpus:2;mem:100")
    cluster.allocator.update_quota("q", Quantities.parse("cpus:2;mem:100"), None)
    for number in range(5):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    for name, role in (("f1", "p"), ("f2", "q"), ("f3", "dev")):
        cluster.framework(name, role)
    assert Counter(holders(cluster.run()).values()) == {"f1": 2, "f2": 2, "f3": 1}


def test_refusing_framework_leaves_its_guarantee_as_headroom() -> None:
    cluster = with_quota("prod", "cpus:1;mem:100")
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.framework("f1", "prod")
    cluster.framework("f2", "dev")
    (offer,) = cluster.run()
    cluster.decline(offer, 100)
    assert cluster.tick() == []
    assert cluster.reason("f2", "a1") is Reason.HEADROOM


def test_bounds_that_leave_nothing_only_together_are_named_by_the_first() -> None:
    cluster = with_quota("dev", limits="cpus:0")
    cluster.allocator.update_quota("prod", Quantities.parse("mem:100"), None)
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.framework("f1", "dev")
    assert cluster.run() == []
    assert cluster.reason("f1", "a1") is Reason.QUOTA_LIMIT


def test_agent_that_cannot_help_a_guarantee_is_shared_out_as_usual() -> None:
    cluster = with_quota("prod", "cpus:1")
    cluster.agent("a1", "mem(prod):64;mem:64")
    cluster.framework("f1", "prod/x")
    cluster.framework("f2", "prod/y")
    (offer,) = cluster.run()
    assert offer.framework_id == "f1"
    assert offer.resources.quantities() == Quantities.parse("mem:128")


def test_quota_numbers_are_metrics() -> None:
    cluster = with_quota("prod", "cpus:1", "cpus:3;mem:64")
    cluster.framework("f1", "prod")
    cluster.agent("a1", "cpus:8;mem:100")
    cluster.run()
    measured = cluster.allocator.metrics()
    prefix = "allocator/mesos/quota/roles/prod/resources"
    assert measured[f"{prefix}/cpus/guarantee"] == 1.0
    assert measured[f"{prefix}/cpus/limit"] == 3.0
    assert measured[f"{prefix}/mem/limit"] == 64.0
    assert measured[f"{prefix}/cpus/offered_or_allocated"] == 3.0
    assert measured[f"{prefix}/mem/offered_or_allocated"] == 64.0
