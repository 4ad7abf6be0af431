"""ACCEPT: bad offers, operations one after another, tasks and groups."""

from __future__ import annotations

import pytest

from mesos_compat.master.state import TaskKey
from mesos_compat.resources import Resources
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.harness import Cluster
from tests.mesos_compat.master.peers import (
    CAPABILITIES,
    Agent,
    Capability,
    Operation,
    Scheduler,
    executor_info,
    framework_info,
    launch,
    task_info,
)
from tests.mesos_compat.master.validation import recorded

Status = mesos_pb2.TaskStatus
LinkEvent = link_pb2.Event


def settled(*roles: str, **members: object) -> tuple[Cluster, Agent, Scheduler]:
    """One agent, offered to one framework."""
    cluster = Cluster()
    agent = Agent(cluster)
    scheduler = Scheduler(cluster, framework_info(*(roles or ("r",)), **members))  # type: ignore[arg-type]
    scheduler.told(), agent.told()
    return cluster, agent, scheduler


def group(scheduler: Scheduler, *infos: mesos_pb2.TaskInfo) -> mesos_pb2.Offer.Operation:
    """LAUNCH_GROUP under a default executor."""
    operation = Operation(type=Operation.LAUNCH_GROUP)
    executor = operation.launch_group.executor
    executor.CopyFrom(executor_info("group", scheduler.framework_id, "cpus:0.1;mem:32;disk:32"))
    executor.type = mesos_pb2.ExecutorInfo.DEFAULT
    executor.ClearField("command")
    operation.launch_group.task_group.tasks.extend(infos)
    return operation


def reserve(resources: str, role: str = "r", operation_id: str = "") -> mesos_pb2.Offer.Operation:
    """RESERVE of unreserved resources."""
    operation = Operation(type=Operation.RESERVE)
    for resource in Resources.parse(resources):
        reservation = resource.reservations.add()
        reservation.type = mesos_pb2.Resource.ReservationInfo.DYNAMIC
        reservation.role = role
        operation.reserve.resources.append(resource)
    if operation_id:
        operation.id.value = operation_id
    return operation


# Bad offers.


@pytest.mark.parametrize("is_aware", [True, False])
def test_tasks_of_a_bad_offer_are_dropped_and_so_is_a_group(*, is_aware: bool) -> None:
    capabilities = CAPABILITIES if is_aware else CAPABILITIES[:-1]
    _cluster, agent, scheduler = settled(capabilities=capabilities)
    one = task_info("t", agent.agent_id)
    scheduler.accept(["nope"], launch(one), group(scheduler, one, one))
    statuses = scheduler.statuses()
    assert len(statuses) == 3
    for status in statuses:
        expected = mesos_pb2.TASK_DROPPED if is_aware else mesos_pb2.TASK_LOST
        assert status.state == expected
        assert status.source == Status.SOURCE_MASTER
        assert status.reason == Status.REASON_INVALID_OFFERS
        assert status.message == (
            "Task launched with invalid offers: Offer nope is no longer valid"
        )
        assert not status.HasField("uuid")
    assert not agent.told()


def test_a_bad_offer_gives_the_good_ones_beside_it_back() -> None:
    cluster, agent, scheduler = settled()
    (offer_id,) = scheduler.offers
    scheduler.accept([offer_id, offer_id], launch(task_info("t", agent.agent_id)))
    (status,) = scheduler.statuses()
    assert status.message.endswith(f"Duplicate offer {offer_id} in offer list")
    cluster.advance(1_000)
    assert scheduler.offers
    assert offer_id not in scheduler.offers


def test_another_frameworks_offer_cannot_be_accepted_and_its_holder_is_told_it_is_gone() -> None:
    cluster, agent, holder = settled()
    other = Scheduler(cluster, framework_info("r"))
    (offer_id,) = holder.offers
    other.told()
    other.accept([offer_id], launch(task_info("t", agent.agent_id)))
    (status,) = other.statuses()
    assert status.message == (
        f"Task launched with invalid offers: Offer {offer_id} has invalid framework"
        f" {holder.framework_id} while framework {other.framework_id} is expected"
    )
    assert holder.heard() == ["RESCIND"]


def test_offers_of_two_agents_cannot_be_accepted_together() -> None:
    cluster, agent, scheduler = settled()
    Agent(cluster, "agent1")
    assert len(scheduler.offers) == 2
    scheduler.accept(list(scheduler.offers), launch(task_info("t", agent.agent_id)))
    (status,) = scheduler.statuses()
    assert "Aggregated offers must belong to one single agent" in status.message


