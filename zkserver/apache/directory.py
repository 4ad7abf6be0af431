"""What lies in a ``version-2`` directory, by the names of its files."""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH118, PTH123, PTH208

from __future__ import annotations

import os
from typing import Final, NamedTuple

from zkserver.errors import StartError

DIRECTORY_NAME: Final = "version-2"
#: Endings of compressed snapshots (``SnapStream.StreamMode``).
GZIP, SNAPPY = ".gz", ".snappy"
_SNAPSHOT, _LOG = "snapshot.", "log."
_EPOCHS: Final = ("acceptedEpoch", "currentEpoch")


class ApacheDataError(StartError):
    """Apache's data cannot be taken over as they are; the text says why and what helps."""


class DamagedFileError(ApacheDataError):
    """A file of Apache's is damaged; ``file`` and ``offset`` (bytes) say where."""

    def __init__(self, file: str, offset: int, why: str) -> None:
        self.file = file
        self.offset = offset
        self.why = why
        super().__init__(f"{file}, offset {offset}: {why}")


class NamedFile(NamedTuple):
    """A snapshot or a log, and the zxid in its name."""

    zxid: int
    path: str


def snapshots(data_dir: str) -> list[NamedFile]:
    """The snapshots below ``data_dir`` (dataDir), newest first."""
    return sorted(_named(data_dir, _SNAPSHOT, ("", GZIP, SNAPPY)), reverse=True)


def logs(log_dir: str) -> list[NamedFile]:
    """The transaction logs below ``log_dir`` (dataLogDir), oldest first."""
    return sorted(_named(log_dir, _LOG, ("",)))


def holds_data(data_dir: str, log_dir: str) -> bool:
    """Whether Apache's server has written a snapshot or a log there."""
    return bool(snapshots(data_dir) or logs(log_dir))


def newest_zxid_in_names(data_dir: str, log_dir: str) -> int:
    """The greatest zxid in any file's name, -1 without files.

    After each start Apache writes into a new log, so it has written more than was there
    before exactly if this is greater than the last zxid was.
    """
    return max((found.zxid for found in (*snapshots(data_dir), *logs(log_dir))), default=-1)


def epochs(data_dir: str) -> tuple[int, int]:
    """acceptedEpoch and currentEpoch of an ensemble's member, 0 where there is no such file."""
    found = []
    for name in _EPOCHS:
        path = os.path.join(data_dir, DIRECTORY_NAME, name)
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                text = file.readline().strip()
        except FileNotFoundError:
            text = "0"
        if not text.isdecimal():
            raise DamagedFileError(path, 0, f"an epoch in decimal digits is expected, not {text!r}")
        found.append(int(text))
    return found[0], found[1]


def _named(directory: str, prefix: str, endings: tuple[str, ...]) -> list[NamedFile]:
    where = os.path.join(directory, DIRECTORY_NAME)
    found = []
    try:
        names = os.listdir(where)
    except (FileNotFoundError, NotADirectoryError):
        return []
    for name in names:
        if not name.startswith(prefix):
            continue
        digits = name.removeprefix(prefix)
        for ending in endings:
            if ending and digits.endswith(ending):
                digits = digits.removesuffix(ending)
                break
        if digits and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            found.append(NamedFile(int(digits, 16), os.path.join(where, name)))
    return found
