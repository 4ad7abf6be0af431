"""Sandboxes: how they are laid out, whose they are, and reading in them without being led out.

``<work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>`` is an
executor's, ``<its parent's>/containers/<id>`` a nested container's. A sandbox belongs to the
task's user, who may put links into it; so whoever works in one with more rights than that user
looks up every component of a path without following any (:func:`open_directory_below`), or
checks where it has arrived, as :mod:`mesos_compat.http.files` does.
"""

from __future__ import annotations

import os
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
