"""Agents: registered, connected, disconnected.

Source: ``Master::registerSlave``, ``addSlave``, ``disconnect(Slave*)``. An agent is one of

===========  ==================================================================================
registered   admitted by the registry; connected, or disconnected and expected back
recovered    admitted before this master led, and not back yet
unreachable  given up; may come back with its tasks
gone         an operator says that it will not; may not come back
===========  ==================================================================================

or unknown. How one comes back is in :mod:`~mesos_compat.master.reregistration`, how one is given
up in :mod:`~mesos_compat.master.agent_health`, how one goes in
:mod:`~mesos_compat.master.agent_removal`.
"""

from __future__ import annotations

from mesos_compat.master import (
    action_objects,
    agent_events,
    agent_removal,
    holdings,
    inverse_offers,
    reregistration,
    statuses,
    stream,
    tasks,
)
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import CloseAgent, OpenAgent, Reply, SendToAgent
from mesos_compat.master.context import Context
from mesos_compat.master.events import AgentSubscribed, Route
from mesos_compat.master.registry import AdmitAgent, RemoveAgent
from mesos_compat.master.settings import agent_rules
from mesos_compat.master.state import (
    TERMINAL_STATES,
    Agent,
    Framework,
    Machine,
    Registration,
    pid_of,
)
from mesos_compat.master.timers import Timer, TimerKind
from mesos_compat.master.validation.agent import validate_subscribe
from mesos_compat.master.validation.maintenance import machine_key
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_DOWN = mesos_pb2.MachineInfo.DOWN


def subscribe(context: Context, event: AgentSubscribed) -> None:
    """SUBSCRIBE: a new agent, or one that is back. The stream opens when the registry has it."""
    call = event.call.subscribe
    has_id = call.agent.HasField("id")
    context.metrics.count("messages_reregister_slave" if has_id else "messages_register_slave")
    rules = agent_rules(context.settings, context.state.info)
    fault = validate_subscribe(call, rules)
    if fault is not None:
        context.emit(Reply(event.route, 400, fault))
        return
    denied = action_objects.first_denied(
        action_objects.register_agent(call.agent), context.authorizer, event.principal
    )
    if denied is not None:
        context.emit(Reply(event.route, 403, f"Not authorized to {denied.text}"))
    elif is_down(context, call):
        turn_away(context, event.route, "Machine is `DOWN`")
    elif has_id:
        reregistration.begin(context, event.route, call)
    else:
        _register(context, event.route, call)


def machine_id_of(call: link_pb2.Call.Subscribe) -> mesos_pb2.MachineID:
    """The machine that an agent is on."""
    machine_id = mesos_pb2.MachineID(hostname=call.agent.hostname.lower())
    if call.address.HasField("ip"):
        machine_id.ip = call.address.ip
    return machine_id


def is_down(context: Context, call: link_pb2.Call.Subscribe) -> bool:
    """Whether no agent is wanted on its machine."""
    machine = context.state.machines.get(machine_key(machine_id_of(call)))
    return machine is not None and machine.info.mode == _DOWN


def turn_away(context: Context, route: Route, why: str) -> None:
    """Tell an agent that wants to subscribe to end itself."""
    context.emit(OpenAgent(route, context.new_stream_id()))
    context.emit(SendToAgent(route, agent_events.shutdown(why)))
    context.emit(CloseAgent(route))


def _register(context: Context, route: Route, call: link_pb2.Call.Subscribe) -> None:
    state, pid = context.state, pid_of(call.address)
    waiting = state.registering.get(pid)
    if waiting is not None:
        supersede(context, waiting, route, call)
        return
    known = state.agents.get(state.agents_by_pid.get(pid, ""))
    if known is not None and _is_unused(known) and _is_as_before(known, call):
        # It has not heard that it is registered.
        _register_again(context, known, route, call)
        return
    if known is not None:
        _replaced(context, known)
    agent_id = f"{state.info.id}-S{state.next_agent}"
    state.next_agent += 1
    admitted = mesos_pb2.AgentInfo()
    admitted.CopyFrom(call.agent)
    admitted.id.value = agent_id
    state.registering[pid] = Registration(route, call)
    context.store(AdmitAgent(admitted), lambda _changed: _registered(context, pid, admitted))


def _replaced(context: Context, agent: Agent) -> None:
    why = "a new agent registered at the same address"
    agent_removal.remove(context, agent, why, "registered")


def claim_address(context: Context, agent: Agent) -> None:
    """The agent is found at its address, and so whoever was there before is not any more."""
    state = context.state
    other = state.agents.get(state.agents_by_pid.get(agent.pid, ""))
    if other is not None and other is not agent:
        _replaced(context, other)
    state.agents_by_pid[agent.pid] = agent.agent_id


def _is_unused(agent: Agent) -> bool:
    return not (agent.tasks or agent.executors or agent.operations)


def _is_as_before(agent: Agent, call: link_pb2.Call.Subscribe) -> bool:
    before = mesos_pb2.AgentInfo()
    before.CopyFrom(agent.info)
    before.ClearField("id")
    return before == call.agent and agent.version == call.version


def _register_again(
    context: Context, agent: Agent, route: Route, call: link_pb2.Call.Subscribe
) -> None:
    was_active = agent.is_active
    told = link_pb2.Call.Subscribe()
    told.CopyFrom(call)
    told.agent.id.value = agent.agent_id
    reregistration.update(context, agent, told)
    connect(context, agent, route, is_back=False)
    if agent.is_active and not was_active:
        context.allocator.activate_agent(agent.agent_id)


