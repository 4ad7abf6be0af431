"""Custom and default executors: subscribed, given tasks, asked to end, gone."""

from __future__ import annotations

import pytest

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.state import ExecutorState
from mesos_compat.containers.spec import Termination
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from tests.mesos_compat.agent.harness import (
    FRAMEWORK_ID,
    Harness,
    called,
    command_task,
    custom_task,
    of,
    run_group,
    status,
    to_executor,
    to_master,
    told,
    uuid_of,
)

RUNNING, FINISHED = mesos_pb2.TASK_RUNNING, mesos_pb2.TASK_FINISHED
_Reason = mesos_pb2.TaskStatus
_Call = executor_pb2.Call


def custom(agent: Harness, task_id: str = "c1", **about: bool) -> act.LaunchContainer:
    """A custom executor that has got one task."""
    (launch,) = of(agent.run_task(custom_task(task_id), **about), act.LaunchContainer)
    agent.launched(launch)
    agent.executor("e1")
    return launch


def exits(calls: list[link_pb2.Call]) -> list[int]:
    """The wait statuses of executors that the master is told of."""
    return [one.exited_executor.status for one in calls if one.HasField("exited_executor")]


def shutdown(executor_id: str = "e1") -> link_pb2.Event:
    """SHUTDOWN_EXECUTOR."""
    event = link_pb2.Event(type=link_pb2.Event.SHUTDOWN_EXECUTOR)
    event.shutdown_executor.framework_id.value = FRAMEWORK_ID
    event.shutdown_executor.executor_id.value = executor_id
    return event


def test_second_task_waits_for_a_larger_container() -> None:
    agent = Harness().start()
    launch = custom(agent)
    made = agent.run_task(custom_task("c2"), launch_executor=False)
    (update,) = of(made, act.UpdateContainer)
    assert update.container_id == launch.spec.container_id
    assert Resources(update.resources) == Resources.parse("cpus:0.3;mem:96").allocate("*")
    assert to_executor(made) == []
    made = agent.step(ev.ContainerUpdated(launch.spec.container_id))
    assert to_executor(made) == ["LAUNCH"]


def test_container_shrinks_when_a_task_has_ended() -> None:
    agent = Harness().start()
    custom(agent)
    (update,) = of(agent.update("e1", status("c1", FINISHED)), act.UpdateContainer)
    assert Resources(update.resources) == Resources.parse("cpus:0.1;mem:32").allocate("*")


def test_tasks_that_come_while_a_container_is_updated_are_in_the_next_update() -> None:
    agent = Harness().start()
    launch = custom(agent)
    agent.run_task(custom_task("c2"), launch_executor=False)
    assert of(agent.run_task(custom_task("c3"), launch_executor=False), act.UpdateContainer) == []
    made = agent.step(ev.ContainerUpdated(launch.spec.container_id))
    assert to_executor(made) == []
    assert len(of(made, act.UpdateContainer)) == 1
    made = agent.step(ev.ContainerUpdated(launch.spec.container_id))
    assert to_executor(made) == ["LAUNCH", "LAUNCH"]


def test_container_that_cannot_be_updated_is_destroyed() -> None:
    agent = Harness().start()
    launch = custom(agent)
    agent.run_task(custom_task("c2"), launch_executor=False)
    container_id = launch.spec.container_id
    made = agent.step(ev.ContainerUpdateFailed(container_id, "no room"))
    assert of(made, act.DestroyContainer) == [act.DestroyContainer(container_id)]
    sent = told(agent.exited(container_id, 9))
    assert [one.task_id.value for one in sent] == ["c1", "c2"]
    assert {one.state for one in sent} == {mesos_pb2.TASK_GONE}
    assert {one.reason for one in sent} == {_Reason.REASON_CONTAINER_UPDATE_FAILED}


def test_limits_bound_the_container_beyond_what_is_requested() -> None:
    agent = Harness().start()
    info = custom_task("c1")
    info.limits["mem"].value = 256
    info.limits["cpus"].value = float("inf")
    (launch,) = of(agent.run_task(info), act.LaunchContainer)
    assert launch.spec.limits == {"cpus": float("inf"), "mem": 288.0}


def test_framework_hears_of_the_executor_before_its_tasks() -> None:
    agent = Harness().start()
    launch = custom(agent)
    made = agent.exited(launch.spec.container_id, 9 << 8)
    calls = to_master(made)
    assert [link_pb2.Call.Type.Name(one.type) for one in calls] == [
        "EXITED_EXECUTOR",
        "STATUS_UPDATE",
    ]
    assert exits(calls) == [2304]
    (sent,) = told(made)
    assert (sent.state, sent.reason, sent.message) == (
        mesos_pb2.TASK_FAILED,
        _Reason.REASON_EXECUTOR_TERMINATED,
        "Executor terminated",
    )
    assert not sent.HasField("container_status")


