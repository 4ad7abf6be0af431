"""The plan by script: what is written, launched and killed, and in which order."""

from __future__ import annotations

import pytest

from mesozoic.framework import Backoff, HealthCheck, Restart, group_by, max_per
from mesozoic.framework.planning import actions, events
from mesozoic.framework.planning.killing import KILL_RETRY_MS
from mesozoic.framework.planning.state import State
from tests.sdk.framework.scripted import Stage, offer, service, status, task

QUICK = Backoff(1.0, 4.0, 0.0)


def test_instance_is_written_before_it_is_launched() -> None:
    stage = Stage(service())
    stage.holds_writes = True
    stage.offers(offer("o1"))
    (write,) = stage.writes
    assert [change.key for change in write.changes] == ["instances/s.0.1-1"]
    assert not stage.take(actions.Launch)
    assert stage.core.wants_offers(), "or the driver would decline what is promised"
    stage.write()
    (launch,) = stage.take(actions.Launch)
    assert launch.offer_ids == ("o1",)
    (info,) = launch.tasks
    assert info.agent_id.value == "a1"
    assert info.command.value == "run"
    assert not stage.core.wants_offers()


def test_offer_that_was_rescinded_while_writing_is_not_used() -> None:
    stage = Stage(service())
    stage.holds_writes = True
    stage.offers(offer("o1"))
    stage.step(events.OfferRescinded("o1"))
    stage.holds_writes = False
    stage.write()
    assert not stage.launched()
    assert "its offer was void" in str(stage.core.explain("s", stage.now_ms))
    stage.advance(1.1)
    assert stage.run() == ["s.0.1-2"]
    assert list(stage.records) == ["specs/s", "instances/s.0.1-2"]


def test_rest_of_an_agents_offers_is_declined_when_one_of_them_is_void() -> None:
    stage = Stage(service(resources={"cpus": 6}))
    stage.holds_writes = True
    stage.offers(offer("o1"), offer("o2"))
    stage.step(events.OfferRescinded("o1"))
    stage.holds_writes = False
    stage.write()
    assert not stage.launched()
    assert stage.take(actions.Decline) == [actions.Decline(("o2",))]


def test_lost_subscription_voids_what_is_promised() -> None:
    stage = Stage(service())
    stage.holds_writes = True
    stage.offers(offer("o1"))
    stage.step(events.Disconnected())
    stage.write()
    assert not stage.launched()


def test_refused_launch_is_no_start() -> None:
    stage = Stage(task(restart="never"))
    stage.offers(offer("o1"))
    (task_id,) = stage.launched()
    stage.step(events.LaunchRefused((task_id,), "400"))
    stage.advance(1.1)
    stage.offers(offer("o2"))
    assert stage.launched() == ["t.0.1-2"]


@pytest.mark.parametrize("state", ["TASK_FAILED", "TASK_LOST", "TASK_GONE", "TASK_UNKNOWN"])
def test_task_that_is_never_restarted_is_started_once(state: str) -> None:
    stage = Stage(task(restart="never"))
    (task_id,) = stage.run()
    stage.status(task_id, state)
    stage.advance(3600)
    assert not stage.core.wants_offers()
    assert stage.core.is_done()


def test_dropped_task_was_not_started() -> None:
    stage = Stage(task(restart="never"))
    (task_id,) = stage.run()
    stage.status(task_id, "TASK_DROPPED")
    stage.advance(1.1)
    assert stage.core.wants_offers()


def test_end_is_written_before_it_is_acknowledged() -> None:
    stage = Stage(task())
    (task_id,) = stage.run()
    stage.holds_writes = True
    stage.status(task_id, "TASK_FINISHED", uuid=b"u")
    assert not stage.take(actions.Acknowledge)
    assert not stage.core.is_done()
    stage.write()
    (acknowledged,) = stage.take(actions.Acknowledge)
    assert acknowledged.status.uuid == b"u"
    assert stage.core.is_done()


def test_other_statuses_are_acknowledged_at_once() -> None:
    stage = Stage(task())
    (task_id,) = stage.run()
    stage.holds_writes = True
    stage.status(task_id, "TASK_RUNNING", uuid=b"u")
    assert stage.take(actions.Acknowledge)
    stage.status(task_id, "TASK_RUNNING")
    assert not stage.take(actions.Acknowledge)


def test_failures_are_waited_for_longer_and_longer() -> None:
    stage = Stage(service(restart=Restart("always", QUICK)))
    for wait_s in (1, 2, 4, 4):
        (task_id,) = stage.run()
        stage.status(task_id, "TASK_FAILED")
        stage.advance(wait_s - 0.01)
        assert not stage.core.wants_offers()
        stage.advance(0.01)
        assert stage.take(actions.AskForOffers)


