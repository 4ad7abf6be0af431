"""Which calls wait, and which worker has which."""

from __future__ import annotations

import random

import pytest

from mesozoic.pool.jobs import SLOW_MS, Job, Jobs


def jobs_with(*workers: str, retries: int = 1, calls: int = 0) -> Jobs[None]:
    jobs: Jobs[None] = Jobs(retries)
    for worker in workers:
        jobs.add_worker(worker)
    for number in range(calls):
        jobs.add(Job(number, b"", None))
    return jobs


def assigned(jobs: Jobs[None], now_ms: int = 0) -> dict[str, list[int]]:
    return {worker: [job.number for job in some] for worker, some in jobs.assign(now_ms)}


def test_first_calls_go_to_one_worker_each() -> None:
    jobs = jobs_with("a", "b", calls=5)
    assert assigned(jobs) == {"a": [0], "b": [1]}
    assert jobs.open_count == 5


def test_short_calls_are_sent_ahead_and_long_ones_are_not() -> None:
    jobs = jobs_with("a", calls=300)
    assigned(jobs)
    jobs.answered("a", 0, 50, 0)
    assert len(assigned(jobs)["a"]) > 20
    long = jobs_with("a", calls=300)
    assigned(long)
    long.answered("a", 0, 50_000, 0)
    assert assigned(long) == {"a": [1]}


def test_nobody_takes_so_much_that_others_have_nothing() -> None:
    jobs = jobs_with("a", "b", calls=1)
    assigned(jobs)
    jobs.answered("a", 0, 10, 0)
    for number in range(1, 7):
        jobs.add(Job(number, b"", None))
    assert {worker: len(some) for worker, some in assigned(jobs).items()} == {"a": 3, "b": 3}


def test_only_the_call_that_ran_is_held_against_a_lost_worker() -> None:
    jobs = jobs_with("a", calls=1, retries=1)
    assigned(jobs)
    jobs.answered("a", 0, 10, 0)
    for number in (1, 2, 3):
        jobs.add(Job(number, b"", None))
    assert assigned(jobs) == {"a": [1, 2, 3]}
    lost = jobs.lost("a")
    assert [job.number for job in lost.again] == [1, 2, 3]
    assert [job.losses for job in lost.again] == [1, 0, 0]
    jobs.add_worker("b")
    assert assigned(jobs) == {"b": [1, 2, 3]}
    lost = jobs.lost("b")
    assert lost.given_up is not None
    assert lost.given_up.number == 1
    assert [job.number for job in lost.again] == [2, 3]


def test_what_waits_behind_a_slow_call_is_called_back_once_and_goes_elsewhere() -> None:
    jobs = jobs_with("a", calls=1)
    assigned(jobs)
    jobs.answered("a", 0, 10, 0)
    for number in (1, 2):
        jobs.add(Job(number, b"", None))
    assigned(jobs, 100)
    assert jobs.next_due_ms() == 100 + SLOW_MS
    assert jobs.slow(100 + SLOW_MS - 1) == []
    assert jobs.slow(100 + SLOW_MS) == ["a"]
    assert jobs.slow(100 + 2 * SLOW_MS) == []
    jobs.add_worker("b")
    jobs.returned("a", [2])
    assert assigned(jobs, 200) == {"b": [2]}


def test_dropped_call_is_not_sent() -> None:
    jobs = jobs_with(calls=2)
    first, second = jobs.open_jobs()
    assert jobs.drop(first) is None
    jobs.add_worker("a")
    assert assigned(jobs) == {"a": [second.number]}
    assert jobs.drop(second) == "a"
    assert jobs.open_jobs() == []


@pytest.mark.parametrize("seed", range(30))
def test_each_call_ends_once_whatever_happens(seed: int) -> None:
    dice = random.Random(seed)
    jobs = jobs_with(retries=2)
    held: dict[str, list[int]] = {}
    ended: list[int] = []
    added = now_ms = 0
    while added < 200 or jobs.open_count:
        now_ms += dice.randrange(50)
        match dice.randrange(8):
            case 0 | 1 if added < 200:
                jobs.add(Job(added, b"", None))
                added += 1
            case 2 if len(held) < 4:
                name = f"w{now_ms}-{len(ended)}-{dice.random()}"
                held[name] = []
                jobs.add_worker(name)
            case 3 if held and dice.random() < 0.2:
                name = dice.choice(list(held))
                lost = jobs.lost(name)
                begun = held.pop(name)
                assert sorted(job.number for job in lost.again) == sorted(
                    begun if lost.given_up is None else begun[1:]
                )
                if lost.given_up is not None:
                    ended.append(lost.given_up.number)
            case 4 if held:
                name = dice.choice(list(held))
                back = held[name][1 + dice.randrange(2) :]
                jobs.returned(name, back)
                held[name] = [one for one in held[name] if one not in back]
            case _:
                for name, numbers in held.items():
                    if numbers and dice.random() < 0.7:
                        took_us = dice.choice((20, 2_000, 60_000))
                        job = jobs.answered(name, numbers.pop(0), took_us, now_ms)
                        assert job is not None
                        ended.append(job.number)
        for name, some in jobs.assign(now_ms):
            held[name] += [job.number for job in some]
        assert len(ended) + jobs.open_count == added
    assert sorted(ended) == list(range(200))
