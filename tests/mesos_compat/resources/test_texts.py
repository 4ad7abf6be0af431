"""Resources as clients see them in messages."""

from __future__ import annotations

import re

import pytest

from mesos_compat.resources import formats
from mesos_compat.resources.resources import Resources
from mesos_compat.resources.texts import resource_text
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.resources.messages import (
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

TOO_LARGE = re.compile(r"Total resources (.*) required by .* is more than available (.*)")


@pytest.mark.parametrize(
    "case",
    [
        "more-than-offered",
        "wrong-role",
        "unknown-resource",
        "revocable",
        "ports-not-offered",
        "scalar-as-ranges",
    ],
)
def test_requests_and_offers_are_printed_as_mesos_has_printed_them(case: str) -> None:
    (operation,) = operations("task-validation", case)
    formats.upgrade_all(operation)
    formats.inject_allocation_into(operation, "*")
    (task,) = operation.launch.task_infos
    requested = Resources(task.resources)
    available = Resources.parse("ports:[31000-32000];cpus:4;mem:4096;disk:10240").allocate("*")
    match = TOO_LARGE.fullmatch(
        event("task-validation", f"{case}.event.json").update.status.message
    )
    assert match is not None
    assert (str(requested), str(available)) == match.groups()
    assert not available.contains(requested)


def with_labels() -> mesos_pb2.Resource:
    resource = reserved(scalar("cpus", 0.5), dynamic("r", "p"))
    labels = resource.reservations[0].labels.labels
    labels.add(key="a", value="1")
    labels.add(key="b")
    return resource


def with_host_path(mode: mesos_pb2.Volume.Mode | None) -> mesos_pb2.Resource:
    resource = scalar("disk", 1)
    resource.disk.volume.container_path = "data"
    resource.disk.volume.host_path = "/host"
    if mode is not None:
        resource.disk.volume.mode = mode
    return resource


def of_profile() -> mesos_pb2.Resource:
    resource = disk_of(1, Source.RAW, id_="i")
    resource.disk.source.vendor = "v"
    resource.disk.source.profile = "f"
    return resource


def on_mount() -> mesos_pb2.Resource:
    resource = volume(1, "v")
    resource.disk.source.type = Source.MOUNT
    resource.disk.source.mount.root = "/mnt"
    return resource


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (with_labels(), "cpus(reservations: [(DYNAMIC,r,p,{a: 1, b})]):0.5"),
        (
            reserved(scalar("mem", 32), static("r"), dynamic("r/s")),
            "mem(reservations: [(STATIC,r), (DYNAMIC,r/s)]):32",
        ),
        (ranges("ports", (1, 2), (5, 5)), "ports:[1-2, 5-5]"),
        (items("z", "b", "a"), "z:{b, a}"),
        (volume(64, "v"), "disk(reservations: [(DYNAMIC,r)])[v:data]:64"),
        (volume(64, "v", shared=True), "disk(reservations: [(DYNAMIC,r)])[v:data]<SHARED>:64"),
        (on_mount(), "disk(reservations: [(DYNAMIC,r)])[MOUNT:/mnt,v:data]:1"),
        (disk_of(1, Source.MOUNT), "disk[MOUNT]:1"),
        (disk_of(1, Source.PATH, "/a"), "disk[PATH:/a]:1"),
        (disk_of(1, Source.PATH), "disk[PATH]:1"),
        (disk_of(1, Source.BLOCK, id_="i"), "disk[BLOCK(,i,)]:1"),
        (disk_of(1, Source.RAW), "disk[RAW]:1"),
        (disk_of(1, Source.UNKNOWN), "disk[UNKNOWN]:1"),
        (of_profile(), "disk[RAW(v,i,f)]:1"),
        (with_host_path(None), "disk[:/host:data]:1"),
        (with_host_path(mesos_pb2.Volume.RW), "disk[:/host:data:rw]:1"),
        (with_host_path(mesos_pb2.Volume.RO), "disk[:/host:data:ro]:1"),
    ],
)
def test_every_part_of_a_resource_has_its_text(resource: mesos_pb2.Resource, text: str) -> None:
    assert resource_text(resource) == text
