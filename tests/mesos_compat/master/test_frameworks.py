"""Frameworks that subscribe, fail over, disconnect, change and end."""

from __future__ import annotations

import pytest

from mesos_compat.master.settings import MasterSettings
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import Agent, Capability, Operator, Scheduler, framework_info
from tests.mesos_compat.master.validation import recorded

Event = scheduler_pb2.Event
Call = scheduler_pb2.Call


def error_of(scheduler: Scheduler) -> str:
    """The one thing that a scheduler was told is an ERROR; its text."""
    (event,) = scheduler.told()
    assert event.type == Event.ERROR
    assert scheduler.stream is not None
    assert scheduler.stream.is_closed
    return event.error.message


# SUBSCRIBE.


def test_a_new_framework_gets_an_id_and_a_heartbeat_at_once() -> None:
    cluster = Cluster()
    first, second = (Scheduler(cluster, framework_info("r")) for _ in range(2))
    assert (first.framework_id, second.framework_id) == ("M-0000", "M-0001")
    (event,) = first.told()
    expected = recorded.event("scheduler", "subscribed")
    assert event.subscribed.heartbeat_interval_seconds == 15.0
    assert event.type == expected.type
    assert event.subscribed.master_info.id == "M"
    assert first.heartbeats == 1


def test_heartbeats_come_every_15_seconds_whatever_else_is_said() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    cluster.advance(14_000)
    Agent(cluster)
    assert scheduler.heartbeats == 1
    cluster.advance(1_000)
    assert scheduler.heartbeats == 2
    cluster.advance(30_000)
    assert scheduler.heartbeats == 4


def test_a_framework_may_bring_an_id_that_no_master_has_seen() -> None:
    cluster = Cluster()
    info = framework_info("r")
    info.id.value = "chosen"
    scheduler = Scheduler(cluster, info)
    assert scheduler.heard() == ["SUBSCRIBED"]
    assert list(cluster.state.frameworks) == ["chosen"]


def test_the_ids_of_new_frameworks_are_those_of_nobody_else() -> None:
    cluster = Cluster()
    info = framework_info("r")
    info.id.value = "M-0000"
    Scheduler(cluster, info)
    assert Scheduler(cluster, framework_info("r")).framework_id == "M-0001"


@pytest.mark.parametrize(
    ("info", "why"),
    [
        (
            mesos_pb2.FrameworkInfo(
                user="u",
                name="n",
                role="r",
                capabilities=[mesos_pb2.FrameworkInfo.Capability(type=Capability.MULTI_ROLE)],
            ),
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable",
        ),
        (
            mesos_pb2.FrameworkInfo(user="u", name="n", id=mesos_pb2.FrameworkID(value="a/b")),
            "'a/b' contains invalid characters",
        ),
        (
            mesos_pb2.FrameworkInfo(user="u", name="n", failover_timeout=1e300),
            "The framework failover_timeout (1e+300) is invalid",
        ),
    ],
)
def test_a_bad_framework_gets_an_error_and_the_end_of_its_stream(
    info: mesos_pb2.FrameworkInfo, why: str
) -> None:
    cluster = Cluster()
    assert error_of(Scheduler(cluster, info)) == why
    assert not cluster.state.frameworks


def test_a_suppressed_role_must_be_one_of_the_frameworks_own() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"), subscribes=False)
    scheduler.subscribe(suppressed_roles=["r2"])
    assert error_of(scheduler) == ("Suppressed role 'r2' is not contained in the list of roles")


def test_root_may_be_kept_from_subscribing() -> None:
    cluster = Cluster(MasterSettings(root_submissions=False))
    info = framework_info("r")
    info.user = "root"
    assert error_of(Scheduler(cluster, info)) == (
        "User 'root' is not allowed to run frameworks without --root_submissions set"
    )


def test_who_is_authenticated_need_not_say_its_principal() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"), subscribes=False)
    scheduler.subscribe(principal="p")
    assert cluster.state.frameworks[scheduler.framework_id].principal == "p"


def test_a_framework_without_authorization_gets_an_error() -> None:
    acls = '{"register_frameworks":[{"principals":{"type":"ANY"},"roles":{"values":["ok"]}}],' + (
        '"permissive":false}'
    )
    cluster = Cluster(acls=acls)
    assert Scheduler(cluster, framework_info("ok")).heard() == ["SUBSCRIBED"]
    assert "ot authorized" in error_of(Scheduler(cluster, framework_info("r")))


# Subscribing again.


