"""The read calls of the operator API: ``POST /api/v1``. Source: agent.proto, ``slave/http.cpp``.

Each function answers one type of call, and :data:`ANSWERS` finds it. What other modules of the
shell answer (files, the logging level) is not here, nor are calls about single containers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from mesos_compat.agent.state import Executor, Framework
from mesos_compat.agent.views import metrics
from mesos_compat.agent.views.view import View
from mesos_compat.containers.spec import ContainerId, container_id_message
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.resources import ResourceError, Resources
from mesos_compat.resources.convert import conversions
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2

_Call = agent_pb2.Call
_Response = agent_pb2.Response

Answer: TypeAlias = Callable[[View, agent_pb2.Call], agent_pb2.Response | Refusal]

#: What an asker hears who may not see any of it.
FORBIDDEN: Final = Refusal(HTTPStatus.FORBIDDEN, "403 Forbidden.")


def _get_health(_view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    return _Response(type=_Response.GET_HEALTH, get_health=_Response.GetHealth(healthy=True))


def _get_flags(view: View, _call: agent_pb2.Call) -> agent_pb2.Response | Refusal:
    if not view.visible.sees_flags():
        return FORBIDDEN
    response = _Response(type=_Response.GET_FLAGS, get_flags=_Response.GetFlags())
    for name in sorted(view.flags):
        response.get_flags.flags.add(name=name, value=view.flags[name])
    return response


def _get_version(view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    found = _Response.GetVersion(version_info=view.version)
    return _Response(type=_Response.GET_VERSION, get_version=found)


def _get_metrics(view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    """All at once, so the timeout that the call may have is never exceeded."""
    response = _Response(type=_Response.GET_METRICS, get_metrics=_Response.GetMetrics())
    for name, value in metrics.snapshot(view).items():
        response.get_metrics.metrics.add(name=name, value=value)
    return response


def _get_state(view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    response = _Response(type=_Response.GET_STATE)
    response.get_state.get_tasks.CopyFrom(_tasks(view))
    response.get_state.get_executors.CopyFrom(_executors(view))
    response.get_state.get_frameworks.CopyFrom(_frameworks(view))
    return response


def _get_frameworks(view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    return _Response(type=_Response.GET_FRAMEWORKS, get_frameworks=_frameworks(view))


def _get_executors(view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    return _Response(type=_Response.GET_EXECUTORS, get_executors=_executors(view))


def _get_tasks(view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    return _Response(type=_Response.GET_TASKS, get_tasks=_tasks(view))


def _get_operations(view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    response = _Response(type=_Response.GET_OPERATIONS, get_operations=_Response.GetOperations())
    operations = (one.message for one in view.state.operations.values())
    seen = (one for one in operations if _sees_operation(view, one))
    response.get_operations.operations.extend(seen)
    return response


def _sees_operation(view: View, operation: mesos_pb2.Operation) -> bool:
    """Whoever may see the resources that an operation was done to may see the operation."""
    try:
        steps = conversions(operation.info)
    except ResourceError:
        # Nobody can tell what it was done to.
        return False
    consumed = sum((step.consumed for step in steps), Resources())
    return view.visible.visible(consumed) == consumed


def _get_agent(view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    state = view.state
    response = _Response(type=_Response.GET_AGENT)
    response.get_agent.agent_info.CopyFrom(state.info)
    if state.drain_config is not None:
        response.get_agent.drain_config.CopyFrom(state.drain_config)
        response.get_agent.estimated_drain_start_time.nanoseconds = state.drain_start_ns
    return response


def _get_resource_providers(_view: View, _call: agent_pb2.Call) -> agent_pb2.Response:
    """There are none: disks are the agent's own."""
    response = _Response(type=_Response.GET_RESOURCE_PROVIDERS)
    response.get_resource_providers.SetInParent()
    return response


def _get_containers(view: View, call: agent_pb2.Call) -> agent_pb2.Response:
    wanted = call.get_containers
    response = _Response(type=_Response.GET_CONTAINERS)
    for container in containers(
        view, show_nested=wanted.show_nested, show_standalone=wanted.show_standalone
    ):
        response.get_containers.containers.add().CopyFrom(container)
    return response


# What several of them tell.


def seen_frameworks(view: View) -> list[Framework]:
    """Frameworks with executors here that the asker may see."""
    known = view.state.frameworks.values()
    return [one for one in known if view.visible.sees_framework(one.info)]


def completed_frameworks(view: View) -> list[Framework]:
    """Frameworks that had executors here."""
    known = view.state.completed_frameworks.values()
    return [one for one in known if view.visible.sees_framework(one.info)]


