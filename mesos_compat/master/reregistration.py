"""Agents that come back: known ones, and those that were unreachable, recovered or unknown.

Source: ``Master::reregisterSlave``, ``_reregisterSlave``, ``reconcileKnownSlave``. An agent brings
what runs on it. If this master has registered it, that is compared with what the master
believes; else the master takes it over.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.master import (
    agent_events,
    agent_health,
    agents,
    frameworks,
    holdings,
    operations,
    scheduler_events,
    statuses,
    stream,
    tasks,
)
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import Reply
from mesos_compat.master.agent_removal import GONE_TEXT
from mesos_compat.master.context import Context
from mesos_compat.master.events import Route
from mesos_compat.master.registry import MarkReachable, RemoveAgent, UpdateAgent
from mesos_compat.master.state import (
    TERMINAL_STATES,
    Agent,
    Operation,
    Registration,
    Task,
    TaskKey,
)
from mesos_compat.resources import Resources
from mesos_compat.resources.formats import upgrade_all
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2


def begin(context: Context, route: Route, call: link_pb2.Call.Subscribe) -> None:
    """SUBSCRIBE of an agent that has an id."""
    state, agent_id = context.state, call.agent.id.value
    if agent_id in state.gone_agents:
        agents.turn_away(context, route, GONE_TEXT)
        return
    for transition in (state.marking_unreachable, state.marking_gone, state.removing):
        if agent_id in transition:
            context.emit(Reply(route, 503, "The agent is being removed; it may try again"))
            return
    waiting = state.reregistering.get(agent_id)
    if waiting is not None:
        agents.supersede(context, waiting, route, call)
        return
    known = state.agents.get(agent_id)
    if known is not None and _has_moved(known, call):
        agents.turn_away(
            context, route, "Agent attempted to reregister with different IP / hostname"
        )
        return
    state.reregistering[agent_id] = Registration(route, call)
    agent_health.spare(context, agent_id)
    is_admitted = known is not None or agent_id in state.recovered_agents
    operation = UpdateAgent(call.agent) if is_admitted else MarkReachable(call.agent)
    context.store(operation, lambda _changed: _admitted(context, agent_id))


def _has_moved(agent: Agent, call: link_pb2.Call.Subscribe) -> bool:
    return agent.info.hostname != call.agent.hostname or agent.address.ip != call.address.ip


def _admitted(context: Context, agent_id: str) -> None:
    """The registry has it."""
    state = context.state
    registration = state.reregistering.pop(agent_id)
    route, call = registration.route, registration.subscribe
    known = state.agents.get(agent_id)
    if known is None and agents.is_down(context, call):
        # Its machine has gone down meanwhile.
        state.recovered_agents.pop(agent_id, None)
        state.unreachable_agents.pop(agent_id, None)
        context.store(RemoveAgent(agent_id), lambda _changed: None)
        agents.turn_away(context, route, "Machine is `DOWN`")
        return
    context.metrics.count("slave_reregistrations")
    if known is not None:
        _compare(context, known, route, call)
    else:
        _take_over(context, route, call)


def _copy(info: mesos_pb2.AgentInfo) -> mesos_pb2.AgentInfo:
    kept = mesos_pb2.AgentInfo()
    kept.CopyFrom(info)
    return kept


# An agent that this master has not registered, or has given up.


def _take_over(context: Context, route: Route, call: link_pb2.Call.Subscribe) -> None:
    state, agent_id = context.state, call.agent.id.value
    completed = [info.id.value for info in call.frameworks if _is_completed(context, info)]
    agent = agents.make(context, _copy(call.agent), call)
    agent.reregistered_ns = context.now.wall_ns
    recovered = state.recovered_agents.pop(agent_id, None)
    unreachable = state.unreachable_agents.pop(agent_id, None)
    before = recovered or unreachable
    if before is not None:
        agent.drain_info, agent.is_deactivated = before.drain_info, before.is_deactivated
        agent.drain_start_ns = context.now.wall_ns
    agents.take_in(context, agent)
    brought = _take_over_contents(context, agent, call)
    agents.tell_allocator(context, agent)
    agents.connect(context, agent, route, is_back=True)
    _kill_unwanted(context, agent, call)
    _bring_up_to_date(context, agent)
    for framework_id in completed:
        context.tell_agent(agent, agent_events.shutdown_framework(framework_id))
    if recovered is None:
        _tell_back(context, brought, was_unreachable=unreachable is not None)
    stream.agent_added(context, agent)
    for task in brought:
        stream.task_added(context, task, state.frameworks[task.framework_id].info)


def _is_completed(context: Context, info: mesos_pb2.FrameworkInfo) -> bool:
    """Whether a framework has ended; if not, it is known from now on."""
    return frameworks.recover(context, info) is None


def _take_over_contents(
    context: Context, agent: Agent, call: link_pb2.Call.Subscribe
) -> list[Task]:
    """Take over tasks, executors and operations of frameworks that are known; the tasks."""
    state = context.state
    for one in call.executors:
        framework = state.frameworks.get(one.info.framework_id.value)
        if framework is not None:
            info = mesos_pb2.ExecutorInfo()
            info.CopyFrom(one.info)
            upgrade_all(info)
            holdings.add_executor(agent, info, framework.framework_id)
            framework.agent_ids[agent.agent_id] = None
    for framework in state.frameworks.values():
        # Whatever was there is known again, or is not there any more.
        for task in list(framework.unreachable_tasks.values()):
            if task.agent_id == agent.agent_id:
                del framework.unreachable_tasks[task.task_id]
    brought = []
    for message in call.tasks:
        framework = state.frameworks.get(message.framework_id.value)
        if framework is not None and message.task_id.value not in framework.tasks:
            task = _task_of(message)
            tasks.keep(framework, agent, task)
            brought.append(task)
    for operation in call.operations:
        _take_over_operation(context, agent, operation)
    for completed in call.completed_frameworks:
        _take_over_completed(context, completed)
    return brought


def _task_of(message: mesos_pb2.Task) -> Task:
    kept = mesos_pb2.Task()
    kept.CopyFrom(message)
    upgrade_all(kept)
    return Task(kept, Resources(kept.resources))


def _take_over_operation(context: Context, agent: Agent, message: mesos_pb2.Operation) -> None:
    kept = mesos_pb2.Operation()
    kept.CopyFrom(message)
    framework_id = kept.framework_id.value if kept.HasField("framework_id") else None
    framework = context.state.frameworks.get(framework_id or "")
    operations.keep(Operation(kept, framework_id, agent.agent_id), agent, framework)


def _take_over_completed(context: Context, completed: link_pb2.Call.CompletedFramework) -> None:
    """Tasks that ended while another master led can be looked at here too."""
    framework = context.state.frameworks.get(completed.info.id.value)
    if framework is None:
        return
    known = dict.fromkeys(task.task_id.value for task in framework.completed_tasks)
    for message in completed.tasks:
        if message.task_id.value not in known:
            kept = mesos_pb2.Task()
            kept.CopyFrom(message)
            tasks.complete(framework, kept)


def _tell_back(context: Context, brought: Iterable[Task], *, was_unreachable: bool) -> None:
    """Frameworks that have given tasks up hear how they are."""
    # So it is written in Mesos.
    message = (
        "Unreachable agent re-reregistered" if was_unreachable else "Unknown agent reregistered"
    )
    for task in brought:
        status = statuses.make_latest(
            context, task, message, mesos_pb2.TaskStatus.REASON_AGENT_REREGISTERED
        )
        framework = context.state.frameworks[task.framework_id]
        context.tell(framework, scheduler_events.update(status))


def _bring_up_to_date(context: Context, agent: Agent) -> None:
    """Tell an agent what it has missed."""
    for framework_id in dict.fromkeys((*agent.tasks, *agent.executors)):
        info = context.state.frameworks[framework_id].info
        context.tell_agent(agent, agent_events.update_framework(info))
    tasks.send_kills(context, agent)
    if agent.drain_info is not None and agent.is_draining:
        context.tell_agent(agent, agent_events.drain(agent.drain_info.config))


# An agent that this master has registered.


def expected_of(context: Context, agent: Agent) -> list[tuple[TaskKey, mesos_pb2.FrameworkInfo]]:
    """Tasks that should be on an agent and that it did not tell of; see ``_compare``."""
    frameworks_known = context.state.frameworks
    return [(key, frameworks_known[key.framework_id].info) for key in agent.missing]


def _compare(context: Context, agent: Agent, route: Route, call: link_pb2.Call.Subscribe) -> None:
    state = context.state
    was_active = agent.is_active
    update(context, agent, call)
    reported = {TaskKey(task.framework_id.value, task.task_id.value): None for task in call.tasks}
    agent.missing = tuple(
        key
        for framework_id, of_framework in agent.tasks.items()
        for task_id in of_framework
        if (key := TaskKey(framework_id, task_id)) not in reported
    )
    agents.connect(context, agent, route, is_back=True)
    agent.missing = ()
    if agent.is_active and not was_active:
        context.allocator.activate_agent(agent.agent_id)
    _compare_executors(context, agent, call)
    _kill_unwanted(context, agent, call)
    for info in call.frameworks:
        if info.id.value not in state.frameworks:
            context.tell_agent(agent, agent_events.shutdown_framework(info.id.value))
    _compare_operations(context, agent, call)
    _bring_up_to_date(context, agent)
    stream.agent_added(context, agent)


def _kill_unwanted(context: Context, agent: Agent, call: link_pb2.Call.Subscribe) -> None:
    """End tasks of an agent that are not what their frameworks believe to be there.

    A framework was told that such a task is lost, or has another of the same name by now.
    """
    for message in call.tasks:
        key = TaskKey(message.framework_id.value, message.task_id.value)
        is_wanted = key.task_id in agent.tasks.get(key.framework_id, {})
        if (
            message.state not in TERMINAL_STATES
            and not is_wanted
            and key.framework_id in context.state.frameworks
        ):
            context.tell_agent(agent, agent_events.kill_task(key, None))


def update(context: Context, agent: Agent, call: link_pb2.Call.Subscribe) -> None:
    """Take over what the agent says of itself."""
    state = context.state
    if state.agents_by_pid.get(agent.pid) == agent.agent_id:
        del state.agents_by_pid[agent.pid]
    agent.info = _copy(call.agent)
    agent.version, agent.address = call.version, call.address
    agents.claim_address(context, agent)
    agent.capabilities = tuple(capability.type for capability in call.capabilities)
    agent.resource_version = call.resource_version if call.HasField("resource_version") else None
    agent.reregistered_ns = context.now.wall_ns
    total = Resources(call.resources or call.agent.resources)
    if total != agent.total:
        offering.rescind_all(context, agent.offers.values())
    agent.total = total
    context.allocator.update_agent(
        agent.agent_id,
        info=agent.info,
        total=total,
        capabilities=list(call.capabilities),
    )


def _compare_executors(context: Context, agent: Agent, call: link_pb2.Call.Subscribe) -> None:
    reported = {
        (one.info.framework_id.value, one.info.executor_id.value): None for one in call.executors
    }
    for framework_id in list(agent.executors):
        for executor_id in list(agent.executors[framework_id]):
            if (framework_id, executor_id) not in reported:
                holdings.remove_executor(context, agent, framework_id, executor_id, recover=True)
    for framework_id, executor_id in reported:
        is_known = executor_id in agent.executors.get(framework_id, {})
        if framework_id in context.state.frameworks and not is_known:
            event = agent_events.shutdown_executor(framework_id, executor_id)
            context.tell_agent(agent, event)


def _compare_operations(context: Context, agent: Agent, call: link_pb2.Call.Subscribe) -> None:
    reported = {operation.uuid.value: operation for operation in call.operations}
    missing = [uuid for uuid in agent.operations if uuid not in reported]
    if missing:
        context.tell_agent(agent, agent_events.reconcile_operations(missing))
    for uuid, operation in reported.items():
        known = operation.framework_id.value in context.state.frameworks
        if uuid not in agent.operations and known:
            _take_over_operation(context, agent, operation)
