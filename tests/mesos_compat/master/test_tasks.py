"""Tasks: their updates, acknowledged or not, and their end."""

from __future__ import annotations

import pytest

from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import TaskKey
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import CAPABILITIES, Agent, Scheduler, framework_info
from tests.mesos_compat.master.validation import recorded

Status = mesos_pb2.TaskStatus
RUNNING, FINISHED = mesos_pb2.TASK_RUNNING, mesos_pb2.TASK_FINISHED
STARTING, KILLED = mesos_pb2.TASK_STARTING, mesos_pb2.TASK_KILLED


def running(
    settings: MasterSettings | None = None,
) -> tuple[Cluster, Agent, Scheduler, TaskKey]:
    """A task that runs and whose agent has heard that this is known."""
    cluster = Cluster(settings)
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    key = scheduler.launch("t")
    agent.update(key, RUNNING)
    (status,) = scheduler.statuses()
    scheduler.acknowledge(status)
    agent.told()
    return cluster, agent, scheduler, key


def task_of(cluster: Cluster, key: TaskKey) -> mesos_pb2.Task:
    return cluster.state.frameworks[key.framework_id].tasks[key.task_id].message


def completed(cluster: Cluster, key: TaskKey) -> list[mesos_pb2.Task]:
    return list(cluster.state.frameworks[key.framework_id].completed_tasks)


# Updates.


def test_an_update_is_passed_on_as_it_is() -> None:
    _cluster, agent, scheduler, key = running()
    uuid = agent.update(key, RUNNING, data=b"data", healthy=True)
    (status,) = scheduler.statuses()
    assert status.uuid == uuid
    assert status.data == b"data"
    assert status.healthy
    assert status.agent_id.value == agent.agent_id


def test_the_last_status_of_each_state_is_kept_without_its_data() -> None:
    cluster, agent, _scheduler, key = running()
    agent.update(key, RUNNING, data=b"data", message="first")
    agent.update(key, RUNNING, data=b"data", message="second")
    agent.update(key, mesos_pb2.TASK_KILLING)
    kept = task_of(cluster, key).statuses
    assert [one.state for one in kept] == [RUNNING, mesos_pb2.TASK_KILLING]
    assert kept[0].message == "second"
    assert not kept[0].HasField("data")


def test_resources_are_free_when_the_end_arrives_and_the_task_is_over_when_it_is_acknowledged() -> (
    None
):
    cluster, agent, scheduler, key = running()
    cluster.advance(1_000)
    scheduler.decline(scheduler.offers.copy(), refuse_seconds=0)
    scheduler.told()
    agent.update(key, FINISHED)
    assert not cluster.state.agents[agent.agent_id].used
    (status,) = scheduler.statuses()
    cluster.advance(1_000)
    (offer,) = scheduler.offers.values()
    assert Resources(offer.resources).amount("cpus") == 4_000
    assert task_of(cluster, key).state == FINISHED
    scheduler.acknowledge(status)
    assert not cluster.state.frameworks[key.framework_id].tasks
    assert not cluster.state.agents[agent.agent_id].tasks
    (task,) = completed(cluster, key)
    assert task.state == FINISHED


def test_the_state_of_a_task_may_be_ahead_of_what_its_framework_has_heard() -> None:
    cluster, agent, scheduler, key = running()
    agent.update(key, mesos_pb2.TASK_KILLING, latest=KILLED)
    assert task_of(cluster, key).state == KILLED
    assert not cluster.state.agents[agent.agent_id].used
    (status,) = scheduler.statuses()
    assert status.state == mesos_pb2.TASK_KILLING
    # That is not its end.
    scheduler.acknowledge(status)
    assert task_of(cluster, key).state == KILLED
    agent.update(key, KILLED)
    (status,) = scheduler.statuses()
    scheduler.acknowledge(status)
    assert not cluster.state.frameworks[key.framework_id].tasks


def test_a_task_that_has_ended_stays_so() -> None:
    cluster, agent, _scheduler, key = running()
    agent.update(key, FINISHED)
    agent.update(key, RUNNING)
    assert task_of(cluster, key).state == FINISHED


