"""Sandboxes: how they are laid out, whose they are, and reading in them without being led out.

``<work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>`` is an
executor's, ``<its parent's>/containers/<id>`` a nested container's. A sandbox belongs to the
task's user, who may put links into it; so whoever works in one with more rights than that user
looks up every component of a path without following any (:func:`open_directory_below`), or
checks where it has arrived (:class:`SandboxFiles`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mesos_compat.containers.users import Identity

# Sandboxes may hold what is nobody else's business, as in Mesos.
SANDBOX_MODE = 0o750
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OutsideError(OSError):
    """A path leads out of the directory that it belongs to."""


def _parts(relative: str) -> list[str]:
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise OutsideError(f"'{relative}' contains '..'")
    return parts


def open_directory_below(
    base: str, relative: str, *, make: bool = False, owner: Identity | None = None
) -> int:
    """A descriptor of a directory below ``base``, reached without following a link.

    Missing directories are made, for ``owner``, if ``make``. Raises OSError.
    """
    fd = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in _parts(relative):
        try:
            inner = _open_or_make(fd, part, make, owner)
        finally:
            os.close(fd)
        fd = inner
    return fd


def _open_or_make(fd: int, name: str, make: bool, owner: Identity | None) -> int:
    try:
        return os.open(name, _OPEN_DIRECTORY, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(name, 0o755, dir_fd=fd)
    except FileExistsError:
        # Somebody was faster, such as another container of the same parent.
        return os.open(name, _OPEN_DIRECTORY, dir_fd=fd)
    inner = os.open(name, _OPEN_DIRECTORY, dir_fd=fd)
    if owner is not None:
        os.fchown(inner, owner.uid, owner.gid)
    return inner


def create_sandbox(path: str, owner: Identity | None, parent: str | None = None) -> None:
    """Make a sandbox, or take it as it is, for ``owner``; ``parent`` is the sandbox it lies in.

    That of an executor's run becomes the ``latest`` one. Raises OSError.
    """
    if parent is None:
        Path(path).mkdir(parents=True, exist_ok=True)
        fd = os.open(path, _OPEN_DIRECTORY)
    else:
        # The parent's user may have put anything here: no component is followed.
        inside = os.path.relpath(path, parent)
        fd = open_directory_below(parent, inside, make=True)
    try:
        if owner is not None:
            os.fchown(fd, owner.uid, owner.gid)
        os.fchmod(fd, SANDBOX_MODE)
    finally:
        os.close(fd)
    if parent is None and Path(path).parent.name == "runs":
        link_latest(Path(path))


def link_latest(run: Path) -> None:
    """Have ``latest`` beside a run name it, at every moment a whole link."""
    aside = run.parent / f".latest.{run.name}"
    aside.unlink(missing_ok=True)
    aside.symlink_to(run)
    aside.replace(run.parent / "latest")


def append_to_stderr(sandbox: str, text: str, owner: Identity | None) -> None:
    """Leave a task's user a line in its sandbox; it does not matter if that cannot be."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        directory = os.open(sandbox, _OPEN_DIRECTORY)
        try:
            fd = os.open("stderr", flags, 0o644, dir_fd=directory)
        finally:
            os.close(directory)
        try:
            if owner is not None:
                os.fchown(fd, owner.uid, owner.gid)
            os.write(fd, text.encode(errors="replace") + b"\n")
        finally:
            os.close(fd)
    except OSError:
        pass


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One line of a listing, as ``FileInfo`` has it."""

    path: str
    mode: int
    nlink: int
    uid: int
    gid: int
    size: int
    # Seconds since the epoch.
    mtime_s: float


class SandboxFiles:
    """The directories and files that /files may show, under the paths that it shows them by.

    A virtual path is looked up by its longest attached beginning; what follows may not lead
    out of the attached directory, be it by ``..`` or by links.
    """

    def __init__(self) -> None:
        # Virtual path -> path on this host, absolute.
        self._attached: dict[str, str] = {}

    def attach(self, path: str, virtual: str) -> None:
        """Show ``path`` of the host as ``virtual``."""
        self._attached[virtual.rstrip("/")] = path

    def detach(self, virtual: str) -> None:
        """Show it no more."""
        self._attached.pop(virtual.rstrip("/"), None)

    def attached(self) -> dict[str, str]:
        """All that is shown: virtual path -> path of the host."""
        return dict(self._attached)

    def root_of(self, virtual: str) -> str | None:
        """The attached virtual path that ``virtual`` is or lies below."""
        candidate = virtual.rstrip("/")
        while candidate:
            if candidate in self._attached:
                return candidate
            candidate = candidate.rpartition("/")[0]
        return None

    def open(self, virtual: str) -> int:
        """A descriptor of the file or directory, for reading.

        Raises FileNotFoundError when nothing is shown there, OutsideError when it leads out.
        """
        root = self.root_of(virtual)
        if root is None:
            raise FileNotFoundError(virtual)
        base = os.path.realpath(self._attached[root])
        rest = virtual.rstrip("/")[len(root) :].lstrip("/")
        found = os.path.realpath(Path(base, *_parts(rest)))
        _check_inside(found, base)
        # Whatever it is that a task has put there (a fifo?), opening it must not block.
        fd = os.open(found, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # A link may have been put in the way since it was looked up.
            _check_inside(str(Path(f"/proc/self/fd/{fd}").readlink()), base)
            if not stat.S_ISREG(mode := os.fstat(fd).st_mode) and not stat.S_ISDIR(mode):
                raise OutsideError(f"'{virtual}' is neither a file nor a directory")
        except OSError:
            os.close(fd)
            raise
        return fd

    def browse(self, virtual: str) -> list[FileEntry]:
        """What lies in a directory, by name. Raises OSError, NotADirectoryError too."""
        fd = self.open(virtual)
        try:
            return sorted(_entries(fd, virtual.rstrip("/")), key=lambda entry: entry.path)
        finally:
            os.close(fd)


def _check_inside(path: str, base: str) -> None:
    if path != base and not path.startswith(base.rstrip("/") + "/"):
        raise OutsideError(f"'{path}' is not in '{base}'")


def _entries(fd: int, virtual: str) -> Iterator[FileEntry]:
    with os.scandir(fd) as listed:
        for one in listed:
            try:
                # Follows links, as Mesos does, to show what a reader would get.
                found = one.stat()
            except OSError:
                found = one.stat(follow_symlinks=False)
            yield FileEntry(
                f"{virtual}/{one.name}",
                found.st_mode,
                found.st_nlink,
                found.st_uid,
                found.st_gid,
                found.st_size,
                found.st_mtime,
            )