def test_an_operation_with_a_bad_offer_is_an_error_to_who_wants_to_hear_of_it() -> None:
    _cluster, _agent, scheduler = settled()
    scheduler.accept(["nope"], reserve("cpus:1", operation_id="op"), reserve("cpus:1"))
    (status,) = scheduler.operation_statuses()
    assert status.operation_id.value == "op"
    assert status.state == mesos_pb2.OPERATION_ERROR
    assert status.message == (
        "Operation attempted with invalid offers: Offer nope is no longer valid"
    )


# Launches.


def test_an_accepted_task_is_staging_and_goes_to_its_agent() -> None:
    cluster, agent, scheduler = settled()
    key = scheduler.launch("t")
    assert not scheduler.statuses()
    (event,) = agent.told()
    assert event.type == LinkEvent.RUN_TASK
    assert event.run_task.launch_executor
    assert event.run_task.framework.id.value == scheduler.framework_id
    assert event.run_task.resource_version == agent.version
    roles = [one.allocation_info.role for one in event.run_task.task.resources]
    assert roles == ["r", "r"]
    task = cluster.state.frameworks[scheduler.framework_id].tasks["t"]
    assert task.message.state == mesos_pb2.TASK_STAGING
    assert cluster.state.agents[agent.agent_id].tasks[key.framework_id]["t"] is task


def test_several_offers_of_one_agent_make_one_task() -> None:
    cluster, agent, scheduler = settled()
    task = scheduler.launch("first", "cpus:3;mem:4000")
    cluster.advance(1_000)
    (small,) = scheduler.offers
    agent.update(task, mesos_pb2.TASK_FINISHED)
    cluster.advance(1_000)
    assert len(scheduler.offers) == 2
    assert small in scheduler.offers
    agent.told()
    info = task_info("second", agent.agent_id, "cpus:4;mem:4096")
    scheduler.accept(list(scheduler.offers), launch(info))
    assert agent.heard() == ["RUN_TASK"]


def test_of_one_launch_good_tasks_run_and_bad_ones_are_told_first() -> None:
    case = "two-tasks-second-too-big"
    cluster, agent, scheduler = settled("*")
    infos = []
    for info in recorded.operations("task-validation", case)[0].launch.task_infos:
        info.agent_id.value = agent.agent_id
        infos.append(info)
    (offer_id,) = scheduler.offers
    scheduler.accept([offer_id], launch(*infos))
    (status,) = scheduler.statuses()
    expected = recorded.event("task-validation", f"{case}-0").update.status
    expected.agent_id.value = agent.agent_id
    expected.timestamp = status.timestamp
    assert status == expected
    assert [event.run_task.task.task_id.value for event in agent.told()] == ["ok1"]
    assert list(cluster.state.frameworks[scheduler.framework_id].tasks) == ["ok1"]


def test_a_task_that_is_not_over_keeps_its_id() -> None:
    cluster, agent, scheduler = settled("*")
    task = scheduler.launch("dup")
    uuid = agent.update(task, mesos_pb2.TASK_FINISHED)
    (ended,) = scheduler.statuses()
    cluster.advance(1_000)
    scheduler.told()
    scheduler.launch("dup")
    (status,) = scheduler.statuses()
    expected = recorded.event("task-validation", "duplicate-task-id-update").update.status
    assert (status.message, status.reason) == (expected.message, expected.reason)
    # Once its end is acknowledged, another may have it.
    assert ended.uuid == uuid
    scheduler.acknowledge(ended)
    cluster.advance(1_000)
    scheduler.launch("dup")
    assert not scheduler.statuses()


def test_a_task_without_authorization_is_an_error() -> None:
    acls = '{"run_tasks":[{"principals":{"type":"ANY"},"users":{"type":"NONE"}}]}'
    cluster = Cluster(acls=acls)
    Agent(cluster)
    scheduler = Scheduler(cluster, framework_info("r", principal="p"), subscribes=False)
    scheduler.subscribe(principal="p")
    offer = next(iter(scheduler.offers.values()))
    call_task = launch(task_info("t", offer.agent_id.value))
    scheduler.cluster.core.state.frameworks[scheduler.framework_id].info.ClearField("principal")
    scheduler.accept([offer.id.value], call_task)
    (status,) = scheduler.statuses()
    assert status.state == mesos_pb2.TASK_ERROR
    assert status.reason == Status.REASON_TASK_UNAUTHORIZED
    assert status.message.startswith("Not authorized to")


