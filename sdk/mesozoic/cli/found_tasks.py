"""Tasks by what people type: an id, or the beginning of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mesos_compat.wire.v1 import master_pb2, mesos_pb2
from mesozoic.aio import AgentClient, OperatorClient
from mesozoic.cli.failures import Failure

TERMINAL: Final = frozenset(
    (
        mesos_pb2.TASK_FINISHED,
        mesos_pb2.TASK_FAILED,
        mesos_pb2.TASK_KILLED,
        mesos_pb2.TASK_ERROR,
        mesos_pb2.TASK_LOST,
        mesos_pb2.TASK_DROPPED,
        mesos_pb2.TASK_GONE,
        mesos_pb2.TASK_GONE_BY_OPERATOR,
    )
)
_NAMED_MAX: Final = 5


def state_name(state: mesos_pb2.TaskState) -> str:
    """``TASK_RUNNING`` and so on."""
    return mesos_pb2.TaskState.Name(state)


def executor_id(task: mesos_pb2.Task) -> str:
    """That of a command task is the task's own."""
    return task.executor_id.value or task.task_id.value


@dataclass(slots=True)
class FoundTask:
    """A task, with the agent it is on."""

    task: mesos_pb2.Task
    agent: AgentClient

    @property
    def container_id(self) -> mesos_pb2.ContainerID:
        """The task's container, as its statuses have told; raises :class:`Failure`."""
        for status in reversed(self.task.statuses):
            if status.container_status.container_id.value:
                return status.container_status.container_id
        raise Failure(
            f"nobody has told the container of '{self.task.task_id.value}' yet",
            "Wait until it runs.",
        )

    @property
    def sandbox(self) -> str:
        """The path by which the agent shows the task's files.

        A command task has its executor's sandbox. A task of a task group has one of its own in
        it. Source: ``paths::getExecutorVirtualPath`` and ``paths::getTaskVirtualPath``.
        """
        task = self.task
        run = f"/frameworks/{task.framework_id.value}/executors/{executor_id(task)}/runs/latest"
        is_nested = any(
            status.container_status.container_id.HasField("parent") for status in task.statuses
        )
        return f"{run}/tasks/{task.task_id.value}" if is_nested else run


async def find(operator: OperatorClient, wanted: str, *, alive: bool = False) -> FoundTask:
    """The one task of that id, or whose id begins so; raises :class:`Failure`.

    Of several that are called the same those that live go before those that have ended. With
    ``alive`` others do not count.
    """
    tasks = await operator.get_tasks()
    task = choose(tasks, wanted, alive=alive)
    return FoundTask(task, await operator.agent_by_id(task.agent_id.value))


def choose(
    tasks: master_pb2.Response.GetTasks, wanted: str, *, alive: bool = False
) -> mesos_pb2.Task:
    """See :func:`find`."""
    living = [task for task in tasks.tasks if task.state not in TERMINAL]
    ended = [task for task in tasks.tasks if task.state in TERMINAL]
    ended += reversed(tasks.completed_tasks)
    groups = [living] if alive else [living, ended]
    for group in groups:
        exact = [task for task in group if task.task_id.value == wanted]
        if exact:
            if len({task.framework_id.value for task in exact}) > 1 and group is living:
                raise Failure(f"several frameworks have a task '{wanted}'", _ids(exact))
            return exact[0]
    for group in groups:
        found = [task for task in group if task.task_id.value.startswith(wanted)]
        if len({task.task_id.value for task in found}) > 1:
            raise Failure(f"several tasks begin with '{wanted}'", _ids(found))
        if found:
            return found[0]
    if alive and any(task.task_id.value.startswith(wanted) for task in ended):
        raise Failure(f"the task '{wanted}' has ended", "Its files: 'mesozoic ls' and 'logs'.")
    raise Failure(f"there is no task '{wanted}'", "'mesozoic tasks --all' lists all.")


def _ids(tasks: Iterable[mesos_pb2.Task]) -> str:
    names = [f"{task.task_id.value} (of {task.framework_id.value})" for task in tasks]
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f", and {more} more" if more > 0 else "")
