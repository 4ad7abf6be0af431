"""Offer operations other than launches, of schedulers and of operators.

Source: ``validation::operation``. Whether the resources that an operation names are well formed
is seen before (:func:`mesos_compat.resources.validation.validate_operation`), and whether they
are there after, when it is applied (:mod:`mesos_compat.resources.convert`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final

from mesos_compat.master.validation.disk import validate_create_disk, validate_destroy_disk
from mesos_compat.master.validation.operation_context import OperationContext
from mesos_compat.master.validation.refusal import Refusal, bad_request
from mesos_compat.master.validation.reservation import validate_reserve, validate_unreserve
from mesos_compat.master.validation.volume import (
    validate_create,
    validate_destroy,
    validate_grow,
    validate_shrink,
)
from mesos_compat.wire.v1 import mesos_pb2

__all__ = [
    "OperationContext",
    "refuse",
    "validate",
    "validate_feedback",
    "validate_scheduler_only",
]

_Operation = mesos_pb2.Offer.Operation
_Capability = mesos_pb2.AgentInfo.Capability

# Of these Mesos names the agent when it refuses an operator's.
_REFUSED_BY_AGENT: Final = (
    _Operation.RESERVE,
    _Operation.CREATE,
    _Operation.GROW_VOLUME,
    _Operation.SHRINK_VOLUME,
)


def validate(operation: mesos_pb2.Offer.Operation, context: OperationContext) -> str | None:
    """Why ``operation`` cannot be done, or None; LAUNCH and LAUNCH_GROUP are not looked at.

    To schedulers Mesos adds ``; on agent ID at PID (HOSTNAME)``; operators see what
    :func:`refuse` makes of it.
    """
    if operation.type == _Operation.RESERVE:
        return validate_reserve(operation.reserve, context)
    if operation.type == _Operation.UNRESERVE:
        return validate_unreserve(operation.unreserve)
    if operation.type == _Operation.CREATE:
        return validate_create(operation.create, context)
    if operation.type == _Operation.DESTROY:
        return validate_destroy(operation.destroy, context)
    if operation.type == _Operation.GROW_VOLUME:
        return validate_grow(operation.grow_volume, context)
    if operation.type == _Operation.SHRINK_VOLUME:
        return validate_shrink(operation.shrink_volume, context)
    if operation.type == _Operation.CREATE_DISK:
        return validate_create_disk(operation.create_disk)
    if operation.type == _Operation.DESTROY_DISK:
        return validate_destroy_disk(operation.destroy_disk)
    return None


def refuse(
    operation: mesos_pb2.Offer.Operation, context: OperationContext, agent_text: str
) -> Refusal | None:
    """What an operator is answered to an operation that cannot be done.

    ``agent_text`` is the agent as Mesos prints it: ``ID at PID (HOSTNAME)``.
    """
    fault = validate(operation, context)
    if fault is None:
        return None
    name = _Operation.Type.Name(operation.type)
    where = f" on agent {agent_text}" if operation.type in _REFUSED_BY_AGENT else ""
    return bad_request(f"Invalid {name} operation{where}: {fault}")


def validate_scheduler_only(operation: mesos_pb2.Offer.Operation) -> str | None:
    """Checks what only operators may ask for.

    Follows ``Operation attempted with invalid resources: ``.
    """
    if operation.type == _Operation.RESERVE and operation.reserve.source:
        return "Reservation updates are not yet implemented for the scheduler API."
    return None


def validate_feedback(
    operation: mesos_pb2.Offer.Operation,
    agent_id: str,
    capabilities: Container[int],
) -> str | None:
    """Checks that a scheduler can be told what becomes of an operation that has an id.

    For launches the text is the message of their tasks' TASK_ERROR.
    """
    if not operation.HasField("id"):
        return None
    if operation.type in (_Operation.LAUNCH, _Operation.LAUNCH_GROUP):
        name = _Operation.Type.Name(operation.type)
        return f"The `id` field cannot be set on {name} operations"
    if _Capability.RESOURCE_PROVIDER not in capabilities:
        return (
            f"Operation requested feedback, but agent {agent_id} does not have the required"
            " RESOURCE_PROVIDER capability"
        )
    if _provider_of(operation) is None and _Capability.AGENT_OPERATION_FEEDBACK not in capabilities:
        return (
            f"Operation on agent default resources requested feedback, but agent {agent_id} does"
            " not have the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities"
        )
    return None


def _provider_of(operation: mesos_pb2.Offer.Operation) -> str | None:
    """The resource provider whose resources ``operation`` is about: the first one's."""
    concerned: dict[_Operation.Type, Sequence[mesos_pb2.Resource]] = {
        _Operation.RESERVE: operation.reserve.resources,
        _Operation.UNRESERVE: operation.unreserve.resources,
        _Operation.CREATE: operation.create.volumes,
        _Operation.DESTROY: operation.destroy.volumes,
        _Operation.GROW_VOLUME: [operation.grow_volume.volume],
        _Operation.SHRINK_VOLUME: [operation.shrink_volume.volume],
        _Operation.CREATE_DISK: [operation.create_disk.source],
        _Operation.DESTROY_DISK: [operation.destroy_disk.source],
    }
    first = next(iter(concerned.get(operation.type, ())), None)
    return first.provider_id.value if first is not None and first.HasField("provider_id") else None
