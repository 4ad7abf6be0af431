"""Executors: messages to and from them, their exits, their shutdown."""

from __future__ import annotations

from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import (
    Agent,
    Scheduler,
    executor_info,
    framework_info,
    launch,
    task_info,
)
from tests.mesos_compat.master.validation import recorded

Call = scheduler_pb2.Call
LinkCall = link_pb2.Call


def with_executor() -> tuple[Cluster, Agent, Scheduler]:
    """A task of the custom executor ``ex1``."""
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    info = task_info("t", agent.agent_id)
    info.ClearField("command")
    info.executor.CopyFrom(executor_info("ex1", scheduler.framework_id))
    scheduler.accept(list(scheduler.offers), launch(info), refuse_seconds=3600)
    scheduler.told(), agent.told()
    return cluster, agent, scheduler


def message(agent_id: str, data: bytes = b"data") -> scheduler_pb2.Call:
    call = Call(type=Call.MESSAGE)
    call.message.agent_id.value = agent_id
    call.message.executor_id.value = "ex1"
    call.message.data = data
    return call


def test_a_schedulers_message_reaches_the_agent() -> None:
    cluster, agent, scheduler = with_executor()
    assert scheduler.call(message(agent.agent_id)) == (202, "")
    (event,) = agent.told()
    assert event.framework_message.data == b"data"
    assert event.framework_message.executor_id.value == "ex1"
    assert event.framework_message.framework_id.value == scheduler.framework_id
    assert cluster.core.metrics.value("valid_framework_to_executor_messages") == 1


def test_a_message_to_an_agent_that_is_not_there_is_lost() -> None:
    cluster, agent, scheduler = with_executor()
    assert scheduler.call(message("other")) == (202, "")
    agent.lose()
    assert scheduler.call(message(agent.agent_id)) == (202, "")
    assert cluster.core.metrics.value("invalid_framework_to_executor_messages") == 2
    agent.subscribe()
    assert "FRAMEWORK_MESSAGE" not in agent.heard()


def test_an_executors_message_reaches_the_scheduler() -> None:
    cluster, agent, scheduler = with_executor()
    call = LinkCall(type=LinkCall.EXECUTOR_MESSAGE)
    call.executor_message.framework_id.value = scheduler.framework_id
    call.executor_message.executor_id.value = "ex1"
    call.executor_message.data = b"data"
    agent.say(call)
    (event,) = scheduler.told()
    expected = recorded.event("executor", "message-event1-message")
    expected.message.agent_id.value = agent.agent_id
    expected.message.data = b"data"
    assert event == expected
    scheduler.disconnect()
    agent.say(call)
    assert cluster.core.metrics.value("invalid_executor_to_framework_messages") == 1


def test_the_exit_of_an_executor_is_a_failure_and_frees_what_it_used() -> None:
    cluster, agent, scheduler = with_executor()
    agent.executor_exited(scheduler.framework_id, "ex1", 2304)
    (event,) = scheduler.told()
    expected = recorded.event("executor", "executor-exits-event3-failure")
    expected.failure.agent_id.value = agent.agent_id
    expected.failure.executor_id.value = "ex1"
    assert event == expected
    known = cluster.state.agents[agent.agent_id]
    assert not known.executors
    # What becomes of its task the agent tells by itself.
    assert known.used[scheduler.framework_id].amount("cpus") == 1_000


def test_the_exit_of_an_unknown_executor_is_not_told() -> None:
    _cluster, agent, scheduler = with_executor()
    agent.executor_exited(scheduler.framework_id, "other", 0)
    agent.executor_exited("nobody", "ex1", 0)
    assert not scheduler.told()


def test_an_executor_outlives_its_tasks() -> None:
    cluster, agent, scheduler = with_executor()
    (key,) = agent.tasks
    agent.update(key, mesos_pb2.TASK_FINISHED)
    (status,) = scheduler.statuses()
    scheduler.acknowledge(status)
    known = cluster.state.agents[agent.agent_id]
    assert list(known.executors[scheduler.framework_id]) == ["ex1"]
    assert known.used[scheduler.framework_id].amount("cpus") == 100


def test_a_scheduler_shuts_its_executor_down() -> None:
    cluster, agent, scheduler = with_executor()
    call = Call(type=Call.SHUTDOWN)
    call.shutdown.agent_id.value = agent.agent_id
    call.shutdown.executor_id.value = "ex1"
    assert scheduler.call(call) == (202, "")
    (event,) = agent.told()
    assert event.type == link_pb2.Event.SHUTDOWN_EXECUTOR
    # It is there until it has exited.
    assert cluster.state.agents[agent.agent_id].executors
    call.shutdown.executor_id.value = "other"
    assert scheduler.call(call) == (202, "")
    assert not agent.told()
