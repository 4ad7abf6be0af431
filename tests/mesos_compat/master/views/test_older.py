"""The older endpoints, against what a real master has answered."""

from __future__ import annotations

import json

import pytest

from mesos_compat.master.state import Machine
from mesos_compat.master.validation.maintenance import machine_key
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.master.views.older import ENDPOINTS
from mesos_compat.resources import Resources
from mesos_compat.wire import json_dialect
from mesos_compat.wire.v1 import maintenance_pb2, mesos_pb2, quota_pb2
from tests.mesos_compat.master.views.older_worlds import (
    busy_state,
    busy_view,
    hiding,
    one_line,
    recorded,
    text,
    told,
)
from tests.mesos_compat.master.views.worlds import empty_state, view

FRAMEWORK_ID = "f1162680-b536-4094-a500-7250125c02ed-0000"
AGENT_ID = "f1162680-b536-4094-a500-7250125c02ed-S1"
DOWN = mesos_pb2.MachineInfo(
    id=mesos_pb2.MachineID(hostname="h", ip="10.0.0.1"), mode=mesos_pb2.MachineInfo.DOWN
)


@pytest.mark.parametrize(
    ("case", "path", "query"),
    [
        ("get-frameworks", "/frameworks", {}),
        ("get-frameworks-one", "/frameworks", {"framework_id": FRAMEWORK_ID}),
        ("get-maintenance_schedule", "/maintenance/schedule", {}),
        ("get-roles", "/roles", {}),
        ("get-slaves", "/slaves", {}),
        ("get-slaves-one", "/slaves", {"slave_id": AGENT_ID}),
        ("get-state-summary", "/state-summary", {}),
        ("get-tasks", "/tasks", {}),
        ("get-tasks-one", "/tasks", {"task_id": "st1"}),
        ("get-tasks-limit", "/tasks", {"limit": "1", "offset": "1", "order": "asc"}),
        ("get-weights", "/weights", {}),
    ],
)
def test_a_busy_master_answers_as_recorded(case: str, path: str, query: dict[str, str]) -> None:
    assert text(told(busy_view(), path, **query)) == recorded("endpoints", case)


def test_state_is_told_as_recorded() -> None:
    assert text(told(busy_view(), "/state")) == recorded("endpoints", "get-state")


def test_flags_are_told_as_recorded_whatever_order_they_were_given_in() -> None:
    expected = recorded("endpoints", "get-flags")
    flags = dict(reversed(json.loads(expected)["flags"].items()))
    assert text(told(view(empty_state(), flags=flags), "/flags")) == expected


def test_flags_are_forbidden_to_who_may_not_view_them() -> None:
    seen = busy_view(hiding("view_flags", "flags"))
    assert ENDPOINTS["/flags"](seen, {}) == Refusal(403, "403 Forbidden.")  # type: ignore[arg-type]


# Roles, weights and quota.


def test_quotas_are_told_as_recorded_but_sorted() -> None:
    expected = json.loads(recorded("operator", "quota-get-after"))
    state = empty_state()
    for shown in expected["configs"]:
        config = json_dialect.from_value(shown, quota_pb2.QuotaConfig)
        state.quotas[config.role] = config

    answer = told(view(state), "/quota")

    for member in ("infos", "configs"):
        # The order of maps and of roles is that of hash tables there.
        in_order = sorted(expected[member], key=lambda one: str(one["role"]))
        assert answer[member] == in_order
        assert [list(one) for one in answer[member]] == [list(one) for one in in_order]


def test_quota_of_a_role_is_told_only_to_who_may_see_it() -> None:
    seen = busy_view(hiding("get_quotas", "roles", "q1"))
    assert told(seen, "/quota") == {"infos": [{"role": "q1"}], "configs": [{"role": "q1"}]}


def test_limits_and_reservations_of_a_role_are_told() -> None:
    state = busy_state()
    state.quotas["q1"].limits["cpus"].value = 0.0
    state.quotas["q1"].limits["mem"].value = 64.5
    agent = next(iter(state.agents.values()))
    agent.total += Resources.parse("cpus(q1/a):1.5;ports(q1/a):[1-3]")

    shown = {role["name"]: role for role in told(busy_view(state=state), "/roles")["roles"]}

    assert text(shown["q1"]["quota"]) == one_line(
        """{"role": "q1", "guarantee": {}, "limit": {"cpus": 0.0, "mem": 64.5},
            "consumed": {"cpus": 1.5, "ports": 3.0}}"""
    )
    assert shown["q1"]["reserved"] == shown["q1/a"]["reserved"] == {"cpus": 1.5, "ports": 3.0}


def test_roles_and_weights_are_told_only_to_who_may_see_them() -> None:
    seen = busy_view(hiding("view_roles", "roles", "q1"))
    assert [role["name"] for role in told(seen, "/roles")["roles"]] == ["q1"]
    assert told(seen, "/weights") == []


# Maintenance.


def test_maintenance_schedule_is_told_as_recorded_with_sorted_members() -> None:
    expected = recorded("maintenance", "schedule-get")
    state = empty_state()
    state.schedule = json_dialect.loads(expected, maintenance_pb2.Schedule)
    assert text(told(view(state), "/maintenance/schedule")) == expected


def test_maintenance_status_is_told_as_recorded_while_machines_are_down() -> None:
    expected = recorded("maintenance", "status-down")
    state = empty_state()
    for machine_id in json_dialect.loads(expected, maintenance_pb2.ClusterStatus).down_machines:
        info = mesos_pb2.MachineInfo(id=machine_id, mode=mesos_pb2.MachineInfo.DOWN)
        state.machines[machine_key(machine_id)] = Machine(info)
    assert text(told(view(state), "/maintenance/status")) == expected


def test_maintenance_status_is_told_as_recorded_while_machines_are_drained() -> None:
    expected = recorded("maintenance", "status-after-accept")
    (draining,) = json_dialect.loads(expected, maintenance_pb2.ClusterStatus).draining_machines
    (answer,) = draining.statuses
    state = empty_state()
    info = mesos_pb2.MachineInfo(id=draining.id, mode=mesos_pb2.MachineInfo.DRAINING)
    state.machines[machine_key(draining.id)] = Machine(info, {"S0": None})
    seen = view(state)
    seen.allocator.inverse_offer_statuses = (  # type: ignore[method-assign]
        lambda: {"S0": {answer.framework_id.value: answer}}
    )
    assert text(told(seen, "/maintenance/status")) == expected


def test_maintenance_is_told_only_to_who_may_see_it() -> None:
    state = empty_state()
    expected = recorded("maintenance", "schedule-get")
    state.schedule = json_dialect.loads(expected, maintenance_pb2.Schedule)
    state.machines[machine_key(DOWN.id)] = Machine(DOWN)
    hidden = view(state, acls=hiding("get_maintenance_schedules", "machines"))
    assert told(hidden, "/maintenance/schedule") == {}
    assert told(hidden, "/maintenance/status") != {}
    hidden = view(state, acls=hiding("get_maintenance_statuses", "machines"))
    assert told(hidden, "/maintenance/schedule") != {}
    assert told(hidden, "/maintenance/status") == {}
