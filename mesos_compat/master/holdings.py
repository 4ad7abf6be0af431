"""What frameworks use on agents: the executors there, and the sums of what is used.

The allocator is told where resources become free; here they are only counted.
"""

from __future__ import annotations

from mesos_compat.errors import invariant
from mesos_compat.master.context import Context
from mesos_compat.master.state import Agent
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2


def use(agent: Agent, framework_id: str, resources: Resources) -> None:
    """The framework uses ``resources`` of the agent, besides what it did."""
    if resources:
        agent.used[framework_id] = agent.used.get(framework_id, Resources()) + resources


def release(agent: Agent, framework_id: str, resources: Resources) -> None:
    """The framework uses ``resources`` no longer."""
    if not resources:
        return
    used = agent.used.get(framework_id, Resources())
    invariant(
        used.contains(resources),
        "what is released was used",
        agent_id=agent.agent_id,
        framework_id=framework_id,
        released=resources,
        used=used,
    )
    left = used - resources
    if left:
        agent.used[framework_id] = left
    else:
        del agent.used[framework_id]


def has_any(agent: Agent, framework_id: str) -> bool:
    """Whether there is anything of the framework on the agent, as far as is known."""
    return (
        framework_id in agent.tasks
        or framework_id in agent.executors
        or any(one.framework_id == framework_id for one in agent.operations.values())
    )


def leave(context: Context, agent: Agent, framework_id: str) -> None:
    """Something of the framework was taken off the agent, which was its last there perhaps."""
    framework = context.state.frameworks.get(framework_id)
    if framework is not None and not has_any(agent, framework_id):
        framework.agent_ids.pop(agent.agent_id, None)


def add_executor(agent: Agent, executor: mesos_pb2.ExecutorInfo, framework_id: str) -> Resources:
    """An executor will run there; what it uses."""
    kept = mesos_pb2.ExecutorInfo()
    kept.CopyFrom(executor)
    agent.executors.setdefault(framework_id, {})[executor.executor_id.value] = kept
    resources = Resources(executor.resources)
    use(agent, framework_id, resources)
    return resources


def remove_executor(
    context: Context, agent: Agent, framework_id: str, executor_id: str, *, recover: bool
) -> bool:
    """An executor does not run there any more; False when none was known.

    ``recover`` is False when the allocator forgets all of the agent or of the framework anyhow.
    """
    executors = agent.executors.get(framework_id, {})
    executor = executors.pop(executor_id, None)
    if executor is None:
        return False
    if not executors:
        del agent.executors[framework_id]
    leave(context, agent, framework_id)
    resources = Resources(executor.resources)
    release(agent, framework_id, resources)
    if recover and resources:
        context.allocator.recover_resources(
            framework_id, agent.agent_id, resources, None, context.now.mono_ms
        )
    return True
