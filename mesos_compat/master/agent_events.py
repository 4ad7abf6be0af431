"""What agents are told, as messages. Source: link.proto ``Event``."""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.master.state import TaskKey
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_Event = link_pb2.Event


def registered(
    agent_id: str,
    ping_timeout_ms: int,
    hostname: str,
    *,
    is_back: bool,
    expected: Iterable[tuple[TaskKey, mesos_pb2.FrameworkInfo]] = (),
) -> link_pb2.Event:
    """REGISTERED, or REREGISTERED with the tasks that should be there and were not told of."""
    event = _Event(type=_Event.REREGISTERED if is_back else _Event.REGISTERED)
    event.registered.agent_id.value = agent_id
    event.registered.ping_timeout_seconds = ping_timeout_ms / 1000
    event.registered.master_hostname = hostname
    for key, info in expected:
        event.registered.reconciliations.add(
            framework_id=mesos_pb2.FrameworkID(value=key.framework_id),
            task_id=mesos_pb2.TaskID(value=key.task_id),
            framework=info,
        )
    return event


def ping(*, connected: bool) -> link_pb2.Event:
    """PING."""
    event = _Event(type=_Event.PING)
    event.ping.connected = connected
    return event


def run_task(
    framework: mesos_pb2.FrameworkInfo,
    task: mesos_pb2.TaskInfo,
    *,
    launch_executor: bool,
    resource_version: bytes | None,
) -> link_pb2.Event:
    """RUN_TASK."""
    event = _Event(type=_Event.RUN_TASK)
    event.run_task.framework.CopyFrom(framework)
    event.run_task.task.CopyFrom(task)
    event.run_task.launch_executor = launch_executor
    if resource_version is not None:
        event.run_task.resource_version = resource_version
    return event


def run_task_group(
    framework: mesos_pb2.FrameworkInfo,
    group: mesos_pb2.Offer.Operation.LaunchGroup,
    *,
    launch_executor: bool,
    resource_version: bytes | None,
) -> link_pb2.Event:
    """RUN_TASK_GROUP."""
    event = _Event(type=_Event.RUN_TASK_GROUP)
    event.run_task_group.framework.CopyFrom(framework)
    event.run_task_group.executor.CopyFrom(group.executor)
    event.run_task_group.task_group.CopyFrom(group.task_group)
    event.run_task_group.launch_executor = launch_executor
    if resource_version is not None:
        event.run_task_group.resource_version = resource_version
    return event


def kill_task(key: TaskKey, policy: mesos_pb2.KillPolicy | None) -> link_pb2.Event:
    """KILL_TASK."""
    event = _Event(type=_Event.KILL_TASK)
    event.kill_task.framework_id.value = key.framework_id
    event.kill_task.task_id.value = key.task_id
    if policy is not None:
        event.kill_task.kill_policy.CopyFrom(policy)
    return event


def acknowledge(key: TaskKey, uuid: bytes) -> link_pb2.Event:
    """ACKNOWLEDGE of a task's status."""
    event = _Event(type=_Event.ACKNOWLEDGE)
    event.acknowledge.framework_id.value = key.framework_id
    event.acknowledge.task_id.value = key.task_id
    event.acknowledge.uuid = uuid
    return event


def apply_operation(
    framework_id: str | None,
    info: mesos_pb2.Offer.Operation,
    uuid: bytes,
    resource_version: bytes | None,
) -> link_pb2.Event:
    """APPLY_OPERATION."""
    event = _Event(type=_Event.APPLY_OPERATION)
    if framework_id is not None:
        event.apply_operation.framework_id.value = framework_id
    event.apply_operation.info.CopyFrom(info)
    event.apply_operation.uuid.value = uuid
    if resource_version is not None:
        event.apply_operation.resource_version = resource_version
    return event


def acknowledge_operation(status_uuid: bytes, operation_uuid: bytes) -> link_pb2.Event:
    """ACKNOWLEDGE_OPERATION."""
    event = _Event(type=_Event.ACKNOWLEDGE_OPERATION)
    event.acknowledge_operation.status_uuid.value = status_uuid
    event.acknowledge_operation.operation_uuid.value = operation_uuid
    return event


def reconcile_operations(uuids: Iterable[bytes]) -> link_pb2.Event:
    """RECONCILE_OPERATIONS: the agent tells what became of these."""
    event = _Event(type=_Event.RECONCILE_OPERATIONS)
    for uuid in uuids:
        event.reconcile_operations.operation_uuids.add(value=uuid)
    return event


def framework_message(framework_id: str, executor_id: str, data: bytes) -> link_pb2.Event:
    """FRAMEWORK_MESSAGE to an executor."""
    event = _Event(type=_Event.FRAMEWORK_MESSAGE)
    event.framework_message.framework_id.value = framework_id
    event.framework_message.executor_id.value = executor_id
    event.framework_message.data = data
    return event


def shutdown_executor(framework_id: str, executor_id: str) -> link_pb2.Event:
    """SHUTDOWN_EXECUTOR."""
    event = _Event(type=_Event.SHUTDOWN_EXECUTOR)
    event.shutdown_executor.framework_id.value = framework_id
    event.shutdown_executor.executor_id.value = executor_id
    return event


def shutdown_framework(framework_id: str) -> link_pb2.Event:
    """SHUTDOWN_FRAMEWORK."""
    event = _Event(type=_Event.SHUTDOWN_FRAMEWORK)
    event.shutdown_framework.framework_id.value = framework_id
    return event


def update_framework(framework: mesos_pb2.FrameworkInfo) -> link_pb2.Event:
    """UPDATE_FRAMEWORK."""
    event = _Event(type=_Event.UPDATE_FRAMEWORK)
    event.update_framework.framework.CopyFrom(framework)
    return event


def drain(config: mesos_pb2.DrainConfig) -> link_pb2.Event:
    """DRAIN."""
    event = _Event(type=_Event.DRAIN)
    event.drain.config.CopyFrom(config)
    return event


def shutdown(message: str) -> link_pb2.Event:
    """SHUTDOWN: the agent is to end everything and itself."""
    event = _Event(type=_Event.SHUTDOWN)
    event.shutdown.message = message
    return event
