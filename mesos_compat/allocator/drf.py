"""Policy drf: hierarchical dominant resource fairness, Mesos's own and the default.

Source: HierarchicalAllocator with its role sorter and framework sorters. Either may be random
instead: then roles come early in proportion to their weights, and a role's frameworks all
alike, whatever they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from mesos_compat.allocator.policy import Policy
from mesos_compat.allocator.random_order import Below, draw, draw_weighted
from mesos_compat.allocator.state import Amounts, Candidate
from mesos_compat.allocator.tree import Node, SorterTree


class DominantResourceFairness(Policy):
    """Who has the smallest dominant share comes first."""

    name = "drf"
    passes = 1

    def __init__(
        self,
        below: Below,
        excluded_names: Iterable[str] = (),
        *,
        random_roles: bool = False,
        random_frameworks: bool = False,
    ) -> None:
        self.tree = SorterTree(lambda candidate: candidate.role, excluded_names)
        self._below = below
        self._random_roles = random_roles
        self._random_frameworks = random_frameworks
        self._leaf_weights: list[tuple[Node, int]] = []
        self._leaf_weights_version = -1

    def set_totals(self, totals: Amounts) -> None:
        """See :class:`Policy`."""
        self.tree.set_totals(totals)

    def set_weights(self, weights: Mapping[str, Fraction]) -> None:
        """See :class:`Policy`."""
        self.tree.set_weights(weights)

    def enter(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        self.tree.enter(candidate)

    def leave(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        self.tree.leave(candidate)

    def changed(self, candidate: Candidate, change: Amounts, *, picked: bool) -> None:
        """See :class:`Policy`."""
        self.tree.changed(candidate, change, picked=picked)

    def forget(self, candidate: Candidate) -> None:
        """See :class:`Policy`."""
        self.tree.forget(candidate)

    def order(self) -> Iterable[Candidate]:
        """See :class:`Policy`."""
        if not self._random_roles and not self._random_frameworks:
            return self.tree.order()
        return self._random_order()

    def standing(self, now_ms: int) -> list[Candidate]:  # noqa: ARG002
        """See :class:`Policy`. Nothing is drawn, so that the stream goes on as it would."""
        return list(self.tree.order())

    def _random_order(self) -> Iterator[Candidate]:
        leaves = (
            draw_weighted(self._weights(), self._below)
            if self._random_roles
            else self.tree.leaves()
        )
        for leaf in leaves:
            candidates = self.tree.frameworks_of(leaf)
            if self._random_frameworks:
                yield from draw(candidates, self._below)
            else:
                yield from candidates

    def _weights(self) -> list[tuple[Node, int]]:
        if self._leaf_weights_version != self.tree.members_version:
            self._leaf_weights = self.tree.leaf_weights()
            self._leaf_weights_version = self.tree.members_version
        return self._leaf_weights
