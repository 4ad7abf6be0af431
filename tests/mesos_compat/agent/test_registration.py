"""The link to the master: opened after a while, watched, opened again."""

from __future__ import annotations

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.state import Phase
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.agent.harness import (
    AGENT_ID,
    FRAMEWORK_ID,
    Harness,
    command_task,
    custom_task,
    of,
    status,
    to_executor,
    to_master,
    told,
)

_MASTER = mesos_pb2.MasterInfo(id="m", ip=1, port=5050)


def ping(*, connected: bool = True) -> link_pb2.Event:
    """PING."""
    event = link_pb2.Event(type=link_pb2.Event.PING)
    event.ping.connected = connected
    return event


def test_new_agent_subscribes_with_all_that_it_has() -> None:
    agent = Harness()
    agent.recover()
    subscribe = agent.subscribe().subscribe.subscribe
    assert not subscribe.agent.HasField("id")
    assert subscribe.address.port == 5051
    assert [one.name for one in subscribe.resources] == ["cpus", "mem", "disk", "ports"]
    assert len(subscribe.resource_version) == 16
    assert mesos_pb2.AgentInfo.Capability.AGENT_DRAINING in [
        one.type for one in subscribe.capabilities
    ]


def test_agent_does_not_subscribe_before_it_has_recovered() -> None:
    agent = Harness()
    agent.step(ev.MasterDetected(_MASTER))
    assert of(agent.wait(5_000), act.OpenLink) == []
    agent.recover()
    assert len(of(agent.wait(1_000), act.OpenLink)) == 1


def test_id_is_stored() -> None:
    agent = Harness().start()
    assert agent.core.state.phase is Phase.RUNNING
    assert agent.disk.links["meta/slaves/latest"] == AGENT_ID
    stored = agent.disk.files[f"meta/slaves/{AGENT_ID}/slave.info"]
    assert mesos_pb2.AgentInfo.FromString(stored).id.value == AGENT_ID


def test_refused_link_is_tried_again_ever_more_rarely() -> None:
    agent = Harness()
    agent.recover()
    opened = agent.subscribe()
    begun_ms = agent.now_ms
    for _ in range(12):
        agent.step(ev.LinkLost(opened.link, "refused"))
        (opened,) = of(agent.wait(60_000), act.OpenLink)
    # Sixty seconds at most each, on average half of it at the end.
    assert agent.now_ms - begun_ms == 12 * 60_000
    assert agent.core.state.backoff_ms == 60_000


def test_events_of_a_former_link_are_not_heard() -> None:
    agent = Harness().start()
    old = agent.core.state.link
    assert old is not None
    agent.step(ev.LinkLost(old, "gone"))
    agent.wait(1_000)
    event = link_pb2.Event(type=link_pb2.Event.SHUTDOWN)
    assert agent.step(ev.LinkEvent(old, event)) == []
    assert agent.step(ev.LinkLost(old, "again")) == []
    assert agent.core.state.link is not None


def test_ping_is_answered() -> None:
    agent = Harness().start()
    (call,) = to_master(agent.link(ping()))
    assert call.type == link_pb2.Call.PONG


def test_silent_master_is_looked_for_again() -> None:
    agent = Harness().start()
    link = agent.link_id
    agent.wait(74_000)
    agent.link(ping())
    assert of(agent.wait(74_999), act.CloseLink) == []
    assert of(agent.wait(1), act.CloseLink) == [act.CloseLink(link)]
    assert agent.core.state.phase is Phase.DISCONNECTED
    assert len(of(agent.wait(1_000), act.OpenLink)) == 1


def test_master_that_does_not_know_us_is_subscribed_with_again() -> None:
    agent = Harness().start()
    link = agent.link_id
    assert act.CloseLink(link) in agent.link(ping(connected=False))
    (opened,) = of(agent.wait(1_000), act.OpenLink)
    assert opened.subscribe.subscribe.agent.id.value == AGENT_ID


