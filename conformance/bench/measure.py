"""Takes one server through its cases, on fresh processes and directories for each stage.

A stage yields a :class:`Sample` for each case as soon as it is known. A case that fails is a
sample with an ``error``, and the cases after it are still measured.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from conformance.bench import loadgen, machine
from conformance.bench.cases import Case, Stage, Unit
from conformance.bench.loadgen import Figures, LoadError
from conformance.servers import ServerUnavailable, ZooKeeperProcess

#: The load that warms a server up: reads, writes and new sessions, for equal times.
_WARM_UP_MODES = ("get", "set", "mix", "crdel", "multi2", "children", "exists", "connect")
#: Memory is read after the server had this long to settle.
_SETTLE_S = 1.0
#: Apache's memory still grows for some seconds after thousands of sessions were opened.
_IDLE_SETTLE_S = 5.0
_FIRST_ANSWER_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server under a name; ``start`` makes it from a data directory and a set of cores.

    A ``pinned`` one runs on one core with the load on the other; else both use all cores.
    """

    name: str
    start: Callable[[Path, set[int] | None], ZooKeeperProcess]
    pinned: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how large; times in seconds."""

    cases: tuple[Case, ...]
    seconds: float
    case_warm_up_s: float
    server_warm_up_s: float
    fanout_rounds: int
    watchers: int
    idle_sessions: int
    znodes: int

    def of_stage(self, stage: Stage) -> tuple[Case, ...]:
        """The plan's cases of that stage, in order."""
        return tuple(case for case in self.cases if case.stage is stage)


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of one contestant in one round, in the case's unit; None with an ``error``."""

    contestant: str
    round: int
    case: str
    value: float | None
    figures: Figures = field(default_factory=dict)
    error: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


