"""The two formats of reservations, within messages of any depth, and marks of allocation."""

from __future__ import annotations

import pytest

from mesos_compat.resources import formats
from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.formats import Format
from mesos_compat.resources.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from tests.mesos_compat.resources.messages import dynamic, reserved, scalar, static
from tests.mesos_compat.resources.recorded import event, offered

Operation = mesos_pb2.Offer.Operation


def of_role(
    role: str, principal: str | None = None, *, dynamically: bool = False
) -> mesos_pb2.Resource:
    resource = scalar("cpus", 1)
    resource.role = role
    if dynamically:
        resource.reservation.SetInParent()
    if principal is not None:
        resource.reservation.principal = principal
    return resource


PAIRS = [
    (of_role("*"), scalar("cpus", 1)),
    (of_role("r"), reserved(scalar("cpus", 1), static("r"))),
    (of_role("r", "p", dynamically=True), reserved(scalar("cpus", 1), dynamic("r", "p"))),
    (of_role("r", dynamically=True), reserved(scalar("cpus", 1), dynamic("r"))),
]


@pytest.mark.parametrize(("older", "newer"), PAIRS)
def test_each_kind_of_reservation_is_turned_both_ways(
    older: mesos_pb2.Resource, newer: mesos_pb2.Resource
) -> None:
    turned = mesos_pb2.Resource()
    turned.CopyFrom(older)
    formats.upgrade(turned)
    assert turned == newer
    formats.downgrade(turned)
    assert turned == older


def test_labels_are_taken_along() -> None:
    resource = of_role("r", dynamically=True)
    resource.reservation.labels.labels.add(key="k", value="v")
    turned = mesos_pb2.Resource()
    turned.CopyFrom(resource)
    formats.upgrade(turned)
    assert turned.reservations[0].labels.labels[0].key == "k"
    formats.downgrade(turned)
    assert turned == resource


def test_upgrading_twice_changes_nothing_more() -> None:
    resource = of_role("r")
    formats.upgrade(resource)
    once = mesos_pb2.Resource()
    once.CopyFrom(resource)
    formats.upgrade(resource)
    assert resource == once


def test_endpoints_show_both_formats_where_there_are_both() -> None:
    single = reserved(scalar("cpus", 1), dynamic("r", "p"))
    formats.convert(single, Format.ENDPOINT)
    assert (single.role, single.reservation.principal, len(single.reservations)) == ("r", "p", 1)
    refined = reserved(scalar("cpus", 1), static("r"), dynamic("r/s"))
    formats.convert(refined, Format.ENDPOINT)
    assert not refined.HasField("role")
    assert len(refined.reservations) == 2
    formats.convert(refined, Format.POST)
    assert len(refined.reservations) == 2
    with pytest.raises(ResourceError, match=r"^Cannot downgrade resources containing refined"):
        formats.convert(refined, Format.PRE)


def test_offers_recorded_in_the_older_format_are_those_in_the_newer() -> None:
    older = event("legacy", "offers-reserved-no-capabilities.event.json")
    newer = offered("legacy", "offers-reserved-rr.event.json")
    recorded = list(older.offers.offers[0].resources)
    assert [resource.role for resource in recorded] == ["*", "r1", "*", "*", "*"]
    assert Resources(recorded) == Resources(newer).unallocate()
    assert Resources(newer).unallocate().messages(Format.PRE) == recorded
    formats.upgrade_all(older)
    formats.strip_allocation(newer)
    assert list(older.offers.offers[0].resources) == newer
    formats.downgrade_all(older)
    assert list(older.offers.offers[0].resources) == recorded


def test_resources_are_found_wherever_they_are_in_a_message() -> None:
    call = scheduler_pb2.Call(type=scheduler_pb2.Call.ACCEPT)
    launch = call.accept.operations.add(type=Operation.LAUNCH).launch.task_infos.add()
    launch.resources.append(of_role("r"))
    launch.executor.resources.append(of_role("r"))
    grow = call.accept.operations.add(type=Operation.GROW_VOLUME).grow_volume
    grow.volume.CopyFrom(of_role("r"))
    formats.upgrade_all(call)
    for resource in (launch.resources[0], launch.executor.resources[0], grow.volume):
        assert (resource.HasField("role"), len(resource.reservations)) == (False, 1)
    assert not grow.HasField("addition")


def test_messages_that_cannot_hold_resources_are_left_alone() -> None:
    status = mesos_pb2.TaskStatus(state=mesos_pb2.TASK_RUNNING)
    status.task_id.value = "t"
    before = status.SerializeToString()
    formats.upgrade_all(status)
    assert status.SerializeToString() == before


def test_downgrading_a_message_with_refined_reservations_is_refused() -> None:
    task = mesos_pb2.TaskInfo()
    task.resources.append(reserved(scalar("cpus", 1), static("r"), dynamic("r/s")))
    with pytest.raises(ResourceError, match="refined"):
        formats.downgrade_all(task)


TYPES = [
    Operation.LAUNCH,
    Operation.LAUNCH_GROUP,
    Operation.RESERVE,
    Operation.UNRESERVE,
    Operation.CREATE,
    Operation.DESTROY,
    Operation.GROW_VOLUME,
    Operation.SHRINK_VOLUME,
    Operation.CREATE_DISK,
    Operation.DESTROY_DISK,
]


def every_operation() -> list[mesos_pb2.Offer.Operation]:
    """An operation of each type; each of its resources is worth one cpu."""
    made = {type_: Operation(type=type_) for type_ in TYPES}
    task = made[Operation.LAUNCH].launch.task_infos.add()
    group = made[Operation.LAUNCH_GROUP].launch_group
    group.executor.resources.append(scalar("cpus", 1))
    for one in (task, group.task_group.tasks.add()):
        one.resources.append(scalar("cpus", 1))
        one.executor.resources.append(scalar("cpus", 1))
    made[Operation.RESERVE].reserve.resources.append(scalar("cpus", 1))
    made[Operation.RESERVE].reserve.source.append(scalar("cpus", 1))
    made[Operation.UNRESERVE].unreserve.resources.append(scalar("cpus", 1))
    made[Operation.CREATE].create.volumes.append(scalar("cpus", 1))
    made[Operation.DESTROY].destroy.volumes.append(scalar("cpus", 1))
    for single in (
        made[Operation.GROW_VOLUME].grow_volume.volume,
        made[Operation.GROW_VOLUME].grow_volume.addition,
        made[Operation.SHRINK_VOLUME].shrink_volume.volume,
        made[Operation.CREATE_DISK].create_disk.source,
        made[Operation.DESTROY_DISK].destroy_disk.source,
    ):
        single.CopyFrom(scalar("cpus", 1))
    return list(made.values())


def test_allocation_is_injected_into_and_stripped_from_every_operation() -> None:
    for operation in every_operation():
        plain = operation.SerializePartialToString()
        marks = plain.count(b"cpus")
        assert len(list(formats.resources_of_operation(operation))) == marks > 0
        formats.inject_allocation_into(operation, "role-x")
        assert operation.SerializePartialToString().count(b"role-x") == marks
        formats.inject_allocation_into(operation, "role-y")
        assert b"role-y" not in operation.SerializePartialToString()
        formats.strip_allocation_from(operation)
        assert operation.SerializePartialToString() == plain


def test_an_operation_of_no_type_names_no_resources() -> None:
    assert list(formats.resources_of_operation(Operation())) == []
