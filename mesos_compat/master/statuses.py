"""Statuses of tasks that the master makes itself; they have no uuid and are not acknowledged.

Source: ``protobuf::createStatusUpdate`` and the functions beside it.
"""

from __future__ import annotations

from mesos_compat.master.context import Context
from mesos_compat.master.state import Framework, Task
from mesos_compat.wire.v1 import mesos_pb2

_Status = mesos_pb2.TaskStatus


def make(
    context: Context,
    task_id: str,
    agent_id: str | None,
    state: mesos_pb2.TaskState,
    message: str,
    reason: mesos_pb2.TaskStatus.Reason,
) -> mesos_pb2.TaskStatus:
    """A status of a task that the master may not know."""
    status = _Status(
        task_id=mesos_pb2.TaskID(value=task_id),
        state=state,
        message=message,
        source=_Status.SOURCE_MASTER,
        reason=reason,
        timestamp=context.wall_seconds,
    )
    if agent_id is not None:
        status.agent_id.value = agent_id
    return status


def make_of(
    context: Context,
    task: Task,
    state: mesos_pb2.TaskState,
    message: str,
    reason: mesos_pb2.TaskStatus.Reason,
) -> mesos_pb2.TaskStatus:
    """A new state of a task that the master knows."""
    status = make(context, task.task_id, task.agent_id, state, message, reason)
    if task.message.HasField("executor_id"):
        status.executor_id.CopyFrom(task.message.executor_id)
    return status


def make_latest(
    context: Context, task: Task, message: str, reason: mesos_pb2.TaskStatus.Reason
) -> mesos_pb2.TaskStatus:
    """The state that a task is in, with its health, its check and its container.

    The state is that of the latest update that was delivered, if there was one, and not a later
    one of which the master has heard already.
    """
    known = task.message
    state = known.status_update_state if known.HasField("status_update_state") else known.state
    status = make_of(context, task, state, message, reason)
    if known.statuses:
        last = known.statuses[-1]
        if last.HasField("healthy"):
            status.healthy = last.healthy
        if last.HasField("check_status"):
            status.check_status.CopyFrom(last.check_status)
        if last.HasField("container_status"):
            status.container_status.CopyFrom(last.container_status)
    return status


def for_framework(framework: Framework, state: mesos_pb2.TaskState) -> mesos_pb2.TaskState:
    """``state``, or TASK_LOST for a framework that is not PARTITION_AWARE and knows no other."""
    return state if framework.is_partition_aware else mesos_pb2.TASK_LOST
