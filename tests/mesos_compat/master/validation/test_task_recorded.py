"""Tasks that a real master was given, and what it said of them."""

from __future__ import annotations

import pytest

from mesos_compat.master.validation.task import TaskContext
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.master.validation import launching, recorded

SECTION = "task-validation"
#: Cases of one task each, whose update has the name of the case.
SINGLE = [case for case in recorded.cases(SECTION) if recorded.has_event(SECTION, case)]


def message_of(section: str, name: str) -> str | None:
    """The message of a task's refusal; None for another update."""
    status = recorded.event(section, name).update.status
    return status.message if status.state == mesos_pb2.TASK_ERROR else None


def context_of(section: str, case: str, **known: object) -> TaskContext:
    call = recorded.request(section, case, scheduler_pb2.Call)
    agent_id = call.accept.offer_ids[0].value.split("-O")[0] + "-S0"
    return launching.context(call.framework_id.value, agent_id, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", SINGLE)
def test_a_recorded_task_is_judged_as_it_was(case: str) -> None:
    (operation,) = recorded.operations(SECTION, case)
    (fault,) = launching.faults(operation, context_of(SECTION, case)).values()
    assert fault == message_of(SECTION, case)


def test_enough_recorded_tasks_were_looked_at() -> None:
    assert len(SINGLE) >= 28


def test_what_earlier_tasks_took_is_not_offered_any_more() -> None:
    case = "two-tasks-second-too-big"
    (operation,) = recorded.operations(SECTION, case)
    context = context_of(SECTION, case)
    assert launching.faults(operation, context)["ok1"] is None
    left = launching.OFFERED - Resources.parse("cpus:0.1;mem:32").allocate("*")
    assert launching.faults(operation, context, left)["big1"] == message_of(SECTION, f"{case}-0")


@pytest.mark.parametrize("case", ["duplicate-task-id", "duplicate-running-task-id"])
def test_the_id_of_a_task_cannot_be_used_again(case: str) -> None:
    (operation,) = recorded.operations(SECTION, case)
    context = context_of(SECTION, case, task_ids=("dup",))
    assert launching.faults(operation, context)["dup"] == message_of(SECTION, f"{case}-update")


def test_a_recorded_group_is_refused_as_a_whole() -> None:
    (operation,) = recorded.operations("task-group", "launch-group-invalid")
    faults = launching.faults(operation, context_of("task-group", "launch-group-invalid"))
    expected = message_of("task-group", "launch-group-invalid-event1-update")
    assert list(faults.values()) == [expected] * 2
    assert expected is not None


def test_a_recorded_group_is_launched() -> None:
    (operation,) = recorded.operations("task-group", "launch-group")
    faults = launching.faults(operation, context_of("task-group", "launch-group"))
    assert list(faults.values()) == [None] * 2


def test_an_executor_that_differs_from_the_running_one_is_shown_beside_it() -> None:
    (launched,) = recorded.operations("executor", "launch-custom")
    framework_id = recorded.request("executor", "launch-custom", scheduler_pb2.Call).framework_id
    launching.prepare(launched, framework_id.value)
    running = launched.launch.task_infos[0].executor
    (operation,) = recorded.operations("executor", "executor-differs")
    context = context_of("executor", "executor-differs", executors={"ex1": running})
    (fault,) = launching.faults(operation, context).values()
    assert fault == message_of("executor", "executor-differs-event1-update")


def test_launches_have_no_operation_id() -> None:
    (operation,) = recorded.operations("operations", "operation-id-without-feedback-launch")
    context = context_of("operations", "operation-id-without-feedback-launch")
    (fault,) = launching.faults(operation, context).values()
    assert fault == message_of("operations", "operation-id-launch-event0")
