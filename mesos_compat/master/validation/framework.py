"""Whether a framework may subscribe, or change what it said when it did.

Source: ``Master::validateFramework`` and ``validation::framework``; the order is Mesos's:
:func:`validate_info`, then at a re-subscription :func:`preserve_immutable` and
:func:`validate_principal_kept`, or at an UPDATE_FRAMEWORK :func:`validate_update`; then
:func:`validate_suppressed_roles`, :func:`validate_constraint_roles` and
:func:`validate_offer_constraints`.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Final

from mesos_compat.allocator import constraints as offer_constraints
from mesos_compat.master.validation.identifiers import validate_id
from mesos_compat.master.validation.texts import set_text
from mesos_compat.resources import roles as role_names
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_Capability = mesos_pb2.FrameworkInfo.Capability

# A duration is nanoseconds in 64 bits.
_DURATION_SECONDS_MAX: Final = float(1 << 63) / 1e9
_SMALLEST_NORMAL: Final = 2.2250738585072014e-308


@dataclass(frozen=True, slots=True)
class FrameworkRules:
    """What the master's flags and its past say about frameworks."""

    # --roles: no others may be used; None means any.
    roles: Container[str] | None = None
    # --root_submissions: whether a framework may run as root.
    root_submissions: bool = True
    # Ids of frameworks that are completed, and may not come back.
    completed_ids: Container[str] = ()


def validate_info(info: mesos_pb2.FrameworkInfo, rules: FrameworkRules) -> str | None:
    """Why a framework may not subscribe with ``info``, or change to it; or None."""
    return (
        _roles_fault(info)
        or (validate_id(info.id.value) if info.id.value else None)
        or validate_offer_filters(info)
        or _failover_timeout_fault(info)
        or _whitelist_fault(info, rules)
        or _root_fault(info, rules)
        or _completed_fault(info, rules)
    )


def has_capability(
    info: mesos_pb2.FrameworkInfo, capability: mesos_pb2.FrameworkInfo.Capability.Type
) -> bool:
    """Whether the framework has said that it knows about ``capability``."""
    return any(one.type == capability for one in info.capabilities)


def roles_of(info: mesos_pb2.FrameworkInfo) -> list[str]:
    """The roles that a framework has, sorted, each once."""
    if has_capability(info, _Capability.MULTI_ROLE):
        return sorted(dict.fromkeys(info.roles))
    return [info.role]


def _roles_fault(info: mesos_pb2.FrameworkInfo) -> str | None:
    if not has_capability(info, _Capability.MULTI_ROLE):
        if info.roles:
            return (
                "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
            )
        fault = role_names.validate(info.role)
        return f"'FrameworkInfo.role' is not a valid role: {fault}" if fault else None
    if info.HasField("role"):
        return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
    counts: dict[str, int] = {}
    for role in info.roles:
        counts[role] = counts.get(role, 0) + 1
    repeated = [role for role, count in counts.items() if count > 1]
    if repeated:
        return f"'FrameworkInfo.roles' contains duplicate items: {set_text(repeated)}"
    for role in counts:
        fault = role_names.validate(role)
        if fault is not None:
            return f"'FrameworkInfo.roles' contains invalid role: {fault}"
    return None


def validate_offer_filters(info: mesos_pb2.FrameworkInfo) -> str | None:
    """Checks the smallest offers that a framework wants; roles it lacks are ignored."""
    for role in sorted(info.offer_filters):
        minimum = info.offer_filters[role].min_allocatable_resources
        for alternative in minimum.quantities:
            if not alternative.quantities:
                return "Resource quantities must contain at least one quantity"
            for name in sorted(alternative.quantities):
                fault = validate_input_scalar(alternative.quantities[name].value)
                if fault is not None:
                    return f"Invalid resource quantity for '{name}': {fault}"
    return None


def validate_input_scalar(value: float) -> str | None:
    """Why ``value`` is no amount that a client may give, or None."""
    if math.isinf(value):
        return "Infinite values not supported"
    if math.isnan(value):
        return "NaN not supported"
    if 0 < abs(value) < _SMALLEST_NORMAL:
        return "Subnormal values not supported"
    return "Negative values not supported" if value < 0 else None


