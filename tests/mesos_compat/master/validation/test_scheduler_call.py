"""Calls to the scheduler API: recorded refusals, and each type's member."""

from __future__ import annotations

import pytest

from mesos_compat.master.validation import scheduler_call
from mesos_compat.wire.v1 import scheduler_pb2
from tests.mesos_compat.master.validation import recorded
from tests.mesos_compat.master.validation.launching import UUID4

Call = scheduler_pb2.Call

PREFIX = "Failed to validate scheduler::Call: "
REFUSED = [
    case
    for case in recorded.cases("scheduler-http", ".res")
    if recorded.answer("scheduler-http", case)[1].startswith(PREFIX)
]


@pytest.mark.parametrize("case", REFUSED)
def test_recorded_calls_are_refused_with_the_recorded_text(case: str) -> None:
    call = recorded.request("scheduler-http", case, Call)
    assert f"{PREFIX}{scheduler_call.validate(call)}" == recorded.answer("scheduler-http", case)[1]


def test_enough_recorded_refusals_were_looked_at() -> None:
    assert len(REFUSED) >= 7


@pytest.mark.parametrize(
    "case", ["subscribe-empty-user", "subscribe-unknown-id", "call-unknown-framework"]
)
def test_recorded_whole_calls_pass(case: str) -> None:
    assert scheduler_call.validate(recorded.request("scheduler-http", case, Call)) is None


def call(kind: scheduler_pb2.Call.Type) -> scheduler_pb2.Call:
    made = Call(type=kind)
    made.framework_id.value = "F"
    return made


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        (kind, name.lower())
        for name, kind in Call.Type.items()
        if name not in ("UNKNOWN", "SUBSCRIBE", "TEARDOWN", "REVIVE", "SUPPRESS")
    ],
)
def test_calls_need_their_member(kind: scheduler_pb2.Call.Type, member: str) -> None:
    assert scheduler_call.validate(call(kind)) == f"Expecting '{member}' to be present"


@pytest.mark.parametrize("kind", [Call.TEARDOWN, Call.REVIVE, Call.SUPPRESS, Call.UNKNOWN])
def test_some_calls_need_no_member_but_the_framework(kind: scheduler_pb2.Call.Type) -> None:
    assert scheduler_call.validate(call(kind)) is None
    assert scheduler_call.validate(Call(type=kind)) == "Expecting 'framework_id' to be present"


def test_what_is_missing_inside_is_named() -> None:
    made = call(Call.KILL)
    made.kill.SetInParent()
    assert scheduler_call.validate(made) == "Not initialized: kill.task_id"


def test_acknowledgements_need_a_uuid() -> None:
    made = call(Call.ACKNOWLEDGE)
    made.acknowledge.agent_id.value = "A"
    made.acknowledge.task_id.value = "t"
    made.acknowledge.uuid = b"no"
    assert scheduler_call.validate(made) == "Not a valid UUID"
    made.acknowledge.uuid = UUID4
    assert scheduler_call.validate(made) is None


def test_acknowledgements_of_operations_need_the_agent_last() -> None:
    made = call(Call.ACKNOWLEDGE_OPERATION_STATUS)
    made.acknowledge_operation_status.operation_id.value = "o"
    made.acknowledge_operation_status.uuid = b"no"
    assert scheduler_call.validate(made) == "Not a valid UUID"
    made.acknowledge_operation_status.uuid = UUID4
    assert scheduler_call.validate(made) == "Expecting 'agent_id' to be present"
    made.acknowledge_operation_status.agent_id.value = "A"
    assert scheduler_call.validate(made) is None


def test_update_framework_names_one_framework() -> None:
    made = call(Call.UPDATE_FRAMEWORK)
    made.update_framework.framework_info.name = ""
    made.update_framework.framework_info.user = ""
    assert (
        scheduler_call.validate(made)
        == "'framework_id' differs from 'update_framework.framework_info.id'"
    )
    made.update_framework.framework_info.id.value = "F"
    assert scheduler_call.validate(made) is None


def subscribe(principal: str | None) -> scheduler_pb2.Call:
    made = Call(type=Call.SUBSCRIBE)
    made.subscribe.framework_info.name = ""
    made.subscribe.framework_info.user = ""
    if principal is not None:
        made.subscribe.framework_info.principal = principal
    return made


def test_a_framework_belongs_to_whom_it_is_authenticated_as() -> None:
    assert scheduler_call.validate(subscribe("other"), "fw") == (
        "Authenticated principal 'fw' does not match principal 'other' set in `FrameworkInfo`"
    )
    assert scheduler_call.validate(subscribe("fw"), "fw") is None
    assert scheduler_call.validate(subscribe("fw"), None) is None
    assert scheduler_call.validate(subscribe(None), "fw") is None
