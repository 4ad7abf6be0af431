"""Extracts archives that strangers have made.

Nothing is written outside of the destination, whatever the archive says: names may not be
absolute nor contain ``..``, only files, directories and links are taken, and links are made
when all else is there, so that nothing is written through one; afterwards each has to lead to
a place inside. An archive that breaks this is refused, with what it had by then left in place.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

_COPY_BYTES = 1 << 20
# Permission bits that an archive may set: not setuid and the like.
_MODE_MASK = 0o777


class ArchiveError(Exception):
    """The archive is damaged, of another kind than its name says, or not to be trusted."""


# By the end of a file's name, longest first where one is the end of another.
_TARS = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".tgz", ".tbz2", ".txz")
_GZIP = ".gz"
_ZIP = ".zip"

# What the decompressors raise on damaged input.
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    lzma.LZMAError,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
# Decompressors are found by name at the time of use; this process may have lost the right to
# read them by then.
_LOADED = (bz2, gzip, lzma)


def is_archive(name: str) -> bool:
    """Whether a file of this name is to be extracted."""
    return name.endswith((*_TARS, _GZIP, _ZIP))


def extract(source: IO[bytes], name: str, destination: str) -> None:
    """Extract the archive ``source``, called ``name``, into a directory.

    Raises ArchiveError, and OSError when the disk fails.
    """
    try:
        if name.endswith(_TARS):
            with tarfile.open(fileobj=source, mode="r:*") as archive:
                _Extraction(destination).take_tar(archive)
        elif name.endswith(_ZIP):
            with zipfile.ZipFile(source) as packed:
                _Extraction(destination).take_zip(packed)
        elif name.endswith(_GZIP):
            inner = Path(name).name[: -len(_GZIP)]
            with gzip.open(source) as plain:
                _Extraction(destination).write_file(inner, plain, 0o644, None)
    except _DAMAGED as error:
        raise ArchiveError(f"Failed to extract '{name}': {error}") from error


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _Extraction:
    """One archive on its way into one directory."""

    def __init__(self, destination: str) -> None:
        self._destination = os.path.realpath(destination)
        # What is made at the end, in the archive's order: (path, how to make it).
        self._hard_links: list[tuple[Path, str]] = []
        self._symbolic_links: list[tuple[Path, str]] = []
        # Directories get their permissions last, else one may not write into them.
        self._directories: list[tuple[Path, int]] = []

    def _place(self, name: str) -> Path:
        """Where a member goes, with the directories above it made."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name or not parts:
            raise ArchiveError(f"'{name}' in an archive is not a path inside of it")
        directory = Path(self._destination)
        for part in parts[:-1]:
            directory = self._directory(directory / part, name)
        return directory / parts[-1]

    def _directory(self, path: Path, name: str) -> Path:
        try:
            path.mkdir()
        except FileExistsError:
            # There may be links from before; through those, too, it has to stay inside.
            if not self._is_inside(path):
                raise ArchiveError(f"'{name}' in an archive leads out of it") from None
        return path

    def _is_inside(self, path: Path) -> bool:
        found = os.path.realpath(path)
        return found == self._destination or found.startswith(self._destination + "/")

    def write_file(self, name: str, content: _Readable, mode: int, mtime_s: float | None) -> None:
        """Write one file; what is in its place is replaced, never written through."""
        path = self._place(name)
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, mode & _MODE_MASK), "wb") as target:
            shutil.copyfileobj(content, target, _COPY_BYTES)
            os.fchmod(target.fileno(), mode & _MODE_MASK)
        if mtime_s is not None:
            os.utime(path, (mtime_s, mtime_s))

    def _make_directory(self, name: str, mode: int) -> None:
        if name.strip("./"):
            path = self._place(name.rstrip("/"))
            self._directory(path, name)
            self._directories.append((path, mode & _MODE_MASK))

    def take_tar(self, archive: tarfile.TarFile) -> None:
        for member in archive:
            if member.isreg():
                content = archive.extractfile(member)
                if content is not None:
                    self.write_file(member.name, content, member.mode, member.mtime)
            elif member.isdir():
                self._make_directory(member.name, member.mode)
            elif member.issym():
                self._symbolic_links.append((self._place(member.name), member.linkname))
            elif member.islnk():
                self._hard_links.append((self._place(member.name), member.linkname))
            else:
                raise ArchiveError(f"'{member.name}' in an archive is a device or a pipe")
        self._finish()

    def take_zip(self, archive: zipfile.ZipFile) -> None:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if member.is_dir():
                self._make_directory(member.filename, mode or 0o755)
            elif stat.S_ISLNK(mode):
                target = archive.read(member).decode(errors="surrogateescape")
                self._symbolic_links.append((self._place(member.filename), target))
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise ArchiveError(f"'{member.filename}' in an archive is a device or a pipe")
            else:
                with archive.open(member) as content:
                    self.write_file(member.filename, content, mode or 0o644, None)
        self._finish()

    def _finish(self) -> None:
        for path, target in self._hard_links:
            source = self._place(target)
            if not stat.S_ISREG(source.lstat().st_mode) or not self._is_inside(source.parent):
                raise ArchiveError(f"The link '{path.name}' in an archive is not to a file of it")
            _replace(path, functools.partial(os.link, source, path))
        for path, target in self._symbolic_links:
            _replace(path, functools.partial(path.symlink_to, target))
        for path, target in self._symbolic_links:
            # Only now do all links exist of which the way may consist.
            if not self._is_inside(path):
                path.unlink()
                raise ArchiveError(f"The link '{target}' in an archive leads out of it")
        for path, mode in reversed(self._directories):
            if not path.is_symlink():
                path.chmod(mode)


def _replace(path: Path, make: Callable[[], None]) -> None:
    """Make a link where there is nothing, or something that is not a directory."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    make()
