"""Points in time, as somebody writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Point:
    """As of a zxid, or as of a time: the state behind the last entry that is not later."""

    zxid: int | None = None
    time_ms: int | None = None

    def is_before(self, zxid: int, time_ms: int) -> bool:
        """Whether an entry of that zxid and time comes after the point."""
        if self.zxid is not None:
            return zxid > self.zxid
        return self.time_ms is not None and time_ms > self.time_ms

    def __str__(self) -> str:
        """As messages name it."""
        if self.zxid is not None:
            return f"zxid {self.zxid:#x}"
        return "the end" if self.time_ms is None else time_text(self.time_ms)


#: As of the end of the log.
NOW = Point()


def point_of(text: str) -> Point:
    """``now``, a zxid (``0x...`` or decimal), or a date as ISO 8601 has it; raises ``ValueError``.

    A date without a zone is in UTC.
    """
    if text == "now":
        return NOW
    try:
        return Point(zxid=int(text, 16 if text.lower().startswith("0x") else 10))
    except ValueError:
        pass
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no point in time: give a zxid (0x1f or 31), a date"
            " (2026-01-31T12:00:00), or now"
        ) from None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return Point(time_ms=int(date.timestamp() * 1000))


def time_text(time_ms: int) -> str:
    """Milliseconds since 1970 as a date in UTC."""
    whole, rest = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"
