"""What operations make of resources, and what agents have stored of that."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mesos_compat.resources import convert
from mesos_compat.resources.errors import ResourceError
from mesos_compat.resources.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.messages import (
    ROLES,
    Source,
    disk_of,
    dynamic,
    many,
    ranges,
    reserved,
    scalar,
    static,
    volume,
)

Operation = mesos_pb2.Offer.Operation


def reserve(*resources: mesos_pb2.Resource, source: Resources | None = None) -> Operation:
    operation = Operation(type=Operation.RESERVE)
    operation.reserve.resources.extend(resources)
    operation.reserve.source.extend(source or ())
    return operation


def unreserve(*resources: mesos_pb2.Resource) -> Operation:
    operation = Operation(type=Operation.UNRESERVE)
    operation.unreserve.resources.extend(resources)
    return operation


def create(*volumes: mesos_pb2.Resource) -> Operation:
    operation = Operation(type=Operation.CREATE)
    operation.create.volumes.extend(volumes)
    return operation


def destroy(*volumes: mesos_pb2.Resource) -> Operation:
    operation = Operation(type=Operation.DESTROY)
    operation.destroy.volumes.extend(volumes)
    return operation


def grow(whole: mesos_pb2.Resource, addition: mesos_pb2.Resource) -> Operation:
    operation = Operation(type=Operation.GROW_VOLUME)
    operation.grow_volume.volume.CopyFrom(whole)
    operation.grow_volume.addition.CopyFrom(addition)
    return operation


def shrink(whole: mesos_pb2.Resource, subtract: float) -> Operation:
    operation = Operation(type=Operation.SHRINK_VOLUME)
    operation.shrink_volume.volume.CopyFrom(whole)
    operation.shrink_volume.subtract.value = subtract
    return operation


def space(size: float) -> mesos_pb2.Resource:
    return reserved(scalar("disk", size), dynamic("r"))


@given(many(divisible=True), st.sampled_from(ROLES))
def test_reserving_and_unreserving_keep_quantities(resources: Resources, role: str) -> None:
    # No agent has a port or an item both reserved and not.
    resources = resources.select(lambda kind: kind.is_scalar or not kind.is_reserved)
    plain = resources.unreserved()
    assume(plain)
    made = plain.push_reservation(dynamic(role, "p"))
    after = convert.apply(resources, reserve(*made))
    assert after.quantities() == resources.quantities()
    assert after == resources.reserved() + made
    assert convert.apply(after, unreserve(*made)) == resources


@given(many(divisible=True), st.integers(1, 4000))
def test_creating_and_destroying_keep_quantities(resources: Resources, size: int) -> None:
    resources += Resources([space(5)])
    whole = volume(size / 1000, "new")
    after = convert.apply(resources, create(whole))
    assert after.quantities() == resources.quantities()
    assert after.contains(Resources([whole]))
    assert convert.apply(after, destroy(whole)) == resources


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_growing_and_shrinking_keep_quantities(size: int, more: int) -> None:
    resources = Resources([volume(size / 1000, "v"), space(4)])
    grown = convert.apply(resources, grow(volume(size / 1000, "v"), space(more / 1000)))
    assert grown.quantities() == resources.quantities()
    assert grown.persistent_volumes().amount("disk") == size + more
    back = convert.apply(grown, shrink(volume((size + more) / 1000, "v"), more / 1000))
    assert back == resources


def test_a_reservation_within_a_reservation_is_made_and_undone() -> None:
    resources = Resources([reserved(scalar("cpus", 4), static("r"))])
    refined = reserved(scalar("cpus", 1), static("r"), dynamic("r/s"))
    after = convert.apply(resources, reserve(refined))
    assert str(after) == (
        "cpus(reservations: [(STATIC,r)]):3; cpus(reservations: [(STATIC,r), (DYNAMIC,r/s)]):1"
    )
    assert convert.apply(after, unreserve(refined)) == resources


def test_a_reservation_with_a_source_replaces_it() -> None:
    resources = Resources([reserved(scalar("cpus", 4), dynamic("r"))])
    source = Resources([reserved(scalar("cpus", 1), dynamic("r"))])
    made = reserved(scalar("cpus", 1), dynamic("q"))
    after = convert.apply(resources, reserve(made, source=source))
    assert after.reserved("q").amount("cpus") == 1000
    assert after.reserved("r").amount("cpus") == 3000


def test_what_is_not_there_cannot_be_converted() -> None:
    resources = Resources.parse("cpus:1")
    with pytest.raises(ResourceError, match=r"^cpus:1 does not contain cpus:2$"):
        convert.apply(resources, reserve(reserved(scalar("cpus", 2), dynamic("r"))))
    with pytest.raises(ResourceError, match=r"^{} does not contain disk"):
        convert.apply(Resources(), destroy(volume(1, "v")))


def test_a_volume_on_a_disk_with_a_source_gives_that_disk_back() -> None:
    disk = reserved(disk_of(8, Source.MOUNT, "/mnt"), dynamic("r"))
    whole = mesos_pb2.Resource()
    whole.CopyFrom(disk)
    whole.disk.persistence.id = "v"
    whole.disk.volume.container_path = "data"
    before = Resources([disk])
    after = convert.apply(before, create(whole))
    assert after == Resources([whole])
    assert after != before
    assert convert.apply(after, destroy(whole)) == before
    assert convert.apply(after, destroy(whole)).messages() == [disk]


def test_a_shared_volume_is_destroyed_only_when_nobody_uses_it() -> None:
    shared = volume(4, "v", shared=True)
    one = convert.apply(Resources([space(4)]), create(shared))
    assert one == Resources([shared])
    assert convert.apply(one, destroy(shared)) == Resources([space(4)])
    with pytest.raises(ResourceError) as caught:
        convert.apply(one + one, destroy(shared))
    assert str(caught.value) == (
        "Persistent volume disk(reservations: [(DYNAMIC,r)])[v:data]<SHARED>:4"
        " cannot be removed due to additional shared copies"
    )


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (Operation(type=Operation.UNKNOWN), "Unknown operation"),
        (Operation(type=Operation.LAUNCH), "Operation not supported"),
        (Operation(type=Operation.LAUNCH_GROUP), "Operation not supported"),
        (Operation(type=Operation.CREATE_DISK), "Operation not supported"),
        (Operation(type=Operation.DESTROY_DISK), "Operation not supported"),
    ],
)
def test_operations_that_convert_nothing_are_refused(operation: Operation, why: str) -> None:
    with pytest.raises(ResourceError, match=f"^{why}$"):
        convert.conversions(operation)
    with pytest.raises(ResourceError, match=f"^Cannot get conversions: {why}$"):
        convert.apply(Resources(), operation)


def test_volumes_of_a_resource_provider_cannot_be_resized() -> None:
    whole = volume(4, "v")
    whole.provider_id.value = "rp"
    for operation in (grow(whole, space(1)), shrink(whole, 1)):
        with pytest.raises(ResourceError, match=r"not supported for resource provider$"):
            convert.conversions(operation)


@pytest.mark.parametrize(
    "operation",
    [
        reserve(reserved(scalar("cpus", 2), dynamic("q")), source=Resources.parse("cpus:1")),
        grow(volume(4, "v"), scalar("mem", 1)),
        shrink(volume(4, "v"), 5),
    ],
)
def test_nothing_is_gained_and_nothing_lost(operation: Operation) -> None:
    with pytest.raises(ResourceError, match=r"^Resources cannot be converted from"):
        convert.conversions(operation)


def test_steps_are_applied_one_after_the_other() -> None:
    steps = [
        *convert.conversions(reserve(space(4))),
        *convert.conversions(create(volume(3, "v"))),
    ]
    after = convert.apply_conversions(Resources.parse("disk:10"), steps)
    assert after == Resources([scalar("disk", 6), space(1), volume(3, "v")])


def test_only_what_frameworks_and_operators_made_is_stored() -> None:
    assert convert.needs_checkpointing(space(1))
    assert convert.needs_checkpointing(volume(1, "v"))
    on_static = reserved(scalar("disk", 1), static("r"))
    assert not convert.needs_checkpointing(on_static)
    on_static.disk.persistence.id = "v"
    assert convert.needs_checkpointing(on_static)
    assert not convert.needs_checkpointing(scalar("disk", 1))
    of_provider = volume(1, "v")
    of_provider.provider_id.value = "rp"
    assert not convert.needs_checkpointing(of_provider)


def test_an_agent_gets_back_what_it_had_stored() -> None:
    flags = Resources.parse("cpus:4;mem(r):64;disk:10")
    refined = reserved(scalar("mem", 8), static("r"), dynamic("r/s"))
    shared = volume(2, "w", shared=True)
    stored = Resources([reserved(scalar("cpus", 1), dynamic("q")), refined, volume(3, "v"), shared])
    total = convert.apply_checkpointed(flags, stored)
    assert total.quantities() == flags.quantities()
    assert total.contains(stored)
    assert total - stored == Resources.parse("cpus:3;mem(r):56;disk:5")


def test_an_agent_whose_flags_have_shrunk_is_told_so() -> None:
    with pytest.raises(ResourceError) as caught:
        convert.apply_checkpointed(
            Resources.parse("cpus:1"), Resources([reserved(scalar("cpus", 2), dynamic("r"))])
        )
    assert str(caught.value) == "Incompatible agent resources: cpus:1 does not contain cpus:2"
    with pytest.raises(ResourceError, match=r"^Unexpected checkpointed resources ports:"):
        convert.apply_checkpointed(Resources(), Resources([ranges("ports", (1, 2))]))
