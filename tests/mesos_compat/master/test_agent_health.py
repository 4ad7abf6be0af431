"""Agents that are silent, late, or saved at the last moment."""

from __future__ import annotations

from fractions import Fraction

from mesos_compat.master.settings import MasterSettings, RemovalRate
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import CAPABILITIES, Agent, Scheduler, framework_info

MINUTE_MS = 60_000


def pong() -> link_pb2.Call:
    return link_pb2.Call(type=link_pb2.Call.PONG)


def silent(cluster: Cluster, count: int = 1) -> list[Agent]:
    """Agents that do not answer pings."""
    agents = [Agent(cluster, f"agent{number}") for number in range(count)]
    for agent in agents:
        agent.answers_pings = False
    return agents


def test_an_agent_that_answers_its_pings_stays() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    cluster.advance(10 * MINUTE_MS)
    assert list(cluster.state.agents) == [agent.agent_id]


def test_an_agent_that_misses_five_pings_is_unreachable() -> None:
    cluster = Cluster()
    (agent,) = silent(cluster)
    cluster.advance(75_000)
    assert agent.agent_id in cluster.state.agents
    cluster.advance(15_000)
    assert not cluster.state.agents
    assert list(cluster.state.unreachable_agents) == [agent.agent_id]
    assert agent.stream is not None
    assert agent.stream.is_closed
    assert [one.id.value for one in cluster.registry.unreachable] == [agent.agent_id]
    metrics = cluster.core.metrics
    assert metrics.value("slave_unreachable_scheduled") == 1
    assert metrics.value("slave_unreachable_completed") == 1
    assert metrics.value("slave_removals/reason_unhealthy") == 1


def test_one_answer_makes_up_for_all_that_were_missed() -> None:
    cluster = Cluster()
    (agent,) = silent(cluster)
    for _ in range(4):
        cluster.advance(70_000)
        agent.say(pong())
    assert agent.agent_id in cluster.state.agents


def test_a_dead_host_is_found_by_pings_before_the_agent_is_late() -> None:
    cluster = Cluster()
    (agent,) = silent(cluster)
    agent.lose()
    cluster.advance(90_000)
    assert agent.agent_id in cluster.state.unreachable_agents


def test_nothing_is_told_before_the_registry_has_it() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    (agent,) = silent(cluster)
    scheduler.launch("t")
    scheduler.told()
    cluster.stores = False
    cluster.advance(100_000)
    assert "UPDATE" not in scheduler.heard()
    assert agent.agent_id in cluster.state.agents
    # Meanwhile it may not come back.
    agent.subscribe()
    assert agent.stream is not None
    assert agent.stream.answer is not None
    assert agent.stream.answer[0] == 503
    cluster.store()
    assert "UPDATE" in scheduler.heard()


def test_a_task_on_an_unreachable_agent_is_so_too() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    (agent,) = silent(cluster)
    scheduler.launch("t")
    scheduler.told()
    cluster.advance(90_000)
    events = scheduler.told()
    (status,) = [one.update.status for one in events if one.HasField("update")]
    assert status.state == mesos_pb2.TASK_UNREACHABLE
    assert status.message == "health check timed out"
    assert status.reason == mesos_pb2.TaskStatus.REASON_AGENT_REMOVED
    assert status.unreachable_time.nanoseconds == cluster.now.wall_ns
    assert events[-1].failure.agent_id.value == agent.agent_id
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert not framework.tasks
    assert list(framework.unreachable_tasks) == ["t"]


def test_a_framework_that_knows_no_partitions_has_lost_the_task() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r", capabilities=CAPABILITIES[:-1]))
    silent(cluster)
    scheduler.launch("t")
    scheduler.told()
    cluster.advance(90_000)
    status = scheduler.statuses()[0]
    assert status.state == mesos_pb2.TASK_LOST
    assert status.unreachable_time.nanoseconds


def test_everybody_hears_that_an_agent_has_failed() -> None:
    cluster = Cluster()
    silent(cluster)
    idle = Scheduler(cluster, framework_info("r"))
    idle.decline(idle.offers.copy(), refuse_seconds=3600)
    idle.told()
    cluster.advance(90_000)
    assert idle.heard() == ["FAILURE"]


# Not too many at a time.


def test_agents_are_given_up_no_faster_than_the_rate_allows() -> None:
    rate = RemovalRate(permits=1, interval_ms=MINUTE_MS)
    cluster = Cluster(MasterSettings(agent_removal_rate_limit=rate))
    silent(cluster, 3)
    cluster.advance(90_000)
    assert len(cluster.state.unreachable_agents) == 1
    cluster.advance(MINUTE_MS - 1)
    assert len(cluster.state.unreachable_agents) == 1
    cluster.advance(1)
    assert len(cluster.state.unreachable_agents) == 2
    cluster.advance(MINUTE_MS)
    assert len(cluster.state.unreachable_agents) == 3


