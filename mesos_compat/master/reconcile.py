"""What the master knows of tasks, told to a framework that asks. Source: ``_reconcileTasks``."""

from __future__ import annotations

from mesos_compat.master import scheduler_events, statuses
from mesos_compat.master.context import Context
from mesos_compat.master.state import Framework
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_RECONCILIATION = mesos_pb2.TaskStatus.REASON_RECONCILIATION


def reconcile(context: Context, framework: Framework, call: scheduler_pb2.Call.Reconcile) -> None:
    """RECONCILE: of the tasks named, or of all that are known when none is."""
    if not call.tasks:
        for task_id in framework.tasks:
            answer(context, framework, task_id, None)
    for wanted in call.tasks:
        agent_id = wanted.agent_id.value if wanted.HasField("agent_id") else None
        answer(context, framework, wanted.task_id.value, agent_id)


def answer(context: Context, framework: Framework, task_id: str, agent_id: str | None) -> None:
    """Tell what is known of one task; nothing while its agent may still come back and know."""
    task = framework.tasks.get(task_id)
    if task is not None:
        status = statuses.make_latest(
            context, task, "Reconciliation: Latest task state", _RECONCILIATION
        )
    else:
        unknown = _of_unknown(context, framework, task_id, agent_id)
        if unknown is None:
            return
        status = unknown
    context.tell(framework, scheduler_events.update(status))


def _of_unknown(
    context: Context, framework: Framework, task_id: str, agent_id: str | None
) -> mesos_pb2.TaskStatus | None:
    state = context.state
    recovered = state.recovered_agents
    if agent_id in recovered or (agent_id is None and recovered):
        return None
    unreachable_ns = None
    if agent_id is not None and agent_id in state.agents:
        found, what = mesos_pb2.TASK_GONE, "Task is unknown to the agent"
    elif agent_id is not None and agent_id in state.unreachable_agents:
        found, what = mesos_pb2.TASK_UNREACHABLE, "Task is unreachable"
        unreachable_ns = state.unreachable_agents[agent_id].unreachable_ns
    elif agent_id is not None and agent_id in state.gone_agents:
        found, what = mesos_pb2.TASK_GONE_BY_OPERATOR, "Task is gone"
    else:
        found, what = mesos_pb2.TASK_UNKNOWN, "Task is unknown"
    status = statuses.make(
        context,
        task_id,
        agent_id,
        statuses.for_framework(framework, found),
        f"Reconciliation: {what}",
        _RECONCILIATION,
    )
    if unreachable_ns is not None:
        status.unreachable_time.nanoseconds = unreachable_ns
    return status
