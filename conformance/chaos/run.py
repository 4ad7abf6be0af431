"""One run: the load, the faults, and at the end the checks.

The order at the end matters. First everything is mended; then the clients come to rest,
connected and with their sessions open, the load and the probes end; then every server's tree
is read, and nothing changes any more; then the sessions are closed.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.bench.loadgen import CompilerMissingError, LoadError
from conformance.chaos.arena import arena, check_logs, check_processes, furnish, probing
from conformance.chaos.client import Holding
from conformance.chaos.faults import FAULTS, Bag, LeaderLoss, Stage
from conformance.chaos.history import read_history
from conformance.chaos.load import ROOT as LOAD_ROOT
from conformance.chaos.load import Load
from conformance.chaos.probes import Probes
from conformance.chaos.tree import Tree, TreeError, read_tree
from conformance.chaos.verdict import Evidence, Verdict, check_all
from conformance.chaos.worker import Order, Worker, start_workers
from conformance.rawclient import SilenceError

#: Each fault once, and the one that is to be measured several times.
MIX = (*FAULTS, *["kill_leader"] * 3)
#: How long a fault lasts, from and to.
FAULT_S = (0.5, 3.0)
_REGISTERS = 12
_REPORT_S = 15.0
#: Writes that are not back by then, with the fault still there, are a problem.
_RECOVERY_S_MAX = 60.0
_SLICE_S = 0.05

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of."""

    seconds: float = 600.0
    clients: int = 50
    seed: int = 1
    server: str = "mesozoic"
    #: Processes over which the clients are spread.
    workers: int = 3
    #: Mean time between two operations of a client.
    pause_s: float = 0.15
    #: Longer than any fault, so no session may expire.
    session_timeout_s: float = 12.0
    faults: Sequence[str] = MIX
    #: How long a fault lasts, from and to; one that takes the leader away lasts at least
    #: until writes work again.
    fault_s: tuple[float, float] = FAULT_S
    #: How long all is well between two faults, from and to.
    calm_s: tuple[float, float] = (0.3, 1.5)
    #: Whether the load generator runs beside the clients.
    load: bool = True


