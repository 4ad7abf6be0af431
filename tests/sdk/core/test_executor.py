"""The core of the executor driver, by script."""

from __future__ import annotations

import pytest

from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from mesozoic.core import executor_events as ev
from mesozoic.core.executor import ExecutorCore
from mesozoic.core.executor_settings import ExecutorSettings, read_settings
from mesozoic.errors import BadEnvironment

Call = executor_pb2.Call
Said = executor_pb2.Event
ENVIRONMENT = {
    "MESOS_FRAMEWORK_ID": "f",
    "MESOS_EXECUTOR_ID": "e",
    "MESOS_SLAVE_ID": "a",
    "MESOS_AGENT_ENDPOINT": "10.0.0.1:5051",
}


def status(name: str, uuid: bytes = b"\1" * 16) -> mesos_pb2.TaskStatus:
    return mesos_pb2.TaskStatus(
        task_id=mesos_pb2.TaskID(value=name), state=mesos_pb2.TASK_RUNNING, uuid=uuid
    )


def launch(name: str) -> executor_pb2.Event:
    said = Said(type=Said.LAUNCH)
    said.launch.task.name = name
    said.launch.task.task_id.value = name
    said.launch.task.agent_id.value = "a"
    return said


def acknowledged(name: str, uuid: bytes = b"\1" * 16) -> executor_pb2.Event:
    said = Said(type=Said.ACKNOWLEDGED)
    said.acknowledged.task_id.value = name
    said.acknowledged.uuid = uuid
    return said


class Script:
    """Steps an executor's core."""

    def __init__(self, *, checkpoint: bool = True, subscribe: bool = True) -> None:
        given = ENVIRONMENT | {"MESOS_CHECKPOINT": "1" if checkpoint else "0"}
        self.core = ExecutorCore(read_settings(given), lambda bound: bound - 1)
        self.now_ms = 0
        self.stream = 0
        self.happens(ev.Started())
        if subscribe:
            self.subscribed()

    def happens(self, event: ev.Event) -> list[ev.Action]:
        done = self.core.step(event, self.now_ms)
        for one in done:
            if isinstance(one, ev.Connect):
                self.stream = one.stream
        return done

    def says(self, said: executor_pb2.Event) -> list[ev.Action]:
        return self.happens(ev.Received(self.stream, said))

    def subscribed(self) -> list[ev.Action]:
        return self.says(Said(type=Said.SUBSCRIBED))

    def lost(self, status: int | None = None) -> list[ev.Action]:
        return self.happens(ev.StreamLost(self.stream, "gone", status))

    def tick(self) -> list[ev.Action]:
        due_ms = self.core.next_due_ms()
        assert due_ms is not None
        self.now_ms = due_ms
        return self.happens(ev.Tick())


def finishes(done: list[ev.Action]) -> bool:
    return isinstance(done[-1], ev.Finish)


def test_settings_are_what_the_agent_says() -> None:
    settings = read_settings(
        ENVIRONMENT
        | {
            "MESOS_CHECKPOINT": "1",
            "MESOS_RECOVERY_TIMEOUT": "2mins",
            "MESOS_SUBSCRIPTION_BACKOFF_MAX": "500ms",
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "1.5secs",
            "MESOS_EXECUTOR_AUTHENTICATION_TOKEN": "token",
            "MESOS_DOMAIN_SOCKET": "/run/agent.sock",
            "MESOS_SANDBOX": "/mnt/mesos/sandbox",
        }
    )
    assert settings == ExecutorSettings(
        framework_id="f",
        executor_id="e",
        agent_id="a",
        agent_endpoint="10.0.0.1:5051",
        domain_socket="/run/agent.sock",
        token="token",
        sandbox="/mnt/mesos/sandbox",
        checkpoint=True,
        shutdown_grace_period_ms=1_500,
        recovery_timeout_ms=120_000,
        subscription_backoff_max_ms=500,
    )


def test_older_agents_name_themselves_by_pid() -> None:
    given = {**ENVIRONMENT, "MESOS_SLAVE_PID": "slave(1)@10.0.0.2:5051"}
    del given["MESOS_AGENT_ENDPOINT"]
    assert read_settings(given).agent_endpoint == "10.0.0.2:5051"


@pytest.mark.parametrize("missing", ["MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID"])
def test_process_that_no_agent_has_started_is_told_so(missing: str) -> None:
    with pytest.raises(BadEnvironment, match=missing):
        read_settings({name: value for name, value in ENVIRONMENT.items() if name != missing})
    with pytest.raises(BadEnvironment, match="MESOS_RECOVERY_TIMEOUT"):
        read_settings(ENVIRONMENT | {"MESOS_RECOVERY_TIMEOUT": "soon"})


