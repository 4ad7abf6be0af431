"""Quota: what a role may be guaranteed, and limited to.

Source: ``QuotaHandler``, ``quota::validate`` and ``quota::validation::quotaInfo``. SET_QUOTA,
REMOVE_QUOTA and ``/quota`` are the older way, in which guarantees are limits as well. Between
what is checked here and :func:`validate_set_capacity` Mesos asks whether the operator may.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mesos_compat.master.validation.framework import validate_input_scalar
from mesos_compat.master.validation.refusal import Refusal, bad_request, conflict
from mesos_compat.master.validation.texts import set_text
from mesos_compat.resources import Limits, Quantities, formats
from mesos_compat.resources import roles as role_names
from mesos_compat.resources.validation import validate as validate_resources
from mesos_compat.resources.values import scalar_text, to_thousandths
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, quota_pb2

# Beyond these, sums would not fit into 64 bits of thousandths.
_EXABYTE_MEGABYTES: Final = 1 << 40
_TRILLION: Final = 10**12

_SET_PREFIX: Final = "Failed to validate set quota request: "


@dataclass(frozen=True, slots=True)
class QuotaFacts:
    """What a change of quota is checked against."""

    # The guarantees of the roles that have quota; empty ones for those with limits only.
    guarantees: Mapping[str, Quantities]
    # What a role and the roles below it use, or have reserved.
    consumed: Callable[[str], Quantities]
    # All scalars, but for revocable ones, of all registered agents.
    capacity: Quantities
    # --roles; None means any.
    roles: Container[str] | None = None


def validate_update(update: master_pb2.Call.UpdateQuota, facts: QuotaFacts) -> Refusal | None:
    """Why UPDATE_QUOTA is refused, or None; nothing of it is done unless all is right."""
    for config in update.quota_configs:
        fault = _config_fault(config, facts)
        if fault is not None:
            return bad_request(fault)
    if not update.force:
        for config in update.quota_configs:
            limits, consumed = Limits.from_map(config.limits), facts.consumed(config.role)
            if not limits.contains(consumed):
                return bad_request(
                    f"Invalid QuotaConfig: Role '{config.role}' is already consuming"
                    f" '{consumed}'; this is more than the requested limits '{limits}'"
                    " (use 'force' flag to bypass this check)"
                )
    tree = _QuotaTree(facts.guarantees)
    for config in update.quota_configs:
        tree.put(config.role, Quantities.from_map(config.guarantees))
    fault = tree.fault()
    if fault is not None:
        return bad_request(f"Invalid QuotaConfig: {fault}")
    total = tree.total()
    if not update.force and not facts.capacity.contains(total):
        return bad_request(
            f"Invalid QuotaConfig: total quota guarantees '{total}' exceed cluster capacity"
            f" '{facts.capacity}' (use 'force' flag to bypass this check)"
        )
    return None


def _config_fault(config: quota_pb2.QuotaConfig, facts: QuotaFacts) -> str | None:
    if facts.roles is not None and config.role not in facts.roles:
        return f"Invalid QuotaConfig: '{config.role}' is not on the roles whitelist"
    if "/" in config.role:
        return f"Updating quota on nested role '{config.role}' is not supported yet"
    fault = validate_config(config)
    return f"Invalid QuotaConfig: {fault}" if fault else None


def validate_config(config: quota_pb2.QuotaConfig) -> str | None:
    """Checks one role's quota by itself."""
    if not config.HasField("role"):
        return "'QuotaConfig.role' must be set"
    fault = role_names.validate(config.role)
    if fault is not None:
        return f"Invalid 'QuotaConfig.role': {fault}"
    for member, amounts in (("guarantees", config.guarantees), ("limits", config.limits)):
        fault = _too_large_fault(amounts)
        if fault is not None:
            return f"Invalid 'QuotaConfig.{member}': {fault}"
    for what, amounts in (("guarantee", config.guarantees), ("limit", config.limits)):
        for name in sorted(amounts):
            fault = validate_input_scalar(amounts[name].value)
            if fault is not None:
                shown = _amount_text(amounts[name])
                return f"Invalid {what} configuration {{'{name}': {shown}}}: {fault}"
    if not Limits.from_map(config.limits).contains(Quantities.from_map(config.guarantees)):
        return (
            f"'QuotaConfig.guarantees' {_map_text(config.guarantees)} is not contained within the"
            f" 'QuotaConfig.limits' {_map_text(config.limits)}"
        )
    return None


def _too_large_fault(amounts: Mapping[str, mesos_pb2.Value.Scalar]) -> str | None:
    for name in sorted(amounts):
        is_size = name in ("mem", "disk")
        most = _EXABYTE_MEGABYTES if is_size else _TRILLION
        if amounts[name].value > most:
            return (
                f"{{'{name}': {_amount_text(amounts[name])}}} is invalid: values greater than"
                f" 1 {'exabyte' if is_size else 'trillion'} ({most}) are not supported"
            )
    return None


def _amount_text(amount: mesos_pb2.Value.Scalar) -> str:
    return scalar_text(to_thousandths(amount.value))


def _map_text(amounts: Mapping[str, mesos_pb2.Value.Scalar]) -> str:
    return set_text(f"{name}: {_amount_text(amounts[name])}" for name in sorted(amounts))


