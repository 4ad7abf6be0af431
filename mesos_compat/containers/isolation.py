"""``--isolation`` and ``--launcher``: which confinement was asked for and which there is.

Known names: ``posix/cpu``, ``posix/mem``, ``posix/disk`` and ``disk/du`` (usage of the disk),
``cgroups/cpu``, ``cgroups/mem``, ``cgroups/pids``, ``cgroups/all``, ``filesystem/posix``,
``filesystem/linux`` (mount namespaces), ``namespaces/pid``, and those for features that are
always there: ``posix/rlimits``, ``volume/host_path``, ``volume/sandbox_path``. ``auto`` stands
for all that this host permits. What is asked for by name and cannot be had is an error, as in
Mesos; what ``auto`` has to do without is said once, as a notice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from mesos_compat.containers import cgroups
from mesos_compat.containers.cgroup_v1 import CgroupsV1
from mesos_compat.containers.cgroup_v2 import CgroupsV2
from mesos_compat.containers.namespaces import Permitted, find_permitted
from mesos_compat.containers.spec import ContainerizerSettings
from mesos_compat.errors import FlagError

_CONTROLLERS = {"cgroups/cpu": "cpu", "cgroups/mem": "memory", "cgroups/pids": "pids"}
_ALL_CONTROLLERS = ("cpu", "memory", "pids")
_ALWAYS = ("posix/rlimits", "volume/host_path", "volume/sandbox_path", "filesystem/posix")
_POSIX = ("posix/cpu", "posix/mem")
_DISK = ("posix/disk", "disk/du")
_NAMESPACES = ("filesystem/linux", "namespaces/pid")
_KNOWN = (*_CONTROLLERS, "cgroups/all", *_ALWAYS, *_POSIX, *_DISK, *_NAMESPACES, "auto")


@dataclass(frozen=True, slots=True)
class Isolation:
    """How the containers of one agent are confined."""

    # None: processes are tracked by their parents, and nothing is bounded.
    cgroups: cgroups.Cgroups | None
    # Of "cpu", "memory", "pids": what cgroups bound.
    controllers: tuple[str, ...]
    mount_namespace: bool
    pid_namespace: bool
    # Whether the use of the disk is measured.
    disk: bool
    # What there is instead of what could be, one sentence each.
    notices: tuple[str, ...]


def find_isolation(settings: ContainerizerSettings) -> Isolation:
    """The isolation of this host by these flags. Raises FlagError."""
    asked = tuple(name for name in settings.isolation if name)
    for name in asked:
        if name not in _KNOWN:
            raise FlagError(f"Unknown or unsupported isolator '{name}'")
    auto = "auto" in asked
    wanted = [_CONTROLLERS[name] for name in asked if name in _CONTROLLERS]
    if "cgroups/all" in asked or auto:
        wanted = list(_ALL_CONTROLLERS)
    notices: list[str] = []
    found = _find_cgroups(settings, tuple(dict.fromkeys(wanted)), auto, notices)
    mount, pid = _find_namespaces(asked, auto, notices)
    return Isolation(
        cgroups=found,
        controllers=found.controllers if found is not None else (),
        mount_namespace=mount,
        pid_namespace=pid,
        disk=auto or any(name in asked for name in _DISK),
        notices=tuple(notices),
    )


def _find_cgroups(
    settings: ContainerizerSettings, wanted: tuple[str, ...], auto: bool, notices: list[str]
) -> cgroups.Cgroups | None:
    explicit = settings.launcher == "linux" or (bool(wanted) and not auto)
    if settings.launcher == "posix" and not wanted:
        return None
    try:
        found = _open_cgroups(settings, wanted)
    except OSError as error:
        found, why = None, str(error)
    else:
        why = "no cgroup hierarchy is mounted" if found is None else ""
    missing = [name for name in wanted if found is None or name not in found.controllers]
    if missing and found is not None:
        why = f"this host has no controller {' and '.join(missing)} for it"
    if explicit and (found is None or missing):
        what = ", ".join(missing) or "the linux launcher"
        raise FlagError(f"Failed to create the isolation by cgroups ({what}): {why}")
    if missing:
        notices.append(f"Containers are not bounded by cgroups in {', '.join(missing)}: {why}")
    return found


def _open_cgroups(
    settings: ContainerizerSettings, wanted: tuple[str, ...]
) -> cgroups.Cgroups | None:
    mounted = cgroups.find_mounted(settings.cgroups_hierarchy)
    if mounted.version == 2 and mounted.v2 is not None:
        return CgroupsV2(
            mounted.v2,
            settings.cgroups_root,
            tuple(name for name in wanted if name in mounted.v2_controllers),
            enable_cfs=settings.cgroups_enable_cfs,
            limit_swap=settings.cgroups_limit_swap,
            pids_max=settings.cgroups_pids_max,
        )
    if mounted.version == 1:
        return CgroupsV1(
            mounted.v1,
            settings.cgroups_root,
            wanted,
            enable_cfs=settings.cgroups_enable_cfs,
            limit_swap=settings.cgroups_limit_swap,
            pids_max=settings.cgroups_pids_max,
        )
    return None


def _find_namespaces(asked: tuple[str, ...], auto: bool, notices: list[str]) -> tuple[bool, bool]:
    if not auto and not any(name in asked for name in _NAMESPACES):
        return False, False
    if os.geteuid() == 0:
        permitted = find_permitted()
    else:
        permitted = Permitted("the agent is not root", "the agent is not root")
    # Processes in a namespace need a /proc of theirs, so a mount namespace, too.
    pid_why = permitted.pid or permitted.mount
    has = {"filesystem/linux": not permitted.mount, "namespaces/pid": not pid_why}
    for name, why in (("filesystem/linux", permitted.mount), ("namespaces/pid", pid_why)):
        if name in asked and why:
            raise FlagError(f"Failed to create isolator '{name}': {why}")
        if auto and why:
            notices.append(f"Containers have no {name}: {why}")
    pid = has["namespaces/pid"] and (auto or "namespaces/pid" in asked)
    return has["filesystem/linux"] and (auto or pid or "filesystem/linux" in asked), pid
