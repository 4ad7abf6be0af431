"""Looking Apache's directories over without changing them, for ``zkserver check``."""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH202

from __future__ import annotations

import os

from zkserver.apache.directory import ApacheDataError, DamagedFileError, logs, snapshots
from zkserver.apache.loading import load
from zkserver.apache.logs import LogFile
from zkserver.apache.snapshots import read_snapshot
from zkserver.storage.check import FileReport, Report


def check_apache(data_dir: str, log_dir: str, *, extended_types: bool = True) -> Report:
    """Read every snapshot and log, and then do what an import would, without its writing.

    A snapshot's items are its znodes, a log's its transactions. Raises ``OSError``.
    """
    files = [
        _check_snapshot(found.path, found.zxid, extended_types) for found in snapshots(data_dir)
    ]
    files += [_check_log(found.path) for found in logs(log_dir)]
    problems = [file.problem for file in files if file.problem is not None]
    notes: list[str] = []
    try:
        notes = load(data_dir, log_dir, extended_types=extended_types).notes
    except DamagedFileError as error:
        if not any(problem == str(error) for problem in problems):
            problems.append(str(error))
        return Report(tuple(files), tuple(problems), can_start=False)
    except ApacheDataError as error:
        return Report(tuple(files), (*problems, str(error)), can_start=False)
    # What an import passes over, and no file's line has told yet.
    told = {file.note for file in files}
    problems += [note for note in notes if note not in told and "is used instead" not in note]
    return Report(tuple(files), tuple(dict.fromkeys(problems)), can_start=True)


def _check_snapshot(path: str, zxid: int, extended_types: bool) -> FileReport:
    try:
        tree = read_snapshot(path, extended_types=extended_types).tree
    except (DamagedFileError, ApacheDataError) as error:
        size = os.path.getsize(path)
        return FileReport(path, "snapshot", size, 0, 0, None, None, problem=str(error))
    note = f"{len(tree.sessions)} sessions"
    size = os.path.getsize(path)
    count = len(tree.nodes)
    return FileReport(path, "snapshot", size, count, 0, zxid, zxid, note=note, unit="znodes")


def _check_log(path: str) -> FileReport:
    log = LogFile(path)
    problem = note = None
    try:
        for _ in log.entries():
            pass
        if log.torn_bytes:
            note = f"{log.torn_bytes} bytes from offset {log.end} on are a write left unfinished"
    except DamagedFileError as error:
        problem = str(error)
    first = log.first_zxid if log.count else None
    last = log.last_zxid if log.count else None
    return FileReport(
        path, "log", log.end, log.count, log.count, first, last, note, problem, "transactions"
    )
