"""Statuses of tasks: those that the agent makes, and what it adds to those of executors.

Source: ``protobuf::createStatusUpdate`` and ``Slave::statusUpdate`` of Mesos.
"""

from __future__ import annotations

from mesos_compat.agent.context import Context
from mesos_compat.agent.state import Executor, Framework
from mesos_compat.containers.spec import container_id_message, container_id_of
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_Status = mesos_pb2.TaskStatus
_PARTITION_AWARE = mesos_pb2.FrameworkInfo.Capability.PARTITION_AWARE


def state_for(
    framework: mesos_pb2.FrameworkInfo, state: mesos_pb2.TaskState
) -> mesos_pb2.TaskState:
    """TASK_DROPPED and TASK_GONE are TASK_LOST to frameworks that know no other."""
    if state not in (mesos_pb2.TASK_DROPPED, mesos_pb2.TASK_GONE):
        return state
    knows = any(one.type == _PARTITION_AWARE for one in framework.capabilities)
    return state if knows else mesos_pb2.TASK_LOST


def make(
    context: Context,
    framework_id: str,
    task_id: str,
    state: mesos_pb2.TaskState,
    message: str,
    reason: mesos_pb2.TaskStatus.Reason,
    executor_id: str | None = None,
) -> link_pb2.Call.StatusUpdate:
    """A status of the agent's own."""
    update = link_pb2.Call.StatusUpdate()
    update.framework_id.value = framework_id
    status = update.status
    status.task_id.value = task_id
    status.state = state
    status.message = message
    status.source = _Status.SOURCE_AGENT
    status.reason = reason
    status.agent_id.value = context.state.agent_id
    if executor_id is not None:
        status.executor_id.value = executor_id
    status.timestamp = context.wall_seconds
    status.uuid = context.new_uuid()
    return update


def of_executor(
    context: Context, framework: Framework, executor: Executor, given: mesos_pb2.TaskStatus
) -> link_pb2.Call.StatusUpdate:
    """A status of an executor, with what the agent knows."""
    update = link_pb2.Call.StatusUpdate()
    update.framework_id.value = framework.framework_id
    status = update.status
    status.CopyFrom(given)
    status.agent_id.value = context.state.agent_id
    status.executor_id.value = executor.executor_id
    if not status.HasField("timestamp"):
        status.timestamp = context.wall_seconds
    _fill_container_status(context, executor, status)
    drain_config = context.state.drain_config
    if drain_config is not None:
        _say_draining(framework.info, status, drain_config)
    return update


def _fill_container_status(
    context: Context, executor: Executor, status: mesos_pb2.TaskStatus
) -> None:
    """Which container the task is in, and where that can be reached."""
    pid = executor.pid
    made = status.container_status
    if made.HasField("container_id"):
        container_id = container_id_of(made.container_id)
        if container_id != (executor.container_id,):
            nested = context.state.containers.get(container_id)
            if nested is None or nested.pid is None or nested.termination is not None:
                # Nothing more is known of a container that does not run.
                return
            pid = nested.pid
    else:
        made.container_id.CopyFrom(container_id_message((executor.container_id,)))
    if not made.network_infos:
        # The protocol stays unset, as Apache's agent leaves it: IPv4 is its default.
        made.network_infos.add().ip_addresses.add(ip_address=context.settings.address.ip)
    if pid is not None:
        made.executor_pid = pid


def _say_draining(
    framework: mesos_pb2.FrameworkInfo,
    status: mesos_pb2.TaskStatus,
    config: mesos_pb2.DrainConfig,
) -> None:
    """A task that is killed while the agent is drained is so because of that."""
    if status.state == mesos_pb2.TASK_KILLING:
        status.reason = _Status.REASON_AGENT_DRAINING
    elif status.state == mesos_pb2.TASK_KILLED:
        status.reason = _Status.REASON_AGENT_DRAINING
        knows = any(one.type == _PARTITION_AWARE for one in framework.capabilities)
        if config.mark_gone and knows:
            status.state = mesos_pb2.TASK_GONE_BY_OPERATOR
