"""Removes sandboxes some time after their tasks have ended (--gc_delay, --gc_disk_headroom).

A path is due when it has been scheduled for longer than the age that the disk allows: the
whole delay while the disk is nearly empty, less the fuller it gets, nothing when only the
headroom is left. Paths are removed by a thread; nothing is followed out of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger(__name__)


def age_allowed_ms(delay_ms: int, headroom: float, usage: float) -> int:
    """How long things may be kept, with ``usage`` of the disk (0 to 1) in use.

    ``gc_delay * max(0, 1 - gc_disk_headroom - usage)``, as Slave::age.
    """
    return round(delay_ms * max(0.0, 1.0 - headroom - usage))


def disk_usage(path: str) -> float:
    """How much of the disk that holds ``path`` is in use, 0 to 1. Raises OSError."""
    disk = os.statvfs(path)
    return 1.0 - disk.f_bavail / disk.f_blocks if disk.f_blocks else 1.0


def delete_tree(path: str) -> None:
    """Remove a directory and all in it, or a file. Missing is fine. Raises OSError.

    Links are removed and never followed, also when one takes a directory's place meanwhile.
    """
    target = Path(path)
    if target.is_symlink() or target.is_file():
        target.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        if target.exists():
            raise
    except PermissionError:
        # An agent that is not root may find directories its tasks have closed.
        _open_up(path)
        shutil.rmtree(path)


def _open_up(path: str) -> None:
    Path(path).chmod(0o700)
    for parent, directories, _ in os.walk(path):
        for name in directories:
            inner = Path(parent, name)
            if not inner.is_symlink():
                inner.chmod(0o700)


class GarbageCollector:
    """The paths that are to go, and when each was given up."""

    def __init__(
        self, delay_ms: int, headroom: float, removed: Callable[[str], None] | None = None
    ) -> None:
        self._delay_ms = delay_ms
        self._headroom = headroom
        self._removed = removed
        # Path -> when it was scheduled, in ms of the caller's clock; oldest first.
        self._scheduled: dict[str, int] = {}
        # Paths that cannot be removed: tried again, said once.
        self._complained: dict[str, None] = {}

    def schedule(self, path: str, now_ms: int, aged_ms: int = 0) -> None:
        """Have a path removed in time; ``aged_ms`` is how long it has been given up already."""
        self._scheduled.setdefault(path, now_ms - aged_ms)

    def unschedule(self, path: str) -> bool:
        """Keep a path after all; whether it was to go."""
        return self._scheduled.pop(path, None) is not None

    def scheduled(self) -> list[str]:
        """All that is to go."""
        return list(self._scheduled)

    def due(self, now_ms: int, usage: float) -> list[str]:
        """What is to be removed now, with so much of the disk in use."""
        age_ms = age_allowed_ms(self._delay_ms, self._headroom, usage)
        return [path for path, since in self._scheduled.items() if now_ms - since >= age_ms]

    async def prune(self, now_ms: int, usage: float) -> list[str]:
        """Remove what is due; what was removed. One that cannot be stays scheduled."""
        gone = []
        for path in self.due(now_ms, usage):
            if path not in self._scheduled:
                continue
            try:
                await asyncio.to_thread(delete_tree, path)
            except OSError as error:
                if path not in self._complained:
                    self._complained[path] = None
                    _log.warning("Failed to remove '%s': %s", path, error)
                continue
            self._scheduled.pop(path, None)
            self._complained.pop(path, None)
            gone.append(path)
            if self._removed is not None:
                self._removed(path)
        return gone


def used_bytes(path: str, leave_out: tuple[str, ...] = ()) -> int:
    """The disk space that a tree takes, as ``du`` counts it: files with two names once.

    ``leave_out`` are directories not to count. What disappears meanwhile is not counted.
    """
    total = 0
    seen: set[tuple[int, int]] = set()
    ahead = [path]
    while ahead:
        directory = ahead.pop()
        if directory in leave_out:
            continue
        try:
            with os.scandir(directory) as listed:
                entries = list(listed)
        except OSError:
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if found.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                if (found.st_dev, found.st_ino) in seen:
                    continue
                seen.add((found.st_dev, found.st_ino))
            total += found.st_blocks * 512
            if entry.is_dir(follow_symlinks=False):
                ahead.append(entry.path)
    return total
