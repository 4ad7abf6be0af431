"""Alternates the servers: each round takes every contestant once, in turning order.

Variants of Apache's server:

``default``  its defaults, pinned to one core like ours.
``tuned``    with ``zookeeper.nio.numWorkerThreads=0``: its selector threads do the reading and
             writing themselves, which saves it a hand-over for each request on one core.
``both``     Apache's and ours anew, each free to use all cores, and the load as well.
"""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.bench.cases import Stage, Unit
from conformance.bench.measure import Contestant, Measurement, Plan, Sample
from conformance.servers import SERVERS, ApacheServer, ZooKeeperProcess

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
        """The figures of one contestant in one case, one a round; failed ones are left out."""
        return [
            sample.value
            for sample in self.samples
            if (sample.contestant, sample.case) == (contestant, case) and sample.value is not None
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

    def start_ours(data: Path, cpus: set[int] | None) -> ZooKeeperProcess:
        return SERVERS[ours](data_dir=data, cpus=cpus)

    def start_apache(data: Path, cpus: set[int] | None) -> ZooKeeperProcess:
        return ApacheServer(data_dir=data, cpus=cpus)

    def start_tuned(data: Path, cpus: set[int] | None) -> ZooKeeperProcess:
        options = ("-Xmx1000m", _TUNING)
        return ApacheServer(jvm_options=options, data_dir=data, cpus=cpus)

    chosen: list[Contestant] = []
    if "default" in variants or "tuned" in variants:
        chosen.append(Contestant(OURS, start_ours))
    if "default" in variants:
        chosen.append(Contestant(APACHE, start_apache))
    if "tuned" in variants:
        chosen.append(Contestant(TUNED, start_tuned))
    if "both" in variants:
        chosen.append(Contestant(OURS_BOTH, start_ours, pinned=False))
        chosen.append(Contestant(APACHE_BOTH, start_apache, pinned=False))
    return tuple(chosen)


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

    One server runs at a time. Every second round goes backwards, so that what changes slowly
    on the machine does not always meet the same server first.
    """
    results = Results([], {})
    data_parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=data_parent) as data_root:
        for number in range(1, rounds + 1):
            for entrant in entrants if number % 2 else tuple(reversed(entrants)):
                part = plan_for(entrant, plan)

                def tell_of(what: str, number: int = number, name: str = entrant.name) -> None:
                    tell(number, name, what)

                measurement = Measurement(entrant, part, number, Path(data_root), tell_of)
                for sample in measurement.samples():
                    results.samples.append(sample)
                    took(sample)
                if measurement.version:
                    results.versions[entrant.name] = measurement.version
    return results


def matching_variants(names: str) -> tuple[str, ...]:
    """``default,tuned`` as a tuple; raises ``ValueError`` that names the variants there are."""
    wanted = tuple(name.strip() for name in names.split(",") if name.strip())
    for name in wanted:
        if not any(fnmatch.fnmatch(variant, name) for variant in VARIANTS):
            raise ValueError(f"there is no variant {name!r}; choose from {', '.join(VARIANTS)}")
    return tuple(v for v in VARIANTS if any(fnmatch.fnmatch(v, name) for name in wanted))
