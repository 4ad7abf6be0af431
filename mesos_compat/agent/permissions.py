"""What the agent's own ACLs permit: tasks, and calls about containers.

The master has authorized a task already; an agent does so again, because users differ from host
to host. Source: ``Slave::authorizeTask``, and the approvers in ``slave/http.cpp`` of Mesos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mesos_compat.agent.context import Context
from mesos_compat.agent.nested_calls import Purpose, Wanted
from mesos_compat.agent.state import AgentState
from mesos_compat.containers.spec import ContainerId
from mesos_compat.master import action_objects
from mesos_compat.master.authorization import allows_claims
from mesos_compat.wire.v1 import mesos_pb2

_NESTED: Final = {
    Purpose.WAIT: "wait_nested_containers",
    Purpose.KILL: "kill_nested_containers",
    Purpose.REMOVE: "remove_nested_containers",
}
_STANDALONE: Final = {
    Purpose.LAUNCH: "launch_standalone_containers",
    Purpose.WAIT: "wait_standalone_containers",
    Purpose.KILL: "kill_standalone_containers",
    Purpose.REMOVE: "remove_standalone_containers",
}


def first_refused(
    context: Context, framework: mesos_pb2.FrameworkInfo, tasks: Sequence[mesos_pb2.TaskInfo]
) -> mesos_pb2.TaskInfo | None:
    """The first task that the framework may not run here; None when it may run all."""
    principal = framework.principal if framework.HasField("principal") else None
    wanted = ((task, action_objects.run_task(task, framework)) for task in tasks)
    return next(
        (task for task, one in wanted if not one.is_allowed(context.authorizer, principal)), None
    )


def may_handle(
    context: Context, wanted: Wanted, principal: str | None, claims: Mapping[str, str] | None
) -> bool:
    """Whether a call about a container may be made.

    Who has only the claims of a token is an executor, and may handle what is in its container.
    """
    root = wanted.container_id[0]
    is_executors = root in context.state.executors_by_container
    is_standalone = not is_executors and len(wanted.container_id) == 1
    if principal is None and claims:
        action = _STANDALONE[wanted.purpose] if is_standalone else "wait_nested_containers"
        return allows_claims(action, claims, root)
    if is_standalone:
        return context.authorizer.allows(_STANDALONE[wanted.purpose], principal)
    user = user_of(context.state, wanted.container_id)
    if wanted.purpose is Purpose.LAUNCH:
        return action_objects.allows_nested_launch(
            context.authorizer, principal, wanted.command, user, session=wanted.is_session
        )
    return context.authorizer.allows(_NESTED[wanted.purpose], principal, users=user)


def user_of(state: AgentState, container_id: ContainerId) -> str | None:
    """As whom the executor was to run whose container this is, or is in: the object of ACLs.

    None for a container that is no executor's.
    """
    executor = state.executors_by_container.get(container_id[0])
    if executor is None:
        return None
    framework = state.frameworks[executor.framework_id]
    return action_objects.executor_user(executor.info, framework.info)
