"""Alternates the servers: under load within each case, otherwise stage by stage.

A machine's speed changes from minute to minute, by a third where it is shared with others.
So all contestants' servers are kept ready, all but one of them stopped, and each case is
measured on all of them one right after the other; the order turns with each lap.

Variants of Apache's server:

``default``  its defaults, pinned to one core like ours.
``tuned``    with ``zookeeper.nio.numWorkerThreads=0``: its selector threads do the reading and
             writing themselves, which saves it a hand-over for each request on one core.
``both``     Apache's and ours anew, each free to use all cores, and the load as well.

Of ensembles there is one variant: all servers and the load share all cores, for with two of
them there is no other way to place three servers that would favour none.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.bench.cases import Stage, Unit
from conformance.bench.measure import Contestant, LoadedServer, Measurement, Plan, Sample
from conformance.bench.subjects import PAUSE_SETTINGS, OneServer, Subject, WholeEnsemble
from conformance.ensembles import ENSEMBLES
from conformance.servers import SERVERS, ApacheServer, ServerUnavailable

VARIANTS = ("default", "tuned", "both")
OURS, APACHE, TUNED = "ours", "apache", "apache-tuned"
OURS_BOTH, APACHE_BOTH = "ours-both", "apache-both"
_TUNING = "-Dzookeeper.nio.numWorkerThreads=0"


@dataclass(slots=True)
class Results:
    """All samples, in the order they were taken, and what each contestant's server is."""

    samples: list[Sample]
    versions: dict[str, str]

    def values(self, contestant: str, case: str) -> list[float]:
        """The figures of one contestant in one case, as taken; failed ones are left out."""
        return [
            sample.value
            for sample in self.samples
            if (sample.contestant, sample.case) == (contestant, case) and sample.value is not None
        ]

    def pairs(self, ours: str, theirs: str, case: str) -> list[tuple[float, float]]:
        """The figures of two contestants that were taken one right after the other.

        Where one of the two failed, both are left out.
        """
        taken: dict[str, list[float | None]] = {ours: [], theirs: []}
        for sample in self.samples:
            if sample.case == case and sample.contestant in taken:
                taken[sample.contestant].append(sample.value)
        return [
            (mine, other)
            for mine, other in zip(taken[ours], taken[theirs], strict=False)
            if mine is not None and other is not None
        ]

    def figures(self, contestant: str, case: str, name: str) -> list[float]:
        """A named figure of the load generator, such as ``p99_us``, where it was given."""
        return [
            sample.figures[name]
            for sample in self.samples
            if (sample.contestant, sample.case) == (contestant, case) and name in sample.figures
        ]


def contestants(variants: Sequence[str], ours: str = "mesozoic") -> tuple[Contestant, ...]:
    """Those that ``variants`` ask for; ``ours`` names the server under test (a key of SERVERS)."""

    def make_ours(data: Path, cpus: set[int] | None) -> Subject:
        return OneServer(SERVERS[ours](data_dir=data, cpus=cpus))

    def make_apache(data: Path, cpus: set[int] | None) -> Subject:
        return OneServer(ApacheServer(data_dir=data, cpus=cpus))

    def make_tuned(data: Path, cpus: set[int] | None) -> Subject:
        options = ("-Xmx1000m", _TUNING)
        return OneServer(ApacheServer(jvm_options=options, data_dir=data, cpus=cpus))

    chosen: list[Contestant] = []
    if "default" in variants or "tuned" in variants:
        chosen.append(Contestant(OURS, make_ours))
    if "default" in variants:
        chosen.append(Contestant(APACHE, make_apache))
    if "tuned" in variants:
        chosen.append(Contestant(TUNED, make_tuned))
    if "both" in variants:
        chosen.append(Contestant(OURS_BOTH, make_ours, pinned=False))
        chosen.append(Contestant(APACHE_BOTH, make_apache, pinned=False))
    return tuple(chosen)


