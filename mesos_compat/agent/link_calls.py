"""What the master is told, as messages. Source: link.proto ``Call``."""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.state import AgentState, ExecutorKey, Framework
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_Call = link_pb2.Call


def subscribe(state: AgentState, settings: AgentSettings) -> link_pb2.Call:
    """SUBSCRIBE, with all that the agent has and knows.

    But for frameworks that it was told are over: the last master may have said so, and another
    would take them for alive, and their tasks, of which it will hear nothing more.
    """
    call = _Call(type=_Call.SUBSCRIBE)
    made = call.subscribe
    made.agent.CopyFrom(state.info)
    made.version = settings.version
    made.address.CopyFrom(settings.address)
    for capability in settings.capabilities:
        made.capabilities.add(type=capability)
    made.resources.extend(state.total)
    made.resource_version = state.resource_version
    for framework in state.frameworks.values():
        if framework.is_terminating:
            continue
        made.frameworks.add().CopyFrom(framework.info)
        for executor in framework.executors.values():
            made.tasks.extend(task.message for task in executor.tasks())
            if not executor.is_generated and executor.container_id in state.executors_by_container:
                made.executors.add().info.CopyFrom(executor.info)
    for framework in (*state.completed_frameworks.values(), *state.frameworks.values()):
        tasks = list(_completed_tasks(framework))
        if tasks or framework.framework_id in state.completed_frameworks:
            made.completed_frameworks.add(info=framework.info, tasks=tasks)
    made.operations.extend(operation.message for operation in state.operations.values())
    return call


def _completed_tasks(framework: Framework) -> Iterable[mesos_pb2.Task]:
    for completed in framework.completed_executors:
        yield from completed.tasks
    for executor in framework.executors.values():
        yield from executor.completed


def pong() -> link_pb2.Call:
    """PONG."""
    return _Call(type=_Call.PONG)


def unregister() -> link_pb2.Call:
    """UNREGISTER: the agent goes for good."""
    return _Call(type=_Call.UNREGISTER)


def update_agent(state: AgentState) -> link_pb2.Call:
    """UPDATE_AGENT: the agent has other resources than its master believes."""
    call = _Call(type=_Call.UPDATE_AGENT)
    call.update_agent.resources.extend(state.total)
    call.update_agent.resource_version = state.resource_version
    call.update_agent.operations.extend(one.message for one in state.operations.values())
    return call


def status_update(
    update: link_pb2.Call.StatusUpdate, latest_state: mesos_pb2.TaskState
) -> link_pb2.Call:
    """STATUS_UPDATE."""
    call = _Call(type=_Call.STATUS_UPDATE, status_update=update)
    call.status_update.latest_state = latest_state
    return call


def operation_status(operation: mesos_pb2.Operation) -> link_pb2.Call:
    """OPERATION_STATUS, of the last status."""
    call = _Call(type=_Call.OPERATION_STATUS)
    made = call.operation_status
    if operation.HasField("framework_id"):
        made.framework_id.CopyFrom(operation.framework_id)
    made.operation_uuid.CopyFrom(operation.uuid)
    made.status.CopyFrom(operation.latest_status)
    made.latest_status.CopyFrom(operation.latest_status)
    return call


def executor_message(key: ExecutorKey, data: bytes) -> link_pb2.Call:
    """EXECUTOR_MESSAGE, for the framework's scheduler."""
    call = _Call(type=_Call.EXECUTOR_MESSAGE)
    call.executor_message.framework_id.value = key.framework_id
    call.executor_message.executor_id.value = key.executor_id
    call.executor_message.data = data
    return call


def exited_executor(key: ExecutorKey, status: int | None) -> link_pb2.Call:
    """EXITED_EXECUTOR; ``status`` is as waitpid gives it, None when nobody saw it."""
    call = _Call(type=_Call.EXITED_EXECUTOR)
    call.exited_executor.framework_id.value = key.framework_id
    call.exited_executor.executor_id.value = key.executor_id
    call.exited_executor.status = -1 if status is None else status
    return call
