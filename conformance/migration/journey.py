"""There and back: load, kill, import, compare, load, export, compare."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conformance.migration import session as raw
from conformance.migration import view
from conformance.migration.load import Left, run_load
from conformance.migration.session import Session
from conformance.migration.view import differences, view_of, without
from conformance.servers import ApacheServer, OurServer, ZooKeeperProcess

SETTINGS: Final = {
    **raw.SETTINGS,
    **view.SETTINGS,
    # Snapshots in the middle of the load, while it changes the tree.
    "snapCount": "200",
    # For the way back of sessions that begin on ours.
    "apacheSessionPasswords": "true",
}


#: The znode, and its parent with one child more.
_CONFIG: Final = ("/zookeeper", "/zookeeper/config")


@dataclass(slots=True)
class Journey:
    """What came of one."""

    version: str
    snapshots: int = 0
    znodes: int = 0
    sessions: int = 0
    # By station: what was not the same there.
    differences: dict[str, list[str]] = field(default_factory=dict)
    import_line: str = ""
    export_line: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether everything was the same everywhere."""
        return not any(self.differences.values())


def travel(
    version: str,
    apache: type[ApacheServer],
    back: type[ApacheServer],
    directory: Path,
    *,
    seed: int = 1,
    compression: str = "",
    has_containers: bool = True,
    has_ttl: bool = True,
    has_config: bool = True,
) -> Journey:
    """Make the journey in ``directory``: from ``apache`` to ours, and to ``back``.

    The last three say what the version has; where there is no ``/zookeeper/config`` it appears
    with the import, as it does when a newer one of Apache's servers takes over from an older.
    """
    journey = Journey(version)
    settings = dict(SETTINGS)
    if compression:
        settings["snapshot.compression.method"] = compression
    first = apache(settings=settings, data_dir=directory / "first")
    ours = OurServer(settings=settings, data_dir=directory / "first")
    second = back(settings=settings, data_dir=directory / "second")

    with first:
        left = [
            run_load(first.port, f"/m{n}", seed + n, has_containers=has_containers, has_ttl=has_ttl)
            for n in range(2)
        ]
        there = view_of(first.port)
        first.kill()
    untouched = contents_of(first.data_dir / "data" / "version-2")
    ending = f".{compression}" if compression else ""
    journey.snapshots = len(fnmatch.filter(untouched, f"snapshot.*{ending}"))
    if not journey.snapshots:
        raise RuntimeError(f"{first.name} has written no snapshot that ends with {ending}")

    with ours:
        here = view_of(ours.port)
        journey.znodes, journey.sessions = len(here), len(left)
        appeared = () if has_config else _CONFIG
        journey.differences["ours"] = differences(
            without(there, appeared), without(here, appeared)
        ) + _resumed(ours, left[0])
        left.append(run_load(ours.port, "/m2", seed + 2))
        here = view_of(ours.port)
        journey.import_line = _line_of(ours, "imported")
    if contents_of(first.data_dir / "data" / "version-2") != untouched:
        journey.differences["ours"].append("version-2 was changed")

    journey.export_line = export(first.data_dir / "data", second.data_dir / "data")
    with second:
        again = view_of(second.port)
        lost = [line for one in left for line in _resumed(second, one)]
        journey.differences["back"] = differences(here, again) + lost
    return journey


def contents_of(directory: Path) -> dict[str, bytes]:
    """Every file of a directory with what is in it."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def _resumed(server: ZooKeeperProcess, left: Left) -> list[str]:
    """Come back with a session that was left; what does not hold of it."""
    try:
        session = Session(server.port, (left.id, left.password))
    except ConnectionError as error:
        return [f"session {left.id:#x}: {error}"]
    told = []
    for path in left.ephemerals:
        _, stat = session.get(path)
        if stat.ephemeral_owner != left.id:
            told.append(f"{path}: owned by {stat.ephemeral_owner:#x}, not {left.id:#x}")
    session.drop()
    return told


def _line_of(server: ZooKeeperProcess, word: str) -> str:
    lines = server.log_path.read_text(errors="replace").splitlines()
    return next((line for line in lines if word in line), "")


def export(data_dir: Path, target: Path) -> str:
    """``zkserver export``, into a directory that is made for it; what it said."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "zkserver", "export", str(target), "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the export failed:\n{done.stdout}")
    return done.stdout.strip()
