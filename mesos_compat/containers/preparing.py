"""From a container's specification to how its supervisor enters it.

Everything that is found out here is about this one launch: whom to run as, which environment,
which namespaces; what cannot be had is a LaunchError.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mesos_compat.containers import users
from mesos_compat.containers.entering import Entry, Mount
from mesos_compat.containers.isolation import Isolation
from mesos_compat.containers.records import Record
from mesos_compat.containers.rlimits import rlimits_of
from mesos_compat.containers.spawning import Tellable
from mesos_compat.containers.spec import (
    ContainerizerSettings,
    ContainerKind,
    ContainerSpec,
    LaunchError,
)
from mesos_compat.containers.users import Identity
from mesos_compat.containers.volumes import Place
from mesos_compat.wire.v1 import mesos_pb2

# What a command finds its programs by when nobody says otherwise (os::host_default_path).
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Parent:
    """What a nested container has from the one it is nested in."""

    record: Record
    # The supervisor's child: whose namespaces they are.
    child: int
    # Whether it has namespaces apart from the agent's.
    has_mount_namespace: bool
    has_pid_namespace: bool


def with_defaults(spec: ContainerSpec, settings: ContainerizerSettings) -> ContainerSpec:
    """The specification with ``--default_container_info`` if it brings no container."""
    if spec.container is not None or len(spec.container_id) > 1:
        return spec
    return dataclasses.replace(spec, container=settings.default_container_info)


def refuse_unsupported(container: mesos_pb2.ContainerInfo | None) -> None:
    """Refuse what would otherwise silently not be there. Raises LaunchError."""
    if container is None:
        return
    if container.type != mesos_pb2.ContainerInfo.MESOS:
        raise LaunchError(
            "None of the enabled containerizers (mesos) could create a container for the "
            "provided TaskInfo/ExecutorInfo message"
        )
    if container.mesos.HasField("image"):
        raise LaunchError("Container images are not supported by this agent")
    if any(network.name for network in container.network_infos):
        raise LaunchError("Container networks are not supported by this agent")
    linux = container.linux_info
    for field in ("capability_info", "bounding_capabilities", "effective_capabilities"):
        if linux.HasField(field):
            raise LaunchError("Linux capabilities are not supported by this agent")
    if linux.HasField("seccomp") and not linux.seccomp.unconfined:
        raise LaunchError("Seccomp is not supported by this agent")


def identity_for(
    spec: ContainerSpec, parent: Parent | None, settings: ContainerizerSettings
) -> Identity | None:
    """Whom the command runs as. Raises LaunchError."""
    if spec.user is None and parent is not None:
        return parent.record.identity
    return users.identity_of(spec.user, settings.switch_user)


def environment_of(spec: ContainerSpec, parent: Parent | None) -> dict[str, str]:
    """The environment of the command; the later wins: parent (debug), agent, command."""
    found: dict[str, str] = {}
    if parent is not None and spec.kind is ContainerKind.DEBUG:
        found |= parent.record.environment
    found |= spec.environment
    for variable in spec.command.environment.variables:
        if variable.type == mesos_pb2.Environment.Variable.SECRET:
            data = variable.secret.value.data
            found[variable.name] = data.decode(errors="surrogateescape")
        else:
            found[variable.name] = variable.value
    found.setdefault("PATH", DEFAULT_PATH)
    for name, value in found.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise LaunchError(f"Invalid environment variable '{name}'")
    return found


def command_line(command: mesos_pb2.CommandInfo) -> tuple[str, list[str]]:
    """The program to execute and its argv. Raises LaunchError."""
    if command.shell:
        if not command.HasField("value"):
            raise LaunchError("Shell command is not specified")
        program, arguments = "/bin/sh", ["sh", "-c", command.value]
    else:
        if not command.value:
            raise LaunchError("Executable of launch command is not specified")
        program, arguments = command.value, list(command.arguments) or [command.value]
    if any("\0" in text for text in (program, *arguments)):
        raise LaunchError("A command contains a zero byte")
    return program, arguments


def has_own_cgroup(spec: ContainerSpec) -> bool:
    """Whether its resources are bounded apart from its parent's (LinuxInfo.share_cgroups)."""
    if len(spec.container_id) == 1:
        return True
    if spec.kind is ContainerKind.DEBUG or spec.container is None:
        return False
    return not spec.container.linux_info.share_cgroups


