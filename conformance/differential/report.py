"""What was compared and what differed, in words that lead to the cause."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from conformance.differential.normal import Item, Reply

_HISTORY = 20


class TooManyDifferencesError(Exception):
    """The segment has shown enough; the states have probably drifted apart."""


@dataclass(slots=True)
class Report:
    """Counts, the last operations, and every difference as text."""

    names: tuple[str, str]
    #: How many differences end a segment.
    limit: int
    operations: int = 0
    #: Everything compared: replies, notifications, handshakes, znodes.
    comparisons: int = 0
    notifications: int = 0
    by_operation: Counter[str] = field(default_factory=Counter)
    by_error: Counter[int] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    #: A short signature of each difference, to tell how many kinds there are.
    kinds: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    segment: str = ""
    _segment_differences: int = 0
    _history: deque[str] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    def begin_segment(self, title: str) -> None:
        """A new pair of servers; ``title`` says how to make the same one again."""
        self.segment = title
        self._segment_differences = 0
        self._history.clear()

    def did(self, session: str, what: str, kind: str, *, counted: bool = True) -> None:
        """One operation is about to be sent; those of the tree walk are not counted."""
        if counted:
            self.operations += 1
            self.by_operation[kind] += 1
        self._history.append(f"#{self.operations} {session}: {what}")

    def compared(self, item: Item) -> None:
        """One item was the same on both."""
        self.comparisons += 1
        if isinstance(item, Reply):
            self.by_error[item.err] += 1
        else:
            self.notifications += 1

    def differs(self, where: str, kind: str, first: object, second: object) -> None:
        """Two answers differ; raises :class:`TooManyDifferencesError` at the limit."""
        self.kinds[kind] += 1
        self._segment_differences += 1
        text = [
            f"DIFFERENCE at operation {self.operations} of {self.segment}",
            f"  {where}",
            f"  {self.names[0]}: {_shown(first)}",
            f"  {self.names[1]}: {_shown(second)}",
            "  the last operations:",
            *(f"    {line}" for line in self._history),
        ]
        self.differences.append("\n".join(text))
        if self._segment_differences >= self.limit:
            raise TooManyDifferencesError

    def summary(self) -> str:
        """What was compared, in a few lines."""
        errors = ", ".join(f"{code}: {count}" for code, count in sorted(self.by_error.items()))
        kinds = ", ".join(f"{name}: {count}" for name, count in sorted(self.by_operation.items()))
        lines = [
            f"{self.operations} operations, {self.comparisons} answers compared, "
            f"{self.notifications} of them notifications",
            f"operations: {kinds}",
            f"error codes of the replies that were equal: {errors}",
        ]
        lines += [f"known difference: {name}: {count}" for name, count in self.known.items()]
        lines += [f"DIFFERENT: {name}: {count}" for name, count in self.kinds.most_common()]
        lines.append(f"{len(self.differences)} differences")
        return "\n".join(lines)


def kind_of(first: Item | None, second: Item | None) -> str:
    """A signature for counting: the operation and what it answered on either side."""
    sides = []
    name = ""
    for item in (first, second):
        if isinstance(item, Reply):
            name = name or (item.request.name if item.request else "an unasked reply")
            sides.append(f"err {item.err}")
        else:
            sides.append(type(item).__name__.lower() if item else "nothing")
    return f"{name or 'stream'}: {sides[0]} / {sides[1]}"


def _shown(value: object) -> str:
    if isinstance(value, Reply):
        return f"{value.request}: xid {value.xid} zxid {value.zxid} err {value.err} {value.body!r}"
    return repr(value)
