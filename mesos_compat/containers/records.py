"""What is written down of a container, so that an agent that comes later knows it.

``<runtime_dir>/containers/<id>[/containers/<nested id>...]`` is a container's runtime
directory, as in Mesos. Beside what its supervisor writes there (see
:mod:`~mesos_compat.containers.launch`) it holds ``config``, written before that starts: the
specification, which boot of the host this is, and whether it has cgroups of its own.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesos_compat.containers.launch import write_atomically
from mesos_compat.containers.process import ProcessRef
from mesos_compat.containers.spec import ContainerId, ContainerKind, ContainerSpec
from mesos_compat.containers.users import Identity
from mesos_compat.errors import FlagError
from mesos_compat.wire.v1 import mesos_pb2

_NESTED = "containers"


@dataclass(frozen=True, slots=True)
class Record:
    """The file ``config`` of one container."""

    spec: ContainerSpec
    boot_id: str
    # Whether its resources are bounded apart from its parent's.
    bounded: bool
    # Whom its command runs as; None is the agent's user.
    identity: Identity | None
    # The environment of its command, complete.
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Remains:
    """What the supervisor has written."""

    supervisor: ProcessRef | None
    child: int | None
    command: int | None
    # The raw wait status.
    status: int | None


def runtime_path(runtime_dir: str, container_id: ContainerId) -> Path:
    """The runtime directory of a container."""
    path = Path(runtime_dir)
    for value in container_id:
        path = path / _NESTED / value
    return path


def _pack(message: mesos_pb2.Resource | mesos_pb2.CommandInfo | mesos_pb2.ContainerInfo) -> str:
    return base64.b64encode(message.SerializeToString()).decode()


def encode_record(record: Record) -> bytes:
    """The bytes of ``config``."""
    spec = record.spec
    value = {
        "container_id": spec.container_id,
        "command": _pack(spec.command),
        "sandbox": spec.sandbox,
        "environment": record.environment,
        "container": None if spec.container is None else _pack(spec.container),
        "resources": [_pack(resource) for resource in spec.resources],
        "limits": dict(spec.limits),
        "user": spec.user,
        "checkpoint": spec.checkpoint,
        "kind": spec.kind.value,
        "boot_id": record.boot_id,
        "bounded": record.bounded,
        "identity": record.identity,
    }
    return json.dumps(value).encode()


def decode_record(content: bytes) -> Record:
    """What :func:`encode_record` has made. Raises ValueError for anything else."""
    try:
        return _decoded(json.loads(content))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the record of a container: {error}") from error


def _decoded(value: dict[str, Any]) -> Record:
    container = None
    if value["container"] is not None:
        container = mesos_pb2.ContainerInfo.FromString(base64.b64decode(value["container"]))
    spec = ContainerSpec(
        container_id=tuple(value["container_id"]),
        command=mesos_pb2.CommandInfo.FromString(base64.b64decode(value["command"])),
        sandbox=value["sandbox"],
        environment=value["environment"],
        container=container,
        resources=tuple(
            mesos_pb2.Resource.FromString(base64.b64decode(one)) for one in value["resources"]
        ),
        limits=value["limits"],
        user=value["user"],
        checkpoint=value["checkpoint"],
        kind=ContainerKind(value["kind"]),
    )
    identity = None
    if value["identity"] is not None:
        name, uid, gid, groups = value["identity"]
        identity = Identity(name, uid, gid, tuple(groups))
    return Record(
        spec=spec,
        boot_id=value["boot_id"],
        bounded=value["bounded"],
        identity=identity,
        environment=value["environment"],
    )


def write_record(runtime: Path, record: Record) -> None:
    """Write ``config``. Raises OSError."""
    runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(bytes(runtime / "config"), encode_record(record))


def read_record(runtime: Path) -> Record | None:
    """The record of that directory, None when there is no whole one."""
    try:
        return decode_record((runtime / "config").read_bytes())
    except (OSError, ValueError):
        return None


def read_remains(runtime: Path) -> Remains:
    """What the supervisor has written by now."""
    supervisor = _numbers(runtime / "pid", 2)
    forked = _numbers(runtime / "forked.pid", 2)
    status = _numbers(runtime / "status", 1)
    return Remains(
        supervisor=ProcessRef(*supervisor) if supervisor else None,
        child=forked[0] if forked else None,
        command=forked[1] if forked else None,
        status=status[0] if status else None,
    )


def _numbers(path: Path, count: int) -> list[int]:
    try:
        numbers = [int(word) for word in path.read_text().split()]
    except (OSError, ValueError):
        return []
    return numbers if len(numbers) == count else []


def recorded(runtime_dir: str, parent: ContainerId = ()) -> Iterator[ContainerId]:
    """All containers that have a runtime directory, parents before children."""
    try:
        names = sorted(one.name for one in (runtime_path(runtime_dir, parent) / _NESTED).iterdir())
    except OSError:
        return
    for name in names:
        container_id = (*parent, name)
        yield container_id
        yield from recorded(runtime_dir, container_id)


def remove_runtime(runtime: Path) -> None:
    """Remove a runtime directory, with those of nested containers."""
    shutil.rmtree(runtime, ignore_errors=True)


class RuntimeLock:
    """Keeps other agents off a runtime directory: to each, the other's containers were orphans."""

    def __init__(self, runtime_dir: str) -> None:
        self._runtime_dir = runtime_dir
        # The directory, -1 while it is not locked.
        self._fd = -1

    def take(self) -> None:
        """Make the directory if need be, and lock it. Raises FlagError."""
        path = self._runtime_dir
        try:
            Path(path).mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise FlagError(f"Another agent uses the runtime directory '{path}'") from error
        except OSError as error:
            raise FlagError(f"Failed to open the runtime directory: {error}") from error

    def release(self) -> None:
        """Let others have it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