def test_a_new_instance_takes_over_and_the_old_one_is_told() -> None:
    cluster = Cluster()
    agent, old = Agent(cluster), Scheduler(cluster, framework_info("r"))
    task = old.launch("t")
    old.told()
    new = Scheduler(cluster, old.info)
    assert error_of(old) == "Framework failed over"
    # What was offered to the old one is offered anew, and not rescinded.
    cluster.advance(1_000)
    assert new.heard() == ["SUBSCRIBED", "OFFERS"]
    assert new.framework_id == old.framework_id
    assert list(agent.tasks) == [task]
    agent.update(task, mesos_pb2.TASK_RUNNING)
    assert [status.state for status in new.statuses()] == [mesos_pb2.TASK_RUNNING]
    assert not old.told()


def test_the_old_instance_may_not_call_any_more() -> None:
    cluster = Cluster()
    old = Scheduler(cluster, framework_info("r"))
    new = Scheduler(cluster, old.info)
    assert old.stream is not None
    assert old.call(Call(type=Call.REVIVE)) == (
        400,
        f"The stream ID '{old.stream.stream_id}' included in this request didn't match the stream"
        f" ID currently associated with framework ID {new.framework_id}",
    )


def test_the_end_of_the_old_stream_does_not_concern_the_new_instance() -> None:
    cluster = Cluster()
    old = Scheduler(cluster, framework_info("r", failover_timeout=0))
    new = Scheduler(cluster, old.info)
    old.disconnect()
    assert cluster.state.frameworks[new.framework_id].is_connected


def test_a_framework_that_is_back_in_time_keeps_its_tasks() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r", failover_timeout=10))
    task = scheduler.launch("t")
    scheduler.disconnect()
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert not framework.offers
    cluster.advance(9_000)
    scheduler.subscribe()
    assert scheduler.heard() == ["SUBSCRIBED", "OFFERS"]
    cluster.advance(60_000)
    assert list(framework.tasks) == ["t"]
    assert list(agent.tasks) == [task]


def test_what_comes_while_a_framework_is_away_is_lost() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    task = scheduler.launch("t")
    scheduler.disconnect()
    agent.update(task, mesos_pb2.TASK_RUNNING)
    scheduler.subscribe()
    assert not scheduler.statuses()
    # It asks, then.
    assert [one.state for one in scheduler.reconcile(("t", None))] == [mesos_pb2.TASK_RUNNING]


def test_a_framework_that_is_not_back_in_time_is_ended() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r", failover_timeout=10))
    scheduler.launch("t")
    agent.told()
    scheduler.disconnect()
    cluster.advance(10_000)
    assert agent.heard() == ["SHUTDOWN_FRAMEWORK"]
    assert not cluster.state.frameworks
    scheduler.subscribe()
    assert error_of(scheduler) == "Framework has been removed"


@pytest.mark.parametrize("failover_timeout", [0, -1])
def test_without_a_failover_timeout_a_framework_ends_with_its_stream(
    failover_timeout: float,
) -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r", failover_timeout=failover_timeout))
    scheduler.disconnect()
    assert not cluster.state.frameworks
    assert list(cluster.state.completed_frameworks) == [scheduler.framework_id]


def test_user_and_checkpoint_stay_as_they_were() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.info.user, scheduler.info.checkpoint = "other", False
    scheduler.info.name, scheduler.info.failover_timeout = "renamed", 7
    scheduler.subscribe()
    info = cluster.state.frameworks[scheduler.framework_id].info
    assert (info.user, info.checkpoint) == ("user", True)
    assert (info.name, info.failover_timeout) == ("renamed", 7)


def test_a_principal_may_not_change() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r", principal="p"))
    scheduler.info.principal = "q"
    scheduler.subscribe()
    assert error_of(scheduler) == "Changing framework's principal is not allowed."


def test_agents_hear_of_a_framework_that_is_back_changed() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    idle = Agent(cluster, "agent1")
    scheduler.launch("t")
    runs = agent if agent.tasks else idle
    agent.told(), idle.told()
    scheduler.info.name = "renamed"
    scheduler.subscribe()
    (event,) = runs.told()
    assert event.type == link_pb2.Event.UPDATE_FRAMEWORK
    assert event.update_framework.framework.name == "renamed"
    assert not (idle if runs is agent else agent).told()


# The end.


def test_teardown_ends_tasks_without_a_word_and_closes_the_stream() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r"))
    other = Scheduler(cluster, framework_info("s"))
    scheduler.launch("t")
    scheduler.told(), agent.told()
    scheduler.simple(Call.TEARDOWN)
    assert not scheduler.told()
    assert scheduler.stream is not None
    assert scheduler.stream.is_closed
    (event,) = agent.told()
    assert event.shutdown_framework.framework_id.value == scheduler.framework_id
    completed = cluster.state.completed_frameworks[scheduler.framework_id]
    (task,) = completed.completed_tasks
    assert task.state == mesos_pb2.TASK_KILLED
    assert task.statuses[-1].reason == mesos_pb2.TaskStatus.REASON_FRAMEWORK_REMOVED
    assert task.statuses[-1].message == f"Framework {scheduler.framework_id} removed"
    # All that it had is free again.
    cluster.advance(1_000)
    (offer,) = other.offers.values()
    assert offer.resources[1].scalar.value == 4


