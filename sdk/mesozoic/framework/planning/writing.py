"""Which writes are on their way, and what waits for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.planning.actions import Change, Put, Write
from mesozoic.framework.planning.instances import Instance

#: What goes into one write: twice that goes into one of a store (ZooKeeper: 1 MiB).
_CHANGES_MAX: Final = 500
_BYTES_MAX: Final = 384 * 1024


@dataclass(slots=True)
class Plan:
    """What is launched on one agent as soon as it is written down."""

    offer_ids: tuple[str, ...]
    instances: list[tuple[Instance, list[mesos_pb2.Resource]]] = field(default_factory=list)


@dataclass(slots=True)
class Behind:
    """What waits for a write: plans, and statuses that are not acknowledged."""

    plans: list[Plan] = field(default_factory=list)
    statuses: list[mesos_pb2.TaskStatus] = field(default_factory=list)


class Writes:
    """Writes are numbered by tokens, and become durable in their order."""

    __slots__ = ("_behind", "last", "written")

    def __init__(self) -> None:
        self._behind: dict[int, Behind] = {}
        #: The token of the last write that was asked for, and of the last that is durable.
        self.last = 0
        self.written = 0

    @property
    def is_idle(self) -> bool:
        """Whether all is durable."""
        return not self._behind

    def ask(self, changes: tuple[Change, ...], behind: Behind) -> list[Write]:
        """Writes with all changes; what is ``behind`` waits for them, and those before."""
        parts = [*_parts(changes)]
        if not parts and (behind.plans or behind.statuses):
            parts.append(())
        asked = []
        for part in parts:
            self.last += 1
            self._behind[self.last] = Behind()
            asked.append(Write(self.last, part))
        if asked:
            self._behind[self.last] = behind
        return asked

    def done(self, token: int) -> Behind:
        """A write is durable; gives what has waited for it."""
        self.written = token
        return self._behind.pop(token)


def _parts(changes: tuple[Change, ...]) -> Iterator[tuple[Change, ...]]:
    """What is written at a time.

    A crash between two parts leaves nothing that is wrong: what is replaced stands before what
    replaces it.
    """
    part: list[Change] = []
    size = 0
    for change in changes:
        more = len(change.data) if isinstance(change, Put) else 0
        if part and (len(part) >= _CHANGES_MAX or size + more > _BYTES_MAX):
            yield tuple(part)
            part, size = [], 0
        part.append(change)
        size += more
    if part:
        yield tuple(part)
