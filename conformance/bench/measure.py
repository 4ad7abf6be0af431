"""Takes one server through its cases, on fresh processes and directories for each stage.

A stage yields a :class:`Sample` for each case as soon as it is known. A case that fails is a
sample with an ``error``, and the cases after it are still measured. Under load the servers
take turns within a case, so there :class:`LoadedServer` measures one case at a time and
stands still (SIGSTOP) between them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from conformance.bench import loadgen, machine
from conformance.bench.cases import Case, Stage, Unit
from conformance.bench.loadgen import Figures
from conformance.bench.subjects import Subject
from conformance.servers import ServerUnavailable

#: The load that warms a server up: reads, writes and new sessions, for equal times.
_WARM_UP_MODES = ("get", "set", "mix", "crdel", "multi2", "children", "exists", "connect")
#: Memory is read after the server had this long to settle.
_SETTLE_S = 1.0
#: Apache's memory still grows for some seconds after thousands of sessions were opened.
_IDLE_SETTLE_S = 5.0
_FIRST_ANSWER_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server or ensemble under a name, made from a data directory and a set of cores.

    A ``pinned`` one runs on one core with the load on the other; else both use all cores.
    """

    name: str
    make: Callable[[Path, set[int] | None], Subject]
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
    #: How often the servers take turns in a case under load, in each round.
    laps: int = 1

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
        self.load_cpus = {load_core} if contestant.pinned else None
        self._loads = 0

    def samples(self) -> Iterator[Sample]:
        """Measure what is not under load; what the servers wrote is removed stage by stage."""
        stages = {Stage.IDLE: self._idle, Stage.FILLED: self._filled}
        for stage, measured in stages.items():
            if self.plan.of_stage(stage):
                with self._on_disk(stage) as data:
                    yield from self._staged(stage, measured(data))

    @contextlib.contextmanager
    def loaded(self) -> Iterator[LoadedServer]:
        """A running, warm server for the cases under load, standing still.

        Raises ``RuntimeError`` or ``OSError`` when it does not start or take the warm-up.
        """
        with self._on_disk(Stage.LOADED) as data, self._serving(data) as (subject, start_ms):
            time.sleep(_SETTLE_S)
            first = {"start": start_ms, "rss": _resident_mb(subject)}
            loaded = LoadedServer(self, subject, first)
            if any(case.mode not in first for case in self.plan.of_stage(Stage.LOADED)):
                loaded.warm_up()
            with loaded.standing_still():
                yield loaded

    @contextlib.contextmanager
    def _on_disk(self, stage: Stage) -> Iterator[Path]:
        """A directory for a stage, with this process kept off the server's core meanwhile."""
        data = self.data_root / f"{self.round}-{self.contestant.name}-{stage.value}"
        own_cpus = self.load_cpus or os.sched_getaffinity(0)
        with machine.affinity(own_cpus):
            try:
                yield data
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
                yield self.failed(case, error)

    def sample(self, case: Case, value: float, figures: Figures | None = None) -> Sample:
        """A figure of this round."""
        return Sample(self.contestant.name, self.round, case.key, value, figures or {})

    def failed(self, case: Case, error: Exception) -> Sample:
        """That a figure of this round is missing, and why."""
        return Sample(self.contestant.name, self.round, case.key, None, error=str(error))

    @contextlib.contextmanager
    def _serving(self, data: Path) -> Iterator[tuple[Subject, float]]:
        """A running server and the ms from its start to the first answer to a getData."""
        subject = self.contestant.make(data, self._server_cpus)
        port = subject.ports[0]
        command = loadgen.command("first", port, seconds=_FIRST_ANSWER_LIMIT_S)
        waiter = loadgen.pinned(command, self.load_cpus)
        try:
            began_ns = time.monotonic_ns()
            subject.start()
            figures = loadgen.finish(waiter, _FIRST_ANSWER_LIMIT_S)
            self.version = self.version or machine.server_version(port)
            yield subject, (figures["answered_ns"] - began_ns) / 1e6
        finally:
            if waiter.poll() is None:
                waiter.kill()
                waiter.communicate()
            subject.stop()

    def load(self, mode: str, subject: Subject, **options: float) -> Figures:
        """One run of the load generator; raises :class:`LoadError`.

        In each run another member of an ensemble is the one that the first client is on, since
        a write costs less on the one that leads.
        """
        self._loads += 1
        first = self._loads % len(subject.ports)
        ports = [*subject.ports[first:], *subject.ports[:first]]
        return loadgen.run(mode, ports, cpus=self.load_cpus, **options)

    def _idle(self, data: Path) -> Iterator[Sample]:
        (case,) = self.plan.of_stage(Stage.IDLE)
        self.tell(case.label)
        with self._serving(data) as (subject, _):
            command = loadgen.command(
                "idle", subject.ports, connections=self.plan.idle_sessions, at_once=200
            )
            idler = loadgen.pinned(command, self.load_cpus)
            assert idler.stdout is not None
            # Its first line says that all sessions are open (an empty one: that it failed).
            idler.stdout.readline()
            time.sleep(_IDLE_SETTLE_S)
            resident_mb = _resident_mb(subject)
            yield self.sample(case, resident_mb, loadgen.finish(idler, 60))

    def _filled(self, data: Path) -> Iterator[Sample]:
        cases = {case.key: case for case in self.plan.of_stage(Stage.FILLED)}
        self.tell(f"create {self.plan.znodes:,} znodes")
        with self._serving(data) as (subject, _):
            figures = self.load("fill", subject, znodes=self.plan.znodes, depth=16)
            time.sleep(_SETTLE_S)
            found = {
                "fill": (figures["ops_per_s"], figures),
                "rss-filled": (_resident_mb(subject), {}),
            }
        if "start-filled" in cases or "rss-restarted" in cases:
            self.tell(f"restart with {self.plan.znodes:,} znodes")
            with self._serving(data) as (subject, start_ms):
                time.sleep(_SETTLE_S)
                found["start-filled"] = (start_ms, {})
                found["rss-restarted"] = (_resident_mb(subject), {})
        for key, case in cases.items():
            yield self.sample(case, *found[key])