def supersede(
    context: Context, waiting: Registration, route: Route, call: link_pb2.Call.Subscribe
) -> None:
    """The same agent asks once more, before it was answered."""
    context.emit(Reply(waiting.route, 409, "Another SUBSCRIBE of this agent came after"))
    waiting.route, waiting.subscribe = route, call


def _registered(context: Context, pid: str, admitted: mesos_pb2.AgentInfo) -> None:
    """A new agent is in the registry."""
    registration = context.state.registering.pop(pid)
    if is_down(context, registration.subscribe):
        # Its machine has gone down meanwhile.
        context.store(RemoveAgent(admitted.id.value), lambda _changed: None)
        turn_away(context, registration.route, "Machine is `DOWN`")
        return
    agent = make(context, admitted, registration.subscribe)
    take_in(context, agent)
    tell_allocator(context, agent)
    context.metrics.count("slave_registrations")
    connect(context, agent, registration.route, is_back=False)
    stream.agent_added(context, agent)


def make(context: Context, info: mesos_pb2.AgentInfo, call: link_pb2.Call.Subscribe) -> Agent:
    """An agent as it says it is, with nothing running on it."""
    return Agent(
        info.id.value,
        info,
        version=call.version,
        address=call.address,
        machine_id=machine_id_of(call),
        capabilities=tuple(capability.type for capability in call.capabilities),
        total=Resources(call.resources or call.agent.resources),
        resource_version=call.resource_version if call.HasField("resource_version") else None,
        registered_ns=context.now.wall_ns,
    )


def take_in(context: Context, agent: Agent) -> None:
    """Know an agent and its machine, and begin to count its silence."""
    state = context.state
    state.agents[agent.agent_id] = agent
    claim_address(context, agent)
    key = machine_key(agent.machine_id)
    machine = state.machines.get(key)
    if machine is None:
        info = mesos_pb2.MachineInfo(id=agent.machine_id, mode=mesos_pb2.MachineInfo.UP)
        machine = state.machines[key] = Machine(info)
    machine.agent_ids[agent.agent_id] = None
    context.timers.set(
        Timer(TimerKind.AGENT_PING, agent.agent_id),
        context.now.mono_ms + context.settings.agent_ping_timeout_ms,
    )


def tell_allocator(context: Context, agent: Agent) -> None:
    """Let the allocator know of an agent, and of what is used there."""
    machine = context.state.machines[machine_key(agent.machine_id)].info
    context.allocator.add_agent(
        agent.agent_id,
        agent.info,
        capabilities=[
            mesos_pb2.AgentInfo.Capability(type=capability) for capability in agent.capabilities
        ],
        unavailability=machine.unavailability if machine.HasField("unavailability") else None,
        total=agent.total,
        used=agent.used,
        now_ms=context.now.mono_ms,
    )
    if agent.is_deactivated:
        context.allocator.deactivate_agent(agent.agent_id)


def connect(context: Context, agent: Agent, route: Route, *, is_back: bool) -> None:
    """Open the agent's stream, in place of one that it may have had, and greet it."""
    if agent.route is not None:
        del context.state.agent_routes[agent.route]
        context.emit(CloseAgent(agent.route))
    agent.route, agent.stream_id = route, context.new_stream_id()
    context.state.agent_routes[route] = agent.agent_id
    agent.missed_pings, agent.has_answered = 0, True
    context.timers.cancel(Timer(TimerKind.AGENT_REREGISTER, agent.agent_id))
    context.emit(OpenAgent(route, agent.stream_id))
    context.note(agent.agent_id, "reregistered" if is_back else "registered")
    event = agent_events.registered(
        agent.agent_id,
        context.settings.total_ping_timeout_ms,
        context.state.info.hostname,
        is_back=is_back,
        expected=reregistration.expected_of(context, agent) if is_back else (),
    )
    context.tell_agent(agent, event)


def lost(context: Context, route: Route) -> None:
    """A stream has ended; the agent is expected back."""
    agent_id = context.state.agent_routes.pop(route, None)
    if agent_id is not None:
        disconnect(context, context.state.agents[agent_id])


def disconnect(context: Context, agent: Agent) -> None:
    """The agent cannot be reached for now. Frameworks that do not checkpoint lose what ran there.

    That is since agents end what belongs to such frameworks when they are restarted.
    """
    agent.route, agent.stream_id = None, ""
    context.note(agent.agent_id, "disconnected")
    context.allocator.deactivate_agent(agent.agent_id)
    offering.rescind_all(context, agent.offers.values())
    inverse_offers.withdraw_all(context, agent.inverse_offers.values())
    for framework_id in list(dict.fromkeys((*agent.tasks, *agent.executors))):
        framework = context.state.frameworks[framework_id]
        if not framework.info.checkpoint:
            _lose(context, agent, framework)
    context.timers.set(
        Timer(TimerKind.AGENT_REREGISTER, agent.agent_id),
        context.now.mono_ms + context.settings.agent_reregister_timeout_ms,
    )


def _lose(context: Context, agent: Agent, framework: Framework) -> None:
    framework_id = framework.framework_id
    for task in list(agent.tasks.get(framework_id, {}).values()):
        if task.message.state in TERMINAL_STATES:
            tasks.remove(context, task)
            continue
        status = statuses.make_of(
            context,
            task,
            mesos_pb2.TASK_LOST,
            f"Agent {agent.info.hostname} disconnected",
            mesos_pb2.TaskStatus.REASON_AGENT_DISCONNECTED,
        )
        tasks.end(context, task, status)
    for executor_id in list(agent.executors.get(framework_id, ())):
        holdings.remove_executor(context, agent, framework_id, executor_id, recover=True)