def test_broken_bound_is_the_reason_that_tasks_are_told() -> None:
    agent = Harness().start()
    launch = custom(agent)
    limited = Resources.parse("mem:64").messages()
    termination = Termination(9, "memory", "Memory limit exceeded", tuple(limited))
    made = agent.step(ev.ContainerExited(launch.spec.container_id, termination))
    (sent,) = told(made)
    assert sent.reason == _Reason.REASON_CONTAINER_LIMITATION_MEMORY
    assert sent.message == "Memory limit exceeded"
    assert sent.limitation.resources[0].scalar.value == 64


def test_executor_that_does_not_subscribe_is_destroyed() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(custom_task("c1")), act.LaunchContainer)
    agent.launched(launch)
    assert of(agent.wait(59_999), act.DestroyContainer) == []
    assert len(of(agent.wait(1), act.DestroyContainer)) == 1
    (sent,) = told(agent.exited(launch.spec.container_id, 9))
    assert sent.reason == _Reason.REASON_EXECUTOR_REGISTRATION_TIMEOUT
    assert sent.message == "Executor did not register within 1mins"


def test_executor_that_subscribes_in_time_is_left_alone() -> None:
    agent = Harness().start()
    custom(agent)
    assert of(agent.wait(120_000), act.DestroyContainer) == []


def test_shutdown_gives_the_executor_its_own_grace() -> None:
    agent = Harness().start()
    info = custom_task("c1")
    info.executor.shutdown_grace_period.nanoseconds = 3_000_000_000
    (launch,) = of(agent.run_task(info), act.LaunchContainer)
    agent.launched(launch)
    agent.executor("e1")
    assert to_executor(agent.link(shutdown())) == ["SHUTDOWN"]
    assert of(agent.wait(2_999), act.DestroyContainer) == []
    assert len(of(agent.wait(1), act.DestroyContainer)) == 1


def test_executor_that_ends_in_time_is_not_destroyed() -> None:
    agent = Harness().start()
    launch = custom(agent)
    agent.link(shutdown())
    agent.exited(launch.spec.container_id, 0)
    assert of(agent.wait(60_000), act.DestroyContainer) == []


def test_task_for_an_executor_that_ends_is_dropped() -> None:
    agent = Harness().start()
    custom(agent)
    agent.link(shutdown())
    (sent,) = told(agent.run_task(custom_task("c2"), launch_executor=False))
    assert sent.message == "Executor terminating/terminated"


@pytest.mark.parametrize(
    ("exists", "launch_executor", "message"),
    [
        (True, True, "Master wants to launch executor, but one already exists"),
        (False, False, "No executor is expected to launch and there is none running"),
    ],
)
def test_master_that_is_wrong_about_executors_has_tasks_dropped(
    exists: bool, launch_executor: bool, message: str
) -> None:
    agent = Harness().start()
    if exists:
        custom(agent)
    (sent,) = told(agent.run_task(custom_task("c9"), launch_executor=launch_executor))
    assert (sent.state, sent.message) == (mesos_pb2.TASK_DROPPED, message)
    assert sent.reason == _Reason.REASON_EXECUTOR_TERMINATED


def test_executor_that_is_not_launched_is_told_as_exited() -> None:
    agent = Harness().start()
    made = agent.run_task(custom_task("c1"), version=b"0" * 16)
    assert exits(to_master(made)) == [-1]


def test_subscribing_while_ending_is_answered_by_shutdown() -> None:
    agent = Harness().start()
    custom(agent)
    agent.link(shutdown())
    _route, made = agent.executor("e1")
    assert [type(one) for one in made] == [
        act.OpenExecutor,
        act.SendToExecutor,
        act.CloseExecutor,
    ]
    assert to_executor(made) == ["SHUTDOWN"]


def test_new_stream_replaces_the_old_one() -> None:
    agent = Harness().start()
    custom(agent)
    old = agent.core.state.frameworks[FRAMEWORK_ID].executors["e1"].route
    assert old is not None
    route, made = agent.executor("e1", "c1")
    assert made[:2] == [act.CloseExecutor(old), act.OpenExecutor(route)]
    agent.step(ev.ExecutorLost(old))
    assert agent.core.state.frameworks[FRAMEWORK_ID].executors["e1"].route == route


def test_task_that_got_lost_with_the_stream_is_dropped() -> None:
    agent = Harness().start()
    custom(agent)
    (sent,) = told(agent.executor("e1")[1])
    assert sent.state == mesos_pb2.TASK_DROPPED
    assert sent.reason == _Reason.REASON_AGENT_RESTARTED
    assert sent.message == "Task launched during agent restart"


