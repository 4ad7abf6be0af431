"""Which agents a framework may see at all, and which of their resources."""

from __future__ import annotations

import pytest

from mesos_compat.allocator import AllocatorOptions, Reason
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.allocator.cluster import Cluster, domain, framework_info, shown
from tests.mesos_compat.allocator.test_constraints import constraint, constraints


def resource(text: str, **marks: bool) -> list[mesos_pb2.Resource]:
    messages = list(Resources.parse(text))
    for message in messages:
        if marks.get("revocable"):
            message.revocable.SetInParent()
    return messages


def volume(role: str, *, shared: bool = True) -> mesos_pb2.Resource:
    (disk,) = Resources.parse(f"disk({role}):10")
    disk.disk.persistence.id = "v1"
    disk.disk.volume.container_path = "data"
    disk.disk.volume.mode = mesos_pb2.Volume.RW
    if shared:
        disk.shared.SetInParent()
    return disk


def test_gpu_agent_is_for_gpu_frameworks_only() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:100;gpus:1")
    cluster.framework("f1")
    assert cluster.run() == []
    assert cluster.reason("f1", "a1") is Reason.GPU
    cluster.framework("f2", can=("GPU_RESOURCES",))
    assert [offer.framework_id for offer in cluster.run()] == ["f2"]


def test_gpu_agent_is_for_all_when_the_flag_says_so() -> None:
    cluster = Cluster(options=AllocatorOptions(filter_gpu_resources=False))
    cluster.agent("a1", "cpus:1;mem:100;gpus:1")
    cluster.framework("f1")
    assert len(cluster.run()) == 1


@pytest.mark.parametrize(
    ("region", "can", "offered"),
    [("eu", (), 1), (None, (), 1), ("us", (), 0), ("us", ("REGION_AWARE",), 1)],
)
def test_remote_agents_are_for_region_aware_frameworks(
    region: str | None, can: tuple[str, ...], offered: int
) -> None:
    cluster = Cluster(options=AllocatorOptions(domain=domain("eu", "other")))
    cluster.agent("a1", "cpus:1;mem:100", region=region)
    cluster.framework("f1", can=can)
    assert len(cluster.run()) == offered
    assert (cluster.reason("f1", "a1") is Reason.REGION) == (not offered)


@pytest.mark.parametrize(
    ("role", "agent_can", "offered"),
    [
        ("x", ("MULTI_ROLE", "HIERARCHICAL_ROLE"), 1),
        ("x", ("MULTI_ROLE",), 1),
        ("x", (), 0),
        ("x/y", ("MULTI_ROLE", "HIERARCHICAL_ROLE"), 1),
        ("x/y", ("MULTI_ROLE",), 0),
    ],
)
def test_agent_must_know_the_frameworks_kind_of_roles(
    role: str, agent_can: tuple[str, ...], offered: int
) -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:100", can=agent_can)
    cluster.framework("f1", role)
    assert len(cluster.run()) == offered
    assert (cluster.reason("f1", "a1") is Reason.AGENT_CAPABILITY) == (not offered)


def test_revocable_resources_are_for_those_who_can() -> None:
    cluster = Cluster()
    total = Resources([*resource("cpus:1;mem:100"), *resource("cpus:4", revocable=True)])
    cluster.agent("a1", total)
    cluster.framework("f1", "x")
    assert shown(cluster.run()) == [("f1", "x", "a1", "cpus:1; mem:100")]
    assert cluster.tick() == []
    cluster.framework("f2", "y", can=("REVOCABLE_RESOURCES",))
    assert shown(cluster.run()) == [("f2", "y", "a1", "cpus{REV}:4")]


def test_refined_reservations_are_for_those_who_can() -> None:
    (reserved,) = Resources.parse("cpus(a):2")
    refinement = mesos_pb2.Resource.ReservationInfo(
        type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role="a/b"
    )
    total = Resources([reserved]).push_reservation(refinement)
    cluster = Cluster()
    cluster.agent("a1", total)
    info = framework_info("a/b")
    del info.capabilities[1:]
    cluster.allocator.add_framework(
        "f1", info, used={}, active=True, suppressed_roles=[], offer_constraints=None, now_ms=0
    )
    assert cluster.run() == []
    assert cluster.reason("f1", "a1") is Reason.FRAMEWORK_CAPABILITY
    cluster.framework("f2", "a/b")
    assert [offer.framework_id for offer in cluster.run()] == ["f2"]


