"""``/files/*``: looking into sandboxes and logs, and into nothing else.

What can be looked at is attached under a virtual path: a log file, a sandbox. A path that is
asked for is resolved below one of these; a link that leads out of it is not followed out.
Source: libprocess's ``Files``.
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
from typing import Final

from mesos_compat.http.answers import Answer, not_there, said, told, values
from mesos_compat.http.requests import Request
from mesos_compat.wire.json_dialect import JsonValue

#: What one read gives at most: sixteen pages.
_READ_BYTES_MAX: Final = 16 * 4096

#: Whether a principal may look at what is attached.
Permit = Callable[[str | None], bool]


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

    def resolve(self, virtual: str, principal: str | None) -> Path | Hidden:
        """The real path, or why there is none."""
        wanted = _clean(virtual)
        for length in range(len(wanted), 0, -1):
            if length < len(wanted) and wanted[length] != "/":
                continue
            known = self._paths.get(wanted[:length])
            if known is None:
                continue
            root, permit = known
            if permit is not None and not permit(principal):
                return Hidden.FORBIDDEN
            return _inside(root, wanted[length:].strip("/")) or Hidden.MISSING
        return Hidden.MISSING


def _clean(virtual: str) -> str:
    return "/" + "/".join(part for part in virtual.split("/") if part)


def _inside(root: Path, rest: str) -> Path | None:
    if not rest:
        return root if root.exists() else None
    if "\0" in rest or ".." in rest.split("/"):
        return None
    base = root.resolve()
    found = (base / rest).resolve()
    if not found.is_relative_to(base) or not found.exists():
        return None
    return found


def list_directory(virtual: str, real: Path) -> list[FileInfo]:
    """The entries of a directory by name; a file has none."""
    if not real.is_dir():
        return []
    found = []
    for name in sorted(os.listdir(real)):  # noqa: PTH208 - names alone are wanted
        try:
            found.append(_describe(f"{virtual.rstrip('/')}/{name}", real / name))
        except OSError:
            # It has gone since.
            continue
    return found


def _describe(virtual: str, real: Path) -> FileInfo:
    status = real.lstat()
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


def read_part(real: Path, offset: int, length: int | None, most: int) -> bytes:
    """Up to ``most`` bytes of a file; raises ``OSError``."""
    with real.open("rb") as file:
        file.seek(offset)
        return file.read(most if length is None else min(length, most))


class FilesApi:
    """The endpoints."""

    def __init__(self, attached: Attached) -> None:
        self.attached = attached

    async def browse(self, request: Request) -> Answer:
        """``/files/browse?path=``: the entries of a directory."""
        virtual = request.query.get("path")
        if not virtual:
            return told(400, "Expecting 'path=value' in query.\n")
        real = self.attached.resolve(virtual, request.who)
        if isinstance(real, Hidden):
            return not_there() if real is Hidden.MISSING else said(403)
        found = await asyncio.to_thread(list_directory, _clean(virtual), real)
        return values([one.value() for one in found])

    async def read(self, request: Request) -> Answer:
        """``/files/read?path=&offset=&length=``: a part of a file as text."""
        query = request.query
        virtual = query.get("path")
        if not virtual:
            return told(400, "Expecting 'path=value' in query.\n")
        offset, fault = _number(query, "offset", -1)
        length, length_fault = _number(query, "length", -1)
        if fault or length_fault:
            return told(400, fault or length_fault)
        if offset < -1:
            return told(400, f"Negative offset provided: {offset}.\n")
        if length < -1:
            return told(400, f"Negative length provided: {length}.\n")
        real = self.attached.resolve(virtual, request.who)
        if isinstance(real, Hidden):
            return not_there() if real is Hidden.MISSING else said(403)
        if real.is_dir():
            return told(400, "Cannot read a directory.\n")
        try:
            if offset == -1:
                return values({"data": "", "offset": real.stat().st_size})
            wanted = None if length == -1 else length
            data = await asyncio.to_thread(read_part, real, offset, wanted, _READ_BYTES_MAX)
        except OSError as error:
            return told(500, f"Failed to read '{virtual}': {error.strerror}.\n")
        # Half a character at the end belongs to the next part.
        text = data.decode("utf-8", "surrogateescape").encode("utf-8", "surrogateescape")
        return values({"data": text.decode("utf-8", "replace"), "offset": offset})

    async def download(self, request: Request) -> Answer:
        """``/files/download?path=``: a whole file."""
        virtual = request.query.get("path")
        if not virtual:
            return told(400, "Expecting 'path=value' in query.\n")
        real = self.attached.resolve(virtual, request.who)
        if isinstance(real, Hidden):
            return said(404 if real is Hidden.MISSING else 403)
        if real.is_dir():
            return told(400, "Cannot download a directory.\n")
        try:
            data = await asyncio.to_thread(real.read_bytes)
        except OSError as error:
            return told(500, f"Failed to read '{virtual}': {error.strerror}.\n")
        name = real.name.replace('"', "")
        headers = {"Content-Disposition": f"attachment; filename={name}"}
        return Answer(200, data, "application/octet-stream", headers)

    async def debug(self, request: Request) -> Answer:
        """``/files/debug``: what is attached."""
        del request
        return values(dict(self.attached.all()))


def _number(query: dict[str, str], name: str, default: int) -> tuple[int, str]:
    text = query.get(name)
    if text is None:
        return default, ""
    try:
        return int(text), ""
    except ValueError:
        return 0, f"Failed to parse {name}: Failed to convert '{text}' to number.\n"
