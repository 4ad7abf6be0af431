"""Frameworks: subscribed, failed over, disconnected, updated, removed.

Source: ``Master::_subscribe``, ``failoverFramework``, ``disconnect``, ``removeFramework``,
``updateFramework``. A framework is one of

============  =============================================================================
connected     its stream is open; it is offered resources
disconnected  its stream has ended, and its failover timeout has not; tasks go on
recovered     this master knows it from agents only; it may take as long as it likes
completed     removed; its id cannot be used again while it is remembered
============  =============================================================================
"""

from __future__ import annotations

from collections import deque
from math import ceil

from mesos_compat.master import (
    action_objects,
    agent_events,
    holdings,
    inverse_offers,
    scheduler_events,
    statuses,
    stream,
    tasks,
)
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import CloseScheduler, OpenScheduler, Reply, SendToScheduler
from mesos_compat.master.context import Context
from mesos_compat.master.events import Route, SchedulerCalled, SchedulerSubscribed
from mesos_compat.master.state import Framework
from mesos_compat.master.timers import Timer, TimerKind
from mesos_compat.master.validation import framework as validation
from mesos_compat.master.validation.framework import FrameworkRules
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2


def subscribe(context: Context, event: SchedulerSubscribed) -> None:
    """SUBSCRIBE. The stream opens in any case; what is wrong is said on it, and closes it."""
    call = event.call.subscribe
    info = _with_principal(call.framework_info, event.principal)
    is_new = not info.id.value
    context.metrics.count(
        "messages_register_framework" if is_new else "messages_reregister_framework"
    )
    stream_id = context.new_stream_id()
    context.emit(OpenScheduler(event.route, stream_id))
    fault = _subscribe_fault(context, call, info)
    if fault is not None:
        context.emit(SendToScheduler(event.route, scheduler_events.error(fault)))
        context.emit(CloseScheduler(event.route))
        return
    known = context.state.frameworks.get(info.id.value)
    if known is not None:
        _subscribe_again(context, known, event, info, stream_id)
        return
    if is_new:
        info.id.value = _new_id(context)
    framework = _make(context, info)
    _connect(context, framework, event, stream_id)
    _add(context, framework, call)
    _welcome(context, framework, event.call)
    stream.framework_added(context, framework)


def _with_principal(
    given: mesos_pb2.FrameworkInfo, principal: str | None
) -> mesos_pb2.FrameworkInfo:
    """A copy; who is authenticated need not say it again."""
    info = mesos_pb2.FrameworkInfo()
    info.CopyFrom(given)
    if principal is not None and not info.HasField("principal"):
        info.principal = principal
    return info


def _subscribe_fault(
    context: Context, call: scheduler_pb2.Call.Subscribe, info: mesos_pb2.FrameworkInfo
) -> str | None:
    fault = (
        validation.validate_info(info, _rules(context))
        or _wishes_fault(context, call, info)
        or action_objects.denies_registration(info, context.authorizer, _principal_of(info))
    )
    known = context.state.frameworks.get(info.id.value)
    if fault is None and known is not None:
        fault = validation.validate_principal_kept(known.info, info)
    return fault


def _rules(context: Context) -> FrameworkRules:
    settings = context.settings
    return FrameworkRules(
        roles=settings.roles,
        root_submissions=settings.root_submissions,
        completed_ids=context.state.completed_frameworks,
    )


def _principal_of(info: mesos_pb2.FrameworkInfo) -> str | None:
    return info.principal if info.HasField("principal") else None


def _wishes_fault(
    context: Context,
    call: scheduler_pb2.Call.Subscribe | scheduler_pb2.Call.UpdateFramework,
    info: mesos_pb2.FrameworkInfo,
) -> str | None:
    """Checks roles that are suppressed, and constraints on offers."""
    settings = context.settings
    return (
        validation.validate_suppressed_roles(call.suppressed_roles, info)
        or validation.validate_constraint_roles(call.offer_constraints, info)
        or validation.validate_offer_constraints(
            call.offer_constraints,
            settings.offer_constraints_re2_max_mem_bytes,
            settings.offer_constraints_re2_max_program_size,
        )
    )


def _new_id(context: Context) -> str:
    state = context.state
    while True:
        framework_id = f"{state.info.id}-{state.next_framework:04d}"
        state.next_framework += 1
        # Somebody may have brought an id of his own that looks like one of ours.
        if framework_id not in state.frameworks and framework_id not in state.completed_frameworks:
            return framework_id


def _make(context: Context, info: mesos_pb2.FrameworkInfo) -> Framework:
    return Framework(
        info.id.value,
        info,
        registered_ns=context.now.wall_ns,
        reregistered_ns=context.now.wall_ns,
        completed_tasks=deque(maxlen=context.settings.max_completed_tasks_per_framework),
    )


