"""Scripts of ticks: what they show of a scheduler, and what they do when it errs."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import Scheduler, SchedulerDriver
from mesozoic.core.notices import Resubscribed, Subscribed
from mesozoic.errors import CallRefused, SubscriptionRefused
from mesozoic.testing import Script, ScriptMismatch
from mesozoic.testing.builders import make_offer

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


class Worker(Scheduler):
    """Launches ``count`` tasks, one on each offer, and again what has failed after a second."""

    def __init__(self, count: int = 1, cpus: float = 1.0) -> None:
        self.waiting = [f"task-{number}" for number in range(count)]
        self.cpus = cpus
        self.story: list[str] = []

    def wants_offers(self) -> bool:
        return bool(self.waiting)

    async def subscribed(self, driver: SchedulerDriver, event: Subscribed) -> None:
        self.story.append(f"subscribed {event.framework_id}")

    async def resubscribed(self, driver: SchedulerDriver, event: Resubscribed) -> None:
        self.story.append("resubscribed")

    async def disconnected(self, driver: SchedulerDriver, why: str) -> None:
        self.story.append("disconnected")

    async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
        for offer in offers:
            if self.waiting:
                task = mesos_pb2.TaskInfo(name="work")
                task.task_id.value = self.waiting.pop(0)
                task.resources.add(
                    name="cpus",
                    type=mesos_pb2.Value.SCALAR,
                    scalar=mesos_pb2.Value.Scalar(value=self.cpus),
                )
                await driver.launch([offer], [task])

    async def update(self, driver: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        if status.state == mesos_pb2.TASK_FAILED:
            await asyncio.sleep(1)
            self.waiting.append(status.task_id.value + "'")
            await driver.work_changed()
        elif status.state == mesos_pb2.TASK_FINISHED and not driver.known_tasks:
            await driver.teardown()


def test_work_is_done_and_the_framework_ends() -> None:
    with Script(Worker(2)) as script:
        offer = script.offer("cpus:2;mem:64")
        (task,) = script.expect_launch("task-0", on=offer)
        assert task.agent_id.value == "agent-1"
        other = script.offer(agent="agent-2", attributes="rack:r1")
        script.expect_launch("task-1", on=other)
        # Nothing waits for offers any more.
        script.expect_call("SUPPRESS")
        for number in range(2):
            script.update(f"task-{number}", "TASK_RUNNING")
            script.expect_acknowledgement(f"task-{number}")
        script.update("task-0", "TASK_FINISHED")
        script.expect_acknowledgement("task-0")
        script.update("task-1", "TASK_FINISHED")
        script.expect_call("TEARDOWN")
        assert script.is_over


def test_time_passes_only_when_it_is_told_to() -> None:
    with Script(Worker()) as script:
        script.offer()
        script.expect_launch("task-0")
        script.expect_call("SUPPRESS")
        script.update("task-0", "TASK_FAILED")
        script.expect_nothing()
        script.advance(0.9)
        script.expect_nothing()
        script.advance(0.1)
        script.expect_call("REVIVE")
        script.expect_acknowledgement("task-0")
        script.offer()
        script.expect_launch("task-0'")
        script.expect_call("SUPPRESS")
        # Heartbeats keep an hour of silence from looking like a lost master.
        script.advance(3600)
        assert script.now_seconds == pytest.approx(3601)
        assert "disconnected" not in script.scheduler.story  # type: ignore[attr-defined]
        # As Mesos's documentation advises: every quarter of an hour, and then what is unanswered.
        script.expect_reconcile()
        script.expect_reconcile("task-0'")
        script.forget_calls()


def test_unused_offers_are_declined_after_a_time() -> None:
    class Idle(Scheduler):
        pass

    with Script(Idle(), offer_hold_seconds=5.0, refuse_seconds=60.0) as script:
        one, two = make_offer("cpus:1"), make_offer("cpus:1", agent="agent-2")
        script.offers(one, two)
        script.advance(4.9)
        script.expect_nothing()
        script.rescind(two)
        script.advance(0.2)
        assert script.expect_decline(one).filters.refuse_seconds == 60.0


def test_lost_connection_is_made_again_and_tasks_are_asked_after() -> None:
    with Script(Worker()) as script:
        script.offer()
        script.expect_launch("task-0")
        script.expect_call("SUPPRESS")
        script.disconnect()
        script.advance(1)
        script.expect_reconcile("task-0")
        script.lose_master()
        script.advance(60)
        script.expect_nothing()
        script.find_master()
        script.advance(0.9)
        script.expect_reconcile("task-0")
        told = script.scheduler.story  # type: ignore[attr-defined]
        again = ["disconnected", "resubscribed"]
        assert told == ["subscribed framework-1", *again, *again]
        script.update("task-0", "TASK_FINISHED")
        script.expect_call("TEARDOWN")


def test_restarted_scheduler_has_its_framework_id() -> None:
    with Script(Worker(0)) as script:
        script.expect_call("SUPPRESS")
        script.restart(Worker(0), tasks=[("old", "agent-7")])
        script.expect_reconcile("old")
        script.expect_call("SUPPRESS")
        told = script.scheduler.story  # type: ignore[attr-defined]
        assert told == ["subscribed framework-1"]


def test_what_a_master_would_refuse_fails_the_test() -> None:
    with (
        pytest.raises(ScriptMismatch, match=r"task-0 need cpus:8, and cpus:4; .*was offered"),
        Script(Worker(cpus=8)) as script,
    ):
        script.offer()

    class Late(Scheduler):
        async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
            await asyncio.sleep(1)
            await driver.accept(offers, [])

    with (
        pytest.raises(ScriptMismatch, match=r"offer-.*: no offer that is still there"),
        Script(Late()) as script,
    ):
        script.rescind(script.offer())
        script.advance(2)


def test_mismatch_tells_expected_seen_and_the_story() -> None:
    with pytest.raises(ScriptMismatch) as caught, Script(Worker()) as script:
        offer = script.offer()
        script.expect_decline(offer)
    text = str(caught.value)
    assert f"expected a decline of {offer.id.value}; the framework has called ACCEPT" in text
    assert "the framework subscribes as a new one\n" in text
    assert f"offered: {offer.id.value} of agent-1" in text
    with (
        pytest.raises(ScriptMismatch, match=r"called nothing more"),
        Script(Worker()) as script,
    ):
        script.expect_launch()
    with (
        pytest.raises(ScriptMismatch, match=r"launch of other; .* LAUNCH"),
        Script(Worker()) as script,
    ):
        script.offer()
        script.expect_launch("other")
    with (
        pytest.raises(ScriptMismatch, match=r"nothing; .* ACCEPT .*; SUPP"),
        Script(Worker()) as script,
    ):
        script.offer()


def test_whatever_a_callback_raises_is_raised_here() -> None:
    class Broken(Scheduler):
        async def update(self, driver: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
            raise KeyError(status.task_id.value)

    with Script(Broken()) as script, pytest.raises(KeyError, match="one"):
        script.update("one")


def test_refusals_reach_the_author() -> None:
    refused: list[Exception] = []

    class Stubborn(Scheduler):
        async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
            try:
                await driver.decline(offers)
            except CallRefused as error:
                refused.append(error)

    with Script(Stubborn()) as script:
        script.refuse_next_call(403, "Not authorized")
        offer = script.offer()
        script.expect_decline(offer)
        assert [str(one) for one in refused] == ["403 Not authorized"]
        with pytest.raises(SubscriptionRefused, match="Framework failed over"):
            script.event(_error("Framework failed over"))


def _error(message: str) -> Any:
    from mesos_compat.wire.v1.scheduler_pb2 import Event

    event = Event(type=Event.ERROR)
    event.error.message = message
    return event


def test_the_example_of_twelve_lines_needs_no_cluster() -> None:
    example = runpy.run_path(str(EXAMPLES / "06_twelve_lines.py"))
    with Script(example["Five"]()) as script:
        for number in range(4, -1, -1):
            script.offer("cpus:1;mem:64", agent=f"agent-{number}")
            script.expect_launch(f"task-{number}")
        for number in range(5):
            script.update(f"task-{number}", "TASK_FINISHED")
            if number < 4:
                script.expect_acknowledgement(f"task-{number}")
        script.expect_call("TEARDOWN")


def test_fixture_gives_scripts(mesos_script: Any) -> None:
    script = mesos_script(Worker())
    script.offer()
    script.expect_launch("task-0")
    script.expect_call("SUPPRESS")
