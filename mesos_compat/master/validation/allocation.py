"""What holds for the resources of tasks, executors and both together."""

from __future__ import annotations

from collections.abc import Sequence

from mesos_compat.resources import Resources
from mesos_compat.resources.validation import (
    validate_revocable_mix,
    validate_single_allocation,
    validate_unique_persistence_ids,
    validate_usable,
)
from mesos_compat.wire.v1 import mesos_pb2


def validate_used(
    messages: Sequence[mesos_pb2.Resource], resources: Resources, owner: str
) -> str | None:
    """Checks what ``owner`` uses: ``Task`` or ``Executor``; ``resources`` are the messages."""
    fault = validate_usable(messages)
    if fault is not None:
        return f"{owner} uses invalid resources: {fault}"
    fault = validate_unique_persistence_ids(resources)
    if fault is not None:
        return f"{owner} uses duplicate persistence ID: {fault}"
    fault = validate_allocation(resources)
    if fault is not None:
        return f"Invalid {owner.lower()} resources: {fault}"
    fault = validate_revocable_mix(resources)
    if fault is not None:
        return f"{owner} mixes revocable and non-revocable resources: {fault}"
    return None


def validate_allocation(resources: Resources) -> str | None:
    """Checks that all are allocated, and to one role; what is empty does not count."""
    allocated_to = dict.fromkeys(kind.allocated_to for kind, _amount in resources.kinds())
    if len(allocated_to) <= 1 and None not in allocated_to:
        return None
    return validate_single_allocation(resources)
