"""Is there an order in which a register could have done all this?

The search of Wing and Gong, with Lowe's memory of what was tried ("Testing for
linearizability", 2017): pick an operation that may come first, since none that is left had
ended before it began; apply it to the state; go on with the rest; go back when stuck. What
was never answered may have happened at any time after it began, or not at all.

Each znode is a register of its own: histories of different znodes are searched apart, as
linearizability allows. Reads count only behind a ``sync`` of their own client, since
others may be old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from zkserver.sim.model import Seen
from zkserver.sim.world import Violation
from zkserver.wire.opcodes import Code

if TYPE_CHECKING:
    from zkserver.sim.client import Call

#: States looked at before a history is given up as too wide to decide.
_STATES_MAX: Final = 50_000
_KINDS: Final = ("create", "delete", "set", "cset", "syncget")
_PREFIX: Final = "/r"


class Register(NamedTuple):
    """The state of a znode; ``data`` is None when there is none."""

    data: bytes | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """An operation on a register, with its answer."""

    kind: str
    begun: int
    #: None: it was never answered.
    ended: int | None
    data: bytes = b""
    #: What a cset demands; -1 for any.
    version: int = -1
    code: int = 0
    #: (data, version) that a read returned; None: no such znode.
    value: tuple[bytes, int] | None = None


def step(state: Register, event: Event) -> tuple[int, Register]:
    """What an operation answers in a state, and the state behind it."""
    if event.kind == "create":
        if state.data is not None:
            return Code.NODE_EXISTS, state
        return 0, Register(event.data, 0)
    if state.data is None:
        return Code.NO_NODE, state
    if event.kind == "delete":
        return 0, Register()
    if event.kind == "syncget":
        return 0, state
    if event.version not in (-1, state.version):
        return Code.BAD_VERSION, state
    return 0, Register(event.data, state.version + 1)


def fits(state: Register, event: Event) -> Register | None:
    """The state behind an operation that happens in ``state``; None if it told otherwise."""
    code, after = step(state, event)
    if event.ended is None:
        return after
    if code != event.code:
        return None
    if event.kind == "syncget" and not code and (state.data, state.version) != event.value:
        return None
    return after


def is_linearizable(events: list[Event]) -> bool | None:
    """Whether there is an order; None when the search was given up."""
    events = sorted(events, key=lambda event: event.begun)
    whole = (1 << len(events)) - 1
    needed = sum(1 << n for n, event in enumerate(events) if event.ended is not None)
    stack: list[tuple[int, Register]] = [(0, Register())]
    tried = {stack[0]: None}
    while stack:
        done, state = stack.pop()
        if done & needed == needed:
            return True
        for number in _candidates(events, done, whole):
            after = fits(state, events[number])
            if after is None:
                continue
            following = (done | 1 << number, after)
            if following not in tried:
                if len(tried) >= _STATES_MAX:
                    return None
                tried[following] = None
                stack.append(following)
    return False


def _candidates(events: list[Event], done: int, whole: int) -> list[int]:
    """What may come next: nothing that is left ended before it began."""
    found: list[int] = []
    first_end: int | None = None
    left = whole & ~done
    while left:
        number = (left & -left).bit_length() - 1
        left &= left - 1
        event = events[number]
        if first_end is not None and event.begun > first_end:
            # They are sorted by when they began, so no later one can come next either.
            break
        found.append(number)
        if event.ended is not None and (first_end is None or event.ended < first_end):
            first_end = event.ended
    return [number for number in found if first_end is None or events[number].begun <= first_end]


def event_of(call: Call) -> Event:
    """A call as an event of its register."""
    value = call.value
    seen = (value.data, value.version) if isinstance(value, Seen) else None
    # What a session was too late for never happens.
    version = call.version if call.kind == "cset" else -1
    return Event(call.kind, call.begun_us, call.ended_us, call.data, version, call.code, seen)


def check_registers(calls: Iterable[Call]) -> int:
    """Raise :class:`Violation` for a register without an order; how many were undecided."""
    registers: dict[str, list[Event]] = {}
    for call in calls:
        if not call.path.startswith(_PREFIX) or call.kind not in _KINDS:
            continue
        if call.code in (Code.SESSION_EXPIRED, Code.SESSION_MOVED):
            continue
        if call.ended_us is None and call.kind == "syncget":
            continue
        registers.setdefault(call.path, []).append(event_of(call))
    undecided = 0
    for path, events in sorted(registers.items()):
        found = is_linearizable(events)
        undecided += found is None
        if found is False:
            raise Violation("linearizability", f"no order explains what clients saw of {path}")
    return undecided
