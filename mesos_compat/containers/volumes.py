"""Volumes: directories of the host, of sandboxes and persistent ones, where a container sees them.

With a mount namespace (filesystem/linux) a volume is a bind mount that only the container
sees. Without (filesystem/posix) one with a relative container path is a link in the sandbox,
and what a link cannot be (read-only, at an absolute path) is refused. Everything that is made
on the way inside of sandboxes is made without following links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mesos_compat.containers.entering import Mount
from mesos_compat.containers.gc import delete_tree
from mesos_compat.containers.sandbox import OutsideError, open_directory_below
from mesos_compat.containers.spec import LaunchError
from mesos_compat.containers.users import Identity
from mesos_compat.wire.v1 import mesos_pb2

_Source = mesos_pb2.Volume.Source
_DiskSource = mesos_pb2.Resource.DiskInfo.Source


@dataclass(frozen=True, slots=True)
class Place:
    """Where the volumes of one container go."""

    sandbox: str
    # The parent's sandbox, for a nested container.
    parent_sandbox: str | None
    work_dir: str
    owner: Identity | None
    # Whether the container has a mount namespace.
    can_mount: bool
    # --host_path_volume_force_creation
    force_creation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One volume, made out: what is to be seen where."""

    # Absolute; or below `source_base`.
    source: str
    source_base: str | None
    container_path: str
    read_only: bool


def role_of(resource: mesos_pb2.Resource) -> str:
    """The role a resource is reserved to, in whichever of the formats; ``*`` is none."""
    if resource.reservations:
        return resource.reservations[-1].role
    return resource.role


def persistent_volume_path(work_dir: str, volume: mesos_pb2.Resource) -> str:
    """Where a persistent volume lives on this host (paths::getPersistentVolumePath)."""
    source = volume.disk.source
    root = work_dir
    if source.type == _DiskSource.MOUNT:
        # A volume on a disk of its own is that disk.
        return source.mount.root
    if source.type == _DiskSource.PATH:
        root = source.path.root if source.path.root.startswith("/") else work_dir
    # Roles may be nested and directories here are not; no role contains a space.
    role = role_of(volume).replace("/", " ")
    return str(Path(root, "volumes", "roles", role, volume.disk.persistence.id))


def create_persistent_volume(work_dir: str, volume: mesos_pb2.Resource) -> str:
    """Make the directory of a persistent volume (CREATE); its path. Raises OSError."""
    path = persistent_volume_path(work_dir, volume)
    Path(path).mkdir(parents=True, exist_ok=True)
    return path


def destroy_persistent_volume(work_dir: str, volume: mesos_pb2.Resource) -> None:
    """Remove a persistent volume and all in it (DESTROY). Raises OSError.

    A volume on a disk of its own is emptied; the disk itself stays where it is mounted.
    """
    path = persistent_volume_path(work_dir, volume)
    if volume.disk.source.type != _DiskSource.MOUNT:
        delete_tree(path)
        return
    for entry in Path(path).iterdir():
        delete_tree(str(entry))


def persistent_volumes(resources: Iterable[mesos_pb2.Resource]) -> list[mesos_pb2.Resource]:
    """Those of ``resources`` that are persistent volumes to be seen by a container."""
    return [one for one in resources if one.disk.HasField("persistence")]


def prepare_volumes(
    place: Place,
    container: mesos_pb2.ContainerInfo | None,
    resources: Iterable[mesos_pb2.Resource],
) -> list[Mount]:
    """Make all that a container's volumes need; the mounts that it has to make itself.

    Raises LaunchError.
    """
    mounts = []
    for volume in persistent_volumes(resources):
        mounts += _attach(place, _persistent(place, volume))
    for wanted in container.volumes if container is not None else ():
        mounts += _attach(place, _made_out(place, wanted))
    return mounts


def _persistent(place: Place, volume: mesos_pb2.Resource) -> _Wanted:
    try:
        path = create_persistent_volume(place.work_dir, volume)
        _give(path, place.owner, volume.HasField("shared"))
    except OSError as error:
        raise LaunchError(f"Failed to prepare a persistent volume: {error}") from error
    read_only = volume.disk.volume.mode == mesos_pb2.Volume.RO
    return _Wanted(path, None, volume.disk.volume.container_path, read_only)


def _give(path: str, owner: Identity | None, shared: bool) -> None:
    """Have a volume belong to its user; a shared one stays whose it is once it is somebody's."""
    if owner is None:
        return
    found = Path(path).stat()
    if not shared or found.st_uid == 0:
        os.chown(path, owner.uid, owner.gid)


