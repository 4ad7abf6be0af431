"""Agents that come back: to the master that knew them, or to another."""

from __future__ import annotations

import pytest

from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import TaskKey
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import (
    AGENT_CAPABILITIES,
    Agent,
    Operator,
    Scheduler,
    executor_info,
    framework_info,
    launch,
    task_info,
)

Status = mesos_pb2.TaskStatus
RUNNING = mesos_pb2.TASK_RUNNING


def with_task() -> tuple[Cluster, Agent, Scheduler, TaskKey]:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    key = scheduler.launch("t")
    agent.update(key, RUNNING)
    (status,) = scheduler.statuses()
    scheduler.acknowledge(status)
    agent.told()
    return cluster, agent, scheduler, key


def unreachable(cluster: Cluster, agent: Agent) -> None:
    """The agent's link breaks, for too long."""
    agent.lose()
    cluster.advance(120_000)
    assert agent.agent_id in cluster.state.unreachable_agents


# To the master that knows it.


def test_an_agent_that_is_back_soon_goes_on_as_before() -> None:
    cluster, agent, scheduler, key = with_task()
    agent.lose()
    cluster.advance(30_000)
    agent.subscribe()
    (event, _update) = agent.told()
    assert event.type == link_pb2.Event.REREGISTERED
    assert event.registered.agent_id.value == agent.agent_id
    assert not event.registered.reconciliations
    assert not scheduler.statuses()
    assert list(cluster.state.frameworks[key.framework_id].tasks) == ["t"]
    cluster.advance(120_000)
    assert list(cluster.state.agents) == [agent.agent_id]
    assert cluster.core.metrics.value("slave_reregistrations") == 1


def test_an_agent_is_asked_about_tasks_that_it_does_not_tell_of() -> None:
    _cluster, agent, scheduler, key = with_task()
    agent.lose()
    agent.tasks.clear()
    agent.subscribe()
    (event, *_rest) = agent.told()
    (asked,) = event.registered.reconciliations
    assert asked.task_id.value == key.task_id
    assert asked.framework.id.value == key.framework_id
    # Until it has answered the task is believed to be there.
    agent.update(key, mesos_pb2.TASK_DROPPED)
    (status,) = scheduler.statuses()
    assert status.state == mesos_pb2.TASK_DROPPED


def test_a_task_launched_on_a_link_that_was_over_is_asked_about() -> None:
    cluster, agent, scheduler, _key = with_task()
    cluster.advance(1_000)
    cluster.instant = False
    # The agent has subscribed anew already, and the registry is slow.
    cluster.stores = False
    other = agent.subscription()
    other.subscribe.agent.port = 5052
    agent.subscribe_with(other)
    scheduler.launch("late")
    cluster.stores = cluster.instant = True
    cluster.store()
    (event, *_rest) = agent.told()
    assert event.type == link_pb2.Event.REREGISTERED
    assert [one.task_id.value for one in event.registered.reconciliations] == ["late"]
    assert TaskKey(scheduler.framework_id, "late") not in agent.tasks


def test_executors_that_are_gone_free_what_they_used_and_unknown_ones_are_ended() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    info = task_info("t", agent.agent_id)
    info.ClearField("command")
    info.executor.CopyFrom(executor_info("e", scheduler.framework_id))
    scheduler.accept(list(scheduler.offers), launch(info))
    agent.lose()
    agent.executors.clear()
    agent.executors[scheduler.framework_id, "x"] = executor_info("x", scheduler.framework_id)
    agent.told()
    agent.subscribe()
    known = cluster.state.agents[agent.agent_id]
    assert not known.executors
    assert known.used[scheduler.framework_id].amount("cpus") == 1_000
    (event,) = [one for one in agent.told() if one.HasField("shutdown_executor")]
    assert event.shutdown_executor.executor_id.value == "x"


def test_what_an_agent_is_now_counts() -> None:
    cluster, agent, scheduler, _key = with_task()
    cluster.advance(1_000)
    assert scheduler.offers
    agent.lose()
    agent.configured = agent.total = Resources.parse("cpus:8;mem:8192")
    agent.capabilities = AGENT_CAPABILITIES[:2]
    agent.subscribe()
    known = cluster.state.agents[agent.agent_id]
    assert known.total == agent.total
    assert known.capabilities == AGENT_CAPABILITIES[:2]
    assert Resources(cluster.registry.agents[0].info.resources) == agent.configured
    cluster.advance(1_000)
    (offer,) = scheduler.offers.values()
    assert Resources(offer.resources).amount("cpus") == 7_000


def test_offers_end_when_an_agent_comes_back_changed_before_its_link_was_missed() -> None:
    cluster, agent, scheduler, _key = with_task()
    cluster.advance(1_000)
    scheduler.told()
    agent.total = Resources.parse("cpus:2;mem:1024")
    agent.subscribe()
    assert scheduler.heard() == ["RESCIND", "OFFERS"]


