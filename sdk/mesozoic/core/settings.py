"""How patient a scheduler is, and what it does unasked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Mesos's own interval, for as long as no master has told another.
HEARTBEAT_INTERVAL_MS: Final = 15_000


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Times are in milliseconds but where Mesos has seconds."""

    # How long what nobody wanted is not offered again; new work clears it (REVIVE).
    refuse_seconds: float = 120.0
    # Offers that were neither used nor declined by then are declined.
    offer_hold_ms: int = 5_000
    # Whether an update is acknowledged as soon as its handler has returned.
    acknowledges: bool = True
    # Between implicit reconciliations; Mesos's documentation advises 15 minutes. 0 is never.
    reconcile_ms: int = 15 * 60 * 1000
    # Whether the master is asked after our tasks whenever we have subscribed.
    reconciles_tasks: bool = True
    # Between two questions for tasks of which nothing is heard: it doubles from one to the other.
    reconcile_retry_ms: int = 1_000
    reconcile_retry_max_ms: int = 60_000
    # Between attempts to subscribe: at most the first, doubling up to the second.
    backoff_ms: int = 100
    backoff_max_ms: int = 10_000
    # How long a master may take to answer SUBSCRIBE.
    subscribe_timeout_ms: int = 30_000
    # A stream that is silent for so many intervals of its heartbeats is lost.
    heartbeats_missed_max: int = 5
