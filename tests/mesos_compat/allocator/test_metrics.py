"""The allocator's numbers."""

from __future__ import annotations

from tests.mesos_compat.allocator.cluster import Cluster


def test_totals_shares_and_refusals_are_shown() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:3;mem:100")
    cluster.agent("a2", "cpus:1;mem:100")
    cluster.framework("f1", "a/b")
    first, second = cluster.run()
    cluster.decline(first, 3)
    measured = cluster.allocator.metrics()
    held = second.resources.unallocate()
    assert measured["allocator/mesos/resources/cpus/total"] == 4
    assert measured["allocator/mesos/resources/cpus/offered_or_allocated"] == (
        held.amount("cpus") / 1000
    )
    assert measured["allocator/mesos/resources/gpus/total"] == 0
    share = max(held.amount("cpus") / 4000, 0.5)
    assert measured["allocator/mesos/roles/a/b/shares/dominant"] == share
    assert measured["allocator/mesos/roles/a/shares/dominant"] == share
    assert measured["allocator/mesos/offer_filters/roles/a/b/active"] == 1
    cluster.run(3000)
    assert cluster.allocator.metrics()["allocator/mesos/offer_filters/roles/a/b/active"] == 0


def test_roles_that_are_gone_are_not_shown() -> None:
    cluster = Cluster()
    cluster.framework("f1", "a")
    cluster.allocator.remove_framework("f1")
    assert not [name for name in cluster.allocator.metrics() if "/roles/" in name]
