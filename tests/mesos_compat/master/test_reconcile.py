"""What a framework that asks is told of its tasks."""

from __future__ import annotations

import pytest

from mesos_compat.wire.v1 import master_pb2, mesos_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import CAPABILITIES, Agent, Scheduler, framework_info
from tests.mesos_compat.master.validation import recorded

Status = mesos_pb2.TaskStatus


def settled(*, is_aware: bool = True) -> tuple[Cluster, Agent, Scheduler]:
    cluster = Cluster()
    agent = Agent(cluster)
    capabilities = CAPABILITIES if is_aware else CAPABILITIES[:-1]
    return cluster, agent, Scheduler(cluster, framework_info("r", capabilities=capabilities))


def same(status: mesos_pb2.TaskStatus, name: str, agent: Agent | None = None) -> None:
    """``status`` is the recorded one, of another time and perhaps of another agent."""
    expected = recorded.event("scheduler", name).update.status
    expected.timestamp = status.timestamp
    if agent is not None:
        expected.agent_id.value = agent.agent_id
    assert status == expected


def test_a_known_task_is_told_as_it_was_last_heard_of() -> None:
    _cluster, agent, scheduler = settled()
    key = scheduler.launch("run1")
    container = recorded.event("scheduler", "update-reconcile-known").update.status
    agent.update(key, mesos_pb2.TASK_RUNNING, container_status=container.container_status)
    (status,) = scheduler.reconcile(("run1", agent.agent_id))
    same(status, "update-reconcile-known", agent)
    # So it is when all are asked for.
    (status,) = scheduler.reconcile()
    same(status, "update-reconcile-known", agent)


def test_the_health_of_a_task_is_told_as_well() -> None:
    _cluster, agent, scheduler = settled()
    key = scheduler.launch("t")
    reason = Status.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
    agent.update(key, mesos_pb2.TASK_RUNNING, healthy=False, reason=reason)
    (status,) = scheduler.reconcile()
    assert status.HasField("healthy")
    assert not status.healthy


def test_a_state_that_was_not_delivered_is_not_told() -> None:
    _cluster, agent, scheduler = settled()
    key = scheduler.launch("t")
    (status,) = scheduler.reconcile()
    assert status.state == mesos_pb2.TASK_STAGING
    agent.update(key, mesos_pb2.TASK_RUNNING, latest=mesos_pb2.TASK_FINISHED)
    (status,) = scheduler.reconcile()
    assert status.state == mesos_pb2.TASK_RUNNING


def test_all_tasks_are_told_when_none_is_named() -> None:
    cluster, _agent, scheduler = settled()
    for task_id in ("a", "b"):
        scheduler.launch(task_id)
        cluster.advance(1_000)
    assert [status.task_id.value for status in scheduler.reconcile()] == ["a", "b"]
    other = Scheduler(cluster, framework_info("r"))
    assert not other.reconcile()


@pytest.mark.parametrize(
    ("name", "agent_id"),
    [
        ("update-reconcile-unknown-task", "M-S0"),
        ("update-reconcile-unknown-agent", "nope-S9"),
        ("update-reconcile-unknown-no-agent", None),
    ],
)
def test_an_unknown_task_is_lost(name: str, agent_id: str | None) -> None:
    _cluster, agent, scheduler = settled(is_aware=False)
    expected = recorded.event("scheduler", name).update.status
    (status,) = scheduler.reconcile((expected.task_id.value, agent_id))
    same(status, name, agent if agent_id == agent.agent_id else None)


def test_a_partition_aware_framework_hears_why_a_task_is_unknown() -> None:
    cluster, agent, scheduler = settled()
    gone, unreachable = Agent(cluster, "agent1"), Agent(cluster, "agent2")
    call = master_pb2.Call(type=master_pb2.Call.MARK_AGENT_GONE)
    call.mark_agent_gone.agent_id.value = gone.agent_id
    assert cluster.operate(call) == (200, "")
    unreachable.answers_pings = False
    unreachable.lose()
    cluster.advance(120_000)
    assert unreachable.agent_id in cluster.state.unreachable_agents
    told = scheduler.reconcile(
        ("a", agent.agent_id),
        ("b", unreachable.agent_id),
        ("c", gone.agent_id),
        ("d", "nope"),
        ("e", None),
    )
    assert [(status.state, status.message) for status in told] == [
        (mesos_pb2.TASK_GONE, "Reconciliation: Task is unknown to the agent"),
        (mesos_pb2.TASK_UNREACHABLE, "Reconciliation: Task is unreachable"),
        (mesos_pb2.TASK_GONE_BY_OPERATOR, "Reconciliation: Task is gone"),
        (mesos_pb2.TASK_UNKNOWN, "Reconciliation: Task is unknown"),
        (mesos_pb2.TASK_UNKNOWN, "Reconciliation: Task is unknown"),
    ]
    assert told[1].unreachable_time.nanoseconds
    assert {status.reason for status in told} == {Status.REASON_RECONCILIATION}
    assert not any(status.HasField("uuid") for status in told)


def test_while_its_agent_may_still_come_back_nothing_is_said_of_a_task() -> None:
    cluster, agent, scheduler = settled()
    key = scheduler.launch("t")
    agent.update(key, mesos_pb2.TASK_RUNNING)
    cluster.fail_over("N")
    scheduler.subscribe()
    assert not scheduler.reconcile(("t", agent.agent_id))
    # Nor of one that might be there.
    assert not scheduler.reconcile(("t", None))
    # Of one that cannot be there it is.
    (status,) = scheduler.reconcile(("t", "nope"))
    assert status.state == mesos_pb2.TASK_UNKNOWN
    agent.subscribe()
    (status,) = scheduler.reconcile(("t", agent.agent_id))
    assert status.state == mesos_pb2.TASK_RUNNING
    (status,) = scheduler.reconcile(("other", None))
    assert status.state == mesos_pb2.TASK_UNKNOWN
