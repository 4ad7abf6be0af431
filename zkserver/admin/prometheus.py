"""The figures of ``mntr`` for Prometheus, under the names that Apache's provider gives them.

Gauges and counters have the names of :mod:`zkserver.admin.figures`, summaries ``name_count``,
``name_sum`` and one sample for each quantile. Counters are of no type, since prometheus-client
would put ``_total`` behind their names; process figures come from it as they are (Apache has
the JVM's in their place). What is no number is not here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from zkserver.admin.figures import NamedSummary, plain_figures, summaries
from zkserver.admin.mntr_keys import COUNTERS
from zkserver.admin.status_view import StatusView

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_COUNTERS: Final = frozenset(COUNTERS)


class Figures(Collector):
    """What one view says; ``figures`` and ``of_summaries`` were read in the server's thread."""

    def __init__(
        self, figures: dict[str, int | float | str], of_summaries: list[NamedSummary]
    ) -> None:
        self._figures = figures
        self._summaries = of_summaries

    def collect(self) -> Iterator[Metric]:
        """All families, by the library's interface."""
        for name, value in self._figures.items():
            if isinstance(value, str):
                continue
            metric = Metric(name, name, "unknown" if name in _COUNTERS else "gauge")
            metric.add_sample(name, {}, value)
            yield metric
        for one in self._summaries:
            yield _family(one)


def _family(one: NamedSummary) -> Metric:
    summary = one.summary
    # Apache's keep no values either where nothing was observed in the last minutes.
    quantiles = {"0.5": summary.p50}
    if one.is_advanced:
        quantiles |= {"0.9": summary.p95, "0.99": summary.p99}
    metric = Metric(one.name, one.name, "summary")
    for quantile, value in quantiles.items():
        seen = value if one.is_advanced and summary.count else math.nan
        metric.add_sample(one.name, {"quantile": quantile}, seen)
    metric.add_sample(f"{one.name}_count", {}, summary.count)
    metric.add_sample(f"{one.name}_sum", {}, summary.total)
    return metric


def collector_of(view: StatusView) -> Figures:
    """What ``view`` says now, to be written out in any thread."""
    return Figures(plain_figures(view), summaries(view))


def exposition(figures: Figures, *, with_process: bool) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(figures)
    if with_process:
        makers: tuple[Callable[[CollectorRegistry], object], ...] = (
            lambda to: ProcessCollector(registry=to),
            lambda to: PlatformCollector(registry=to),
            GCCollector,
        )
        for make in makers:
            make(registry)
    return generate_latest(registry)
