"""Offers: what is in them, and how they end."""

from __future__ import annotations

import pytest

from mesos_compat.allocator.interface import AllocatorOptions
from mesos_compat.master import events as ev
from mesos_compat.master.settings import MasterSettings
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import (
    AGENT_RESOURCES,
    Agent,
    Capability,
    Scheduler,
    executor_info,
    framework_info,
    launch,
    task_info,
)
from tests.mesos_compat.master.validation import recorded


def only_offer(scheduler: Scheduler) -> mesos_pb2.Offer:
    (offer,) = scheduler.offers.values()
    return offer


def test_an_offer_is_all_that_is_free_of_an_agent_for_one_role() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("*"))
    offer = only_offer(scheduler)
    assert offer.id.value == "M-O0"
    assert offer.framework_id.value == scheduler.framework_id
    assert offer.agent_id.value == agent.agent_id
    assert offer.hostname == "agent0"
    assert offer.url.address.ip == "127.0.0.1"
    assert offer.url.path == "/slave(1)"
    # In the order of a real master, with the role in each of them.
    (expected,) = recorded.event("scheduler", "offers").offers.offers
    assert list(offer.resources) == list(expected.resources)
    assert offer.allocation_info == expected.allocation_info


def test_a_framework_without_multi_role_sees_no_allocation() -> None:
    cluster = Cluster()
    Agent(cluster, resources="cpus:4;mem(r):1024")
    scheduler = Scheduler(cluster, framework_info("r", capabilities=()))
    offer = only_offer(scheduler)
    assert not offer.HasField("allocation_info")
    assert not any(one.HasField("allocation_info") for one in offer.resources)
    assert sorted((one.name, one.role) for one in offer.resources) == [("cpus", "*"), ("mem", "r")]
    assert not any(one.reservations for one in offer.resources)


def test_a_framework_that_knows_refinement_sees_reservations() -> None:
    cluster = Cluster()
    Agent(cluster, resources="cpus:4;mem(r):1024")
    offer = only_offer(Scheduler(cluster, framework_info("r")))
    reserved = {one.name: [own.role for own in one.reservations] for one in offer.resources}
    assert reserved == {"cpus": [], "mem": ["r"]}
    assert not any(one.HasField("role") for one in offer.resources)


def test_an_offer_names_the_frameworks_executors_on_the_agent() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    info = task_info("t", agent.agent_id)
    info.ClearField("command")
    info.executor.CopyFrom(executor_info("e", scheduler.framework_id))
    scheduler.accept(scheduler.offers.copy(), launch(info), refuse_seconds=0)
    cluster.advance(1_000)
    assert [one.value for one in only_offer(scheduler).executor_ids] == ["e"]


def test_an_offer_says_where_its_agent_is() -> None:
    domain = mesos_pb2.DomainInfo()
    domain.fault_domain.region.name, domain.fault_domain.zone.name = "here", "a"
    cluster = Cluster(domain=domain)
    Agent(cluster, domain=domain)
    assert only_offer(Scheduler(cluster, framework_info("r"))).domain == domain


def test_offers_of_several_agents_come_in_one_event() -> None:
    cluster = Cluster()
    for number in range(3):
        Agent(cluster, f"agent{number}")
    scheduler = Scheduler(cluster, framework_info("r"))
    assert scheduler.heard() == ["SUBSCRIBED", "OFFERS"]
    assert len(scheduler.offers) == 3


def test_no_resource_is_offered_to_two_frameworks() -> None:
    cluster = Cluster()
    Agent(cluster)
    first, second = (Scheduler(cluster, framework_info("r")) for _ in range(2))
    cluster.advance(10_000)
    assert len(first.offers) == 1
    assert not second.offers


# How they end.


def test_a_declined_offer_is_made_again_with_the_first_run_after_five_seconds() -> None:
    cluster = Cluster()
    Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r"))
    cluster.advance(500)
    scheduler.decline(scheduler.offers.copy())
    cluster.advance(5_000)
    assert not scheduler.offers
    cluster.advance(1_000)
    assert only_offer(scheduler).id.value == "M-O1"


def test_a_declined_offer_goes_to_others() -> None:
    cluster = Cluster()
    Agent(cluster)
    first = Scheduler(cluster, framework_info("r"))
    second = Scheduler(cluster, framework_info("r"))
    first.decline(first.offers.copy())
    cluster.advance(1_000)
    assert not first.offers
    assert len(second.offers) == 1


