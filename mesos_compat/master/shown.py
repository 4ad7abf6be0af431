"""Agents, frameworks and tasks as the operator API shows them.

Source: ``createAgentResponse``, ``model(Framework)`` and the handlers of GET_STATE in Mesos.
Resources are in the form of endpoints, which has both ways of writing reservations, except for
those of tasks and agents' infos, which have the newer one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mesos_compat.master import action_objects
from mesos_compat.master.authorization import Authorizer
from mesos_compat.master.state import Agent, Framework, MasterState, Task
from mesos_compat.resources import Format, Resources
from mesos_compat.wire.v1 import master_pb2, mesos_pb2

_Response = master_pb2.Response


class Viewer:
    """What one principal may see."""

    __slots__ = ("_authorizer", "_executors", "_frameworks", "_principal", "_roles", "_tasks")

    def __init__(self, authorizer: Authorizer, principal: str | None) -> None:
        self._authorizer, self._principal = authorizer, principal
        self._frameworks = authorizer.filter("view_frameworks", principal)
        self._tasks = authorizer.filter("view_tasks", principal)
        self._executors = authorizer.filter("view_executors", principal)
        self._roles = authorizer.filter("view_roles", principal)

    def sees_framework(self, info: mesos_pb2.FrameworkInfo) -> bool:
        """VIEW_FRAMEWORK."""
        return self._frameworks.allows(info.user)

    def sees_task(self, task: mesos_pb2.Task, info: mesos_pb2.FrameworkInfo) -> bool:
        """VIEW_TASK; who may not see the framework sees none of its tasks."""
        return self.sees_framework(info) and self._tasks.allows(
            action_objects.task_view_user(task, info)
        )

    def sees_executor(
        self, executor: mesos_pb2.ExecutorInfo, info: mesos_pb2.FrameworkInfo
    ) -> bool:
        """VIEW_EXECUTOR; who may not see the framework sees none of its executors."""
        return self.sees_framework(info) and self._executors.allows(
            action_objects.executor_user(executor, info)
        )

    def sees_role(self, role: str) -> bool:
        """VIEW_ROLE."""
        return self._roles.allows(role)

    @property
    def sees_all_roles(self) -> bool:
        """Whether there is no need to ask about each role."""
        return self._roles.allows_all

    def visible(self, resources: Resources) -> Resources:
        """What is not reserved for, nor allocated to, a role that must not be seen."""
        if self.sees_all_roles:
            return resources
        return resources.select(
            lambda kind: (
                all(self.sees_role(one.role) for one in kind.reservations)
                and (kind.allocated_to is None or self.sees_role(kind.allocated_to))
            )
        )


def agent(one: Agent, viewer: Viewer) -> master_pb2.Response.GetAgents.Agent:
    """A registered agent."""
    made = _Response.GetAgents.Agent(
        agent_info=_agent_info(one.info, viewer),
        active=one.is_active,
        deactivated=one.is_deactivated,
        version=one.version,
        pid=one.pid,
        total_resources=viewer.visible(one.total).messages(Format.ENDPOINT),
        allocated_resources=_shown(one.used.values(), viewer),
        offered_resources=_shown((offer.resources for offer in one.offers.values()), viewer),
    )
    made.registered_time.nanoseconds = one.registered_ns
    if one.reregistered_ns:
        made.reregistered_time.nanoseconds = one.reregistered_ns
    for capability in one.capabilities:
        made.capabilities.add(type=capability)
    if one.drain_info is not None:
        made.drain_info.CopyFrom(one.drain_info)
        made.estimated_drain_start_time.nanoseconds = one.drain_start_ns
    return made


def _agent_info(info: mesos_pb2.AgentInfo, viewer: Viewer) -> mesos_pb2.AgentInfo:
    """Without resources of roles that must not be seen."""
    if viewer.sees_all_roles:
        return info
    made = mesos_pb2.AgentInfo()
    made.CopyFrom(info)
    del made.resources[:]
    made.resources.extend(
        one for one in info.resources if viewer.visible(Resources([one])) == Resources([one])
    )
    return made


def _shown(parts: Iterable[Resources], viewer: Viewer) -> list[mesos_pb2.Resource]:
    return viewer.visible(sum(parts, Resources())).messages(Format.ENDPOINT)


def framework(one: Framework, state: MasterState) -> master_pb2.Response.GetFrameworks.Framework:
    """A framework, completed ones included."""
    made = _Response.GetFrameworks.Framework(
        framework_info=one.info,
        active=one.is_connected,
        connected=one.is_connected,
        recovered=one.is_recovered,
        offers=[offer.message for offer in one.offers.values()],
        inverse_offers=[offer.message for offer in one.inverse_offers.values()],
        allocated_resources=used_by(one, state).messages(Format.ENDPOINT),
        offered_resources=offered_to(one).messages(Format.ENDPOINT),
    )
    made.registered_time.nanoseconds = one.registered_ns
    made.reregistered_time.nanoseconds = one.reregistered_ns
    if one.unregistered_ns:
        made.unregistered_time.nanoseconds = one.unregistered_ns
    if one.offer_constraints is not None:
        made.offer_constraints.CopyFrom(one.offer_constraints)
    else:
        made.offer_constraints.SetInParent()
    return made


def used_by(one: Framework, state: MasterState) -> Resources:
    """What a framework's tasks and executors use, on all agents."""
    known = (state.agents.get(agent_id) for agent_id in one.agent_ids)
    return sum(
        (
            agent.used[one.framework_id]
            for agent in known
            if agent is not None and one.framework_id in agent.used
        ),
        Resources(),
    )