def test_statuses_that_were_not_acknowledged_come_with_the_subscription() -> None:
    agent = Harness().start()
    custom(agent)
    _route, made = agent.executor("e1", "c1", updates=[status("c1", RUNNING)])
    assert [one.state for one in told(made)] == [RUNNING]
    assert to_executor(made) == ["SUBSCRIBED", "ACKNOWLEDGED"]


def test_task_is_queued_while_the_executor_is_away() -> None:
    agent = Harness().start()
    launch = custom(agent)
    agent.update("e1", status("c1", RUNNING))
    route = agent.core.state.frameworks[FRAMEWORK_ID].executors["e1"].route
    assert route is not None
    agent.step(ev.ExecutorLost(route))
    assert to_executor(agent.run_task(custom_task("c2"), launch_executor=False)) == []
    assert to_executor(agent.executor("e1", "c1")[1]) == ["SUBSCRIBED"]
    assert to_executor(agent.step(ev.ContainerUpdated(launch.spec.container_id))) == ["LAUNCH"]


def test_executor_without_any_task_left_is_shut_down() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(custom_task("c1")), act.LaunchContainer)
    agent.launched(launch)
    (sent,) = told(agent.kill("c1"))
    assert sent.state == mesos_pb2.TASK_KILLED
    assert sent.reason == _Reason.REASON_TASK_KILLED_DURING_LAUNCH
    assert sent.message == "Killed before delivery to the executor"
    assert to_executor(agent.executor("e1")[1]) == ["SUBSCRIBED", "SHUTDOWN"]


def test_task_killed_before_the_disk_is_done_launches_nothing() -> None:
    agent = Harness().start()
    agent.disk.is_slow = True
    assert of(agent.run_task(custom_task("c1"), checkpoint=True), act.LaunchContainer) == []
    agent.kill("c1")
    agent.disk.is_slow = False
    made = agent.flush()
    assert of(made, act.LaunchContainer) == []
    assert [one.state for one in told(made)] == [mesos_pb2.TASK_KILLED]
    assert exits(to_master(made)) == [-1]


def test_kill_reaches_the_executor_with_its_policy() -> None:
    agent = Harness().start()
    custom(agent)
    event = link_pb2.Event(type=link_pb2.Event.KILL_TASK)
    event.kill_task.framework_id.value = FRAMEWORK_ID
    event.kill_task.task_id.value = "c1"
    event.kill_task.kill_policy.grace_period.nanoseconds = 7
    (sent,) = of(agent.link(event), act.SendToExecutor)
    assert sent.event.kill.kill_policy.grace_period.nanoseconds == 7


def test_kill_of_an_executor_that_is_away_waits_for_it() -> None:
    agent = Harness().start()
    custom(agent)
    agent.update("e1", status("c1", RUNNING))
    route = agent.core.state.frameworks[FRAMEWORK_ID].executors["e1"].route
    assert route is not None
    agent.step(ev.ExecutorLost(route))
    assert to_executor(agent.kill("c1")) == []
    assert to_executor(agent.executor("e1", "c1")[1]) == ["SUBSCRIBED", "KILL"]


def test_kill_of_an_unknown_task_is_answered() -> None:
    agent = Harness().start()
    custom(agent)
    (sent,) = told(agent.kill("nobody"))
    assert (sent.state, sent.message) == (mesos_pb2.TASK_DROPPED, "Cannot find executor")


def test_framework_that_is_over_takes_its_executors_with_it() -> None:
    agent = Harness().start()
    launch = custom(agent)
    event = link_pb2.Event(type=link_pb2.Event.SHUTDOWN_FRAMEWORK)
    event.shutdown_framework.framework_id.value = FRAMEWORK_ID
    assert to_executor(agent.link(event)) == ["SHUTDOWN"]
    made = agent.exited(launch.spec.container_id, 0)
    assert told(made) == []
    assert agent.core.state.frameworks == {}
    assert agent.core.state.update_streams == {}
    assert len(of(made, act.ScheduleGc)) == 3


def test_messages_go_both_ways() -> None:
    agent = Harness().start()
    custom(agent)
    event = link_pb2.Event(type=link_pb2.Event.FRAMEWORK_MESSAGE)
    event.framework_message.framework_id.value = FRAMEWORK_ID
    event.framework_message.executor_id.value = "e1"
    event.framework_message.data = b"hi"
    (sent,) = of(agent.link(event), act.SendToExecutor)
    assert sent.event.message.data == b"hi"
    call = called("e1", _Call.MESSAGE)
    call.message.data = b"echo"
    made = agent.step(ev.ExecutorCalled(agent.route(), call))
    (up,) = to_master(made)
    assert (up.executor_message.executor_id.value, up.executor_message.data) == ("e1", b"echo")