def _add(
    context: Context, framework: Framework, call: scheduler_pb2.Call.Subscribe | None = None
) -> None:
    """Take a framework in; ``call`` says what it wants, unless it is only known from agents."""
    if call is not None:
        _set_wishes(framework, call)
    framework_id = framework.framework_id
    context.state.frameworks[framework_id] = framework
    for agent in context.state.agents.values():
        # Agents tell of operations without the framework's info.
        for operation in agent.operations.values():
            if operation.framework_id == framework_id:
                framework.operations[operation.uuid] = operation
                framework.agent_ids[agent.agent_id] = None
                if operation.operation_id is not None:
                    framework.operation_uuids[operation.operation_id] = operation.uuid
    context.allocator.add_framework(
        framework_id,
        framework.info,
        used={},
        active=framework.is_connected,
        suppressed_roles=framework.suppressed_roles,
        offer_constraints=framework.offer_constraints,
        now_ms=context.now.mono_ms,
    )
    context.note(framework_id, "recovered" if framework.is_recovered else "subscribed")


def _set_wishes(
    framework: Framework,
    call: scheduler_pb2.Call.Subscribe | scheduler_pb2.Call.UpdateFramework,
) -> None:
    framework.suppressed_roles = dict.fromkeys(call.suppressed_roles)
    framework.offer_constraints = None
    if call.HasField("offer_constraints"):
        framework.offer_constraints = scheduler_pb2.OfferConstraints()
        framework.offer_constraints.CopyFrom(call.offer_constraints)


def _connect(
    context: Context, framework: Framework, event: SchedulerSubscribed, stream_id: str
) -> None:
    framework.route, framework.stream_id = event.route, stream_id
    context.state.scheduler_routes[event.route] = framework.framework_id


def _welcome(context: Context, framework: Framework, call: scheduler_pb2.Call) -> None:
    """SUBSCRIBED, and the first HEARTBEAT at once: some clients read one event behind."""
    context.metrics.called(framework.framework_id, call)
    settings, info = context.settings, context.state.info
    event = scheduler_events.subscribed(
        framework.framework_id, info, settings.heartbeat_interval_ms
    )
    context.tell(framework, event)
    heartbeat(context, framework.framework_id)


def heartbeat(context: Context, framework_id: str) -> None:
    """The timer FRAMEWORK_HEARTBEAT is due."""
    framework = context.state.frameworks[framework_id]
    context.tell(framework, scheduler_events.heartbeat())
    context.timers.set(
        Timer(TimerKind.FRAMEWORK_HEARTBEAT, framework_id),
        context.now.mono_ms + context.settings.heartbeat_interval_ms,
    )


def _subscribe_again(
    context: Context,
    framework: Framework,
    event: SchedulerSubscribed,
    info: mesos_pb2.FrameworkInfo,
    stream_id: str,
) -> None:
    """A new instance of the scheduler takes over, or the old one is back."""
    framework_id, call = framework.framework_id, event.call.subscribe
    if framework.route is not None:
        context.tell(framework, scheduler_events.error("Framework failed over"))
        context.emit(CloseScheduler(framework.route))
        del context.state.scheduler_routes[framework.route]
    # The instance that knew of them is gone.
    for offer in list(framework.offers.values()):
        offering.discard(context, offer)
    inverse_offers.withdraw_all(context, framework.inverse_offers.values(), rescind=False)
    context.timers.cancel(Timer(TimerKind.FRAMEWORK_FAILOVER, framework_id))
    was_active = framework.is_connected
    framework.info = validation.preserve_immutable(framework.info, info)
    framework.is_recovered = False
    framework.reregistered_ns = context.now.wall_ns
    _set_wishes(framework, call)
    _tell_allocator(context, framework)
    _connect(context, framework, event, stream_id)
    if not was_active:
        context.allocator.activate_framework(framework_id)
    context.note(framework_id, "subscribed again")
    _welcome(context, framework, event.call)
    _tell_agents(context, framework)
    stream.framework_updated(context, framework)


def _tell_allocator(context: Context, framework: Framework) -> None:
    context.allocator.update_framework(
        framework.framework_id,
        framework.info,
        suppressed_roles=framework.suppressed_roles,
        offer_constraints=framework.offer_constraints,
    )


def _tell_agents(context: Context, framework: Framework) -> None:
    """Agents that run something of it look at its info."""
    for agent_id in framework.agent_ids:
        agent = context.state.agents.get(agent_id)
        if agent is not None:
            context.tell_agent(agent, agent_events.update_framework(framework.info))


def recover(context: Context, info: mesos_pb2.FrameworkInfo) -> Framework | None:
    """An agent tells of a framework: it is known from now on, unless it is completed."""
    framework_id = info.id.value
    if framework_id in context.state.completed_frameworks:
        return None
    known = context.state.frameworks.get(framework_id)
    if known is not None:
        return known
    kept = mesos_pb2.FrameworkInfo()
    kept.CopyFrom(info)
    framework = _make(context, kept)
    framework.is_recovered = True
    _add(context, framework)
    stream.framework_added(context, framework)
    return framework


