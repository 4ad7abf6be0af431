"""Agents: registered, connected, disconnected."""

from __future__ import annotations

from mesos_compat.master import events as ev
from mesos_compat.master.settings import MasterSettings
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import (
    AGENT_RESOURCES,
    Agent,
    Scheduler,
    executor_info,
    framework_info,
    launch,
    task_info,
)
from tests.mesos_compat.master.validation import recorded

Status = mesos_pb2.TaskStatus


def domain(region: str) -> mesos_pb2.DomainInfo:
    made = mesos_pb2.DomainInfo()
    made.fault_domain.region.name, made.fault_domain.zone.name = region, "a"
    return made


# Registration.


def test_a_new_agent_gets_an_id_when_the_registry_has_it() -> None:
    cluster = Cluster()
    cluster.stores = False
    agent = Agent(cluster)
    assert not agent.told()
    assert not cluster.state.agents
    cluster.store()
    (event,) = agent.told()
    assert event.registered.agent_id.value == "M-S0"
    assert event.registered.ping_timeout_seconds == 75
    assert [one.info.id.value for one in cluster.registry.agents] == ["M-S0"]
    cluster.stores = True
    assert Agent(cluster, "agent1").agent_id == "M-S1"


def test_nothing_is_offered_of_an_agent_that_is_not_stored() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    cluster.stores = False
    Agent(cluster)
    cluster.advance(10_000)
    assert not scheduler.offers
    cluster.store()
    assert scheduler.offers


def test_agents_that_come_while_the_registry_is_busy_are_stored_together() -> None:
    cluster = Cluster()
    cluster.stores = False
    agents = [Agent(cluster, f"agent{number}") for number in range(5)]
    cluster.store_once()
    assert [bool(agent.agent_id) for agent in agents] == [True, False, False, False, False]
    cluster.store_once()
    assert all(agent.agent_id for agent in agents)
    assert cluster.storing is None


def test_an_agent_that_asks_twice_is_registered_once() -> None:
    cluster = Cluster()
    cluster.stores = False
    agent = Agent(cluster)
    first = agent.stream
    agent.subscribe()
    assert first is not None
    assert first.answer == (409, "Another SUBSCRIBE of this agent came after")
    cluster.store()
    assert agent.heard() == ["REGISTERED"]
    assert list(cluster.state.agents) == ["M-S0"]


def test_an_agent_that_has_not_heard_of_its_id_gets_the_same_again() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    agent = Agent(cluster)
    agent.agent_id = ""
    agent.lose()
    agent.version = b"2" * 16
    agent.subscribe()
    assert agent.agent_id == "M-S0"
    assert list(cluster.state.agents) == ["M-S0"]
    cluster.advance(1_000)
    # It is in use again.
    scheduler.launch("t")
    (event,) = [one for one in agent.told() if one.HasField("run_task")]
    assert event.run_task.resource_version == agent.version


def test_a_new_agent_takes_the_place_of_a_used_one_at_its_address() -> None:
    cluster = Cluster()
    old, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    scheduler.launch("t")
    scheduler.told()
    new = Agent(cluster)
    assert new.agent_id == "M-S1"
    assert list(cluster.state.agents) == ["M-S1"]
    events = scheduler.told()
    (status,) = [one.update.status for one in events if one.HasField("update")]
    assert status.state == mesos_pb2.TASK_LOST
    assert status.reason == Status.REASON_AGENT_REMOVED
    assert status.message == "Agent agent0 removed: a new agent registered at the same address"
    assert old.stream is not None
    assert old.stream.is_closed
    assert cluster.core.metrics.value("slave_removals/reason_registered") == 1


def test_an_agent_that_makes_no_sense_is_refused() -> None:
    cluster = Cluster()
    agent = Agent(cluster, subscribes=False)
    call = agent.subscription()
    call.subscribe.version = "0.28.0"
    agent.subscribe_with(call)
    assert agent.stream is not None
    assert agent.stream.answer is not None
    assert agent.stream.answer[0] == 400
    assert not cluster.state.agents


