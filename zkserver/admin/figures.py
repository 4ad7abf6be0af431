"""What ``mntr``, the AdminServer's ``monitor`` and Prometheus tell alike: names and values.

One function gathers them, so the three cannot differ. Names are Apache's, without ``zk_``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

from zkserver.admin.mntr_keys import ADVANCED_SUMMARIES, BASIC_SUMMARIES, COUNTERS, GAUGES
from zkserver.admin.status_view import StatusView, Summary

_EMPTY = Summary()


@dataclass(frozen=True, slots=True)
class NamedSummary:
    """One summary; an advanced one has percentiles."""

    name: str
    summary: Summary
    is_advanced: bool

    def values(self) -> Iterator[tuple[str, int | float]]:
        """Its keys and their values, in Apache's order."""
        name, summary = self.name, self.summary
        yield f"avg_{name}", summary.total / summary.count if summary.count else 0.0
        yield f"min_{name}", summary.minimum
        yield f"max_{name}", summary.maximum
        yield f"cnt_{name}", summary.count
        yield f"sum_{name}", summary.total
        if self.is_advanced:
            yield f"p50_{name}", summary.p50
            yield f"p95_{name}", summary.p95
            yield f"p99_{name}", summary.p99
            yield f"p999_{name}", summary.p999


def plain_figures(view: StatusView) -> dict[str, int | float | str]:
    """Everything but the summaries; what says who the server is comes first."""
    return {
        "version": view.version,
        "server_state": view.state,
        **_peer_figures(view),
        "num_alive_connections": view.connection_count,
        "avg_latency": float(view.avg_latency_ms),
        "outstanding_requests": view.outstanding,
        "znode_count": view.node_count,
        "packets_sent": view.sent,
        "packets_received": view.received,
        "min_latency": view.min_latency_ms,
        "max_latency": view.max_latency_ms,
        **GAUGES,
        **dict.fromkeys(COUNTERS, 0),
        **view.figures(),
    }


def summaries(view: StatusView) -> list[NamedSummary]:
    """All summaries; those of which nothing was observed are empty."""
    observed = dict(view.summaries())
    found = [NamedSummary(name, observed.pop(name, _EMPTY), False) for name in BASIC_SUMMARIES]
    found += [NamedSummary(name, observed.pop(name, _EMPTY), True) for name in ADVANCED_SUMMARIES]
    # What is left is keyed by a namespace, such as app_read_per_namespace.
    return found + [NamedSummary(name, summary, False) for name, summary in observed.items()]


def monitored(view: StatusView) -> dict[str, int | float | str]:
    """All of it, as ``mntr`` and ``monitor`` list it."""
    found = plain_figures(view)
    for one in summaries(view):
        found.update(one.values())
    return found


def _peer_figures(view: StatusView) -> dict[str, int | str]:
    peer = view.peer
    if peer is None or view.read_only:
        return {}
    found: dict[str, int | str] = {"peer_state": peer.state}
    if peer.observer_master_id is not None:
        found["observer_master_id"] = peer.observer_master_id
    if view.proposal_bytes is not None:
        found["last_proposal_size"], found["min_proposal_size"], found["max_proposal_size"] = (
            view.proposal_bytes
        )
    return found


def java_double(number: float) -> str:
    """``number`` as Java's Double.toString writes it after rounding to four decimals."""
    rounded = floor(number * 10_000 + 0.5) / 10_000
    # Double.toString turns to computer notation below 0.001 and from ten million on.
    if rounded != 0 and not 1e-3 <= abs(rounded) < 1e7:
        mantissa, _, exponent = f"{rounded:.16e}".partition("e")
        for digits in range(1, 17):
            mantissa = f"{rounded:.{digits}e}".partition("e")[0]
            if float(f"{mantissa}e{exponent}") == rounded:
                break
        return f"{mantissa}E{int(exponent)}"
    return repr(float(rounded))
