"""Printed lists of tasks are what printing everything anew gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesos_compat.master.views import older
from mesos_compat.master.views.older_texts import TaskTexts
from mesos_compat.master.views.view import View
from mesos_compat.wire.json_dialect import JsonValue, encode_value
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.views.older_worlds import busy_state, busy_view

SECRET = "00ff"


def printed(texts: TaskTexts, path: str, view: View) -> str:
    printing = texts.begin()
    found = older.ENDPOINTS[path](replace(view, printing=printing), {})
    assert isinstance(found, dict)
    return printing.dumps(found)


def anew(path: str, view: View) -> str:
    found = older.ENDPOINTS[path](view, {})
    assert isinstance(found, dict)
    return encode_value(found)


@pytest.mark.parametrize("path", ["/state", "/frameworks"])
def test_same_text_the_first_time_and_again(path: str) -> None:
    texts, view = TaskTexts(SECRET), busy_view()
    expected = anew(path, view)
    assert '"TASK_RUNNING"' in expected
    assert printed(texts, path, view) == expected
    assert printed(texts, path, view) == expected


def test_task_that_has_changed_is_printed_anew() -> None:
    state = busy_state()
    texts, view = TaskTexts(SECRET), replace(busy_view(), state=state)
    before = printed(texts, "/state", view)
    task = next(iter(next(iter(state.frameworks.values())).tasks.values()))
    task.message.state = mesos_pb2.TASK_KILLING
    after = printed(texts, "/state", view)
    assert after != before
    assert after == anew("/state", view)


def test_text_that_looks_like_a_placeholder_stays() -> None:
    printing = TaskTexts(SECRET).begin()
    theirs = "\0tasks of mesozoic ff00 0"
    value: JsonValue = {"name": theirs, "tasks": printing.tasks([])}
    assert printing.dumps(value) == ('{"name":"\\u0000tasks of mesozoic ff00 0","tasks":[]}')