def _failover_timeout_fault(info: mesos_pb2.FrameworkInfo) -> str | None:
    seconds = info.failover_timeout
    # What is no number fails the comparison too.
    if abs(seconds) < _DURATION_SECONDS_MAX:
        return None
    return f"The framework failover_timeout ({seconds:g}) is invalid"


def _whitelist_fault(info: mesos_pb2.FrameworkInfo, rules: FrameworkRules) -> str | None:
    if rules.roles is None:
        return None
    unknown = [role for role in roles_of(info) if role not in rules.roles]
    if not unknown:
        return None
    return f"Roles {set_text(unknown)} are not present in the master's --roles"


def _root_fault(info: mesos_pb2.FrameworkInfo, rules: FrameworkRules) -> str | None:
    if info.user != "root" or rules.root_submissions:
        return None
    return "User 'root' is not allowed to run frameworks without --root_submissions set"


def _completed_fault(info: mesos_pb2.FrameworkInfo, rules: FrameworkRules) -> str | None:
    if info.HasField("id") and info.id.value in rules.completed_ids:
        return "Framework has been removed"
    return None


def validate_principal_kept(
    old: mesos_pb2.FrameworkInfo, new: mesos_pb2.FrameworkInfo
) -> str | None:
    """Checks that a framework still belongs to whom it belonged; the old one stays a secret."""
    if (old.HasField("principal"), old.principal) == (new.HasField("principal"), new.principal):
        return None
    return "Changing framework's principal is not allowed."


def validate_update(old: mesos_pb2.FrameworkInfo, new: mesos_pb2.FrameworkInfo) -> str | None:
    """What follows ``FrameworkInfo update is not valid: `` to UPDATE_FRAMEWORK, or None."""
    fault = validate_principal_kept(old, new)
    if fault is not None:
        return fault
    for member, before, after in (
        ("user", old.user, new.user),
        ("checkpoint", _bool_text(old.checkpoint), _bool_text(new.checkpoint)),
    ):
        if before != after:
            return (
                f"Updating 'FrameworkInfo.{member}' is unsupported; attempted to update"
                f" from '{before}' to '{after}'"
            )
    return None


def preserve_immutable(
    old: mesos_pb2.FrameworkInfo, new: mesos_pb2.FrameworkInfo
) -> mesos_pb2.FrameworkInfo:
    """``new`` with what a re-subscription does not change; ``new`` itself stays as it is."""
    kept = mesos_pb2.FrameworkInfo()
    kept.CopyFrom(new)
    if kept.user != old.user:
        kept.user = old.user
    if kept.checkpoint != old.checkpoint:
        kept.checkpoint = old.checkpoint
    return kept


def _bool_text(value: bool) -> str:
    return "true" if value else "false"


def validate_suppressed_roles(
    suppressed: Iterable[str], info: mesos_pb2.FrameworkInfo
) -> str | None:
    """Checks that a framework suppresses only roles that it has."""
    own = roles_of(info)
    for role in sorted(suppressed):
        if role not in own:
            return f"Suppressed role '{role}' is not contained in the list of roles"
    return None


def validate_constraint_roles(
    constraints: scheduler_pb2.OfferConstraints, info: mesos_pb2.FrameworkInfo
) -> str | None:
    """Checks that a framework constrains offers only for roles that it has."""
    own = roles_of(info)
    for role in sorted(constraints.role_constraints):
        if role not in own:
            # The missing space is Mesos's.
            return (
                f"Offer constraints specify `role_constraints` for a role '{role}'"
                "not contained in the set of roles"
            )
    return None


def validate_offer_constraints(
    constraints: scheduler_pb2.OfferConstraints,
    max_mem_bytes: int = offer_constraints.DEFAULT_MAX_MEM_BYTES,
    max_program_size: int = offer_constraints.DEFAULT_MAX_PROGRAM_SIZE,
) -> str | None:
    """Checks constraints; the bounds are ``--offer_constraints_re2_max_mem`` and its sister."""
    fault = offer_constraints.validate(constraints, max_mem_bytes, max_program_size)
    return f"Offer constraints are not valid: {fault}" if fault else None
