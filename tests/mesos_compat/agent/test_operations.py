"""Operations on the agent's resources: done when they are durable, told until acknowledged."""

from __future__ import annotations

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.recovered import read_state
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.agent.harness import (
    FRAMEWORK_ID,
    Harness,
    command_task,
    of,
    to_master,
    told,
)

_Info = mesos_pb2.Offer.Operation
UUID = b"u" * 16


def reserved(text: str = "disk:64") -> list[mesos_pb2.Resource]:
    """Resources with a dynamic reservation for the role ``r``."""
    info = mesos_pb2.Resource.ReservationInfo(
        type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role="r"
    )
    return list(Resources.parse(text).push_reservation(info))


def volume() -> mesos_pb2.Resource:
    """A persistent volume."""
    (made,) = reserved()
    made.disk.persistence.id = "v1"
    made.disk.volume.container_path = "data"
    made.disk.volume.mode = mesos_pb2.Volume.RW
    return made


def reserve(operation_id: str | None = None, text: str = "disk:64") -> mesos_pb2.Offer.Operation:
    """RESERVE."""
    info = _Info(type=_Info.RESERVE)
    info.reserve.resources.extend(reserved(text))
    if operation_id is not None:
        info.id.value = operation_id
    return info


def apply(info: mesos_pb2.Offer.Operation, version: bytes | None = None) -> link_pb2.Event:
    """APPLY_OPERATION."""
    event = link_pb2.Event(type=link_pb2.Event.APPLY_OPERATION)
    event.apply_operation.framework_id.value = FRAMEWORK_ID
    event.apply_operation.info.CopyFrom(info)
    event.apply_operation.uuid.value = UUID
    if version is not None:
        event.apply_operation.resource_version = version
    return event


def outcomes(actions: list[act.Action]) -> list[mesos_pb2.OperationStatus]:
    """The statuses of operations that the master is told."""
    return [
        one.operation_status.status
        for one in to_master(actions)
        if one.HasField("operation_status")
    ]


def acknowledge(status: mesos_pb2.OperationStatus) -> link_pb2.Event:
    """ACKNOWLEDGE_OPERATION."""
    event = link_pb2.Event(type=link_pb2.Event.ACKNOWLEDGE_OPERATION)
    event.acknowledge_operation.status_uuid.CopyFrom(status.uuid)
    event.acknowledge_operation.operation_uuid.value = UUID
    return event


def test_reservation_is_stored_and_then_told() -> None:
    agent = Harness().start()
    agent.disk.is_slow = True
    assert outcomes(agent.link(apply(reserve()))) == []
    agent.disk.is_slow = False
    (status,) = outcomes(agent.flush())
    assert status.state == mesos_pb2.OPERATION_FINISHED
    assert not status.HasField("uuid")
    assert agent.core.state.total.contains(Resources(reserved()))
    assert agent.core.state.operations == {}


def test_status_that_somebody_waits_for_is_told_until_it_is_acknowledged() -> None:
    agent = Harness().start()
    (status,) = outcomes(agent.link(apply(reserve("o1"))))
    assert status.operation_id.value == "o1"
    assert [one.uuid for one in outcomes(agent.wait(30_000))] == [status.uuid] * 2
    agent.link(acknowledge(status))
    assert outcomes(agent.wait(40_000)) == []
    assert agent.core.state.operations == {}


def test_acknowledgement_of_another_status_ends_nothing() -> None:
    agent = Harness().start()
    (status,) = outcomes(agent.link(apply(reserve("o1"))))
    status.uuid.value = b"x" * 16
    agent.link(acknowledge(status))
    assert list(agent.core.state.operations) == [UUID]


def test_operation_that_comes_twice_is_done_once() -> None:
    agent = Harness().start()
    agent.link(apply(reserve("o1")))
    assert agent.link(apply(reserve("o1"))) == []


def test_operation_of_outdated_resources_is_dropped() -> None:
    agent = Harness().start()
    (status,) = outcomes(agent.link(apply(reserve("o1"), version=b"x" * 16)))
    assert status.state == mesos_pb2.OPERATION_DROPPED
    assert agent.core.state.total == agent.core.state.flag_total


