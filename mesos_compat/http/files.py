"""``/files/*``: looking into sandboxes and logs, and into nothing else.

What can be looked at is attached under a virtual path: a log file, a sandbox. A path that is
asked for is looked up below the longest of these. A task may put links, pipes and devices into
its sandbox, and exchange them while it is looked at; so what was found is first opened in a way
that does nothing to it, and only read when it is a file or a directory, and lies where it was
looked for. Source: libprocess's ``Files``, which checks paths alone.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mesos_compat.http.answers import Answer, FileAnswer, not_there, said, told, values
from mesos_compat.http.permissions import Permissions
from mesos_compat.http.requests import Principal, Request
from mesos_compat.wire.json_dialect import JsonValue

#: What one read gives at most: sixteen pages.
_READ_BYTES_MAX: Final = 16 * 4096

#: Whether one who asks may look at what is attached.
Permit = Callable[[Principal | None], bool]


class Hidden(Enum):
    """Why a path cannot be looked at."""

    MISSING = "it is not there"
    FORBIDDEN = "the principal may not see it"


@dataclass(frozen=True, slots=True)
class FileInfo:
    """An entry of a directory, as Mesos shows it."""

    path: str
    nlink: int
    size: int
    mtime_s: int
    mode: int
    uid: str
    gid: str

    def value(self) -> dict[str, JsonValue]:
        """For ``/files/browse``."""
        return {
            "gid": self.gid,
            "mode": stat.filemode(self.mode),
            "mtime": float(self.mtime_s),
            "nlink": self.nlink,
            "path": self.path,
            "size": self.size,
            "uid": self.uid,
        }


class Opened:
    """A file or directory that may be looked at; ``with`` closes it."""

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self._fd = fd
        status = os.fstat(fd)
        self.is_directory = stat.S_ISDIR(status.st_mode)
        self.size = status.st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; may be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes of a file; raises ``OSError``."""
        return os.pread(self._fd, length, offset) if offset < self.size else b""

    def entries(self, virtual: str) -> list[FileInfo]:
        """What lies in a directory, by name, below ``virtual``; a file has nothing in it."""
        if not self.is_directory:
            return []
        found = []
        for name in sorted(os.listdir(self._fd)):  # noqa: PTH208 - a descriptor
            try:
                # A link is described, not what it leads to, which may lie outside.
                status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
            except OSError:
                # It has gone since.
                continue
            # Names are bytes, of which not all are text.
            shown = os.fsencode(name).decode("utf-8", "replace")
            found.append(_describe(f"{virtual.rstrip('/')}/{shown}", status))
        return found


class Attached:
    """The virtual paths of a program."""

    def __init__(self) -> None:
        self._paths: dict[str, tuple[Path, Permit | None]] = {}

    def attach(self, virtual: str, real: Path, permit: Permit | None = None) -> None:
        """Let ``real`` be seen as ``virtual``, by those whom ``permit`` lets."""
        self._paths[_clean(virtual)] = (real, permit)

    def detach(self, virtual: str) -> None:
        """Let it be seen no longer."""
        self._paths.pop(_clean(virtual), None)

    def all(self) -> dict[str, str]:
        """Virtual and real paths."""
        return {virtual: str(real) for virtual, (real, _) in sorted(self._paths.items())}

    def open(self, virtual: str, asker: Principal | None) -> Opened | Hidden:
        """What is seen there, or why it is not."""
        wanted = _clean(virtual)
        for length in range(len(wanted), 0, -1):
            if length < len(wanted) and wanted[length] != "/":
                continue
            known = self._paths.get(wanted[:length])
            if known is None:
                continue
            root, permit = known
            if permit is not None and not permit(asker):
                return Hidden.FORBIDDEN
            return _open_inside(root, wanted[length:].strip("/")) or Hidden.MISSING
        return Hidden.MISSING


def _clean(virtual: str) -> str:
    return "/" + "/".join(part for part in virtual.split("/") if part)


