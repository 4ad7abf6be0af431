"""Refusals, suppression, and what ends them."""

from __future__ import annotations

import pytest

from mesos_compat.allocator import AllocatorOptions, Reason
from mesos_compat.allocator.filters import refuse_ms
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.allocator.cluster import (
    MODERN_AGENT,
    Cluster,
    agent_capabilities,
    framework_info,
    shown,
)


def alone(total: str = "cpus:4;mem:1024") -> Cluster:
    cluster = Cluster()
    cluster.agent("a1", total)
    cluster.framework("f1")
    return cluster


@pytest.mark.parametrize(
    ("seconds", "expected_ms"),
    [
        (5, 5000), (0, 0), (-1, 5000), (float("nan"), 5000), (0.2, 1000), (1e-9, 1000),
        (1.5, 1500), (31536000, 31536000000), (31536001, 31536000000),
        (float("inf"), 31536000000), (1e300, 31536000000),
    ],
)  # fmt: skip
def test_duration_of_a_refusal(seconds: float, expected_ms: int) -> None:
    assert refuse_ms(mesos_pb2.Filters(refuse_seconds=seconds), 1000) == expected_ms


def test_refusal_without_a_duration_lasts_five_seconds() -> None:
    assert refuse_ms(mesos_pb2.Filters(), 1000) == 5000


def test_declined_offer_comes_again_after_the_default_six_seconds_later() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.now_ms += 30
    cluster.decline(offer)
    cluster.now_ms -= 30
    silent = [cluster.tick() for _second in range(5)]
    assert silent == [[], [], [], [], []]
    assert len(cluster.tick()) == 1
    assert cluster.now_ms == 6000


def test_offer_declined_for_zero_seconds_comes_with_the_next_run() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.decline(offer, 0)
    assert not cluster.allocator.wants_run(cluster.now_ms)
    assert len(cluster.tick()) == 1


def test_recovery_without_filters_refuses_nothing() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.recover(offer, offer.resources)
    assert len(cluster.tick()) == 1


def test_more_than_what_was_refused_is_offered_at_once() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    assert cluster.accept(offer, "cpus:1;mem:24", seconds=100)
    assert cluster.tick() == []
    cluster.end("f1", "a1", "cpus:1;mem:24")
    assert shown(cluster.tick()) == [("f1", "role", "a1", "cpus:4; mem:1024")]


def test_refusal_of_more_also_keeps_less_away() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.decline(offer, 100)
    cluster.framework("f2")
    (offer,) = cluster.tick()
    assert offer.framework_id == "f2"
    cluster.accept(offer, "cpus:1;mem:24", seconds=100)
    assert cluster.tick() == []
    assert cluster.reason("f1", "a1") is Reason.FILTERED


def test_refusal_is_the_frameworks_own_and_the_roles_own() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:1024")
    cluster.framework("f1", "x", "y")
    (offer,) = cluster.run()
    cluster.decline(offer, 100)
    (second,) = cluster.tick()
    assert {offer.role, second.role} == {"x", "y"}
    cluster.decline(second, 100)
    cluster.framework("f2", "x")
    assert [one.framework_id for one in cluster.tick()] == ["f2"]


def test_longer_refusal_outlives_a_shorter_one_of_more() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.accept(offer, "cpus:3;mem:1000", seconds=100)
    cluster.end("f1", "a1", "cpus:3;mem:1000")
    (offer,) = cluster.tick()
    cluster.decline(offer, 2)
    cluster.tick()
    # Now all of it may be offered again, although the smaller part is still refused.
    (offer,) = cluster.run(2000)
    cluster.accept(offer, "cpus:3;mem:1000", seconds=0)
    assert cluster.tick() == []


def test_revive_ends_refusals_and_runs_at_once() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.decline(offer, 1000)
    cluster.tick()
    assert not cluster.allocator.wants_run(cluster.now_ms)
    cluster.allocator.revive("f1", ["role"], cluster.now_ms)
    assert cluster.allocator.wants_run(cluster.now_ms)
    assert len(cluster.run()) == 1


def test_revive_of_one_role_leaves_the_refusals_of_others() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:1024")
    cluster.framework("f1", "x", "y")
    for _role in ("x", "y"):
        (offer,) = cluster.tick()
        cluster.decline(offer, 1000)
    cluster.allocator.revive("f1", ["y"], cluster.now_ms)
    assert [offer.role for offer in cluster.run()] == ["y"]


