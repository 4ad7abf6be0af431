"""Tasks of LAUNCH that no recording has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.validation.launching import (
    OFFERED,
    context,
    executor,
    faults,
    launch,
    revocable_cpus,
    task,
    volume,
)

Capability = mesos_pb2.AgentInfo.Capability


def fault_of(info: mesos_pb2.TaskInfo, **known: object) -> str | None:
    (fault,) = faults(launch(info), context(**known)).values()  # type: ignore[arg-type]
    return fault


def test_a_task_that_nothing_is_wrong_with() -> None:
    assert fault_of(task()) is None
    assert fault_of(task(executor=executor())) is None


def test_the_id_of_an_unreachable_task_cannot_be_used_again() -> None:
    assert fault_of(task("t"), unreachable_ids=("t",)) == (
        "Task reuses the ID of an unreachable task: t"
    )


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        ({"cpus": 2.0, "mem": 64.0}, None),
        ({"cpus": float("inf"), "mem": float("inf")}, None),
        ({"cpus": 1.0, "mem": 32.0}, None),
        ({"disk": 1.0}, "Only cpus and mem may be included in a task's resource limits"),
        (
            {"cpus": 0.999},
            "The cpu limit must be greater than or equal to the cpu request",
        ),
        (
            {"cpus": float("nan")},
            "The cpu limit must be greater than or equal to the cpu request",
        ),
        (
            {"mem": 31.0},
            "The memory limit must be greater than or equal to the memory request",
        ),
    ],
)
def test_limits_are_not_below_requests(limits: dict[str, float], fault: str | None) -> None:
    info = task()
    for name, value in limits.items():
        info.limits[name].value = value
    assert fault_of(info) == fault


@pytest.mark.parametrize(
    ("resources", "name", "called"), [("mem:32", "cpus", "CPU"), ("cpus:1", "mem", "memory")]
)
def test_limits_need_requests(resources: str, name: str, called: str) -> None:
    info = task(resources=resources)
    info.limits[name].value = 100
    assert fault_of(info) == (
        f"When a {called} limit is specified, a {called} request must also be specified"
    )


def test_limits_need_an_agent_that_knows_them() -> None:
    info = task()
    info.limits["cpus"].value = 2
    assert fault_of(info, capabilities=(Capability.MULTI_ROLE,)) == (
        "Agent is not capable of handling task resource limits"
    )


def test_commands_and_containers_are_looked_at() -> None:
    info = task()
    info.command.environment.variables.add(name="A")
    assert fault_of(info) == (
        "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a"
        " value set"
    )
    info = task()
    info.container.type = mesos_pb2.ContainerInfo.DOCKER
    assert fault_of(info) == (
        "Task's `ContainerInfo` is invalid:"
        " DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
    )


def test_only_groups_have_cgroups_of_their_own() -> None:
    info = task()
    info.container.type = mesos_pb2.ContainerInfo.MESOS
    info.container.linux_info.share_cgroups = False
    assert fault_of(info) == ("Only tasks in a task group may have 'share_cgroups' set to 'false'")


def with_revocable_cpus(info: mesos_pb2.TaskInfo) -> mesos_pb2.TaskInfo:
    info.resources.append(revocable_cpus())
    return info


def test_resources_are_not_mixed() -> None:
    assert fault_of(with_revocable_cpus(task())) == (
        "Task mixes revocable and non-revocable resources:"
        " Cannot use both revocable and non-revocable 'cpus' at the same time"
    )
    info = with_revocable_cpus(task(resources="mem:32", executor=executor()))
    assert fault_of(info) == (
        "Task and its executor mix revocable and non-revocable resources:"
        " Cannot use both revocable and non-revocable 'cpus' at the same time"
    )


def test_resources_are_allocated_to_one_role() -> None:
    info = task()
    info.resources[0].allocation_info.role = "other"
    assert fault_of(info) == (
        "Invalid task resources: The resources have multiple allocation roles ('*' and 'other')"
        " but only one allocation role is allowed"
    )


def test_an_executor_that_runs_is_not_paid_for_again() -> None:
    own = executor(resources="cpus:3.5")
    info = task(resources="cpus:1", executor=own)
    assert fault_of(info) == (
        "Total resources cpus(allocated: *):4.5 required by task and its executor is more than"
        f" available {OFFERED}"
    )
    running = executor()
    running.CopyFrom(info.executor)
    for resource in running.resources:
        resource.allocation_info.role = "*"
    assert fault_of(info, executors={"e": running}) is None


def test_executor_and_task_do_not_share_ports() -> None:
    info = task(resources="ports:[31000-31001]", executor=executor(resources="ports:[31001-31002]"))
    assert fault_of(info) == (
        "There are overlapping resources in the task resources ports(allocated: *):[31000-31001]"
        " and executor resources ports(allocated: *):[31001-31002]"
    )


def test_gpus_of_task_and_executor_are_whole_each() -> None:
    info = task(resources="gpus:1", executor=executor(resources="gpus:0.5"))
    assert fault_of(info) == (
        "Executor uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an"
        " unsigned integer"
    )


def test_executors_have_no_shared_volumes() -> None:
    own = executor()
    own.resources.append(volume())
    own.resources[-1].shared.SetInParent()
    assert str(fault_of(task(executor=own))).endswith("should not contain any shared resources")


def test_a_volume_is_used_once() -> None:
    info = task()
    info.resources.extend([volume(), volume()])
    assert fault_of(info) == (
        "Task uses duplicate persistence ID: Persistence ID 'v' is not unique"
    )
    own = executor()
    own.resources.append(volume())
    info = task(executor=own)
    info.resources.append(volume())
    assert fault_of(info) == (
        "Task and its executor use duplicate persistence ID: Persistence ID 'v' is not unique"
    )


def change(attribute: str, value: object) -> Callable[[mesos_pb2.ExecutorInfo], None]:
    return lambda info: setattr(info, attribute, value)


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (
            lambda info: setattr(info.shutdown_grace_period, "nanoseconds", -1),
            "ExecutorInfo's 'shutdown_grace_period' must be non-negative",
        ),
        (
            lambda info: info.command.environment.variables.add(name="A"),
            "Executor's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must"
            " have a value set",
        ),
        (
            lambda info: setattr(info.container, "type", mesos_pb2.ContainerInfo.DOCKER),
            "Executor's `ContainerInfo` is invalid:"
            " DockerInfo 'docker' is not set for DOCKER typed ContainerInfo",
        ),
        (change("type", mesos_pb2.ExecutorInfo.UNKNOWN), "'ExecutorInfo.type' must be 'CUSTOM'"),
        (lambda info: info.ClearField("type"), None),
        (
            lambda info: (info.ClearField("type"), info.ClearField("command")),
            "'ExecutorInfo.command' must be set",
        ),
        (
            lambda info: info.container.MergeFrom(
                mesos_pb2.ContainerInfo(
                    type=mesos_pb2.ContainerInfo.MESOS,
                    linux_info=mesos_pb2.LinuxInfo(share_cgroups=True),
                )
            ),
            "The 'share_cgroups' field cannot be set to 'true' on executor containers",
        ),
    ],
)
def test_executors_of_launch_are_custom_ones(
    prepare: Callable[[mesos_pb2.ExecutorInfo], object], fault: str | None
) -> None:
    own = executor()
    prepare(own)
    assert fault_of(task(executor=own)) == fault