def test_an_agent_may_not_move() -> None:
    cluster, agent, _scheduler, _key = with_task()
    agent.lose()
    agent.hostname = "elsewhere"
    agent.subscribe()
    (event,) = agent.told()
    assert event.type == link_pb2.Event.SHUTDOWN
    assert event.shutdown.message == "Agent attempted to reregister with different IP / hostname"
    assert cluster.state.agents[agent.agent_id].info.hostname == "agent0"


def test_frameworks_that_have_ended_are_ended_on_an_agent_that_was_away() -> None:
    cluster, agent, scheduler, _key = with_task()
    agent.lose()
    scheduler.simple(scheduler_pb2.Call.TEARDOWN)
    agent.subscribe()
    assert agent.heard() == ["REREGISTERED", "SHUTDOWN_FRAMEWORK"]
    assert not agent.tasks
    assert not cluster.state.agents[agent.agent_id].tasks


def test_an_agent_that_is_to_be_drained_hears_of_it_when_it_is_back() -> None:
    cluster, agent, _scheduler, _key = with_task()
    agent.lose()
    call = master_pb2.Call(type=master_pb2.Call.DRAIN_AGENT)
    call.drain_agent.agent_id.value = agent.agent_id
    assert cluster.operate(call) == (200, "")
    agent.subscribe()
    assert agent.heard() == ["REREGISTERED", "UPDATE_FRAMEWORK", "DRAIN"]
    cluster.advance(10_000)
    # It is not offered, however often it comes back.
    assert not cluster.state.offers


# After it was given up.


def test_tasks_of_an_agent_that_was_unreachable_are_there_again() -> None:
    cluster, agent, scheduler, key = with_task()
    unreachable(cluster, agent)
    framework = cluster.state.frameworks[key.framework_id]
    assert list(framework.unreachable_tasks) == ["t"]
    scheduler.told(), agent.told()
    watcher = Operator(cluster)
    watcher.told()
    agent.subscribe()
    (status,) = scheduler.statuses()
    assert status.state == RUNNING
    assert status.message == "Unreachable agent re-reregistered"
    assert status.reason == Status.REASON_AGENT_REREGISTERED
    assert not status.HasField("uuid")
    assert list(framework.tasks) == ["t"]
    assert not framework.unreachable_tasks
    assert not cluster.registry.unreachable
    assert [one.info.id.value for one in cluster.registry.agents] == [agent.agent_id]
    assert watcher.heard() == ["AGENT_ADDED", "TASK_ADDED"]
    assert agent.heard() == ["REREGISTERED", "UPDATE_FRAMEWORK"]


def test_tasks_that_ended_while_nobody_could_see_it_are_not_unreachable_any_more() -> None:
    cluster, agent, scheduler, key = with_task()
    unreachable(cluster, agent)
    agent.tasks.clear()
    agent.subscribe()
    framework = cluster.state.frameworks[key.framework_id]
    assert not framework.unreachable_tasks
    (status,) = scheduler.reconcile(("t", agent.agent_id))
    assert status.state == mesos_pb2.TASK_GONE


def test_a_drained_agent_is_still_so_when_it_is_back() -> None:
    cluster, agent, _scheduler, _key = with_task()
    call = master_pb2.Call(type=master_pb2.Call.DEACTIVATE_AGENT)
    call.deactivate_agent.agent_id.value = agent.agent_id
    assert cluster.operate(call) == (200, "")
    unreachable(cluster, agent)
    agent.subscribe()
    assert cluster.state.agents[agent.agent_id].is_deactivated
    cluster.advance(10_000)
    assert not cluster.state.offers


def test_a_framework_that_ended_meanwhile_has_nothing_there() -> None:
    cluster, agent, scheduler, _key = with_task()
    unreachable(cluster, agent)
    scheduler.simple(scheduler_pb2.Call.TEARDOWN)
    agent.told()
    agent.subscribe()
    assert agent.heard() == ["REREGISTERED", "SHUTDOWN_FRAMEWORK"]
    assert not cluster.state.agents[agent.agent_id].used


def test_a_task_whose_id_another_has_by_now_is_killed() -> None:
    cluster = Cluster(MasterSettings(max_unreachable_tasks_per_framework=0))
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    key = scheduler.launch("t")
    agent.update(key, RUNNING)
    unreachable(cluster, agent)
    second = Agent(cluster, "agent1")
    scheduler.launch("t")
    agent.told()
    agent.subscribe()
    (event,) = [one for one in agent.told() if one.HasField("kill_task")]
    assert event.kill_task.task_id.value == "t"
    framework = cluster.state.frameworks[key.framework_id]
    assert framework.tasks["t"].agent_id == second.agent_id


