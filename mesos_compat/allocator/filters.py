"""Refusals: what a framework does not want to be offered again for a while.

Source: ``RefusedOfferFilter`` and ``RefusedInverseOfferFilter`` of HierarchicalAllocator, and
``Filters`` in mesos.proto. An offer is filtered when all of it was refused: more than what was
refused may be offered at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.allocator.interface import DEFAULT_REFUSE_MS, MAX_REFUSE_MS
from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2


def refuse_ms(filters: mesos_pb2.Filters, allocation_interval_ms: int) -> int:
    """How long a refusal lasts, in milliseconds; 0 when it is none.

    Negative values and what is no number mean the default, five seconds; more than 365 days
    means 365 days. A refusal lasts for at least one interval, or it would be over before the
    next run could heed it.
    """
    seconds = filters.refuse_seconds
    if seconds > MAX_REFUSE_MS / 1000:
        wanted_ms = MAX_REFUSE_MS
    elif seconds >= 0:
        # Rounded up, so that what is not quite nothing is something.
        wanted_ms = -int(-seconds * 1000 // 1)
    else:
        # Also what is no number, which compares with nothing.
        wanted_ms = DEFAULT_REFUSE_MS
    return max(wanted_ms, allocation_interval_ms) if wanted_ms else 0


@dataclass(slots=True, eq=False)
class Refusal:
    """One refused offer of one agent to one framework for one role."""

    refused: Resources  # unallocated
    expires_ms: int
    # The agent's generation in which ``refused`` was last found to hold all that is free
    # there, and the last one in which it was found not to; -1 for none. Every part of an offer
    # is free, so the first finding spares looking at the offer.
    all_refused_in: int = -1
    not_all_in: int = -1
    # An earlier refusal that may still count, newest first.
    older: Refusal | None = None

    def covers_free(self, free: Resources, generation: int) -> bool:
        """Whether all of ``free``, which is what the agent has in ``generation``, is refused."""
        if self.all_refused_in == generation:
            return True
        if self.not_all_in == generation:
            return False
        covered = self.refused.contains(free)
        if covered:
            self.all_refused_in = generation
        else:
            self.not_all_in = generation
        return covered


def refused_free(
    newest: Refusal | None, free: Resources, generation: int, now_ms: int
) -> Refusal | None:
    """The refusal, if there is one, that holds for anything that the agent may offer now."""
    while newest is not None:
        if newest.expires_ms > now_ms and newest.covers_free(free, generation):
            return newest
        newest = newest.older
    return None


def refused_offer(newest: Refusal | None, offer: Resources, now_ms: int) -> Refusal | None:
    """The refusal, if there is one, that holds for ``offer``."""
    while newest is not None:
        if newest.expires_ms > now_ms and newest.refused.contains(offer):
            return newest
        newest = newest.older
    return None


def with_refusal(
    newest: Refusal | None, refused: Resources, expires_ms: int, now_ms: int
) -> Refusal:
    """The refusals with one more, without those that are over or that it makes needless."""
    kept: list[Refusal] = []
    while newest is not None:
        outlived = newest.expires_ms <= expires_ms and refused.contains(newest.refused)
        if newest.expires_ms > now_ms and not outlived:
            kept.append(newest)
        newest = newest.older
    older: Refusal | None = None
    for refusal in reversed(kept):
        refusal.older = older
        older = refusal
    return Refusal(refused, expires_ms, older=older)


def count(newest: Refusal | None, now_ms: int) -> int:
    """How many refusals are not over."""
    number = 0
    while newest is not None:
        number += newest.expires_ms > now_ms
        newest = newest.older
    return number
