"""What clients may not say of resources; the texts are Mesos's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from mesos_compat.resources import validation
from mesos_compat.resources.resources import Resources
from mesos_compat.resources.wellformed import validate_resource
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.messages import (
    Info,
    Source,
    disk_of,
    dynamic,
    items,
    ranges,
    reserved,
    scalar,
    static,
    volume,
)
from tests.mesos_compat.resources.recorded import event, operations

Change: TypeAlias = Callable[[mesos_pb2.Resource], object]
Operation = mesos_pb2.Offer.Operation


def changed(resource: mesos_pb2.Resource, *changes: Change) -> mesos_pb2.Resource:
    for change in changes:
        change(resource)
    return resource


def role(name: str) -> Change:
    return lambda resource: setattr(resource, "role", name)


def has(*path: str) -> Change:
    """Sets the message at ``path``, empty."""

    def change(resource: mesos_pb2.Resource) -> None:
        message = resource
        for name in path:
            message = getattr(message, name)
        message.SetInParent()

    return change


def reservation(**members: str) -> Change:
    return lambda resource: resource.reservation.MergeFrom(Info(**members))  # type: ignore[arg-type]


def label(*path: str) -> Change:
    def change(resource: mesos_pb2.Resource) -> None:
        of = resource.reservations[0] if path == ("reservations",) else resource.reservation
        of.labels.labels.add(key="k", value="v")

    return change


@pytest.mark.parametrize(
    "resource",
    [
        scalar("cpus", 1),
        scalar("cpus", 0),
        scalar("cpus", 0.0005),
        ranges("ports"),
        ranges("ports", (5, 9), (1, 4)),
        items("z"),
        items("z", "a", "b"),
        changed(scalar("cpus", 1), role("*")),
        changed(scalar("cpus", 1), role("a/b"), has("reservation")),
        reserved(scalar("cpus", 1), static("a"), dynamic("a/b"), dynamic("a/b/c")),
        # Both formats at once, saying the same.
        changed(reserved(scalar("cpus", 1), static("a")), role("a")),
        changed(
            reserved(scalar("cpus", 1), dynamic("a", "p")),
            role("a"),
            reservation(principal="p"),
            label(),
            label("reservations"),
        ),
        volume(1, "v", shared=True),
        disk_of(1, Source.MOUNT, "/a"),
        disk_of(1, Source.RAW, id_="x"),
    ],
)
def test_well_formed_resources_are_accepted(resource: mesos_pb2.Resource) -> None:
    assert validate_resource(resource) is None


VALUE_FAULTS = [
    (scalar("", 1), "Empty resource name"),
    (scalar("cpus", -1), "Invalid scalar resource: value <= 0"),
    (scalar("cpus", 0.0004), "Invalid scalar resource: value <= 0"),
    (scalar("cpus", float("inf")), "Invalid scalar resource: value <= 0"),
    (scalar("cpus", float("nan")), "Invalid scalar resource: value <= 0"),
    (scalar("cpus", 1e300), "Invalid scalar resource: value <= 0"),
    (changed(scalar("cpus", 1), has("ranges")), "Invalid scalar resource"),
    (mesos_pb2.Resource(name="cpus", type=mesos_pb2.Value.SCALAR), "Invalid scalar resource"),
    (changed(ranges("p", (1, 2)), has("set")), "Invalid ranges resource"),
    (mesos_pb2.Resource(name="p", type=mesos_pb2.Value.RANGES), "Invalid ranges resource"),
    (ranges("p", (3, 2)), "Invalid ranges resource: begin > end"),
    (ranges("p", (1, 5), (5, 9)), "Invalid ranges resource: overlapping ranges"),
    (changed(items("z", "a"), has("scalar")), "Invalid set resource"),
    (items("z", "a", "b", "a"), "Invalid set resource: duplicated elements"),
    (mesos_pb2.Resource(name="t", type=mesos_pb2.Value.TEXT), "Unsupported resource type"),
]
DISK_FAULTS = [
    (
        changed(scalar("mem", 1), has("disk")),
        "DiskInfo should not be set for mem resource",
    ),
    (
        disk_of(1, Source.UNKNOWN),
        "Unsupported 'DiskInfo.Source.Type' in 'UNKNOWN'",
    ),
    (
        changed(disk_of(1, Source.BLOCK), has("disk", "source", "mount")),
        "Mount should not be set for BLOCK disk source",
    ),
    (
        changed(disk_of(1, Source.RAW), has("disk", "source", "path")),
        "Path should not be set for RAW disk source",
    ),
    (changed(scalar("mem", 1), has("shared")), "Resource mem cannot be shared"),
    (changed(scalar("disk", 1), has("shared")), "Only persistent volumes can be shared"),
]
RESERVATION_FAULTS = [
    (
        changed(scalar("cpus", 1), role("a b")),
        "Role component 'a b' is invalid because it contains backspace or whitespace",
    ),
    (
        changed(scalar("cpus", 1), role("*"), has("reservation")),
        'Invalid reservation: role "*" cannot be dynamically reserved',
    ),
    (
        changed(scalar("cpus", 1), role("a"), reservation(type="DYNAMIC")),
        "'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field",
    ),
    (
        changed(scalar("cpus", 1), role("a"), reservation(role="a")),
        "'Resource.ReservationInfo.role' must not be set for the 'Resource.reservation' field",
    ),
    (
        reserved(scalar("cpus", 1), Info(role="a")),
        "Invalid reservation: 'Resource.ReservationInfo.type' field must be set.",
    ),
    (
        reserved(scalar("cpus", 1), Info(type=Info.STATIC)),
        "Invalid reservation: 'Resource.ReservationInfo.role' field must be set.",
    ),
    (reserved(scalar("cpus", 1), static("/a")), "Role '/a' cannot start with a slash"),
    (
        reserved(scalar("cpus", 1), static("*")),
        'Invalid reservation: role "*" cannot be reserved',
    ),
    (
        reserved(scalar("cpus", 1), dynamic("a"), static("a/b")),
        "Invalid refined reservation: A refined reservation cannot be STATIC",
    ),
    (
        reserved(scalar("cpus", 1), static("a"), dynamic("ab")),
        "Invalid refined reservation: role 'ab' is not a refinement of 'a'",
    ),
    (
        reserved(scalar("cpus", 1), Info(type=Info.UNKNOWN, role="a")),
        "Unsupported 'Resource.ReservationInfo.Type'",
    ),
]
MIXED_FAULTS = [
    (
        changed(reserved(scalar("cpus", 1), static("a")), role("b")),
        "Invalid resource format: 'Resource.role' field with 'b' does not match the role 'a' in"
        " 'Resource.reservations'",
    ),
    (
        changed(reserved(scalar("cpus", 1), static("a")), role("a"), has("reservation")),
        "Invalid resource format: 'Resource.reservation' must not be set if the single"
        " reservation in 'Resource.reservations' is STATIC",
    ),
    (
        changed(reserved(scalar("cpus", 1), dynamic("a")), role("a")),
        "Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be both"
        " set or both not set if the single reservation in 'Resource.reservations' is DYNAMIC",
    ),
    (
        changed(
            reserved(scalar("cpus", 1), dynamic("a", "p")), role("a"), reservation(principal="q")
        ),
        "Invalid resource format: 'Resource.reservation.principal' field with 'q' does not match"
        " the principal 'p' in 'Resource.reservations'",
    ),
    (
        changed(reserved(scalar("cpus", 1), dynamic("a")), role("a"), label()),
        "Invalid resource format: 'Resource.reservation.labels' field with '{k: v}' does not"
        " match the labels '{}' in 'Resource.reservations'",
    ),
    (
        changed(reserved(scalar("cpus", 1), static("a"), dynamic("a/b")), role("a/b")),
        "Invalid resource format: 'Resource.role' must not be set if there is more than one"
        " reservation in 'Resource.reservations'",
    ),
    (
        changed(reserved(scalar("cpus", 1), static("a"), dynamic("a/b")), has("reservation")),
        "Invalid resource format: 'Resource.reservation' must not be set if there is more than"
        " one reservation in 'Resource.reservations'",
    ),
]


@pytest.mark.parametrize(
    ("resource", "why"), VALUE_FAULTS + DISK_FAULTS + RESERVATION_FAULTS + MIXED_FAULTS
)
def test_the_first_fault_of_a_resource_is_told(resource: mesos_pb2.Resource, why: str) -> None:
    assert validate_resource(resource) == why
    assert not Resources([resource])


def test_the_faulty_resource_is_shown() -> None:
    bad = scalar("cpus", -1)
    bad.allocation_info.role = "*"
    assert validation.validate([scalar("mem", 1), bad]) == (
        "Resource 'cpus(allocated: *):-1' is invalid: Invalid scalar resource: value <= 0"
    )
    assert validation.validate([]) is None


def test_resources_that_are_refused_were_refused_by_mesos() -> None:
    for case in ("negative", "gpus-fraction"):
        (operation,) = operations("task-validation", case)
        fault = validation.validate_operation(operation)
        if fault is None:
            (task,) = operation.launch.task_infos
            fault = f"Task uses invalid resources: {validation.validate_usable(task.resources)}"
        assert fault == event("task-validation", f"{case}.event.json").update.status.message


def revocable_volume() -> mesos_pb2.Resource:
    return changed(volume(1, "v"), has("revocable"))


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (scalar("cpus", -1), "Invalid resources: Resource 'cpus:-1' is invalid: "),
        (scalar("gpus", 0.5), "Invalid 'gpus' resource: "),
        (revocable_volume(), "Invalid DiskInfo: Persistent volumes cannot be created from revo"),
        (
            changed(scalar("disk", 1), lambda one: setattr(one.disk.persistence, "id", "v")),
            "Invalid DiskInfo: Persistent volumes cannot be created from unreserved resources",
        ),
        (
            changed(volume(1, "v"), lambda one: one.disk.ClearField("volume")),
            "Invalid DiskInfo: Expecting 'volume' to be set for persistent volume",
        ),
        (
            changed(volume(1, "v"), lambda one: setattr(one.disk.volume, "host_path", "/a")),
            "Invalid DiskInfo: Expecting 'host_path' to be unset for persistent volume",
        ),
        (
            volume(1, ""),
            "Invalid DiskInfo: Invalid persistence ID for persistent volume: ID must not be empty",
        ),
        (
            volume(1, "x" * 256),
            "Invalid DiskInfo: Invalid persistence ID for persistent volume: ID must not be greater"
            " than 255 characters",
        ),
        (
            volume(1, ".."),
            "Invalid DiskInfo: Invalid persistence ID for persistent volume: '..' is disallowed",
        ),
        (
            volume(1, "a/b"),
            "Invalid DiskInfo: Invalid persistence ID for persistent volume: 'a/b' contains invalid"
            " characters",
        ),
        (
            changed(scalar("disk", 1), has("disk", "volume")),
            "Invalid DiskInfo: Non-persistent volume not supported",
        ),
        (changed(scalar("disk", 1), has("disk")), "Invalid DiskInfo: DiskInfo is set but empty"),
        (
            changed(reserved(scalar("cpus", 1), dynamic("r")), has("revocable")),
            "Invalid ReservationInfo: Dynamically reserved resource"
            " cpus(reservations: [(DYNAMIC,r)]){REV}:1 cannot be created from revocable resources",
        ),
    ],
)
def test_what_may_not_be_used_is_refused(resource: mesos_pb2.Resource, why: str) -> None:
    fault = validation.validate_usable([scalar("cpus", 1), resource])
    assert fault is not None
    assert fault.startswith(why)


def test_what_may_be_used_is_accepted() -> None:
    usable = [
        scalar("gpus", 2),
        volume(1, "v"),
        changed(scalar("cpus", 1), has("revocable")),
        disk_of(1, Source.MOUNT),
    ]
    assert validation.validate_usable(usable) is None
    assert validation.validate_gpus([scalar("gpus", 0.5), scalar("gpus", 0.5)]) is None


def test_persistence_ids_are_unique_within_a_role() -> None:
    unique = validation.validate_unique_persistence_ids
    assert unique(Resources([volume(1, "v"), volume(1, "w"), volume(1, "v", "q")])) is None
    assert unique(Resources([volume(1, "v", shared=True)] * 2)) is None
    again = Resources([volume(1, "v"), volume(2, "v")])
    assert unique(again) == "Persistence ID 'v' is not unique"
    assert unique(Resources([volume(1, "v")] * 2)) == "Persistence ID 'v' is not unique"


def test_a_name_is_used_revocably_or_not() -> None:
    some = changed(scalar("cpus", 1), has("revocable"))
    assert validation.validate_revocable_mix(Resources([some, scalar("mem", 1)])) is None
    assert validation.validate_revocable_mix(Resources([some, scalar("cpus", 1)])) == (
        "Cannot use both revocable and non-revocable 'cpus' at the same time"
    )


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (scalar("disk", 1), "Resource disk:1 does not have DiskInfo"),
        (disk_of(1, Source.PATH), "'persistence' is not set in DiskInfo"),
        (
            changed(volume(1, "v"), lambda one: one.disk.ClearField("volume")),
            "Expecting 'volume' to be set for persistent volume",
        ),
        (
            changed(
                volume(1, "v"), lambda one: setattr(one.disk.volume, "mode", mesos_pb2.Volume.RO)
            ),
            "Read-only persistent volume not supported",
        ),
    ],
)
def test_only_writable_persistent_volumes_pass_as_such(
    resource: mesos_pb2.Resource, why: str
) -> None:
    assert validation.validate_persistent_volumes([volume(1, "v")]) is None
    assert validation.validate_persistent_volumes([volume(1, "v"), resource]) == why


def test_resources_are_allocated_to_one_role() -> None:
    resources = [scalar("cpus", 1), scalar("mem", 1)]
    assert validation.validate_single_allocation([]) is None
    resources[0].allocation_info.role = "a"
    assert validation.validate_single_allocation(resources) == (
        "The resources are not allocated to a role"
    )
    resources[1].allocation_info.role = "b"
    assert validation.validate_single_allocation(resources) == (
        "The resources have multiple allocation roles ('b' and 'a')"
        " but only one allocation role is allowed"
    )
    resources[1].allocation_info.role = "a"
    assert validation.validate_single_allocation(resources) is None


def test_resources_are_of_one_provider() -> None:
    resources = [scalar("disk", 1), scalar("disk", 1)]
    assert validation.validate_single_provider([]) is None
    assert validation.validate_single_provider(resources) is None
    resources[0].provider_id.value = "a"
    assert validation.validate_single_provider(resources) == (
        "Some resources have a resource provider and some do not"
    )
    resources[1].provider_id.value = "b"
    assert validation.validate_single_provider(resources) == (
        "The resources have multiple resource providers: a, b"
    )


def test_members_that_two_parts_have_are_seen() -> None:
    parts = [Resources.parse("ports:[1-5];cpus:1"), Resources.parse("ports:[6-9];cpus:1")]
    assert not validation.overlaps(parts)
    assert validation.overlaps([*parts, Resources.parse("ports:[9-9]")])


@pytest.mark.parametrize(
    ("type_", "why"),
    [
        (Operation.UNKNOWN, "Unknown offer operation"),
        (
            Operation.RESERVE,
            "A RESERVE offer operation must have the Offer.Operation.reserve field set.",
        ),
        (
            Operation.UNRESERVE,
            "An UNRESERVE offer operation must have the Offer.Operation.unreserve field set.",
        ),
        (
            Operation.GROW_VOLUME,
            "A GROW_VOLUME operation must have the Offer.Operation.grow_volume field set",
        ),
        (
            Operation.SHRINK_VOLUME,
            "A SHRINK_VOLUME offer operation must have the Offer.Operation.shrink_volume field set",
        ),
        (
            Operation.LAUNCH_GROUP,
            "A LAUNCH_GROUP offer operation must have the Offer.Operation.launch_group field set.",
        ),
    ],
)
def test_an_operation_has_the_member_of_its_type(type_: Operation.Type, why: str) -> None:
    assert validation.validate_operation(Operation(type=type_)) == why


def faulty_operations() -> list[mesos_pb2.Offer.Operation]:
    """Operations of every type, each with a faulty resource somewhere."""
    bad = scalar("cpus", -1)
    made = [Operation(type=Operation.LAUNCH) for _ in range(2)]
    made[0].launch.task_infos.add().resources.append(bad)
    made[1].launch.task_infos.add().executor.resources.append(bad)
    made += [Operation(type=Operation.LAUNCH_GROUP) for _ in range(3)]
    made[2].launch_group.executor.resources.append(bad)
    made[3].launch_group.task_group.tasks.add().resources.append(bad)
    made[4].launch_group.task_group.tasks.add().executor.resources.append(bad)
    made += [Operation(type=Operation.RESERVE) for _ in range(2)]
    made[5].reserve.resources.append(bad)
    made[6].reserve.source.append(bad)
    for type_, member in (
        (Operation.UNRESERVE, "resources"),
        (Operation.CREATE, "volumes"),
        (Operation.DESTROY, "volumes"),
    ):
        operation = Operation(type=type_)
        getattr(getattr(operation, Operation.Type.Name(type_).lower()), member).append(bad)
        made.append(operation)
    return made


def test_faulty_resources_are_found_in_every_operation() -> None:
    shown = "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"
    for operation in faulty_operations():
        assert validation.validate_operation(operation) == shown


@pytest.mark.parametrize(
    ("type_", "member", "part"),
    [
        (Operation.GROW_VOLUME, "grow_volume", "volume"),
        (Operation.SHRINK_VOLUME, "shrink_volume", "volume"),
        (Operation.CREATE_DISK, "create_disk", "source"),
        (Operation.DESTROY_DISK, "destroy_disk", "source"),
    ],
)
def test_a_single_faulty_resource_is_told_without_showing_it(
    type_: Operation.Type, member: str, part: str
) -> None:
    operation = Operation(type=type_)
    getattr(getattr(operation, member), part).CopyFrom(scalar("disk", -1))
    assert validation.validate_operation(operation) == "Invalid scalar resource: value <= 0"


def test_recorded_operations_are_well_formed() -> None:
    for case in ("reserve-old-format", "create", "grow", "shrink", "destroy"):
        for operation in operations("operations", case):
            assert validation.validate_operation(operation) is None
