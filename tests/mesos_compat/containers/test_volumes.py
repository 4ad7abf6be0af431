"""Volumes without a mount namespace: links, and refusals of what links cannot be."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mesos_compat.containers.spec import LaunchError
from mesos_compat.containers.volumes import (
    Place,
    create_persistent_volume,
    persistent_volume_path,
    prepare_volumes,
)
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import Bench, Start

Source = mesos_pb2.Volume.Source


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "parent" / "containers" / "c").mkdir(parents=True)
    return Place(
        sandbox=str(tmp_path / "parent" / "containers" / "c"),
        parent_sandbox=str(tmp_path / "parent"),
        work_dir=str(tmp_path / "work"),
        owner=None,
        can_mount=False,
    )


def with_volume(path: str, **fields: object) -> mesos_pb2.ContainerInfo:
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    values = {"mode": mesos_pb2.Volume.RW, "container_path": path} | fields
    container.volumes.add(**values)
    return container


def persistent(role: str, persistence_id: str, path: str = "data") -> mesos_pb2.Resource:
    resource = mesos_pb2.Resource(name="disk", type=mesos_pb2.Value.SCALAR)
    resource.scalar.value = 10
    resource.reservations.add(type=mesos_pb2.Resource.ReservationInfo.DYNAMIC, role=role)
    resource.disk.persistence.id = persistence_id
    resource.disk.volume.container_path = path
    resource.disk.volume.mode = mesos_pb2.Volume.RW
    return resource


def test_a_persistent_volume_lives_below_its_role(place: Place) -> None:
    assert prepare_volumes(place, None, [persistent("web/api", "id1", "a/data")]) == []
    path = Path(place.work_dir, "volumes", "roles", "web api", "id1")
    assert path.is_dir()
    assert Path(place.sandbox, "a", "data").readlink() == path


def test_the_place_of_a_volume_follows_its_disk() -> None:
    volume = persistent("r", "id1")
    volume.disk.source.type = mesos_pb2.Resource.DiskInfo.Source.PATH
    volume.disk.source.path.root = "/disk"
    assert persistent_volume_path("/work", volume) == "/disk/volumes/roles/r/id1"
    volume.disk.source.type = mesos_pb2.Resource.DiskInfo.Source.MOUNT
    volume.disk.source.mount.root = "/disk2"
    assert persistent_volume_path("/work", volume) == "/disk2"


def test_a_persistent_volume_in_the_old_format_has_its_role_too(tmp_path: Path) -> None:
    volume = persistent("x", "id1")
    del volume.reservations[:]
    volume.role = "old"
    assert create_persistent_volume(str(tmp_path), volume).endswith("/roles/old/id1")


def test_preparing_twice_changes_nothing(place: Place) -> None:
    for _ in range(2):
        prepare_volumes(place, None, [persistent("r", "id1")])
    assert Path(place.sandbox, "data").is_symlink()


def test_a_directory_of_the_host_is_linked(place: Place, tmp_path: Path) -> None:
    source = Source(type=Source.HOST_PATH, host_path=Source.HostPath(path=str(tmp_path)))
    for name, fields in (("new", {"source": source}), ("old", {"host_path": str(tmp_path)})):
        prepare_volumes(place, with_volume(name, **fields), [])
        assert Path(place.sandbox, name).readlink() == tmp_path


def sandbox_path(kind: Source.SandboxPath.Type, path: str) -> Source:
    return Source(type=Source.SANDBOX_PATH, sandbox_path=Source.SandboxPath(type=kind, path=path))


def test_paths_of_the_parents_and_of_the_own_sandbox_are_linked(place: Place) -> None:
    parent = with_volume("p", source=sandbox_path(Source.SandboxPath.PARENT, "shared/data"))
    own = with_volume("o", source=sandbox_path(Source.SandboxPath.SELF, "mine"))
    prepare_volumes(place, parent, [])
    prepare_volumes(place, own, [])
    assert place.parent_sandbox is not None
    assert Path(place.sandbox, "p").resolve() == Path(place.parent_sandbox, "shared/data")
    assert Path(place.sandbox, "o").resolve() == Path(place.sandbox, "mine")
    assert Path(place.sandbox, "o").is_dir()


def test_a_directory_of_the_host_may_be_made_where_the_agent_allows_it(
    place: Place, tmp_path: Path
) -> None:
    wanted = tmp_path / "allowed" / "a" / "b"
    container = with_volume("v", host_path=str(wanted))
    with pytest.raises(LaunchError, match="in HOST_PATH volume does not exist"):
        prepare_volumes(place, container, [])
    allowing = dataclasses.replace(place, force_creation=(str(tmp_path / "allowed"),))
    prepare_volumes(allowing, container, [])
    assert wanted.is_dir()
    beside = with_volume("w", host_path=str(tmp_path / "allowed" / ".." / "not"))
    with pytest.raises(LaunchError, match="does not exist"):
        prepare_volumes(allowing, beside, [])


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (with_volume("/abs", host_path="/tmp"), "only possible with filesystem/linux"),
        (
            with_volume("v", host_path="/tmp", mode=mesos_pb2.Volume.RO),
            "only possible with filesystem/linux",
        ),
        (with_volume("../v", host_path="/tmp"), "contains '..'"),
        (with_volume("a/../../v", host_path="/tmp"), "contains '..'"),
        (with_volume("v", host_path="../../etc"), "contains '..'"),
        (
            with_volume("v", source=sandbox_path(Source.SandboxPath.PARENT, "../x")),
            "contains '..'",
        ),
        (
            with_volume("v", source=sandbox_path(Source.SandboxPath.SELF, "/etc")),
            "is not relative",
        ),
        (
            with_volume("v", source=Source(type=Source.SECRET)),
            "Volume source SECRET is not supported",
        ),
        (
            with_volume("v", image=mesos_pb2.Image(type=mesos_pb2.Image.DOCKER)),
            "images are not supported",
        ),
        (
            with_volume(
                "v",
                source=Source(type=Source.HOST_PATH, host_path=Source.HostPath(path="rel")),
            ),
            "is not absolute",
        ),
    ],
)
def test_what_cannot_be_given_is_refused(
    place: Place, container: mesos_pb2.ContainerInfo, why: str
) -> None:
    with pytest.raises(LaunchError, match=why):
        prepare_volumes(place, container, [])


def test_only_a_nested_container_has_a_parents_sandbox(place: Place) -> None:
    root = dataclasses.replace(place, parent_sandbox=None)
    container = with_volume("v", source=sandbox_path(Source.SandboxPath.PARENT, "x"))
    with pytest.raises(LaunchError, match="only works for nested container"):
        prepare_volumes(root, container, [])


def test_no_link_of_the_sandbox_is_followed_on_the_way(place: Place, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    Path(place.sandbox, "a").symlink_to(outside)
    with pytest.raises(LaunchError):
        prepare_volumes(place, with_volume("a/v", host_path="/tmp"), [])
    assert list(outside.iterdir()) == []


@pytest.mark.asyncio
async def test_what_is_written_to_a_persistent_volume_outlives_its_container(
    bench: Bench, start: Start
) -> None:
    containerizer = await start()
    volume = persistent("r", "kept")
    for command in ("echo kept > data/file", "cat data/file"):
        spec = bench.spec(command, resources=(volume,))
        await containerizer.launch(spec)
        assert (await containerizer.wait(spec.container_id)).status == 0
    assert Path(spec.sandbox, "stdout").read_text() == "kept\n"