def _resident_mb(subject: Subject) -> float:
    """Resident memory of all its servers together, in megabytes."""
    return sum(machine.resident_mb(pid) for pid in subject.pids)


class LoadedServer:
    """A server under one load after the other; it stands still while another one is measured.

    An ensemble stands still as a whole, and is given time to have a leader again.
    """

    def __init__(self, measurement: Measurement, subject: Subject, first: dict[str, float]) -> None:
        self.measurement = measurement
        self._subject = subject
        #: Figures from before any load, by mode.
        self._first = first

    def warm_up(self) -> None:
        """All kinds of load, for equal times."""
        measurement = self.measurement
        seconds = measurement.plan.server_warm_up_s / len(_WARM_UP_MODES)
        for mode in _WARM_UP_MODES:
            measurement.tell(f"warm-up: {mode}")
            measurement.load(mode, self._subject, depth=16, seconds=seconds, warmup=0)

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """The server and what it has forked stand still, so that they disturb nobody."""
        self._subject.suspend()
        try:
            yield
        finally:
            self._subject.resume()

    def measure(self, case: Case) -> Sample:
        """The figure of ``case``."""
        measurement = self.measurement
        if case.mode in self._first:
            return measurement.sample(case, self._first[case.mode])
        measurement.tell(case.label)
        self._subject.resume()
        try:
            return self._tried(case)
        except (RuntimeError, OSError, psutil.Error) as error:
            return measurement.failed(case, error)
        finally:
            self._subject.suspend()

    def _tried(self, case: Case) -> Sample:
        repeats = 0
        while True:
            self._subject.wait_steady()
            try:
                sample = self._under_load(case)
            except loadgen.LoadError:
                repeats += 1
                if repeats == self._subject.tries:
                    raise
            else:
                sample.figures["repeats"] = float(repeats)
                return sample

    def _under_load(self, case: Case) -> Sample:
        measurement, plan = self.measurement, self.measurement.plan
        options: dict[str, float] = {"seconds": plan.seconds, "warmup": plan.case_warm_up_s}
        if case.mode == "fanout":
            options = {
                "connections": plan.watchers,
                "rounds": plan.fanout_rounds,
                "at-once": 200,
            }
        elif case.mode != "connect":
            seed = measurement.round
            options |= {"connections": case.connections, "depth": case.depth, "seed": seed}
        use = machine.CpuUse(self._subject.pids)
        figures = measurement.load(case.mode, self._subject, **options)
        figures |= use.figures()
        if figures.get("answered"):
            # Over set-up and warm-up as well: what a request costs, whoever else is busy.
            figures["server_us_per_op"] = figures["server_cpu_s"] * 1e6 / figures["answered"]
        value = figures["ops_per_s"] if case.unit is Unit.OPS else figures["last_us"] / 1e3
        return measurement.sample(case, value, figures)
