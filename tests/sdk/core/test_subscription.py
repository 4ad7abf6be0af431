"""Subscriptions: found, lost, made anew, refused."""

from __future__ import annotations

import pytest

from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import actions, calls, events, notices
from mesozoic.core.settings import SchedulerSettings
from mesozoic.errors import CallLost, CallRefused, NotSubscribed
from tests.sdk.core.scripted import (
    ID,
    MASTER,
    MasterEvent,
    Script,
    framework,
    offer,
    sent,
    settled,
    told,
)

OTHER = "http://two:5050"


def error(message: str) -> MasterEvent:
    return MasterEvent(type=MasterEvent.ERROR, error=MasterEvent.Error(message=message))


def test_first_master_is_subscribed_to_at_once() -> None:
    script = Script(subscribe=False)
    assert script.core.next_due_ms() is None
    script.happens(events.MasterDetected(MASTER))
    assert script.core.next_due_ms() == script.now_ms
    (connect,) = script.tick()
    assert connect == actions.Connect(1, MASTER, calls.subscribe(framework()))


def test_new_framework_id_is_saved_before_anything_is_told() -> None:
    script = Script(subscribe=False)
    script.happens(events.MasterDetected(MASTER))
    script.tick()
    subscribed = MasterEvent(type=MasterEvent.SUBSCRIBED)
    subscribed.subscribed.framework_id.value = ID
    assert script.says(subscribed) == [actions.SaveFrameworkId(ID)]
    assert script.offers(offer(1), shown=False) == []
    assert not script.core.is_subscribed
    done = script.happens(events.FrameworkIdSaved(ID))
    assert [type(one) for one in told(done)] == [notices.Subscribed, notices.OffersReceived]
    assert script.core.framework_id == ID


def test_id_saved_for_a_lost_stream_does_not_subscribe() -> None:
    script = Script(subscribe=False)
    script.happens(events.MasterDetected(MASTER))
    script.tick()
    subscribed = MasterEvent(type=MasterEvent.SUBSCRIBED)
    subscribed.subscribed.framework_id.value = ID
    script.says(subscribed)
    script.lost()
    assert script.happens(events.FrameworkIdSaved(ID)) == []
    assert not script.core.is_subscribed


def test_stored_id_is_part_of_the_first_subscription() -> None:
    script = Script(subscribe=False)
    script.happens(events.Started("stored"))
    script.happens(events.MasterDetected(MASTER))
    (connect,) = script.tick()
    assert isinstance(connect, actions.Connect)
    assert connect.call.framework_id.value == "stored"
    assert connect.call.subscribe.framework_info.id.value == "stored"


def test_lost_stream_is_made_anew_with_the_same_id_and_told_as_such() -> None:
    script = Script()
    done = script.lost("the wire was cut")
    assert told(done) == [notices.Disconnected("the wire was cut")]
    assert actions.MasterFailed(MASTER) in done
    assert not script.core.is_subscribed
    (connect,) = script.tick()
    assert isinstance(connect, actions.Connect)
    assert connect.call.framework_id.value == ID
    done = script.subscribed()
    assert [type(one) for one in told(done)] == [notices.Resubscribed]
    assert not [one for one in done if isinstance(one, actions.SaveFrameworkId)]


def test_waits_grow_up_to_their_maximum_and_are_drawn_within_it() -> None:
    settings = SchedulerSettings(backoff_ms=100, backoff_max_ms=1_000)
    script = Script(subscribe=False, settings=settings)
    script.happens(events.MasterDetected(MASTER))
    waits = []
    for _ in range(6):
        script.tick()
        script.lost()
        due_ms = script.core.next_due_ms()
        assert due_ms is not None
        waits.append(due_ms - script.now_ms)
    assert waits == [100, 200, 400, 800, 1_000, 1_000]
    script = Script(subscribe=False, settings=settings, below=lambda _: 0)
    script.happens(events.MasterDetected(MASTER))
    script.tick()
    script.lost()
    assert script.core.next_due_ms() == script.now_ms


