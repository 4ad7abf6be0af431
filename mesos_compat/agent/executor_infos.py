"""Executors that the agent makes, and the containers that executors run in.

Source: ``Slave::getExecutorInfo``, ``defaultExecutorCommandInfo`` and
``Slave::launchExecutor`` of Mesos.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.agent import environment, tasks
from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.state import Executor
from mesos_compat.containers.spec import ContainerSpec
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2

# What the executor of a command task may use on top of the task, so that a task which needs all
# it asked for has it: a small overcommitment of the agent.
_OVERHEAD: Final = "cpus:0.1;mem:32"
# The executor reaps its task within a second, and is then given another to tell about it.
_REAP_NS: Final = 1_000_000_000
_MARGIN_NS: Final = 1_000_000_000
_SHOWN_CHARS: Final = 15


def for_command(
    task: mesos_pb2.TaskInfo, framework: mesos_pb2.FrameworkInfo
) -> mesos_pb2.ExecutorInfo:
    """The executor that runs one task's command; its id is the task's."""
    info = mesos_pb2.ExecutorInfo(
        executor_id=mesos_pb2.ExecutorID(value=task.task_id.value),
        framework_id=framework.id,
        name=f"Command Executor (Task: {task.task_id.value}) (Command: {_shown(task.command)})",
        source=task.task_id.value,
    )
    command = info.command
    command.shell = False
    command.uris.extend(task.command.uris)
    for variable in task.command.environment.variables:
        # Our executor is written in Python, and a task's settings of its own Python would
        # break it. The task gets them from its TaskInfo.
        if not variable.name.startswith("PYTHON"):
            command.environment.variables.add().CopyFrom(variable)
    if task.command.HasField("user"):
        command.user = task.command.user
    if task.HasField("container"):
        info.container.CopyFrom(task.container)
    if task.HasField("labels"):
        info.labels.CopyFrom(task.labels)
    if task.HasField("discovery"):
        info.discovery.CopyFrom(task.discovery)
    if task.kill_policy.HasField("grace_period"):
        grace_ns = task.kill_policy.grace_period.nanoseconds
        info.shutdown_grace_period.nanoseconds = grace_ns + _REAP_NS + _MARGIN_NS
    overhead = Resources.parse(_OVERHEAD)
    roles = list(Resources(task.resources).allocations())
    if roles:
        overhead = overhead.allocate(roles[0])
    info.resources.extend(overhead)
    return info


def _shown(command: mesos_pb2.CommandInfo) -> str:
    """As much of a command as its executor's name shows."""
    if command.shell:
        return f"sh -c '{_cut(command.value)}'" if command.HasField("value") else "NO COMMAND"
    if not command.HasField("value"):
        return "NO EXECUTABLE"
    return f"[{_cut(', '.join((command.value, *command.arguments)))}]"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 3]}..."


def container_spec(settings: AgentSettings, agent_id: str, executor: Executor) -> ContainerSpec:
    """The container of an executor that is to be launched."""
    info = executor.info
    told = environment.executor_environment(settings, agent_id, executor)
    command = mesos_pb2.CommandInfo()
    command.CopyFrom(info.command)
    program: tuple[str, ...] = ()
    if executor.is_generated:
        program = settings.command_executor
    elif info.type == mesos_pb2.ExecutorInfo.DEFAULT:
        program = settings.default_executor
    if program:
        command.shell = False
        command.value = program[0]
        del command.arguments[:]
        command.arguments.extend(program)
        told = {**settings.program_environment, **told}
    return ContainerSpec(
        container_id=(executor.container_id,),
        command=command,
        sandbox=executor.sandbox,
        environment=told,
        container=info.container if info.HasField("container") else None,
        resources=tuple(executor.allocated),
        limits=tasks.limits_of(executor),
        user=executor.user,
        checkpoint=executor.checkpoint,
    )


def user_of(
    settings: AgentSettings,
    framework: mesos_pb2.FrameworkInfo,
    executor: mesos_pb2.ExecutorInfo,
) -> str | None:
    """As whom an executor runs; None is whoever the agent runs as."""
    if not settings.switch_user:
        return None
    if executor.command.HasField("user"):
        return executor.command.user
    return framework.user or None
