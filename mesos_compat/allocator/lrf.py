"""Policy lrf: least resource first, the smallest demand before the greater ones.

A demand is what the framework last asked for with REQUEST; else the least offer that it wants
for the role (``offer_filters``); else, for want of anything better, what it holds already. Its
size is its dominant share of the cluster, ties go to the smaller sum of shares and then to the
longer wait.

Serving small demands first keeps the mean wait short, and would starve the great ones, so
demands age: one that has not been served for ``waited`` counts as ``size / (1 + waited / T)``.
A stated demand that a run has covered goes behind all that it has not: it gets more only of
what nobody else takes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from fractions import Fraction

from mesos_compat.allocator.policy import Policy
from mesos_compat.allocator.state import Amounts, Candidate, add_to

# Whether a stated demand is covered, aged size, aged sum, number of waiting, names.
_Place = tuple[bool, Fraction, Fraction, int, str, str, Candidate]


class LeastResourceFirst(Policy):
    """Who wants least comes first."""

    name = "lrf"
    passes = 1

    def __init__(self, ageing_ms: int) -> None:
        self._ageing_ms = ageing_ms
        self._totals: Amounts = {}
        self._now_ms = 0
        # Those who want offers, and when each was last served or began to wait; None until
        # the first run after it began.
        self._waiting_since_ms: dict[Candidate, int | None] = {}
        # What frameworks have asked for.
        self._requests: dict[str, Amounts] = {}
        # What was offered in this run.
        self._given: dict[Candidate, Amounts] = {}
        self._queue: list[_Place] = []
        self._places: dict[Candidate, _Place] = {}

    def set_totals(self, totals: Amounts) -> None:
        """See :class:`Policy`."""
        self._totals = {name: total for name, total in totals.items() if total > 0}

    def enter(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        self._waiting_since_ms[candidate] = None
        self._insert(candidate)

    def leave(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        self._remove(candidate)
        del self._waiting_since_ms[candidate]
        self._given.pop(candidate, None)

    def requested(self, framework_id: str, amounts: Amounts | None) -> None:
        """See :class:`Policy`."""
        if amounts:
            self._requests[framework_id] = amounts
        else:
            self._requests.pop(framework_id, None)

    def changed(self, candidate: Candidate, change: Amounts, *, picked: bool) -> None:
        """See :class:`Policy`."""
        if not picked or candidate not in self._waiting_since_ms:
            return
        self._waiting_since_ms[candidate] = self._now_ms
        add_to(self._given.setdefault(candidate, {}), change)
        self._remove(candidate)
        self._insert(candidate)

    def begin_run(self, now_ms: int) -> None:
        """See :class:`Policy`. Waits have grown and much else may have changed since the last."""
        self._now_ms = now_ms
        self._given.clear()
        for candidate, since_ms in self._waiting_since_ms.items():
            if since_ms is None:
                self._waiting_since_ms[candidate] = now_ms
        self._places = {
            candidate: self._place_of(candidate, now_ms, {}) for candidate in self._places
        }
        self._queue = sorted(self._places.values())

    def order(self) -> Iterable[Candidate]:
        """See :class:`Policy`."""
        return [place[6] for place in self._queue]

    def standing(self, now_ms: int) -> list[Candidate]:
        """See :class:`Policy`."""
        places = [self._place_of(candidate, now_ms, {}) for candidate in self._places]
        return [place[6] for place in sorted(places)]

    def _insert(self, candidate: Candidate) -> None:
        given = self._given.get(candidate, {})
        place = self._places[candidate] = self._place_of(candidate, self._now_ms, given)
        insort(self._queue, place)

    def _remove(self, candidate: Candidate) -> None:
        del self._queue[bisect_left(self._queue, self._places.pop(candidate))]

    def _place_of(self, candidate: Candidate, now_ms: int, given: Amounts) -> _Place:
        stated = self._stated_demand(candidate)
        covered = stated is not None and all(
            given.get(name, 0) >= amount for name, amount in stated.items()
        )
        size, whole = self._size(candidate.allocated if stated is None else stated)
        since_ms = self._waiting_since_ms[candidate]
        waited_ms = 0 if since_ms is None else now_ms - since_ms
        age = Fraction(self._ageing_ms, self._ageing_ms + waited_ms)
        return (
            covered, size * age, whole * age, candidate.wanting_number,
            candidate.framework_id, candidate.role, candidate,
        )  # fmt: skip

    def _stated_demand(self, candidate: Candidate) -> Amounts | None:
        requested = self._requests.get(candidate.framework_id)
        if requested is not None:
            return requested
        if not candidate.has_own_minimum or not candidate.minimum:
            return None
        least = min(candidate.minimum, key=lambda quantities: self._size(dict(quantities.items())))
        return dict(least.items())

    def _size(self, amounts: Amounts) -> tuple[Fraction, Fraction]:
        """Dominant share and sum of shares; what the cluster does not have counts as all."""
        shares = [
            Fraction(amount, self._totals.get(name, amount))
            for name, amount in amounts.items()
            if amount > 0
        ]
        return max(shares, default=Fraction(0)), sum(shares, Fraction(0))
