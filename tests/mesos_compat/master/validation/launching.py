"""Tasks and groups as the master has them when it validates them."""

from __future__ import annotations

from mesos_compat.master.validation import operation as operations
from mesos_compat.master.validation import task as tasks
from mesos_compat.master.validation import task_group as groups
from mesos_compat.master.validation.task import TaskContext
from mesos_compat.resources import Resources, formats
from mesos_compat.resources.validation import validate_operation
from mesos_compat.wire.v1 import mesos_pb2

Capability = mesos_pb2.AgentInfo.Capability
UUID4 = bytes.fromhex("0123456789ab4def8123456789abcdef")

ALL_CAPABILITIES = tuple(Capability.Type.values())

OFFERED = Resources.parse("ports:[31000-32000];cpus:4;mem:4096;disk:10240").allocate("*")


def context(
    framework_id: str = "F",
    agent_id: str = "A",
    *,
    capabilities: tuple[int, ...] = ALL_CAPABILITIES,
    task_ids: tuple[str, ...] = (),
    unreachable_ids: tuple[str, ...] = (),
    executors: dict[str, mesos_pb2.ExecutorInfo] | None = None,
    tasks_on_agent: tuple[mesos_pb2.Task, ...] = (),
) -> TaskContext:
    return TaskContext(
        framework_id=framework_id,
        agent_id=agent_id,
        capabilities=capabilities,
        task_ids=task_ids,
        unreachable_ids=unreachable_ids,
        executors=executors or {},
        tasks_on_agent=tasks_on_agent,
    )


def faults(
    operation: mesos_pb2.Offer.Operation, given: TaskContext, offered: Resources = OFFERED
) -> dict[str, str | None]:
    """What the master finds of each task of a launch, each launched on what ``offered`` has."""
    named = [*operation.launch.task_infos, *operation.launch_group.task_group.tasks]
    fault = validate_operation(operation) or operations.validate_feedback(
        operation, given.agent_id, given.capabilities
    )
    if fault is not None:
        return {task.task_id.value: fault for task in named}
    prepare(operation, given.framework_id)
    if operation.type == mesos_pb2.Offer.Operation.LAUNCH:
        return {task.task_id.value: tasks.validate(task, given, offered) for task in named}
    group = operation.launch_group
    fault = groups.validate_group(group.task_group, group.executor, given, offered)
    return {task.task_id.value: fault for task in named}


def prepare(operation: mesos_pb2.Offer.Operation, framework_id: str) -> None:
    """Bring resources into the newer format, allocate them, and fill in what was left out."""
    formats.upgrade_all(operation)
    formats.inject_allocation(formats.resources_of_operation(operation), "*")
    for task in operation.launch.task_infos:
        if task.HasField("executor") and not task.executor.HasField("framework_id"):
            task.executor.framework_id.value = framework_id
    for task in operation.launch_group.task_group.tasks:
        if not task.HasField("executor"):
            task.executor.CopyFrom(operation.launch_group.executor)


def volume(volume_id: str = "v", role: str = "r") -> mesos_pb2.Resource:
    """A persistent volume for ``role``, allocated to nobody."""
    made = mesos_pb2.Resource(name="disk", type=mesos_pb2.Value.SCALAR)
    made.scalar.value = 8
    made.reservations.add(type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role=role)
    made.disk.persistence.id = volume_id
    made.disk.volume.mode = mesos_pb2.Volume.RW
    made.disk.volume.container_path = "c"
    return made


def revocable_cpus() -> mesos_pb2.Resource:
    (cpus,) = Resources.parse("cpus:1")
    cpus.revocable.SetInParent()
    return cpus


def launch(*task_infos: mesos_pb2.TaskInfo) -> mesos_pb2.Offer.Operation:
    operation = mesos_pb2.Offer.Operation(type=mesos_pb2.Offer.Operation.LAUNCH)
    operation.launch.task_infos.extend(task_infos)
    return operation


def launch_group(
    executor: mesos_pb2.ExecutorInfo, *task_infos: mesos_pb2.TaskInfo
) -> mesos_pb2.Offer.Operation:
    operation = mesos_pb2.Offer.Operation(type=mesos_pb2.Offer.Operation.LAUNCH_GROUP)
    operation.launch_group.executor.CopyFrom(executor)
    operation.launch_group.task_group.tasks.extend(task_infos)
    return operation


def task(
    task_id: str = "t", resources: str = "cpus:1;mem:32", **members: object
) -> mesos_pb2.TaskInfo:
    """A command task, or with ``executor`` another one, that nothing is wrong with."""
    info = mesos_pb2.TaskInfo(name=task_id, **members)  # type: ignore[arg-type]
    info.task_id.value = task_id
    info.agent_id.value = "A"
    info.resources.extend(Resources.parse(resources))
    if not info.HasField("executor"):
        info.command.value = "true"
    return info


def executor(
    executor_id: str = "e",
    resources: str = "cpus:0.1;mem:32;disk:32",
    kind: mesos_pb2.ExecutorInfo.Type = mesos_pb2.ExecutorInfo.CUSTOM,
) -> mesos_pb2.ExecutorInfo:
    """An executor of framework F that nothing is wrong with."""
    info = mesos_pb2.ExecutorInfo(type=kind)
    info.executor_id.value = executor_id
    info.framework_id.value = "F"
    info.resources.extend(Resources.parse(resources))
    if kind == mesos_pb2.ExecutorInfo.CUSTOM:
        info.command.value = "run"
    return info