def test_an_update_that_comes_again_changes_nothing_but_is_passed_on() -> None:
    cluster, agent, scheduler, key = running()
    uuid = agent.update(key, FINISHED)
    agent.update(key, FINISHED, uuid=uuid)
    assert [status.uuid for status in scheduler.statuses()] == [uuid, uuid]
    assert not cluster.state.agents[agent.agent_id].used


def test_an_update_of_an_unknown_task_is_passed_on_all_the_same() -> None:
    cluster, agent, scheduler, key = running()
    other = TaskKey(key.framework_id, "other")
    agent.update(other, mesos_pb2.TASK_DROPPED)
    (status,) = scheduler.statuses()
    assert status.task_id.value == "other"
    assert cluster.core.metrics.value("invalid_status_updates") == 1
    # Its acknowledgement must reach the agent, or that would tell it for ever.
    scheduler.acknowledge(status)
    assert agent.heard() == ["ACKNOWLEDGE"]


def test_an_update_for_nobody_is_dropped() -> None:
    cluster, agent, _scheduler, _key = running()
    agent.update(TaskKey("nobody", "t"), RUNNING)
    assert cluster.core.metrics.value("invalid_status_updates") == 1


def test_an_agent_that_missed_the_end_of_a_framework_hears_of_it_when_it_tells_of_its_tasks() -> (
    None
):
    _cluster, agent, scheduler, key = running()
    scheduler.simple(scheduler_pb2.Call.TEARDOWN)
    agent.told()
    agent.update(key, RUNNING)
    (event,) = agent.told()
    assert event.type == link_pb2.Event.SHUTDOWN_FRAMEWORK
    assert event.shutdown_framework.framework_id.value == key.framework_id


def test_a_framework_that_is_not_known_yet_has_as_much_time_as_agents_to_come_back() -> None:
    cluster, agent, _scheduler, key = running()
    cluster.fail_over("N")
    agent.tasks.clear()
    agent.frameworks.clear()
    agent.subscribe()
    agent.told()
    agent.update(key, RUNNING)
    assert not agent.told()
    cluster.advance(600_000)
    agent.update(key, RUNNING)
    assert agent.heard() == ["SHUTDOWN_FRAMEWORK"]


def test_only_so_many_completed_tasks_are_kept() -> None:
    cluster = Cluster(MasterSettings(max_completed_tasks_per_framework=2))
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    for task_id in ("a", "b", "c"):
        key = scheduler.launch(task_id)
        agent.update(key, FINISHED)
        (status,) = scheduler.statuses()
        scheduler.acknowledge(status)
        cluster.advance(1_000)
    assert [task.task_id.value for task in completed(cluster, key)] == ["b", "c"]


def test_how_long_tasks_take_to_run_is_measured_from_their_acceptance() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    key = scheduler.launch("t")
    cluster.advance(250)
    agent.update(key, RUNNING)
    cluster.advance(500)
    agent.update(key, RUNNING, healthy=True)
    counters = cluster.core.metrics.counters()
    assert counters["mesozoic/task_scheduling_delay_ms"] == 250
    assert counters["mesozoic/task_scheduling_delay_ms/count"] == 1


def test_how_tasks_end_is_counted_by_state_source_and_reason() -> None:
    cluster, agent, scheduler, key = running()
    reason = Status.REASON_CONTAINER_LIMITATION_MEMORY
    agent.update(key, mesos_pb2.TASK_FAILED, reason=reason)
    metrics = cluster.core.metrics
    assert metrics.value("tasks_failed") == 1
    counted = "task_failed/source_executor/reason_container_limitation_memory"
    assert metrics.value(counted) == 1
    assert metrics.framework(scheduler.framework_id).terminal["failed"] == 1


# Acknowledgements.


def test_an_acknowledgement_reaches_the_agent() -> None:
    _cluster, agent, scheduler, key = running()
    uuid = agent.update(key, RUNNING)
    (status,) = scheduler.statuses()
    scheduler.acknowledge(status)
    (event,) = agent.told()
    assert event.type == link_pb2.Event.ACKNOWLEDGE
    assert event.acknowledge.uuid == uuid
    assert event.acknowledge.task_id.value == "t"