def test_waits_begin_anew_only_after_a_subscription_that_lasted() -> None:
    settings = SchedulerSettings(backoff_ms=100, backoff_max_ms=1_000)
    script = Script(settings=settings)
    waits = []
    for lasted_ms in (0, 10, 2_000):
        script.now_ms += lasted_ms
        script.heartbeat()
        script.lost()
        due_ms = script.core.next_due_ms()
        assert due_ms is not None
        waits.append(due_ms - script.now_ms)
        script.tick()
        script.subscribed()
    assert waits == [100, 200, 100]


def test_five_silent_heartbeats_are_a_lost_stream() -> None:
    script = Script()
    script.passes(74_999)
    assert script.core.is_subscribed
    done = script.passes(1)
    assert actions.Disconnect(1) in done
    assert not script.core.is_subscribed


def test_any_byte_keeps_a_stream() -> None:
    script = Script()
    for _ in range(10):
        script.passes(60_000)
        script.happens(events.Heard(script.stream))
    assert script.core.is_subscribed


def test_master_that_does_not_answer_subscribe_is_left() -> None:
    script = Script(subscribe=False)
    script.happens(events.MasterDetected(MASTER))
    script.tick()
    assert actions.Disconnect(1) in script.tick()
    assert script.now_ms == 1_000 + SchedulerSettings().subscribe_timeout_ms


def test_another_leader_is_followed_though_the_old_one_still_talks() -> None:
    script = Script()
    done = script.happens(events.MasterDetected(OTHER))
    assert told(done) == [notices.Disconnected("another master leads")]
    assert actions.Disconnect(1) in done
    (connect,) = script.tick()
    assert isinstance(connect, actions.Connect) and connect.master == OTHER


def test_new_leader_is_tried_soon_however_often_the_old_one_failed() -> None:
    script = Script(subscribe=False)
    script.happens(events.MasterDetected(MASTER))
    for _ in range(10):
        script.tick()
        script.lost()
    script.happens(events.MasterDetected(OTHER))
    due_ms = script.core.next_due_ms()
    assert due_ms is not None and due_ms - script.now_ms == SchedulerSettings().backoff_ms


def test_next_of_a_list_is_not_tried_sooner() -> None:
    script = Script(subscribe=False)
    script.happens(events.MasterDetected(MASTER))
    for _ in range(10):
        script.tick()
        script.lost()
    due_ms = script.core.next_due_ms()
    script.happens(events.MasterDetected(OTHER, is_guess=True))
    assert script.core.next_due_ms() == due_ms
    assert script.core.master == OTHER


def test_without_a_leader_nothing_is_tried() -> None:
    script = Script()
    done = script.happens(events.MasterDetected(None))
    assert told(done) == [notices.Disconnected("no master leads")]
    assert script.core.next_due_ms() is None
    script.happens(events.MasterDetected(MASTER))
    assert script.core.next_due_ms() is not None


@pytest.mark.parametrize("refused", [400, 401, 403, 406])
def test_refused_subscription_ends_the_driver(refused: int) -> None:
    script = Script(subscribe=False)
    script.happens(events.MasterDetected(MASTER))
    script.tick()
    assert script.lost("no", refused)[-1] == actions.Fail("no", refused)
    assert script.core.next_due_ms() is None


@pytest.mark.parametrize("passing", [None, 307, 408, 429, 500, 503])
def test_answer_that_may_change_is_asked_for_again(passing: int | None) -> None:
    script = Script(subscribe=False)
    script.happens(events.MasterDetected(MASTER))
    script.tick()
    script.lost("not yet", passing)
    assert isinstance(script.tick()[0], actions.Connect)


def test_error_of_the_master_is_final() -> None:
    script = Script()
    done = script.says(error("Framework failed over"))
    assert told(done) == [notices.ErrorReported("Framework failed over")]
    assert done[-1] == actions.Fail("Framework failed over")
    assert actions.ForgetFrameworkId() not in done
    assert script.happens(events.MasterDetected(OTHER)) == []


def test_id_of_a_removed_framework_is_forgotten() -> None:
    assert actions.ForgetFrameworkId() in Script().says(error("Framework has been removed"))


