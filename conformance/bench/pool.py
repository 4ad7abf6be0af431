"""A pool's calls beside those of Dask's own cluster on this machine.

Both have the same number of worker processes with one thread each, and run a function that does
nothing: what is measured is what a call costs. They take turns; each has run the load before.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from distributed import Client, LocalCluster

from conformance.mesos.cluster import Cluster
from mesozoic.pool import MesosPoolExecutor

_LATENCY_CALLS: Final = 300


def nothing(number: int) -> int:
    """What is called."""
    return number


@dataclass(frozen=True)
class Figures:
    """Of one round: calls a second when all are handed over at once, and a call's median time."""

    calls_per_s: float
    median_us: float


@dataclass(frozen=True)
class Subject:
    """Who is measured: one call, and many at once, each as its users are told to make them."""

    call: Callable[[int], int]
    call_all: Callable[[range], list[int]]


@contextmanager
def _pool(workers: int) -> Iterator[Subject]:
    resources = {"cpus": 0.5, "mem": 128.0}
    with (
        Cluster() as cluster,
        MesosPoolExecutor(
            cluster.zk_url, workers, min_workers=workers, resources=resources
        ) as pool,
    ):
        yield Subject(
            lambda number: pool.submit(nothing, number).result(),
            lambda numbers: [
                future.result() for future in [pool.submit(nothing, n) for n in numbers]
            ],
        )


@contextmanager
def _dask(workers: int) -> Iterator[Subject]:
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):

        def call_all(numbers: range) -> list[int]:
            # Not pure: each is to be run, as a pool does.
            gathered: list[int] = client.gather(client.map(nothing, numbers, pure=False))
            return gathered

        yield Subject(
            lambda number: int(client.submit(nothing, number, pure=False).result()), call_all
        )


def _measure(subject: Subject, calls: int) -> Figures:
    began = time.perf_counter()
    results = subject.call_all(range(calls))
    took_s = time.perf_counter() - began
    if results != list(range(calls)):
        raise RuntimeError("a call was answered by the result of another")
    times = []
    for number in range(_LATENCY_CALLS):
        began = time.perf_counter()
        subject.call(number)
        times.append(time.perf_counter() - began)
    return Figures(calls / took_s, statistics.median(times) * 1e6)


def compare(
    say: Callable[[str], None], *, workers: int, calls: int, rounds: int
) -> dict[str, list[Figures]]:
    """Measure both in turn; ``say`` hears each figure. By name, the figures of each round."""
    found: dict[str, list[Figures]] = {"pool": [], "dask": []}
    with ExitStack() as stack:
        subjects = {
            "pool": stack.enter_context(_pool(workers)),
            "dask": stack.enter_context(_dask(workers)),
        }
        for subject in subjects.values():
            _measure(subject, calls)
        for number in range(rounds):
            order = list(subjects) if number % 2 else list(reversed(subjects))
            for name in order:
                figures = _measure(subjects[name], calls)
                found[name].append(figures)
                say(
                    f"round {number + 1}, {name}: {figures.calls_per_s:,.0f} calls/s,"
                    f" {figures.median_us:,.0f} us a call"
                )
    return found


def summary(found: dict[str, list[Figures]]) -> str:
    """Medians of both, and the ratios of the pool to Dask."""

    def median(name: str, value: Callable[[Figures], float]) -> float:
        return statistics.median(map(value, found[name]))

    rates = {name: median(name, lambda one: one.calls_per_s) for name in found}
    times = {name: median(name, lambda one: one.median_us) for name in found}
    lines = [f"{name}: {rates[name]:,.0f} calls/s, {times[name]:,.0f} us a call" for name in found]
    lines.append(
        f"pool to dask: {rates['pool'] / rates['dask']:.2f} times the calls,"
        f" {times['pool'] / times['dask']:.2f} of the time of one"
    )
    return "\n".join(lines)
