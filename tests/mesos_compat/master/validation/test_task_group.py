"""Task groups of LAUNCH_GROUP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesos_compat.master.validation import task_group
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.validation.launching import (
    OFFERED,
    context,
    executor,
    faults,
    launch_group,
    revocable_cpus,
    task,
    volume,
)

DEFAULT = mesos_pb2.ExecutorInfo.DEFAULT
SAME_SHARING = (
    "If set, the value of 'share_cgroups' must be the same for all tasks in each task group and"
    " under a single executor"
)


def fault_of(
    *infos: mesos_pb2.TaskInfo,
    own: mesos_pb2.ExecutorInfo | None = None,
    **known: object,
) -> str | None:
    group = launch_group(own or executor(kind=DEFAULT), *infos)
    found = faults(group, context(**known))  # type: ignore[arg-type]
    assert len(set(found.values())) == 1, "all of a group fares alike"
    return next(iter(found.values()))


def mesos_container() -> mesos_pb2.ContainerInfo:
    return mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)


def docker_container() -> mesos_pb2.ContainerInfo:
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.DOCKER)
    container.docker.image = "i"
    return container


def tcp_check() -> mesos_pb2.HealthCheck:
    check = mesos_pb2.HealthCheck(type=mesos_pb2.HealthCheck.TCP)
    check.tcp.port = 1
    return check


def isolated(info: mesos_pb2.TaskInfo) -> mesos_pb2.TaskInfo:
    """The task with cgroups of its own."""
    info.container.type = mesos_pb2.ContainerInfo.MESOS
    info.container.linux_info.share_cgroups = False
    return info


def test_a_group_that_nothing_is_wrong_with() -> None:
    assert fault_of(task("a"), task("b")) is None


def test_a_fault_of_one_task_is_that_of_all() -> None:
    assert fault_of(task("a"), task("b", resources="gpus:0.5")) == (
        "Task 'b' is invalid: Task uses invalid resources: Invalid 'gpus' resource:"
        " The 'gpus' resource must be an unsigned integer"
    )


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (
            lambda info: info.executor.MergeFrom(executor("other", kind=DEFAULT)),
            "The `ExecutorInfo` of task 'a' is different from executor 'e'",
        ),
        (
            lambda info: info.container.MergeFrom(docker_container()),
            "Task 'a' is invalid: Docker ContainerInfo is not supported on the task",
        ),
        (
            lambda info: (
                info.container.MergeFrom(mesos_container()),
                info.container.network_infos.add(),
                info.health_check.MergeFrom(tcp_check()),
            ),
            "Task 'a' is invalid: HTTP and TCP health checks are not supported for nested"
            " containers not joining parent's network",
        ),
        (
            lambda info: setattr(info.limits["cpus"], "value", 2),
            "Task 'a' is invalid: Resource limits may only be set for tasks within a task group"
            " when the 'share_cgroups' field is set to 'false'.",
        ),
        (lambda info: setattr(isolated(info).limits["cpus"], "value", 2), None),
    ],
)
def test_what_tasks_of_a_group_cannot_have(
    prepare: Callable[[mesos_pb2.TaskInfo], object], fault: str | None
) -> None:
    info = task("a")
    prepare(info)
    assert fault_of(info) == fault


@pytest.mark.parametrize(
    ("own", "fault"),
    [
        (
            executor(kind=DEFAULT, resources="mem:32;disk:1"),
            "Executor 'e' uses less CPUs (None) than the minimum required (0.01)",
        ),
        (
            executor(kind=DEFAULT, resources="cpus:0.009;mem:32;disk:1"),
            "Executor 'e' uses less CPUs (0.009) than the minimum required (0.01)",
        ),
        (
            executor(kind=DEFAULT, resources="cpus:0.01;disk:1"),
            "Executor 'e' uses less memory (None) than the minimum required (32MB)",
        ),
        (
            executor(kind=DEFAULT, resources="cpus:0.01;mem:31.9;disk:1"),
            "Executor 'e' uses less memory (31MB) than the minimum required (32MB)",
        ),
        (executor(kind=DEFAULT, resources="cpus:0.01;mem:32"), "Executor 'e' uses no disk"),
        (executor(kind=DEFAULT, resources="cpus:0.01;mem:32;disk:1"), None),
        (executor(), None),
    ],
)
def test_executors_of_groups_have_least_sizes(
    own: mesos_pb2.ExecutorInfo, fault: str | None
) -> None:
    assert fault_of(task(), own=own) == fault


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (lambda info: info.ClearField("type"), "'ExecutorInfo.type' must be set"),
        (
            lambda info: (
                info.MergeFrom(executor()),
                info.container.MergeFrom(docker_container()),
            ),
            "Docker ContainerInfo is not supported on the executor",
        ),
        (
            lambda info: setattr(info, "type", mesos_pb2.ExecutorInfo.UNKNOWN),
            "Unknown executor type",
        ),
        (lambda info: info.ClearField("framework_id"), "'ExecutorInfo.framework_id' must be set"),
        (
            lambda info: setattr(info.command, "value", "x"),
            "'ExecutorInfo.command' must not be set for 'DEFAULT' executor",
        ),
        (
            lambda info: setattr(info.container, "type", mesos_pb2.ContainerInfo.DOCKER),
            "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor",
        ),
        (
            lambda info: (
                info.container.MergeFrom(mesos_container()),
                info.container.mesos.image.MergeFrom(mesos_pb2.Image(type="DOCKER")),
            ),
            "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor",
        ),
        (
            lambda info: (
                info.container.MergeFrom(mesos_container()),
                info.container.linux_info.MergeFrom(mesos_pb2.LinuxInfo(share_cgroups=True)),
            ),
            "The 'share_cgroups' field cannot be set to 'true' on executor containers",
        ),
    ],
)
def test_what_executors_of_groups_cannot_be(
    prepare: Callable[[mesos_pb2.ExecutorInfo], object], fault: str
) -> None:
    own = executor(kind=DEFAULT)
    prepare(own)
    assert fault_of(task(), own=own) == fault


def test_parts_of_a_group_do_not_share_ports() -> None:
    first, second = task("a", "ports:[31000-31001]"), task("b", "ports:[31001-31001]")
    assert fault_of(first, second) == (
        "There are overlapping resources in the task group's task resources"
        " [ ports(allocated: *):[31000-31001], ports(allocated: *):[31001-31001] ] and/or executor"
        " resources cpus(allocated: *):0.1; mem(allocated: *):32; disk(allocated: *):32"
    )


def test_all_of_a_group_must_fit() -> None:
    infos = [task(name, "cpus:2") for name in "ab"]
    assert fault_of(*infos) == (
        "Total resources cpus(allocated: *):4.1; mem(allocated: *):32; disk(allocated: *):32"
        f" required by task group and its executor are more than available {OFFERED}"
    )
    running = executor(kind=DEFAULT)
    for resource in running.resources:
        resource.allocation_info.role = "*"
    assert fault_of(*infos, executors={"e": running}) is None


def test_under_one_executor_all_share_cgroups_or_none_does() -> None:
    assert fault_of(task("a"), isolated(task("b"))) == SAME_SHARING
    assert fault_of(isolated(task("a")), isolated(task("b"))) is None
    running = executor(kind=DEFAULT)
    for resource in running.resources:
        resource.allocation_info.role = "*"
    earlier = mesos_pb2.Task(
        agent_id=mesos_pb2.AgentID(value="A"), executor_id=mesos_pb2.ExecutorID(value="e")
    )

    def found(info: mesos_pb2.TaskInfo) -> str | None:
        return fault_of(info, executors={"e": running}, tasks_on_agent=(earlier,))

    assert found(isolated(task("a"))) == SAME_SHARING
    assert found(task("a")) is None
    # Only what runs under the executor counts.
    earlier.executor_id.value = "other"
    assert found(isolated(task("a"))) is None


def test_a_group_uses_a_volume_once_and_does_not_mix() -> None:
    first, second = task("a"), task("b")
    first.resources.append(volume())
    second.resources.append(volume())
    assert fault_of(first, second) == (
        "Task group and executor use duplicate persistence ID: Persistence ID 'v' is not unique"
    )
    third = task("c", "mem:32")
    third.resources.append(revocable_cpus())
    assert fault_of(third) == (
        "Task group and executor mix revocable and non-revocable resources:"
        " Cannot use both revocable and non-revocable 'cpus' at the same time"
    )


def test_tasks_of_a_group_have_the_groups_executor() -> None:
    group = mesos_pb2.TaskGroupInfo(tasks=[task("a", "")])
    group.tasks[0].resources.add(name="cpus", type=mesos_pb2.Value.SCALAR).scalar.value = 1
    group.tasks[0].resources[0].allocation_info.role = "*"
    own = executor(kind=DEFAULT)
    assert task_group.validate_group(group, own, context(), OFFERED) == (
        "Task 'a' is invalid: 'TaskInfo.executor' must be set"
    )