def offered_to(one: Framework) -> Resources:
    """What a framework is offered just now."""
    return sum((offer.resources for offer in one.offers.values()), Resources())


def get_state(state: MasterState, viewer: Viewer) -> master_pb2.Response.GetState:
    """GET_STATE, as far as ``viewer`` may see it."""
    return _Response.GetState(
        get_tasks=get_tasks(state, viewer),
        get_executors=get_executors(state, viewer),
        get_frameworks=get_frameworks(state, viewer),
        get_agents=get_agents(state, viewer),
    )


def get_tasks(state: MasterState, viewer: Viewer) -> master_pb2.Response.GetTasks:
    """GET_TASKS, as far as ``viewer`` may see it."""
    made = _Response.GetTasks()
    for one in (*state.frameworks.values(), *state.completed_frameworks.values()):
        if not viewer.sees_framework(one.info):
            continue
        sees = _task_filter(one, viewer)
        made.tasks.extend(_messages(one.tasks.values(), sees))
        made.unreachable_tasks.extend(_messages(one.unreachable_tasks.values(), sees))
        made.completed_tasks.extend(task for task in one.completed_tasks if sees(task))
    return made


def _task_filter(one: Framework, viewer: Viewer) -> Callable[[mesos_pb2.Task], bool]:
    return lambda task: viewer.sees_task(task, one.info)


def _messages(
    tasks: Iterable[Task], sees: Callable[[mesos_pb2.Task], bool]
) -> Iterable[mesos_pb2.Task]:
    return (task.message for task in tasks if sees(task.message))


def get_executors(state: MasterState, viewer: Viewer) -> master_pb2.Response.GetExecutors:
    """GET_EXECUTORS, as far as ``viewer`` may see it."""
    made = _Response.GetExecutors()
    for agent_id, one in state.agents.items():
        for framework_id, executors in one.executors.items():
            info = state.frameworks[framework_id].info
            for executor in executors.values():
                if viewer.sees_executor(executor, info):
                    made.executors.add(
                        executor_info=executor, agent_id=mesos_pb2.AgentID(value=agent_id)
                    )
    return made


def get_frameworks(state: MasterState, viewer: Viewer) -> master_pb2.Response.GetFrameworks:
    """GET_FRAMEWORKS, as far as ``viewer`` may see it."""
    return _Response.GetFrameworks(
        frameworks=_frameworks(state.frameworks.values(), state, viewer),
        completed_frameworks=_frameworks(state.completed_frameworks.values(), state, viewer),
    )


def _frameworks(
    known: Iterable[Framework], state: MasterState, viewer: Viewer
) -> list[master_pb2.Response.GetFrameworks.Framework]:
    return [framework(one, state) for one in known if viewer.sees_framework(one.info)]


def get_agents(state: MasterState, viewer: Viewer) -> master_pb2.Response.GetAgents:
    """GET_AGENTS, as far as ``viewer`` may see it."""
    return _Response.GetAgents(
        agents=[agent(one, viewer) for one in state.agents.values()],
        recovered_agents=[_agent_info(one.info, viewer) for one in state.recovered_agents.values()],
    )