def lost(context: Context, route: Route) -> None:
    """A stream has ended. The framework may come back in time; until then its tasks go on."""
    framework_id = context.state.scheduler_routes.pop(route, None)
    if framework_id is None:
        return
    framework = context.state.frameworks[framework_id]
    framework.route, framework.stream_id = None, ""
    context.timers.cancel(Timer(TimerKind.FRAMEWORK_HEARTBEAT, framework_id))
    context.allocator.deactivate_framework(framework_id)
    for offer in list(framework.offers.values()):
        offering.rescind(context, offer)
    inverse_offers.withdraw_all(context, framework.inverse_offers.values(), rescind=False)
    context.note(framework_id, "disconnected")
    timeout_ms = ceil(framework.info.failover_timeout * 1000)
    if timeout_ms <= 0:
        remove(context, framework)
        return
    timer = Timer(TimerKind.FRAMEWORK_FAILOVER, framework_id)
    context.timers.set(timer, context.now.mono_ms + timeout_ms)


def time_out(context: Context, framework_id: str) -> None:
    """The timer FRAMEWORK_FAILOVER is due."""
    remove(context, context.state.frameworks[framework_id])


def remove(context: Context, framework: Framework) -> None:
    """The framework has ended, by its own or another's will: so do its tasks and executors."""
    state, framework_id = context.state, framework.framework_id
    context.note(framework_id, "removed")
    if framework.route is not None:
        context.emit(CloseScheduler(framework.route))
        del state.scheduler_routes[framework.route]
        framework.route, framework.stream_id = None, ""
    for kind in (TimerKind.FRAMEWORK_HEARTBEAT, TimerKind.FRAMEWORK_FAILOVER):
        context.timers.cancel(Timer(kind, framework_id))
    for agent_id in framework.agent_ids:
        agent = state.agents.get(agent_id)
        if agent is not None:
            context.tell_agent(agent, agent_events.shutdown_framework(framework_id))
    _end_tasks(context, framework)
    for offer in list(framework.offers.values()):
        offering.discard(context, offer)
    inverse_offers.withdraw_all(context, framework.inverse_offers.values(), rescind=False)
    for agent_id in list(framework.agent_ids):
        agent = state.agents.get(agent_id)
        if agent is not None:
            for executor_id in list(agent.executors.get(framework_id, ())):
                holdings.remove_executor(context, agent, framework_id, executor_id, recover=False)
    # Its operations stay with the agents, and nobody waits for them.
    framework.agent_ids.clear()
    framework.operations.clear()
    framework.operation_uuids.clear()
    framework.unregistered_ns = context.now.wall_ns
    context.allocator.remove_framework(framework_id)
    del state.frameworks[framework_id]
    state.completed_frameworks[framework_id] = framework
    while len(state.completed_frameworks) > context.settings.max_completed_frameworks:
        del state.completed_frameworks[next(iter(state.completed_frameworks))]
    context.metrics.forget_framework(framework_id)
    stream.framework_removed(context, framework.info)


def _end_tasks(context: Context, framework: Framework) -> None:
    """All tasks are killed as far as the master is concerned; the framework is told nothing."""
    for task in list(framework.tasks.values()):
        status = statuses.make_of(
            context,
            task,
            mesos_pb2.TASK_KILLED,
            f"Framework {framework.framework_id} removed",
            mesos_pb2.TaskStatus.REASON_FRAMEWORK_REMOVED,
        )
        tasks.update(context, task, status)
        tasks.remove(context, task)
    for task in framework.unreachable_tasks.values():
        tasks.complete(framework, task.message)
    framework.unreachable_tasks.clear()


def update(context: Context, framework: Framework, event: SchedulerCalled) -> None:
    """UPDATE_FRAMEWORK, the one call of a scheduler that is answered with what came of it."""
    call = event.call.update_framework
    info = _with_principal(call.framework_info, event.principal)
    fault = validation.validate_info(info, _rules(context))
    if fault is not None:
        context.emit(Reply(event.route, 400, f"Supplied FrameworkInfo is not valid: {fault}"))
        return
    fault = validation.validate_update(framework.info, info)
    if fault is not None:
        context.emit(Reply(event.route, 400, f"FrameworkInfo update is not valid: {fault}"))
        return
    fault = _wishes_fault(context, call, info)
    if fault is not None:
        context.emit(Reply(event.route, 400, f"'UpdateFramework' call is not valid: {fault}"))
        return
    denied = action_objects.denies_registration(info, context.authorizer, _principal_of(info))
    if denied is not None:
        context.emit(Reply(event.route, 403, denied))
        return
    framework.info = info
    _set_wishes(framework, call)
    roles = framework.roles
    for offer in list(framework.offers.values()):
        if offer.role not in roles:
            offering.rescind(context, offer)
    _tell_allocator(context, framework)
    context.note(framework.framework_id, "updated")
    _tell_agents(context, framework)
    stream.framework_updated(context, framework)
    context.emit(Reply(event.route, 200))
