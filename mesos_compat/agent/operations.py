"""Operations on the agent's resources, and their statuses on the way to the framework.

Source: ``Slave::applyOperation``, ``Slave::reconcileOperations`` and
``OperationStatusUpdateManager``. An operation is done when its result is durable. Who has given
it an id hears of it until the status is acknowledged; of others the master is told once, which
is how it forgets them.
"""

from __future__ import annotations

from mesos_compat.agent import checkpoint, link_calls, removal
from mesos_compat.agent.actions import CreateVolume, DestroyVolume
from mesos_compat.agent.checkpoint import Record
from mesos_compat.agent.context import Context
from mesos_compat.agent.state import Operation
from mesos_compat.agent.timers import Timer, TimerKind
from mesos_compat.resources import ResourceError, Resources
from mesos_compat.resources.convert import apply as apply_operation
from mesos_compat.resources.convert import needs_checkpointing
from mesos_compat.resources.formats import upgrade_all
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2

_Info = mesos_pb2.Offer.Operation


def apply(context: Context, call: link_pb2.Event.ApplyOperation) -> None:
    """APPLY_OPERATION: carried out, or dropped when it is about resources of another time."""
    state = context.state
    if call.uuid.value in state.operations:
        # It came again with the link.
        return
    operation = Operation(_message(context, call))
    version = call.resource_version if call.HasField("resource_version") else None
    if version is not None and version != state.resource_version:
        _conclude(
            context,
            operation,
            mesos_pb2.OPERATION_DROPPED,
            "Operation assumes outdated resource state",
        )
        return
    before = state.total
    try:
        state.total = apply_operation(before, operation.message.info)
    except ResourceError as error:
        _refused(context, operation, str(error))
        return
    context.note("agent", f"{_Info.Type.Name(call.info.type)} is applied")
    _conclude(context, operation, mesos_pb2.OPERATION_FINISHED, None)


def _message(context: Context, call: link_pb2.Event.ApplyOperation) -> mesos_pb2.Operation:
    message = mesos_pb2.Operation(
        info=call.info,
        uuid=call.uuid,
        latest_status=mesos_pb2.OperationStatus(state=mesos_pb2.OPERATION_PENDING),
    )
    upgrade_all(message)
    message.agent_id.value = context.state.agent_id
    if call.HasField("framework_id"):
        message.framework_id.CopyFrom(call.framework_id)
    return message


def _refused(context: Context, operation: Operation, why: str) -> None:
    """The agent has not what its master believes: the master must hear what it has."""
    context.state.resource_version = context.new_uuid()
    _conclude(context, operation, mesos_pb2.OPERATION_ERROR, why)
    context.tell_master(link_calls.update_agent(context.state))


def _change_volumes(context: Context, info: mesos_pb2.Offer.Operation) -> None:
    if info.type == _Info.CREATE:
        for volume in info.create.volumes:
            context.emit(CreateVolume(volume))
    elif info.type == _Info.DESTROY:
        for volume in info.destroy.volumes:
            context.emit(DestroyVolume(volume))


def _conclude(
    context: Context, operation: Operation, state: mesos_pb2.OperationState, why: str | None
) -> None:
    """What became of an operation: stored, then told."""
    message = operation.message
    status = mesos_pb2.OperationStatus(state=state, agent_id=message.agent_id)
    if why is not None:
        status.message = why
    if message.info.HasField("id"):
        status.operation_id.CopyFrom(message.info.id)
        status.uuid.value = context.new_uuid()
        context.state.operations[operation.uuid] = operation
    message.latest_status.CopyFrom(status)
    message.statuses.add().CopyFrom(status)

    def stored() -> None:
        operation.is_stored = True
        if state == mesos_pb2.OPERATION_FINISHED:
            # Not before: a volume's data must not go while the agent may still come to have it.
            _change_volumes(context, message.info)
        _send(context, operation, context.settings.status_update_retry_min_ms)

    context.store([_record(context)], stored)


def _record(context: Context) -> Record:
    """All that is checkpointed of resources, which is replaced at once."""
    state = context.state
    update = link_pb2.Call.UpdateAgent()
    update.resources.extend(state.total.filter(needs_checkpointing))
    update.operations.extend(one.message for one in state.operations.values())
    return checkpoint.resources(update)


def _timer(operation: Operation) -> Timer:
    return Timer(TimerKind.OPERATION_STATUS, (operation.uuid.hex(),))


def _send(context: Context, operation: Operation, retry_ms: int) -> None:
    sent = context.tell_master(link_calls.operation_status(operation.message))
    if not sent or operation.uuid not in context.state.operations:
        context.timers.cancel(_timer(operation))
        return
    operation.retry_ms = retry_ms
    context.set_timer(_timer(operation), retry_ms)


def retry(context: Context, uuid_hex: str) -> None:
    """The timer OPERATION_STATUS is due: nobody has acknowledged."""
    operation = context.state.operations.get(bytes.fromhex(uuid_hex))
    if operation is not None:
        most_ms = context.settings.status_update_retry_max_ms
        _send(context, operation, min(operation.retry_ms * 2, most_ms))


def resume(context: Context) -> None:
    """The agent is registered again: send what is not acknowledged once more."""
    for operation in list(context.state.operations.values()):
        if operation.is_stored:
            _send(context, operation, context.settings.status_update_retry_min_ms)


def acknowledge(context: Context, call: link_pb2.Event.AcknowledgeOperation) -> None:
    """ACKNOWLEDGE_OPERATION: the framework has heard how it ended."""
    state = context.state
    operation = state.operations.get(call.operation_uuid.value)
    if operation is None:
        return
    if operation.message.latest_status.uuid.value != call.status_uuid.value:
        return
    del state.operations[operation.uuid]
    context.timers.cancel(_timer(operation))
    context.store([_record(context)], lambda: None)
    removal.end_if_idle(context)


def reconcile(context: Context, call: link_pb2.Event.ReconcileOperations) -> None:
    """RECONCILE_OPERATIONS: of those that never came here the master is told so."""
    for uuid in call.operation_uuids:
        if uuid.value in context.state.operations:
            # It is being told anyway.
            continue
        unknown = mesos_pb2.Operation(
            uuid=uuid,
            info=_Info(type=_Info.UNKNOWN),
            latest_status=mesos_pb2.OperationStatus(state=mesos_pb2.OPERATION_DROPPED),
        )
        unknown.latest_status.agent_id.value = context.state.agent_id
        context.tell_master(link_calls.operation_status(unknown))


def marked(stored: link_pb2.Call.UpdateAgent) -> Resources:
    """What an earlier agent had of reservations and volumes."""
    return Resources(stored.resources).filter(needs_checkpointing)


def recover(context: Context, stored: link_pb2.Call.UpdateAgent) -> None:
    """Operations of an earlier agent, if this one goes on as that.

    Of operations of an agent that is no more nobody wants to hear: frameworks were told what
    became of them when the master gave that agent up, and can acknowledge nothing of it.
    """
    for message in stored.operations:
        if message.agent_id.value == context.state.agent_id:
            operation = Operation(message, is_stored=True)
            context.state.operations[operation.uuid] = operation
