"""The endpoints from before the v1 API, as plain values. Source: ``slave/http.cpp`` of Mesos.

The names are older, too: an agent is a slave here. Members come in the order in which Mesos
writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mesos_compat.agent.environment import pid_of
from mesos_compat.agent.state import Executor, Framework
from mesos_compat.agent.views import operator, writers
from mesos_compat.agent.views.view import View
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.resources import Format, Resources
from mesos_compat.resources.objects import reserved_to_objects, to_object
from mesos_compat.wire.json_dialect import JsonValue, to_value
from mesos_compat.wire.v1 import mesos_pb2

_NS_PER_SECOND: Final = 1_000_000_000
_MULTI_ROLE: Final = mesos_pb2.FrameworkInfo.Capability.MULTI_ROLE


def _flags(view: View, _query: Mapping[str, str]) -> JsonValue | Refusal:
    if not view.visible.sees_flags():
        return operator.FORBIDDEN
    return {"flags": _flag_values(view)}


def _flag_values(view: View) -> dict[str, JsonValue]:
    return {name: view.flags[name] for name in sorted(view.flags)}


def _state(view: View, _query: Mapping[str, str]) -> JsonValue:
    state, info = view.state, view.state.info
    made: dict[str, JsonValue] = {"version": view.version.version}
    for name in ("git_sha", "git_branch", "git_tag", "build_date", "build_time", "build_user"):
        if view.version.HasField(name):
            made[name] = getattr(view.version, name)
    started_ns = view.now.wall_ns if state.started_ns is None else state.started_ns
    made |= {
        "start_time": started_ns / _NS_PER_SECOND,
        "id": state.agent_id,
        "pid": pid_of(view.settings),
        "hostname": info.hostname,
        "capabilities": [
            mesos_pb2.AgentInfo.Capability.Type.Name(one) for one in view.settings.capabilities
        ],
    }
    if info.HasField("domain"):
        made["domain"] = to_value(info.domain)
    if state.drain_config is not None:
        made["drain_config"] = to_value(state.drain_config)
        made["estimated_drain_start_time_seconds"] = state.drain_start_ns / _NS_PER_SECOND
    made |= _resource_values(view)
    made["resource_providers"] = []
    made["attributes"] = writers.attributes(info.attributes)
    if state.master_hostname is not None:
        made["master_hostname"] = state.master_hostname
    if view.visible.sees_flags():
        for name in ("log_dir", "external_log_file"):
            if name in view.flags:
                made[name] = view.flags[name]
        made["flags"] = _flag_values(view)
    made["frameworks"] = [_framework(view, one) for one in operator.seen_frameworks(view)]
    made["completed_frameworks"] = [
        _framework(view, one) for one in operator.completed_frameworks(view)
    ]
    return made


def _resource_values(view: View) -> dict[str, JsonValue]:
    total = view.visible.visible(view.state.total)
    used = view.visible.visible(sum((one.allocated for one in view.state.executors()), Resources()))
    return {
        "resources": writers.plain(to_object(total)),
        "reserved_resources": _by_role(total),
        "unreserved_resources": writers.plain(to_object(total.unreserved())),
        "reserved_resources_full": {
            role: _full(part) for role, part in total.reservations().items()
        },
        "unreserved_resources_full": _full(total.unreserved()),
        "reserved_resources_allocated": _by_role(used),
        "unreserved_resources_allocated": writers.plain(to_object(used.unreserved())),
    }


def _by_role(resources: Resources) -> dict[str, JsonValue]:
    return {role: writers.plain(values) for role, values in reserved_to_objects(resources).items()}


def _full(resources: Resources) -> list[JsonValue]:
    return [to_value(resource) for resource in resources.messages(Format.ENDPOINT)]


def _framework(view: View, framework: Framework) -> dict[str, JsonValue]:
    info = framework.info
    made: dict[str, JsonValue] = {
        "id": framework.framework_id,
        "name": info.name,
        "user": info.user,
        "failover_timeout": info.failover_timeout,
        "checkpoint": info.checkpoint,
        "hostname": info.hostname,
    }
    if info.HasField("principal"):
        made["principal"] = info.principal
    if framework.has_capability(_MULTI_ROLE):
        made["roles"] = list[JsonValue](info.roles)
    else:
        made["role"] = info.role
    made["executors"] = [
        _executor(view, framework, one) for one in operator.seen_executors(view, framework)
    ]
    made["completed_executors"] = [
        _executor_values(one.info, one.container_id, one.sandbox, Resources(one.info.resources))
        | {"tasks": [], "queued_tasks": [], "completed_tasks": _tasks(view, framework, one.tasks)}
        for one in framework.completed_executors
        if view.visible.sees_executor(one.info, info)
    ]
    return made


def _executor(view: View, framework: Framework, executor: Executor) -> dict[str, JsonValue]:
    made = _executor_values(
        executor.info, executor.container_id, executor.sandbox, executor.allocated
    )
    launched = [one.message for one in executor.launched.values()]
    over = [*executor.completed, *(one.message for one in executor.terminated.values())]
    made["tasks"] = _tasks(view, framework, launched)
    made["queued_tasks"] = [
        writers.task_info(one.info)
        for one in executor.queued.values()
        if one.info is not None and view.visible.sees_task(one.message, framework.info)
    ]
    made["completed_tasks"] = _tasks(view, framework, over)
    return made


def _executor_values(
    info: mesos_pb2.ExecutorInfo, container_id: str, sandbox: str, resources: Resources
) -> dict[str, JsonValue]:
    made: dict[str, JsonValue] = {
        "id": info.executor_id.value,
        "name": info.name,
        "source": info.source,
        "container": container_id,
        "directory": sandbox,
        "resources": writers.plain(to_object(resources)),
    }
    roles = list(Resources(info.resources).allocations())
    if roles:
        made["role"] = roles[0]
    if info.HasField("labels"):
        made["labels"] = writers.labels(info.labels)
    if info.HasField("type"):
        made["type"] = mesos_pb2.ExecutorInfo.Type.Name(info.type)
    return made


def _tasks(view: View, framework: Framework, tasks: list[mesos_pb2.Task]) -> list[JsonValue]:
    return [writers.task(one) for one in tasks if view.visible.sees_task(one, framework.info)]


def _containers(view: View, query: Mapping[str, str]) -> JsonValue:
    """``/containers``, of one container, framework or executor if the query names it."""
    found: list[JsonValue] = []
    for container in operator.containers(
        view,
        show_nested=query.get("show_nested") == "true",
        show_standalone=query.get("show_standalone") == "true",
    ):
        executor = view.state.executors_by_container.get(_root(container.container_id))
        made: dict[str, JsonValue] = {"container_id": container.container_id.value}
        if executor is not None:
            made |= {
                "executor_id": executor.executor_id,
                "executor_name": executor.info.name,
                "framework_id": executor.framework_id,
                "source": executor.info.source,
            }
        wanted = ("container_id", "framework_id", "executor_id")
        if any(name in query and made.get(name) != query[name] for name in wanted):
            continue
        if container.HasField("resource_statistics"):
            made["statistics"] = writers.by_name(to_value(container.resource_statistics))
        made["status"] = writers.by_name(to_value(container.container_status))
        found.append(made)
    return found


def _root(container_id: mesos_pb2.ContainerID) -> str:
    while container_id.HasField("parent"):
        container_id = container_id.parent
    return container_id.value


def _monitor_statistics(view: View, _query: Mapping[str, str]) -> JsonValue:
    """``/monitor/statistics``: what each executor uses, with all that runs in it."""
    found: list[JsonValue] = []
    for framework in operator.seen_frameworks(view):
        for executor in operator.seen_executors(view, framework):
            statistics = view.statistics.get((executor.container_id,))
            if statistics is None:
                continue
            found.append(
                {
                    "executor_id": executor.executor_id,
                    "executor_name": executor.info.name,
                    "framework_id": executor.framework_id,
                    "source": executor.info.source,
                    "statistics": writers.by_name(to_value(statistics)),
                }
            )
    return found


ENDPOINTS: Final[Mapping[str, Callable[[View, Mapping[str, str]], JsonValue | Refusal]]] = {
    "/state": _state,
    "/flags": _flags,
    "/containers": _containers,
    "/monitor/statistics": _monitor_statistics,
}