def seen_executors(view: View, framework: Framework) -> list[Executor]:
    """Executors that are not forgotten."""
    known = framework.executors.values()
    return [one for one in known if view.visible.sees_executor(one.info, framework.info)]


def _frameworks(view: View) -> agent_pb2.Response.GetFrameworks:
    made = _Response.GetFrameworks()
    for framework in seen_frameworks(view):
        made.frameworks.add(framework_info=framework.info)
    for framework in completed_frameworks(view):
        made.completed_frameworks.add(framework_info=framework.info)
    return made


def _executors(view: View) -> agent_pb2.Response.GetExecutors:
    made = _Response.GetExecutors()
    for framework in seen_frameworks(view):
        for executor in seen_executors(view, framework):
            made.executors.add(executor_info=executor.info)
    for framework in (*seen_frameworks(view), *completed_frameworks(view)):
        for completed in framework.completed_executors:
            if view.visible.sees_executor(completed.info, framework.info):
                made.completed_executors.add(executor_info=completed.info)
    return made


def _tasks(view: View) -> agent_pb2.Response.GetTasks:
    """No task is pending here: one that is taken is queued in the same step."""
    made = _Response.GetTasks()
    for framework in (*seen_frameworks(view), *completed_frameworks(view)):
        seen = _TaskFilter(view, framework.info)
        for executor in framework.executors.values():
            made.queued_tasks.extend(seen(one.message for one in executor.queued.values()))
            made.launched_tasks.extend(seen(one.message for one in executor.launched.values()))
            made.terminated_tasks.extend(seen(one.message for one in executor.terminated.values()))
            made.completed_tasks.extend(seen(executor.completed))
        for completed in framework.completed_executors:
            made.completed_tasks.extend(seen(completed.tasks))
    return made


class _TaskFilter:
    """Of a framework's tasks those that the asker may see."""

    __slots__ = ("_info", "_view")

    def __init__(self, view: View, info: mesos_pb2.FrameworkInfo) -> None:
        self._view, self._info = view, info

    def __call__(self, tasks: Iterable[mesos_pb2.Task]) -> list[mesos_pb2.Task]:
        return [one for one in tasks if self._view.visible.sees_task(one, self._info)]


def containers(
    view: View, *, show_nested: bool, show_standalone: bool
) -> Iterator[agent_pb2.Response.GetContainers.Container]:
    """Containers of executors, with those in them and those of nobody if they are wanted."""
    for framework in view.state.frameworks.values():
        for executor in framework.executors.values():
            if not executor.has_container:
                continue
            if not view.visible.sees_container(executor.info, framework.info):
                continue
            root = (executor.container_id,)
            yield _container(view, root, executor.pid, executor)
            for container_id, container in view.state.containers.items():
                if show_nested and container_id[0] == root[0] and container.termination is None:
                    yield _container(view, container_id, container.pid, executor)
    if not show_standalone or not view.visible.sees_standalone_containers():
        return
    for container_id, container in view.state.containers.items():
        if container_id[0] in view.state.executors_by_container:
            continue
        if container.termination is None and (show_nested or len(container_id) == 1):
            yield _container(view, container_id, container.pid, None)


def _container(
    view: View, container_id: ContainerId, pid: int | None, executor: Executor | None
) -> agent_pb2.Response.GetContainers.Container:
    made = _Response.GetContainers.Container()
    if executor is not None:
        made.framework_id.value = executor.framework_id
        made.executor_id.value = executor.executor_id
        made.executor_name = executor.info.name
    made.container_id.CopyFrom(container_id_message(container_id))
    made.container_status.container_id.CopyFrom(made.container_id)
    if pid is not None:
        made.container_status.executor_pid = pid
    statistics = view.statistics.get(container_id)
    if statistics is not None:
        made.resource_statistics.CopyFrom(statistics)
    return made


ANSWERS: Final[Mapping[agent_pb2.Call.Type, Answer]] = {
    _Call.GET_HEALTH: _get_health,
    _Call.GET_FLAGS: _get_flags,
    _Call.GET_VERSION: _get_version,
    _Call.GET_METRICS: _get_metrics,
    _Call.GET_STATE: _get_state,
    _Call.GET_CONTAINERS: _get_containers,
    _Call.GET_FRAMEWORKS: _get_frameworks,
    _Call.GET_EXECUTORS: _get_executors,
    _Call.GET_OPERATIONS: _get_operations,
    _Call.GET_TASKS: _get_tasks,
    _Call.GET_AGENT: _get_agent,
    _Call.GET_RESOURCE_PROVIDERS: _get_resource_providers,
}