def test_shared_volume_is_offered_to_one_framework_per_run_and_again_in_the_next() -> None:
    cluster = Cluster()
    cluster.agent("a1", Resources([volume("x"), *resource("cpus:2;mem:64")]))
    cluster.framework("f1", "x", can=("SHARED_RESOURCES",), minimum={"x": []})
    cluster.framework("f2", "x", can=("SHARED_RESOURCES",), minimum={"x": []})
    first = cluster.run()
    assert len(first) == 1
    assert "v1" in str(first[0].resources)
    (second,) = cluster.tick()
    assert second.framework_id != first[0].framework_id
    assert second.resources.shared() == first[0].resources.shared()
    assert not second.resources.nonshared()
    cluster.decline(second)
    cluster.decline(first[0])
    cluster.allocator.check()


def test_shared_volume_is_for_those_who_can() -> None:
    cluster = Cluster()
    cluster.agent("a1", Resources([volume("x"), *resource("cpus:2;mem:64")]))
    cluster.framework("f1", "x", minimum={"x": []})
    assert shown(cluster.run()) == [("f1", "x", "a1", "cpus:2; mem:64")]


def test_shared_volume_in_use_twice_counts_once_in_what_is_offered_or_allocated() -> None:
    cluster = Cluster()
    cluster.agent("a1", Resources([volume("x"), *resource("cpus:2;mem:64;disk:5")]))
    cluster.framework("f1", "x", can=("SHARED_RESOURCES",), minimum={"x": []})
    cluster.framework("f2", "x", can=("SHARED_RESOURCES",), minimum={"x": []})
    cluster.run()
    cluster.tick()
    measured = cluster.allocator.metrics()
    assert measured["allocator/mesos/resources/disk/total"] == 15
    assert measured["allocator/mesos/resources/disk/offered_or_allocated"] == 15


def test_offer_constraints_exclude_agents() -> None:
    cluster = Cluster()
    wanted = constraints([constraint("rack", "text_matches", "r[12]")])
    cluster.agent("a1", "cpus:1;mem:100", attributes="rack:r1")
    cluster.agent("a3", "cpus:1;mem:100", attributes="rack:r3")
    cluster.framework("f1", constraints=wanted)
    assert [offer.agent_id for offer in cluster.run()] == ["a1"]
    assert cluster.reason("f1", "a3") is Reason.CONSTRAINT
    cluster.allocator.update_agent("a3", info=cluster.agent_info("a3", "rack:r2"))
    assert [offer.agent_id for offer in cluster.run()] == ["a3"]


def test_constraints_can_be_updated_away() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.framework("f1", constraints=constraints([constraint("rack", "exists")]))
    assert cluster.run() == []
    cluster.allocator.update_framework(
        "f1", framework_info("role"), suppressed_roles=[], offer_constraints=None
    )
    assert len(cluster.tick()) == 1


def test_only_whitelisted_and_active_agents_are_offered() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.agent("a2", "cpus:1;mem:100")
    cluster.framework("f1")
    cluster.allocator.update_whitelist(["a2.example"])
    cluster.allocator.deactivate_agent("a2")
    assert cluster.run() == []
    assert cluster.reason("f1", "a1") is Reason.NOT_WHITELISTED
    assert cluster.reason("f1", "a2") is Reason.AGENT_INACTIVE
    cluster.allocator.activate_agent("a2")
    assert [offer.agent_id for offer in cluster.run()] == ["a2"]
    cluster.allocator.update_whitelist(None)
    assert [offer.agent_id for offer in cluster.tick()] == ["a1"]


def test_framework_without_multi_role_has_its_one_role() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:100", can=())
    info = mesos_pb2.FrameworkInfo(user="u", name="n")
    cluster.allocator.add_framework(
        "f1", info, used={}, active=True, suppressed_roles=[], offer_constraints=None, now_ms=0
    )
    assert shown(cluster.run()) == [("f1", "*", "a1", "cpus:1; mem:100")]
