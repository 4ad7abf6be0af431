"""When runs happen, and the pause after a failover."""

from __future__ import annotations

from fractions import Fraction

from mesos_compat.allocator import AllocatorOptions, Reason
from tests.mesos_compat.allocator.cluster import Cluster


def test_many_events_make_one_run_and_then_there_is_none_until_the_interval() -> None:
    cluster = Cluster()
    cluster.run()
    for number in range(3):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    cluster.framework("f1")
    assert cluster.allocator.wants_run(cluster.now_ms)
    assert len(cluster.run()) == 3
    assert not cluster.allocator.wants_run(cluster.now_ms)
    assert cluster.allocator.next_due_ms() == 1000
    assert not cluster.allocator.wants_run(999)
    assert cluster.allocator.wants_run(1000)
    assert cluster.allocator.metrics()["allocator/mesos/allocation_runs"] == 2


def test_event_run_is_for_the_agents_concerned_only() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.framework("f1")
    (offer,) = cluster.run()
    cluster.recover(offer, offer.resources)
    cluster.agent("a2", "cpus:1;mem:100")
    assert [one.agent_id for one in cluster.run()] == ["a2"]
    assert [one.agent_id for one in cluster.tick()] == ["a1"]


def test_periodic_runs_keep_their_beat_unless_one_is_missed() -> None:
    cluster = Cluster()
    cluster.run()
    cluster.run(1300)
    assert cluster.allocator.next_due_ms() == 2000
    cluster.run(5000)
    assert cluster.allocator.next_due_ms() == 7300


def test_what_is_freed_waits_for_the_periodic_run() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:1;mem:100")
    cluster.framework("f1")
    (offer,) = cluster.run()
    cluster.recover(offer, offer.resources)
    assert not cluster.allocator.wants_run(cluster.now_ms)


def recovering(expected: int, has_quota: bool = True) -> Cluster:
    options = AllocatorOptions(recovery_timeout_ms=60_000, agent_recovery_factor=Fraction(4, 5))
    cluster = Cluster(options=options)
    cluster.allocator.recover(expected, has_quota, 0)
    cluster.framework("f1")
    return cluster


def test_after_failover_with_quotas_offers_wait_for_most_agents() -> None:
    cluster = recovering(6)
    for number in range(3):
        cluster.agent(f"a{number}", "cpus:1;mem:100")
    assert not cluster.allocator.wants_run(5000)
    assert cluster.run() == []
    assert cluster.reason("f1", "a0") is Reason.PAUSED
    # Four fifths of six, rounded down.
    cluster.agent("a3", "cpus:1;mem:100")
    assert cluster.allocator.wants_run(5000)
    assert len(cluster.tick()) == 4


def test_after_failover_offers_begin_at_the_timeout_in_any_case() -> None:
    cluster = recovering(100)
    cluster.agent("a1", "cpus:1;mem:100")
    assert cluster.allocator.next_due_ms() == 60_000
    assert not cluster.allocator.wants_run(59_999)
    assert cluster.allocator.wants_run(60_000)
    assert len(cluster.run(60_000)) == 1


def test_after_failover_without_quotas_or_agents_nothing_waits() -> None:
    for expected, has_quota in ((100, False), (0, True), (1, True)):
        cluster = recovering(expected, has_quota)
        cluster.agent("a1", "cpus:1;mem:100")
        assert len(cluster.run()) == 1
