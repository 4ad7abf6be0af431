"""Reservations and persistent volumes that operators make, change and take away.

Source: ``Master::Http::_reserve`` and its neighbours, and ``Master::Http::_operation``. An
operation is carried out on what is free on an agent. What is offered is made free for it, and
those who were offered it are not offered it again for some seconds; what is used is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from mesos_compat.master import action_objects, operations
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import Reply
from mesos_compat.master.context import Context
from mesos_compat.master.events import OperatorCalled
from mesos_compat.master.state import Agent
from mesos_compat.master.validation import operation as operation_validation
from mesos_compat.master.validation.operation import OperationContext
from mesos_compat.master.validation.operator import NO_AGENT
from mesos_compat.master.validation.refusal import Refusal, bad_request, conflict
from mesos_compat.resources import Conversion, ResourceError, Resources
from mesos_compat.resources.convert import conversions
from mesos_compat.resources.formats import upgrade_all
from mesos_compat.resources.validation import validate_operation
from mesos_compat.wire.v1 import master_pb2, mesos_pb2

_Call = master_pb2.Call
_Operation = mesos_pb2.Offer.Operation

_FORBIDDEN: Final = Refusal(HTTPStatus.FORBIDDEN, "403 Forbidden.")


def reserve(context: Context, event: OperatorCalled) -> None:
    """RESERVE_RESOURCES: of what is free, or with ``source`` of what is reserved otherwise."""
    call = event.call.reserve_resources
    operation = _Operation(type=_Operation.RESERVE)
    operation.reserve.source.extend(call.source)
    operation.reserve.resources.extend(call.resources)
    _operate(context, event, call.agent_id.value, operation)


def unreserve(context: Context, event: OperatorCalled) -> None:
    """UNRESERVE_RESOURCES: of what is dynamically reserved, and no volume."""
    call = event.call.unreserve_resources
    operation = _Operation(type=_Operation.UNRESERVE)
    operation.unreserve.resources.extend(call.resources)
    _operate(context, event, call.agent_id.value, operation)


def create_volumes(context: Context, event: OperatorCalled) -> None:
    """CREATE_VOLUMES: of reserved disk."""
    call = event.call.create_volumes
    operation = _Operation(type=_Operation.CREATE)
    operation.create.volumes.extend(call.volumes)
    _operate(context, event, call.agent_id.value, operation)


def destroy_volumes(context: Context, event: OperatorCalled) -> None:
    """DESTROY_VOLUMES: that nothing uses."""
    call = event.call.destroy_volumes
    operation = _Operation(type=_Operation.DESTROY)
    operation.destroy.volumes.extend(call.volumes)
    _operate(context, event, call.agent_id.value, operation)


def grow_volume(context: Context, event: OperatorCalled) -> None:
    """GROW_VOLUME: by disk of the same kind."""
    call = event.call.grow_volume
    operation = _Operation(type=_Operation.GROW_VOLUME)
    operation.grow_volume.volume.CopyFrom(call.volume)
    operation.grow_volume.addition.CopyFrom(call.addition)
    _operate(context, event, call.agent_id.value, operation)


def shrink_volume(context: Context, event: OperatorCalled) -> None:
    """SHRINK_VOLUME: what is taken away is disk again."""
    call = event.call.shrink_volume
    operation = _Operation(type=_Operation.SHRINK_VOLUME)
    operation.shrink_volume.volume.CopyFrom(call.volume)
    operation.shrink_volume.subtract.CopyFrom(call.subtract)
    _operate(context, event, call.agent_id.value, operation)


CALLS: Final[Mapping[master_pb2.Call.Type, Callable[[Context, OperatorCalled], None]]] = {
    _Call.RESERVE_RESOURCES: reserve,
    _Call.UNRESERVE_RESOURCES: unreserve,
    _Call.CREATE_VOLUMES: create_volumes,
    _Call.DESTROY_VOLUMES: destroy_volumes,
    _Call.GROW_VOLUME: grow_volume,
    _Call.SHRINK_VOLUME: shrink_volume,
}


def _operate(
    context: Context,
    event: OperatorCalled,
    agent_id: str,
    operation: mesos_pb2.Offer.Operation,
) -> None:
    """Carry out an operation on what is free of an agent, and answer.

    202 means that the master believes it to be done: the allocator knows the result, and the
    agent is told to. What an agent that could not do it has really, it tells when it is back.
    """
    agent = context.state.agents.get(agent_id)
    refusal: Refusal | None = NO_AGENT
    if agent is not None:
        refusal = _refusal(context, agent, operation, event.principal)
        if refusal is None:
            refusal = _carry_out(context, agent, operation)
    context.emit(
        Reply(event.route, *refusal) if refusal else Reply(event.route, HTTPStatus.ACCEPTED)
    )


def _refusal(
    context: Context,
    agent: Agent,
    operation: mesos_pb2.Offer.Operation,
    principal: str | None,
) -> Refusal | None:
    """Why ``operation``, which is brought into the newer format, may not be done at all."""
    fault = validate_operation(operation)
    if fault is not None:
        return bad_request(fault)
    upgrade_all(operation)
    checked = OperationContext(
        capabilities=agent.capabilities,
        checkpointed=operations.checkpointed(agent),
        used=agent.used.values(),
        operator=principal,
    )
    refusal = operation_validation.refuse(operation, checked, str(agent))
    if refusal is not None:
        return refusal
    wanted = action_objects.of_operation(operation)
    denied = action_objects.first_denied(wanted, context.authorizer, principal)
    return _FORBIDDEN if denied is not None else None


def _carry_out(
    context: Context, agent: Agent, operation: mesos_pb2.Offer.Operation
) -> Refusal | None:
    """Make free what is needed, and do it; why that cannot be."""
    try:
        steps = conversions(operation)
    except ResourceError as error:
        name = _Operation.Type.Name(operation.type)
        return bad_request(f"Invalid {name} operation: {error}")
    _make_free(context, agent, steps)
    fault = context.allocator.update_available(agent.agent_id, [operation])
    if fault is not None:
        return conflict(fault)
    operations.apply(context, agent, None, operation)
    return None


def _make_free(context: Context, agent: Agent, steps: list[Conversion]) -> None:
    """Take back offers that have something of what ``steps`` consume, until that is all of it.

    Nothing that is free besides counts; by the rules of Mesos somebody could be offered it at
    this moment.
    """
    required = sum((step.consumed for step in steps), Resources())
    for offer in list(agent.offers.values()):
        left = required - offer.resources.unallocate()
        if left != required:
            required = left
            # Default filters: its framework is not offered the same for five seconds.
            offering.rescind(context, offer, mesos_pb2.Filters())
