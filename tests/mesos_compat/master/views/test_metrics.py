"""All metrics of the master."""

from __future__ import annotations

import json

import pytest

from mesos_compat.master.events import Route
from mesos_compat.master.metrics import Metrics
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import MasterState, Operation, Subscriber, Task, UnreachableAgent
from mesos_compat.master.views.metrics import counter_names, snapshot
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.views.worlds import (
    SECOND_NS,
    add_task,
    empty_state,
    recorded_body,
    recorded_state,
    view,
)

# What the shell measures, and what comes of a history that the state alone does not show.
_MEASURED = ("system/", "registrar/state_", "allocator/mesos/allocation_run_")
_OF_ROLES = ("allocator/mesos/roles/", "allocator/mesos/quota/", "allocator/mesos/offer_filters/")


def recorded(section: str, case: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(recorded_body(section, case))
    return found


def only_framework_prefix(state: MasterState) -> str:
    (framework,) = state.frameworks.values()
    return f"master/frameworks/{framework.info.name}/{framework.framework_id}"


def test_every_metric_that_was_recorded_is_there() -> None:
    found = snapshot(view(recorded_state()))
    missing = [name for name in recorded("endpoints", "get-metrics_snapshot") if name not in found]
    assert not [name for name in missing if not name.startswith((*_MEASURED, *_OF_ROLES))]


def test_metrics_that_mesos_does_not_have_are_called_ours() -> None:
    names = recorded("endpoints", "get-metrics_snapshot")
    extra = [name for name in snapshot(view(recorded_state())) if name not in names]
    assert extra
    # Gpus have been added to the usual resources, so that they can be relied on.
    ours = ("mesozoic/", "allocator/mesos/resources/gpus/")
    assert not [name for name in extra if not name.startswith(ours)]


@pytest.mark.parametrize(
    "prefix", ["master/cpus_", "master/mem_", "master/disk_", "master/gpus_", "master/slaves_"]
)
def test_gauges_of_agents_and_resources_are_as_recorded(prefix: str) -> None:
    wanted = recorded("endpoints", "get-metrics_snapshot")
    found = snapshot(view(recorded_state()))
    for name in wanted:
        if name.startswith(prefix):
            assert found[name] == wanted[name], name


def test_a_master_that_does_not_lead_answers_as_recorded() -> None:
    state = empty_state()
    state.elected_ns, state.is_recovered = None, False
    found = snapshot(view(state))
    for name, value in recorded("ha", "nonleader-get-metrics_snapshot").items():
        if name.startswith(("master/", "registrar/")) and not name.startswith(
            ("master/uptime_secs", "master/event_queue_")
        ):
            assert found[name] == value, name
    assert "registrar/registry_size_bytes" not in found


def test_uptime_counts_from_the_start() -> None:
    seen = view(empty_state(), wall_ns=4 * SECOND_NS + SECOND_NS // 2)
    assert snapshot(seen)["master/uptime_secs"] == 3.5


def test_names_are_sorted_and_values_are_doubles() -> None:
    found = snapshot(view(recorded_state()))
    assert list(found) == sorted(found)
    assert {type(value) for value in found.values()} == {float}


def test_what_the_shell_measures_is_shown_as_it_is_given() -> None:
    measured = {"system/load_1min": 1.25, "registrar/state_store_ms": 3.0}
    found = snapshot(view(empty_state(), measured=measured))
    assert found.items() >= measured.items()


def test_agents_are_counted_by_what_they_are() -> None:
    state = recorded_state()
    first, second = state.agents.values()
    first.route = None
    second.is_deactivated = True
    state.unreachable_agents["S9"] = UnreachableAgent(unreachable_ns=1)
    found = snapshot(view(state))
    for name, count in {
        "connected": 1,
        "disconnected": 1,
        "active": 0,
        "inactive": 2,
        "unreachable": 1,
    }.items():
        assert found[f"master/slaves_{name}"] == count, name


def test_frameworks_and_streams_are_counted() -> None:
    state = recorded_state()
    (framework,) = state.frameworks.values()
    framework.route = None
    state.subscribers[Route(7)] = Subscriber(Route(7), None)
    found = snapshot(view(state))
    assert found["master/frameworks_connected"] == 0
    assert found["master/frameworks_disconnected"] == 1
    assert found["master/frameworks_active"] == 0
    assert found["master/frameworks_inactive"] == 1
    assert found["master/operator_event_stream_subscribers"] == 1
    assert found["master/outstanding_offers"] == 3
    assert found[f"{only_framework_prefix(state)}/subscribed"] == 0


def test_tasks_are_counted_by_the_state_that_they_are_in() -> None:
    state = recorded_state()
    (framework,) = state.frameworks.values()
    (running,) = framework.tasks.values()
    for task_id, task_state in (
        ("a", mesos_pb2.TASK_STAGING),
        ("b", mesos_pb2.TASK_STAGING),
        ("c", mesos_pb2.TASK_KILLING),
        ("d", mesos_pb2.TASK_FINISHED),
    ):
        message = mesos_pb2.Task()
        message.CopyFrom(running.message)
        message.task_id.value, message.state = task_id, task_state
        add_task(state, message)
    lost = mesos_pb2.Task()
    lost.CopyFrom(running.message)
    lost.state = mesos_pb2.TASK_UNREACHABLE
    framework.unreachable_tasks["u"] = Task(lost, Resources())

    found = snapshot(view(state))

    for name, count in {
        "staging": 2,
        "starting": 0,
        "running": 1,
        "killing": 1,
        "unreachable": 1,
    }.items():
        assert found[f"master/tasks_{name}"] == count, name
        key = f"{only_framework_prefix(state)}/tasks/active/task_{name}"
        assert found[key] == count, name
    # Tasks that have ended count where they have ended, not here.
    assert f"{only_framework_prefix(state)}/tasks/active/task_finished" not in found


def test_revocable_resources_are_counted_apart_and_shared_volumes_once() -> None:
    state = recorded_state()
    agent = next(agent for agent in state.agents.values() if not agent.used)
    spare = mesos_pb2.Resource(name="cpus", type=mesos_pb2.Value.SCALAR)
    spare.scalar.value = 2
    spare.revocable.SetInParent()
    volume = mesos_pb2.Resource(name="disk", type=mesos_pb2.Value.SCALAR)
    volume.scalar.value = 100
    volume.disk.persistence.id = "v"
    volume.disk.volume.mode = mesos_pb2.Volume.RW
    volume.disk.volume.container_path = "c"
    volume.shared.SetInParent()
    agent.total += Resources([spare])
    used = Resources([volume])
    agent.used = {"A": used, "B": used + Resources([spare])}

    found = snapshot(view(state))

    assert found["master/cpus_total"] == 8
    assert found["master/cpus_used"] == 0.5
    assert found["master/cpus_revocable_total"] == 2
    assert found["master/cpus_revocable_used"] == 2
    assert found["master/cpus_revocable_percent"] == 1
    assert found["master/disk_used"] == 100
    assert found["mesozoic/resource_allocation_ratio/cpus"] == 0.25


def test_operations_are_counted_while_they_are_under_way_and_when_they_have_ended() -> None:
    state = recorded_state()
    (agent, *_others) = state.agents.values()
    info = mesos_pb2.Offer.Operation(type=mesos_pb2.Offer.Operation.RESERVE)
    for uuid, status in (
        (b"1", mesos_pb2.OPERATION_PENDING),
        (b"2", mesos_pb2.OPERATION_FINISHED),
    ):
        message = mesos_pb2.Operation(
            info=info,
            latest_status=mesos_pb2.OperationStatus(state=status),
            uuid=mesos_pb2.UUID(value=uuid),
        )
        agent.operations[uuid] = Operation(message, None, agent.agent_id)
    counters = Metrics()
    # One is there still, waiting for its acknowledgement, and one is gone.
    for name in ("finished", "reserve/finished"):
        counters.count(f"operations/{name}", 2)

    found = snapshot(view(state, counters=counters))

    for name, count in {"pending": 1, "finished": 2, "total": 3}.items():
        assert found[f"master/operations/{name}"] == count
        assert found[f"master/operations/reserve/{name}"] == count
        assert found[f"master/operations/create/{name}"] == 0
    assert not [name for name in found if name.startswith("master/operations/launch")]


def test_a_framework_has_its_counters_and_suppressed_roles_below_its_encoded_name() -> None:
    state = recorded_state()
    (framework,) = state.frameworks.values()
    framework.info.name = "a/b c"
    framework.suppressed_roles["r1"] = None
    counters = Metrics()
    call = scheduler_pb2.Call(type=scheduler_pb2.Call.ACCEPT)
    counters.called(framework.framework_id, call)
    prefix = f"master/frameworks/a%2Fb%20c/{framework.framework_id}"

    found = snapshot(view(state, counters=counters))

    assert found[f"{prefix}/calls"] == 1
    assert found[f"{prefix}/calls/accept"] == 1
    assert found[f"{prefix}/roles/r1/suppressed"] == 1
    assert found[f"{prefix}/roles/*/suppressed"] == 0


def test_metrics_per_framework_can_be_switched_off() -> None:
    settings = MasterSettings(publish_per_framework_metrics=False)
    found = snapshot(view(recorded_state(), settings=settings))
    assert not [name for name in found if name.startswith("master/frameworks/")]


def test_only_what_never_shrinks_is_called_a_counter() -> None:
    state = recorded_state()
    seen = view(state)
    counters = counter_names(seen)
    prefix = only_framework_prefix(state)
    assert counters <= snapshot(seen).keys()
    for name in ("master/tasks_failed", "master/slave_removals/reason_unhealthy"):
        assert name in counters
    assert f"{prefix}/offers/sent" in counters
    for name in (
        "master/tasks_running",
        "master/cpus_used",
        f"{prefix}/subscribed",
        f"{prefix}/tasks/active/task_running",
        "master/uptime_secs",
        "master/operations/pending",
    ):
        assert name not in counters, name
