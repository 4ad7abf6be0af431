"""What the process of a container does between its fork and the execution of its command.

Runs in the supervisor's child: it joins the cgroups, enters or makes namespaces, mounts the
volumes, sets limits, and gives up its rights, in this order. Everything in
:class:`Entry` is bytes and numbers, as it comes over a pipe from the agent.
"""

from __future__ import annotations

import os
import resource
from typing import NamedTuple

from mesos_compat.containers import syscalls

SIGKILL = 9
# What the interpreter ignores in its own process and a command expects to have its way.
_SIGPIPE = 13
_SIGXFSZ = 25
_EXIT_FAILURE = 1


class Mount(NamedTuple):
    """One bind mount. A path with a base is looked up below it without following links."""

    source_base: bytes | None
    source: bytes
    target_base: bytes | None
    target: bytes
    read_only: bool


class Entry(NamedTuple):
    """How to enter one container and what to run in it."""

    # What to execute, looked up along the PATH of `environment`, and its argv.
    program: bytes
    arguments: list[bytes]
    environment: dict[bytes, bytes]
    # The working directory.
    directory: bytes
    # Where output goes when nobody may attach to the container.
    stdout: bytes
    stderr: bytes
    # Ids to become; -1 stays as the supervisor is.
    uid: int
    gid: int
    groups: list[int]
    # Files `cgroup.procs` to write oneself into.
    cgroups: list[bytes]
    # The process whose mount and process id namespaces are entered; 0 is none.
    enter_mount_of: int
    enter_pid_of: int
    # Which namespaces are made anew.
    new_mount: bool
    new_pid: bool
    mounts: list[Mount]
    # (resource.RLIMIT_*, soft, hard)
    rlimits: list[tuple[int, int, int]]


def open_below(base: bytes, path: bytes) -> int:
    """An ``O_PATH`` descriptor of ``path`` below ``base``; no component may be a link.

    A task owns its sandbox, so a link in it may name anything on the host.
    """
    fd = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in path.split(b"/"):
        if part in (b"", b"."):
            continue
        if part == b"..":
            os.close(fd)
            raise OSError(f"{path!r} leaves {base!r}")
        inner = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        os.close(fd)
        fd = inner
    return fd


def _path(base: bytes | None, path: bytes) -> tuple[int, bytes]:
    """A descriptor to close (-1 is none) and a path that names the place for good."""
    if base is None:
        return -1, path
    fd = open_below(base, path)
    return fd, b"/proc/self/fd/%d" % fd


def bind(mount: Mount) -> None:
    """Make one bind mount in the namespace of this process. Raises OSError."""
    source_fd, source = _path(mount.source_base, mount.source)
    target_fd, target = _path(mount.target_base, mount.target)
    syscalls.mount(source, target, None, syscalls.MS_BIND | syscalls.MS_REC)
    if mount.read_only:
        # The descriptor still names what lies under the new mount: look the place up again.
        if target_fd >= 0:
            os.close(target_fd)
        target_fd, target = _path(mount.target_base, mount.target)
        flags = syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY
        syscalls.mount(b"none", target, None, flags)
    for fd in (source_fd, target_fd):
        if fd >= 0:
            os.close(fd)


def enter_namespace(pid: int, name: str, kind: int) -> None:
    """Enter the namespace ``name`` of the process ``pid``."""
    fd = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(fd, kind)
    finally:
        os.close(fd)


def _join_cgroups(files: list[bytes]) -> None:
    for path in files:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b"0")
        finally:
            os.close(fd)


def enter_confinement(entry: Entry) -> None:
    """Join the cgroups and enter the mount namespace, in which the volumes are then mounted."""
    _join_cgroups(entry.cgroups)
    if entry.enter_mount_of:
        enter_namespace(entry.enter_mount_of, "mnt", syscalls.CLONE_NEWNS)
    if entry.new_mount:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        # Mounts of the host still appear here, but ours do not appear on the host.
        syscalls.mount(b"none", b"/", None, syscalls.MS_REC | syscalls.MS_SLAVE)
        for mount in entry.mounts:
            bind(mount)
    if entry.new_pid:
        flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
        syscalls.mount(b"proc", b"/proc", b"proc", flags)


def _redirect(path: bytes, number: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o644)
    os.dup2(fd, number)
    os.close(fd)


def become_command(entry: Entry, stdio: tuple[int, int, int] | None, terminal: bool) -> None:
    """Turn this process into the command. Raises OSError while that is the agent's affair.

    ``stdio`` are the descriptors to use for the standard streams, None the sandbox's files.
    A command that cannot be executed is its framework's affair: it is told on stderr and the
    process exits with 1.
    """
    os.setsid()
    if stdio is not None:
        for number, fd in enumerate(stdio):
            os.dup2(fd, number)
        if terminal:
            _make_controlling(0)
    for limit, soft, hard in entry.rlimits:
        try:
            resource.setrlimit(limit, (soft, hard))
        except ValueError as error:
            raise OSError(f"Failed to set a limit: {error}") from error
    if entry.uid >= 0:
        os.setgroups(entry.groups)
        os.setgid(entry.gid)
        os.setuid(entry.uid)
    syscalls.die_with_parent(SIGKILL)
    if stdio is None:
        # After the rights are given up: whatever lies at these paths, it is the user's own.
        _redirect(entry.stdout, 1)
        _redirect(entry.stderr, 2)
    os.chdir(entry.directory)
    syscalls.default_signal(_SIGPIPE)
    syscalls.default_signal(_SIGXFSZ)
    try:
        os.execvpe(entry.program, entry.arguments, entry.environment)  # noqa: S606
    except OSError as error:
        reason = os.fsencode(error.strerror or str(error))
        os.write(2, b"Failed to execute '%s': %s\n" % (entry.program, reason))
        os._exit(_EXIT_FAILURE)


def _make_controlling(fd: int) -> None:
    """Make the terminal ``fd`` the controlling one of this session."""
    import fcntl
    import termios

    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