def test_new_leader_is_told_of_tasks_executors_and_frameworks() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.run_task(custom_task("c1"))
    link = agent.link_id
    made = agent.step(ev.MasterDetected(_MASTER))
    assert of(made, act.CloseLink) == [act.CloseLink(link)]
    (opened,) = of(agent.wait(1_000), act.OpenLink)
    subscribe = opened.subscribe.subscribe
    assert [one.task_id.value for one in subscribe.tasks] == ["t1", "c1"]
    assert [one.info.executor_id.value for one in subscribe.executors] == ["e1"]
    assert [one.id.value for one in subscribe.frameworks] == [FRAMEWORK_ID]


def test_new_leader_is_told_of_an_executor_as_its_framework_had_it() -> None:
    agent = Harness().start()
    launched = custom_task("c1")
    launched.executor.ClearField("type")
    agent.run_task(launched)
    agent.step(ev.MasterDetected(_MASTER))
    (opened,) = of(agent.wait(1_000), act.OpenLink)
    # The master refuses the executor's next tasks when it is not the same.
    (told,) = opened.subscribe.subscribe.executors
    assert not told.info.HasField("type")


def test_new_leader_is_told_of_what_was_there_before() -> None:
    agent = Harness().start()
    launch = agent.running("t1")
    agent.update("t1", status("t1", mesos_pb2.TASK_FINISHED))
    agent.exited(launch.spec.container_id)
    agent.acknowledge("t1", status("t1", mesos_pb2.TASK_FINISHED).uuid)
    agent.step(ev.MasterDetected(_MASTER))
    (opened,) = of(agent.wait(1_000), act.OpenLink)
    (completed,) = opened.subscribe.subscribe.completed_frameworks
    assert completed.info.id.value == FRAMEWORK_ID
    assert [one.task_id.value for one in completed.tasks] == ["t1"]


def test_executor_that_ends_while_the_agent_subscribes_is_told_when_it_has() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(custom_task("c1")), act.LaunchContainer)
    agent.launched(launch)
    agent.step(ev.MasterDetected(_MASTER))
    (opened,) = of(agent.wait(1_000), act.OpenLink)
    assert len(opened.subscribe.subscribe.executors) == 1
    assert to_master(agent.exited(launch.spec.container_id, 0)) == []
    event = link_pb2.Event(type=link_pb2.Event.REREGISTERED)
    event.registered.agent_id.value = AGENT_ID
    event.registered.ping_timeout_seconds = 75
    kinds = [one.type for one in to_master(agent.link(event))]
    assert kinds == [link_pb2.Call.EXITED_EXECUTOR, link_pb2.Call.STATUS_UPDATE]


def test_agent_waits_when_no_master_leads() -> None:
    agent = Harness().start()
    agent.step(ev.MasterLost())
    assert agent.core.state.phase is Phase.DISCONNECTED
    assert of(agent.wait(300_000), act.OpenLink) == []


def test_tasks_that_the_master_believes_in_are_denied() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.step(ev.MasterDetected(_MASTER))
    agent.wait(1_000)
    event = link_pb2.Event(type=link_pb2.Event.REREGISTERED)
    event.registered.agent_id.value = AGENT_ID
    event.registered.ping_timeout_seconds = 75
    for task_id in ("t1", "t2"):
        one = event.registered.reconciliations.add()
        one.framework_id.value, one.task_id.value = FRAMEWORK_ID, task_id
    (sent,) = told(agent.link(event))
    assert (sent.task_id.value, sent.state) == ("t2", mesos_pb2.TASK_DROPPED)
    assert sent.reason == mesos_pb2.TaskStatus.REASON_RECONCILIATION
    assert sent.message == "Reconciliation: task unknown to the agent"


def test_a_framework_that_one_master_has_ended_is_not_told_to_the_next() -> None:
    agent = Harness().start()
    agent.running("t1")
    event = link_pb2.Event(type=link_pb2.Event.SHUTDOWN_FRAMEWORK)
    event.shutdown_framework.framework_id.value = FRAMEWORK_ID
    agent.link(event)
    assert list(agent.core.state.frameworks) == [FRAMEWORK_ID]
    # What its executors still say is acknowledged, and told to nobody.
    made = agent.update("t1", status("t1", mesos_pb2.TASK_KILLED))
    assert to_executor(made) == ["ACKNOWLEDGED"]
    assert told(made) == []
    subscribe = agent.subscribe().subscribe.subscribe
    assert not subscribe.frameworks
    assert not subscribe.tasks


