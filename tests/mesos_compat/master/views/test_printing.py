"""Answers as JSON, fast where they are big."""

from __future__ import annotations

import pytest

from mesos_compat.master.views.operator import ANSWERS
from mesos_compat.master.views.printing import ResponsePrinter
from mesos_compat.wire.json_dialect import dumps
from mesos_compat.wire.v1 import master_pb2, mesos_pb2
from tests.mesos_compat.master.views.worlds import empty_state, recorded_state, view

Call = master_pb2.Call


def answer(kind: master_pb2.Call.Type, *, is_empty: bool = False) -> master_pb2.Response:
    state = empty_state() if is_empty else recorded_state()
    found = ANSWERS[kind](view(state), Call(type=kind))
    assert isinstance(found, master_pb2.Response)
    return found


@pytest.mark.parametrize("is_empty", [False, True])
@pytest.mark.parametrize("kind", [Call.GET_STATE, Call.GET_TASKS, Call.GET_AGENTS])
def test_what_is_printed_is_what_the_dialect_says(
    kind: master_pb2.Call.Type, is_empty: bool
) -> None:
    printer = ResponsePrinter()
    response = answer(kind, is_empty=is_empty)
    assert printer.dumps(response) == dumps(response)
    # And again, out of what was kept.
    assert printer.dumps(response) == dumps(response)


def test_a_task_that_has_changed_is_printed_anew() -> None:
    printer = ResponsePrinter()
    response = answer(Call.GET_STATE)
    printer.dumps(response)
    response.get_state.get_tasks.tasks[0].state = mesos_pb2.TASK_KILLING
    assert printer.dumps(response) == dumps(response)
    assert "TASK_KILLING" in printer.dumps(response)


def test_tasks_that_are_shown_no_more_are_forgotten() -> None:
    printer = ResponsePrinter()
    printer.dumps(answer(Call.GET_STATE))
    assert printer.kept
    printer.dumps(answer(Call.GET_STATE, is_empty=True))
    assert not printer.kept
