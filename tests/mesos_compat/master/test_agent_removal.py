"""What is told when agents go for good."""

from __future__ import annotations

import pytest

from mesos_compat.master.settings import MasterSettings
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import (
    CAPABILITIES,
    Agent,
    Operator,
    Scheduler,
    framework_info,
)

Status = mesos_pb2.TaskStatus


def gone(agent: Agent) -> master_pb2.Call:
    call = master_pb2.Call(type=master_pb2.Call.MARK_AGENT_GONE)
    call.mark_agent_gone.agent_id.value = agent.agent_id
    return call


def with_task(*, is_aware: bool = True) -> tuple[Cluster, Agent, Scheduler]:
    cluster = Cluster()
    agent = Agent(cluster)
    capabilities = CAPABILITIES if is_aware else CAPABILITIES[:-1]
    scheduler = Scheduler(cluster, framework_info("r", capabilities=capabilities))
    scheduler.launch("t")
    cluster.advance(1_000)
    scheduler.told()
    return cluster, agent, scheduler


def test_an_agent_that_unregisters_is_removed_with_its_tasks() -> None:
    cluster, agent, scheduler = with_task()
    watcher = Operator(cluster)
    watcher.told()
    agent.say(link_pb2.Call(type=link_pb2.Call.UNREGISTER))
    events = scheduler.told()
    assert [scheduler_pb2.Event.Type.Name(one.type) for one in events] == [
        "UPDATE",
        "RESCIND",
        "FAILURE",
    ]
    status = events[0].update.status
    assert status.state == mesos_pb2.TASK_LOST
    assert status.message == "Agent agent0 removed: the agent unregistered"
    assert status.reason == Status.REASON_AGENT_REMOVED
    assert not cluster.state.agents
    assert not cluster.registry.agents
    assert watcher.heard() == ["TASK_UPDATED", "AGENT_REMOVED"]
    assert cluster.core.metrics.value("slave_removals/reason_unregistered") == 1
    # The task is over, and nobody need acknowledge that.
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert [task.state for task in framework.completed_tasks] == [mesos_pb2.TASK_LOST]


@pytest.mark.parametrize("is_aware", [True, False])
def test_an_agent_marked_gone_ends_and_so_do_its_tasks(*, is_aware: bool) -> None:
    cluster, agent, scheduler = with_task(is_aware=is_aware)
    watcher = Operator(cluster)
    watcher.told(), agent.told()
    assert cluster.operate(gone(agent)) == (200, "")
    (event,) = agent.told()
    assert event.shutdown.message == "Agent has been marked gone"
    assert agent.stream is not None
    assert agent.stream.is_closed
    events = scheduler.told()
    assert [scheduler_pb2.Event.Type.Name(one.type) for one in events] == [
        "UPDATE",
        "RESCIND",
        "FAILURE",
    ]
    status = events[0].update.status
    assert status.message == "Agent has been marked gone"
    if is_aware:
        assert status.state == mesos_pb2.TASK_GONE_BY_OPERATOR
        assert status.reason == Status.REASON_AGENT_REMOVED_BY_OPERATOR
    else:
        assert status.state == mesos_pb2.TASK_LOST
        assert status.reason == Status.REASON_AGENT_REMOVED
    # Operators are not told again what one of them did.
    assert watcher.heard() == ["TASK_UPDATED"]
    assert [one.id.value for one in cluster.registry.gone] == [agent.agent_id]


def test_an_agent_marked_gone_may_not_come_back() -> None:
    cluster, agent, _scheduler = with_task()
    cluster.operate(gone(agent))
    agent.told()
    agent.subscribe()
    (event,) = agent.told()
    assert event.type == link_pb2.Event.SHUTDOWN
    assert event.shutdown.message == "Agent has been marked gone"
    assert not cluster.state.agents
    cluster.fail_over("N")
    agent.subscribe()
    assert agent.heard() == ["SHUTDOWN"]


def test_an_unreachable_agent_marked_gone_takes_its_tasks_with_it() -> None:
    cluster, agent, scheduler = with_task()
    agent.lose()
    cluster.advance(100_000)
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert list(framework.unreachable_tasks) == ["t"]
    scheduler.told()
    assert cluster.operate(gone(agent)) == (200, "")
    (status,) = scheduler.statuses()
    assert status.state == mesos_pb2.TASK_GONE_BY_OPERATOR
    assert not framework.unreachable_tasks
    assert [task.state for task in framework.completed_tasks] == [mesos_pb2.TASK_GONE_BY_OPERATOR]
    assert not cluster.state.unreachable_agents


def test_an_agent_that_is_not_back_yet_can_be_marked_gone() -> None:
    cluster, agent, scheduler = with_task()
    cluster.fail_over("N")
    scheduler.subscribe()
    scheduler.told()
    assert cluster.operate(gone(agent)) == (200, "")
    assert scheduler.heard() == ["FAILURE"]
    assert not cluster.state.recovered_agents
    (status,) = scheduler.reconcile(("t", agent.agent_id))
    assert status.state == mesos_pb2.TASK_GONE_BY_OPERATOR


def test_a_task_whose_end_was_told_is_not_lost_as_well() -> None:
    cluster, agent, scheduler = with_task()
    (key,) = agent.tasks
    agent.update(key, mesos_pb2.TASK_FINISHED)
    scheduler.told()
    agent.say(link_pb2.Call(type=link_pb2.Call.UNREGISTER))
    assert not scheduler.statuses()
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert [task.state for task in framework.completed_tasks] == [mesos_pb2.TASK_FINISHED]


def test_only_so_many_unreachable_tasks_are_remembered() -> None:
    cluster = Cluster(MasterSettings(max_unreachable_tasks_per_framework=2))
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    for task_id in ("a", "b", "c"):
        scheduler.launch(task_id)
        cluster.advance(1_000)
    agent.lose()
    cluster.advance(100_000)
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert list(framework.unreachable_tasks) == ["b", "c"]


def test_the_id_of_an_unreachable_task_cannot_be_used_again() -> None:
    cluster, agent, scheduler = with_task()
    agent.lose()
    cluster.advance(100_000)
    Agent(cluster, "agent1")
    scheduler.told()
    scheduler.launch("t")
    (status,) = scheduler.statuses()
    assert status.message == "Task reuses the ID of an unreachable task: t"