def test_an_agent_that_nobody_knows_is_taken_as_it_says() -> None:
    cluster = Cluster()
    agent = Agent(cluster, subscribes=False)
    agent.agent_id = "older-S7"
    info = framework_info("r")
    info.id.value = "older-0001"
    agent.frameworks["older-0001"] = info
    key = TaskKey("older-0001", "t")
    agent.tasks[key] = mesos_pb2.Task(
        name="t",
        task_id=mesos_pb2.TaskID(value="t"),
        framework_id=info.id,
        agent_id=mesos_pb2.AgentID(value="older-S7"),
        state=RUNNING,
        resources=Resources.parse("cpus:1").allocate("r"),
    )
    agent.subscribe()
    assert list(cluster.state.agents) == ["older-S7"]
    framework = cluster.state.frameworks["older-0001"]
    assert framework.is_recovered
    assert not framework.is_connected
    assert list(framework.tasks) == ["t"]
    assert [one.info.id.value for one in cluster.registry.agents] == ["older-S7"]


# To another master.


@pytest.mark.parametrize("scheduler_first", [True, False])
def test_a_new_master_hears_all_from_agents_and_frameworks(*, scheduler_first: bool) -> None:
    cluster, agent, scheduler, key = with_task()
    cluster.fail_over("N")
    assert list(cluster.state.recovered_agents) == [agent.agent_id]
    if scheduler_first:
        scheduler.subscribe()
        agent.subscribe()
    else:
        agent.subscribe()
        assert cluster.state.frameworks[key.framework_id].is_recovered
        scheduler.subscribe()
    assert not cluster.state.recovered_agents
    framework = cluster.state.frameworks[key.framework_id]
    assert not framework.is_recovered
    assert framework.is_connected
    assert framework.tasks["t"].message.state == RUNNING
    # It was expected, so nobody is told that it is back.
    assert not scheduler.statuses()
    cluster.advance(1_000)
    (offer,) = scheduler.offers.values()
    assert Resources(offer.resources).amount("cpus") == 3_000
    assert offer.id.value.startswith("N-O")


def test_executors_are_taken_over_with_what_they_use() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    info = task_info("t", agent.agent_id)
    info.ClearField("command")
    info.executor.CopyFrom(executor_info("e", scheduler.framework_id))
    scheduler.accept(list(scheduler.offers), launch(info))
    before = cluster.state.agents[agent.agent_id].used
    cluster.fail_over("N")
    agent.subscribe()
    known = cluster.state.agents[agent.agent_id]
    assert known.used == before
    assert list(known.executors[scheduler.framework_id]) == ["e"]


def test_completed_frameworks_of_agents_are_shown_by_a_new_master() -> None:
    cluster, agent, scheduler, key = with_task()
    cluster.fail_over("N")
    scheduler.subscribe()
    call = agent.subscription()
    done = agent.tasks.pop(key)
    call.subscribe.ClearField("tasks")
    completed = call.subscribe.completed_frameworks.add(info=scheduler.info)
    done.state = mesos_pb2.TASK_FINISHED
    completed.tasks.append(done)
    agent.subscribe_with(call)
    agent.lose()
    agent.subscribe_with(call)
    framework = cluster.state.frameworks[key.framework_id]
    assert [task.task_id.value for task in framework.completed_tasks] == ["t"]


# At addresses where others were.


def subscribe_at(agent: Agent, port: int) -> None:
    call = agent.subscription()
    call.subscribe.address.port = port
    agent.subscribe_with(call)


def two_on_one_machine() -> tuple[Cluster, Agent, Agent]:
    cluster = Cluster()
    first, second = Agent(cluster, subscribes=False), Agent(cluster, subscribes=False)
    subscribe_at(first, 1)
    subscribe_at(second, 2)
    return cluster, first, second


def test_an_agent_that_is_back_takes_the_address_of_who_was_there() -> None:
    cluster, first, second = two_on_one_machine()
    first.lose()
    second.lose()
    subscribe_at(first, 2)
    assert list(cluster.state.agents) == [first.agent_id]
    assert [one.info.id.value for one in cluster.registry.agents] == [first.agent_id]
    assert cluster.core.metrics.value("slave_removals/reason_registered") == 1
    assert list(cluster.state.agents_by_pid.values()) == [first.agent_id]


def test_agents_may_exchange_their_addresses() -> None:
    cluster, first, second = two_on_one_machine()
    first.lose()
    second.lose()
    cluster.stores = False
    subscribe_at(first, 2)
    # Nobody has asked yet where the second one is.
    subscribe_at(second, 1)
    assert second.stream is not None
    assert second.stream.answer == (503, "The agent is being removed; it may try again")
    cluster.stores = True
    cluster.store()
    subscribe_at(second, 1)
    assert sorted(cluster.state.agents) == [first.agent_id, second.agent_id]
    assert sorted(cluster.state.agents_by_pid.values()) == [first.agent_id, second.agent_id]


def test_an_agent_of_the_last_master_takes_the_address_of_who_was_there() -> None:
    cluster, first, second = two_on_one_machine()
    cluster.fail_over("N")
    subscribe_at(second, 2)
    subscribe_at(first, 2)
    assert list(cluster.state.agents) == [first.agent_id]
    assert list(cluster.state.agents_by_pid.values()) == [first.agent_id]
