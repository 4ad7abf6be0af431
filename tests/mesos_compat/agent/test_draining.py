"""An agent that is drained: its tasks end, and it takes no others."""

from __future__ import annotations

from mesos_compat.agent import actions as act
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.agent.harness import (
    AGENT_ID,
    Harness,
    command_task,
    of,
    status,
    to_executor,
    told,
    uuid_of,
)

KILLED = mesos_pb2.TASK_KILLED
_DRAINING = mesos_pb2.TaskStatus.REASON_AGENT_DRAINING


def drain(*, grace_s: int | None = None, mark_gone: bool = False) -> link_pb2.Event:
    """DRAIN."""
    event = link_pb2.Event(type=link_pb2.Event.DRAIN)
    event.drain.config.mark_gone = mark_gone
    if grace_s is not None:
        event.drain.config.max_grace_period.nanoseconds = grace_s * 1_000_000_000
    return event


def is_draining(agent: Harness) -> bool:
    """Whether it is."""
    return agent.core.state.drain_config is not None


def test_tasks_are_killed_within_the_grace_period() -> None:
    agent = Harness().start()
    for task_id, grace_s in (("t1", 1), ("t2", 60)):
        info = command_task(task_id)
        info.kill_policy.grace_period.nanoseconds = grace_s * 1_000_000_000
        (launch,) = of(agent.run_task(info), act.LaunchContainer)
        agent.launched(launch)
        agent.executor(task_id)
    agent.running("t3")
    kills = [one.event.kill for one in of(agent.link(drain(grace_s=5)), act.SendToExecutor)]
    assert [one.task_id.value for one in kills] == ["t1", "t2", "t3"]
    assert not kills[0].HasField("kill_policy")
    for kill in kills[1:]:
        assert kill.kill_policy.grace_period.nanoseconds == 5_000_000_000


def test_killed_tasks_are_so_because_of_the_draining() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.link(drain())
    made = agent.update("t1", status("t1", mesos_pb2.TASK_KILLING))
    assert [one.reason for one in told(made)] == [_DRAINING]
    agent.acknowledge("t1", uuid_of(mesos_pb2.TASK_KILLING))
    (sent,) = told(agent.update("t1", status("t1", KILLED)))
    assert (sent.state, sent.reason) == (KILLED, _DRAINING)


def test_tasks_of_an_agent_that_goes_are_gone() -> None:
    agent = Harness().start()
    agent.running("t1", aware=True)
    agent.link(drain(mark_gone=True))
    (sent,) = told(agent.update("t1", status("t1", KILLED)))
    assert sent.state == mesos_pb2.TASK_GONE_BY_OPERATOR


def test_tasks_of_an_agent_that_goes_are_killed_for_who_knows_no_more() -> None:
    agent = Harness().start()
    agent.running("t1", aware=False)
    agent.link(drain(mark_gone=True))
    assert [one.state for one in told(agent.update("t1", status("t1", KILLED)))] == [KILLED]


def test_new_tasks_are_dropped() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.link(drain())
    (sent,) = told(agent.run_task(command_task("t2")))
    assert (sent.state, sent.reason) == (mesos_pb2.TASK_DROPPED, _DRAINING)
    assert sent.message == "Task was received while agent was already draining"


def test_tasks_that_wait_are_killed_too() -> None:
    agent = Harness().start()
    agent.run_task(command_task("t1"))
    (sent,) = told(agent.link(drain()))
    assert sent.state == KILLED


def test_draining_ends_with_the_last_acknowledgement() -> None:
    agent = Harness().start()
    launch = agent.running("t1")
    agent.link(drain())
    path = f"meta/slaves/{AGENT_ID}/drain.config"
    assert path in agent.disk.files
    agent.update("t1", status("t1", KILLED))
    agent.exited(launch.spec.container_id)
    assert is_draining(agent)
    agent.acknowledge("t1", uuid_of(KILLED))
    assert not is_draining(agent)
    assert path not in agent.disk.files


def test_draining_does_not_wait_for_executors_without_tasks() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.link(drain())
    agent.update("t1", status("t1", KILLED))
    assert is_draining(agent)
    agent.acknowledge("t1", uuid_of(KILLED))
    assert not is_draining(agent)
    # The master may have it in use again by now.
    assert of(agent.run_task(command_task("t2")), act.LaunchContainer)


def test_empty_agent_is_drained_at_once() -> None:
    agent = Harness().start()
    agent.link(drain())
    assert not is_draining(agent)


def test_draining_goes_on_after_a_restart() -> None:
    agent = Harness().start()
    launch = agent.running("t1", checkpoint=True)
    agent.update("t1", status("t1", mesos_pb2.TASK_RUNNING))
    agent.link(drain())
    again = Harness(agent.disk)
    again.recover(running=[launch.spec.container_id[0]])
    again.executor("t1", "t1")
    again.register(is_back=True)
    (sent,) = told(again.run_task(command_task("t2")))
    assert sent.reason == _DRAINING
    assert to_executor(again.link(drain())) == ["KILL"]