def test_instance_that_has_lasted_begins_the_waits_anew() -> None:
    stage = Stage(service(restart=Restart("always", QUICK)))
    for _ in range(3):
        (task_id,) = stage.run()
        stage.status(task_id, "TASK_FAILED")
        stage.advance(5)
    (task_id,) = stage.run()
    stage.advance(60)
    stage.status(task_id, "TASK_FAILED")
    stage.advance(1)
    assert stage.core.wants_offers()


def test_slot_that_fails_too_often_is_given_up_and_restart_begins_anew() -> None:
    restart = Restart("always", QUICK, attempts=3, within_seconds=100)
    stage = Stage(service(restart=restart))
    for _ in range(3):
        (task_id,) = stage.run()
        stage.status(task_id, "TASK_FAILED", message="no luck")
        stage.advance(5)
    assert not stage.core.wants_offers()
    explained = str(stage.core.explain("s", stage.now_ms))
    assert "TASK_FAILED (no luck); it is given up" in explained
    stage.step(events.RestartAsked("s"))
    (task_id,) = stage.run()
    stage.status(task_id, "TASK_FAILED")
    stage.advance(5)
    assert stage.core.wants_offers()


def test_failures_of_long_ago_do_not_count() -> None:
    restart = Restart("always", QUICK, attempts=2, within_seconds=10)
    stage = Stage(service(restart=restart))
    for _ in range(4):
        (task_id,) = stage.run()
        stage.status(task_id, "TASK_FAILED")
        stage.advance(15)
    assert stage.core.wants_offers()


def test_scaling_down_kills_the_last_slots_after_it_is_written() -> None:
    stage = Stage(service(count=3))
    ids = stage.run(3)
    stage.holds_writes = True
    stage.step(events.Scaled("s", 1))
    assert not stage.killed()
    stage.write()
    assert stage.killed() == ids[1:]
    stage.holds_writes = False
    for task_id in ids[1:]:
        stage.status(task_id, "TASK_KILLED")
    assert list(stage.records) == ["specs/s", f"instances/{ids[0]}"]


def test_kill_is_repeated_until_the_end_is_heard() -> None:
    stage = Stage(service())
    (task_id,) = stage.run()
    stage.step(events.Scaled("s", 0))
    assert stage.killed() == [task_id]
    assert stage.core.next_due_ms() == stage.now_ms + KILL_RETRY_MS
    stage.advance(KILL_RETRY_MS / 1000)
    assert stage.killed() == [task_id]
    stage.step(events.Disconnected())
    stage.step(events.Subscribed())
    assert stage.killed() == [task_id]
    stage.status(task_id, "TASK_KILLED")
    stage.advance(60)
    assert not stage.killed()


def test_scaled_service_that_is_declared_again_stays_scaled() -> None:
    stage = Stage(service(count=1))
    stage.step(events.Scaled("s", 2))
    stage.declare(service(count=1))
    assert stage.core.standings["s"].count == 2
    stage.declare(service(count=3))
    assert stage.core.standings["s"].count == 3


def test_restart_replaces_one_instance_after_the_other() -> None:
    stage = Stage(service(count=2))
    first, second = stage.run(2)
    stage.step(events.RestartAsked("s"))
    assert stage.killed() == [first]
    stage.status(first, "TASK_KILLED")
    stage.offers(offer("o9"))
    (third,) = stage.launched()
    assert not stage.killed(), "the new one does not run yet"
    stage.status(third, "TASK_RUNNING")
    assert stage.killed() == [second]


def test_restart_waits_for_health() -> None:
    check = HealthCheck(command="true")
    stage = Stage(service(count=2, health=check))
    first, second = stage.run(2)
    stage.status(second, "TASK_RUNNING", healthy=True)
    stage.status(first, "TASK_RUNNING", healthy=True)
    stage.step(events.RestartAsked("s"))
    assert stage.killed() == [first]
    stage.status(first, "TASK_KILLED")
    (third,) = stage.run()
    assert not stage.killed()
    stage.status(third, "TASK_RUNNING", healthy=True)
    assert stage.killed() == [second]


def test_changed_declaration_replaces_instances_and_the_same_does_not() -> None:
    stage = Stage(service())
    (first,) = stage.run()
    stage.declare(service())
    assert not stage.killed()
    stage.declare(service(environment={"A": "b"}))
    assert stage.killed() == [first]


def test_stopped_spec_is_forgotten_when_its_instances_have_ended() -> None:
    stage = Stage(service(count=2))
    first, second = stage.run(2)
    stage.step(events.StopAsked("s"))
    assert stage.killed() == [first, second]
    stage.status(first, "TASK_KILLED")
    assert "s" in stage.core.standings
    stage.status(second, "TASK_KILLED")
    assert not stage.records
    assert stage.core.is_done()