def test_a_second_task_of_an_executor_does_not_launch_it_again() -> None:
    cluster, agent, scheduler = settled()
    infos = []
    for name in ("a", "b"):
        info = task_info(name, agent.agent_id)
        info.ClearField("command")
        info.executor.CopyFrom(executor_info("e", scheduler.framework_id))
        # Who launches may leave it out.
        info.executor.ClearField("framework_id")
        infos.append(info)
    scheduler.accept(list(scheduler.offers), launch(*infos))
    first, second = agent.told()
    assert first.run_task.launch_executor
    assert not second.run_task.launch_executor
    assert first.run_task.task.executor.framework_id.value == scheduler.framework_id
    used = cluster.state.agents[agent.agent_id].used[scheduler.framework_id]
    # It is counted once.
    assert used.unallocate() == Resources.parse("cpus:2.1;mem:96")


def test_a_group_is_launched_as_a_whole() -> None:
    cluster, agent, scheduler = settled()
    infos = [task_info(name, agent.agent_id) for name in ("a", "b")]
    scheduler.accept(list(scheduler.offers), group(scheduler, *infos))
    (event,) = agent.told()
    assert event.type == LinkEvent.RUN_TASK_GROUP
    assert event.run_task_group.launch_executor
    tasks = event.run_task_group.task_group.tasks
    assert [one.task_id.value for one in tasks] == ["a", "b"]
    assert {one.executor.executor_id.value for one in tasks} == {"group"}
    used = cluster.state.agents[agent.agent_id].used[scheduler.framework_id]
    assert used.unallocate() == Resources.parse("cpus:2.1;mem:96;disk:32")


def test_a_group_with_one_bad_task_is_not_launched_at_all() -> None:
    cluster, agent, scheduler = settled()
    infos = [task_info("a", agent.agent_id), task_info("b", agent.agent_id, "cpus:100;mem:1")]
    scheduler.accept(list(scheduler.offers), group(scheduler, *infos), refuse_seconds=0)
    statuses = scheduler.statuses()
    assert [status.reason for status in statuses] == [Status.REASON_TASK_GROUP_INVALID] * 2
    assert [status.task_id.value for status in statuses] == ["a", "b"]
    assert not agent.told()
    cluster.advance(1_000)
    assert scheduler.offers


def test_an_id_on_a_launch_makes_its_tasks_errors() -> None:
    _cluster, agent, scheduler = settled()
    operation = launch(task_info("lid", agent.agent_id))
    operation.id.value = "op"
    scheduler.accept(list(scheduler.offers), operation)
    (status,) = scheduler.statuses()
    expected = recorded.event("operations", "operation-id-launch-event0").update.status
    assert (status.message, status.reason) == (expected.message, expected.reason)


# Operations one after another.


def test_accepting_nothing_is_declining() -> None:
    cluster, _agent, scheduler = settled()
    cluster.advance(500)
    scheduler.accept(list(scheduler.offers))
    cluster.advance(5_000)
    assert not scheduler.offers
    cluster.advance(1_000)
    assert scheduler.offers


def test_an_operation_of_no_kind_does_nothing() -> None:
    cluster, agent, scheduler = settled()
    scheduler.accept(list(scheduler.offers), Operation(type=Operation.UNKNOWN), refuse_seconds=0)
    assert not scheduler.told()
    assert not agent.told()
    cluster.advance(1_000)
    assert scheduler.offers


def test_what_one_operation_makes_the_next_may_use() -> None:
    cluster, agent, scheduler = settled()
    reserved = reserve("cpus:1;mem:64")
    info = task_info("t", agent.agent_id)
    del info.resources[:]
    info.resources.extend(reserved.reserve.resources)
    (offer_id,) = scheduler.offers
    scheduler.accept([offer_id], reserved, launch(info), refuse_seconds=0)
    assert agent.heard() == ["APPLY_OPERATION", "RUN_TASK"]
    total = cluster.state.agents[agent.agent_id].total
    assert total.reserved("r") == Resources(reserved.reserve.resources)
    cluster.advance(1_000)
    (offer,) = scheduler.offers.values()
    assert not Resources(offer.resources).reserved()


def test_an_operation_that_cannot_be_done_is_skipped_and_the_rest_goes_on() -> None:
    cluster, agent, scheduler = settled()
    too_big = reserve("cpus:1000", operation_id="big")
    (offer_id,) = scheduler.offers
    scheduler.accept([offer_id], too_big, launch(task_info("t", agent.agent_id)), refuse_seconds=0)
    (status,) = scheduler.operation_statuses()
    assert status.state == mesos_pb2.OPERATION_ERROR
    assert "does not contain" in status.message
    assert agent.heard() == ["RUN_TASK"]
    assert not cluster.state.agents[agent.agent_id].operations


def test_what_operations_made_is_offered_at_once_and_the_rest_is_filtered() -> None:
    cluster, _agent, scheduler = settled()
    reserved = reserve("cpus:1")
    scheduler.accept(list(scheduler.offers), reserved, refuse_seconds=3600)
    cluster.advance(1_000)
    # All of it, since what was refused is only a part of it now.
    (offer,) = scheduler.offers.values()
    assert Resources(offer.resources).unallocate().reserved("r") == Resources(
        reserved.reserve.resources
    )
    assert len(offer.resources) == 5


