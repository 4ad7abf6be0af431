"""The program that puts a fetched file into a sandbox, as the sandbox's user.

The agent may be root, a framework's URIs and archives come from strangers: so all that is
opened, written and made executable here is, after the first lines, with the rights of the user
whose task it is for. Told what to do as :mod:`~mesos_compat.containers.spawning` says; answers
``ok``, or what failed.
"""

from __future__ import annotations

import marshal
import os
import shutil
from pathlib import Path
from typing import IO, NamedTuple

from mesos_compat.containers.archives import ArchiveError, extract, is_archive

MODULE = "mesos_compat.containers.unpack"
DONE = b"ok"
_HANDED_FD = 3
_COPY_BYTES = 1 << 20
_EXECUTABLE = 0o111


class Order(NamedTuple):
    """What to do with one file."""

    # Whom to become; -1 stays.
    uid: int
    gid: int
    groups: list[int]
    # The file to read; empty is the handed descriptor.
    source: str
    # Where to put it: a directory, and a path below it. An empty directory is the handed
    # descriptor, into which `source` is copied for the cache.
    directory: str
    name: str
    executable: bool
    extract: bool
    # Whether an archive itself is kept, too; it is not when it comes from the cache.
    keep: bool


def _become(order: Order) -> None:
    if order.uid >= 0:
        os.setgroups(order.groups)
        os.setgid(order.gid)
        os.setuid(order.uid)


def _open_source(order: Order) -> IO[bytes]:
    if not order.source:
        return os.fdopen(_HANDED_FD, "rb")
    fd = os.open(order.source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(fd, True)
    return os.fdopen(fd, "rb")


def _carry_out(order: Order) -> None:
    with _open_source(order) as source:
        if not order.directory:
            with os.fdopen(_HANDED_FD, "wb") as cached:
                shutil.copyfileobj(source, cached, _COPY_BYTES)
            return
        wants_extraction = order.extract and not order.executable and is_archive(order.name)
        target = Path(order.directory, order.name)
        if order.keep or not wants_extraction:
            target.parent.mkdir(parents=True, exist_ok=True)
            _store(source, target, order.executable)
        if wants_extraction:
            source.seek(0)
            extract(source, order.name, str(target.parent))


def _store(source: IO[bytes], target: Path, executable: bool) -> None:
    if target.is_symlink():
        target.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o644), "wb") as written:
        shutil.copyfileobj(source, written, _COPY_BYTES)
        if executable:
            mode = os.fstat(written.fileno()).st_mode
            os.fchmod(written.fileno(), mode | _EXECUTABLE)


def main() -> None:
    """Run as that program."""
    with os.fdopen(os.dup(0), "rb") as told:
        order = Order(*marshal.loads(told.read()))  # noqa: S302 - from the agent, our parent
    try:
        _become(order)
        _carry_out(order)
    except (OSError, ArchiveError) as error:
        os.write(1, os.fsencode(str(error)))
    else:
        os.write(1, DONE)
