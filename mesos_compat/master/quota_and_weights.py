"""Quotas and weights of roles.

Source: ``QuotaHandler``, ``WeightsHandler`` and ``RoleResourceBreakdown``. A change is stored,
told to the allocator, and then offers are taken back, so that it has something to give by the
new rules. That is done generously: offers that seem to be in the way are not weighed against
what is free besides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from http import HTTPStatus
from typing import Final

from mesos_compat.master import offers as offering
from mesos_compat.master.actions import Reply
from mesos_compat.master.context import Context
from mesos_compat.master.events import OperatorCalled
from mesos_compat.master.registry import RegistryTables, RemoveQuota, UpdateQuota, UpdateWeights
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import Agent, MasterState, Offer
from mesos_compat.master.validation.operator import role_of, validate_weights
from mesos_compat.master.validation.quota import (
    QuotaFacts,
    quantities_of,
    validate_remove,
    validate_set,
    validate_set_capacity,
    validate_update,
)
from mesos_compat.master.validation.refusal import Refusal, bad_request
from mesos_compat.resources import Limits, Quantities, Resources
from mesos_compat.resources.roles import is_in_subtree
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, quota_pb2

_Call = master_pb2.Call

_FORBIDDEN: Final = Refusal(HTTPStatus.FORBIDDEN, "403 Forbidden.")


# Quota.


def update_quota(context: Context, event: OperatorCalled) -> None:
    """UPDATE_QUOTA: all of the roles named, or none of them."""
    call = event.call.update_quota
    refusal = validate_update(call, quota_facts(context.state, context.settings))
    configs = tuple(_copy(config) for config in call.quota_configs)
    if refusal is None:
        refusal = _forbidden(context, event, "update_quotas", [one.role for one in configs])
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return

    def stored(_changed: bool) -> None:
        for config in configs:
            _set_quota(context, config)
        for config in configs:
            _rescind_beyond_limits(context, config)
            _rescind_for_guarantees(context, config)
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(UpdateQuota(configs), stored)


def set_quota(context: Context, event: OperatorCalled) -> None:
    """SET_QUOTA: guarantees, which are limits as well, of a role that has no quota."""
    request = event.call.set_quota.quota_request
    facts = quota_facts(context.state, context.settings)
    refusal = (
        validate_set(request, facts)
        or _forbidden(context, event, "update_quotas", [request.role])
        or validate_set_capacity(request, facts)
    )
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return
    amounts = quantities_of(request).to_map()
    config = quota_pb2.QuotaConfig(role=request.role, guarantees=amounts, limits=amounts)

    def stored(_changed: bool) -> None:
        # Another call may have set it, which was not stored yet when this one came.
        late = validate_set(request, quota_facts(context.state, context.settings))
        if late is not None:
            context.emit(Reply(event.route, *late))
            return
        _set_quota(context, config)
        _rescind_for_request(context, request)
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(SetQuota(config), stored)


def remove_quota(context: Context, event: OperatorCalled) -> None:
    """REMOVE_QUOTA: neither guarantees nor limits for a role. No offers are taken back."""
    role = event.call.remove_quota.role
    refusal = validate_remove(role, quota_facts(context.state, context.settings))
    refusal = refusal or _forbidden(context, event, "update_quotas", [role])
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return

    def stored(_changed: bool) -> None:
        late = validate_remove(role, quota_facts(context.state, context.settings))
        if late is not None:
            context.emit(Reply(event.route, *late))
            return
        del context.state.quotas[role]
        context.allocator.remove_quota(role)
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(RemoveQuota(role), stored)


@dataclass(frozen=True, slots=True)
class SetQuota:
    """The change of the registry by SET_QUOTA: a quota, unless there is one by now."""

    config: quota_pb2.QuotaConfig

    def apply(self, tables: RegistryTables) -> bool:
        """See :class:`~mesos_compat.master.registry.RegistryOperation`."""
        if self.config.role in tables.quotas:
            return False
        return UpdateQuota((self.config,)).apply(tables)


def _copy(config: quota_pb2.QuotaConfig) -> quota_pb2.QuotaConfig:
    """A quota that outlives the call that it came in."""
    copy = quota_pb2.QuotaConfig()
    copy.CopyFrom(config)
    return copy


def quota_facts(state: MasterState, settings: MasterSettings) -> QuotaFacts:
    """What changes of quota are checked against."""
    capacity = Quantities()
    for agent in state.agents.values():
        capacity += agent.total.nonrevocable().scalars().quantities()
    return QuotaFacts(
        guarantees={
            role: Quantities.from_map(config.guarantees) for role, config in state.quotas.items()
        },
        consumed=lambda role: consumed_by(state, role),
        capacity=capacity,
        roles=settings.roles,
    )


def consumed_by(state: MasterState, role: str) -> Quantities:
    """What counts against the quota of ``role``, with the roles below it.

    That is what is used, and what is reserved and not used. Offers do not count.
    """
    consumed = Quantities()
    for agent in state.agents.values():
        used = Quantities()
        for resources in agent.used.values():
            consumed += resources.allocated_to_subtree(role).quantities()
            used += resources.reserved_to_subtree(role).quantities()
        consumed += agent.total.reserved_to_subtree(role).quantities() - used
    return consumed


def offered_to(state: MasterState, role: str) -> Quantities:
    """What is offered to ``role`` and the roles below it."""
    return sum(
        (one.resources.quantities() for one in state.offers.values() if _is_for(one, role)),
        Quantities(),
    )


def _is_for(offer: Offer, role: str) -> bool:
    return is_in_subtree(offer.role, role)


def _set_quota(context: Context, config: quota_pb2.QuotaConfig) -> None:
    """The registry has a quota. One of nothing stays listed, as in Mesos."""
    context.state.quotas[config.role] = config
    context.allocator.update_quota(
        config.role, Quantities.from_map(config.guarantees), Limits.from_map(config.limits)
    )


def _rescind_beyond_limits(context: Context, config: quota_pb2.QuotaConfig) -> None:
    """Take back offers to a role, until it could accept all others and keep to its limits.

    Reservations that are offered count twice, so more may be taken back than need be.
    """
    state, limits = context.state, Limits.from_map(config.limits)
    held = consumed_by(state, config.role) + offered_to(state, config.role)
    for offer in list(state.offers.values()):
        if limits.contains(held):
            return
        if _is_for(offer, config.role):
            held = held - offer.resources.quantities()
            offering.rescind(context, offer)


def _rescind_for_guarantees(context: Context, config: quota_pb2.QuotaConfig) -> None:
    """Take back offers to others, until the role could have what it is guaranteed.

    Whatever is free is taken to be gone by then.
    """
    state, guarantees = context.state, Quantities.from_map(config.guarantees)
    held = consumed_by(state, config.role) + offered_to(state, config.role)
    for offer in _by_agent(state.agents.values()):
        if held.contains(guarantees):
            return
        if not _is_for(offer, config.role):
            held = held + offer.resources.quantities()
            offering.rescind(context, offer)


def _by_agent(agents: Iterable[Agent]) -> list[Offer]:
    return [offer for agent in agents for offer in agent.offers.values()]


def _rescind_for_request(context: Context, request: quota_pb2.QuotaRequest) -> None:
    """After SET_QUOTA take back offers, all those of one agent after the other, until it is enough.

    Enough is what is guaranteed, and one agent for each framework that can be offered it.
    """
    state, guaranteed = context.state, Resources(request.guarantee)
    wanted_agents = sum(
        framework.is_connected and request.role in framework.roles
        for framework in state.frameworks.values()
    )
    rescinded, visited = Resources(), 0
    for agent in state.agents.values():
        if rescinded.contains(guaranteed) and visited >= wanted_agents:
            return
        if agent.is_active and agent.offers:
            visited += 1
            for offer in list(agent.offers.values()):
                rescinded += offer.resources.unallocate()
                offering.rescind(context, offer)


# Weights.


def update_weights(context: Context, event: OperatorCalled) -> None:
    """UPDATE_WEIGHTS: if any of the roles is in use all offers are taken back."""
    infos = event.call.update_weights.weight_infos
    refusal = validate_weights(infos, context.settings.roles) or _infinite_fault(infos)
    weights = {role_of(info): info.weight for info in infos}
    refusal = refusal or _forbidden(context, event, "update_weights", weights)
    if not weights and not context.authorizer.allows("update_weights", event.principal):
        # Even for nothing one must be allowed to do it to some role, as in Mesos.
        refusal = _FORBIDDEN
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return

    def stored(_changed: bool) -> None:
        context.state.weights.update(weights)
        context.allocator.update_weights(
            {role: Fraction(weight) for role, weight in weights.items()}
        )
        if any(is_in_use(context.state, role) for role in weights):
            offering.rescind_all(context, context.state.offers.values())
        context.emit(Reply(event.route, HTTPStatus.OK))

    context.store(UpdateWeights(tuple(weights.items())), stored)


def _infinite_fault(infos: Iterable[mesos_pb2.WeightInfo]) -> Refusal | None:
    """Shares could not be divided by an infinite weight. Mesos takes it, and cannot either."""
    for info in infos:
        if math.isinf(info.weight):
            return bad_request(
                f"Failed to validate update weights request JSON for role '{role_of(info)}':"
                " Invalid weight 'inf': Weights must be finite"
            )
    return None


def is_in_use(state: MasterState, role: str) -> bool:
    """Whether a framework has this role, or holds something allocated to it."""
    return any(role in framework.roles for framework in state.frameworks.values()) or any(
        role in resources.allocations()
        for agent in state.agents.values()
        for resources in agent.used.values()
    )


def _forbidden(
    context: Context, event: OperatorCalled, action: str, roles: Iterable[str]
) -> Refusal | None:
    """403 unless the principal may do it to each of the roles."""
    allowed = [context.authorizer.allows(action, event.principal, roles=role) for role in roles]
    return None if all(allowed) else _FORBIDDEN


CALLS: Final[Mapping[master_pb2.Call.Type, Callable[[Context, OperatorCalled], None]]] = {
    _Call.UPDATE_QUOTA: update_quota,
    _Call.SET_QUOTA: set_quota,
    _Call.REMOVE_QUOTA: remove_quota,
    _Call.UPDATE_WEIGHTS: update_weights,
}
