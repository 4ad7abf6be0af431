"""The server's log: one line per event on standard error, for people or for programs.

The standard ``logging`` module is not used: importing it costs the start of the
server more than everything this module does, and a server that logs events
with fields needs neither its hierarchy nor its formatters. Lines look like ::

    2026-01-01T12:00:00.123Z warning slow_flush took_ms=1312 file=log.2a
    {"time": "2026-01-01T12:00:00.123Z", "level": "warning", "event": "slow_flush", ...}

Warnings and errors are always written; ``info`` and ``debug`` when asked for.
"""

from __future__ import annotations

import contextlib
import sys
import time

_RANKS = {"debug": 0, "info": 1, "warning": 2, "error": 3}

#: What ``--log-level`` takes, and the least important level that is then written.
LEVELS = {"quiet": "warning", "info": "info", "debug": "debug"}
FORMATS = ("text", "json")


class _Settings:
    """What ``configure`` set; one per process, as standard error is."""

    __slots__ = ("as_json", "rank")

    def __init__(self) -> None:
        self.rank = _RANKS["warning"]
        self.as_json = False


_settings = _Settings()


def configure(level: str = "quiet", log_format: str = "text") -> None:
    """Choose what is written (a key of ``LEVELS``) and how (one of ``FORMATS``).

    Raises ``ValueError`` for other words.
    """
    if level not in LEVELS:
        raise ValueError(f"the log level must be one of {', '.join(LEVELS)}, not {level}")
    if log_format not in FORMATS:
        raise ValueError(f"the log format must be one of {', '.join(FORMATS)}, not {log_format}")
    _settings.rank = _RANKS[LEVELS[level]]
    _settings.as_json = log_format == "json"


def enabled(level: str) -> bool:
    """Whether ``level`` is written, for callers whose fields cost something to gather."""
    return _RANKS[level] >= _settings.rank


def log(level: str, event: str, **fields: object) -> None:
    """Write ``event`` (a snake_case name) with its fields, if ``level`` is enabled.

    ``level`` is debug, info, warning or error; ``KeyError`` for another one.
    Never fails because of standard error: a server does not stop because nobody
    reads its log any more.
    """
    if _RANKS[level] < _settings.rank:
        return
    line = format_line(time.time_ns() // 1_000_000, level, event, fields, _settings.as_json)
    # The pipe may be broken or closed.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line)
        sys.stderr.flush()


def log_audit(event: list[tuple[str, str]]) -> None:
    """Write a line of the audit log, whatever the level: key=value pairs, with tabs between them.

    That is what Apache's has behind the time and the logger. No value begins a line of its own.
    """
    if _settings.as_json:
        line = format_line(time.time_ns() // 1_000_000, "audit", "audit", dict(event), True)
    else:
        stamp = _stamp(time.time_ns() // 1_000_000)
        pairs = "\t".join(f"{key}={''.join(map(_escape, value))}" for key, value in event)
        line = f"{stamp} audit {pairs}\n"
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line)
        sys.stderr.flush()


def _stamp(wall_ms: int) -> str:
    seconds, milliseconds = divmod(wall_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03d}Z"


def format_line(
    wall_ms: int, level: str, event: str, fields: dict[str, object], as_json: bool
) -> str:
    """The line for an event, with its newline; ``wall_ms`` is the time since 1970 UTC."""
    stamp = _stamp(wall_ms)
    if as_json:
        import json

        record = {"time": stamp, "level": level, "event": event, **fields}
        return json.dumps(record, default=_readable) + "\n"
    words = [stamp, level, event, *(f"{key}={_word(value)}" for key, value in fields.items())]
    return " ".join(words) + "\n"


def _readable(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _word(value: object) -> str:
    """``value`` as one word: quoted when blanks, quotes or unprintable characters are in it."""
    text = _readable(value)
    if text and text.isprintable() and not any(char in text for char in ' "=\\'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(_escape(char) for char in escaped) + '"'


def _escape(char: str) -> str:
    if char.isprintable():
        return char
    # Line breaks, terminal escapes and lone surrogates could forge or break lines.
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char) or f"\\u{ord(char):04x}"
