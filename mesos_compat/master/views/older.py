"""The master's endpoints from before the v1 API, as plain values.

They speak of slaves where the v1 API speaks of agents. Their members come in the order in which
Mesos writes them; the few answers that Mesos does not write by hand are sorted. The big ones are
in modules of their own: :mod:`.older_state`, :mod:`.older_agents`, :mod:`.older_frameworks` and
:mod:`.older_tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.master.views import maintenance, operator
from mesos_compat.master.views.older_agents import slaves
from mesos_compat.master.views.older_frameworks import frameworks
from mesos_compat.master.views.older_state import state, state_summary
from mesos_compat.master.views.older_tasks import tasks
from mesos_compat.master.views.older_values import JsonObject, by_name
from mesos_compat.master.views.roles import Role, known_roles
from mesos_compat.master.views.view import View
from mesos_compat.resources import Limits, Quantities
from mesos_compat.resources.objects import quantities_to_object
from mesos_compat.wire.json_dialect import JsonValue, to_value
from mesos_compat.wire.v1 import quota_pb2


def flags(view: View, _query: Mapping[str, str]) -> JsonValue | Refusal:
    """``/flags``: all of them, or none."""
    if not view.visible.sees_flags():
        return Refusal(HTTPStatus.FORBIDDEN, "403 Forbidden.")
    return {"flags": {name: view.flags[name] for name in sorted(view.flags)}}


def roles(view: View, _query: Mapping[str, str]) -> JsonValue:
    """``/roles``. Source: ``ReadOnlyHandler::roles``."""
    return {
        "roles": [
            _role(role, view.state.quotas.get(role.name))
            for role in known_roles(view.state, view.settings)
            if view.visible.sees_role(role.name)
        ]
    }


def _role(role: Role, quota: quota_pb2.QuotaConfig | None) -> JsonObject:
    if quota is None:
        quota = quota_pb2.QuotaConfig()
    return {
        "name": role.name,
        "weight": role.weight,
        "quota": {
            "role": role.name,
            "guarantee": _numbers(Quantities.from_map(quota.guarantees)),
            "limit": _numbers(Limits.from_map(quota.limits)),
            "consumed": _numbers(role.consumed),
        },
        "resources": _numbers(role.allocated + role.offered),
        "allocated": _numbers(role.allocated),
        "offered": _numbers(role.offered),
        "reserved": _numbers(role.reserved),
        "frameworks": list(role.frameworks),
    }


def _numbers(amounts: Quantities | Limits) -> JsonObject:
    return dict(quantities_to_object(amounts))


def weights(view: View, _query: Mapping[str, str]) -> JsonValue:
    """``/weights``: those that were set."""
    return [
        {"role": role, "weight": view.state.weights[role]}
        for role in sorted(view.state.weights)
        if view.visible.sees_role(role)
    ]


def quota(view: View, _query: Mapping[str, str]) -> JsonValue:
    """``/quota``, as it is and as it was before there were limits."""
    return to_value(operator.quota_status(view))


def maintenance_schedule(view: View, _query: Mapping[str, str]) -> JsonValue:
    """``/maintenance/schedule``."""
    return by_name(to_value(maintenance.schedule(view)))


def maintenance_status(view: View, _query: Mapping[str, str]) -> JsonValue:
    """``/maintenance/status``."""
    return by_name(to_value(maintenance.status(view)))


#: What answers each path, given the parameters of the query.
ENDPOINTS: Final[Mapping[str, Callable[[View, Mapping[str, str]], JsonValue | Refusal]]] = {
    "/flags": flags,
    "/frameworks": frameworks,
    "/maintenance/schedule": maintenance_schedule,
    "/maintenance/status": maintenance_status,
    "/quota": quota,
    "/roles": roles,
    "/slaves": slaves,
    "/state": state,
    "/state-summary": state_summary,
    "/tasks": tasks,
    "/weights": weights,
}
