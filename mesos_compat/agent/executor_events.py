"""What executors are told, as messages. Source: executor.proto ``Event``."""

from __future__ import annotations

from mesos_compat.wire.v1 import executor_pb2, mesos_pb2

_Event = executor_pb2.Event


def subscribed(
    executor: mesos_pb2.ExecutorInfo,
    framework: mesos_pb2.FrameworkInfo,
    agent: mesos_pb2.AgentInfo,
    container_id: str,
) -> executor_pb2.Event:
    """SUBSCRIBED."""
    event = _Event(type=_Event.SUBSCRIBED)
    event.subscribed.executor_info.CopyFrom(executor)
    event.subscribed.framework_info.CopyFrom(framework)
    event.subscribed.agent_info.CopyFrom(agent)
    event.subscribed.container_id.value = container_id
    return event


def launch(task: mesos_pb2.TaskInfo) -> executor_pb2.Event:
    """LAUNCH."""
    event = _Event(type=_Event.LAUNCH)
    event.launch.task.CopyFrom(task)
    return event


def launch_group(group: mesos_pb2.TaskGroupInfo) -> executor_pb2.Event:
    """LAUNCH_GROUP."""
    event = _Event(type=_Event.LAUNCH_GROUP)
    event.launch_group.task_group.CopyFrom(group)
    return event


def kill(task_id: str, policy: mesos_pb2.KillPolicy | None) -> executor_pb2.Event:
    """KILL."""
    event = _Event(type=_Event.KILL)
    event.kill.task_id.value = task_id
    if policy is not None:
        event.kill.kill_policy.CopyFrom(policy)
    return event


def acknowledged(task_id: str, uuid: bytes) -> executor_pb2.Event:
    """ACKNOWLEDGED: the agent has the status, and will see to it."""
    event = _Event(type=_Event.ACKNOWLEDGED)
    event.acknowledged.task_id.value = task_id
    event.acknowledged.uuid = uuid
    return event


def message(data: bytes) -> executor_pb2.Event:
    """MESSAGE of the framework's scheduler."""
    event = _Event(type=_Event.MESSAGE)
    event.message.data = data
    return event


def shutdown() -> executor_pb2.Event:
    """SHUTDOWN: the executor is to end its tasks and itself."""
    return _Event(type=_Event.SHUTDOWN)


def heartbeat() -> executor_pb2.Event:
    """HEARTBEAT: keeps the connection from being taken for dead."""
    return _Event(type=_Event.HEARTBEAT)