def test_unreachable_task_is_waited_for() -> None:
    stage = Stage(task())
    (task_id,) = stage.run()
    stage.status(task_id, "TASK_UNREACHABLE")
    stage.advance(1e6)
    assert not stage.core.wants_offers()
    stage.status(task_id, "TASK_RUNNING")
    stage.status(task_id, "TASK_FINISHED")
    assert stage.core.is_done()


def test_unreachable_service_is_replaced_and_killed_when_it_comes_back() -> None:
    stage = Stage(service(restart=Restart("always", unreachable_seconds=30)))
    (first,) = stage.run()
    stage.status(first, "TASK_UNREACHABLE")
    stage.advance(29)
    assert not stage.core.wants_offers()
    stage.advance(1)
    (second,) = stage.run(agent="a2")
    assert not stage.killed()
    stage.start()
    stage.step(events.Subscribed())
    assert list(stage.live_ids()) == [first, second]
    stage.status(first, "TASK_RUNNING")
    assert stage.killed() == [first]
    stage.status(first, "TASK_KILLED")
    assert list(stage.live_ids()) == [second]
    assert list(stage.records) == ["specs/s", f"instances/{second}"]


def test_unreachable_time_counts_from_when_the_master_says() -> None:
    stage = Stage(service(restart=Restart("always", unreachable_seconds=30)))
    (first,) = stage.run()
    said = status(first, "TASK_UNREACHABLE")
    said.unreachable_time.nanoseconds = (stage.now_ms - 40_000) * 1_000_000
    stage.step(events.StatusCame(said))
    assert stage.core.wants_offers()


def test_stopping_does_not_wait_for_what_is_unreachable() -> None:
    stage = Stage(service(restart=Restart("always")))
    (first,) = stage.run()
    stage.status(first, "TASK_UNREACHABLE")
    stage.step(events.StopAsked("s"))
    assert "s" not in stage.core.standings
    assert not stage.killed()
    stage.status(first, "TASK_RUNNING")
    assert stage.killed() == [first]
    stage.status(first, "TASK_KILLED")
    assert not stage.records


def test_unreachable_slot_that_is_scaled_away_and_back_is_waited_for_as_before() -> None:
    stage = Stage(service(restart=Restart("always")))
    (first,) = stage.run()
    stage.status(first, "TASK_UNREACHABLE")
    stage.step(events.Scaled("s", 0))
    stage.step(events.Scaled("s", 1))
    assert not stage.core.wants_offers()
    stage.status(first, "TASK_RUNNING")
    assert stage.killed() == [first]
    stage.status(first, "TASK_KILLED")
    assert stage.run() != [first]


def test_what_was_killed_by_our_own_will_is_no_failure() -> None:
    stage = Stage(service(restart=Restart("on_failure", QUICK, attempts=1)))
    (first,) = stage.run()
    stage.step(events.Scaled("s", 0))
    stage.step(events.Scaled("s", 1))
    stage.status(first, "TASK_KILLED")
    assert stage.core.wants_offers()


def test_task_that_nobody_knows_is_killed() -> None:
    stage = Stage()
    stage.status("s.0.0-1", "TASK_RUNNING", uuid=b"u", agent_id={"value": "a7"})
    assert stage.take(actions.Kill) == [actions.Kill("s.0.0-1", "a7")]
    assert stage.take(actions.Acknowledge)
    stage.status("s.0.0-1", "TASK_KILLED", uuid=b"v")
    stage.advance(60)
    assert not stage.killed()


def test_lost_instance_that_comes_back_is_killed() -> None:
    stage = Stage(service())
    (first,) = stage.run()
    stage.status(first, "TASK_UNKNOWN")
    stage.status(first, "TASK_RUNNING")
    assert stage.killed() == [first]


@pytest.mark.parametrize("heard", ["TASK_RUNNING", "TASK_GONE"])
def test_crash_between_write_and_launch_is_cleared_up_by_the_master(heard: str) -> None:
    stage = Stage(task())
    stage.holds_writes = True
    stage.offers(offer("o1"))
    stage.apply(stage.writes[0])
    stage.holds_writes = False
    stage.start()
    stage.step(events.Subscribed())
    stage.declare(task())
    assert list(stage.live_ids()) == ["t.0.1-1"]
    stage.offers(offer("o2"))
    assert not stage.launched(), "it may run"
    stage.status("t.0.1-1", heard)
    stage.advance(2)
    stage.offers(offer("o3"))
    assert stage.launched() == (["t.0.2-1"] if heard == "TASK_GONE" else [])


def test_removed_framework_has_lost_everything() -> None:
    stage = Stage(service(), task(restart="never"))
    stage.run(2)
    stage.step(events.FrameworkRemoved())
    assert not list(stage.live_ids())
    stage.advance(2)
    assert [one.split(".")[0] for one in stage.run()] == ["s"]


