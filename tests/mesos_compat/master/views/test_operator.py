"""The read calls of the operator API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesos_compat.master.state import Machine, MasterState, Operation, RecoveredAgent
from mesos_compat.master.validation.maintenance import machine_key
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.master.views.operator import ANSWERS
from mesos_compat.master.views.view import View
from mesos_compat.resources import Resources
from mesos_compat.wire import json_dialect
from mesos_compat.wire.v1 import allocator_pb2, maintenance_pb2, master_pb2, mesos_pb2, quota_pb2
from tests.mesos_compat.master.views.worlds import (
    SECOND_NS,
    empty_state,
    recorded_body,
    recorded_response,
    recorded_state,
    view,
)

Call = master_pb2.Call
Response = master_pb2.Response


TYPES = {Call.Type.Name(one): one for one in ANSWERS}


def ask(type_name: str, seen: View) -> master_pb2.Response:
    found = ANSWERS[TYPES[type_name]](seen, Call(type=TYPES[type_name]))
    assert isinstance(found, Response), found
    assert Response.Type.Name(found.type) == type_name
    return found


def comparable(text: str) -> str:
    """JSON text with sums of resources in one order: Mesos's depends on its hash tables.

    Without a field of agents' infos that Mesos prints although its v1 API has none of that name.
    """

    def sort(value: Any) -> Any:
        if isinstance(value, list):
            return [sort(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            name: sorted(map(sort, inner), key=json.dumps)
            if name in ("allocated_resources", "offered_resources")
            else sort(inner)
            for name, inner in value.items()
            if not (name == "checkpoint" and "hostname" in value and "user" not in value)
        }

    return json.dumps(sort(json.loads(text)))


def assert_recorded(seen: View, section: str, case: str, type_name: str) -> None:
    """The answer is the recorded one, with its fields in the same order."""
    answer = json_dialect.dumps(ask(type_name, seen))
    assert comparable(answer) == comparable(recorded_body(section, case))


@pytest.mark.parametrize(
    "case",
    [
        "get_state",
        "get_agents",
        "get_frameworks",
        "get_executors",
        "get_tasks",
        "get_operations",
        "get_health",
        "get_quota",
        "get_weights",
        "get_roles",
    ],
)
def test_a_busy_master_answers_as_recorded(case: str) -> None:
    assert_recorded(view(recorded_state()), "operator", case, case.upper())


def test_tasks_of_frameworks_on_a_lost_agent_are_shown_as_recorded() -> None:
    case = ("agent-loss", "get_state-unreachable")
    assert_recorded(view(recorded_state(*case)), *case, "GET_STATE")


def test_reservations_and_volumes_are_shown_in_both_formats() -> None:
    recorded = recorded_response("operator", "get_agents-with-volume").get_agents
    state = recorded_state()
    reserved = recorded.agents[0].total_resources
    agent = state.agents[recorded.agents[0].agent_info.id.value]
    posted = [mesos_pb2.Resource.FromString(one.SerializeToString()) for one in reserved]
    for one in posted:
        one.ClearField("role")
        one.ClearField("reservation")
    agent.total = Resources(posted)

    (shown,) = [
        one
        for one in ask("GET_AGENTS", view(state)).get_agents.agents
        if one.agent_info.id.value == agent.agent_id
    ]

    assert list(shown.total_resources) == list(reserved)


def test_recovered_agents_are_listed_apart() -> None:
    state = empty_state()
    info = mesos_pb2.AgentInfo(hostname="h", id=mesos_pb2.AgentID(value="S0"))
    state.recovered_agents["S0"] = RecoveredAgent(info)
    found = ask("GET_AGENTS", view(state)).get_agents
    assert list(found.recovered_agents) == [info]
    assert not found.agents


def test_flags_are_answered_as_recorded_whatever_order_they_were_given_in() -> None:
    recorded = recorded_response("operator", "get_flags").get_flags.flags
    flags = {one.name: one.value for one in reversed(recorded)}
    assert_recorded(view(empty_state(), flags=flags), "operator", "get_flags", "GET_FLAGS")


def test_flags_are_forbidden_to_who_may_not_view_them() -> None:
    acls = '{"view_flags": [{"principals": {"values": ["ops"]}, "flags": {"type": "NONE"}}]}'
    call = Call(type=Call.GET_FLAGS)
    found = ANSWERS[Call.GET_FLAGS](view(empty_state(), acls=acls), call)
    assert found == Refusal(403, "403 Forbidden.")  # type: ignore[arg-type]


def test_version_is_answered_as_recorded() -> None:
    version = recorded_response("operator", "get_version").get_version.version_info
    assert_recorded(view(empty_state(), version=version), "operator", "get_version", "GET_VERSION")


def test_master_is_answered_as_recorded() -> None:
    recorded = recorded_response("operator", "get_master").get_master
    info = mesos_pb2.MasterInfo()
    info.CopyFrom(recorded.master_info)
    state = MasterState(
        info, started_ns=1_795_347_193_232_877_056, elected_ns=1_795_347_193_234_349_056
    )
    found = ask("GET_MASTER", view(state)).get_master
    assert found.master_info == recorded.master_info
    assert found.start_time == pytest.approx(recorded.start_time, abs=1e-6)
    assert found.elected_time == pytest.approx(recorded.elected_time, abs=1e-6)


def test_a_master_that_was_not_elected_has_no_time_of_it() -> None:
    state = empty_state()
    state.elected_ns = None
    assert not ask("GET_MASTER", view(state)).get_master.HasField("elected_time")


def test_weights_that_were_set_are_answered_as_recorded() -> None:
    state = empty_state()
    state.weights["r1"] = 2.5
    assert_recorded(view(state), "operator", "get_weights-after", "GET_WEIGHTS")


# Quota.


def quota(role: str, guarantees: dict[str, float], limits: dict[str, float]) -> MasterState:
    state = empty_state()
    add_quota(state, role, guarantees, limits)
    return state


def add_quota(
    state: MasterState, role: str, guarantees: dict[str, float], limits: dict[str, float]
) -> None:
    config = quota_pb2.QuotaConfig(role=role)
    for name, value in guarantees.items():
        config.guarantees[name].value = value
    for name, value in limits.items():
        config.limits[name].value = value
    state.quotas[role] = config


def test_quota_is_answered_as_recorded_in_both_forms() -> None:
    state = quota("q1", {"mem": 128.0, "cpus": 1.0}, {"mem": 256.0, "cpus": 2.0})
    assert ask("GET_QUOTA", view(state)) == recorded_response("operator", "get_quota-after")


def test_roles_whose_quota_was_taken_back_stay_listed_as_recorded() -> None:
    state = quota("*", {"cpus": 2.0}, {})
    add_quota(state, "q2", {}, {})
    add_quota(state, "q1", {}, {})
    recorded = recorded_response("operator", "get_quota-reset").get_quota.status
    found = ask("GET_QUOTA", view(state)).get_quota.status
    assert sorted(map(str, found.infos)) == sorted(map(str, recorded.infos))
    assert sorted(map(str, found.configs)) == sorted(map(str, recorded.configs))


def test_roles_with_quota_and_weight_are_answered_as_recorded() -> None:
    state = recorded_state()
    add_quota(state, "q1", {"cpus": 1.0}, {})
    state.weights["r1"] = 3.0
    # The recorded master had offered nothing just then.
    for framework in state.frameworks.values():
        framework.offers.clear()
    assert_recorded(view(state), "operator", "get_roles-after-quota", "GET_ROLES")


def test_quota_of_roles_that_may_not_be_asked_about_is_left_out() -> None:
    state = quota("mine", {"cpus": 1.0}, {})
    add_quota(state, "theirs", {"cpus": 1.0}, {})
    acls = """{"get_quotas": [
        {"principals": {"values": ["ops"]}, "roles": {"values": ["mine"]}},
        {"principals": {"type": "ANY"}, "roles": {"type": "NONE"}}]}"""
    found = ask("GET_QUOTA", view(state, acls=acls)).get_quota.status
    assert [one.role for one in found.configs] == ["mine"]
    assert [one.role for one in found.infos] == ["mine"]


# Maintenance.

MACHINE = mesos_pb2.MachineID(hostname="agent0", ip="127.0.0.1")


def under_maintenance(mode: mesos_pb2.MachineInfo.Mode) -> MasterState:
    state = empty_state()
    info = mesos_pb2.MachineInfo(id=MACHINE, mode=mode)
    state.machines[machine_key(MACHINE)] = Machine(info, {"S0": None})
    return state


def test_the_schedule_is_answered_as_recorded() -> None:
    recorded = recorded_response("maintenance", "get_maintenance_schedule")
    state = empty_state()
    state.schedule = recorded.get_maintenance_schedule.schedule
    assert_recorded(
        view(state), "maintenance", "get_maintenance_schedule", "GET_MAINTENANCE_SCHEDULE"
    )


def test_without_a_schedule_the_answer_is_as_recorded() -> None:
    assert_recorded(
        view(empty_state()), "operator", "get_maintenance_schedule", "GET_MAINTENANCE_SCHEDULE"
    )


def test_a_machine_that_is_down_is_answered_as_recorded() -> None:
    state = under_maintenance(mesos_pb2.MachineInfo.DOWN)
    assert_recorded(view(state), "maintenance", "get_maintenance_status", "GET_MAINTENANCE_STATUS")


def test_machines_that_are_up_are_not_in_the_status() -> None:
    state = under_maintenance(mesos_pb2.MachineInfo.UP)
    assert_recorded(view(state), "operator", "get_maintenance_status", "GET_MAINTENANCE_STATUS")


def test_what_frameworks_say_to_draining_is_answered_as_recorded() -> None:
    recorded = recorded_response("maintenance", "get_maintenance_status-after-accept")
    (accepted,) = recorded.get_maintenance_status.status.draining_machines[0].statuses
    seen = view(under_maintenance(mesos_pb2.MachineInfo.DRAINING))
    accept_inverse_offer(seen, accepted)

    found = ask("GET_MAINTENANCE_STATUS", seen)

    assert found == recorded


def accept_inverse_offer(seen: View, accepted: allocator_pb2.InverseOfferStatus) -> None:
    framework_id = accepted.framework_id.value
    info = mesos_pb2.FrameworkInfo(user="u", name="n", roles=["*"])
    info.id.value = framework_id
    info.capabilities.add(type=mesos_pb2.FrameworkInfo.Capability.MULTI_ROLE)
    unavailability = mesos_pb2.Unavailability(start=mesos_pb2.TimeInfo(nanoseconds=1))
    cpus = Resources.parse("cpus:1;mem:32")
    seen.allocator.add_framework(
        framework_id,
        info,
        used={},
        active=True,
        suppressed_roles=(),
        offer_constraints=None,
        now_ms=0,
    )
    seen.allocator.add_agent(
        "S0",
        mesos_pb2.AgentInfo(hostname="agent0", id=mesos_pb2.AgentID(value="S0")),
        capabilities=(
            mesos_pb2.AgentInfo.Capability(type=mesos_pb2.AgentInfo.Capability.MULTI_ROLE),
        ),
        unavailability=unavailability,
        total=cpus,
        used={framework_id: cpus.allocate("*")},
        now_ms=0,
    )
    assert seen.allocator.allocate(0).inverse_offers
    seen.allocator.update_inverse_offer("S0", framework_id, None, accepted, None, 0)


def test_maintenance_is_empty_to_who_may_not_see_it() -> None:
    state = under_maintenance(mesos_pb2.MachineInfo.DOWN)
    state.schedule = maintenance_pb2.Schedule()
    window = state.schedule.windows.add(machine_ids=[MACHINE])
    window.unavailability.start.nanoseconds = SECOND_NS
    nobody = '[{"principals": {"type": "ANY"}, "machines": {"type": "NONE"}}]'
    acls = f'{{"get_maintenance_schedules": {nobody}, "get_maintenance_statuses": {nobody}}}'
    seen = view(state, acls=acls)
    assert not ask("GET_MAINTENANCE_STATUS", seen).get_maintenance_status.status.down_machines
    assert not ask("GET_MAINTENANCE_SCHEDULE", seen).get_maintenance_schedule.schedule.windows


# Operations.


def reserved_state(role: str) -> tuple[MasterState, Operation]:
    state = recorded_state()
    (agent, *_others) = state.agents.values()
    info = mesos_pb2.Offer.Operation(type=mesos_pb2.Offer.Operation.RESERVE)
    resource = info.reserve.resources.add(name="cpus", type=mesos_pb2.Value.SCALAR)
    resource.scalar.value = 1
    resource.reservations.add(type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role="outer")
    resource.reservations.add(type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role=role)
    message = mesos_pb2.Operation(
        info=info,
        latest_status=mesos_pb2.OperationStatus(state=mesos_pb2.OPERATION_PENDING),
        uuid=mesos_pb2.UUID(value=b"u" * 16),
    )
    operation = Operation(message, None, agent.agent_id)
    agent.operations[operation.uuid] = operation
    return state, operation


def test_operations_on_agents_are_shown() -> None:
    state, operation = reserved_state("outer/inner")
    found = ask("GET_OPERATIONS", view(state)).get_operations
    assert list(found.operations) == [operation.message]


@pytest.mark.parametrize(("allowed", "count"), [("outer", 1), ("inner", 0)])
def test_operations_are_hidden_from_who_may_not_see_what_they_are_done_to(
    allowed: str, count: int
) -> None:
    # To reserve in a role below takes what the role above had.
    state, _operation = reserved_state("outer/inner")
    acls = f"""{{"view_roles": [
        {{"principals": {{"values": ["ops"]}}, "roles": {{"values": ["{allowed}"]}}}},
        {{"principals": {{"type": "ANY"}}, "roles": {{"type": "NONE"}}}}]}}"""
    found = ask("GET_OPERATIONS", view(state, acls=acls)).get_operations
    assert len(found.operations) == count


def test_an_operation_of_unknown_kind_is_shown_to_nobody() -> None:
    state, operation = reserved_state("r")
    operation.message.info.Clear()
    operation.message.info.type = mesos_pb2.Offer.Operation.CREATE_DISK
    assert not ask("GET_OPERATIONS", view(state)).get_operations.operations


# What is hidden.


def hiding(action: str, member: str, value: str) -> str:
    return f"""{{"{action}": [
        {{"principals": {{"type": "ANY"}}, "{member}": {{"values": ["{value}"]}}}},
        {{"principals": {{"type": "ANY"}}, "{member}": {{"type": "NONE"}}}}]}}"""


def test_who_may_not_see_a_framework_sees_nothing_of_it() -> None:
    acls = hiding("view_frameworks", "users", "somebody")
    state = ask("GET_STATE", view(recorded_state(), acls=acls)).get_state
    assert not state.get_frameworks.frameworks
    assert not state.get_tasks.tasks
    assert not state.get_tasks.completed_tasks
    assert len(state.get_agents.agents) == 2


def test_who_may_not_see_tasks_sees_their_framework_still() -> None:
    acls = hiding("view_tasks", "users", "somebody")
    state = ask("GET_STATE", view(recorded_state(), acls=acls)).get_state
    assert len(state.get_frameworks.frameworks) == 1
    assert not state.get_tasks.tasks
    assert not state.get_tasks.completed_tasks


def test_roles_and_weights_that_may_not_be_seen_are_left_out() -> None:
    state = recorded_state()
    state.weights.update({"r1": 2.0, "secret": 3.0})
    seen = view(state, acls=hiding("view_roles", "roles", "r1"))
    assert [one.name for one in ask("GET_ROLES", seen).get_roles.roles] == ["r1"]
    assert [one.role for one in ask("GET_WEIGHTS", seen).get_weights.weight_infos] == ["r1"]


def test_executors_that_may_not_be_seen_are_left_out() -> None:
    state = recorded_state()
    (framework,) = state.frameworks.values()
    (agent, *_others) = state.agents.values()
    for user in ("alice", "bob"):
        executor = mesos_pb2.ExecutorInfo(executor_id=mesos_pb2.ExecutorID(value=user))
        executor.command.user = user
        agent.executors.setdefault(framework.framework_id, {})[user] = executor
    assert len(ask("GET_EXECUTORS", view(state)).get_executors.executors) == 2

    seen = view(state, acls=hiding("view_executors", "users", "alice"))

    (shown,) = ask("GET_EXECUTORS", seen).get_executors.executors
    assert shown.executor_info.command.user == "alice"
    assert shown.agent_id.value == agent.agent_id


def test_metrics_are_sorted_by_name() -> None:
    seen = view(recorded_state(), measured={"system/load_1min": 0.5})
    found = ask("GET_METRICS", seen).get_metrics.metrics
    names = [one.name for one in found]
    assert names == sorted(names)
    assert ("system/load_1min", 0.5) in [(one.name, one.value) for one in found]


def test_every_type_of_call_that_only_reads_has_an_answer() -> None:
    # The shell answers the others itself: files, and how much is logged.
    others = {"GET_LOGGING_LEVEL"}
    reads = {name for name in Call.Type.keys() if name.startswith("GET_")}  # noqa: SIM118
    assert {Call.Type.Name(one) for one in ANSWERS} == reads - others