def test_an_operator_may_tear_a_framework_down() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    call = master_pb2.Call(type=master_pb2.Call.TEARDOWN)
    call.teardown.framework_id.value = scheduler.framework_id
    assert cluster.operate(call) == (200, "")
    assert not cluster.state.frameworks
    assert cluster.operate(call) == (400, "No framework found with specified ID")


def test_an_operator_may_be_kept_from_tearing_down() -> None:
    acls = (
        '{"teardown_frameworks":['
        '{"principals":{"values":["ops"]},"framework_principals":{"type":"ANY"}},'
        '{"principals":{"type":"ANY"},"framework_principals":{"type":"NONE"}}]}'
    )
    cluster = Cluster(acls=acls)
    scheduler = Scheduler(cluster, framework_info("r", principal="p"))
    call = master_pb2.Call(type=master_pb2.Call.TEARDOWN)
    call.teardown.framework_id.value = scheduler.framework_id
    assert cluster.operate(call, "dev") == (403, "403 Forbidden.")
    assert cluster.state.frameworks
    assert cluster.operate(call, "ops") == (200, "")


def test_only_so_many_completed_frameworks_are_remembered() -> None:
    cluster = Cluster(MasterSettings(max_completed_frameworks=2))
    schedulers = [Scheduler(cluster, framework_info("r")) for _ in range(3)]
    for scheduler in schedulers:
        scheduler.simple(Call.TEARDOWN)
    assert list(cluster.state.completed_frameworks) == [
        scheduler.framework_id for scheduler in schedulers[1:]
    ]
    # The first is forgotten, and so it may come back.
    schedulers[0].subscribe()
    assert schedulers[0].heard() == ["SUBSCRIBED"]


# UPDATE_FRAMEWORK.


def update(scheduler: Scheduler, *, suppressed: tuple[str, ...] = ()) -> tuple[int, str]:
    call = Call(type=Call.UPDATE_FRAMEWORK)
    call.update_framework.framework_info.CopyFrom(scheduler.info)
    call.update_framework.suppressed_roles.extend(suppressed)
    return scheduler.call(call)


def test_roles_may_be_left_with_the_offers_made_for_them() -> None:
    cluster = Cluster()
    agent, scheduler = Agent(cluster), Scheduler(cluster, framework_info("r", "s"))
    watcher = Operator(cluster)
    scheduler.launch("t")
    cluster.advance(1_000)
    (offer,) = scheduler.offers.values()
    scheduler.told(), agent.told(), watcher.told()
    del scheduler.info.roles[:]
    scheduler.info.roles.append("s" if offer.allocation_info.role == "r" else "r")
    assert update(scheduler) == (200, "")
    cluster.advance(1_000)
    assert scheduler.heard() == ["RESCIND", "OFFERS"]
    assert watcher.heard() == ["FRAMEWORK_UPDATED"]
    assert agent.heard() == ["UPDATE_FRAMEWORK"]
    roles = [one.allocation_info.role for one in scheduler.offers.values()]
    assert roles == list(scheduler.info.roles)


def test_a_framework_may_suppress_roles_with_its_update() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    assert update(scheduler, suppressed=("r",)) == (200, "")
    Agent(cluster)
    assert not scheduler.offers
    assert update(scheduler) == (200, "")
    cluster.advance(1_000)
    assert scheduler.offers


def test_what_may_not_be_updated_is_refused_with_a_reason() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.info.user = "other"
    assert update(scheduler) == (
        400,
        "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported;"
        " attempted to update from 'user' to 'other'",
    )
    scheduler.info.user = "user"
    scheduler.info.roles.append("-r")
    assert update(scheduler) == (
        400,
        "Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains invalid role: Role"
        " component '-r' is invalid because it starts with a dash",
    )
    del scheduler.info.roles[1:]
    assert update(scheduler, suppressed=("s",))[0] == 400
    assert list(cluster.state.frameworks[scheduler.framework_id].info.roles) == ["r"]


def test_a_framework_may_not_take_a_role_that_it_may_not_have() -> None:
    acls = '{"register_frameworks":[{"principals":{"type":"ANY"},"roles":{"values":["ok"]}}],' + (
        '"permissive":false}'
    )
    cluster = Cluster(acls=acls)
    scheduler = Scheduler(cluster, framework_info("ok"))
    scheduler.info.roles.append("r")
    assert update(scheduler)[0] == 403
