"""Whether a call to the master's operator API is whole. Source: ``master::call::validate``."""

from __future__ import annotations

from typing import Final

from mesos_compat.master.validation.calls import validate_present, validate_whole
from mesos_compat.resources.validation import validate as validate_resources
from mesos_compat.wire.v1 import master_pb2

_Call = master_pb2.Call

# Types that are not here need no member.
_MEMBERS: Final = {
    _Call.GET_METRICS: "get_metrics",
    _Call.SET_LOGGING_LEVEL: "set_logging_level",
    _Call.LIST_FILES: "list_files",
    _Call.READ_FILE: "read_file",
    _Call.UPDATE_WEIGHTS: "update_weights",
    _Call.RESERVE_RESOURCES: "reserve_resources",
    _Call.UNRESERVE_RESOURCES: "unreserve_resources",
    _Call.CREATE_VOLUMES: "create_volumes",
    _Call.DESTROY_VOLUMES: "destroy_volumes",
    _Call.GROW_VOLUME: "grow_volume",
    _Call.SHRINK_VOLUME: "shrink_volume",
    _Call.UPDATE_MAINTENANCE_SCHEDULE: "update_maintenance_schedule",
    _Call.START_MAINTENANCE: "start_maintenance",
    _Call.STOP_MAINTENANCE: "stop_maintenance",
    _Call.DRAIN_AGENT: "drain_agent",
    _Call.DEACTIVATE_AGENT: "deactivate_agent",
    _Call.REACTIVATE_AGENT: "reactivate_agent",
    _Call.UPDATE_QUOTA: "update_quota",
    _Call.SET_QUOTA: "set_quota",
    _Call.REMOVE_QUOTA: "remove_quota",
    _Call.TEARDOWN: "teardown",
    _Call.MARK_AGENT_GONE: "mark_agent_gone",
}


def validate(call: master_pb2.Call) -> str | None:
    """What follows ``Failed to validate master::Call: `` in the answer, or None."""
    fault = validate_whole(call)
    member = _MEMBERS.get(call.type)
    if fault is None and member is not None:
        fault = validate_present(call, member)
    if fault is not None:
        return fault
    if call.type == _Call.RESERVE_RESOURCES:
        return validate_resources(call.reserve_resources.resources)
    if call.type == _Call.UNRESERVE_RESOURCES:
        return validate_resources(call.unreserve_resources.resources)
    resized = {_Call.GROW_VOLUME: call.grow_volume, _Call.SHRINK_VOLUME: call.shrink_volume}
    volume = resized.get(call.type)
    if volume is not None and not volume.HasField("agent_id"):
        return (
            "Expecting 'agent_id' to be present; only agent default resources are supported"
            " right now"
        )
    return None
