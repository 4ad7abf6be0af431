"""Tasks in the older endpoints, and which of them ``/tasks`` tells of."""

from __future__ import annotations

import math

import pytest

from mesos_compat.master.state import Framework, MasterState, Task
from mesos_compat.master.views import older_tasks
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.views.older_worlds import (
    busy_view,
    hiding,
    one_line,
    recorded,
    text,
    told,
)
from tests.mesos_compat.master.views.worlds import empty_state, view

ZEROES = '{"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 0.0}'


def make_task(task_id: str, *timestamps: float) -> mesos_pb2.Task:
    message = mesos_pb2.Task(
        name=task_id,
        state=mesos_pb2.TASK_RUNNING,
        task_id=mesos_pb2.TaskID(value=task_id),
        framework_id=mesos_pb2.FrameworkID(value="F"),
        agent_id=mesos_pb2.AgentID(value="S"),
        resources=Resources.parse("cpus:1").allocate("r"),
    )
    for timestamp in timestamps:
        message.statuses.add(
            task_id=message.task_id, state=mesos_pb2.TASK_RUNNING, timestamp=timestamp
        )
    return message


def state_with(*messages: mesos_pb2.Task) -> MasterState:
    state = empty_state()
    framework = state.frameworks["F"] = Framework("F", mesos_pb2.FrameworkInfo(user="u", name="f"))
    for message in messages:
        framework.tasks[message.task_id.value] = Task(message, Resources())
    return state


def ids(state: MasterState, **query: str) -> list[str]:
    return [task["id"] for task in told(view(state), "/tasks", **query)["tasks"]]


# One task.


def test_everything_about_a_task_comes_in_its_order() -> None:
    message = make_task("t")
    message.executor_id.value = "e"
    message.user = "somebody"
    message.limits["mem"].value = 64.0
    message.limits["cpus"].value = math.inf
    message.labels.labels.add(key="only")
    message.container.type = mesos_pb2.ContainerInfo.MESOS
    message.health_check.type = mesos_pb2.HealthCheck.COMMAND
    message.health_check.command.value = "true"
    message.discovery.visibility = mesos_pb2.DiscoveryInfo.EXTERNAL

    shown = text(older_tasks.task(message))

    assert shown.startswith(
        one_line(
            """{"id": "t", "name": "t", "framework_id": "F", "executor_id": "e",
            "slave_id": "S", "state": "TASK_RUNNING",
            "resources": {"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 1.0},
            "limits": {"cpus": "Infinity", "mem": 64.0}, "role": "r", "statuses": [],
            "user": "somebody", "labels": [{"key": "only"}],
            "discovery": {"visibility": "EXTERNAL"}, "container": {"type": "MESOS"}}"""
        ).removesuffix("}")
    )
    assert '"health_check": {' in shown
    assert shown.endswith('"type": "COMMAND", "command": {"shell": true, "value": "true"}}}')


def test_a_task_without_resources_has_a_role_all_the_same() -> None:
    message = make_task("t")
    del message.resources[:]
    shown = older_tasks.task(message)
    assert shown["role"] == "*"
    assert text(shown["resources"]) == ZEROES


def test_everything_about_a_network_and_a_container_comes_in_its_order() -> None:
    message = make_task("t", 1.0)
    status = message.statuses[0]
    status.healthy = False
    status.container_status.container_id.value = "inner"
    status.container_status.container_id.parent.value = "middle"
    status.container_status.container_id.parent.parent.value = "outer"
    status.container_status.cgroup_info.net_cls.classid = 7
    status.container_status.executor_pid = 1
    network = status.container_status.network_infos.add(name="n", groups=["g"])
    network.labels.labels.add(key="k", value="v")
    network.ip_addresses.add()
    network.ip_addresses.add(protocol=mesos_pb2.NetworkInfo.IPv6, ip_address="::1")
    network.port_mappings.add(host_port=1, container_port=2, protocol="tcp")

    assert text(older_tasks.task(message)["statuses"]) == one_line(
        """[{"state": "TASK_RUNNING", "timestamp": 1.0, "container_status": {
        "container_id": {"value": "inner", "parent": {
            "value": "middle", "parent": {"value": "outer"}}},
        "network_infos": [{"groups": ["g"], "labels": [{"key": "k", "value": "v"}],
            "ip_addresses": [{"protocol": "IPv4"}, {"protocol": "IPv6", "ip_address": "::1"}],
            "name": "n",
            "port_mappings": [{"host_port": 1, "container_port": 2, "protocol": "tcp"}]}],
        "cgroup_info": {"net_cls": {"classid": 7}}}, "healthy": false}]"""
    )


