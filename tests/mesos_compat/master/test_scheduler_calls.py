"""Who may make a scheduler's call, in the order in which that is looked at."""

from __future__ import annotations

from mesos_compat.master import events as ev
from mesos_compat.wire.v1 import scheduler_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import Agent, Scheduler, framework_info

Call = scheduler_pb2.Call


def call(
    cluster: Cluster,
    framework_id: str,
    type_: scheduler_pb2.Call.Type = Call.REVIVE,
    *,
    principal: str | None = None,
    stream_id: str | None = None,
) -> tuple[int, str]:
    route = cluster.new_route()
    made = Call(type=type_)
    made.framework_id.value = framework_id
    cluster.step(ev.SchedulerCalled(route, made, principal, stream_id))
    return cluster.answers[route]


def test_the_framework_must_be_known() -> None:
    cluster = Cluster()
    assert call(cluster, "x") == (400, "Framework cannot be found")
    assert call(cluster, "x", Call.UNKNOWN) == (400, "Framework cannot be found")


def test_the_caller_must_be_the_frameworks_principal() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r", principal="p"))
    assert call(cluster, scheduler.framework_id, principal="q") == (
        400,
        "Authenticated principal 'q' does not match principal 'p' set in `FrameworkInfo`",
    )


def test_the_framework_must_be_subscribed() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.disconnect()
    assert call(cluster, scheduler.framework_id) == (403, "Framework is not subscribed")


def test_the_stream_must_be_named_and_be_the_right_one() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    framework_id = scheduler.framework_id
    assert call(cluster, framework_id) == (
        400,
        "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
    )
    assert call(cluster, framework_id, stream_id="x") == (
        400,
        "The stream ID 'x' included in this request didn't match the stream ID currently"
        f" associated with framework ID {framework_id}",
    )
    assert scheduler.stream is not None
    assert call(cluster, framework_id, stream_id=scheduler.stream.stream_id) == (202, "")


def test_a_call_without_a_type_is_not_implemented() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    assert scheduler.call(Call(type=Call.UNKNOWN)) == (501, "501 Not Implemented.")


def test_suppressed_roles_are_not_offered_until_they_are_revived() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.simple(Call.SUPPRESS)
    Agent(cluster)
    cluster.advance(10_000)
    assert not scheduler.offers
    scheduler.simple(Call.REVIVE, "r")
    assert scheduler.offers


def test_suppressing_does_not_take_offers_back() -> None:
    cluster = Cluster()
    Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.simple(Call.SUPPRESS, "r")
    assert scheduler.offers
    assert cluster.state.offers


def test_a_call_for_a_role_that_it_lacks_does_nothing_at_all() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r", "s"))
    scheduler.simple(Call.SUPPRESS, "r", "other")
    assert not cluster.state.frameworks[scheduler.framework_id].suppressed_roles
    scheduler.simple(Call.SUPPRESS)
    scheduler.simple(Call.REVIVE, "r", "other")
    Agent(cluster)
    assert not scheduler.offers
    assert list(cluster.state.frameworks[scheduler.framework_id].suppressed_roles) == ["r", "s"]


def test_what_schedulers_ask_for_is_counted() -> None:
    cluster = Cluster()
    scheduler = Scheduler(cluster, framework_info("r"))
    scheduler.simple(Call.SUPPRESS)
    scheduler.simple(Call.REVIVE)
    scheduler.simple(Call.REVIVE)
    assert scheduler.call(Call(type=Call.REQUEST)) == (202, "")
    metrics = cluster.core.metrics
    assert metrics.value("messages_suppress_offers") == 1
    assert metrics.value("messages_revive_offers") == 2
    assert metrics.value("messages_resource_request") == 1
    own = metrics.framework(scheduler.framework_id)
    assert own.calls["revive"] == 2
    assert own.events["subscribed"] == 1
