"""The master as one machine: when it wants to be called, its stories, its books."""

from __future__ import annotations

import pytest

from mesos_compat.errors import InvariantBroken
from mesos_compat.master import actions as act
from mesos_compat.master import events as ev
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import Agent, Scheduler, framework_info


def test_a_tick_is_wanted_when_the_next_thing_is_due() -> None:
    cluster = Cluster()
    Scheduler(cluster, framework_info("r"))
    due_ms = cluster.core.next_due_ms()
    assert cluster.now.mono_ms < due_ms <= cluster.now.mono_ms + 1_000


def test_a_master_that_does_not_lead_only_looks_at_the_clock() -> None:
    cluster = Cluster()
    cluster.stores = False
    cluster.lead("N")
    before = cluster.core.step(ev.Tick(), cluster.now)
    assert before == []
    assert cluster.core.next_due_ms() > cluster.now.mono_ms


def test_the_same_events_come_to_the_same_actions() -> None:
    def history() -> list[act.Action]:
        cluster = Cluster()
        seen: list[act.Action] = []
        step = cluster.core.step

        def recorded(event: ev.Event, now: ev.Now) -> list[act.Action]:
            actions = step(event, now)
            seen.extend(actions)
            return actions

        cluster.core.step = recorded  # type: ignore[method-assign]
        agent = Agent(cluster)
        scheduler = Scheduler(cluster, framework_info("r", "s"))
        key = scheduler.launch("t")
        agent.update(key, mesos_pb2.TASK_RUNNING)
        cluster.advance(20_000)
        agent.lose()
        cluster.advance(100_000)
        agent.subscribe()
        return seen

    first = history()
    assert len(first) > 20
    assert first == history()


def test_the_story_of_a_task_says_what_happened_to_it() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    key = scheduler.launch("t")
    agent.update(key, mesos_pb2.TASK_RUNNING)
    scheduler.kill("t")
    agent.update(key, mesos_pb2.TASK_KILLED)
    story = [line.split(" ", 1)[1] for line in cluster.core.story("t")]
    assert story == ["accepted on M-S0", "TASK_RUNNING", "to be killed", "TASK_KILLED"]
    assert cluster.core.story("nothing") == []


def used(cluster: Cluster, agent: Agent, scheduler: Scheduler) -> None:
    known = cluster.state.agents[agent.agent_id]
    known.used[scheduler.framework_id] = Resources.parse("cpus:1").allocate("r")


def twice(cluster: Cluster, agent: Agent, scheduler: Scheduler) -> None:
    known = cluster.state.agents[agent.agent_id]
    offer = next(iter(known.offers.values()))
    other = type(offer)(
        "second", offer.framework_id, offer.agent_id, offer.role, offer.resources, offer.message
    )
    cluster.state.offers["second"] = other
    known.offers["second"] = other
    cluster.state.frameworks[scheduler.framework_id].offers["second"] = other


def away(cluster: Cluster, _agent: Agent, scheduler: Scheduler) -> None:
    cluster.state.frameworks[scheduler.framework_id].route = None


def inactive(cluster: Cluster, agent: Agent, _scheduler: Scheduler) -> None:
    cluster.state.agents[agent.agent_id].is_deactivated = True


def forgotten(cluster: Cluster, agent: Agent, scheduler: Scheduler) -> None:
    del cluster.state.agents[agent.agent_id].tasks[scheduler.framework_id]["t"]


def lost_offer(cluster: Cluster, agent: Agent, _scheduler: Scheduler) -> None:
    cluster.state.agents[agent.agent_id].offers.clear()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (used, "what is used is what tasks and executors use"),
        (twice, "no more is used and offered than there is"),
        (away, "only connected frameworks have offers"),
        (inactive, "only agents are offered that are there"),
        (forgotten, "task"),
        (lost_offer, "an offer is known to its framework and its agent"),
    ],
)
def test_books_that_do_not_agree_are_noticed(damage: object, why: str) -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    scheduler.launch("t")
    cluster.advance(1_000)
    cluster.core.check()
    assert callable(damage)
    damage(cluster, agent, scheduler)
    with pytest.raises(InvariantBroken, match=why):
        cluster.core.check()
