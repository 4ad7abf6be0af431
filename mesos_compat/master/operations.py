"""Operations on resources: sent to agents, followed up, reconciled.

Source: ``Master::_apply``, ``updateOperationStatus``, ``acknowledgeOperationStatus``,
``reconcileOperations``, ``sendBulkOperationFeedback``. All operations here are speculative: the
master believes that they will succeed and offers their results at once; an agent that could
not do one tells what it really has.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.master import agent_events, holdings, scheduler_events
from mesos_compat.master.context import Context
from mesos_compat.master.state import (
    TERMINAL_OPERATION_STATES,
    Agent,
    Framework,
    Operation,
)
from mesos_compat.resources import Resources
from mesos_compat.resources.convert import apply_conversions, conversions, needs_checkpointing
from mesos_compat.resources.formats import strip_allocation_from
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_Info = mesos_pb2.Offer.Operation


def without_allocation(info: mesos_pb2.Offer.Operation) -> mesos_pb2.Offer.Operation:
    """``info`` as it concerns an agent, to which allocations mean nothing."""
    stripped = _Info()
    stripped.CopyFrom(info)
    strip_allocation_from(stripped)
    return stripped


def checkpointed(agent: Agent) -> Resources:
    """An agent's dynamic reservations and persistent volumes."""
    return agent.total.filter(needs_checkpointing)


def apply(
    context: Context, agent: Agent, framework: Framework | None, info: mesos_pb2.Offer.Operation
) -> None:
    """Carry out an operation that was found possible, in the master's books and on the agent.

    The allocator has been told, or will be in this step.
    """
    stripped = without_allocation(info)
    agent.total = apply_conversions(agent.total, conversions(stripped))
    message = mesos_pb2.Operation(
        agent_id=mesos_pb2.AgentID(value=agent.agent_id),
        info=info,
        latest_status=mesos_pb2.OperationStatus(state=mesos_pb2.OPERATION_PENDING),
        uuid=mesos_pb2.UUID(value=context.new_uuid()),
    )
    if info.HasField("id"):
        message.latest_status.operation_id.CopyFrom(info.id)
    message.latest_status.agent_id.value = agent.agent_id
    framework_id = None
    if framework is not None:
        framework_id = framework.framework_id
        message.framework_id.value = framework_id
        context.metrics.operated(framework_id, info)
    operation = Operation(message, framework_id, agent.agent_id, agent.resource_version)
    keep(operation, agent, framework)
    context.note(agent.agent_id, f"{_Info.Type.Name(info.type)} is applied")
    event = agent_events.apply_operation(
        framework_id, stripped, operation.uuid, operation.resource_version
    )
    context.tell_agent(agent, event)


def keep(operation: Operation, agent: Agent, framework: Framework | None) -> None:
    """Let both sides know of ``operation``."""
    agent.operations[operation.uuid] = operation
    if framework is not None:
        framework.operations[operation.uuid] = operation
        framework.agent_ids[agent.agent_id] = None
        if operation.operation_id is not None:
            framework.operation_uuids[operation.operation_id] = operation.uuid


def remove(context: Context, operation: Operation) -> None:
    """The operation is over, and whoever wanted to hear of it has heard."""
    agent = context.state.agents.get(operation.agent_id)
    if agent is not None:
        agent.operations.pop(operation.uuid, None)
        if operation.framework_id is not None:
            holdings.leave(context, agent, operation.framework_id)
    framework = _framework_of(context, operation)
    if framework is not None:
        framework.operations.pop(operation.uuid, None)
        operation_id = operation.operation_id
        if (
            operation_id is not None
            and framework.operation_uuids.get(operation_id) == operation.uuid
        ):
            del framework.operation_uuids[operation_id]


def _framework_of(context: Context, operation: Operation) -> Framework | None:
    if operation.framework_id is None:
        return None
    return context.state.frameworks.get(operation.framework_id)


