"""Which master to subscribe to, when, and whether it is still there. Pure.

Waits before attempts grow from ``backoff_ms`` to ``backoff_max_ms`` and are drawn between 0 and
that, so that the frameworks of a cluster do not return to a new master all at once (the
exponential backoff with full jitter that AWS's architects have measured). They begin anew with
another leader, and after a subscription that has lasted: a master that takes us and lets us go
at once must not be hammered.

A stream counts as lost when nothing at all has come of it for five heartbeats (the number that
Mesos's own scheduler library has).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from mesozoic.core.settings import HEARTBEAT_INTERVAL_MS, SchedulerSettings

_MS: Final = 1_000
#: Doublings beyond this many change nothing.
_DOUBLINGS_MAX: Final = 30


class Phase(Enum):
    """What there is of a subscription."""

    IDLE = "not started, or without a master"
    WAITING = "an attempt is due some time"
    CONNECTING = "SUBSCRIBE is sent"
    SAVING = "SUBSCRIBED has come, and the new framework id is being saved"
    SUBSCRIBED = "calls can be made"
    OVER = "the driver has ended"


class Subscription:
    """See the module. ``below(n)`` draws an integer from 0 to n - 1."""

    __slots__ = (
        "_attempts",
        "_below",
        "_deadline_ms",
        "_interval_ms",
        "_settings",
        "_subscribed_ms",
        "master",
        "phase",
        "stream",
    )

    def __init__(self, settings: SchedulerSettings, below: Callable[[int], int]) -> None:
        self._settings = settings
        self._below = below
        self.phase = Phase.IDLE
        #: Who is tried or subscribed to; None while nobody is known to lead.
        self.master: str | None = None
        #: Number of the last stream; 0 before the first.
        self.stream = 0
        # In WAITING when to try, while there is a stream when it is lost by silence.
        self._deadline_ms: int | None = None
        # Attempts since the last subscription that has lasted.
        self._attempts = 0
        self._interval_ms = HEARTBEAT_INTERVAL_MS
        self._subscribed_ms = 0

    @property
    def has_stream(self) -> bool:
        """Whether a stream is open, or being opened."""
        return self.phase in (Phase.CONNECTING, Phase.SAVING, Phase.SUBSCRIBED)

    @property
    def deadline_ms(self) -> int | None:
        """When :meth:`is_due` becomes true."""
        return self._deadline_ms

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time to connect, or the stream has been silent for too long."""
        return self._deadline_ms is not None and now_ms >= self._deadline_ms

    def is_current(self, stream: int) -> bool:
        """Whether what comes of this stream counts."""
        return self.has_stream and stream == self.stream

    def wait(self, now_ms: int) -> None:
        """Connect some time from now on, if a master is known."""
        if self.master is None:
            self.phase, self._deadline_ms = Phase.IDLE, None
            return
        self.phase = Phase.WAITING
        doublings = min(self._attempts, _DOUBLINGS_MAX)
        bound_ms = min(self._settings.backoff_ms << doublings, self._settings.backoff_max_ms)
        self._attempts += 1
        self._deadline_ms = now_ms + self._below(bound_ms + 1)

    def connect_now(self, now_ms: int) -> None:
        """A master was found for the first time: nobody else comes with us."""
        self.phase, self._deadline_ms = Phase.WAITING, now_ms

    def begin_anew(self) -> None:
        """Somebody else leads: that others have failed means nothing."""
        self._attempts = 0

    def connecting(self, now_ms: int) -> int:
        """SUBSCRIBE is being sent; gives the number of the new stream."""
        self.phase = Phase.CONNECTING
        self.stream += 1
        self._deadline_ms = now_ms + self._settings.subscribe_timeout_ms
        return self.stream

    def heard(self, now_ms: int) -> None:
        """Something has come of the stream."""
        silence_ms = self._settings.heartbeats_missed_max * self._interval_ms
        self._deadline_ms = now_ms + silence_ms
        lasted_ms = now_ms - self._subscribed_ms
        if self.phase is Phase.SUBSCRIBED and lasted_ms >= self._settings.backoff_max_ms:
            self._attempts = 0

    def saving(self, heartbeat_interval_seconds: float, now_ms: int) -> None:
        """SUBSCRIBED has come. An interval of no use is taken for Mesos's own."""
        self.phase = Phase.SAVING
        is_usable = 0 < heartbeat_interval_seconds < float("inf")
        interval_ms = round(heartbeat_interval_seconds * _MS) if is_usable else 0
        self._interval_ms = interval_ms or HEARTBEAT_INTERVAL_MS
        self.heard(now_ms)

    def subscribed(self, now_ms: int) -> int:
        """Calls can be made; gives the interval of heartbeats in milliseconds."""
        self.phase = Phase.SUBSCRIBED
        self._subscribed_ms = now_ms
        return self._interval_ms

    def end(self) -> None:
        """Nothing is done any more."""
        self.phase, self._deadline_ms = Phase.OVER, None