class Run:
    """A run of a plan in a directory, with what it has found so far."""

    def __init__(self, plan: Plan, directory: Path, tell: Tell) -> None:
        self.plan = plan
        self.verdict = Verdict(plan.seed)
        self._directory = directory
        self._tell = tell
        self._faults: Counter[str] = Counter()
        self._recoveries_s: defaultdict[str, list[float]] = defaultdict(list)
        self._began_s = time.monotonic()
        self._told_s = self._began_s

    def carry_out(self) -> Verdict:
        """From start to end; what goes wrong is in the verdict."""
        with arena(self.plan.server, self.plan.seed, self._directory) as stage:
            furnish(stage.ensemble, self._names(), _REGISTERS)
            with self._clients(stage) as workers:
                self._work(stage, workers)
            self.verdict.events += check_logs(stage.ensemble)
        return self.verdict

    def _names(self) -> list[str]:
        return [f"c{number:02d}" for number in range(self.plan.clients)]

    def _histories(self) -> list[Path]:
        return [self._directory / f"history-{number}" for number in range(self.plan.workers)]

    @contextlib.contextmanager
    def _clients(self, stage: Stage) -> Iterator[list[Worker]]:
        plan = self.plan
        orders = [
            Order(
                hosts=stage.ensemble.connect_string,
                clients=self._names()[number :: plan.workers],
                history=str(path),
                registers=_REGISTERS,
                session_timeout_s=plan.session_timeout_s,
                pause_s=plan.pause_s,
                seed=plan.seed,
            )
            for number, path in enumerate(self._histories())
        ]
        workers = start_workers(orders)
        try:
            yield workers
        finally:
            for worker in workers:
                worker.stop()

    def _work(self, stage: Stage, workers: list[Worker]) -> None:
        verdict = self.verdict
        load = Load(stage.ensemble)
        self._began_s = self._told_s = time.monotonic()
        with probing(stage.ensemble) as probes:
            try:
                if self.plan.load:
                    load.begin()
                self._break_things(stage, probes)
            except (RuntimeError, CompilerMissingError, LoadError) as error:
                verdict.events.append(str(error))
            stage.mend()
            verdict.seconds = time.monotonic() - self._began_s
            self._tell("all is mended; the clients come to rest")
            holdings = self._come_to_rest(workers)
            if self.plan.load:
                load.stop()
        verdict.faults = dict(self._faults)
        verdict.recoveries_s = dict(self._recoveries_s)
        verdict.load = load.tally
        verdict.probe_writes = probes.count(None, self._began_s, time.monotonic())
        if load.tally.out_of_order:
            verdict.events.append(f"{load.tally.out_of_order} answers to the load out of order")
        try:
            self._check(stage, holdings)
        except (TreeError, SilenceError, RuntimeError, OSError) as error:
            verdict.events.append(f"the trees could not be read: {error}")

    def _break_things(self, stage: Stage, probes: Probes) -> None:
        """One fault after the other; raises ``RuntimeError`` when the servers do not come back."""
        plan, bag = self.plan, Bag(list(self.plan.faults), stage.rng)
        end_s = self._began_s + plan.seconds
        while time.monotonic() < end_s:
            stage.ensemble.wait_serving()
            self._pass(stage.rng.uniform(*plan.calm_s), probes)
            name = bag.draw()
            losses = len(stage.losses)
            with FAULTS[name](stage):
                self._faults[name] += 1
                if len(stage.losses) > losses:
                    self._recover(stage.losses[-1], probes)
                self._pass(stage.rng.uniform(*plan.fault_s), probes)
            for problem in check_processes(stage.ensemble):
                raise RuntimeError(f"{problem} during {name}\n{stage.ensemble.log_tails()}")

    def _recover(self, loss: LeaderLoss, probes: Probes) -> None:
        took_s = probes.wait_recovery(loss, _RECOVERY_S_MAX)
        if took_s is None:
            self.verdict.events.append(f"no write for {_RECOVERY_S_MAX:.0f} s after {loss.fault}")
        else:
            self._recoveries_s[loss.fault].append(took_s)

    def _pass(self, seconds: float, probes: Probes) -> None:
        """Let time pass, and tell now and then how it stands."""
        end_s = time.monotonic() + seconds
        while (now_s := time.monotonic()) < end_s:
            if now_s - self._told_s >= _REPORT_S:
                kills = self._recoveries_s["kill_leader"]
                writes = probes.count(None, self._told_s, now_s)
                self._tell(
                    f"{now_s - self._began_s:.0f} s: {self._faults.total()} faults, "
                    f"{len(kills)} kills of the leader (the slowest {max(kills, default=0):.2f} s"
                    f"), the probes' writes {writes / (now_s - self._told_s):.0f}/s"
                )
                self._told_s = now_s
            time.sleep(min(_SLICE_S, end_s - now_s))

    def _come_to_rest(self, workers: list[Worker]) -> list[Holding]:
        for worker in workers:
            # One that has ended tells so when it is asked what it holds.
            with contextlib.suppress(OSError):
                worker.hold()
        holdings: list[Holding] = []
        for worker in workers:
            try:
                holdings += worker.holdings()
            except RuntimeError as error:
                self.verdict.events.append(str(error))
        return holdings

    def _check(self, stage: Stage, holdings: list[Holding]) -> None:
        verdict = self.verdict
        stage.ensemble.wait_serving()
        trees: dict[int, Tree] = {}
        moments = [time.monotonic()]
        for member in stage.ensemble.members:
            trees[member.server_id] = read_tree(member.port)
            moments.append(time.monotonic())
        history = read_history(self._histories())
        verdict.count_operations(history)
        verdict.count_sessions(holdings)
        self._tell(f"{len(history)} operations are checked")
        evidence = Evidence(
            history=history,
            holdings=holdings,
            trees=trees,
            read_start_s=moments[0],
            read_end_s=moments[1],
            load_root=LOAD_ROOT,
            load_acknowledged=verdict.load.acknowledged,
        )
        verdict.checks = check_all(evidence)
        if verdict.sessions.expired:
            # No fault lasts as long as a session's timeout.
            verdict.events.append(f"{verdict.sessions.expired} sessions expired")


def run_chaos(plan: Plan, tell: Tell, keep: Path | None = None) -> Verdict:
    """Carry out ``plan``; raises ``RuntimeError`` when the servers do not even start.

    The servers' data and logs and the history stay in ``keep``; without it they stay in a
    temporary directory, which is told, when something was wrong, and go otherwise.
    """
    directory = keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    directory.mkdir(parents=True, exist_ok=True)
    verdict = Run(plan, directory, tell).carry_out()
    if verdict.problems or keep:
        tell(f"data, logs and history are in {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return verdict
