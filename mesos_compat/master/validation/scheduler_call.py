"""Whether a call to the scheduler API is whole. Source: ``scheduler::call::validate``."""

from __future__ import annotations

from typing import Final

from mesos_compat.master.validation.calls import validate_present, validate_whole
from mesos_compat.master.validation.identifiers import validate_uuid
from mesos_compat.wire.v1 import scheduler_pb2

_Call = scheduler_pb2.Call

# TEARDOWN, REVIVE, SUPPRESS and UNKNOWN need no member.
_MEMBERS: Final = {
    _Call.ACCEPT: "accept",
    _Call.DECLINE: "decline",
    _Call.ACCEPT_INVERSE_OFFERS: "accept_inverse_offers",
    _Call.DECLINE_INVERSE_OFFERS: "decline_inverse_offers",
    _Call.KILL: "kill",
    _Call.SHUTDOWN: "shutdown",
    _Call.ACKNOWLEDGE: "acknowledge",
    _Call.ACKNOWLEDGE_OPERATION_STATUS: "acknowledge_operation_status",
    _Call.RECONCILE: "reconcile",
    _Call.RECONCILE_OPERATIONS: "reconcile_operations",
    _Call.MESSAGE: "message",
    _Call.REQUEST: "request",
    _Call.UPDATE_FRAMEWORK: "update_framework",
}


def validate(call: scheduler_pb2.Call, principal: str | None = None) -> str | None:
    """What follows ``Failed to validate scheduler::Call: `` in the answer, or None.

    ``principal`` is the authenticated one, if there is one.
    """
    fault = validate_whole(call)
    if fault is not None:
        return fault
    if call.type == _Call.SUBSCRIBE:
        return _subscribe_fault(call, principal)
    fault = validate_present(call, "framework_id")
    member = _MEMBERS.get(call.type)
    if fault is None and member is not None:
        fault = validate_present(call, member)
    if fault is not None:
        return fault
    if call.type == _Call.ACKNOWLEDGE:
        return validate_uuid(call.acknowledge.uuid)
    if call.type == _Call.ACKNOWLEDGE_OPERATION_STATUS:
        acknowledge = call.acknowledge_operation_status
        return validate_uuid(acknowledge.uuid) or validate_present(acknowledge, "agent_id")
    if (
        call.type == _Call.UPDATE_FRAMEWORK
        and call.framework_id.value != call.update_framework.framework_info.id.value
    ):
        return "'framework_id' differs from 'update_framework.framework_info.id'"
    return None


def _subscribe_fault(call: scheduler_pb2.Call, principal: str | None) -> str | None:
    fault = validate_present(call, "subscribe")
    if fault is not None:
        return fault
    info = call.subscribe.framework_info
    if info.id.value != call.framework_id.value:
        return "'framework_id' differs from 'subscribe.framework_info.id'"
    if info.HasField("principal"):
        return validate_principal(principal, info.principal)
    return None


def validate_principal(authenticated: str | None, of_framework: str) -> str | None:
    """Checks that a call comes from whom its framework belongs to.

    For other calls than SUBSCRIBE the whole answer, with status 400. Who is not authenticated
    is believed.
    """
    if authenticated is None or authenticated == of_framework:
        return None
    return (
        f"Authenticated principal '{authenticated}' does not match principal"
        f" '{of_framework}' set in `FrameworkInfo`"
    )
