"""Explanations say what a run would do."""

from __future__ import annotations

import pytest

from mesos_compat.allocator import AllocatorOptions, Reason
from mesos_compat.resources import Resources
from tests.mesos_compat.allocator.cluster import Cluster


def test_next_run_does_what_was_explained() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    for name in ("f2", "f1"):
        cluster.framework(name)
    explanation = cluster.allocator.explain(now_ms=0)
    assert explanation.policy == "drf"
    assert explanation.order == (("role", "f1"), ("role", "f2"))
    waiting, behind = explanation.verdicts
    assert (waiting.framework_id, waiting.reason) == ("f1", Reason.WAITING)
    assert (behind.reason, behind.holders) == (Reason.BEHIND, ("f1",))
    (offer,) = cluster.run()
    assert (offer.framework_id, offer.resources.unallocate()) == ("f1", waiting.resources)


def test_taken_agent_names_its_holders() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1")
    cluster.framework("f2")
    (offer,) = cluster.run()
    (verdict,) = cluster.allocator.explain("f2").verdicts
    assert (verdict.reason, verdict.holders) == (Reason.TAKEN, ("f1",))
    (verdict,) = cluster.allocator.explain("f1").verdicts
    assert (verdict.reason, verdict.resources) == (Reason.OFFERED, offer.resources.unallocate())


def test_leftovers_that_are_too_small_name_their_holders() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1")
    (offer,) = cluster.run()
    cluster.recover(offer, Resources.parse("mem:5").allocate("role"))
    cluster.framework("f2")
    (verdict,) = cluster.allocator.explain("f2").verdicts
    assert (verdict.reason, verdict.holders) == (Reason.BELOW_MINIMUM, ("f1",))
    assert verdict.resources == Resources.parse("mem:5")


def test_refused_agent_says_until_when() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100")
    cluster.framework("f1")
    (offer,) = cluster.run()
    cluster.decline(offer, 60)
    (verdict,) = cluster.allocator.explain("f1").verdicts
    assert (verdict.reason, verdict.until_ms) == (Reason.FILTERED, 60_000)


def test_partly_refused_agent_says_until_when() -> None:
    cluster = Cluster()
    cluster.agent("a1", "cpus:4;mem:100;cpus(other):1")
    cluster.framework("f1")
    (offer,) = cluster.run()
    cluster.decline(offer, 60)
    (verdict,) = cluster.allocator.explain("f1").verdicts
    assert (verdict.reason, verdict.until_ms) == (Reason.FILTERED, 60_000)


def test_agent_without_resources_has_nothing() -> None:
    cluster = Cluster()
    cluster.agent("a1", "")
    cluster.framework("f1")
    assert cluster.reason("f1", "a1") is Reason.NOTHING


def test_questions_are_about_one_framework_role_or_agent() -> None:
    cluster = Cluster()
    for name in ("a1", "a2"):
        cluster.agent(name, "cpus:4;mem:100")
    cluster.framework("f1", "x", "y")
    cluster.framework("f2", "x")
    explain = cluster.allocator.explain
    assert len(explain().verdicts) == 6
    assert len(explain("f1").verdicts) == 4
    assert len(explain(role="x").verdicts) == 4
    assert len(explain(agent_id="a1").verdicts) == 3
    assert len(explain("f1", "x", "a1").verdicts) == 1
    assert explain("f3").verdicts == ()


@pytest.mark.parametrize(("policy", "sorter"), [("drf", "drf"), ("drf", "random"), ("lrf", "drf")])
def test_explanation_changes_nothing(policy: str, sorter: str) -> None:
    options = AllocatorOptions(role_sorter=sorter, framework_sorter=sorter)
    plain, asked = Cluster(policy, options, seed=5), Cluster(policy, options, seed=5)
    for cluster in (plain, asked):
        for number in range(5):
            cluster.agent(f"a{number}", "cpus:4;mem:100")
        for number in range(3):
            cluster.framework(f"f{number}")
    for _second in range(5):
        asked.allocator.explain()
        first, second = plain.tick(), asked.tick()
        assert first == second
        for cluster, offers in ((plain, first), (asked, second)):
            for offer in offers:
                cluster.decline(offer, 2)