def refuse(
    context: Context, framework: Framework, info: mesos_pb2.Offer.Operation, why: str
) -> None:
    """Tell a framework that an operation is not done, if it wants to hear of it."""
    _count(context, info, mesos_pb2.OPERATION_ERROR)
    if info.HasField("id"):
        status = mesos_pb2.OperationStatus(
            operation_id=info.id, state=mesos_pb2.OPERATION_ERROR, message=why
        )
        context.tell(framework, scheduler_events.update_operation_status(status))


def _count(
    context: Context, info: mesos_pb2.Offer.Operation, state: mesos_pb2.OperationState
) -> None:
    name = mesos_pb2.OperationState.Name(state).removeprefix("OPERATION_").lower()
    context.metrics.count(f"operations/{name}")
    context.metrics.count(f"operations/{_Info.Type.Name(info.type).lower()}/{name}")


def status_update(context: Context, agent: Agent, call: link_pb2.Call.OperationStatus) -> None:
    """OPERATION_STATUS of an agent: kept, and passed on to whoever wants to hear of it.

    Nobody else will acknowledge an operation of a framework that is over, or of an operator; the
    master does it, so that the agent can forget it.
    """
    context.metrics.count("messages_operation_status_update")
    operation = agent.operations.get(call.operation_uuid.value)
    context.metrics.valid("operation_status_updates", is_valid=operation is not None)
    told = call if operation is None else _completed(call, operation)
    status = told.status
    if operation is not None:
        _take_over(context, operation, status, told.latest_status)
    framework = None
    if told.HasField("framework_id"):
        framework = context.state.frameworks.get(told.framework_id.value)
    is_wanted = framework is not None and status.HasField("operation_id")
    is_orphan = not is_wanted and _is_orphan(context, told)
    if framework is not None and is_wanted:
        context.tell(framework, scheduler_events.update_operation_status(status))
    elif is_orphan and status.HasField("uuid"):
        uuid = call.operation_uuid.value
        context.tell_agent(agent, agent_events.acknowledge_operation(status.uuid.value, uuid))
    # Without a uuid it will not be acknowledged.
    is_over = is_orphan or not status.HasField("uuid")
    if operation is not None and is_over and status.state in TERMINAL_OPERATION_STATES:
        remove(context, operation)


def _completed(
    call: link_pb2.Call.OperationStatus, operation: Operation
) -> link_pb2.Call.OperationStatus:
    """``call`` with what is known of the operation; an agent that never got it knows nothing."""
    told = link_pb2.Call.OperationStatus()
    told.CopyFrom(call)
    if operation.framework_id is not None:
        told.framework_id.value = operation.framework_id
    if operation.operation_id is not None:
        told.status.operation_id.value = operation.operation_id
    if not told.HasField("latest_status"):
        told.latest_status.CopyFrom(told.status)
    return told


def _take_over(
    context: Context,
    operation: Operation,
    status: mesos_pb2.OperationStatus,
    latest: mesos_pb2.OperationStatus,
) -> None:
    message = operation.message
    # The same status comes again until it is acknowledged.
    known = [one.uuid.value for one in message.statuses if one.HasField("uuid")]
    if not status.HasField("uuid") or status.uuid.value not in known:
        message.statuses.add().CopyFrom(status)
    if message.latest_status.state not in TERMINAL_OPERATION_STATES:
        if latest.state in TERMINAL_OPERATION_STATES:
            _count(context, message.info, latest.state)
        message.latest_status.CopyFrom(latest)


def _is_orphan(context: Context, call: link_pb2.Call.OperationStatus) -> bool:
    return not call.HasField("framework_id") or context.is_framework_over(call.framework_id.value)


