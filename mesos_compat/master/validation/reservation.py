"""RESERVE and UNRESERVE. Source: ``validation::operation``."""

from __future__ import annotations

from mesos_compat.master.validation import framework as frameworks
from mesos_compat.master.validation.operation_context import (
    OperationContext,
    validate_for_agent,
    validate_provider,
)
from mesos_compat.master.validation.texts import set_text
from mesos_compat.resources import Resources
from mesos_compat.resources.texts import resource_text
from mesos_compat.resources.validation import (
    validate_single_allocation,
    validate_usable,
)
from mesos_compat.wire.v1 import mesos_pb2

_DYNAMIC = mesos_pb2.Resource.ReservationInfo.DYNAMIC


def validate_reserve(
    reserve: mesos_pb2.Offer.Operation.Reserve, context: OperationContext
) -> str | None:
    """Checks a reservation, or with ``source`` the change of one."""
    for member, messages in (("resources", reserve.resources), ("source", reserve.source)):
        fault = validate_usable(messages)
        if fault is not None:
            return f"Invalid {member}: {fault}"
    fault = _reservation_change_fault(reserve) if reserve.source else None
    if fault is not None:
        return fault
    fault = validate_provider(reserve.resources)
    if fault is not None:
        return f"Invalid resources: {fault}"
    for resource in reserve.resources:
        if not _is_dynamically_reserved(resource):
            return f"Resource {resource_text(resource)} is not dynamically reserved"
        fault = (
            validate_for_agent(resource, "Resource", "reserved", context)
            or _reserver_fault(resource, context.principal)
            or _allocation_fault(resource, context.framework)
        )
        if fault is not None:
            return fault
    if context.framework is not None:
        fault = validate_single_allocation(reserve.resources)
        if fault is not None:
            return f"Invalid reservation resources: {fault}"
    return None


def _reservation_change_fault(reserve: mesos_pb2.Offer.Operation.Reserve) -> str | None:
    for member, messages in (("source", reserve.source), ("resources", reserve.resources)):
        if not messages:
            return f"Invalid {member}: Resource cannot be empty"
        first = messages[0].reservations
        if any(resource.reservations != first for resource in messages):
            # The missing space is Mesos's.
            return f"Invalid {member}: Mixed reservations are not supported{Resources(messages)}"
    source = Resources(reserve.source).to_unreserved()
    target = Resources(reserve.resources).to_unreserved()
    if source != target:
        return (
            "Source and target resources should refer to identical resource quantities:"
            f" {source} vs. {target}"
        )
    return None


def _is_dynamically_reserved(resource: mesos_pb2.Resource) -> bool:
    return bool(resource.reservations) and resource.reservations[-1].type == _DYNAMIC


def _reserver_fault(resource: mesos_pb2.Resource, principal: str | None) -> str | None:
    if principal is None:
        return None
    reservation = resource.reservations[-1]
    if not reservation.HasField("principal"):
        return (
            f"A reserve operation was attempted by principal '{principal}', but there is a"
            " reserved resource in the request with no principal set"
        )
    if reservation.principal != principal:
        return (
            f"A reserve operation was attempted by authenticated principal '{principal}', which"
            " does not match a reserved resource in the request with principal"
            f" '{reservation.principal}'"
        )
    return None


def _allocation_fault(
    resource: mesos_pb2.Resource, framework: mesos_pb2.FrameworkInfo | None
) -> str | None:
    """Checks that frameworks reserve for themselves what they hold, and operators what is free."""
    if framework is None:
        if resource.HasField("allocation_info"):
            return (
                "A reserve operation was attempted with an allocated resource, but the operator"
                " API only allows reservations to be made to unallocated resources"
            )
        return None
    if not resource.allocation_info.HasField("role"):
        return (
            "A reserve operation was attempted on unallocated resource"
            f" {resource_text(resource)}, but frameworks can only perform reservations on"
            " allocated resources"
        )
    allocated_to = resource.allocation_info.role
    role = resource.reservations[-1].role
    if allocated_to != role:
        return (
            f"A reserve operation was attempted for a resource with role '{role}', but the"
            f" resource was allocated to role '{allocated_to}'"
        )
    own = frameworks.roles_of(framework)
    if role not in own:
        return (
            f"A reserve operation was attempted for a resource allocated to role '{role}', but"
            f" the framework only has roles '{set_text(own)}'"
        )
    return None


def validate_unreserve(unreserve: mesos_pb2.Offer.Operation.Unreserve) -> str | None:
    """Checks that all of it is dynamically reserved, and no volume; whose it is, ACLs ask."""
    fault = validate_usable(unreserve.resources) or validate_provider(unreserve.resources)
    if fault is not None:
        return f"Invalid resources: {fault}"
    for resource in unreserve.resources:
        if not _is_dynamically_reserved(resource):
            return f"Resource {resource_text(resource)} is not dynamically reserved"
        if resource.disk.HasField("persistence"):
            return (
                f"A dynamically reserved persistent volume {resource_text(resource)} cannot be"
                " unreserved directly. Please destroy the persistent volume first then unreserve"
                " the resource"
            )
    return None
