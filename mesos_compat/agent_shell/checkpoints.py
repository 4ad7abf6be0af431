"""Writes the core's records below the work directory, in their order, durably.

What is asked for while a write is under way is written together afterwards, so that many
statuses share one flush of the disk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from mesos_compat.agent.actions import Checkpoint
from mesos_compat.agent.checkpoint import AppendFile, Record, RemoveFile, WriteFile, WriteLink

_ASIDE = ".part"


class CheckpointWriter:
    """``on_done`` hears each token, ``on_failed`` why there will be no more."""

    def __init__(
        self, work_dir: Path, on_done: Callable[[int], None], on_failed: Callable[[str], None]
    ) -> None:
        self._work_dir = work_dir
        self._on_done = on_done
        self._on_failed = on_failed
        self._waiting: list[Checkpoint] = []
        self._is_writing = False
        self._has_failed = False

    def write(self, checkpoint: Checkpoint) -> None:
        """Write, after what was asked for before."""
        self._waiting.append(checkpoint)
        if not self._is_writing and not self._has_failed:
            self._begin()

    def _begin(self) -> None:
        self._is_writing = True
        batch, self._waiting = self._waiting, []
        records = [record for one in batch for record in one.records]
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(None, write_records, self._work_dir, records)
        future.add_done_callback(lambda done: self._written(batch, done))

    def _written(self, batch: list[Checkpoint], done: asyncio.Future[None]) -> None:
        self._is_writing = False
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._has_failed = True
            self._on_failed(f"cannot checkpoint: {error}")
            return
        for one in batch:
            self._on_done(one.token)
        if self._waiting and not self._is_writing:
            self._begin()

    async def flush(self) -> None:
        """Wait until everything that was asked for is written."""
        while self._is_writing or (self._waiting and not self._has_failed):
            await asyncio.sleep(0.001)


def write_records(work_dir: Path, records: Iterable[Record]) -> None:
    """Carry out ``records``; all is on the disk afterwards. Raises OSError."""
    appended: dict[Path, int] = {}
    directories: dict[Path, None] = {}
    try:
        for record in records:
            path = work_dir / record.path
            match record:
                case AppendFile():
                    file = appended.get(path)
                    if file is None:
                        _make_parent(path, directories)
                        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
                        appended[path] = file
                    _write_all(file, record.data)
                case WriteFile():
                    _make_parent(path, directories)
                    _replace(path, record.data)
                case WriteLink():
                    _make_parent(path, directories)
                    aside = path.with_name(path.name + _ASIDE)
                    aside.unlink(missing_ok=True)
                    aside.symlink_to(record.target)
                    aside.replace(path)
                case RemoveFile():
                    path.unlink(missing_ok=True)
        for file in appended.values():
            os.fdatasync(file)
    finally:
        for file in appended.values():
            os.close(file)
    for directory in directories:
        _sync_directory(directory)


def _make_parent(path: Path, directories: dict[Path, None]) -> None:
    parent = path.parent
    missing = []
    while not parent.exists():
        missing.append(parent)
        parent = parent.parent
    path.parent.mkdir(parents=True, exist_ok=True)
    # The names of new directories are in those above them.
    for one in (path.parent, *(made.parent for made in missing)):
        directories[one] = None


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _replace(path: Path, data: bytes) -> None:
    aside = path.with_name(path.name + _ASIDE)
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        _write_all(file, data)
        os.fdatasync(file)
    finally:
        os.close(file)
    aside.replace(path)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_all(directory: Path, work_dir: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files below ``directory`` and the targets of links, by paths below ``work_dir``.

    What was being written when the agent ended is left out. Raises OSError.
    """
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    for parent, names, found in os.walk(directory):
        for name in (*names, *found):
            path = Path(parent, name)
            key = str(path.relative_to(work_dir))
            if path.is_symlink():
                links[key] = str(path.readlink())
            elif path.is_file() and not name.endswith(_ASIDE):
                files[key] = path.read_bytes()
    return files, links