class Measurement:
    """One contestant's round. ``tell`` is called with what is about to be measured."""

    def __init__(
        self,
        contestant: Contestant,
        plan: Plan,
        round_number: int,
        data_root: Path,
        tell: Callable[[str], None],
    ) -> None:
        self.contestant = contestant
        self.plan = plan
        self.round = round_number
        self.data_root = data_root
        self.tell = tell
        #: What the server called itself, once it ran.
        self.version = ""
        server_core, load_core = machine.cores()
        self._server_cpus = {server_core} if contestant.pinned else None
        self._load_cpus = {load_core} if contestant.pinned else None

    def samples(self) -> Iterator[Sample]:
        """Measure everything; what the servers wrote is removed stage by stage."""
        # The polling for the server's start happens in this process: off the server's core.
        own_cpus = self._load_cpus or os.sched_getaffinity(0)
        stages = {
            Stage.LOADED: self._loaded,
            Stage.IDLE: self._idle,
            Stage.FILLED: self._filled,
        }
        with machine.affinity(own_cpus):
            for stage, measured in stages.items():
                if not self.plan.of_stage(stage):
                    continue
                data = self.data_root / f"{self.round}-{self.contestant.name}-{stage.value}"
                try:
                    yield from self._staged(stage, measured(data))
                finally:
                    shutil.rmtree(data, ignore_errors=True)
                    # What this server left in the page cache is not the next one's to write.
                    os.sync()

    def _staged(self, stage: Stage, measured: Iterator[Sample]) -> Iterator[Sample]:
        """The stage's samples; if its server fails, errors for the cases that were left."""
        left = {case.key: case for case in self.plan.of_stage(stage)}
        try:
            for sample in measured:
                del left[sample.case]
                yield sample
        except ServerUnavailable:
            raise
        except (RuntimeError, OSError) as error:
            for case in left.values():
                yield self._failed(case, error)

    def _sample(self, case: Case, value: float, figures: Figures | None = None) -> Sample:
        return Sample(self.contestant.name, self.round, case.key, value, figures or {})

    def _failed(self, case: Case, error: Exception) -> Sample:
        return Sample(self.contestant.name, self.round, case.key, None, error=str(error))

    @contextlib.contextmanager
    def _serving(self, data: Path) -> Iterator[tuple[ZooKeeperProcess, float]]:
        """A running server and the ms from its start to the first answer to a getData."""
        server = self.contestant.start(data, self._server_cpus)
        command = loadgen.command("first", server.port, seconds=_FIRST_ANSWER_LIMIT_S)
        waiter = loadgen.pinned(command, self._load_cpus)
        try:
            began_ns = time.monotonic_ns()
            server.start()
            figures = loadgen.finish(waiter, _FIRST_ANSWER_LIMIT_S)
            self.version = self.version or machine.server_version(server.port)
            yield server, (figures["answered_ns"] - began_ns) / 1e6
        finally:
            if waiter.poll() is None:
                waiter.kill()
                waiter.communicate()
            server.stop()

    def _load(self, mode: str, port: int, **options: float) -> Figures:
        return loadgen.run(mode, port, cpus=self._load_cpus, **options)

    def _loaded(self, data: Path) -> Iterator[Sample]:
        cases = self.plan.of_stage(Stage.LOADED)
        self.tell("start")
        with self._serving(data) as (server, start_ms):
            time.sleep(_SETTLE_S)
            fresh_mb = machine.resident_mb(server.pid)
            first = {"start": start_ms, "rss": fresh_mb}
            yield from (
                self._sample(case, first[case.mode]) for case in cases if case.mode in first
            )
            under_load = [case for case in cases if case.mode not in first]
            if under_load:
                self._warm_up(server.port)
            for case in under_load:
                self.tell(case.label)
                yield self._under_load(case, server)

    def _warm_up(self, port: int) -> None:
        seconds = self.plan.server_warm_up_s / len(_WARM_UP_MODES)
        for mode in _WARM_UP_MODES:
            self.tell(f"warm-up: {mode}")
            self._load(mode, port, depth=16, seconds=seconds, warmup=0)

    def _under_load(self, case: Case, server: ZooKeeperProcess) -> Sample:
        plan = self.plan
        options: dict[str, float] = {"seconds": plan.seconds, "warmup": plan.case_warm_up_s}
        if case.mode == "fanout":
            options = {
                "connections": plan.watchers,
                "rounds": plan.fanout_rounds,
                "at-once": 200,
            }
        elif case.mode != "connect":
            options |= {"connections": case.connections, "depth": case.depth, "seed": self.round}
        use = machine.CpuUse(server.pid)
        try:
            figures = self._load(case.mode, server.port, **options)
        except LoadError as error:
            return self._failed(case, error)
        figures |= use.figures()
        if figures.get("answered"):
            # Over set-up and warm-up as well: what a request costs, whoever else is busy.
            figures["server_us_per_op"] = figures["server_cpu_s"] * 1e6 / figures["answered"]
        value = figures["ops_per_s"] if case.unit is Unit.OPS else figures["last_us"] / 1e3
        return self._sample(case, value, figures)

    def _idle(self, data: Path) -> Iterator[Sample]:
        (case,) = self.plan.of_stage(Stage.IDLE)
        self.tell(case.label)
        with self._serving(data) as (server, _):
            command = loadgen.command(
                "idle", server.port, connections=self.plan.idle_sessions, at_once=200
            )
            idler = loadgen.pinned(command, self._load_cpus)
            assert idler.stdout is not None
            # Its first line says that all sessions are open (an empty one: that it failed).
            idler.stdout.readline()
            time.sleep(_IDLE_SETTLE_S)
            resident_mb = machine.resident_mb(server.pid)
            yield self._sample(case, resident_mb, loadgen.finish(idler, 60))

    def _filled(self, data: Path) -> Iterator[Sample]:
        cases = {case.key: case for case in self.plan.of_stage(Stage.FILLED)}
        self.tell(f"create {self.plan.znodes:,} znodes")
        with self._serving(data) as (server, _):
            figures = self._load("fill", server.port, znodes=self.plan.znodes, depth=16)
            time.sleep(_SETTLE_S)
            found = {
                "fill": (figures["ops_per_s"], figures),
                "rss-filled": (machine.resident_mb(server.pid), {}),
            }
        if "start-filled" in cases or "rss-restarted" in cases:
            self.tell(f"restart with {self.plan.znodes:,} znodes")
            with self._serving(data) as (server, start_ms):
                time.sleep(_SETTLE_S)
                found["start-filled"] = (start_ms, {})
                found["rss-restarted"] = (machine.resident_mb(server.pid), {})
        for key, case in cases.items():
            yield self._sample(case, *found[key])
