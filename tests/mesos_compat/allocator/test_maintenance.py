"""Inverse offers."""

from __future__ import annotations

from mesos_compat.wire.v1 import allocator_pb2, mesos_pb2
from tests.mesos_compat.allocator.cluster import Cluster

Status = allocator_pb2.InverseOfferStatus


def planned(start_ns: int = 5) -> mesos_pb2.Unavailability:
    unavailability = mesos_pb2.Unavailability()
    unavailability.start.nanoseconds = start_ns
    return unavailability


def answer(status: str = "ACCEPT") -> allocator_pb2.InverseOfferStatus:
    made = Status(status=status)
    made.framework_id.value = "f1"
    made.timestamp.nanoseconds = 1
    return made


def with_user() -> Cluster:
    """f1 holds all of a1, f2 nothing."""
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1")
    cluster.run()
    cluster.framework("f2")
    assert cluster.run() == []
    return cluster


def reply(
    cluster: Cluster,
    status: allocator_pb2.InverseOfferStatus | None,
    seconds: float | None = None,
) -> None:
    filters = None if seconds is None else mesos_pb2.Filters(refuse_seconds=seconds)
    cluster.allocator.update_inverse_offer("a1", "f1", None, status, filters, cluster.now_ms)


def test_frameworks_that_hold_something_are_asked_once() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    cluster.run()
    (asked,) = cluster.inverse
    assert (asked.framework_id, asked.agent_id) == ("f1", "a1")
    assert asked.unavailability == planned()
    assert not asked.resources
    cluster.tick()
    assert cluster.inverse == []


def test_agent_that_comes_with_a_plan_is_asked_about_too() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100", unavailability=planned())
    cluster.framework("f1")
    cluster.run()
    # What has just been offered counts.
    assert [one.framework_id for one in cluster.inverse] == ["f1"]


def test_answer_is_kept_and_its_filter_heeded() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    cluster.run()
    reply(cluster, answer(), seconds=3)
    assert cluster.allocator.inverse_offer_statuses() == {"a1": {"f1": answer()}}
    cluster.tick()
    cluster.tick()
    assert cluster.inverse == []
    cluster.tick()
    assert len(cluster.inverse) == 1


def test_withdrawn_inverse_offer_is_made_again_and_leaves_no_answer() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    cluster.run()
    reply(cluster, None)
    assert cluster.allocator.inverse_offer_statuses() == {"a1": {}}
    cluster.tick()
    assert len(cluster.inverse) == 1


def test_answer_that_is_not_awaited_is_ignored() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    reply(cluster, answer("DECLINE"))
    assert cluster.allocator.inverse_offer_statuses() == {"a1": {}}


def test_new_plan_forgets_answers_and_refusals() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    cluster.run()
    reply(cluster, answer(), seconds=1000)
    cluster.allocator.update_unavailability("a1", planned(99))
    assert cluster.allocator.inverse_offer_statuses() == {"a1": {}}
    cluster.run()
    assert [one.unavailability for one in cluster.inverse] == [planned(99)]


def test_cancelled_plan_asks_nothing() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    cluster.allocator.update_unavailability("a1", None)
    cluster.run()
    assert cluster.inverse == []
    assert cluster.allocator.inverse_offer_statuses() == {}


def test_revive_ends_refusals_of_inverse_offers() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    cluster.run()
    reply(cluster, answer(), seconds=1000)
    cluster.allocator.revive("f1", [], cluster.now_ms)
    cluster.run()
    assert len(cluster.inverse) == 1


def test_inactive_framework_is_asked_when_it_is_back() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    cluster.run()
    cluster.allocator.deactivate_framework("f1")
    cluster.tick()
    assert cluster.inverse == []
    cluster.allocator.activate_framework("f1")
    cluster.run()
    assert len(cluster.inverse) == 1


def test_removed_framework_leaves_no_answer() -> None:
    cluster = with_user()
    cluster.allocator.update_unavailability("a1", planned())
    cluster.run()
    reply(cluster, answer(), seconds=0)
    cluster.allocator.remove_framework("f1")
    assert cluster.allocator.inverse_offer_statuses() == {"a1": {}}
    reply(cluster, answer())
    assert cluster.allocator.inverse_offer_statuses() == {"a1": {}}