def test_suppressed_role_gets_nothing_until_it_is_revived() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:1024")
    cluster.framework("f1", "x", "y", suppressed=("x",))
    (offer,) = cluster.run()
    assert offer.role == "y"
    cluster.decline(offer, 0)
    cluster.allocator.suppress("f1", [])
    assert cluster.tick() == []
    assert cluster.reason("f1", "a1", "x") is Reason.SUPPRESSED
    cluster.allocator.revive("f1", ["x"], cluster.now_ms)
    assert [offer.role for offer in cluster.run()] == ["x"]


def test_role_that_leaves_suppression_by_an_update_loses_its_refusals() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.decline(offer, 1000)
    for suppressed in (["role"], []):
        cluster.allocator.update_framework(
            "f1", framework_info("role"), suppressed_roles=suppressed, offer_constraints=None
        )
    assert len(cluster.tick()) == 1


def test_removed_role_gets_nothing_and_its_resources_are_freed_by_recovery() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:1024")
    cluster.framework("f1", "x")
    (offer,) = cluster.run()
    cluster.allocator.update_framework(
        "f1", framework_info("y"), suppressed_roles=[], offer_constraints=None
    )
    assert cluster.tick() == []
    assert cluster.reason("f1", "a1", "x") is Reason.NOT_SUBSCRIBED
    cluster.decline(offer, 1000)
    assert [one.role for one in cluster.tick()] == ["y"]


def test_deactivation_ends_refusals() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.decline(offer, 1000)
    cluster.allocator.deactivate_framework("f1")
    assert cluster.tick() == []
    assert cluster.reason("f1", "a1") is Reason.FRAMEWORK_INACTIVE
    cluster.allocator.activate_framework("f1")
    assert len(cluster.run()) == 1


def test_new_attributes_of_an_agent_end_refusals_and_new_capabilities_do_not() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.decline(offer, 1000)
    cluster.allocator.update_agent("a1", info=cluster.agent_info("a1"), capabilities=[])
    assert cluster.run() == []
    modern = agent_capabilities(MODERN_AGENT)
    cluster.allocator.update_agent("a1", info=cluster.agent_info("a1"), capabilities=modern)
    assert cluster.run() == []
    cluster.allocator.update_agent("a1", info=cluster.agent_info("a1", "rack:r1"))
    assert len(cluster.run()) == 1


def test_removed_agent_that_comes_back_is_not_refused() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.decline(offer, 1000)
    cluster.allocator.remove_agent("a1")
    cluster.agent("a1", "cpus:4;mem:1024")
    assert len(cluster.run()) == 1


def test_smallest_offer_can_be_set_for_a_role() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:16")
    cluster.framework("f1", "x", minimum={"x": [{"cpus": 2.0}, {"mem": 32.0}]})
    assert cluster.run() == []
    assert cluster.reason("f1", "a1") is Reason.BELOW_MINIMUM
    cluster.agent("a2", "cpus:0.5;mem:32")
    assert [offer.agent_id for offer in cluster.run()] == ["a2"]


def test_empty_list_of_smallest_offers_means_anything() -> None:
    cluster = Cluster()
    cluster.agent("a1", "disk:1")
    cluster.framework("f1", "x")
    assert cluster.run() == []
    cluster.framework("f2", "y", minimum={"y": []})
    assert [offer.framework_id for offer in cluster.run()] == ["f2"]


def test_flag_without_smallest_offers_means_anything() -> None:
    cluster = Cluster(options=AllocatorOptions(min_allocatable=()))
    cluster.agent("a1", "disk:1")
    cluster.framework("f1")
    assert len(cluster.run()) == 1


def test_part_of_an_offer_can_be_refused_while_a_task_runs() -> None:
    cluster = alone()
    (offer,) = cluster.run()
    cluster.decline(offer, 100, Resources.parse("cpus:3").allocate("role"))
    assert cluster.tick() == []
    cluster.end("f1", "a1", "cpus:1;mem:24")
    assert shown(cluster.tick()) == [("f1", "role", "a1", "cpus:4; mem:24")]
