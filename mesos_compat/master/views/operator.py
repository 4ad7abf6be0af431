"""The read calls of the operator API: ``POST /api/v1``. Source: master.proto, http.cpp.

Each function answers one type of call, and :data:`ANSWERS` finds it. What other modules of the
shell answer (files, the logging level) is not here, nor are calls that change something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from mesos_compat.master import shown
from mesos_compat.master.state import Operation
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.master.views import metrics
from mesos_compat.master.views.maintenance import schedule, status
from mesos_compat.master.views.roles import known_roles
from mesos_compat.master.views.view import View
from mesos_compat.master.views.visible import Visible
from mesos_compat.resources import ResourceError, Resources
from mesos_compat.resources.convert import conversions
from mesos_compat.resources.values import to_double
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, quota_pb2

_Call = master_pb2.Call
_Response = master_pb2.Response

_NS_PER_SECOND: Final = 1_000_000_000
# What GET_ROLES tells of; other names may be of something that is not counted.
_ROLE_RESOURCES: Final = ("cpus", "disk", "gpus", "mem")

Answer: TypeAlias = Callable[[View, master_pb2.Call], "master_pb2.Response | Refusal"]


def _get_health(_view: View, _call: master_pb2.Call) -> master_pb2.Response:
    return _Response(type=_Response.GET_HEALTH, get_health=_Response.GetHealth(healthy=True))


def _get_flags(view: View, _call: master_pb2.Call) -> master_pb2.Response | Refusal:
    if not view.visible.sees_flags():
        return Refusal(HTTPStatus.FORBIDDEN, "403 Forbidden.")
    response = _Response(type=_Response.GET_FLAGS, get_flags=_Response.GetFlags())
    for name in sorted(view.flags):
        response.get_flags.flags.add(name=name, value=view.flags[name])
    return response


def _get_version(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    found = _Response.GetVersion(version_info=view.version)
    return _Response(type=_Response.GET_VERSION, get_version=found)


def _get_metrics(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    """All at once, so the timeout that the call may have is never exceeded."""
    response = _Response(type=_Response.GET_METRICS, get_metrics=_Response.GetMetrics())
    for name, value in metrics.snapshot(view).items():
        response.get_metrics.metrics.add(name=name, value=value)
    return response


def _get_state(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_STATE)
    response.get_state.CopyFrom(shown.get_state(view.state, view.visible))
    return response


def _get_agents(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_AGENTS)
    response.get_agents.CopyFrom(shown.get_agents(view.state, view.visible))
    return response


def _get_frameworks(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_FRAMEWORKS)
    response.get_frameworks.CopyFrom(shown.get_frameworks(view.state, view.visible))
    return response


def _get_executors(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_EXECUTORS)
    response.get_executors.CopyFrom(shown.get_executors(view.state, view.visible))
    return response


def _get_tasks(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_TASKS)
    response.get_tasks.CopyFrom(shown.get_tasks(view.state, view.visible))
    return response


def _get_operations(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_OPERATIONS, get_operations=_Response.GetOperations())
    response.get_operations.operations.extend(
        operation.message
        for agent in view.state.agents.values()
        for operation in agent.operations.values()
        if _sees_operation(view.visible, operation)
    )
    return response


def _sees_operation(visible: Visible, operation: Operation) -> bool:
    """Whoever may see the resources that an operation was done to may see the operation."""
    try:
        steps = conversions(operation.message.info)
    except ResourceError:
        # Nobody can tell what it was done to.
        return False
    consumed = sum((step.consumed for step in steps), Resources())
    return visible.visible(consumed) == consumed


def _get_roles(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_ROLES, get_roles=_Response.GetRoles())
    for role in known_roles(view.state, view.settings):
        if not view.visible.sees_role(role.name):
            continue
        made = response.get_roles.roles.add(name=role.name, weight=role.weight)
        for framework_id in role.frameworks:
            made.frameworks.add(value=framework_id)
        for name, amount in (role.allocated + role.offered).items():
            if name in _ROLE_RESOURCES:
                resource = made.resources.add(name=name, type=mesos_pb2.Value.SCALAR)
                resource.scalar.value = to_double(amount)
    return response


def _get_weights(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    """Those that were set; when there are none there is no ``get_weights`` either."""
    response = _Response(type=_Response.GET_WEIGHTS)
    for role in sorted(view.state.weights):
        if view.visible.sees_role(role):
            response.get_weights.weight_infos.add(role=role, weight=view.state.weights[role])
    return response


def _get_master(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    state = view.state
    response = _Response(type=_Response.GET_MASTER)
    response.get_master.master_info.CopyFrom(state.info)
    response.get_master.start_time = state.started_ns / _NS_PER_SECOND
    if state.elected_ns is not None:
        response.get_master.elected_time = state.elected_ns / _NS_PER_SECOND
    return response


def _get_maintenance_status(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_MAINTENANCE_STATUS)
    response.get_maintenance_status.status.CopyFrom(status(view))
    return response


def _get_maintenance_schedule(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_MAINTENANCE_SCHEDULE)
    response.get_maintenance_schedule.schedule.CopyFrom(schedule(view))
    return response


def _get_quota(view: View, _call: master_pb2.Call) -> master_pb2.Response:
    response = _Response(type=_Response.GET_QUOTA)
    response.get_quota.status.CopyFrom(quota_status(view))
    return response


def quota_status(view: View) -> quota_pb2.QuotaStatus:
    """Quotas of the roles that the asker may ask about; the older form has guarantees only."""
    found = quota_pb2.QuotaStatus()
    for role, config in sorted(view.state.quotas.items()):
        if not view.visible.sees_quota(role):
            continue
        found.configs.add().CopyFrom(config)
        info = found.infos.add(role=role)
        for name in sorted(config.guarantees):
            info.guarantee.add(
                name=name, type=mesos_pb2.Value.SCALAR, scalar=config.guarantees[name]
            )
    return found


#: What answers each type of call that only reads.
ANSWERS: Final[Mapping[master_pb2.Call.Type, Answer]] = {
    _Call.GET_HEALTH: _get_health,
    _Call.GET_FLAGS: _get_flags,
    _Call.GET_VERSION: _get_version,
    _Call.GET_METRICS: _get_metrics,
    _Call.GET_STATE: _get_state,
    _Call.GET_AGENTS: _get_agents,
    _Call.GET_FRAMEWORKS: _get_frameworks,
    _Call.GET_EXECUTORS: _get_executors,
    _Call.GET_OPERATIONS: _get_operations,
    _Call.GET_TASKS: _get_tasks,
    _Call.GET_ROLES: _get_roles,
    _Call.GET_WEIGHTS: _get_weights,
    _Call.GET_MASTER: _get_master,
    _Call.GET_MAINTENANCE_STATUS: _get_maintenance_status,
    _Call.GET_MAINTENANCE_SCHEDULE: _get_maintenance_schedule,
    _Call.GET_QUOTA: _get_quota,
}
