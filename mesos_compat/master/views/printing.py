"""Answers of the operator API as JSON, fast where they are big.

Nearly all of a big cluster's GET_STATE is tasks, and from one answer to the next hardly any has
changed. To serialize a task takes a fiftieth of the time of printing it, so what was printed is
found again by the task's bytes: nothing can be stale, and nobody need tell what has changed.
"""

from __future__ import annotations

from mesos_compat.wire.json_dialect import dumps
from mesos_compat.wire.v1 import master_pb2, mesos_pb2

_Response = master_pb2.Response


class ResponsePrinter:
    """Prints as :func:`dumps` does; keeps the texts of the tasks of the last answer with tasks."""

    __slots__ = ("_printed",)

    def __init__(self) -> None:
        self._printed: dict[bytes, str] = {}

    @property
    def kept(self) -> int:
        """Of how many tasks the text is kept."""
        return len(self._printed)

    def dumps(self, response: master_pb2.Response) -> str:
        """``response`` on one line of ASCII."""
        if response.type == _Response.GET_TASKS:
            return f'{{"type":"GET_TASKS","get_tasks":{self._tasks(response.get_tasks)}}}'
        if response.type == _Response.GET_STATE:
            state = response.get_state
            return (
                f'{{"type":"GET_STATE","get_state":{{"get_tasks":{self._tasks(state.get_tasks)},'
                f'"get_executors":{dumps(state.get_executors)},'
                f'"get_frameworks":{dumps(state.get_frameworks)},'
                f'"get_agents":{dumps(state.get_agents)}}}}}'
            )
        return dumps(response)

    def _tasks(self, found: master_pb2.Response.GetTasks) -> str:
        before, self._printed = self._printed, {}
        texts = (
            f'"{name}":[{",".join([self._task(task, before) for task in tasks])}]'
            for name, tasks in (
                ("tasks", found.tasks),
                ("unreachable_tasks", found.unreachable_tasks),
                ("completed_tasks", found.completed_tasks),
            )
        )
        return "{" + ",".join(texts) + "}"

    def _task(self, task: mesos_pb2.Task, before: dict[bytes, str]) -> str:
        key = task.SerializeToString()
        text = before.get(key)
        if text is None:
            text = dumps(task)
        self._printed[key] = text
        return text