def test_an_agent_that_answers_while_it_waits_is_spared() -> None:
    rate = RemovalRate(permits=1, interval_ms=10 * MINUTE_MS)
    cluster = Cluster(MasterSettings(agent_removal_rate_limit=rate))
    _first, second = silent(cluster, 2)
    cluster.advance(90_000)
    second.answers_pings = True
    second.say(pong())
    cluster.advance(20 * MINUTE_MS)
    assert list(cluster.state.agents) == [second.agent_id]
    assert cluster.core.metrics.value("slave_unreachable_canceled") == 1


def test_an_agent_that_comes_back_while_it_waits_is_spared() -> None:
    rate = RemovalRate(permits=1, interval_ms=10 * MINUTE_MS)
    cluster = Cluster(MasterSettings(agent_removal_rate_limit=rate))
    _first, second = silent(cluster, 2)
    cluster.advance(90_000)
    second.answers_pings = True
    second.lose()
    second.subscribe()
    cluster.advance(20 * MINUTE_MS)
    assert list(cluster.state.agents) == [second.agent_id]


# Agents of the registry.


def with_recovered(limit: Fraction = Fraction(1)) -> tuple[Cluster, list[Agent]]:
    """A new master, and the agents that the last one had."""
    cluster = Cluster(MasterSettings(recovery_agent_removal_limit=limit))
    agents = [Agent(cluster, f"agent{number}") for number in range(4)]
    cluster.fail_over("N")
    return cluster, agents


def test_agents_that_do_not_come_back_to_a_new_master_are_unreachable() -> None:
    cluster, agents = with_recovered()
    scheduler = Scheduler(cluster, framework_info("r"))
    agents[0].subscribe()
    scheduler.told()
    cluster.advance(10 * MINUTE_MS - 1)
    assert len(cluster.state.recovered_agents) == 3
    cluster.advance(1)
    assert not cluster.state.recovered_agents
    assert list(cluster.state.unreachable_agents) == [one.agent_id for one in agents[1:]]
    assert scheduler.heard() == ["FAILURE"] * 3
    assert cluster.core.metrics.value("recovery_slave_removals") == 3


def test_a_master_that_misses_too_many_agents_stops() -> None:
    cluster, agents = with_recovered(Fraction(1, 2))
    agents[0].subscribe()
    cluster.advance(10 * MINUTE_MS)
    assert cluster.stopped is not None
    assert cluster.stopped.startswith(
        "Post-recovery agent removal limit exceeded! After 10mins there were 3 (75%) agents"
    )


def test_a_master_that_misses_few_agents_goes_on() -> None:
    cluster, agents = with_recovered(Fraction(1, 2))
    for agent in agents[:2]:
        agent.subscribe()
    cluster.advance(10 * MINUTE_MS)
    assert cluster.stopped is None
    assert len(cluster.state.unreachable_agents) == 2


def test_an_agent_that_is_back_but_not_stored_is_not_missed() -> None:
    cluster, agents = with_recovered()
    cluster.stores = False
    agents[0].agent_id = agents[0].agent_id
    agents[0].configured = agents[0].configured + agents[0].configured
    agents[0].subscribe()
    assert cluster.storing is not None
    cluster.advance(10 * MINUTE_MS)
    # The others wait for the same registry.
    cluster.stores = True
    cluster.store()
    assert list(cluster.state.agents) == [agents[0].agent_id]
    assert len(cluster.state.unreachable_agents) == 3


# The registry is kept tidy.


def test_agents_unreachable_for_long_are_forgotten() -> None:
    settings = MasterSettings(registry_max_agent_age_ms=30 * MINUTE_MS)
    cluster = Cluster(settings)
    (agent,) = silent(cluster)
    cluster.advance(90_000)
    assert len(cluster.registry.unreachable) == 1
    cluster.advance(29 * MINUTE_MS)
    assert agent.agent_id in cluster.state.unreachable_agents
    cluster.advance(20 * MINUTE_MS)
    assert not cluster.state.unreachable_agents
    assert not cluster.registry.unreachable


def test_tasks_of_agents_that_are_forgotten_are_unknown() -> None:
    cluster = Cluster(MasterSettings(registry_max_agent_age_ms=30 * MINUTE_MS))
    scheduler = Scheduler(cluster, framework_info("r"))
    (agent,) = silent(cluster)
    scheduler.launch("t")
    cluster.advance(90_000)
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert list(framework.unreachable_tasks) == ["t"]
    cluster.advance(48 * MINUTE_MS)
    assert not framework.unreachable_tasks
    (status,) = scheduler.reconcile(("t", agent.agent_id))
    assert status.state == mesos_pb2.TASK_UNKNOWN


def test_only_so_many_unreachable_agents_are_remembered() -> None:
    cluster = Cluster(MasterSettings(registry_max_agent_count=2))
    agents = silent(cluster, 3)
    cluster.advance(16 * MINUTE_MS)
    assert list(cluster.state.unreachable_agents) == [one.agent_id for one in agents[1:]]