def place_of(
    spec: ContainerSpec,
    parent: Parent | None,
    identity: Identity | None,
    isolation: Isolation,
    settings: ContainerizerSettings,
) -> Place:
    """Where its volumes go."""
    return Place(
        sandbox=spec.sandbox,
        parent_sandbox=None if parent is None else parent.record.spec.sandbox,
        work_dir=settings.work_dir,
        owner=identity,
        can_mount=isolation.mount_namespace and spec.kind is not ContainerKind.DEBUG,
        force_creation=settings.host_path_volume_force_creation,
    )


def namespaces_of(spec: ContainerSpec, isolation: Isolation) -> tuple[bool, bool]:
    """Whether it gets a new mount and a new process id namespace."""
    if spec.kind is ContainerKind.DEBUG:
        return False, False
    shares = spec.container is not None and spec.container.linux_info.share_pid_namespace
    return isolation.mount_namespace, isolation.pid_namespace and not shares


def entry_of(
    record: Record,
    parent: Parent | None,
    isolation: Isolation,
    mounts: list[Mount],
    cgroups: list[str],
) -> Entry:
    """How the supervisor is to enter the container. Raises LaunchError."""
    spec = record.spec
    program, arguments = command_line(spec.command)
    new_mount, new_pid = namespaces_of(spec, isolation)
    directory = spec.sandbox
    if parent is not None and spec.kind is ContainerKind.DEBUG:
        directory = parent.record.spec.sandbox
    identity = record.identity
    return Entry(
        program=os.fsencode(program),
        arguments=[os.fsencode(argument) for argument in arguments],
        environment=_encoded(record.environment),
        directory=os.fsencode(directory),
        stdout=os.fsencode(str(Path(spec.sandbox, "stdout"))),
        stderr=os.fsencode(str(Path(spec.sandbox, "stderr"))),
        uid=-1 if identity is None else identity.uid,
        gid=-1 if identity is None else identity.gid,
        groups=[] if identity is None else [*identity.groups],
        cgroups=[os.fsencode(path) for path in cgroups],
        enter_mount_of=parent.child if parent and parent.has_mount_namespace else 0,
        # One that gets a new namespace gets it beside its parent's, not within: the kernel
        # makes none within one that was only just entered.
        enter_pid_of=parent.child if parent and parent.has_pid_namespace and not new_pid else 0,
        new_mount=new_mount,
        new_pid=new_pid,
        mounts=mounts,
        rlimits=rlimits_of(spec.container),
    )


def _encoded(environment: Mapping[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}


def needs_switchboard(spec: ContainerSpec) -> bool:
    """Whether one may attach to it: to a debug container and to one with a terminal."""
    has_terminal = spec.container is not None and spec.container.HasField("tty_info")
    return has_terminal or spec.kind is ContainerKind.DEBUG


def switchboard_of(spec: ContainerSpec) -> dict[str, Tellable] | None:
    """The options of its switchboard; None when it has none."""
    if not needs_switchboard(spec):
        return None
    window: tuple[int, int] | None = None
    terminal = spec.container is not None and spec.container.HasField("tty_info")
    if spec.container is not None and spec.container.tty_info.HasField("window_size"):
        size = spec.container.tty_info.window_size
        window = (min(size.rows, 0xFFFF), min(size.columns, 0xFFFF))
    return {
        "terminal": terminal,
        "waits": spec.kind is ContainerKind.DEBUG,
        "window": window,
    }


def told_of(runtime: Path, entry: Entry, options: dict[str, Tellable] | None) -> Tellable:
    """What is told to the supervisor."""
    told: dict[str, Tellable] = dict(entry._asdict())
    told["mounts"] = [tuple(mount) for mount in entry.mounts]
    told["rlimits"] = [tuple(limit) for limit in entry.rlimits]
    told["runtime"] = os.fsencode(str(runtime))
    told["switchboard"] = options
    return told