def ensemble_contestants(servers: int, ours: str = "mesozoic") -> tuple[Contestant, ...]:
    """Ensembles of so many servers, ours and Apache's; nothing of them is pinned to a core."""

    def make(kind: str, data: Path, cpus: set[int] | None) -> Subject:
        settings = PAUSE_SETTINGS if kind == "apache" else None
        return WholeEnsemble(ENSEMBLES[kind](servers, data_dir=data, cpus=cpus, settings=settings))

    return tuple(
        Contestant(name, functools.partial(make, kind), pinned=False)
        for name, kind in ((OURS, ours), (APACHE, "apache"))
    )


def plan_for(contestant: Contestant, plan: Plan) -> Plan:
    """What of ``plan`` the contestant takes part in: variants only run what they could change."""
    if contestant.name == TUNED:
        # A tuned selector changes throughput; memory and starting stay as they are.
        cases = tuple(c for c in plan.cases if c.stage is Stage.LOADED and c.unit is Unit.OPS)
    elif not contestant.pinned:
        cases = plan.of_stage(Stage.LOADED)
    else:
        return plan
    return replace(plan, cases=cases)


def run_rounds(
    rounds: int,
    entrants: Sequence[Contestant],
    plan: Plan,
    data_parent: Path,
    tell: Callable[[int, str, str], None],
    took: Callable[[Sample], None],
) -> Results:
    """All rounds. ``tell`` gets round, contestant and what begins; ``took`` each sample.

    One server runs at a time. Every second round and lap goes backwards, so that what changes
    slowly on the machine does not always meet the same server first.
    """
    results = Results([], {})

    def keep(samples: Iterable[Sample]) -> None:
        for sample in samples:
            results.samples.append(sample)
            took(sample)

    data_parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=data_parent) as data_root:
        for number in range(1, rounds + 1):
            measurements = [
                Measurement(
                    entrant,
                    plan_for(entrant, plan),
                    number,
                    Path(data_root),
                    functools.partial(tell, number, entrant.name),
                )
                for entrant in (entrants if number % 2 else tuple(reversed(entrants)))
            ]
            keep(_under_load(measurements, plan))
            for measurement in measurements:
                keep(measurement.samples())
                if measurement.version:
                    results.versions[measurement.contestant.name] = measurement.version
    return results


def _under_load(measurements: Sequence[Measurement], plan: Plan) -> Iterator[Sample]:
    """The cases under load: all servers ready, each case on all of them in turn, lap by lap."""
    with contextlib.ExitStack() as stack:
        servers: list[LoadedServer] = []
        for measurement in measurements:
            cases = measurement.plan.of_stage(Stage.LOADED)
            if not cases:
                continue
            try:
                servers.append(stack.enter_context(measurement.loaded()))
            except ServerUnavailable:
                raise
            except (RuntimeError, OSError) as error:
                yield from (measurement.failed(case, error) for case in cases)
        for case in plan.of_stage(Stage.LOADED):
            # What a server shows only once, at its start, is not repeated.
            for lap in range(plan.laps if case.is_load else 1):
                for server in servers if lap % 2 == 0 else reversed(servers):
                    if case in server.measurement.plan.cases:
                        yield server.measure(case)


def samples_expected(rounds: int, entrants: Sequence[Contestant], plan: Plan) -> int:
    """How many samples :func:`run_rounds` takes, if nothing fails."""
    cases = [case for entrant in entrants for case in plan_for(entrant, plan).cases]
    return rounds * sum(plan.laps if case.is_load else 1 for case in cases)


def matching_variants(names: str) -> tuple[str, ...]:
    """``default,tuned`` as a tuple; raises ``ValueError`` that names the variants there are."""
    wanted = tuple(name.strip() for name in names.split(",") if name.strip())
    for name in wanted:
        if not any(fnmatch.fnmatch(variant, name) for variant in VARIANTS):
            raise ValueError(f"there is no variant {name!r}; choose from {', '.join(VARIANTS)}")
    return tuple(v for v in VARIANTS if any(fnmatch.fnmatch(v, name) for name in wanted))
