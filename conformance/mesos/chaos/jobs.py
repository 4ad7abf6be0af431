"""The SDK under faults: a pool that makes calls, and services that are kept up, meanwhile."""

from __future__ import annotations

import json
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

import psutil

from conformance.ensembles import OurEnsemble
from conformance.mesos.cluster import Cluster, wait_until
from conformance.mesos.jobs import PROGRAMS

TARGETS: Final = ("executor", "agent", "master", "zookeeper", "scheduler")
#: Between two kills, seconds.
_PAUSE_S: Final = (1.0, 4.0)
#: How long it may take until a kill is noticed, and all have found one another again: a master's
#: and a scheduler's session with ZooKeeper last 4 s.
DETECTION_S: Final = {
    "executor": 2.0,
    "agent": 5.0,
    "master": 6.5,
    "zookeeper": 3.0,
    "scheduler": 6.5,
}
RESTART_S: Final = 0.5
_BEAT_S: Final = 0.5
_LOOK_S: Final = 0.1
_WORKER: Final = "mesozoic.pool.worker"
_STOP_S: Final = 120.0


class Downtimes:
    """Looks at the files that services touch, in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._touched: dict[str, float] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        #: How long which service was away, and until when, if that was more than two beats.
        self.found: list[tuple[float, str, float]] = []

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def stop(self) -> None:
        """Until now; who is away now counts as well."""
        self._is_over.set()
        self._thread.join()
        for name, before in self._touched.items():
            self._count(name, before, time.time())

    def _watch(self) -> None:
        while not self._is_over.wait(_LOOK_S):
            for path in self._directory.glob("service-*"):
                now = path.stat().st_mtime
                before = self._touched.setdefault(path.name, now)
                self._touched[path.name] = now
                self._count(path.name, before, now)

    def _count(self, name: str, before: float, now: float) -> None:
        if now - before > 2 * _BEAT_S:
            self.found.append((now - before - _BEAT_S, name, now))


class Jobs:
    """The programs that run, and what is killed of and below them."""

    def __init__(self, cluster: Cluster, dice: random.Random, *, calls: int, services: int) -> None:
        self.cluster = cluster
        #: When what was killed, as of ``time.time``.
        self.kills: list[tuple[float, str]] = []
        self._dice = dice
        self._calls = calls
        self._services = services
        self.beats = cluster.directory / "beats"
        self.beats.mkdir(mode=0o777)
        self.beats.chmod(0o777)
        self._schedulers: list[subprocess.Popen[bytes]] = []
        self._pool: subprocess.Popen[bytes] | None = None
        self._logs: list[IO[bytes]] = []

    # The programs.

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._log_path(name).open("ab")
        self._logs.append(log)
        command = [sys.executable, str(PROGRAMS / f"{name}.py"), *arguments]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def _log_path(self, name: str) -> Path:
        return self.cluster.directory / f"{name}.log"

    def _service_arguments(self, what: str) -> tuple[str, ...]:
        zk = f"zk://{self.cluster.zookeeper_hosts}/kept"
        return (what, self.cluster.zk_url, zk, str(self._services), str(self.beats))

    def start(self, seconds: float) -> None:
        """Two schedulers of the services, and the pool; returns when all services are up."""
        for _ in range(2):
            self._schedulers.append(self._start("kept_services", *self._service_arguments("keep")))
        wait_until(
            "all services are up",
            lambda: len(list(self.beats.iterdir())) == self._services,
            self.evidence,
        )
        self._pool = self._start("pool_calls", self.cluster.zk_url, str(self._calls), str(seconds))

    @property
    def is_pool_done(self) -> bool:
        """Whether all calls have been answered."""
        return self._pool is not None and self._pool.poll() is not None

    def evidence(self) -> str:
        """The ends of all logs."""
        texts = [self.cluster.logs()]
        for name in ("kept_services", "pool_calls"):
            path = self._log_path(name)
            text = path.read_text(errors="replace")[-6000:] if path.exists() else ""
            texts.append(f"--- {name}\n{text}")
        return "\n".join(texts)

    def told_by_pool(self) -> Any:
        """The last line that it has printed; raises ``RuntimeError`` if that says nothing."""
        lines = self._log_path("pool_calls").read_text(errors="replace").splitlines()
        found = [line for line in lines if line.startswith("{")]
        if not found:
            raise RuntimeError(f"the pool has ended without a word\n{self.evidence()}")
        return json.loads(found[-1])

    # Kills.

    def kill(self, what: str) -> None:
        """Kill one of a kind, and start it again where nobody else does."""
        self.kills.append((time.time(), what))
        kill: Callable[[], None] = getattr(self, f"_kill_{what}")
        kill()

    def killed_during(self, away_s: float, until: float) -> list[str]:
        """What was killed then, or so shortly before that it may not have been noticed."""
        begin = until - away_s
        return [what for at, what in self.kills if begin - DETECTION_S[what] <= at <= until]

    def _kill_executor(self) -> None:
        processes = [one for one in self._processes() if self._is_worth_killing(one)]
        if processes:
            self._dice.choice(processes).send_signal(signal.SIGKILL)

    def _is_worth_killing(self, process: psutil.Process) -> bool:
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            return False
        return "executors/run.py" in line or _WORKER in line or "while touch" in line

    def _kill_agent(self) -> None:
        member = self._dice.choice(self.cluster.agents)
        member.kill()
        time.sleep(self._dice.uniform(0, 1))
        member.start()

    def _kill_master(self) -> None:
        member = self.cluster.kill_leader()
        time.sleep(self._dice.uniform(0, 2))
        member.start()

    def _kill_zookeeper(self) -> None:
        ensemble = self.cluster.zookeeper
        if isinstance(ensemble, OurEnsemble):
            member = ensemble.wait_leader()
            member.kill()
            time.sleep(self._dice.uniform(0, 2))
            member.restart()

    def _kill_scheduler(self) -> None:
        # The older one of them leads, mostly.
        victim = self._schedulers.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self._schedulers.append(self._start("kept_services", *self._service_arguments("keep")))

    def _processes(self) -> list[psutil.Process]:
        """Processes whose working directory is in a sandbox of this cluster."""
        found = []
        for one in psutil.process_iter():
            try:
                if one.cwd().startswith(f"{self.cluster.directory}/agent"):
                    found.append(one)
            except (psutil.Error, OSError):
                continue
        return found

    # The end.

    def stop_services(self) -> None:
        """End the services by another process, as an operator would."""
        for scheduler in self._schedulers:
            scheduler.kill()
            scheduler.wait()
        ended = self._start("kept_services", *self._service_arguments("end"))
        if ended.wait(_STOP_S) != 0:
            raise RuntimeError(f"the services could not be ended\n{self.evidence()}")

    def leaked(self) -> list[str]:
        """What is left after all is over: processes, and frameworks."""

        def left() -> list[str]:
            agents = {one.pid for one in self.cluster.agents}
            lines = []
            for one in self._processes():
                try:
                    if one.pid not in agents:
                        lines.append(f"process {one.pid}: {' '.join(one.cmdline())[:120]}")
                except psutil.Error:
                    continue
            frameworks = self.cluster.frameworks()
            return lines + [f"framework {one['name']} ({one['id']})" for one in frameworks]

        ends = time.monotonic() + 30
        while (found := left()) and time.monotonic() < ends:
            time.sleep(0.2)
        return found

    def close(self) -> None:
        """End what has not ended."""
        for one in (*self._schedulers, *([self._pool] if self._pool else [])):
            if one.poll() is None:
                one.kill()
                one.wait()
        for log in self._logs:
            log.close()


def run(
    say: Callable[[str], None], dice: random.Random, *, seconds: float, calls: int, services: int
) -> list[str]:
    """All of it; returns what of the promises was not kept."""
    with Cluster(masters=2, agents=3, zookeepers=3) as cluster:
        jobs = Jobs(cluster, dice, calls=calls, services=services)
        try:
            jobs.start(seconds)
            say(f"{services} services are up; the pool has {calls} calls to make")
            downtimes = Downtimes(jobs.beats)
            downtimes.start()
            ends = time.monotonic() + seconds
            while time.monotonic() < ends or not jobs.is_pool_done:
                time.sleep(dice.uniform(*_PAUSE_S))
                if time.monotonic() < ends:
                    jobs.kill(dice.choice(TARGETS))
                elif time.monotonic() > ends + seconds + 120:
                    raise RuntimeError(f"the pool does not end\n{jobs.evidence()}")
            time.sleep(sum(DETECTION_S.values()))
            downtimes.stop()
            counts = Counter(what for _, what in jobs.kills)
            say("killed: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
            told = jobs.told_by_pool()
            jobs.stop_services()
            return _faults(say, told, downtimes, jobs, calls)
        finally:
            jobs.close()


def _faults(
    say: Callable[[str], None], told: Any, downtimes: Downtimes, jobs: Jobs, calls: int
) -> list[str]:
    away = sorted(seconds for seconds, _, _ in downtimes.found)
    say(
        f"pool: {told['delivered']} of {calls} results, {told['more_than_once']} more than once,"
        f" {len(told['wrong'])} wrong"
    )
    if away:
        say(
            f"services: away {len(away)} times, median {statistics.median(away):.1f} s,"
            f" worst {away[-1]:.1f} s"
        )
    found = [f"a wrong result: {one}" for one in told["wrong"]]
    if told["delivered"] != calls or told["more_than_once"]:
        found.append("not every result was delivered once")
    for seconds, name, until in downtimes.found:
        killed = jobs.killed_during(seconds, until)
        if seconds > RESTART_S + sum(DETECTION_S[what] for what in killed):
            found.append(f"{name} was away for {seconds:.1f} s; killed: {', '.join(killed)}")
    return found + [f"left over: {one}" for one in jobs.leaked()]
