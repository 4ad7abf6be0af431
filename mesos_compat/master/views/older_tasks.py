"""Tasks as the older endpoints show them, and ``/tasks``.

A status is shown without its message, reason and source. Source: ``json(ObjectWriter*, Task)``
and ``ReadOnlyHandler::tasks`` of Mesos.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from mesos_compat.master.state import Framework
from mesos_compat.master.views.older_values import JsonObject, amounts_of, labels
from mesos_compat.master.views.view import View
from mesos_compat.resources.roles import ANY_ROLE
from mesos_compat.wire.json_dialect import JsonValue, to_value
from mesos_compat.wire.v1 import mesos_pb2

#: Names of states by number.
STATES: Final[Mapping[int, str]] = {number: name for name, number in mesos_pb2.TaskState.items()}

_PROTOCOLS: Final[Mapping[int, str]] = {
    number: name for name, number in mesos_pb2.NetworkInfo.Protocol.items()
}
# How many tasks are shown when nobody says how many.
_LIMIT: Final = 100
# Counts are of this size in Mesos: a negative one is huge, and sums wrap around.
_SIZES: Final = 1 << 64
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_INT32_MIN: Final = -(1 << 31)
_INT32_MAX: Final = (1 << 31) - 1


def task(one: mesos_pb2.Task) -> JsonObject:
    """A task."""
    resources = one.resources
    made: JsonObject = {
        "id": one.task_id.value,
        "name": one.name,
        "framework_id": one.framework_id.value,
        "executor_id": one.executor_id.value,
        "slave_id": one.agent_id.value,
        "state": STATES[one.state],
        "resources": amounts_of(resources),
    }
    if one.limits:
        made["limits"] = {name: one.limits[name].value for name in sorted(one.limits)}
    # All resources of a task are allocated to one role.
    made["role"] = resources[0].allocation_info.role if resources else ANY_ROLE
    made["statuses"] = [_status(status) for status in one.statuses]
    if one.HasField("user"):
        made["user"] = one.user
    if one.HasField("labels"):
        made["labels"] = labels(one.labels)
    if one.HasField("discovery"):
        made["discovery"] = to_value(one.discovery)
    if one.HasField("container"):
        made["container"] = to_value(one.container)
    if one.HasField("health_check"):
        made["health_check"] = to_value(one.health_check)
    return made


def _status(one: mesos_pb2.TaskStatus) -> JsonObject:
    made: JsonObject = {"state": STATES[one.state], "timestamp": one.timestamp}
    if one.HasField("labels"):
        made["labels"] = labels(one.labels)
    if one.HasField("container_status"):
        made["container_status"] = _container_status(one.container_status)
    if one.HasField("healthy"):
        made["healthy"] = one.healthy
    return made


def _container_status(one: mesos_pb2.ContainerStatus) -> JsonObject:
    """Written out, like what follows, since nearly every status of a big cluster has one."""
    made: JsonObject = {}
    if one.HasField("container_id"):
        made["container_id"] = _container_id(one.container_id)
    if one.network_infos:
        made["network_infos"] = [_network(network) for network in one.network_infos]
    if one.HasField("cgroup_info"):
        made["cgroup_info"] = to_value(one.cgroup_info)
    return made


def _container_id(one: mesos_pb2.ContainerID) -> JsonObject:
    made: JsonObject = {"value": one.value}
    if one.HasField("parent"):
        made["parent"] = to_value(one.parent)
    return made


def _network(one: mesos_pb2.NetworkInfo) -> JsonObject:
    made: JsonObject = {}
    if one.groups:
        made["groups"] = list(one.groups)
    if one.HasField("labels"):
        made["labels"] = labels(one.labels)
    if one.ip_addresses:
        made["ip_addresses"] = [_address(address) for address in one.ip_addresses]
    if one.HasField("name"):
        made["name"] = one.name
    if one.port_mappings:
        made["port_mappings"] = [to_value(mapping) for mapping in one.port_mappings]
    return made


def _address(one: mesos_pb2.NetworkInfo.IPAddress) -> JsonObject:
    made: JsonObject = {"protocol": _PROTOCOLS[one.protocol]}
    if one.HasField("ip_address"):
        made["ip_address"] = one.ip_address
    return made


def all_tasks(one: Framework) -> Iterator[mesos_pb2.Task]:
    """Tasks of a framework that run, that cannot be reached, and that are over."""
    for running in one.tasks.values():
        yield running.message
    for unreachable in one.unreachable_tasks.values():
        yield unreachable.message
    yield from one.completed_tasks


def tasks(view: View, query: Mapping[str, str]) -> JsonValue:
    """``/tasks``: of all frameworks, the newest first unless ``order`` is ``asc``.

    By when they began, which is told by their first status; those without one have not begun.
    ``framework_id`` and ``task_id`` choose; of what is chosen, ``limit`` from ``offset`` on.
    """
    wanted_framework, wanted_task = query.get("framework_id"), query.get("task_id")
    found: list[mesos_pb2.Task] = []
    for one in (*view.state.frameworks.values(), *view.state.completed_frameworks.values()):
        if wanted_framework not in (None, one.framework_id):
            continue
        if view.visible.sees_framework(one.info):
            sees = _chosen(view, one, wanted_task)
            found.extend(message for message in all_tasks(one) if sees(message))
    found.sort(key=_begun, reverse=query.get("order") != "asc")
    limit, offset = _number(query.get("limit"), _LIMIT), _number(query.get("offset"), 0)
    end = min((offset + limit) % _SIZES, len(found))
    return {"tasks": [task(message) for message in found[offset:end]]}


def _chosen(view: View, one: Framework, wanted: str | None) -> Callable[[mesos_pb2.Task], bool]:
    return lambda message: (
        wanted in (None, message.task_id.value) and view.visible.sees_task(message, one.info)
    )


def _begun(one: mesos_pb2.Task) -> tuple[bool, float]:
    return (True, one.statuses[0].timestamp) if one.statuses else (False, 0.0)


def _number(text: str | None, default: int) -> int:
    """A count as Mesos reads it: what is no number of 32 bits counts as not given."""
    if text is None or not _INTEGER.fullmatch(text):
        return default
    number = int(text)
    return number % _SIZES if _INT32_MIN <= number <= _INT32_MAX else default