def test_acknowledging_something_else_does_not_end_the_task() -> None:
    cluster, agent, scheduler, key = running()
    agent.update(key, FINISHED)
    (status,) = scheduler.statuses()
    status.uuid = b"x" * 16
    scheduler.acknowledge(status)
    assert task_of(cluster, key).state == FINISHED


def test_what_was_not_delivered_cannot_be_acknowledged() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    key = scheduler.launch("t")
    agent.told()
    status = Status(task_id=mesos_pb2.TaskID(value=key.task_id), state=RUNNING, uuid=b"x" * 16)
    status.agent_id.value = agent.agent_id
    scheduler.acknowledge(status)
    assert not agent.told()
    assert cluster.core.metrics.value("invalid_status_update_acknowledgements") == 1


@pytest.mark.parametrize("lose", [True, False])
def test_an_acknowledgement_for_an_agent_that_is_not_there_is_dropped(*, lose: bool) -> None:
    cluster, agent, scheduler, key = running()
    agent.update(key, FINISHED)
    (status,) = scheduler.statuses()
    if lose:
        agent.lose()
    else:
        status.agent_id.value = "other"
    scheduler.acknowledge(status)
    # The agent tells it again when it is back.
    assert task_of(cluster, key).state == FINISHED
    assert cluster.core.metrics.value("invalid_status_update_acknowledgements") == 1


# KILL.


def test_a_kill_is_passed_on_each_time() -> None:
    _cluster, agent, scheduler, key = running()
    scheduler.kill("t")
    scheduler.kill("t", agent.agent_id)
    first, second = agent.told()
    assert first.kill_task.task_id.value == key.task_id
    assert first.kill_task.framework_id.value == key.framework_id
    assert first == second


def test_a_kill_says_how() -> None:
    _cluster, agent, scheduler, _key = running()
    call = scheduler_pb2.Call(type=scheduler_pb2.Call.KILL)
    call.kill.task_id.value = "t"
    call.kill.kill_policy.grace_period.nanoseconds = 7
    assert scheduler.call(call) == (202, "")
    (event,) = agent.told()
    assert event.kill_task.kill_policy.grace_period.nanoseconds == 7


def test_a_kill_that_names_another_agent_is_dropped() -> None:
    _cluster, agent, scheduler, _key = running()
    scheduler.kill("t", "other")
    assert not agent.told()
    assert not scheduler.told()


def test_a_kill_waits_for_an_agent_that_is_away() -> None:
    _cluster, agent, scheduler, _key = running()
    agent.lose()
    scheduler.kill("t")
    agent.subscribe()
    assert agent.heard() == ["REREGISTERED", "UPDATE_FRAMEWORK", "KILL_TASK"]
    # Once is enough, as the agent has it now.
    agent.lose()
    agent.subscribe()
    assert "KILL_TASK" not in agent.heard()


def test_a_kill_that_was_lost_with_the_link_is_sent_again() -> None:
    cluster, agent, scheduler, _key = running()
    cluster.instant = False
    scheduler.kill("t")
    # It is under way when the link breaks.
    agent.lose()
    cluster.instant = True
    agent.subscribe()
    assert "KILL_TASK" in agent.heard()


@pytest.mark.parametrize(
    ("is_known", "name"), [(False, "update-kill-unknown"), (True, "update-kill-unknown-with-agent")]
)
def test_of_an_unknown_task_a_kill_asks_as_reconciling_does(name: str, *, is_known: bool) -> None:
    cluster = Cluster()
    agent = Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r", capabilities=CAPABILITIES[:-1]))
    scheduler.told()
    expected = recorded.event("scheduler", name).update.status
    scheduler.kill(expected.task_id.value, agent.agent_id if is_known else None)
    (status,) = scheduler.statuses()
    expected.timestamp = status.timestamp
    if is_known:
        expected.agent_id.value = agent.agent_id
    assert status == expected