# Many tasks.


def test_tasks_begun_last_come_first_unless_asked_otherwise() -> None:
    tasks = (make_task("b", 2.0), make_task("never"), make_task("c", 3.0), make_task("a", 1.0, 9.0))
    state = state_with(*tasks)
    assert ids(state) == ["c", "b", "a", "never"]
    assert ids(state, order="desc") == ["c", "b", "a", "never"]
    assert ids(state, order="sideways") == ["c", "b", "a", "never"]
    assert ids(state, order="asc") == ["never", "a", "b", "c"]


def test_a_hundred_tasks_are_told_when_nobody_says_how_many() -> None:
    state = state_with(*(make_task(str(number), float(number)) for number in range(101)))
    assert ids(state, order="asc") == [str(number) for number in range(100)]
    assert ids(state, order="asc", offset="99") == ["99", "100"]
    assert len(ids(state, limit="101")) == 101


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"limit": "2"}, ["a", "b"]),
        ({"limit": "+2", "offset": "1"}, ["b", "c"]),
        ({"limit": "0"}, []),
        ({"offset": "3"}, []),
        # A negative number is a huge one, and a sum with one wraps around.
        ({"limit": "-1"}, ["a", "b", "c"]),
        ({"limit": "-1", "offset": "1"}, []),
        ({"limit": "-1", "offset": "2"}, []),
        ({"offset": "-1"}, []),
        # No number of 32 bits: as if not given.
        ({"limit": "two", "offset": ""}, ["a", "b", "c"]),
        ({"offset": "1.0"}, ["a", "b", "c"]),
        ({"offset": "2147483648"}, ["a", "b", "c"]),
        ({"offset": "2147483647"}, []),
        ({"offset": "-2147483649"}, ["a", "b", "c"]),
        ({"offset": "٢"}, ["a", "b", "c"]),
    ],
)
def test_limit_and_offset_are_read_as_mesos_reads_them(
    query: dict[str, str], expected: list[str]
) -> None:
    state = state_with(make_task("a", 1.0), make_task("b", 2.0), make_task("c", 3.0))
    assert ids(state, order="asc", **query) == expected


def test_tasks_of_completed_frameworks_and_on_lost_agents_are_told_too() -> None:
    state = state_with(make_task("runs", 1.0))
    state.frameworks["F"].unreachable_tasks["lost"] = Task(make_task("lost", 2.0), Resources())
    state.frameworks["F"].completed_tasks.append(make_task("over", 3.0))
    ended = Framework("G", mesos_pb2.FrameworkInfo(user="u", name="g"))
    ended.completed_tasks.append(make_task("runs", 4.0))
    state.completed_frameworks["G"] = ended

    assert ids(state) == ["runs", "over", "lost", "runs"]
    assert ids(state, framework_id="F", limit="2") == ["over", "lost"]
    assert ids(state, framework_id="G") == ["runs"]
    assert ids(state, task_id="runs") == ["runs", "runs"]
    assert ids(state, framework_id="G", task_id="over") == []
    assert ids(state, task_id="") == []


def test_tasks_are_told_only_to_who_may_see_them() -> None:
    assert told(busy_view(hiding("view_tasks", "users", "else")), "/tasks") == {"tasks": []}
    assert told(busy_view(hiding("view_frameworks", "users", "else")), "/tasks") == {"tasks": []}
    allowed = told(busy_view(hiding("view_tasks", "users", "root")), "/tasks")
    assert text(allowed) == recorded("endpoints", "get-tasks")
