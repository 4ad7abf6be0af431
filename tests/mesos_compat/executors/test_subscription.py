"""What is told to an agent that comes and goes."""

from __future__ import annotations

from mesos_compat.executors.actions import CloseStream, Note, OpenStream, Send
from mesos_compat.executors.events import CallFailed, Now, Received, StreamId, StreamLost
from mesos_compat.executors.settings import ExecutorSettings
from mesos_compat.executors.statuses import TaskStatuses
from mesos_compat.executors.subscription import News, Subscription
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from tests.mesos_compat.executors.harness import counting_bytes, new_task

START = Now(0, 0)
FIRST, SECOND = StreamId(1), StreamId(2)


def opened(*, checkpoint: bool = True) -> Subscription:
    settings = ExecutorSettings("framework-1", "executor-1", checkpoint=checkpoint)
    subscription = Subscription(settings, lambda bound: bound - 1)
    [action] = subscription.open(START)
    assert isinstance(action, OpenStream)
    assert action.stream == FIRST
    assert action.subscribe.framework_id.value == "framework-1"
    assert action.subscribe.executor_id.value == "executor-1"
    return subscription


def subscribed(stream: StreamId) -> Received:
    return Received(stream, executor_pb2.Event(type=executor_pb2.Event.SUBSCRIBED))


STATUSES = TaskStatuses(new_task("one", "true"), counting_bytes())


def status(state: mesos_pb2.TaskState) -> mesos_pb2.TaskStatus:
    return STATUSES.make(state, START)


def test_updates_before_the_subscription_are_told_behind_it() -> None:
    subscription = opened()
    assert subscription.update(status(mesos_pb2.TASK_STARTING)) == []
    news, actions = subscription.received(subscribed(FIRST))
    assert news is News.SUBSCRIBED
    [send] = actions
    assert isinstance(send, Send)
    assert send.call.update.status.state == mesos_pb2.TASK_STARTING


def test_what_subscribe_has_told_is_not_told_again() -> None:
    subscription = opened()
    subscription.received(subscribed(FIRST))
    subscription.add_task(new_task("one", "true"))
    assert len(subscription.update(status(mesos_pb2.TASK_STARTING))) == 1
    subscription.lost(StreamLost(FIRST, "reset"), START)
    _, [action] = subscription.tick(Now(2_000, 0))
    assert isinstance(action, OpenStream)
    told = action.subscribe.subscribe
    assert [task.task_id.value for task in told.unacknowledged_tasks] == ["one"]
    assert len(told.unacknowledged_updates) == 1
    late = status(mesos_pb2.TASK_RUNNING)
    subscription.update(late)
    _, [send] = subscription.received(subscribed(SECOND))
    assert isinstance(send, Send)
    assert send.call.update.status == late


def test_lost_stream_is_looked_for_within_half_the_longest_backoff() -> None:
    subscription = opened()
    subscription.received(subscribed(FIRST))
    news, [note] = subscription.lost(StreamLost(FIRST, "reset"), Now(10, 0))
    assert news is News.LOST
    assert isinstance(note, Note)
    assert subscription.deadline_ms() == 10 + 1_000
    assert not subscription.is_subscribed


def test_long_search_is_noted_once_for_each_cause() -> None:
    subscription = opened()
    notes = []
    for attempt, why in enumerate(("refused", "refused", "recovering", "refused"), start=1):
        _, actions = subscription.lost(StreamLost(StreamId(attempt), why), START)
        notes.append(len(actions))
        subscription.tick(Now(1_000, 0))
    assert notes == [1, 0, 1, 1]


def test_refused_subscription_is_tried_again_even_without_checkpoint() -> None:
    subscription = opened(checkpoint=False)
    news, _ = subscription.lost(StreamLost(FIRST, "recovering", 503), START)
    assert news is News.NOTHING
    assert subscription.deadline_ms() == 1_000
    _, [action] = subscription.tick(Now(1_000, 0))
    assert isinstance(action, OpenStream)


def test_backoff_that_is_none_still_leaves_the_agent_alone_for_a_moment() -> None:
    settings = ExecutorSettings("f", "e", checkpoint=True, subscription_backoff_max_ms=0)
    for status in (None, 503):
        subscription = Subscription(settings, lambda bound: bound - 1)
        subscription.open(START)
        subscription.lost(StreamLost(FIRST, "refused", status), START)
        assert subscription.deadline_ms() == 10


def test_agent_that_keeps_refusing_is_given_up() -> None:
    subscription = opened()
    end_ms = 15 * 60 * 1000
    subscription.lost(StreamLost(FIRST, "unknown", 400), Now(end_ms - 1, 0))
    news, _ = subscription.tick(Now(end_ms, 0))
    assert news is News.ABANDONED
    assert subscription.is_abandoned
    assert subscription.deadline_ms() is None


def test_lost_stream_without_checkpoint_is_the_end() -> None:
    subscription = opened(checkpoint=False)
    subscription.received(subscribed(FIRST))
    news, _ = subscription.lost(StreamLost(FIRST, "reset"), START)
    assert news is News.ABANDONED
    assert subscription.deadline_ms() is None


def test_call_that_finds_no_agent_has_the_stream_opened_anew() -> None:
    subscription = opened()
    subscription.received(subscribed(FIRST))
    news, actions = subscription.call_failed(CallFailed(FIRST, "refused"), START)
    assert news is News.LOST
    assert actions[0] == CloseStream(FIRST)


def test_call_from_an_agent_that_forgot_us_has_the_stream_opened_anew() -> None:
    subscription = opened()
    subscription.received(subscribed(FIRST))
    failed = CallFailed(FIRST, "Executor is not subscribed", 403)
    assert subscription.call_failed(failed, START)[0] is News.LOST
    assert subscription.deadline_ms() == 1_000


def test_call_that_is_wrong_is_not_repeated() -> None:
    subscription = opened()
    subscription.received(subscribed(FIRST))
    news, [note] = subscription.call_failed(CallFailed(FIRST, "nonsense", 400), START)
    assert news is News.NOTHING
    assert note == Note("The agent refused a call: 400 nonsense")
    assert subscription.is_subscribed


def test_failure_of_an_older_stream_means_nothing() -> None:
    subscription = opened()
    subscription.lost(StreamLost(FIRST, "reset"), START)
    subscription.tick(Now(2_000, 0))
    assert subscription.lost(StreamLost(FIRST, "reset"), START) == (News.NOTHING, [])
    assert subscription.call_failed(CallFailed(FIRST, "reset"), START) == (News.NOTHING, [])
    assert subscription.is_current(SECOND)


def test_acknowledged_updates_and_their_tasks_are_forgotten() -> None:
    subscription = opened()
    subscription.received(subscribed(FIRST))
    subscription.add_task(new_task("one", "true"))
    told = status(mesos_pb2.TASK_STARTING)
    subscription.update(told)
    event = executor_pb2.Event(type=executor_pb2.Event.ACKNOWLEDGED)
    event.acknowledged.task_id.CopyFrom(told.task_id)
    event.acknowledged.uuid = told.uuid
    subscription.received(Received(FIRST, event))
    assert not subscription.has_unacknowledged
    subscription.lost(StreamLost(FIRST, "reset"), START)
    _, [action] = subscription.tick(Now(2_000, 0))
    assert isinstance(action, OpenStream)
    assert not action.subscribe.subscribe.unacknowledged_tasks
    assert not action.subscribe.subscribe.unacknowledged_updates