def test_unused_offers_are_declined_at_once() -> None:
    stage = Stage(service(resources={"cpus": 100}))
    stage.offers(offer("o1"), offer("o2", "a2"))
    assert stage.take(actions.Decline) == [actions.Decline(("o1", "o2"))]
    assert stage.core.wants_offers()


def test_offers_are_asked_for_when_there_is_new_work_and_not_again() -> None:
    stage = Stage(subscribed=False)
    stage.declare(service(resources={"cpus": 100}))
    assert not stage.take(actions.AskForOffers)
    stage.step(events.Subscribed())
    assert stage.take(actions.AskForOffers)
    stage.offers(offer("o1"))
    stage.advance(1)
    assert not stage.take(actions.AskForOffers)


def test_offers_are_asked_for_again_when_an_end_makes_room_for_others() -> None:
    stage = Stage(task(count=2, constraints=[max_per("zone", 1)]))
    (first,) = stage.run_in("a1", "zone:z")
    stage.offers(offer("o2", "a2", having="zone:z"))
    assert stage.take(actions.Decline)
    stage.take(actions.AskForOffers)
    stage.status(first, "TASK_FINISHED")
    assert stage.take(actions.AskForOffers), "a2 would not be offered for long"


def test_offers_are_asked_for_again_when_the_emptier_group_is_gone() -> None:
    stage = Stage(service(count=2, constraints=[group_by("zone")]))
    stage.offers(offer("o1", "a1", "cpus:1;mem:64", "zone:z1"), offer("o2", "a2", "", "zone:z2"))
    assert len(stage.launched()) == 1
    stage.offers(offer("o3", "a3", having="zone:z1"))
    assert stage.take(actions.Decline)
    stage.take(actions.AskForOffers)
    stage.step(events.AgentLost("a2"))
    assert stage.take(actions.AskForOffers)
    stage.offers(offer("o4", "a3", having="zone:z1"))
    assert len(stage.launched()) == 1


def test_offers_are_asked_for_again_when_there_is_a_group_more() -> None:
    stage = Stage(service(count=2, constraints=[group_by("zone", 2)]))
    stage.run_in("a1", "zone:z1")
    stage.offers(offer("o2", "a1", having="zone:z1"))
    stage.take(actions.AskForOffers)
    stage.offers(offer("o3", "a2", "", "zone:z2"))
    assert stage.take(actions.AskForOffers)


def test_kill_waits_for_its_own_reason_only() -> None:
    stage = Stage(service(count=2), task(count=2))
    ids = stage.run(4)
    stage.holds_writes = True
    stage.step(events.Scaled("s", 1))
    stage.status(ids[2], "TASK_FINISHED")
    assert len(stage.writes) == 2
    stage.write()
    assert stage.killed() == [ids[1]]
    stage.write()
    stage.status(ids[3], "TASK_FINISHED")
    stage.write()
    stage.step(events.Scaled("s", 2))
    assert stage.core.is_settled("t"), "what is being written is not about it"


def test_removed_framework_with_many_instances_is_written_in_parts() -> None:
    stage = Stage(task(count=500, resources={"cpus": 0.001}, restart="never"))
    ids = stage.run(500)
    stage.declare(task("u", count=500, resources={"cpus": 0.001}))
    stage.run(500)
    stage.holds_writes = True
    stage.step(events.FrameworkRemoved())
    assert [len(write.changes) for write in stage.writes] == [500, 500]
    stage.write()
    stage.start()
    assert all(one.end is not None for one in stage.core.instances("t"))
    assert sorted(stage.live_ids()) == sorted(one.task_id for one in stage.core.instances("u"))
    assert len(ids) == 500


def test_many_instances_are_written_in_parts() -> None:
    stage = Stage(task(count=510, resources={"cpus": 0.001}))
    stage.holds_writes = True
    stage.offers(offer("o1", "a1", "cpus:0.5"), offer("o2", "a2", "cpus:4"), offer("o3", "a3"))
    (write,) = stage.writes
    assert len(write.changes) == 500
    stage.holds_writes = False
    stage.write()
    assert len(stage.launched()) == 500
    assert stage.core.wants_offers()
    assert not stage.core.is_done()


def test_state_is_the_same_after_a_restart() -> None:
    stage = Stage(service(count=2, constraints=[]), task("a.b", restart="never"))
    ids = stage.run(3)
    stage.status(ids[0], "TASK_FAILED", message="m", data=b"\x00\xff")
    before = stage.instance().end
    stage.start()
    assert stage.instance().end == before
    state = State.of_records(stage.records)
    assert sorted(one.task_id for one in state.instances()) == sorted(ids)
    assert [state.find(one) is not None for one in [*ids, "s.0", "s.0.9-9", ""]] == [
        *[True] * 3,
        *[False] * 3,
    ]
