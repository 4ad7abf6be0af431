"""Reconciliation: after each subscription, and from time to time."""

from __future__ import annotations

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import actions
from mesozoic.core.settings import SchedulerSettings
from tests.sdk.core.scripted import Script, sent, status

PERIOD_MS = SchedulerSettings().reconcile_ms


def asked(done: list[actions.Action]) -> list[list[tuple[str, str | None]]]:
    return [
        [
            (one.task_id.value, one.agent_id.value if one.HasField("agent_id") else None)
            for one in call.reconcile.tasks
        ]
        for call in sent(done, Call.RECONCILE)
    ]


def quiet(script: Script, ms: int) -> list[actions.Action]:
    """Time goes by, in which the master says HEARTBEAT and nothing else."""
    done = []
    for _ in range(ms // 15_000):
        done += script.passes(15_000)
        script.heartbeat()
    return done + script.passes(ms % 15_000)


def test_all_known_tasks_are_asked_for_after_each_subscription() -> None:
    script = Script(tasks=[("t", "a1"), ("u", None)])
    assert asked(script.done) == [[("t", "a1"), ("u", None)]]
    script.lost()
    script.tick()
    assert asked(script.subscribed()) == [[("t", "a1"), ("u", None)]]


def test_unanswered_tasks_are_asked_for_again_at_growing_intervals() -> None:
    script = Script(tasks=[("t", "a1"), ("u", "a1")])
    script.updates(status("u"))
    times: list[int] = []
    start_ms = script.now_ms
    while len(times) < 8:
        if asked(script.tick()) == [[("t", "a1")]]:
            times.append(script.now_ms - start_ms)
        script.heartbeat()
    waits = [after - before for before, after in zip([0, *times], times, strict=False)]
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]


def test_answered_tasks_are_left_alone_until_the_next_period() -> None:
    script = Script(tasks=[("t", "a1")])
    script.updates(status("t"))
    assert asked(quiet(script, PERIOD_MS - 15_000)) == []


def test_from_time_to_time_all_is_asked_for_and_then_what_is_missing() -> None:
    script = Script(tasks=[("t", "a1"), ("u", "a1")])
    script.updates(status("t"), status("u"))
    assert asked(quiet(script, PERIOD_MS)) == [[]]
    script.updates(status("t"))
    assert asked(script.passes(1_000)) == [[("u", "a1")]]
    script.updates(status("u", mesos_pb2.TASK_LOST))
    assert asked(quiet(script, PERIOD_MS - 15_000)) == []
    assert asked(quiet(script, 15_000)) == [[]]


def test_framework_without_tasks_asks_too() -> None:
    script = Script()
    assert asked(quiet(script, 2 * PERIOD_MS)) == [[], []]


def test_period_of_zero_is_never() -> None:
    script = Script(settings=SchedulerSettings(reconcile_ms=0), tasks=[("t", "a1")])
    script.updates(status("t"))
    assert asked(quiet(script, 4 * PERIOD_MS)) == []


def test_nobody_is_asked_without_subscription() -> None:
    script = Script(tasks=[("t", "a1")])
    script.lost()
    assert asked(script.passes(10)) == []