def volume(size: int, *, shared: bool = False) -> mesos_pb2.Resource:
    """A persistent volume on reserved disk."""
    (resource,) = reserve(f"disk:{size}").reserve.resources
    resource.disk.persistence.id = "v"
    resource.disk.volume.container_path = "data"
    resource.disk.volume.mode = mesos_pb2.Volume.RW
    if shared:
        resource.shared.SetInParent()
    return resource


def on_volume(
    kind: mesos_pb2.Offer.Operation.Type, made: mesos_pb2.Resource
) -> mesos_pb2.Offer.Operation:
    operation = Operation(type=kind)
    if kind == Operation.CREATE:
        operation.create.volumes.append(made)
    elif kind == Operation.DESTROY:
        operation.destroy.volumes.append(made)
    elif kind == Operation.GROW_VOLUME:
        operation.grow_volume.volume.CopyFrom(made)
        operation.grow_volume.addition.CopyFrom(reserve("disk:10").reserve.resources[0])
    return operation


def test_a_volume_is_created_used_and_destroyed() -> None:
    cluster, agent, scheduler = settled()
    made = volume(64)
    create = on_volume(Operation.CREATE, made)
    info = task_info("t", agent.agent_id)
    info.resources.append(made)
    scheduler.accept(
        list(scheduler.offers), reserve("disk:64"), create, launch(info), refuse_seconds=0
    )
    assert agent.heard() == ["APPLY_OPERATION", "APPLY_OPERATION", "RUN_TASK"]
    cluster.advance(1_000)
    # It is in use.
    scheduler.accept(list(scheduler.offers), on_volume(Operation.DESTROY, made), refuse_seconds=0)
    assert not agent.told()
    agent.update(TaskKey(scheduler.framework_id, "t"), mesos_pb2.TASK_FINISHED)
    cluster.advance(1_000)
    scheduler.accept(list(scheduler.offers), on_volume(Operation.DESTROY, made), refuse_seconds=0)
    assert agent.heard() == ["APPLY_OPERATION"]
    assert not cluster.state.agents[agent.agent_id].total.persistent_volumes()


def test_a_grown_volume_is_not_for_the_operations_behind_it() -> None:
    cluster, agent, scheduler = settled()
    made = volume(64)
    scheduler.accept(
        list(scheduler.offers), reserve("disk:74"), on_volume(Operation.CREATE, made),
        refuse_seconds=0,
    )  # fmt: skip
    cluster.advance(1_000)
    agent.told()
    info = task_info("t", agent.agent_id)
    info.resources.append(volume(74))
    scheduler.accept(
        list(scheduler.offers), on_volume(Operation.GROW_VOLUME, made), launch(info),
        refuse_seconds=0,
    )  # fmt: skip
    assert agent.heard() == ["APPLY_OPERATION"]
    (status,) = scheduler.statuses()
    assert status.state == mesos_pb2.TASK_ERROR
    cluster.advance(1_000)
    (offer,) = scheduler.offers.values()
    volumes = Resources(offer.resources).persistent_volumes().unallocate()
    assert volumes == Resources([volume(74)])


def test_a_shared_volume_is_used_by_many_and_destroying_it_takes_it_out_of_offers() -> None:
    capabilities = (*CAPABILITIES, Capability.SHARED_RESOURCES)
    cluster, agent, first = settled(capabilities=capabilities)
    made = volume(64, shared=True)
    infos = []
    for name in ("a", "b"):
        info = task_info(name, agent.agent_id)
        info.resources.append(made)
        infos.append(info)
    first.accept(
        list(first.offers), reserve("disk:64"), on_volume(Operation.CREATE, made),
        launch(*infos), refuse_seconds=3600,
    )  # fmt: skip
    assert not first.statuses()
    second = Scheduler(cluster, framework_info("r", capabilities=capabilities))
    cluster.advance(1_000)
    (offer,) = second.offers.values()
    assert Resources(offer.resources).shared()
    for name in ("a", "b"):
        agent.update(TaskKey(first.framework_id, name), mesos_pb2.TASK_FINISHED)
    cluster.advance(1_000)
    # Both are offered the volume now.
    holds = [one for one in first.offers.values() if Resources(one.resources).shared()]
    assert holds
    second.told()
    first.accept([holds[0].id.value], on_volume(Operation.DESTROY, made), refuse_seconds=0)
    assert second.heard()[0] == "RESCIND"
    assert not cluster.state.agents[agent.agent_id].total.persistent_volumes()
