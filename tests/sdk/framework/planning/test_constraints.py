"""Constraints, alone and while instances are placed."""

from __future__ import annotations

import re

import pytest

from mesozoic.framework import attribute, group_by, like, max_per, unique, unlike
from mesozoic.framework.planning import events
from mesozoic.framework.planning.constraints import Constraint, fault, fields_of
from tests.sdk.framework.scripted import Stage, offer, service

AGENT = fields_of(offer("o", "a1", having="rack:r1;level:2;ports:[1-2]"))


@pytest.mark.parametrize(
    ("constraint", "holds"),
    [
        (attribute("rack") == "r1", True),
        (attribute("rack") == "r2", False),
        (attribute("zone") == "r1", False),
        (attribute("rack") != "r2", True),
        (attribute("rack") != "r1", False),
        (attribute("zone") != "r1", True),
        (attribute("level") == 2, True),
        (attribute("ports") == "[1-2]", True),
        (attribute("rack").is_in("r1", "r2"), True),
        (attribute("rack").is_in("r3"), False),
        (attribute("hostname") == "a1.example", True),
        (like("rack", "r[12]"), True),
        (like("rack", "r"), False),
        (like("zone", ".*"), False),
        (unlike("rack", "r[12]"), False),
        (unlike("rack", "r"), True),
        (unlike("zone", ".*"), True),
    ],
)
def test_condition_on_an_agent(constraint: Constraint, holds: bool) -> None:
    assert (fault(constraint, AGENT, {}, ()) is None) is holds


@pytest.mark.parametrize(
    ("constraint", "counts", "known", "holds"),
    [
        (unique("rack"), {"r2": 3}, (), True),
        (unique("rack"), {"r1": 1}, (), False),
        (unique("zone"), {}, (), False),
        (max_per("rack", 2), {"r1": 1}, (), True),
        (max_per("rack", 2), {"r1": 2}, (), False),
        (group_by("rack"), {"r1": 1, "r2": 1}, ("r1", "r2"), True),
        (group_by("rack"), {"r1": 2, "r2": 1}, ("r1", "r2"), False),
        (group_by("rack"), {"r1": 1}, ("r1", "r2"), False),
        (group_by("rack"), {"r1": 1}, ("r1",), True),
        (group_by("rack", 2), {"r1": 1}, ("r1",), False),
    ],
)
def test_condition_on_what_runs(
    constraint: Constraint, counts: dict[str, int], known: tuple[str, ...], holds: bool
) -> None:
    assert (fault(constraint, AGENT, counts, known) is None) is holds


def test_pattern_is_checked_when_it_is_given() -> None:
    with pytest.raises(re.error):
        like("rack", "(")


def test_zone_of_the_fault_domain_is_a_field() -> None:
    given = offer("o")
    given.domain.fault_domain.region.name = "r"
    given.domain.fault_domain.zone.name = "z"
    assert fault(attribute("@zone") == "z", fields_of(given), {}, ()) is None
    assert fault(attribute("@region") == "r", fields_of(given), {}, ()) is None


def test_instances_are_spread_over_agents_without_any_constraint() -> None:
    stage = Stage(service(count=4))
    stage.offers(offer("o1", "a1"), offer("o2", "a2"))
    stage.launched()
    assert [one.agent_id for one in stage.core.instances("s")] == ["a1", "a2", "a1", "a2"]


def test_unique_counts_what_runs_and_explains_itself() -> None:
    stage = Stage(service(count=3, constraints=[unique("hostname")]))
    stage.offers(offer("o1", "a1"), offer("o2", "a2"))
    assert len(stage.launched()) == 2
    stage.offers(offer("o3", "a1"))
    assert not stage.launched()
    text = str(stage.core.explain("s", stage.now_ms))
    assert "slot 2: waits for an offer" in text
    assert "a1.example (a1): unique(hostname): 1 there on 'a1.example'" in text
    assert "a2.example (a2): used for 1" in text


def test_place_is_free_again_when_its_instance_has_ended() -> None:
    stage = Stage(service(count=1, constraints=[unique("hostname")]))
    (task_id,) = stage.run()
    stage.status(task_id, "TASK_FAILED")
    stage.advance(2)
    assert len(stage.run()) == 1


def test_groups_are_counted_over_a_restart_of_the_scheduler() -> None:
    declared = service(count=2, constraints=[group_by("rack", 2)])
    stage = Stage(declared)
    stage.offers(offer("o1", "a1", having="rack:r1"))
    assert len(stage.launched()) == 1
    stage.start()
    stage.step(events.Subscribed())
    stage.declare(declared)
    stage.offers(offer("o2", "a3", having="rack:r1"))
    assert not stage.launched()
    stage.offers(offer("o3", "a2", having="rack:r2"))
    assert len(stage.launched()) == 1


def test_values_of_lost_agents_are_forgotten() -> None:
    stage = Stage(service(count=2, constraints=[group_by("rack")]))
    huge = offer("o2", "a2", "cpus:0.1;mem:1", having="rack:r2")
    stage.offers(offer("o1", "a1", having="rack:r1"), huge)
    assert len(stage.launched()) == 1
    stage.offers(offer("o3", "a1", having="rack:r1"))
    assert not stage.launched(), "r2 is to have one first"
    stage.step(events.AgentLost("a2"))
    stage.offers(offer("o4", "a1", having="rack:r1"))
    assert len(stage.launched()) == 1
