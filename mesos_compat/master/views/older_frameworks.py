"""Frameworks as the older endpoints show them, and ``/frameworks``.

Source: ``FullFrameworkWriter``, ``Summary<Framework>`` and the writers of executors and offers
of Mesos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mesos_compat.master.state import Framework, MasterState, Offer
from mesos_compat.master.validation.framework import has_capability
from mesos_compat.master.views.older_tasks import task
from mesos_compat.master.views.older_values import (
    JsonObject,
    amounts,
    amounts_of,
    labels,
    seconds,
)
from mesos_compat.master.views.view import View
from mesos_compat.resources import Resources
from mesos_compat.wire.json_dialect import JsonValue, to_value
from mesos_compat.wire.v1 import mesos_pb2

_Capability = mesos_pb2.FrameworkInfo.Capability
_CAPABILITIES: Final[Mapping[int, str]] = {
    number: name for name, number in _Capability.Type.items()
}


def frameworks(view: View, query: Mapping[str, str]) -> JsonValue:
    """``/frameworks``; ``framework_id`` chooses one."""
    wanted = query.get("framework_id")
    return {
        "frameworks": shown(view.state.frameworks.values(), view, wanted),
        "completed_frameworks": shown(view.state.completed_frameworks.values(), view, wanted),
        # There have been none for long; tools look at it all the same.
        "unregistered_frameworks": [],
    }


def shown(known: Iterable[Framework], view: View, wanted: str | None = None) -> list[JsonValue]:
    """Those of ``known`` that the asker may see, or only the one that is wanted, in full."""
    return [
        framework(one, view)
        for one in known
        if wanted in (None, one.framework_id) and view.visible.sees_framework(one.info)
    ]


def summary(one: Framework, state: MasterState) -> JsonObject:
    """What ``/state-summary`` tells of a framework, and every other endpoint first."""
    return {
        "id": one.framework_id,
        "name": one.info.name,
        "used_resources": amounts(_used(one, state)),
        "offered_resources": amounts(_offered(one)),
        "capabilities": [_CAPABILITIES[capability.type] for capability in one.info.capabilities],
        "hostname": one.info.hostname,
        "webui_url": one.info.webui_url,
        "active": one.is_connected,
        "connected": one.is_connected,
        "recovered": one.is_recovered,
    }


def _used(one: Framework, state: MasterState) -> list[Resources]:
    agents = (state.agents.get(agent_id) for agent_id in one.agent_ids)
    return [
        agent.used[one.framework_id]
        for agent in agents
        if agent is not None and one.framework_id in agent.used
    ]


def _offered(one: Framework) -> list[Resources]:
    return [offer.resources for offer in one.offers.values()]


def framework(one: Framework, view: View) -> JsonObject:
    """A framework with those of its tasks and executors that the asker may see."""
    info = one.info
    made = summary(one, view.state)
    made["user"] = info.user
    made["failover_timeout"] = info.failover_timeout
    made["checkpoint"] = info.checkpoint
    made["registered_time"] = seconds(one.registered_ns)
    made["unregistered_time"] = seconds(one.unregistered_ns)
    if info.HasField("principal"):
        made["principal"] = info.principal
    made["resources"] = amounts([*_used(one, view.state), *_offered(one)])
    if one.reregistered_ns not in (0, one.registered_ns):
        made["reregistered_time"] = seconds(one.reregistered_ns)
    if has_capability(info, _Capability.MULTI_ROLE):
        made["roles"] = list(info.roles)
    else:
        made["role"] = info.role
    sees = _task_filter(one, view)
    running = (known.message for known in one.tasks.values())
    unreachable = (known.message for known in one.unreachable_tasks.values())
    made["tasks"] = _tasks(filter(sees, running), view)
    made["unreachable_tasks"] = _tasks(filter(sees, unreachable), view)
    made["completed_tasks"] = _tasks(filter(sees, one.completed_tasks), view)
    made["offers"] = [_offer(offer) for offer in one.offers.values()]
    made["executors"] = _executors(one, view)
    if info.HasField("labels"):
        made["labels"] = labels(info.labels)
    constraints = one.offer_constraints
    made["offer_constraints"] = {} if constraints is None else to_value(constraints)
    return made


def _tasks(messages: Iterable[mesos_pb2.Task], view: View) -> JsonValue:
    if view.printing is not None:
        return view.printing.tasks(messages)
    return [task(message) for message in messages]


def _task_filter(one: Framework, view: View) -> Callable[[mesos_pb2.Task], bool]:
    return lambda message: view.visible.sees_task(message, one.info)


def _offer(one: Offer) -> JsonObject:
    return {
        "id": one.offer_id,
        "framework_id": one.framework_id,
        # Also where the framework's own message has none, since it knows no more than one role.
        "allocation_info": {"role": one.role},
        "slave_id": one.agent_id,
        "resources": amounts([one.resources]),
    }


def _executors(one: Framework, view: View) -> list[JsonValue]:
    agents = (view.state.agents.get(agent_id) for agent_id in one.agent_ids)
    return [
        _executor(executor) | {"slave_id": agent.agent_id}
        for agent in agents
        if agent is not None
        for executor in agent.executors.get(one.framework_id, {}).values()
        if view.visible.sees_executor(executor, one.info)
    ]


def _executor(one: mesos_pb2.ExecutorInfo) -> JsonObject:
    made: JsonObject = {
        "executor_id": one.executor_id.value,
        "name": one.name,
        "framework_id": one.framework_id.value,
        "command": _command(one.command),
        "resources": amounts_of(one.resources),
    }
    if one.resources:
        # All resources of an executor are allocated to one role.
        made["role"] = one.resources[0].allocation_info.role
    if one.HasField("labels"):
        made["labels"] = labels(one.labels)
    if one.HasField("type"):
        made["type"] = mesos_pb2.ExecutorInfo.Type.Name(one.type)
    return made


def _command(one: mesos_pb2.CommandInfo) -> JsonObject:
    made: JsonObject = {}
    if one.HasField("shell"):
        made["shell"] = one.shell
    if one.HasField("value"):
        made["value"] = one.value
    made["argv"] = list(one.arguments)
    if one.HasField("environment"):
        made["environment"] = to_value(one.environment)
    made["uris"] = [{"value": uri.value, "executable": uri.executable} for uri in one.uris]
    return made
