"""The programs' logs: lines in glog's form, on the terminal and in files."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Final

from mesos_compat.errors import FlagError
from mesos_compat.flags.loading import Flags

_LEVELS: Final = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}
_LETTERS: Final = {
    logging.DEBUG: "I",
    logging.INFO: "I",
    logging.WARNING: "W",
    logging.ERROR: "E",
    logging.CRITICAL: "F",
}


class _GlogFormatter(logging.Formatter):
    """``W1122 10:20:30.123456  4711 name.py:12] text``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, with the trace of an exception behind it."""
        letter = _LETTERS.get(record.levelno, "I")
        when = self.formatTime(record, "%m%d %H:%M:%S")
        micros = int(record.created % 1 * 1_000_000)
        place = f"{record.filename}:{record.lineno}"
        line = f"{letter}{when}.{micros:06d} {record.process:5d} {place}] {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up(program: str, flags: Flags) -> Path | None:
    """Log as the flags say; returns the file, where there is one, for ``/files`` to show.

    Raises :class:`FlagError`.
    """
    level = _LEVELS.get(flags.text("logging_level") or "INFO")
    if level is None:
        raise FlagError(
            f"Failed to load flag 'logging_level': '{flags.text('logging_level')}' is none of"
            f" {', '.join(_LEVELS)}"
        )
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(level)
    # kazoo tells each of its steps.
    logging.getLogger("kazoo").setLevel(max(level, logging.WARNING))
    formatter = _GlogFormatter()
    if not flags.is_set("quiet"):
        terminal = logging.StreamHandler(sys.stderr)
        terminal.setFormatter(formatter)
        root.addHandler(terminal)
    external = flags.text("external_log_file")
    log_dir = flags.text("log_dir")
    if log_dir is None:
        if not root.handlers:
            root.addHandler(logging.NullHandler())
        return Path(external) if external is not None else None
    path = Path(log_dir) / f"{program}.{_level_name(level)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise FlagError(f"Failed to load flag 'log_dir': {error}") from error
    file.setFormatter(formatter)
    root.addHandler(file)
    return Path(external) if external is not None else path


def _level_name(level: int) -> str:
    return next(name for name, number in _LEVELS.items() if number == level)
