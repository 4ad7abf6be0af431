"""Statuses on their way: one at a time, again and again, never before they are safe."""

from __future__ import annotations

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.agent.harness import (
    FRAMEWORK_ID,
    Harness,
    command_task,
    custom_task,
    of,
    status,
    to_executor,
    to_master,
    told,
    uuid_of,
)

STARTING, RUNNING = mesos_pb2.TASK_STARTING, mesos_pb2.TASK_RUNNING
FINISHED = mesos_pb2.TASK_FINISHED


def sent_at(agent: Harness, ms: int) -> list[int]:
    """When, from now, statuses are sent while time passes and the master is there."""
    begun_ms, sent = agent.now_ms, []
    event = link_pb2.Event(type=link_pb2.Event.PING)
    event.ping.connected = True
    while agent.now_ms < begun_ms + ms:
        agent.link(event)
        if told(agent.wait(1_000)):
            sent.append((agent.now_ms - begun_ms) // 1000)
    return sent


def test_status_is_sent_again_until_it_is_acknowledged() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.update("t1", status("t1", RUNNING))
    assert sent_at(agent, 2_000_000) == [10, 30, 70, 150, 310, 630, 1230, 1830]
    agent.acknowledge("t1", uuid_of(RUNNING))
    assert told(agent.wait(700_000)) == []


def test_only_the_oldest_status_is_under_way_but_the_newest_state_is_told() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.update("t1", status("t1", STARTING))
    assert told(agent.update("t1", status("t1", RUNNING))) == []
    (call,) = [one for one in to_master(agent.wait(10_000)) if one.HasField("status_update")]
    assert call.status_update.status.state == STARTING
    assert call.status_update.latest_state == RUNNING
    made = agent.acknowledge("t1", uuid_of(STARTING))
    assert [one.state for one in told(made)] == [RUNNING]


def test_status_that_comes_twice_is_sent_once_and_acknowledged_twice() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.update("t1", status("t1", RUNNING))
    made = agent.update("t1", status("t1", RUNNING))
    assert told(made) == []
    assert to_executor(made) == ["ACKNOWLEDGED"]
    agent.acknowledge("t1", uuid_of(RUNNING))
    made = agent.update("t1", status("t1", RUNNING))
    assert (told(made), to_executor(made)) == ([], ["ACKNOWLEDGED"])


def test_acknowledgement_of_another_status_changes_nothing() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.update("t1", status("t1", RUNNING))
    agent.acknowledge("t1", b"0" * 16)
    assert len(told(agent.wait(10_000))) == 1


def test_status_after_the_last_is_acknowledged_but_not_sent() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.update("t1", status("t1", FINISHED))
    made = agent.update("t1", status("t1", mesos_pb2.TASK_FAILED))
    assert (told(made), to_executor(made)) == ([], ["ACKNOWLEDGED"])
    agent.acknowledge("t1", uuid_of(FINISHED))
    assert told(agent.wait(600_000)) == []


def test_status_before_delivery_is_believed_only_if_it_is_the_last() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(custom_task("c1")), act.LaunchContainer)
    agent.launched(launch)
    agent.executor("e1")
    agent.run_task(custom_task("c2"), launch_executor=False)
    made = agent.update("e1", status("c2", RUNNING))
    assert (told(made), to_executor(made)) == ([], ["ACKNOWLEDGED"])
    made = agent.update("e1", status("c2", mesos_pb2.TASK_FAILED))
    assert [one.state for one in told(made)] == [mesos_pb2.TASK_FAILED]


def test_nothing_is_told_before_it_is_durable() -> None:
    agent = Harness().start()
    agent.running("t1", checkpoint=True)
    agent.disk.is_slow = True
    made = agent.update("t1", status("t1", RUNNING))
    assert (told(made), to_executor(made)) == ([], [])
    assert [type(one) for one in made] == [act.Reply]
    again = agent.update("t1", status("t1", RUNNING))
    assert (told(again), to_executor(again)) == ([], [])
    agent.disk.is_slow = False
    made = agent.flush()
    assert [one.state for one in told(made)] == [RUNNING]
    assert to_executor(made) == ["ACKNOWLEDGED"]


def test_newest_state_is_not_told_before_it_is_durable() -> None:
    agent = Harness().start()
    agent.running("t1", checkpoint=True)
    agent.update("t1", status("t1", STARTING))
    agent.disk.is_slow = True
    agent.update("t1", status("t1", RUNNING))
    (call,) = [one for one in to_master(agent.wait(10_000)) if one.HasField("status_update")]
    assert call.status_update.latest_state == STARTING


def test_failing_disk_stops_the_agent() -> None:
    agent = Harness().start()
    made = agent.step(ev.CheckpointFailed("disk full"))
    assert of(made, act.Stop) == [act.Stop("Failed to checkpoint: disk full")]


def test_executor_that_went_gets_its_acknowledgement_on_the_new_stream() -> None:
    agent = Harness().start()
    agent.running("t1", checkpoint=True)
    agent.disk.is_slow = True
    agent.update("t1", status("t1", RUNNING))
    route, _made = agent.executor("t1", "t1")
    agent.disk.is_slow = False
    assert [one.route for one in of(agent.flush(), act.SendToExecutor)] == [route]


def test_refusals_of_a_framework_that_is_over_are_not_told_again() -> None:
    agent = Harness().start()
    (dropped,) = told(agent.run_task(command_task(), version=b"old"))
    assert dropped.state == mesos_pb2.TASK_DROPPED
    assert not agent.core.state.frameworks
    event = link_pb2.Event(type=link_pb2.Event.SHUTDOWN_FRAMEWORK)
    event.shutdown_framework.framework_id.value = FRAMEWORK_ID
    agent.link(event)
    assert sent_at(agent, 100_000) == []


def test_next_master_hears_which_status_of_an_ended_task_is_told_first() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.step(ev.MasterLost())
    for state in (STARTING, RUNNING, FINISHED):
        assert told(agent.update("t1", status("t1", state))) == []
    subscribe = agent.subscribe().subscribe.subscribe
    (task,) = subscribe.tasks
    assert (task.state, task.status_update_state) == (FINISHED, STARTING)
    assert task.status_update_uuid == uuid_of(STARTING)
