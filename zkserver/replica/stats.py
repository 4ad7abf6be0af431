"""Counters of the whole server, as the four letter words and metrics show them."""

from __future__ import annotations


class ServerStats:
    """Requests received and answered, and how long the answers took, in milliseconds."""

    __slots__ = (
        "auth_failed",
        "ensemble_auth_failed",
        "ensemble_auth_passed",
        "ensemble_auth_skipped",
        "expired",
        "latency_max_ms",
        "latency_total_ms",
        "reads",
        "received",
        "rejected_connections",
        "sent_extra",
        "snapshots",
        "throttled",
        "writes",
    )

    def __init__(self) -> None:
        #: Requests that were put into a batch (reads behind writes included).
        self.received = 0
        self.reads = 0
        self.writes = 0
        #: Frames sent that answer no request: notifications and handshakes.
        self.sent_extra = 0
        self.expired = 0
        self.auth_failed = 0
        #: Clients that named our ensemble, another one, or none in particular.
        self.ensemble_auth_passed = self.ensemble_auth_failed = self.ensemble_auth_skipped = 0
        self.snapshots = 0
        #: How often a connection was not read for a while, since too many requests were waiting.
        self.throttled = 0
        self.rejected_connections = 0
        self.reset_latency()

    def reset_latency(self) -> None:
        """Start the latency figures anew (``srst``)."""
        self.latency_total_ms = self.latency_max_ms = 0

    def reset(self) -> None:
        """Start all of ``srst``'s figures anew."""
        self.received = self.reads = self.writes = self.sent_extra = 0
        self.reset_latency()

    def wrote(self, count: int, latency_ms: int) -> None:
        """``count`` writes were answered ``latency_ms`` after they came.

        Reads are answered within the millisecond in which they come and only counted.
        """
        self.writes += count
        self.latency_total_ms += count * latency_ms
        if latency_ms > self.latency_max_ms:
            self.latency_max_ms = latency_ms

    @property
    def average_latency_ms(self) -> float:
        """Mean latency of all answers."""
        answered = self.reads + self.writes
        return self.latency_total_ms / answered if answered else 0.0
