"""Reservations, operations of frameworks and operators, and changes of agents."""

from __future__ import annotations

from mesos_compat.allocator import Reason
from mesos_compat.resources import Quantities, Resources
from mesos_compat.resources.convert import conversions
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.allocator.cluster import Cluster, shown

Operation = mesos_pb2.Offer.Operation


def reserve(text: str, role: str, allocated_to: str | None = None) -> mesos_pb2.Offer.Operation:
    resources = Resources.parse(text)
    if allocated_to is not None:
        resources = resources.allocate(allocated_to)
    info = mesos_pb2.Resource.ReservationInfo(
        type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role=role
    )
    made = resources.push_reservation(info)
    return Operation(type=Operation.RESERVE, reserve=Operation.Reserve(resources=list(made)))


def unreserve(operation: mesos_pb2.Offer.Operation) -> mesos_pb2.Offer.Operation:
    resources = operation.reserve.resources
    return Operation(type=Operation.UNRESERVE, unreserve=Operation.Unreserve(resources=resources))


def test_reserved_resources_go_to_their_role_and_its_sub_roles_only() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus(a):2;mem(a):64")
    cluster.framework("f1", "b")
    assert cluster.run() == []
    assert cluster.reason("f1", "a1") is Reason.RESERVED
    cluster.framework("f2", "a/x")
    (offer,) = cluster.run()
    assert (offer.framework_id, offer.role) == ("f2", "a/x")


def test_reservation_of_a_sub_role_is_not_for_its_parent_or_sibling() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus(a/x):2;mem(a/x):64;mem:50")
    cluster.framework("f1", "a")
    cluster.framework("f2", "a/y")
    (offer,) = cluster.run()
    assert str(offer.resources.unallocate()) == "mem:50"


def test_reserved_resources_come_besides_unreserved_ones() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus(a):2;mem(a):64;cpus:1;mem:32")
    cluster.framework("f1", "a")
    (offer,) = cluster.run()
    assert offer.resources.quantities() == Quantities.parse("cpus:3;mem:96")
    assert offer.resources.reserved("a").quantities() == Quantities.parse("cpus:2;mem:64")


def test_frameworks_reservation_changes_what_it_holds_and_what_the_agent_has() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1", "a")
    (offer,) = cluster.run()
    operation = reserve("cpus:2;mem:50", "a", allocated_to="a")
    cluster.allocator.update_allocation("f1", "a1", conversions(operation))
    cluster.allocator.check()
    kept = offer.resources - Resources.parse("cpus:2;mem:50").allocate("a")
    cluster.recover(offer, kept + Resources(operation.reserve.resources))
    cluster.allocator.suppress("f1", [])
    cluster.framework("f2", "b")
    assert shown(cluster.run()) == [("f2", "b", "a1", "cpus:2; mem:50")]


def test_further_use_of_a_shared_volume_does_not_change_what_the_agent_has() -> None:
    from mesos_compat.resources import Conversion
    from tests.mesos_compat.allocator.test_eligibility import volume

    cluster = Cluster()
    total = Resources([volume("x")]) + Resources.parse("cpus:2;mem:64")
    cluster.agent("a1", total)
    cluster.framework("f1", "x", can=("SHARED_RESOURCES",))
    (offer,) = cluster.run()
    more = Conversion(Resources(), Resources([volume("x")]).allocate("x"))
    cluster.allocator.update_allocation("f1", "a1", [more])
    cluster.allocator.check()
    assert cluster.allocator.metrics()["allocator/mesos/resources/disk/total"] == 10
    cluster.recover(offer, offer.resources)
    cluster.allocator.check()
    # One use is left.
    assert cluster.allocator.metrics()["allocator/mesos/resources/disk/offered_or_allocated"] == 10


def test_operators_reservation_needs_free_resources() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1", "a")
    operation = reserve("cpus:2", "b")
    (offer,) = cluster.run()
    refusal = cluster.allocator.update_available("a1", [operation])
    assert refusal is not None
    assert "does not contain cpus:2" in refusal
    cluster.recover(offer, offer.resources)
    assert cluster.allocator.update_available("a1", [operation]) is None
    cluster.allocator.check()
    assert shown(cluster.tick()) == [("f1", "a", "a1", "cpus:2; mem:100")]
    assert cluster.allocator.update_available("a1", [unreserve(operation)]) is None
    assert shown(cluster.tick()) == [("f1", "a", "a1", "cpus:2")]


def test_shrunk_agent_offers_nothing_until_enough_is_freed() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1")
    (offer,) = cluster.run()
    info = cluster.agent_info("a1")
    cluster.allocator.update_agent("a1", info=info, total=Resources.parse("cpus:1;mem:100"))
    assert cluster.run() == []
    part = Resources.parse("cpus:2;mem:50").allocate("role")
    cluster.recover(offer, part)
    assert shown(cluster.tick()) == [("f1", "role", "a1", "mem:50")]
    cluster.recover(offer, offer.resources - part)
    assert shown(cluster.tick()) == [("f1", "role", "a1", "cpus:1; mem:50")]


def test_grown_agent_offers_more_at_once() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1")
    cluster.run()
    info = cluster.agent_info("a1")
    cluster.allocator.update_agent("a1", info=info, total=Resources.parse("cpus:5;mem:100"))
    assert cluster.allocator.wants_run(cluster.now_ms)
    assert shown(cluster.run()) == [("f1", "role", "a1", "cpus:1")]


def test_removed_agent_takes_along_what_is_held_of_it() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1")
    (offer,) = cluster.run()
    cluster.allocator.remove_agent("a1")
    cluster.allocator.check()
    cluster.decline(offer)
    cluster.allocator.check()
    assert cluster.allocator.metrics()["allocator/mesos/resources/cpus/total"] == 0


def test_removed_frameworks_resources_are_free_again() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1")
    (offer,) = cluster.run()
    cluster.allocator.remove_framework("f1")
    cluster.allocator.check()
    cluster.recover(offer, offer.resources)
    cluster.framework("f2")
    assert shown(cluster.run()) == [("f2", "role", "a1", "cpus:4; mem:100")]
