"""Operations on persistent volumes, and on disks of storage plug-ins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesos_compat.master.validation import operation as operations
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.master.validation.launching import ALL_CAPABILITIES
from tests.mesos_compat.master.validation.operating import (
    Operation,
    Source,
    context,
    cpus,
    create,
    destroy,
    disk_space,
    framework,
    grow,
    mounted,
    of_provider,
    plugin_disk,
    reserve,
    shared,
    shrink,
    volume,
    with_volume,
)

Capability = mesos_pb2.AgentInfo.Capability


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (lambda _disk: None, None),
        (
            lambda disk: disk.ClearField("disk"),
            "Not a persistent volume: Resource disk(allocated: r)(reservations: [(DYNAMIC,r,p1)]):8"
            " does not have DiskInfo",
        ),
        (
            lambda disk: setattr(disk.disk.volume, "mode", mesos_pb2.Volume.RO),
            "Not a persistent volume: Read-only persistent volume not supported",
        ),
        (
            lambda disk: setattr(disk.disk.persistence, "id", "a/b"),
            "Invalid resources: Invalid DiskInfo: Invalid persistence ID for persistent volume:"
            " 'a/b' contains invalid characters",
        ),
        (
            lambda disk: disk.shared.SetInParent(),
            "Create volume operation for"
            " 'disk(allocated: r)(reservations: [(DYNAMIC,r,p1)])[v:c]<SHARED>:8' has been"
            " attempted by framework 'F' with no SHARED_RESOURCES capability",
        ),
        (
            lambda disk: disk.disk.persistence.ClearField("principal"),
            "Create volume operation attempted by principal 'p1', but there is a volume in the"
            " operation with no principal set in 'disk.persistence'",
        ),
        (
            lambda disk: setattr(disk.disk.persistence, "principal", "p2"),
            "Create volume operation attempted by authenticated principal 'p1', which does not"
            " match a volume in the operation with principal 'p2' set in 'disk.persistence'",
        ),
    ],
)
def test_volumes_to_create(
    prepare: Callable[[mesos_pb2.Resource], object], fault: str | None
) -> None:
    disk = volume("v", allocated="r")
    prepare(disk)
    assert operations.validate(create(disk), context(framework("r"))) == fault


def test_an_id_is_one_volumes_within_its_role() -> None:
    there = Resources([volume("v")])
    given = context(framework("r", "s"), checkpointed=there)
    assert operations.validate(create(volume("v", allocated="r")), given) == (
        "Persistence ID 'v' is not unique"
    )
    other_role = volume("v", role="s", allocated="s")
    assert operations.validate(create(other_role), given) is None
    twice = create(volume("w", 4, allocated="r"), volume("w", 5, allocated="r"))
    assert operations.validate(twice, given) == "Persistence ID 'w' is not unique"


def test_volumes_are_there_and_unused_when_they_are_destroyed() -> None:
    operation = destroy(volume("v", allocated="r"))
    there = Resources([volume("v")])
    assert operations.validate(operation, context()) == "Persistent volumes not found"
    assert operations.validate(operation, context(checkpointed=there)) is None
    used = (Resources([cpus(1, allocated="r")]), Resources([volume("v", allocated="r")]))
    assert operations.validate(operation, context(checkpointed=there, used=used)) == (
        "Persistent volumes in use"
    )


def test_volumes_grow_by_their_own_kind() -> None:
    assert operations.validate(grow(volume("v"), disk_space(1)), context()) is None
    assert operations.validate(grow(volume("v"), disk_space(1, "s")), context()) == (
        "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields"
    )
    assert operations.validate(grow(volume("v"), disk_space(0)), context()) == (
        "The size of 'GrowVolume.addition' field must be greater than zero"
    )
    assert operations.validate(grow(disk_space(8), disk_space(1)), context()) == (
        "Invalid persistent volume in the 'GrowVolume.volume' field: Resource"
        " disk(reservations: [(DYNAMIC,r,p1)]):8 does not have DiskInfo"
    )
    assert operations.validate(grow(volume("v"), disk_space(-1)), context()) == (
        "Invalid resource in the 'GrowVolume.addition' field: Resource"
        " 'disk(reservations: [(DYNAMIC,r,p1)]):-1' is invalid:"
        " Invalid scalar resource: value <= 0"
    )


@pytest.mark.parametrize(
    ("subtract", "fault"),
    [
        (7.999, None),
        (0, "Value of 'ShrinkVolume.subtract' must be greater than zero"),
        (0.0004, "Value of 'ShrinkVolume.subtract' must be greater than zero"),
        (
            8,
            "Value of 'ShrinkVolume.subtract' must be smaller than the size of"
            " 'ShrinkVolume.volume'",
        ),
    ],
)
def test_something_is_left_of_a_volume_that_shrinks(subtract: float, fault: str | None) -> None:
    assert operations.validate(shrink(volume("v", 8), subtract), context()) == fault


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        (
            grow(of_provider(volume("v")), disk_space(1)),
            "Growing a volume from a resource provider is not supported",
        ),
        (
            shrink(of_provider(volume("v")), 1),
            "Shrinking a volume from a resource provider is not supported",
        ),
        (
            grow(shared(volume("v")), disk_space(1)),
            "Growing a shared persistent volume is not supported",
        ),
        (
            shrink(shared(volume("v")), 1),
            "Shrinking a shared persistent volume is not supported",
        ),
        (
            shrink(mounted(volume("v")), 1),
            "Shrinking a volume on a MOUNT disk is not supported",
        ),
    ],
)
def test_volumes_that_keep_their_size(operation: mesos_pb2.Offer.Operation, fault: str) -> None:
    assert operations.validate(operation, context()) == fault


def test_agents_resize_volumes_or_do_not() -> None:
    rest = tuple(one for one in ALL_CAPABILITIES if one != Capability.RESIZE_VOLUME)
    shown = "Volume disk(reservations: [(DYNAMIC,r,p1)])[v:c]:8 cannot be"
    for operation, verb in (
        (grow(volume("v"), disk_space(1)), "grown"),
        (shrink(volume("v"), 1), "shrunk"),
    ):
        assert operations.validate(operation, context(capabilities=rest)) == (
            f"{shown} {verb} on an agent without RESIZE_VOLUME capability"
        )


@pytest.mark.parametrize(
    ("source", "target", "profile", "fault"),
    [
        (plugin_disk(Source.RAW, profile="p"), Source.MOUNT, None, None),
        (plugin_disk(Source.RAW), Source.BLOCK, "p", None),
        (disk_space(8), Source.MOUNT, None, "'source' is not managed by a resource provider"),
        (plugin_disk(Source.MOUNT), Source.MOUNT, None, "'source' is not a RAW disk resource"),
        (
            plugin_disk(Source.RAW, profile="p"),
            Source.RAW,
            None,
            "'target_type' is neither MOUNT or BLOCK",
        ),
        (
            plugin_disk(Source.RAW, profile="p"),
            Source.MOUNT,
            "q",
            "'target_profile' must not be set when 'source' has a profile",
        ),
        (
            plugin_disk(Source.RAW),
            Source.MOUNT,
            None,
            "'target_profile' must be set when 'source' has no profile",
        ),
    ],
)
def test_disks_of_plug_ins_to_create(
    source: mesos_pb2.Resource,
    target: mesos_pb2.Resource.DiskInfo.Source.Type,
    profile: str | None,
    fault: str | None,
) -> None:
    operation = Operation(type=Operation.CREATE_DISK)
    operation.create_disk.source.CopyFrom(source)
    operation.create_disk.target_type = target
    if profile is not None:
        operation.create_disk.target_profile = profile
    assert operations.validate(operation, context()) == fault


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (plugin_disk(Source.MOUNT, id="i"), None),
        (disk_space(8), "'source' is not managed by a resource provider"),
        (
            plugin_disk(Source.PATH, id="i"),
            "'source' is neither a MOUNT, BLOCK or RAW disk resource",
        ),
        (plugin_disk(Source.MOUNT), "'source' is not backed by a CSI volume"),
        (
            with_volume(plugin_disk(Source.MOUNT, id="i")),
            "A disk resource containing a persistent volume"
            " disk(reservations: [(DYNAMIC,r)])[MOUNT(,i,),v:c]:8 cannot be destroyed directly."
            " Please destroy the persistent volume first then destroy the disk resource",
        ),
    ],
)
def test_disks_of_plug_ins_to_destroy(source: mesos_pb2.Resource, fault: str | None) -> None:
    operation = Operation(type=Operation.DESTROY_DISK)
    operation.destroy_disk.source.CopyFrom(source)
    assert operations.validate(operation, context()) == fault


def test_what_is_no_resource_is_not_operated_on() -> None:
    half = cpus(0.5, "r", allocated="r")
    half.name = "gpus"
    fault = "Invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an unsigned"
    assert str(operations.validate(reserve(half), context())).startswith(fault)
    unreserve = Operation(type=Operation.UNRESERVE)
    unreserve.unreserve.resources.append(half)
    assert str(operations.validate(unreserve, context())).startswith(fault)
    disk = plugin_disk(Source.RAW, id="i")
    disk.disk.ClearField("source")
    destroy_disk = Operation(type=Operation.DESTROY_DISK)
    destroy_disk.destroy_disk.source.CopyFrom(disk)
    assert operations.validate(destroy_disk, context()) == (
        "Invalid resource: Invalid DiskInfo: DiskInfo is set but empty"
    )
    assert operations.validate(destroy(cpus(1)), context()) == (
        "Not a persistent volume: Resource cpus:1 does not have DiskInfo"
    )
    assert str(operations.validate(shrink(volume("v", -1), 1), context())).startswith(
        "Invalid resource in the 'ShrinkVolume.volume' field: Resource 'disk("
    )
    assert operations.validate(shrink(disk_space(8), 1), context()) == (
        "Invalid persistent volume in the 'ShrinkVolume.volume' field: Resource"
        " disk(reservations: [(DYNAMIC,r,p1)]):8 does not have DiskInfo"
    )


def test_frameworks_share_volumes_that_know_of_it() -> None:
    asks = framework("r")
    asks.capabilities.add(type=mesos_pb2.FrameworkInfo.Capability.SHARED_RESOURCES)
    assert operations.validate(create(shared(volume("v", allocated="r"))), context(asks)) is None