def test_update_is_sent_again_until_it_is_acknowledged() -> None:
    script = Script()
    script.says(launch("t"))
    (send,) = script.happens(ev.UpdateMade(status("t")))
    assert isinstance(send, ev.Send) and send.call.update.status == status("t")
    script.lost()
    (connect,) = script.tick()
    assert isinstance(connect, ev.Connect)
    subscribe = connect.call.subscribe
    assert [one.task_id.value for one in subscribe.unacknowledged_tasks] == ["t"]
    assert [one.status for one in subscribe.unacknowledged_updates] == [status("t")]
    assert len(script.subscribed()) == 1
    assert script.core.has_unacknowledged
    assert ev.Acknowledged() in script.says(acknowledged("t"))
    script.lost()
    (connect,) = script.tick()
    assert isinstance(connect, ev.Connect)
    assert connect.call.subscribe == Call.Subscribe()


def test_tasks_of_a_group_are_kept_as_well() -> None:
    script = Script()
    said = Said(type=Said.LAUNCH_GROUP)
    for name in ("t", "u"):
        said.launch_group.task_group.tasks.add().CopyFrom(launch(name).launch.task)
    script.says(said)
    script.says(acknowledged("u"))
    script.lost()
    (connect,) = script.tick()
    assert isinstance(connect, ev.Connect)
    kept = connect.call.subscribe.unacknowledged_tasks
    assert [one.task_id.value for one in kept] == ["t"]


def test_update_made_behind_subscribe_is_sent_when_the_agent_answers() -> None:
    script = Script(subscribe=False)
    assert script.happens(ev.UpdateMade(status("t"))) == []
    told, send = script.subscribed()
    assert told == ev.TellEvent(Said(type=Said.SUBSCRIBED))
    assert isinstance(send, ev.Send) and send.call.update.status == status("t")


def test_second_subscription_is_told_as_such() -> None:
    script = Script()
    script.lost()
    script.tick()
    assert script.subscribed() == [ev.TellEvent(Said(type=Said.SUBSCRIBED), is_again=True)]


def test_without_checkpointing_a_lost_agent_is_the_end() -> None:
    assert finishes(Script(checkpoint=False).lost())


def test_agent_that_answers_but_refuses_is_asked_again_even_so() -> None:
    script = Script(checkpoint=False, subscribe=False)
    assert not finishes(script.lost(503))
    assert isinstance(script.tick()[0], ev.Connect)


def test_agent_that_stays_away_is_given_up() -> None:
    script = Script()
    done = script.lost()
    assert ev.TellDisconnected("gone") in done
    while not finishes(done := script.tick()):
        script.lost()
    assert script.now_ms == 15 * 60 * 1000
    assert script.core.next_due_ms() is None


def test_attempts_come_within_half_of_what_the_agent_waits() -> None:
    script = Script()
    script.lost()
    assert script.core.next_due_ms() == 1_000


def test_call_that_finds_no_subscription_subscribes_anew() -> None:
    for failed in (None, 403, 503):
        script = Script()
        (send,) = script.happens(ev.UpdateMade(status("t")))
        assert isinstance(send, ev.Send)
        done = script.happens(ev.CallFailed(send.stream, send.call, "no", failed))
        assert done[0] == ev.Disconnect(1)
        assert isinstance(script.tick()[0], ev.Connect)
        assert script.core.has_unacknowledged


def test_refused_update_is_not_sent_again() -> None:
    script = Script()
    (send,) = script.happens(ev.UpdateMade(status("t")))
    assert isinstance(send, ev.Send)
    done = script.happens(ev.CallFailed(send.stream, send.call, "bad", 400))
    assert done[-1] == ev.Acknowledged()
    assert not script.core.has_unacknowledged


def test_executor_leaves_when_all_updates_are_acknowledged() -> None:
    script = Script()
    script.happens(ev.UpdateMade(status("t")))
    assert script.happens(ev.ShutdownDone()) == []
    assert finishes(script.says(acknowledged("t")))


def test_executor_with_nothing_to_tell_leaves_at_once() -> None:
    assert finishes(Script().happens(ev.ShutdownDone()))


def test_shutdown_ends_with_the_grace_period() -> None:
    script = Script()
    script.happens(ev.UpdateMade(status("t")))
    script.says(Said(type=Said.SHUTDOWN))
    assert finishes(script.tick())
    assert script.now_ms == 5_000


def test_silent_executor_says_heartbeat_every_half_hour() -> None:
    script = Script()
    for number in (1, 2):
        (send,) = script.tick()
        assert isinstance(send, ev.Send) and send.call.type == Call.HEARTBEAT
        assert script.now_ms == number * 30 * 60 * 1000


def test_message_without_agent_is_dropped() -> None:
    script = Script()
    (send,) = script.happens(ev.MessageMade(b"hi"))
    assert isinstance(send, ev.Send) and send.call.message.data == b"hi"
    script.lost()
    assert isinstance(script.happens(ev.MessageMade(b"hi"))[0], ev.Note)
