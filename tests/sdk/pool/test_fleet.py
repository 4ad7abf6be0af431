"""Which workers are wanted, and which are given back."""

from __future__ import annotations

from mesozoic.pool.fleet import END_MS, KILL_AGAIN_MS, START_FAILURES_MAX, Fleet, Phase, Worker


def worker(fleet: Fleet, name: str, phase: Phase = Phase.READY, since_ms: int = 0) -> Worker:
    made = Worker(name, "agent", "host", "", since_ms)
    fleet.launched(made)
    fleet.move(made, phase, since_ms)
    return made


def test_as_many_are_wanted_as_there_are_calls_within_the_bounds() -> None:
    fleet = Fleet(1, 3, 1000)
    assert [fleet.lacking(calls, 0) for calls in (0, 2, 9)] == [1, 2, 3]
    worker(fleet, "a", Phase.STARTING)
    assert fleet.lacking(9, 0) == 2


def test_those_that_leave_do_not_count() -> None:
    fleet = Fleet(0, 2, 1000)
    worker(fleet, "a", Phase.LEAVING)
    assert fleet.lacking(2, 0) == 2


def test_idle_workers_are_given_back_down_to_the_least() -> None:
    fleet = Fleet(1, 3, 1000)
    worker(fleet, "a", since_ms=0)
    worker(fleet, "b", since_ms=500)
    busy = worker(fleet, "c", since_ms=0)
    busy.is_busy = True
    assert fleet.idle(999) == []
    assert [one.task_id for one in fleet.idle(1000)] == ["a"]
    assert [one.task_id for one in fleet.idle(2000)] == ["a", "b"]
    busy.is_busy = False
    assert [one.task_id for one in fleet.idle(2000)] == ["a", "c"]


def test_task_without_connection_is_killed_until_mesos_says_the_end() -> None:
    fleet = Fleet(0, 1, 1000)
    lost = worker(fleet, "a", Phase.ENDING)
    assert fleet.to_kill(END_MS - 1) == []
    assert fleet.to_kill(END_MS) == [lost]
    assert fleet.to_kill(END_MS + 1) == []
    assert fleet.to_kill(END_MS + KILL_AGAIN_MS) == [lost]
    assert fleet.ended("a") is lost
    assert fleet.next_due_ms(0) is None


def test_starts_that_fail_come_later_and_later_until_the_pool_is_broken() -> None:
    fleet = Fleet(0, 1, 1000)
    waits, now_ms = [], 0
    for _ in range(START_FAILURES_MAX):
        assert not fleet.is_broken
        fleet.start_failed(now_ms)
        assert fleet.lacking(1, now_ms) == 0
        due_ms = fleet.next_due_ms(now_ms)
        assert due_ms is not None
        waits.append(due_ms - now_ms)
        now_ms = due_ms
        assert fleet.lacking(1, now_ms) == 1
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]
    assert fleet.is_broken
    worker(fleet, "a")
    assert not fleet.is_broken