def _made_out(place: Place, volume: mesos_pb2.Volume) -> _Wanted:
    read_only = volume.mode == mesos_pb2.Volume.RO
    path = volume.container_path
    if volume.HasField("image"):
        raise LaunchError("Volumes from images are not supported")
    if not volume.HasField("source"):
        if not volume.HasField("host_path"):
            # Just a directory at this place in the sandbox.
            return _Wanted(path, place.sandbox, path, read_only)
        if volume.host_path.startswith("/"):
            return _Wanted(_host_path(place, volume.host_path), None, path, read_only)
        return _Wanted(volume.host_path, place.sandbox, path, read_only)
    source = volume.source
    if source.type == _Source.HOST_PATH:
        if not source.host_path.path.startswith("/"):
            raise LaunchError(f"Path '{source.host_path.path}' in HOST_PATH volume is not absolute")
        return _Wanted(_host_path(place, source.host_path.path), None, path, read_only)
    if source.type == _Source.SANDBOX_PATH:
        base = place.sandbox
        if source.sandbox_path.type == _Source.SandboxPath.PARENT:
            if place.parent_sandbox is None:
                raise LaunchError("PARENT type SANDBOX_PATH volume only works for nested container")
            base = place.parent_sandbox
        return _Wanted(source.sandbox_path.path, base, path, read_only)
    raise LaunchError(f"Volume source {_Source.Type.Name(source.type)} is not supported")


def _host_path(place: Place, path: str) -> str:
    if Path(path).exists():
        return path
    resolved = os.path.realpath(path)
    allowed = [os.path.realpath(one).rstrip("/") + "/" for one in place.force_creation]
    if not any(resolved.startswith(one) for one in allowed):
        raise LaunchError(f"Path '{path}' in HOST_PATH volume does not exist")
    try:
        Path(resolved).mkdir(parents=True, exist_ok=True)
        if place.owner is not None:
            os.chown(resolved, place.owner.uid, place.owner.gid)
    except OSError as error:
        raise LaunchError(f"Failed to create the host path '{path}': {error}") from error
    return path


def _attach(place: Place, wanted: _Wanted) -> list[Mount]:
    try:
        return _attach_or_fail(place, wanted)
    except OSError as error:
        path = wanted.container_path
        raise LaunchError(f"Failed to prepare the volume at '{path}': {error}") from error


def _attach_or_fail(place: Place, wanted: _Wanted) -> list[Mount]:
    is_directory = True
    if wanted.source_base is not None:
        if wanted.source.startswith("/"):
            raise LaunchError(f"Path '{wanted.source}' in SANDBOX_PATH volume is not relative")
        if not place.can_mount and wanted.source_base == place.parent_sandbox:
            # What it names may be a link to a persistent volume; the user's rights decide.
            is_directory = True
            _make_below_unless_there(place, wanted)
        else:
            fd = open_directory_below(
                wanted.source_base, wanted.source, make=True, owner=place.owner
            )
            os.close(fd)
    else:
        is_directory = stat.S_ISDIR(Path(wanted.source).stat().st_mode)
    if place.can_mount:
        return [_mounted(place, wanted, is_directory)]
    _link(place, wanted)
    return []


def _make_below_unless_there(place: Place, wanted: _Wanted) -> None:
    base = wanted.source_base or ""
    if ".." in wanted.source.split("/"):
        raise OutsideError(f"'{wanted.source}' contains '..'")
    if not Path(base, wanted.source).exists():
        os.close(open_directory_below(base, wanted.source, make=True, owner=place.owner))


def _mounted(place: Place, wanted: _Wanted, is_directory: bool) -> Mount:
    """The mount of a volume, with its mount point made if it lies in the sandbox."""
    base = os.fsencode(wanted.source_base) if wanted.source_base is not None else None
    source = os.fsencode(wanted.source)
    target = wanted.container_path
    if not target.startswith("/"):
        _make_mount_point(place, target, is_directory)
        return Mount(
            base, source, os.fsencode(place.sandbox), os.fsencode(target), wanted.read_only
        )
    if not Path(target).exists():
        raise LaunchError(f"Absolute container path '{target}' does not exist")
    return Mount(base, source, None, os.fsencode(target), wanted.read_only)


def _make_mount_point(place: Place, relative: str, is_directory: bool) -> None:
    if is_directory:
        fd = open_directory_below(place.sandbox, relative, make=True, owner=place.owner)
        os.close(fd)
        return
    above, _, name = relative.strip("/").rpartition("/")
    directory = open_directory_below(place.sandbox, above, make=True, owner=place.owner)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, 0o644, dir_fd=directory))
    finally:
        os.close(directory)


def _link(place: Place, wanted: _Wanted) -> None:
    """Have a link in the sandbox stand for a volume."""
    path = wanted.container_path
    if path.startswith("/"):
        raise LaunchError(
            f"The absolute container path '{path}' is only possible with filesystem/linux"
        )
    if wanted.read_only:
        raise LaunchError("A read-only volume is only possible with filesystem/linux")
    source = os.path.normpath(Path(wanted.source_base or "/", wanted.source))
    if source == os.path.normpath(Path(place.sandbox, path)):
        return
    above, _, name = os.path.normpath(path).rpartition("/")
    directory = open_directory_below(place.sandbox, above, make=True, owner=place.owner)
    try:
        try:
            if os.readlink(name, dir_fd=directory) == source:
                return
        except FileNotFoundError:
            pass
        os.symlink(source, name, dir_fd=directory)
        if place.owner is not None:
            os.chown(
                name,
                place.owner.uid,
                place.owner.gid,
                dir_fd=directory,
                follow_symlinks=False,
            )
    finally:
        os.close(directory)