def test_executor_is_kept_alive_by_heartbeats() -> None:
    agent = Harness().start()
    custom(agent)
    event = link_pb2.Event(type=link_pb2.Event.PING)
    event.ping.connected = True
    beats: list[str] = []
    for _ in range(61):
        beats += to_executor(agent.wait(60_000))
        agent.link(event)
    assert beats == ["HEARTBEAT", "HEARTBEAT"]


# Groups.


def test_group_is_delivered_in_one_piece() -> None:
    agent = Harness().start()
    (launch,) = of(agent.link(run_group("a", "b")), act.LaunchContainer)
    assert launch.spec.command.value == "/bin/default-executor"
    assert Resources(launch.spec.resources) == Resources.parse("cpus:0.3;mem:96").allocate("*")
    agent.launched(launch)
    (_subscribed, sent) = of(agent.executor("e1")[1], act.SendToExecutor)
    assert [one.task_id.value for one in sent.event.launch_group.task_group.tasks] == ["a", "b"]


def test_group_is_killed_in_one_piece_before_delivery() -> None:
    agent = Harness().start()
    agent.link(run_group("a", "b"))
    sent = told(agent.kill("b"))
    assert [(one.task_id.value, one.state) for one in sent] == [
        ("a", mesos_pb2.TASK_KILLED),
        ("b", mesos_pb2.TASK_KILLED),
    ]
    assert {one.message for one in sent} == {
        "A task within the task group was killed before delivery to the executor"
    }


# Refused calls.


def test_unknown_callers_are_told_so() -> None:
    agent = Harness().start()
    call = called("e1", _Call.SUBSCRIBE)
    call.subscribe.SetInParent()
    route = agent.route()
    made = agent.step(ev.ExecutorSubscribed(route, call))
    assert made == [act.Reply(route, 400, "Framework cannot be found")]
    custom(agent)
    call.executor_id.value = "nobody"
    made = agent.step(ev.ExecutorSubscribed(route, call))
    assert made == [act.Reply(route, 400, "Executor cannot be found")]


def test_executor_must_subscribe_before_it_calls() -> None:
    agent = Harness().start()
    agent.run_task(custom_task("c1"))
    (reply,) = of(agent.update("e1", status("c1", RUNNING)), act.Reply)
    assert (reply.status, reply.message) == (403, "Executor is not subscribed")


def test_heartbeat_is_always_taken() -> None:
    agent = Harness()
    route = agent.route()
    made = agent.step(ev.ExecutorCalled(route, called("e1", _Call.HEARTBEAT)))
    assert made == [act.Reply(route, 202)]


def test_executor_without_its_token_is_refused() -> None:
    agent = Harness(jwt_secret_key=b"secret").start()
    (launch,) = of(agent.run_task(custom_task("c1")), act.LaunchContainer)
    assert "MESOS_EXECUTOR_AUTHENTICATION_TOKEN" in launch.spec.environment
    agent.launched(launch)
    call = called("e1", _Call.SUBSCRIBE)
    call.subscribe.SetInParent()
    claims = {"fid": FRAMEWORK_ID, "eid": "e1", "cid": "another"}
    (reply,) = of(agent.step(ev.ExecutorSubscribed(agent.route(), call, claims)), act.Reply)
    assert reply.status == 403
    claims["cid"] = launch.spec.container_id[0]
    made = agent.step(ev.ExecutorSubscribed(agent.route(), call, claims))
    assert to_executor(made) == ["SUBSCRIBED", "LAUNCH"]


def test_completed_executors_are_forgotten_when_there_are_too_many() -> None:
    agent = Harness(max_completed_executors_per_framework=2).start()
    for number in range(4):
        task_id = f"t{number}"
        launch = agent.running(task_id)
        agent.update(task_id, status(task_id, FINISHED))
        agent.exited(launch.spec.container_id)
        agent.acknowledge(task_id, uuid_of(FINISHED))
    framework = agent.core.state.completed_frameworks[FRAMEWORK_ID]
    kept = [one.info.executor_id.value for one in framework.completed_executors]
    assert kept == ["t2", "t3"]


def test_executor_state_follows_its_life() -> None:
    agent = Harness().start()
    (launch,) = of(agent.run_task(command_task("t1")), act.LaunchContainer)
    executor = agent.core.state.frameworks[FRAMEWORK_ID].executors["t1"]
    states = [executor.state]
    agent.launched(launch)
    agent.executor("t1")
    states.append(executor.state)
    agent.exited(launch.spec.container_id)
    states.append(executor.state)
    assert states == [
        ExecutorState.REGISTERING,
        ExecutorState.RUNNING,
        ExecutorState.TERMINATED,
    ]