def test_an_offer_declined_without_a_filter_comes_with_the_next_run() -> None:
    cluster = Cluster()
    Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.decline(scheduler.offers.copy(), refuse_seconds=0)
    cluster.advance(1_000)
    assert scheduler.offers


def test_reviving_ends_what_was_refused() -> None:
    cluster = Cluster()
    Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.decline(scheduler.offers.copy(), refuse_seconds=3600)
    cluster.advance(60_000)
    assert not scheduler.offers
    scheduler.simple(scheduler_pb2.Call.REVIVE)
    assert scheduler.offers


def test_only_ones_own_offers_can_be_declined() -> None:
    cluster = Cluster()
    Agent(cluster)
    first = Scheduler(cluster, framework_info("r"))
    second = Scheduler(cluster, framework_info("r"))
    offer_id = only_offer(first).id.value
    second.decline([offer_id, "nope"])
    assert list(cluster.state.offers) == [offer_id]


def test_an_offer_that_nobody_answers_is_rescinded_in_time() -> None:
    cluster = Cluster(MasterSettings(offer_timeout_ms=30_000))
    Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r"))
    offer_id = only_offer(scheduler).id.value
    scheduler.told()
    cluster.advance(29_999)
    assert not scheduler.told()
    cluster.advance(1)
    rescinded = scheduler.told()[0]
    assert rescinded.rescind.offer_id.value == offer_id
    cluster.advance(1_000)
    assert offer_id not in scheduler.offers
    assert scheduler.offers


def test_an_offer_that_was_answered_does_not_time_out() -> None:
    cluster = Cluster(MasterSettings(offer_timeout_ms=30_000))
    Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.decline(scheduler.offers.copy(), refuse_seconds=3600)
    scheduler.told()
    cluster.advance(60_000)
    assert not scheduler.told()


def test_an_offer_is_rescinded_when_its_agent_disconnects() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    offer_id = only_offer(scheduler).id.value
    scheduler.told()
    agent.lose()
    (event,) = scheduler.told()
    assert event.rescind.offer_id.value == offer_id
    cluster.advance(10_000)
    assert not scheduler.offers
    agent.subscribe()
    assert scheduler.offers


def test_an_offer_is_rescinded_when_its_agent_has_changed() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    agent.total = Resources.parse("cpus:2;mem:1024")
    agent.version = bytes(15) + b"\1"
    scheduler.told()
    agent.update_agent()
    assert scheduler.heard() == ["RESCIND", "OFFERS"]
    assert only_offer(scheduler).resources[0].scalar.value == 2


def test_more_that_is_oversubscribed_is_offered_to_who_may_have_it() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    capabilities = (Capability.MULTI_ROLE, Capability.REVOCABLE_RESOURCES)
    scheduler = Scheduler(cluster, framework_info("r", capabilities=capabilities))
    scheduler.decline(scheduler.offers.copy(), refuse_seconds=0)
    agent.update_agent(oversubscribed="cpus:2")
    cluster.advance(1_000)
    revocable = [one for one in only_offer(scheduler).resources if one.HasField("revocable")]
    assert [(one.name, one.scalar.value) for one in revocable] == [("cpus", 2)]
    # What is no longer to be had is no longer offered.
    agent.update_agent()
    cluster.advance(1_000)
    assert not any(one.HasField("revocable") for one in only_offer(scheduler).resources)


def test_only_listed_hosts_are_offered() -> None:
    cluster = Cluster()
    cluster.step(ev.WhitelistRead(("agent1",)))
    for number in range(2):
        Agent(cluster, f"agent{number}")
    scheduler = Scheduler(cluster, framework_info("r"))
    assert only_offer(scheduler).hostname == "agent1"
    cluster.step(ev.WhitelistRead(None))
    cluster.advance(1_000)
    assert len(scheduler.offers) == 2


@pytest.mark.parametrize("policy", ["drf", "fcfs"])
def test_what_is_not_accepted_goes_back(policy: str) -> None:
    cluster = Cluster(policy=policy, options=AllocatorOptions())
    Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.launch("t", "cpus:1;mem:96")
    cluster.advance(1_000)
    left = Resources(only_offer(scheduler).resources).unallocate()
    assert left == Resources.parse(AGENT_RESOURCES) - Resources.parse("cpus:1;mem:96")
