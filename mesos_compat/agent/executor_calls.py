"""The calls of executors: SUBSCRIBE, UPDATE, MESSAGE, HEARTBEAT.

Source: ``Http::executor`` and ``Slave::subscribe`` of Mesos; the texts are what clients see. The
form of a call was checked by whoever took it (``master/validation/executor_call.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

from mesos_compat.agent import executors, kills, link_calls, tasks
from mesos_compat.agent.actions import Reply
from mesos_compat.agent.context import Context
from mesos_compat.agent.events import ExecutorCalled, ExecutorSubscribed, Route
from mesos_compat.agent.state import Executor, ExecutorState, Phase
from mesos_compat.master.validation.executor_call import validate_claims
from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

_Call = executor_pb2.Call
_Status = mesos_pb2.TaskStatus

_UUID_BYTES = 16
NOT_RECOVERED_TEXT = "Agent has not finished recovery"


def subscribed(context: Context, event: ExecutorSubscribed) -> None:
    """SUBSCRIBE: the executor is there, or there again."""
    if not context.state.is_reconnecting:
        context.emit(Reply(event.route, 503, NOT_RECOVERED_TEXT))
        return
    executor = _find(context, event.route, event.call, event.claims)
    if executor is None:
        return
    framework = executors.framework_of(context, executor)
    ending = (ExecutorState.TERMINATING, ExecutorState.TERMINATED)
    if framework.is_terminating or executor.state in ending:
        executors.turn_away(context, event.route)
        return
    executors.connect(context, executor, event.route)
    call = event.call.subscribe
    for update in call.unacknowledged_updates:
        status = update.status
        if len(status.uuid) == _UUID_BYTES and status.state != mesos_pb2.TASK_STAGING:
            tasks.updated_by_executor(context, framework, executor, status)
    known = dict.fromkeys(task.task_id.value for task in call.unacknowledged_tasks)
    for task in list(executor.launched.values()):
        if task.message.state == mesos_pb2.TASK_STAGING and task.task_id not in known:
            tasks.end(
                context,
                framework,
                executor,
                task,
                mesos_pb2.TASK_DROPPED,
                "Task launched during agent restart",
                _Status.REASON_AGENT_RESTARTED,
            )
    if kills.is_useless(executor):
        executors.shut_down(context, executor)
        return
    kills.send_kills(context, executor)
    tasks.deliver(context, executor)


def called(context: Context, event: ExecutorCalled) -> None:
    """Any other call, answered at once."""
    call, state = event.call, context.state
    if call.type == _Call.HEARTBEAT:
        context.emit(Reply(event.route, 202))
        return
    if state.phase is Phase.RECOVERING:
        context.emit(Reply(event.route, 503, NOT_RECOVERED_TEXT))
        return
    executor = _find(context, event.route, call, event.claims)
    if executor is None:
        return
    if executor.state is ExecutorState.REGISTERING:
        context.emit(Reply(event.route, 403, "Executor is not subscribed"))
        return
    context.emit(Reply(event.route, 202))
    if call.type == _Call.UPDATE:
        framework = executors.framework_of(context, executor)
        tasks.updated_by_executor(context, framework, executor, call.update.status)
    elif call.type == _Call.MESSAGE:
        sent = context.tell_master(link_calls.executor_message(executor.key, call.message.data))
        context.metrics.count("valid_framework_messages" if sent else "invalid_framework_messages")


def _find(
    context: Context,
    route: Route,
    call: executor_pb2.Call,
    claims: Mapping[str, str] | None,
) -> Executor | None:
    """The executor that calls; None when that was answered by an error."""
    framework = context.state.frameworks.get(call.framework_id.value)
    if framework is None:
        context.emit(Reply(route, 400, "Framework cannot be found"))
        return None
    executor = framework.executors.get(call.executor_id.value)
    if executor is None:
        context.emit(Reply(route, 400, "Executor cannot be found"))
        return None
    if claims is not None:
        fault = validate_claims(
            claims, executor.framework_id, executor.executor_id, executor.container_id
        )
        if fault is not None:
            context.emit(Reply(route, 403, fault))
            return None
    return executor
