"""Messages as the older endpoints show them. Source: ``common/http.cpp`` of Mesos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mesos_compat.resources import Resources
from mesos_compat.resources.objects import to_object
from mesos_compat.wire.json_dialect import JsonValue, to_value
from mesos_compat.wire.v1 import mesos_pb2


def plain(values: Mapping[str, float | str]) -> dict[str, JsonValue]:
    """Resources by name, as a value."""
    return dict(values)


def by_name(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """An object of Mesos's ``JSON::Protobuf``, whose members are sorted."""
    return {name: values[name] for name in sorted(values)}


def attributes(given: Iterable[mesos_pb2.Attribute]) -> dict[str, JsonValue]:
    """Attributes by name: numbers and texts; ranges and sets as their text."""
    made: dict[str, JsonValue] = {}
    for one in given:
        if one.type == mesos_pb2.Value.SCALAR:
            made[one.name] = one.scalar.value
        elif one.type == mesos_pb2.Value.TEXT:
            made[one.name] = one.text.value
        elif one.type == mesos_pb2.Value.RANGES:
            ranges = ", ".join(f"{part.begin}-{part.end}" for part in one.ranges.range)
            made[one.name] = f"[{ranges}]"
        else:
            made[one.name] = f"{{{', '.join(one.set.item)}}}"
    return made


def labels(given: mesos_pb2.Labels) -> list[JsonValue]:
    """Labels, one object each."""
    return [to_value(label) for label in given.labels]


def _role(resources: Iterable[mesos_pb2.Resource]) -> str:
    """The role that resources of one task are allocated to."""
    roles = list(Resources(resources).allocations())
    return roles[0] if roles else "*"


def task(given: mesos_pb2.Task) -> dict[str, JsonValue]:
    """A task."""
    made: dict[str, JsonValue] = {
        "id": given.task_id.value,
        "name": given.name,
        "framework_id": given.framework_id.value,
        "executor_id": given.executor_id.value,
        "slave_id": given.agent_id.value,
        "state": mesos_pb2.TaskState.Name(given.state),
        "resources": plain(to_object(given.resources)),
    }
    if given.limits:
        made["limits"] = {name: given.limits[name].value for name in sorted(given.limits)}
    made["role"] = _role(given.resources)
    made["statuses"] = [status(one) for one in given.statuses]
    if given.HasField("user"):
        made["user"] = given.user
    if given.HasField("labels"):
        made["labels"] = labels(given.labels)
    for member in ("discovery", "container", "health_check"):
        if given.HasField(member):
            made[member] = to_value(getattr(given, member))
    return made


def task_info(given: mesos_pb2.TaskInfo) -> dict[str, JsonValue]:
    """A task that its executor has not got yet."""
    made: dict[str, JsonValue] = {
        "id": given.task_id.value,
        "name": given.name,
        "slave_id": given.agent_id.value,
        "resources": plain(to_object(given.resources)),
        "role": _role(given.resources),
    }
    if given.HasField("command"):
        made["command"] = to_value(given.command)
    if given.HasField("executor"):
        made["executor_id"] = given.executor.executor_id.value
    if given.HasField("discovery"):
        made["discovery"] = to_value(given.discovery)
    return made


def status(given: mesos_pb2.TaskStatus) -> dict[str, JsonValue]:
    """A status, without its message and what else is the framework's affair."""
    made: dict[str, JsonValue] = {
        "state": mesos_pb2.TaskState.Name(given.state),
        "timestamp": given.timestamp,
    }
    if given.HasField("labels"):
        made["labels"] = labels(given.labels)
    if given.HasField("container_status"):
        made["container_status"] = _container_status(given.container_status)
    if given.HasField("healthy"):
        made["healthy"] = given.healthy
    return made


def _container_status(given: mesos_pb2.ContainerStatus) -> dict[str, JsonValue]:
    made: dict[str, JsonValue] = {}
    if given.HasField("container_id"):
        made["container_id"] = to_value(given.container_id)
    if given.network_infos:
        made["network_infos"] = [to_value(one) for one in given.network_infos]
    if given.HasField("cgroup_info"):
        made["cgroup_info"] = to_value(given.cgroup_info)
    return made
