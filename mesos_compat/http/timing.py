"""How long things take that pure parts do, measured around them.

Source: libprocess's ``Timer``: the last value, how many there were, and percentiles of the
latest ones, in milliseconds.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from mesos_compat.allocator import Allocation, HierarchicalAllocator
from mesos_compat.ha.registries import RegistryStore
from mesos_compat.wire import link_pb2

_KEPT: Final = 1000
_PERCENTILES: Final = (
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p999", 0.999),
    ("p9999", 0.9999),
)


class Timer:
    """The durations of one thing; ``name`` is that of the metric."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._count = 0
        self._values_ms: deque[float] = deque(maxlen=_KEPT)

    def add(self, began_s: float) -> None:
        """Something that began then, on the counter of performance, has ended."""
        self._count += 1
        self._values_ms.append((time.perf_counter() - began_s) * 1000)

    def metrics(self) -> dict[str, float]:
        """All of it by name; nothing before the first, and no statistics of a single one."""
        if not self._values_ms:
            return {}
        if self._count == 1:
            return {self.name: self._values_ms[-1]}
        ordered = sorted(self._values_ms)
        found = {
            self.name: self._values_ms[-1],
            f"{self.name}/count": float(self._count),
            f"{self.name}/min": ordered[0],
            f"{self.name}/max": ordered[-1],
        }
        for suffix, share in _PERCENTILES:
            found[f"{self.name}/{suffix}"] = ordered[int(share * (len(ordered) - 1))]
        return found


class TimedAllocator(HierarchicalAllocator):
    """The allocator, whose runs are measured."""

    timer: Timer | None = None

    def allocate(self, now_ms: int) -> Allocation:
        """See :class:`~mesos_compat.allocator.Allocator`."""
        began_s = time.perf_counter()
        try:
            return super().allocate(now_ms)
        finally:
            if self.timer is not None:
                self.timer.add(began_s)


class TimedRegistry:
    """A registry whose reads and writes are measured."""

    def __init__(self, below: RegistryStore, fetched: Timer, stored: Timer) -> None:
        self._below = below
        self._fetched = fetched
        self._stored = stored

    async def fetch(self) -> link_pb2.Registry:
        """See :class:`~mesos_compat.ha.registries.RegistryStore`."""
        began_s = time.perf_counter()
        registry = await self._below.fetch()
        self._fetched.add(began_s)
        return registry

    async def store(self, registry: link_pb2.Registry) -> None:
        """See :class:`~mesos_compat.ha.registries.RegistryStore`."""
        began_s = time.perf_counter()
        await self._below.store(registry)
        self._stored.add(began_s)
