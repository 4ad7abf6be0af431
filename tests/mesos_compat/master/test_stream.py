"""The operator's event stream."""

from __future__ import annotations

import json

from mesos_compat.master import events as ev
from mesos_compat.master.settings import MasterSettings
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import Agent, Operator, Scheduler, framework_info

Event = master_pb2.Event


def test_a_reader_gets_the_state_and_a_heartbeat_first() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    scheduler.launch("t")
    subscribed, heartbeat = Operator(cluster).told()
    assert subscribed.subscribed.heartbeat_interval_seconds == 15
    state = subscribed.subscribed.get_state
    assert [one.agent_info.id.value for one in state.get_agents.agents] == [agent.agent_id]
    assert [one.task_id.value for one in state.get_tasks.tasks] == ["t"]
    assert len(state.get_frameworks.frameworks) == 1
    assert heartbeat.type == Event.HEARTBEAT


def test_heartbeats_go_on() -> None:
    cluster = Cluster()
    watcher = Operator(cluster)
    watcher.told()
    cluster.advance(45_000)
    assert watcher.heard() == ["HEARTBEAT"] * 3


def test_what_happens_to_a_task_is_told_in_order() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    watcher = Operator(cluster)
    watcher.told()
    key = scheduler.launch("t")
    agent.update(key, mesos_pb2.TASK_RUNNING, data=b"data")
    # No news.
    agent.update(key, mesos_pb2.TASK_RUNNING)
    reason = mesos_pb2.TaskStatus.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
    agent.update(key, mesos_pb2.TASK_RUNNING, healthy=True, reason=reason)
    agent.update(key, mesos_pb2.TASK_KILLING, latest=mesos_pb2.TASK_KILLED)
    added, running, healthy, killed = watcher.told()
    assert added.task_added.task.state == mesos_pb2.TASK_STAGING
    assert running.task_updated.framework_id.value == scheduler.framework_id
    assert running.task_updated.state == mesos_pb2.TASK_RUNNING
    assert not running.task_updated.status.HasField("data")
    assert healthy.task_updated.status.healthy
    assert killed.task_updated.status.state == mesos_pb2.TASK_KILLING
    assert killed.task_updated.state == mesos_pb2.TASK_KILLED


def test_frameworks_and_agents_come_and_go() -> None:
    cluster = Cluster()
    watcher = Operator(cluster)
    watcher.told()
    agent = Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.subscribe()
    scheduler.simple(scheduler_pb2.Call.TEARDOWN)
    agent.lose()
    agent.subscribe()
    assert watcher.heard() == [
        "AGENT_ADDED",
        "FRAMEWORK_ADDED",
        "FRAMEWORK_UPDATED",
        "FRAMEWORK_REMOVED",
        "AGENT_ADDED",
    ]


def test_unreachable_agents_are_not_told_as_removed() -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    watcher = Operator(cluster)
    agent.lose()
    watcher.told()
    cluster.advance(120_000)
    assert agent.agent_id in cluster.state.unreachable_agents
    assert "AGENT_REMOVED" not in watcher.heard()


def test_a_reader_sees_only_what_it_may() -> None:
    acls = json.dumps(
        {
            "view_frameworks": [
                {"principals": {"values": ["ops"]}, "users": {"type": "ANY"}},
                {"principals": {"type": "ANY"}, "users": {"type": "NONE"}},
            ]
        }
    )
    cluster = Cluster(acls=acls)
    Agent(cluster)
    blind, sees = Operator(cluster, "dev"), Operator(cluster, "ops")
    blind.told(), sees.told()
    scheduler = Scheduler(cluster, framework_info("r"))
    key = scheduler.launch("t")
    assert blind.told() == []
    assert sees.heard() == ["FRAMEWORK_ADDED", "TASK_ADDED"]
    assert key.task_id == "t"
    assert not Operator(cluster, "dev").told()[0].subscribed.get_state.get_tasks.tasks


def test_the_oldest_of_too_many_readers_is_dropped() -> None:
    cluster = Cluster(MasterSettings(max_operator_event_stream_subscribers=2))
    first, second, third = (Operator(cluster) for _ in range(3))
    assert first.stream.is_closed
    assert not second.stream.is_closed
    for watcher in (first, second, third):
        watcher.told()
    Agent(cluster)
    assert [watcher.heard() for watcher in (first, second, third)] == [
        [],
        ["AGENT_ADDED"],
        ["AGENT_ADDED"],
    ]


def test_a_reader_that_has_left_is_told_nothing() -> None:
    cluster = Cluster()
    watcher = Operator(cluster)
    watcher.told()
    cluster.step(ev.OperatorLost(watcher.stream.route))
    Agent(cluster)
    cluster.advance(60_000)
    assert watcher.told() == []
