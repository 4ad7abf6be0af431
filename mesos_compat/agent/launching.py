"""RUN_TASK and RUN_TASK_GROUP: from the master's word to an executor's queue.

Source: ``Slave::run`` and ``__run`` of Mesos. What cannot be launched any more, for no fault of the
task's, is answered by TASK_DROPPED, and what this agent's ACLs forbid by TASK_ERROR. What can be
is checkpointed before anything is started for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mesos_compat.agent import (
    checkpoint,
    executor_infos,
    executors,
    link_calls,
    permissions,
    removal,
    tasks,
)
from mesos_compat.agent.checkpoint import Record
from mesos_compat.agent.context import Context
from mesos_compat.agent.state import (
    Delivery,
    Executor,
    ExecutorKey,
    ExecutorState,
    Framework,
    Phase,
)
from mesos_compat.resources import Resources
from mesos_compat.resources.convert import needs_checkpointing
from mesos_compat.resources.formats import upgrade_all
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_Status = mesos_pb2.TaskStatus


@dataclass(frozen=True, slots=True)
class _Launch:
    """What the master asks for, a task alone or a group alike."""

    framework: mesos_pb2.FrameworkInfo
    executor: mesos_pb2.ExecutorInfo
    infos: Sequence[mesos_pb2.TaskInfo]
    is_group: bool
    # Whether the agent makes the executor, for one command task.
    is_generated: bool
    launch_executor: bool
    resource_version: bytes | None

    @property
    def task_ids(self) -> list[str]:
        return [info.task_id.value for info in self.infos]

    @property
    def resources(self) -> Resources:
        """What all of it uses."""
        used = sum((Resources(info.resources) for info in self.infos), Resources())
        return used + Resources(self.executor.resources)


def run_task(context: Context, call: link_pb2.Event.RunTask) -> None:
    """RUN_TASK."""
    is_generated = not call.task.HasField("executor")
    if is_generated:
        executor = executor_infos.for_command(call.task, call.framework)
    else:
        executor = _whole(call.task.executor, call.framework)
    version = call.resource_version if call.HasField("resource_version") else None
    _run(
        context,
        _Launch(
            call.framework,
            executor,
            [call.task],
            is_group=False,
            is_generated=is_generated,
            launch_executor=call.launch_executor,
            resource_version=version,
        ),
    )


def run_task_group(context: Context, call: link_pb2.Event.RunTaskGroup) -> None:
    """RUN_TASK_GROUP."""
    version = call.resource_version if call.HasField("resource_version") else None
    _run(
        context,
        _Launch(
            call.framework,
            _whole(call.executor, call.framework),
            call.task_group.tasks,
            is_group=True,
            is_generated=False,
            launch_executor=call.launch_executor,
            resource_version=version,
        ),
    )


def _whole(
    info: mesos_pb2.ExecutorInfo, framework: mesos_pb2.FrameworkInfo
) -> mesos_pb2.ExecutorInfo:
    kept = mesos_pb2.ExecutorInfo()
    kept.CopyFrom(info)
    upgrade_all(kept)
    # Its type stays as it is, unset too: the master compares it with those of later tasks.
    kept.framework_id.CopyFrom(framework.id)
    return kept


def _run(context: Context, launch: _Launch) -> None:
    state = context.state
    if state.phase is not Phase.RUNNING:
        return
    known = state.frameworks.get(launch.framework.id.value)
    if known is not None and any(_is_here(known, task_id) for task_id in launch.task_ids):
        # It came again; what becomes of it is told anyway.
        return
    executor = None
    if known is not None:
        executor = known.executors.get(launch.executor.executor_id.value)
    fault = _fault(context, launch, executor)
    if known is not None and known.is_terminating:
        # The framework is not over for whoever sends this: another master has said so before.
        fault = _Fault("Framework is being shut down", _Status.REASON_EXECUTOR_TERMINATED)
    if fault is not None:
        _refuse(context, launch, executor, fault)
        return
    framework = removal.framework_of(context, launch.framework)
    records: list[Record] = []
    is_new = executor is None
    if executor is None:
        executor = executors.add(
            context, framework, launch.executor, is_generated=launch.is_generated
        )
        if executor.checkpoint:
            records.append(checkpoint.framework_info(state.agent_id, framework.info))
            records += checkpoint.executor_info(
                executor.run_path, executor.info, is_generated=launch.is_generated
            )
    delivery = Delivery(tuple(launch.task_ids), is_group=launch.is_group)
    executor.queue.append(delivery)
    for info in launch.infos:
        task = tasks.make(info, framework.framework_id)
        executor.queued[task.task_id] = task
        framework.holders[task.task_id] = executor
        context.note(task.task_id, f"queued for executor {executor.executor_id}")
        if executor.checkpoint:
            records.append(checkpoint.task_info(executor.run_path, task.message))
    queued_for = executor

    def stored() -> None:
        delivery.is_stored = True
        if is_new:
            executors.launch(context, queued_for)
        else:
            tasks.deliver(context, queued_for)

    context.store(records, stored)


class _Fault(NamedTuple):
    """Why tasks are not launched, as their last status says it."""

    message: str
    reason: mesos_pb2.TaskStatus.Reason
    # For no fault of theirs, unless it says otherwise.
    state: mesos_pb2.TaskState = mesos_pb2.TASK_DROPPED


def _is_here(framework: Framework, task_id: str) -> bool:
    task = framework.find(task_id)
    return task is not None and not task.is_terminal


def _fault(context: Context, launch: _Launch, executor: Executor | None) -> _Fault | None:
    """Why this cannot be launched; None when it can."""
    state = context.state
    if state.drain_config is not None:
        text = "Task was received while agent was already draining"
        return _Fault(text, _Status.REASON_AGENT_DRAINING)
    refused = permissions.first_refused(context, launch.framework, launch.infos)
    if refused is not None:
        text = (
            f"Framework {launch.framework.id.value} is not authorized to launch task"
            f" {refused.task_id.value}"
        )
        if launch.is_group:
            reason = _Status.REASON_TASK_GROUP_UNAUTHORIZED
        else:
            reason = _Status.REASON_TASK_UNAUTHORIZED
        return _Fault(text, reason, mesos_pb2.TASK_ERROR)
    version = launch.resource_version
    if version is not None and version != state.resource_version:
        return _Fault("Task assumes outdated resource state", _Status.REASON_INVALID_OFFERS)
    marked = launch.resources.unallocate().filter(needs_checkpointing)
    if not state.total.contains(marked):
        what = "task group" if launch.is_group else "task"
        text = f"The checkpointed resources being used by the {what} are unknown to the agent"
        return _Fault(text, _Status.REASON_RESOURCES_UNKNOWN)
    why = _executor_fault(launch, executor)
    return None if why is None else _Fault(why, _Status.REASON_EXECUTOR_TERMINATED)


def _executor_fault(launch: _Launch, executor: Executor | None) -> str | None:
    if executor is None:
        if launch.launch_executor:
            return None
        return "No executor is expected to launch and there is none running"
    if launch.is_generated:
        return "Cannot reuse an already existing executor for a command task"
    if launch.launch_executor:
        return "Master wants to launch executor, but one already exists"
    if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return "Executor terminating/terminated"
    return None


def _refuse(context: Context, launch: _Launch, executor: Executor | None, fault: _Fault) -> None:
    tasks.refuse(
        context, launch.framework, launch.task_ids, fault.state, fault.message, fault.reason
    )
    # One that has ended is kept until its last statuses are acknowledged; the master has forgotten
    # it by then.
    is_gone = executor is None or executor.state is ExecutorState.TERMINATED
    if launch.launch_executor and is_gone and not launch.is_generated:
        # The master believes that it is there, and counts what it uses.
        key = ExecutorKey(launch.framework.id.value, launch.executor.executor_id.value)
        context.tell_exit(link_calls.exited_executor(key, None))
