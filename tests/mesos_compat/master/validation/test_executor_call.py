"""Calls to the executor API: recorded refusals, updates and claims."""

from __future__ import annotations

import pytest

from mesos_compat.master.validation import executor_call
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from tests.mesos_compat.master.validation import recorded
from tests.mesos_compat.master.validation.launching import UUID4

Call = executor_pb2.Call

PREFIX = "Failed to validate Executor::Call: "
REFUSED = [
    case
    for case in recorded.cases("executor", ".res")
    if recorded.answer("executor", case)[1].startswith(PREFIX)
]


@pytest.mark.parametrize("case", REFUSED)
def test_recorded_calls_are_refused_with_the_recorded_text(case: str) -> None:
    call = recorded.request("executor", case, Call)
    assert f"{PREFIX}{executor_call.validate(call)}" == recorded.answer("executor", case)[1]


def test_enough_recorded_refusals_were_looked_at() -> None:
    assert len(REFUSED) >= 6


def test_a_recorded_heartbeat_passes() -> None:
    assert executor_call.validate(recorded.request("executor", "executor-heartbeat", Call)) is None


def update() -> executor_pb2.Call:
    call = Call(type=Call.UPDATE)
    call.executor_id.value = "e"
    call.framework_id.value = "F"
    status = call.update.status
    status.task_id.value = "t"
    status.uuid = UUID4
    status.state = mesos_pb2.TASK_RUNNING
    status.source = mesos_pb2.TaskStatus.SOURCE_EXECUTOR
    return call


def test_updates_are_an_executors_own() -> None:
    assert executor_call.validate(update()) is None
    call = update()
    call.update.status.executor_id.value = "other"
    assert executor_call.validate(call) == (
        "ExecutorID in Call: e does not match ExecutorID in TaskStatus: other"
    )
    call = update()
    call.update.status.source = mesos_pb2.TaskStatus.SOURCE_MASTER
    assert executor_call.validate(call) == (
        "Received Call from executor e of framework F with invalid source,"
        " expecting 'SOURCE_EXECUTOR'"
    )


def test_executors_do_not_say_that_a_task_is_staging() -> None:
    call = update()
    call.update.status.state = mesos_pb2.TASK_STAGING
    assert executor_call.validate(call) == (
        "Received TASK_STAGING from executor e of framework F which is not allowed"
    )


def test_results_of_checks_have_what_their_type_says() -> None:
    call = update()
    call.update.status.check_status.SetInParent()
    assert executor_call.validate(call) == "CheckStatusInfo must specify 'type'"
    call.update.status.check_status.type = mesos_pb2.CheckInfo.TCP
    assert executor_call.validate(call) == "Expecting 'tcp' to be set for TCP check's status"
    call.update.status.check_status.tcp.succeeded = True
    assert executor_call.validate(call) is None
    call.update.status.check_status.type = mesos_pb2.CheckInfo.UNKNOWN
    assert executor_call.validate(call) == "'UNKNOWN' is not a valid check's status type"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, None),
        (
            {"fid": "G"},
            'Authenticated principal \'{"claims":{"cid":"c","eid":"e","fid":"G"}}\' does not'
            " contain an 'fid' claim with the framework ID F, which is set in the call",
        ),
        (
            {"eid": "other"},
            'Authenticated principal \'{"claims":{"cid":"c","eid":"other","fid":"F"}}\' does not'
            " contain an 'eid' claim with the executor ID e, which is set in the call",
        ),
        (
            {"cid": "old"},
            'Authenticated principal \'{"claims":{"cid":"old","eid":"e","fid":"F"}}\' does not'
            " contain a 'cid' claim with the correct active ContainerID",
        ),
    ],
)
def test_claims_are_those_of_the_executor_that_calls(
    changed: dict[str, str], fault: str | None
) -> None:
    claims = {"fid": "F", "eid": "e", "cid": "c"} | changed
    assert executor_call.validate_claims(claims, "F", "e", "c") == fault