def test_an_agent_may_need_an_authorization() -> None:
    acls = '{"register_agents":[{"principals":{"values":["a"]},"agents":{"type":"ANY"}}],' + (
        '"permissive":false}'
    )
    cluster = Cluster(acls=acls)
    agent = Agent(cluster)
    assert agent.stream is not None
    assert agent.stream.answer is not None
    assert agent.stream.answer[0] == 403


def test_an_agent_with_a_domain_needs_a_master_with_one() -> None:
    cluster = Cluster()
    agent = Agent(cluster, domain=domain("here"))
    assert agent.stream is not None
    assert agent.stream.answer is not None
    assert not cluster.state.agents
    cluster = Cluster(MasterSettings(require_agent_domain=True), domain=domain("here"))
    assert not Agent(cluster).agent_id
    assert Agent(cluster, domain=domain("here")).agent_id


def test_an_agent_of_another_region_is_for_who_knows_of_regions() -> None:
    cluster = Cluster(domain=domain("here"))
    scheduler = Scheduler(cluster, framework_info("r"))
    Agent(cluster, domain=domain("there"))
    assert not scheduler.offers
    aware = (mesos_pb2.FrameworkInfo.Capability.REGION_AWARE,)
    assert Scheduler(cluster, framework_info("r", capabilities=aware)).offers


def test_what_the_agent_has_counts_and_not_what_it_was_given() -> None:
    cluster = Cluster()
    agent = Agent(cluster, subscribes=False)
    agent.total = Resources.parse("cpus:2;mem:512;disk(r):100")
    agent.subscribe()
    known = cluster.state.agents[agent.agent_id]
    assert known.total == agent.total
    assert Resources(known.info.resources) == Resources.parse(AGENT_RESOURCES)


# Disconnection.


def test_frameworks_that_do_not_checkpoint_lose_their_tasks_with_the_link() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r", checkpoint=False))
    info = task_info("l1", agent.agent_id)
    info.ClearField("command")
    info.executor.CopyFrom(executor_info("e", scheduler.framework_id))
    scheduler.accept(list(scheduler.offers), launch(task_info("l1", agent.agent_id)))
    keeper = Scheduler(cluster, framework_info("r"))
    cluster.advance(1_000)
    kept = keeper.launch("kept")
    scheduler.told()
    agent.lose()
    (status,) = scheduler.statuses()
    expected = recorded.event("agent-loss", "not-partition-aware-0-update").update.status
    expected.agent_id.value = agent.agent_id
    expected.message = "Agent agent0 disconnected"
    expected.timestamp = status.timestamp
    assert status == expected
    known = cluster.state.agents[agent.agent_id]
    assert list(known.tasks) == [keeper.framework_id]
    assert list(known.used) == [keeper.framework_id]
    assert "UPDATE" not in keeper.heard()
    assert list(cluster.state.frameworks[kept.framework_id].tasks) == ["kept"]


def test_executors_of_such_frameworks_are_gone_as_well() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r", checkpoint=False))
    info = task_info("t", agent.agent_id)
    info.ClearField("command")
    info.executor.CopyFrom(executor_info("e", scheduler.framework_id))
    scheduler.accept(list(scheduler.offers), launch(info))
    agent.lose()
    known = cluster.state.agents[agent.agent_id]
    assert not known.executors
    assert not known.used


def test_what_such_a_framework_lost_is_killed_if_it_is_still_there() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r", checkpoint=False))
    key = scheduler.launch("t")
    agent.update(key, mesos_pb2.TASK_RUNNING)
    agent.lose()
    agent.told()
    agent.subscribe()
    (event,) = [one for one in agent.told() if one.HasField("kill_task")]
    assert event.kill_task.task_id.value == "t"


def test_the_end_of_a_stream_that_was_replaced_means_nothing() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    assert agent.stream is not None
    old = agent.stream
    agent.subscribe()
    assert old.is_closed
    cluster.step(ev.AgentLost(old.route))
    assert cluster.state.agents[agent.agent_id].is_connected


def test_calls_on_a_stream_that_is_over_are_dropped() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    assert agent.stream is not None
    route = agent.stream.route
    agent.lose()
    call = link_pb2.Call(type=link_pb2.Call.UNREGISTER)
    cluster.step(ev.AgentCalled(route, call))
    assert agent.agent_id in cluster.state.agents