def test_what_comes_of_an_old_stream_is_ignored() -> None:
    script = Script()
    script.lost()
    script.tick()
    heartbeat = MasterEvent(type=MasterEvent.HEARTBEAT)
    assert script.happens(events.Received(1, heartbeat)) == []
    assert script.happens(events.StreamLost(1, "gone")) == []
    script.subscribed()
    assert script.core.is_subscribed


def test_call_without_subscription_is_refused_here() -> None:
    script = Script(subscribe=False)
    (settle,) = settled(script.calls(calls.kill("t")))
    assert isinstance(settle.error, NotSubscribed)


def test_call_is_settled_by_its_answer() -> None:
    script = Script()
    (send,) = script.calls(calls.kill("t"))
    assert isinstance(send, actions.Send)
    assert send.call.framework_id.value == ID
    assert script.answers(send) == [actions.Settle(send.token or 0)]
    (send,) = script.calls(calls.kill("t"))
    assert isinstance(send, actions.Send)
    (settle,) = script.answers(send, 400, "Not a valid UUID")
    assert isinstance(settle.error, CallRefused)
    assert (settle.error.status, settle.error.text) == (400, "Not a valid UUID")
    assert script.core.is_subscribed


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (307, ""),
        (503, "No leader elected"),
        (403, "Framework is not subscribed"),
        (400, "Framework cannot be found"),
        (400, "The stream ID 'x' included in this request didn't match the stream ID"),
    ],
)
def test_answer_that_knows_no_subscription_is_a_lost_stream(answer: int, text: str) -> None:
    script = Script()
    (send,) = script.calls(calls.kill("t"))
    assert isinstance(send, actions.Send)
    done = script.answers(send, answer, text)
    assert isinstance(settled(done)[0].error, CallLost)
    assert not script.core.is_subscribed


def test_broken_call_is_a_lost_stream_since_nobody_knows_what_arrived() -> None:
    script = Script()
    (first,) = script.calls(calls.kill("t"))
    script.calls(calls.kill("u"))
    assert isinstance(first, actions.Send)
    done = script.happens(events.CallBroken(first.stream, first.token, first.call, "reset"))
    assert [one.token for one in settled(done)] == [1, 2]
    assert actions.Disconnect(1) in done


def test_torn_down_framework_is_over_whichever_end_comes_first() -> None:
    for loses_stream_first in (False, True):
        script = Script()
        (send,) = script.calls(calls.teardown())
        assert isinstance(send, actions.Send)
        if loses_stream_first:
            assert script.lost("ended") == []
        done = script.answers(send)
        assert settled(done) == [actions.Settle(1)]
        assert done[-2:] == [actions.ForgetFrameworkId(), actions.End()]
        assert script.core.next_due_ms() is None


def test_teardown_that_is_lost_is_no_teardown() -> None:
    script = Script()
    (send,) = script.calls(calls.teardown())
    assert isinstance(send, actions.Send)
    script.lost("ended")
    done = script.happens(events.CallBroken(send.stream, send.token, send.call, "reset"))
    assert isinstance(settled(done)[0].error, CallLost)
    assert isinstance(script.tick()[0], actions.Connect)


def test_updated_framework_is_what_subscribes_next_time() -> None:
    script = Script("r", "s")
    (send,) = script.calls(calls.update_framework(framework("r", "q"), ["q"]))
    assert isinstance(send, actions.Send)
    assert send.call.update_framework.framework_info.id.value == ID
    script.answers(send, 200)
    script.lost()
    (connect,) = script.tick()
    assert isinstance(connect, actions.Connect)
    assert list(connect.call.subscribe.framework_info.roles) == ["r", "q"]
    assert list(connect.call.subscribe.suppressed_roles) == ["q"]


def test_stop_settles_what_waits() -> None:
    script = Script()
    script.calls(calls.kill("t"))
    done = script.happens(events.Stopped())
    assert [one.token for one in settled(done)] == [1]
    assert sent(done, Call.TEARDOWN) == []
    assert actions.Disconnect(1) in done
