"""``/registrar(1)/registry``: the registry as Mesos's own would look.

Ours is a list of each kind of thing; Mesos wraps each thing and each list in an object, under
the names of the older API, and writes reservations in the older format where that can be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import Message

from mesos_compat.master.registry import RegistryTables
from mesos_compat.master.views.older_values import JsonObject, by_name
from mesos_compat.master.views.view import View
from mesos_compat.resources.formats import downgrade
from mesos_compat.wire import link_pb2
from mesos_compat.wire.json_dialect import JsonValue, to_value
from mesos_compat.wire.v1 import mesos_pb2

_Capability = mesos_pb2.MasterInfo.Capability.Type

# What a master must be able to do that is to read such a registry.
_DRAINING: Final = "AGENT_DRAINING"
_QUOTA: Final = "QUOTA_V2"


def registry(view: View) -> JsonValue:
    """All that is kept for the next master; what is empty stays out."""
    tables = view.registrar.tables
    found: JsonObject = {}
    if tables.master is not None:
        found["master"] = {"info": _master(tables.master)}
    found |= {
        name: {member: things}
        for name, member, things in (
            ("slaves", "slaves", [_agent(one) for one in tables.agents.values()]),
            ("unreachable", "slaves", _values(tables.unreachable.values())),
            ("gone", "slaves", _values(tables.gone.values())),
            ("machines", "machines", _infos(tables.machines.values())),
        )
        if things
    }
    if tables.schedule.windows:
        found["schedules"] = [to_value(tables.schedule)]
    # A quota that was taken back is an empty one.
    quotas = [one for one in tables.quotas.values() if one.guarantees or one.limits]
    if quotas:
        found["quota_configs"] = _values(quotas)
    if tables.weights:
        found["weights"] = _infos(
            mesos_pb2.WeightInfo(role=role, weight=weight)
            for role, weight in tables.weights.items()
        )
    capabilities = [_DRAINING] if _is_any_deactivated(tables) else []
    if quotas:
        capabilities.append(_QUOTA)
    if capabilities:
        found["minimum_capabilities"] = [{"capability": name} for name in capabilities]
    return by_name(found)


def _master(info: mesos_pb2.MasterInfo) -> JsonValue:
    # The v1 API's printer does not know the name of the youngest of them.
    names = [_Capability.Name(one.type) for one in info.capabilities]
    return {**to_value(info), "capabilities": [{"type": name} for name in names]}


def _values(messages: Iterable[Message]) -> list[JsonValue]:
    return [to_value(one) for one in messages]


def _infos(messages: Iterable[Message]) -> list[JsonValue]:
    return [{"info": to_value(one)} for one in messages]


def _agent(one: link_pb2.Registry.Agent) -> JsonValue:
    shown = link_pb2.Registry.Agent()
    shown.CopyFrom(one)
    for resource in shown.info.resources:
        if len(resource.reservations) <= 1:
            downgrade(resource)
    value = to_value(shown)
    # Of the older API only: every agent keeps what it needs to recover.
    value["info"] = {**to_value(shown.info), "checkpoint": True}
    return value


def _is_any_deactivated(tables: RegistryTables) -> bool:
    """Whether an agent is out of use; those that are drained are so too."""
    return any(one.deactivated for one in tables.agents.values()) or any(
        one.deactivated for one in tables.unreachable.values()
    )
