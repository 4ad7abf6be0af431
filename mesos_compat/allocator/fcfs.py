"""Policy fcfs: first come, first served.

Demands queue by the time at which a framework began to want offers for a role: when it
subscribed, revived or came back. The head of the queue is served as long as it accepts; those
behind it get what it has refused, suppressed or cannot take. There are no shares, so a
framework that accepts everything starves the others: that is this policy's known defect.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from mesos_compat.allocator.policy import Policy
from mesos_compat.allocator.state import Candidate

_Place = tuple[int, str, str, Candidate]


class FirstComeFirstServed(Policy):
    """Who has wanted offers for longest comes first."""

    name = "fcfs"
    passes = 1

    def __init__(self) -> None:
        self._queue: list[_Place] = []

    def enter(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        insort(self._queue, _place_of(candidate))

    def leave(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        del self._queue[bisect_left(self._queue, _place_of(candidate))]

    def order(self) -> Iterable[Candidate]:
        """See :class:`Policy`. What somebody holds does not matter, so this is no copy."""
        return (place[3] for place in self._queue)


def _place_of(candidate: Candidate) -> _Place:
    return candidate.wanting_number, candidate.framework_id, candidate.role, candidate
