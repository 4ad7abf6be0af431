"""Agents as the older endpoints show them, where they are called slaves, and ``/slaves``.

Sums of resources are of all roles; what is shown role by role, or resource by resource, is what
the asker may see. Source: ``SlaveWriter`` and ``SlavesWriter`` of Mesos.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mesos_compat.master.state import Agent
from mesos_compat.master.views.older_values import JsonObject, amounts, seconds
from mesos_compat.master.views.view import View
from mesos_compat.master.views.visible import Visible
from mesos_compat.resources import Format, Resources, attributes
from mesos_compat.wire.json_dialect import JsonValue, to_value
from mesos_compat.wire.v1 import mesos_pb2

_CAPABILITIES: Final[Mapping[int, str]] = {
    number: name for name, number in mesos_pb2.AgentInfo.Capability.Type.items()
}


def slaves(view: View, query: Mapping[str, str]) -> JsonValue:
    """``/slaves``: with every resource in full; ``slave_id`` chooses one."""
    wanted = query.get("slave_id")
    return {
        "slaves": [
            agent(one, view.visible) | _resources_in_full(one, view.visible)
            for one in view.state.agents.values()
            if wanted in (None, one.agent_id)
        ],
        "recovered_slaves": recovered(view, wanted),
    }


def recovered(view: View, wanted: str | None = None) -> list[JsonValue]:
    """Agents of the registry that have not come back yet, or only the one that is wanted."""
    return [
        _info(one.info)
        for agent_id, one in view.state.recovered_agents.items()
        if wanted in (None, agent_id)
    ]


def agent(one: Agent, visible: Visible) -> JsonObject:
    """A registered agent."""
    made = _info(one.info)
    made["pid"] = one.pid
    made["registered_time"] = seconds(one.registered_ns)
    if one.reregistered_ns:
        made["reregistered_time"] = seconds(one.reregistered_ns)
    made["resources"] = amounts([one.total])
    made["used_resources"] = amounts(one.used.values())
    made["offered_resources"] = amounts(_offered(one))
    made["reserved_resources"] = {
        role: amounts([part])
        for role, part in one.total.reservations().items()
        if visible.sees_role(role)
    }
    made["unreserved_resources"] = amounts([one.total.unreserved()])
    made["active"] = one.is_active
    made["deactivated"] = one.is_deactivated
    made["version"] = one.version
    made["capabilities"] = [_CAPABILITIES[capability] for capability in one.capabilities]
    if one.drain_info is not None:
        made["drain_info"] = to_value(one.drain_info)
        if one.drain_start_ns:
            made["estimated_drain_start_time_seconds"] = seconds(one.drain_start_ns)
    return made


def _info(info: mesos_pb2.AgentInfo) -> JsonObject:
    made: JsonObject = {
        "id": info.id.value,
        "hostname": info.hostname,
        "port": info.port,
        "attributes": dict(attributes.to_object(info.attributes)),
    }
    if info.HasField("domain"):
        made["domain"] = to_value(info.domain)
    return made


def _offered(one: Agent) -> Iterable[Resources]:
    return (offer.resources for offer in one.offers.values())


def _resources_in_full(one: Agent, visible: Visible) -> JsonObject:
    """What operators need to unreserve resources and to destroy volumes."""
    return {
        "reserved_resources_full": {
            role: _in_full(part, visible)
            for role, part in one.total.reservations().items()
            if visible.sees_role(role)
        },
        "unreserved_resources_full": _in_full(one.total.unreserved(), visible),
        "used_resources_full": _in_full(sum(one.used.values(), Resources()), visible),
        "offered_resources_full": _in_full(sum(_offered(one), Resources()), visible),
    }


def _in_full(resources: Resources, visible: Visible) -> list[JsonValue]:
    return [to_value(one) for one in visible.visible(resources).messages(Format.ENDPOINT)]