def test_a_task_for_a_framework_that_is_being_ended_is_dropped() -> None:
    agent = Harness().start()
    launch = agent.running("t1")
    event = link_pb2.Event(type=link_pb2.Event.SHUTDOWN_FRAMEWORK)
    event.shutdown_framework.framework_id.value = FRAMEWORK_ID
    agent.link(event)
    (sent,) = told(agent.run_task(command_task("t2")))
    assert (sent.task_id.value, sent.state) == ("t2", mesos_pb2.TASK_DROPPED)
    assert sent.message == "Framework is being shut down"
    # Until it is acknowledged, whatever becomes of the rest of the framework.
    agent.exited(launch.spec.container_id)
    assert agent.core.state.frameworks == {}
    assert [one.uuid for one in told(agent.wait(10_000))] == [sent.uuid]


def test_another_id_than_before_stops_the_agent() -> None:
    agent = Harness().start()
    agent.step(ev.MasterDetected(_MASTER))
    agent.wait(1_000)
    event = link_pb2.Event(type=link_pb2.Event.REGISTERED)
    event.registered.agent_id.value = "m-S9"
    event.registered.ping_timeout_seconds = 75
    (stop,) = of(agent.link(event), act.Stop)
    assert stop.why == f"Registered but got wrong id: m-S9 (expected: {AGENT_ID})"
    assert not stop.is_regular


def test_shutdown_ends_all_executors_and_then_the_agent() -> None:
    agent = Harness().start()
    launch = agent.running("t1", checkpoint=True)
    event = link_pb2.Event(type=link_pb2.Event.SHUTDOWN)
    event.shutdown.message = "Agent has been marked gone"
    made = agent.link(event)
    assert to_executor(made) == ["SHUTDOWN"]
    assert of(made, act.Stop) == []
    (stop,) = of(agent.exited(launch.spec.container_id), act.Stop)
    assert stop.is_regular
    assert "meta/slaves/latest" not in agent.disk.links


def test_agent_without_executors_ends_at_once_when_it_is_shut_down() -> None:
    agent = Harness().start()
    event = link_pb2.Event(type=link_pb2.Event.SHUTDOWN)
    assert len(of(agent.link(event), act.Stop)) == 1


def test_agent_that_is_to_go_says_so_to_the_master() -> None:
    agent = Harness().start()
    made = agent.step(ev.UnregisterAsked("SIGUSR1"))
    assert [one.type for one in to_master(made)] == [link_pb2.Call.UNREGISTER]
    assert len(of(made, act.Stop)) == 1


def test_ending_agent_takes_no_tasks() -> None:
    agent = Harness().start()
    agent.running("t1")
    agent.link(link_pb2.Event(type=link_pb2.Event.SHUTDOWN))
    assert of(agent.run_task(command_task("t2")), act.LaunchContainer) == []


def test_what_a_newer_master_says_is_let_pass() -> None:
    agent = Harness().start()
    assert agent.link(link_pb2.Event()) == []


def test_changed_framework_is_taken_over_and_stored() -> None:
    agent = Harness().start()
    agent.running("t1", checkpoint=True)
    event = link_pb2.Event(type=link_pb2.Event.UPDATE_FRAMEWORK)
    info = event.update_framework.framework
    info.CopyFrom(agent.core.state.frameworks[FRAMEWORK_ID].info)
    info.name, info.checkpoint = "renamed", False
    agent.link(event)
    assert agent.core.state.frameworks[FRAMEWORK_ID].info.name == "renamed"
    path = f"meta/slaves/{AGENT_ID}/frameworks/{FRAMEWORK_ID}/framework.info"
    stored = mesos_pb2.FrameworkInfo.FromString(agent.disk.files[path])
    assert (stored.name, stored.checkpoint) == ("renamed", True)