def test_master_hears_what_there_is_when_an_operation_cannot_be_done() -> None:
    agent = Harness().start()
    before = agent.core.state.resource_version
    made = agent.link(apply(reserve("o1", "disk:99999999")))
    (status,) = outcomes(made)
    assert status.state == mesos_pb2.OPERATION_ERROR
    assert "does not contain" in status.message
    (update,) = [one.update_agent for one in to_master(made) if one.HasField("update_agent")]
    assert Resources(update.resources) == agent.core.state.flag_total
    assert update.resource_version != before


def test_volumes_are_made_and_destroyed_when_that_is_stored() -> None:
    agent = Harness().start()
    agent.link(apply(reserve()))
    create = _Info(type=_Info.CREATE)
    create.create.volumes.add().CopyFrom(volume())
    made = agent.link(apply(create))
    assert of(made, act.CreateVolume) == [act.CreateVolume(volume())]
    destroy = _Info(type=_Info.DESTROY)
    destroy.destroy.volumes.add().CopyFrom(volume())
    agent.disk.is_slow = True
    assert of(agent.link(apply(destroy)), act.DestroyVolume) == []
    agent.disk.is_slow = False
    assert of(agent.flush(), act.DestroyVolume) == [act.DestroyVolume(volume())]


def test_reservations_outlive_the_agent() -> None:
    agent = Harness().start()
    agent.link(apply(reserve("o1")))
    again = Harness(agent.disk)
    again.recover()
    assert again.core.state.total == agent.core.state.total
    subscribe = again.subscribe().subscribe.subscribe
    assert Resources(subscribe.resources).contains(Resources(reserved()))
    assert [one.uuid.value for one in subscribe.operations] == [UUID]


def test_operations_of_an_agent_that_was_given_up_are_not_told_by_the_next_one() -> None:
    agent = Harness().start()
    agent.link(apply(reserve("o1")))
    agent.disk.links.clear()
    again = Harness(agent.disk)
    again.recover()
    subscribe = again.subscribe().subscribe.subscribe
    assert not subscribe.operations
    assert Resources(subscribe.resources).contains(Resources(reserved()))
    event = link_pb2.Event(type=link_pb2.Event.REGISTERED)
    event.registered.agent_id.value = "m-S1"
    event.registered.ping_timeout_seconds = 75
    assert outcomes(again.link(event)) == []
    # Nor by the one after that, whose disk still has them.
    last = Harness(agent.disk)
    last.recover()
    assert not last.subscribe().subscribe.subscribe.operations


def test_agent_with_less_than_was_reserved_does_not_start() -> None:
    agent = Harness().start()
    agent.link(apply(reserve()))
    again = Harness(
        agent.disk, resources="cpus:4;mem:4096;disk:32", reconfiguration_policy="additive"
    )
    made = again.step(ev.Recovered(read_state(agent.disk.files, agent.disk.links), "boot"))
    (stop,) = of(made, act.Stop)
    assert "Incompatible agent resources" in stop.why


def test_statuses_are_told_again_on_a_new_link() -> None:
    agent = Harness().start()
    (status,) = outcomes(agent.link(apply(reserve("o1"))))
    assert [one.uuid for one in outcomes(agent.register(is_back=True))] == [status.uuid]


def test_operation_that_never_came_is_told_as_dropped() -> None:
    agent = Harness().start()
    agent.link(apply(reserve("o1")))
    event = link_pb2.Event(type=link_pb2.Event.RECONCILE_OPERATIONS)
    event.reconcile_operations.operation_uuids.add(value=UUID)
    event.reconcile_operations.operation_uuids.add(value=b"n" * 16)
    (call,) = to_master(agent.link(event))
    assert call.operation_status.operation_uuid.value == b"n" * 16
    assert call.operation_status.status.state == mesos_pb2.OPERATION_DROPPED


def test_task_with_an_unknown_reservation_is_dropped() -> None:
    agent = Harness().start()
    info = command_task("t1")
    info.resources.extend(Resources(reserved()).allocate("r"))
    (sent,) = told(agent.run_task(info))
    assert sent.state == mesos_pb2.TASK_DROPPED
    assert sent.reason == mesos_pb2.TaskStatus.REASON_RESOURCES_UNKNOWN
    agent.link(apply(reserve()))
    info.task_id.value = "t2"
    assert len(of(agent.run_task(info), act.LaunchContainer)) == 1
