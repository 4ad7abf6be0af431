"""Where clusters of this user run: a file each, in a directory that other commands look into."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Record:
    """A cluster that runs: the process that keeps it, and where its members are."""

    pid: int
    #: When that process began, seconds since the epoch: its number may be another's later.
    began_s: float
    #: ZooKeeper's connect string.
    zk: str
    #: As frameworks take it: ``zk://.../mesos``.
    master: str
    masters: list[str]
    agents: list[str]
    directory: str

    @property
    def is_alive(self) -> bool:
        """Whether its process still is that one."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.began_s) < 1.0
        except psutil.Error:
            return False


def directory() -> Path:
    """Where records are: below ``XDG_RUNTIME_DIR``, or else below the user's cache."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return Path(runtime, "mesozoic")
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "mesozoic" / "running"


def path_of(pid: int) -> Path:
    """The file of the cluster that a process keeps."""
    return directory() / f"{pid}.json"


def write(record: Record) -> None:
    """Let others find a cluster."""
    path = path_of(record.pid)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(record), indent=1) + "\n")
    new.rename(path)


def newest() -> Record | None:
    """The cluster that was started last of those that run; files of others are removed."""
    alive = []
    for path in directory().glob("*.json"):
        try:
            record = Record(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            continue
        if record.is_alive:
            alive.append(record)
        else:
            path.unlink(missing_ok=True)
    return max(alive, key=lambda record: record.began_s, default=None)
