"""What makes one allocator differ from another: the order, and how much one may get now.

Everything else (quotas, reservations, filters, constraints, capabilities, maintenance) is the
same for all of them and is not a policy's business. What a policy does not care about it leaves
as it is here.
"""

# What does nothing here needs its arguments for those that do something.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Protocol

from mesos_compat.allocator.state import Amounts, Candidate


class Policy(Protocol):
    """Ranks candidates."""

    # The name that --allocator knows it by.
    name: str
    # How often a run goes over the agents; `allowance` is told which time it is.
    passes: int

    def set_totals(self, totals: Amounts) -> None:
        """All scalars of all agents, in thousandths, have changed to ``totals``."""
        return

    def set_weights(self, weights: Mapping[str, Fraction]) -> None:
        """The weights of roles that have one have changed to ``weights``."""
        return

    def enter(self, candidate: Candidate) -> None:
        """It wants offers from now on; ``wanting_number`` says in which order they came."""

    def leave(self, candidate: Candidate) -> None:
        """It wants no offers any more."""

    def changed(self, candidate: Candidate, change: Amounts, *, picked: bool) -> None:
        """What it holds has changed, by a run (``picked``) or otherwise."""
        return

    def forget(self, candidate: Candidate) -> None:
        """It holds nothing, wants nothing and is not subscribed any more."""
        return

    def requested(self, framework_id: str, amounts: Amounts | None) -> None:
        """The framework has asked for ``amounts``, or is gone and asks for nothing."""
        return

    def begin_run(self, now_ms: int) -> None:
        """A run begins."""
        return

    def order(self) -> Iterable[Candidate]:
        """Who wants offers, the first first; a run asks anew for each agent.

        The candidates may change what they hold while this is being iterated.
        """
        ...

    def standing(self, now_ms: int) -> list[Candidate]:
        """The order that a run at that time would begin with; asking changes nothing.

        Where chance decides, it is what the order would be without chance.
        """
        return list(self.order())

    def allowance(self, candidate: Candidate, pass_number: int) -> Amounts | None:
        """How much it may be offered now of plain scalars: of names that are not in it, all."""
        return None
