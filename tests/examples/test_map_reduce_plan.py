"""What the map-reduce engine does next, whatever is lost: the plan by itself."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from mapreduce.plan import Job, JobFailed, Plan, Step


def nothing(given: object) -> Iterable[tuple[str, int]]:
    """Nobody calls it here."""
    raise NotImplementedError(given)


def plan_of(maps: int, reduces: int = 2, losses_max: int = 2) -> Plan:
    return Plan(Job(range(maps), nothing, nothing, reduces, losses_max))


def run_all(plan: Plan, *agents: str) -> None:
    """Start and finish what is ready now, on these agents in turn."""
    for number, step in enumerate(plan.ready()):
        finish(plan, step, agents[number % len(agents)])


def finish(plan: Plan, step: Step, agent: str) -> None:
    task_id = plan.started(step, agent)
    plan.finished(task_id, f"{agent}/{task_id}")


def test_reduces_wait_for_all_maps() -> None:
    plan = plan_of(2)
    one, two = plan.ready()
    finish(plan, one, "a")
    assert plan.ready() == [two]
    task_id = plan.started(two, "b")
    assert plan.ready() == []
    plan.finished(task_id, "b/two")
    assert plan.ready() == [Step("reduce", 0), Step("reduce", 1)]
    run_all(plan, "a")
    assert plan.is_done
    assert plan.ready() == []


def test_lost_task_is_run_again_and_its_late_end_counts_for_nothing() -> None:
    plan = plan_of(1)
    first = plan.started(plan.ready()[0], "a")
    plan.lost(first, "killed")
    second = plan.started(plan.ready()[0], "b")
    assert first != second
    plan.finished(first, "a/first")
    assert plan.outputs("map") == []
    plan.finished(second, "b/second")
    assert [place.url for place in plan.outputs("map")] == ["b/second"]


def test_task_that_is_lost_too_often_fails_the_job() -> None:
    plan = plan_of(1, losses_max=2)
    for _ in range(2):
        plan.lost(plan.started(plan.ready()[0], "a"), "killed")
    task_id = plan.started(plan.ready()[0], "a")
    with pytest.raises(JobFailed, match="lost 3 times, at last: out of memory"):
        plan.lost(task_id, "out of memory")


def test_function_that_raises_fails_the_job_at_once() -> None:
    plan = plan_of(1)
    task_id = plan.started(plan.ready()[0], "a")
    with pytest.raises(JobFailed, match=r"map-0\.1 raised:\nValueError: no"):
        plan.raised(task_id, "ValueError: no")


def test_outputs_that_cannot_be_fetched_are_made_again_with_all_of_their_agent() -> None:
    plan = plan_of(4)
    run_all(plan, "a", "b")
    reduces = [plan.started(step, "b") for step in plan.ready()]
    plan.lost_outputs(reduces[0], ["a/map-0.1"])
    assert plan.ready() == [Step("map", 0), Step("map", 2)]
    # The other reduce notices the same a moment later, when they are on their way already.
    run_all(plan, "b")
    plan.lost_outputs(reduces[1], ["a/map-0.1"])
    assert plan.ready() == [Step("reduce", 0), Step("reduce", 1)]


def test_lost_agent_takes_tasks_and_outputs_of_both_stages_with_it() -> None:
    plan = plan_of(2)
    run_all(plan, "a", "b")
    zero, one = plan.ready()
    finish(plan, zero, "a")
    running = plan.started(one, "a")
    assert plan.lost_agent("a") == [running]
    assert plan.ready() == [Step("map", 0)]
    run_all(plan, "b")
    run_all(plan, "b")
    assert plan.is_done


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_lost_in_whatever_order_the_job_ends(seed: int) -> None:
    rng = random.Random(seed)
    plan = plan_of(rng.randint(1, 6), rng.randint(1, 4), losses_max=1000)
    running: dict[str, str] = {}
    for turn in range(2000):
        if plan.is_done:
            break
        calm = turn > 1000
        ready = plan.ready()
        if ready and rng.random() < 0.6:
            agent = rng.choice("abc")
            running[plan.started(rng.choice(ready), agent)] = agent
        elif running:
            task_id = rng.choice(sorted(running))
            agent = running.pop(task_id)
            dice = rng.random()
            if calm or dice < 0.6:
                plan.finished(task_id, f"{agent}/{task_id}")
            elif dice < 0.75:
                plan.lost(task_id, "bad luck")
            elif dice < 0.9 and task_id.startswith("reduce") and plan.outputs("map"):
                plan.lost_outputs(task_id, [rng.choice(plan.outputs("map")).url])
            else:
                plan.lost_agent(agent)
    assert plan.is_done
    assert not plan.are_maps_missing or plan.ready() == []