def validate_set(request: quota_pb2.QuotaRequest, facts: QuotaFacts) -> Refusal | None:
    """Why SET_QUOTA, or a POST to ``/quota``, is refused whoever asks; or None."""
    fault = validate_resources(request.guarantee)
    if fault is not None:
        return bad_request(f"{_SET_PREFIX}QuotaInfo with invalid resource: {fault}")
    role = request.role
    fault = _request_fault(request)
    if fault is None and facts.roles is not None and role not in facts.roles:
        fault = f"Unknown role '{role}'"
    if fault is None and role in facts.guarantees:
        fault = f"Cannot set quota for role '{role}' which already has quota"
    if fault is None:
        fault = _tree_with(request, facts).fault()
    if fault is not None:
        return bad_request(_SET_PREFIX + fault)
    if "/" in role:
        return bad_request(f"Setting quota on nested role '{role}' is not supported yet")
    return None


def validate_set_capacity(request: quota_pb2.QuotaRequest, facts: QuotaFacts) -> Refusal | None:
    """Why SET_QUOTA goes beyond what there is, or None; comes after :func:`validate_set`."""
    total = _tree_with(request, facts).total()
    if request.force or facts.capacity.contains(total):
        return None
    return conflict(
        "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota"
        f" guarantees '{total}' exceed cluster capacity '{facts.capacity}'"
    )


def quantities_of(request: quota_pb2.QuotaRequest) -> Quantities:
    """The guarantees, and limits, that a valid request asks for."""
    return Quantities(
        (resource.name, to_thousandths(resource.scalar.value)) for resource in request.guarantee
    )


def _tree_with(request: quota_pb2.QuotaRequest, facts: QuotaFacts) -> _QuotaTree:
    tree = _QuotaTree(facts.guarantees)
    tree.put(request.role, quantities_of(request))
    return tree


def _request_fault(request: quota_pb2.QuotaRequest) -> str | None:
    if not request.HasField("role"):
        return "QuotaInfo must specify a role"
    fault = role_names.validate(request.role)
    if fault is not None:
        return f"QuotaInfo with invalid role: {fault}"
    if not request.guarantee:
        return "QuotaInfo with empty 'guarantee'"
    seen: dict[str, None] = {}
    for given in request.guarantee:
        resource = mesos_pb2.Resource()
        resource.CopyFrom(given)
        formats.upgrade(resource)
        fault = _guarantee_fault(resource)
        if fault is None and resource.name in seen:
            fault = f"contains duplicate resource name '{resource.name}'"
        if fault is not None:
            return f"QuotaInfo {fault}"
        seen[resource.name] = None
    return None


def _guarantee_fault(resource: mesos_pb2.Resource) -> str | None:
    if resource.reservations:
        return "must not contain any ReservationInfo"
    if resource.HasField("disk"):
        return "must not contain DiskInfo"
    if resource.HasField("revocable"):
        return "must not contain RevocableInfo"
    if resource.type != mesos_pb2.Value.SCALAR:
        return "must not include non-scalar resources"
    return None


def validate_remove(role: str, facts: QuotaFacts, path: str | None = None) -> Refusal | None:
    """Why REMOVE_QUOTA, or a DELETE of ``path``, is refused; or None.

    Mesos checks the DELETE alone, and stops when REMOVE_QUOTA names a role without quota; that
    is answered with a text of our own here.
    """
    where = f" for path '{path}'" if path is not None else ""
    if facts.roles is not None and role not in facts.roles:
        return bad_request(f"Failed to validate remove quota request{where}: Unknown role '{role}'")
    if role not in facts.guarantees:
        return bad_request(f"Failed to remove quota{where}: Role '{role}' has no quota set")
    others = {name: guarantees for name, guarantees in facts.guarantees.items() if name != role}
    fault = _QuotaTree(others).fault()
    return bad_request(f"Failed to remove quota{where}: {fault}") if fault else None


@dataclass(slots=True)
class _Node:
    """A role of the tree, which may have no quota of its own."""

    guarantees: Quantities = field(default_factory=Quantities)
    children: dict[str, _Node] = field(default_factory=dict)


class _QuotaTree:
    """Guarantees by role. What is guaranteed to a role is shared by the roles below it."""

    __slots__ = ("_root",)

    def __init__(self, guarantees: Mapping[str, Quantities]) -> None:
        self._root = _Node()
        for role in sorted(guarantees):
            self.put(role, guarantees[role])

    def put(self, role: str, guarantees: Quantities) -> None:
        """Set what ``role`` is guaranteed."""
        node = self._root
        for component in role.split("/"):
            node = node.children.setdefault(component, _Node())
        node.guarantees = guarantees

    def total(self) -> Quantities:
        """What is guaranteed altogether: to top-level roles, that is."""
        return _sum(node.guarantees for node in self._root.children.values())

    def fault(self) -> str | None:
        """Why the tree is not valid: a role is guaranteed less than those below it together."""
        waiting = list(self._root.children.items())
        order: list[tuple[str, _Node]] = []
        while waiting:
            name, node = waiting.pop()
            order.append((name, node))
            waiting.extend(node.children.items())
        # The deepest first.
        for name, node in reversed(order):
            below = _sum(child.guarantees for child in node.children.values())
            if not node.guarantees.contains(below):
                return (
                    f"Invalid quota configuration. Parent role '{name}' with guarantees"
                    f" ({node.guarantees}) does not contain the sum of its children's guarantees"
                    f" ({below})"
                )
        return None


def _sum(parts: Iterable[Quantities]) -> Quantities:
    return sum(parts, Quantities())