def _open_inside(root: Path, rest: str) -> Opened | None:
    if "\0" in rest or ".." in rest.split("/"):
        return None
    base = os.path.realpath(root)
    try:
        # A handle on whatever it is, which neither waits for a pipe nor wakes a device.
        fd = os.open(os.path.realpath(Path(base, rest)), os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        place = f"/proc/self/fd/{fd}"
        # Where it is now; any link on the way may have been exchanged since it was resolved.
        if not Path(os.readlink(place)).is_relative_to(base):  # noqa: PTH115
            return None
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            return None
        return Opened(os.open(place, os.O_RDONLY | os.O_CLOEXEC), Path(rest or root).name)
    except OSError:
        return None
    finally:
        os.close(fd)


def _describe(virtual: str, status: os.stat_result) -> FileInfo:
    return FileInfo(
        virtual,
        status.st_nlink,
        status.st_size,
        int(status.st_mtime),
        status.st_mode,
        _user(status.st_uid),
        _group(status.st_gid),
    )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


class FilesApi:
    """The endpoints."""

    def __init__(self, attached: Attached, permissions: Permissions) -> None:
        self.attached = attached
        self._permissions = permissions

    def _open(self, request: Request) -> tuple[str, Opened | Answer]:
        """What ``?path=`` names, or the refusal."""
        virtual = request.query.get("path")
        if not virtual:
            return "", told(400, "Expecting 'path=value' in query.\n")
        opened = self.attached.open(virtual, request.principal)
        if isinstance(opened, Hidden):
            return virtual, not_there() if opened is Hidden.MISSING else said(403)
        return virtual, opened

    async def browse(self, request: Request) -> Answer:
        """``/files/browse?path=``: the entries of a directory."""
        virtual, opened = self._open(request)
        if isinstance(opened, Answer):
            return opened
        with opened:
            found = await asyncio.to_thread(opened.entries, _clean(virtual))
        return values([one.value() for one in found])

    async def read(self, request: Request) -> Answer:
        """``/files/read?path=&offset=&length=``: a part of a file as text."""
        query = request.query
        if not query.get("path"):
            return told(400, "Expecting 'path=value' in query.\n")
        offset, fault = _number(query, "offset", -1)
        length, length_fault = _number(query, "length", -1)
        if fault or length_fault:
            return told(400, fault or length_fault)
        if offset < -1:
            return told(400, f"Negative offset provided: {offset}.\n")
        if length < -1:
            return told(400, f"Negative length provided: {length}.\n")
        virtual, opened = self._open(request)
        if isinstance(opened, Answer):
            return opened
        with opened:
            if opened.is_directory:
                return told(400, "Cannot read a directory.\n")
            if offset == -1:
                return values({"data": "", "offset": opened.size})
            wanted = _READ_BYTES_MAX if length == -1 else min(length, _READ_BYTES_MAX)
            try:
                data = await asyncio.to_thread(opened.read, offset, wanted)
            except OSError as error:
                return told(500, f"Failed to read '{virtual}': {error.strerror}.\n")
        return values({"data": data.decode("utf-8", "replace"), "offset": offset})

    async def download(self, request: Request) -> Answer | FileAnswer:
        """``/files/download?path=``: a whole file."""
        _, opened = self._open(request)
        if isinstance(opened, Answer):
            # Nothing is said of a path that is missing but that it is.
            return said(404) if opened.status == 404 else opened
        if opened.is_directory:
            opened.close()
            return told(400, "Cannot download a directory.\n")
        name = "".join(one for one in opened.name if one.isprintable() and one != '"')
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename={name}",
        }
        return FileAnswer(opened.size, opened.read, opened.close, headers)

    async def debug(self, request: Request) -> Answer:
        """``/files/debug``: what is attached."""
        if not self._permissions.allow("get_endpoints", request.principal, paths="/files/debug"):
            return said(403)
        return values(dict(self.attached.all()))


def _number(query: dict[str, str], name: str, default: int) -> tuple[int, str]:
    text = query.get(name)
    if text is None:
        return default, ""
    try:
        return int(text), ""
    except ValueError:
        return 0, f"Failed to parse {name}: Failed to convert '{text}' to number.\n"