def acknowledge(
    context: Context,
    framework: Framework,
    call: scheduler_pb2.Call.AcknowledgeOperationStatus,
) -> None:
    """ACKNOWLEDGE_OPERATION_STATUS: passed on; that of the terminal status ends it here too."""
    agent = context.state.agents.get(call.agent_id.value)
    uuid = framework.operation_uuids.get(call.operation_id.value)
    operation = framework.operations.get(uuid) if uuid is not None else None
    is_valid = (
        agent is not None
        and agent.is_connected
        and operation is not None
        and operation.agent_id == agent.agent_id
    )
    context.metrics.valid("operation_status_update_acknowledgements", is_valid=is_valid)
    if agent is None or operation is None or not is_valid:
        return
    context.tell_agent(agent, agent_events.acknowledge_operation(call.uuid, operation.uuid))
    for status in operation.message.statuses:
        if status.uuid.value == call.uuid and status.state in TERMINAL_OPERATION_STATES:
            remove(context, operation)
            return


def end_all(
    context: Context,
    operations: Iterable[Operation],
    state: mesos_pb2.OperationState,
    message: str,
) -> None:
    """An agent cannot be asked any more: forget its operations, and tell who wants to know."""
    for operation in list(operations):
        _count(context, operation.message.info, state)
        framework = _framework_of(context, operation)
        if framework is not None and operation.operation_id is not None:
            status = mesos_pb2.OperationStatus(
                operation_id=operation.message.info.id, state=state, message=message
            )
            status.agent_id.value = operation.agent_id
            context.tell(framework, scheduler_events.update_operation_status(status))
        remove(context, operation)


def reconcile(
    context: Context, framework: Framework, call: scheduler_pb2.Call.ReconcileOperations
) -> None:
    """RECONCILE_OPERATIONS: of those named, or of all that are known when none is."""
    if not call.operations:
        for operation in framework.operations.values():
            if operation.operation_id is not None:
                _answer(context, framework, _latest(operation))
    for wanted in call.operations:
        uuid = framework.operation_uuids.get(wanted.operation_id.value)
        if uuid is not None:
            _answer(context, framework, _latest(framework.operations[uuid]))
        else:
            _answer(context, framework, _unknown(context, wanted))


def _answer(context: Context, framework: Framework, status: mesos_pb2.OperationStatus) -> None:
    context.tell(framework, scheduler_events.update_operation_status(status))


def _latest(operation: Operation) -> mesos_pb2.OperationStatus:
    """The last status that was passed on, which here is not to be acknowledged."""
    message = operation.message
    status = mesos_pb2.OperationStatus()
    status.CopyFrom(message.statuses[-1] if message.statuses else message.latest_status)
    status.ClearField("uuid")
    status.operation_id.CopyFrom(message.info.id)
    status.agent_id.value = operation.agent_id
    return status


def _unknown(
    context: Context, wanted: scheduler_pb2.Call.ReconcileOperations.Operation
) -> mesos_pb2.OperationStatus:
    state = context.state
    status = mesos_pb2.OperationStatus(
        operation_id=wanted.operation_id, state=mesos_pb2.OPERATION_UNKNOWN
    )
    if wanted.HasField("resource_provider_id"):
        status.resource_provider_id.CopyFrom(wanted.resource_provider_id)
    if not wanted.HasField("agent_id"):
        status.message = "Reconciliation: Operation is unknown and no 'agent_id' was provided"
        return status
    agent_id = wanted.agent_id.value
    status.agent_id.value = agent_id
    if agent_id in state.recovered_agents:
        status.state = mesos_pb2.OPERATION_RECOVERING
        status.message = "Reconciliation: Agent is recovered but has not re-registered"
    elif agent_id in state.agents:
        status.message = "Reconciliation: Operation is unknown"
    elif agent_id in state.unreachable_agents:
        status.state = mesos_pb2.OPERATION_UNREACHABLE
        status.message = "Reconciliation: Agent is unreachable"
    elif agent_id in state.gone_agents:
        status.state = mesos_pb2.OPERATION_GONE_BY_OPERATOR
        status.message = "Reconciliation: Agent marked gone by operator"
    else:
        status.message = "Reconciliation: Both operation and agent are unknown"
    return status
