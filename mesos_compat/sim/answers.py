"""What a scheduler makes of an offer: launches, reservations, volumes, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.schedulers import SimScheduler

Call = scheduler_pb2.Call
_Operation = mesos_pb2.Offer.Operation

OPERATION_OVER: Final = (
    mesos_pb2.OPERATION_FINISHED,
    mesos_pb2.OPERATION_FAILED,
    mesos_pb2.OPERATION_ERROR,
    mesos_pb2.OPERATION_DROPPED,
    mesos_pb2.OPERATION_GONE_BY_OPERATOR,
)
_AMOUNTS: Final = ("cpus:0.5;mem:32", "cpus:1;mem:100", "cpus:2;mem:200")
_EXECUTOR: Final = "cpus:0.1;mem:32"
#: Custom executors that a framework has, each of which may run several tasks.
_EXECUTORS: Final = 2


def answer(scheduler: SimScheduler, offer_id: str) -> None:
    """Accept or decline an offer, now and then with all others of the agent."""
    dice, offers = scheduler.dice, scheduler.offers
    offer = offers[offer_id]
    taken = [offer_id]
    if dice.random() < 0.3:
        taken = [one for one, its in offers.items() if its.agent_id == offer.agent_id]
    if scheduler.cluster.is_calm or dice.random() < 0.15:
        call = Call(type=Call.DECLINE)
        for one in taken:
            call.decline.offer_ids.add(value=one)
        call.decline.filters.refuse_seconds = dice.choice((0, 0.2, 0.5))
    else:
        held = sum((Resources(offers[one].resources) for one in taken), Resources()).unallocate()
        call = Call(type=Call.ACCEPT)
        for one in taken:
            call.accept.offer_ids.add(value=one)
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            operation = _operation(scheduler, offer, held)
            if operation is not None:
                call.accept.operations.append(operation)
        call.accept.filters.refuse_seconds = dice.choice((0, 0, 0.3, 2))
    for one in taken:
        del offers[one]
    scheduler.call(call)


def _operation(
    scheduler: SimScheduler, offer: mesos_pb2.Offer, held: Resources
) -> _Operation | None:
    dice = scheduler.dice
    volumes = held.persistent_volumes()
    reserved = held.reserved() - volumes
    role = offer.allocation_info.role
    kind = dice.random()
    operation = _Operation()
    if kind < 0.15 and role != "*":
        operation.type = _Operation.RESERVE
        _reserve(scheduler, role, operation)
    elif kind < 0.25 and reserved:
        operation.type = _Operation.UNRESERVE
        operation.unreserve.resources.append(dice.choice(list(reserved)))
    elif kind < 0.35 and volumes:
        operation.type = _Operation.DESTROY
        operation.destroy.volumes.append(dice.choice(list(volumes)))
    elif kind < 0.45 and reserved.amount("disk"):
        operation.type = _Operation.CREATE
        (disk,) = list(reserved.named("disk"))[:1]
        disk.disk.persistence.id = scheduler.new_name("volume")
        disk.disk.volume.container_path = "data"
        disk.disk.volume.mode = mesos_pb2.Volume.RW
        operation.create.volumes.append(disk)
    else:
        return _launch(scheduler, offer, reserved + volumes)
    if dice.random() < 0.5:
        operation_id = scheduler.new_name("operation")
        operation.id.value = operation_id
        scheduler.operations[operation_id] = mesos_pb2.OPERATION_PENDING
    return operation


def _reserve(scheduler: SimScheduler, role: str, operation: _Operation) -> None:
    dice = scheduler.dice
    amount = f"{dice.choice(('cpus', 'mem', 'disk'))}:{dice.choice((1, 64))}"
    for resource in Resources.parse(amount):
        reservation = resource.reservations.add()
        reservation.type = mesos_pb2.Resource.ReservationInfo.DYNAMIC
        reservation.role = role
        operation.reserve.resources.append(resource)


def _launch(
    scheduler: SimScheduler, offer: mesos_pb2.Offer, reserved: Resources
) -> _Operation | None:
    dice = scheduler.dice
    if len(scheduler.tasks) >= scheduler.knobs.tasks_max:
        return None
    infos = []
    for _ in range(dice.randint(1, 2)):
        info = mesos_pb2.TaskInfo(
            task_id=mesos_pb2.TaskID(value=scheduler.new_name("task")),
            agent_id=offer.agent_id,
            resources=Resources.parse(dice.choice(_AMOUNTS)),
        )
        info.name = info.task_id.value
        if reserved and dice.random() < 0.4:
            del info.resources[:]
            info.resources.extend(reserved)
        infos.append(info)
        scheduler.expect(info.task_id.value, offer.agent_id.value)
    if dice.random() < 0.3:
        return _group(scheduler, infos)
    operation = _Operation(type=_Operation.LAUNCH)
    for info in infos:
        if dice.random() < 0.4:
            executor_id = f"{scheduler.name}-custom{dice.randrange(_EXECUTORS)}"
            info.executor.CopyFrom(_executor(scheduler, executor_id))
        else:
            info.command.value = "sleep 1"
    operation.launch.task_infos.extend(infos)
    return operation


def _executor(scheduler: SimScheduler, executor_id: str) -> mesos_pb2.ExecutorInfo:
    return mesos_pb2.ExecutorInfo(
        type=mesos_pb2.ExecutorInfo.CUSTOM,
        executor_id=mesos_pb2.ExecutorID(value=executor_id),
        framework_id=scheduler.info.id,
        command=mesos_pb2.CommandInfo(value="./executor"),
        resources=Resources.parse(_EXECUTOR),
    )


def _group(scheduler: SimScheduler, infos: list[mesos_pb2.TaskInfo]) -> _Operation:
    operation = _Operation(type=_Operation.LAUNCH_GROUP)
    executor = operation.launch_group.executor
    executor.CopyFrom(_executor(scheduler, scheduler.new_name("group")))
    executor.type = mesos_pb2.ExecutorInfo.DEFAULT
    executor.ClearField("command")
    executor.resources.extend(Resources.parse("disk:32"))
    for info in infos:
        info.command.value = "sleep 1"
    operation.launch_group.task_group.tasks.extend(infos)
    return operation
