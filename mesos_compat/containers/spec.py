"""The records that pass between the agent and its containerizer. Nothing here does anything.

The agent's core, which is pure, builds :class:`ContainerSpec` and is fed :class:`Launched`,
:class:`Termination` and the text of a :class:`LaunchError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Literal, TypeAlias

from mesos_compat.wire.v1 import mesos_pb2

ContainerId: TypeAlias = tuple[str, ...]
"""The values of a ``ContainerID`` from the root container to this one; never empty."""

LimitationKind: TypeAlias = Literal["memory", "disk"]
"""Which bound a container broke: ``REASON_CONTAINER_LIMITATION_MEMORY`` or ``_DISK``."""

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})
_NO_LIMITS: Mapping[str, float] = MappingProxyType({})


def container_id_of(message: mesos_pb2.ContainerID) -> ContainerId:
    """The path from the root container to the one that ``message`` names."""
    values = [message.value]
    while message.HasField("parent"):
        message = message.parent
        values.append(message.value)
    return tuple(reversed(values))


def container_id_message(container_id: ContainerId) -> mesos_pb2.ContainerID:
    """The ``ContainerID``, parents included, of a path from the root container."""
    message = mesos_pb2.ContainerID(value=container_id[0])
    for value in container_id[1:]:
        message = mesos_pb2.ContainerID(value=value, parent=message)
    return message


def container_id_text(container_id: ContainerId) -> str:
    """How Mesos writes an id in its messages: the values from the root, joined by dots."""
    return ".".join(container_id)


class ContainerKind(Enum):
    """``ContainerClass`` of Mesos: a debug container is a guest in its parent's container."""

    DEFAULT = "default"
    # Runs in its parent's sandbox, cgroup and namespaces with its parent's environment, and
    # its output waits for somebody to attach (LAUNCH_NESTED_CONTAINER_SESSION).
    DEBUG = "debug"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """All that is needed to run one container (``ContainerConfig`` of Mesos)."""

    container_id: ContainerId
    # What to run and which URIs to fetch first. Its environment wins over `environment`.
    command: mesos_pb2.CommandInfo
    # Absolute path of the sandbox on this host. The containerizer creates it.
    sandbox: str
    # The environment, complete but for what the command itself says.
    environment: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    # Volumes, limits on processes, terminal and Linux details; of type MESOS.
    container: mesos_pb2.ContainerInfo | None = None
    # What the container may use. A nested container without any shares its parent's.
    resources: tuple[mesos_pb2.Resource, ...] = ()
    # Upper bounds by resource name ("cpus", "mem"), where they are not the requests; infinity
    # is no bound. As TaskInfo.limits.
    limits: Mapping[str, float] = field(default_factory=lambda: _NO_LIMITS)
    # Whom to run as. None is the parent's user for a nested container, else the agent's.
    user: str | None = None
    # Whether an agent that starts anew shall find it running (FrameworkInfo.checkpoint).
    checkpoint: bool = False
    kind: ContainerKind = ContainerKind.DEFAULT


@dataclass(frozen=True, slots=True)
class Launched:
    """The container's command runs."""

    container_id: ContainerId
    # The command's process id as this host sees it.
    pid: int


@dataclass(frozen=True, slots=True)
class Termination:
    """A container has ended and nothing of it runs any more (``ContainerTermination``)."""

    # As waitpid gives it: exit code * 256, or the signal's number; None when nobody saw it.
    status: int | None
    # The bound that it broke, for which it was destroyed.
    limitation: LimitationKind | None = None
    # Why, in Mesos's words; empty for a command that ended by itself.
    message: str = ""
    # What of TaskStatus.limitation: the resource whose bound was broken.
    limited: tuple[mesos_pb2.Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found of one container after the agent has started anew."""

    container_id: ContainerId
    # The command's process id; None when nothing of it was found, so that it has ended without
    # anybody seeing how.
    pid: int | None
    # Whether it still runs. `Containerizer.wait` tells either way how it ended.
    running: bool


class LaunchError(Exception):
    """A container cannot be started; the message says why, in Mesos's words where it has some.

    The agent prefixes ``Failed to launch container: `` when it tells the framework.
    """


class UpdateError(Exception):
    """The resources of a running container cannot be changed; the message says why.

    The agent then destroys it: ``REASON_CONTAINER_UPDATE_FAILED``.
    """


class UnknownContainerError(LookupError):
    """There is no such container, or it has been removed."""


@dataclass(frozen=True, slots=True)
class ContainerizerSettings:
    """The flags of the agent (reference section 9.2) that concern containers."""

    # Where sandboxes and volumes live (--work_dir).
    work_dir: str
    # Where the supervisors write their records (--runtime_dir).
    runtime_dir: str
    # --isolation, split at commas; see `isolation.py` for the names that are known.
    isolation: tuple[str, ...] = ("posix/cpu", "posix/mem")
    # --launcher: "linux" tracks processes in cgroups, "posix" by their parents; None is linux
    # where cgroups may be written.
    launcher: Literal["linux", "posix"] | None = None
    # --cgroups_hierarchy and --cgroups_root.
    cgroups_hierarchy: str = "/sys/fs/cgroup"
    cgroups_root: str = "mesos"
    # --cgroups_enable_cfs: whether a request for CPUs is an upper bound, too.
    cgroups_enable_cfs: bool = False
    # --cgroups_limit_swap: whether the bound of memory holds for memory and swap together.
    cgroups_limit_swap: bool = False
    # The most processes and threads of one container with isolation by cgroups/pids; None is
    # no bound. Mesos knows no flag for it.
    cgroups_pids_max: int | None = None
    # --cgroups_destroy_timeout: how long a killed container may take to be gone.
    cgroups_destroy_timeout_ms: int = 60_000
    # --switch_user: whether commands run as their framework's user (needs root).
    switch_user: bool = True
    # --fetcher_cache_dir, --fetcher_cache_size, --fetcher_stall_timeout.
    fetcher_cache_dir: str = "/tmp/mesos/fetch"  # noqa: S108 - Mesos's own default
    fetcher_cache_bytes_max: int = 2 << 30
    fetcher_stall_timeout_ms: int = 60_000
    # --frameworks_home: where relative URIs are looked up.
    frameworks_home: str | None = None
    # --host_path_volume_force_creation: directories of the host below which missing ones are
    # made for host path volumes.
    host_path_volume_force_creation: tuple[str, ...] = ()
    # --default_container_info, for containers that bring none.
    default_container_info: mesos_pb2.ContainerInfo | None = None
    # --enforce_container_disk_quota and --container_disk_watch_interval.
    enforce_container_disk_quota: bool = False
    container_disk_watch_interval_ms: int = 15_000
