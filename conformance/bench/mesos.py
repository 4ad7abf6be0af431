"""A Mesos master under load: many agents, many frameworks, many tasks.

The master is the real program, a process alone on core 0. Agents and frameworks are one process
on core 1: the agents pretend (:class:`mesos_compat.testing.FakeAgents`), each with a link of its
own; the frameworks are subscriptions of their own in JSON. What is measured is the master with
all that lies between; figures of Apache Mesos are quoted beside from its own publications, since
it cannot run here.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from conformance.mesos.cluster import HOST, wait_until
from conformance.servers import OurServer, free_port

_MASTER_CORE: Final = 0
_LOAD_CORE: Final = 1
_MIB: Final = 1 << 20
_NO_PROXY: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Master:
    """One master process."""

    def __init__(self, *flags: str) -> None:
        self.address = f"{HOST}:{free_port()}"
        self._flags = flags
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self.process = subprocess.Popen(
            [
                *("taskset", "-c", str(_MASTER_CORE)),
                *(sys.executable, "-m", "mesos_compat.cli.master", f"--ip={HOST}"),
                f"--port={self.address.rpartition(':')[2]}",
                *("--hostname=127.0.0.1", "--max_completed_frameworks=0", "--quiet"),
                *self._flags,
            ]
        )
        wait_until("the master serves", lambda: self.get("/health") is not None)

    def get(self, path: str, timeout_s: float = 120.0) -> bytes:
        """The body of a GET."""
        with _NO_PROXY.open(f"http://{self.address}{path}", timeout=timeout_s) as answer:
            return bytes(answer.read())

    def post(self, call: dict[str, Any], accept: str = "application/json") -> bytes:
        """The answer of the operator API."""
        request = urllib.request.Request(
            f"http://{self.address}/api/v1",
            json.dumps(call).encode(),
            {"Content-Type": "application/json", "Accept": accept},
        )
        with _NO_PROXY.open(request, timeout=120.0) as answer:
            return bytes(answer.read())

    def metrics(self) -> dict[str, float]:
        """All metrics by name."""
        found: dict[str, float] = json.loads(self.get("/metrics/snapshot"))
        return found

    @property
    def memory_mib(self) -> float:
        """Its resident memory."""
        return self._psutil.memory_info().rss / _MIB

    @property
    def cpu_s(self) -> float:
        """The processor time that it has used."""
        times = self._psutil.cpu_times()
        return float(times.user + times.system)

    @property
    def _psutil(self) -> psutil.Process:
        if self.process is None:
            raise RuntimeError("the master is not running")
        return psutil.Process(self.process.pid)

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Load:
    """The process of agents and frameworks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [
                *("taskset", "-c", str(_LOAD_CORE)),
                *(sys.executable, "-m", "conformance.bench.mesos_load"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def do(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something, and wait for its answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the load has no pipes")
        self._process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


@dataclass(slots=True)
class Figures:
    """What was measured of one size, in the order in which it was; by name."""

    agents: int
    frameworks: int
    values: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def _running(*masters: Master) -> Iterator[Load]:
    load = Load()
    try:
        for master in masters:
            master.start()
        load.do("masters", masters=[one.address for one in masters])
        yield load
    finally:
        load.stop()
        for master in masters:
            master.kill()


def _latencies(ask: Any, count: int) -> tuple[float, int]:
    """Median seconds of ``count`` answers, and the bytes of the last."""
    took, size = [], 0
    for _ in range(count):
        began = time.perf_counter()
        size = len(ask())
        took.append(time.perf_counter() - began)
    return statistics.median(took), size


def measure(agents: int, frameworks: int, tasks: int) -> Figures:
    """One master with so many agents and frameworks, and so many tasks in all."""
    figures = Figures(agents, frameworks)
    values = figures.values
    master = Master("--registry=in_memory")
    with _running(master) as load:
        values["agents register"] = f"{agents / load.do('agents', count=agents)['seconds']:.0f} /s"
        load.do("frameworks", count=frameworks)
        declined = load.do("decline", seconds=10.0)
        values["offers"] = f"{declined['offers'] / declined['seconds']:.0f} /s"
        found = master.metrics()
        values["allocation cycle, median"] = f"{found[f'{_CYCLE}/p50']:.0f} ms"
        values["allocation cycle, longest"] = f"{found[f'{_CYCLE}/max']:.0f} ms"
        before_s = master.cpu_s
        launched = load.do("launch", tasks=tasks)
        values["tasks to TASK_RUNNING"] = f"{tasks / launched['seconds']:.0f} /s"
        values["processor time of the master, a task"] = (
            f"{(master.cpu_s - before_s) / tasks * 1e6:.0f} us"
        )
        _measure_reads(master, values)
        values["memory of the master"] = f"{master.memory_mib:.0f} MiB"
    return figures


_CYCLE: Final = "allocator/mesos/allocation_run_ms"


def _measure_reads(master: Master, values: dict[str, str]) -> None:
    for name, ask in (
        ("/state", lambda: master.get("/state")),
        ("GET_STATE in JSON", lambda: master.post({"type": "GET_STATE"})),
        (
            "GET_STATE in protobuf",
            lambda: master.post({"type": "GET_STATE"}, "application/x-protobuf"),
        ),
    ):
        seconds, size = _latencies(ask, 5)
        values[name] = f"{seconds:.2f} s ({size / _MIB:.1f} MiB)"


def measure_reads_while_scheduling(agents: int, frameworks: int, tasks: int) -> Figures:
    """How long readers wait while tasks are launched, and how long launches take then."""
    figures = Figures(agents, frameworks)
    master = Master("--registry=in_memory")
    with _running(master) as load:
        load.do("agents", count=agents)
        load.do("frameworks", count=frameworks)
        load.do("launch", tasks=tasks)
        reader = subprocess.Popen(
            [*(sys.executable, "-m", "conformance.bench.mesos_reader"), master.address],
            stdout=subprocess.PIPE,
        )
        launched = load.do("launch", tasks=tasks)
        reader.terminate()
        text = reader.communicate()[0].decode()
        figures.values["tasks to TASK_RUNNING, while read"] = (
            f"{tasks / launched['seconds']:.0f} /s"
        )
        figures.values["/state, while scheduling"] = text.strip()
    return figures


def measure_failover(agents: int, frameworks: int, tasks: int) -> Figures:
    """Kill the leading of two masters, and wait until the other has everything."""
    figures = Figures(agents, frameworks)
    with OurServer(settings={"tickTime": "500"}) as zookeeper:
        flags = (
            f"--zk=zk://{zookeeper.address}/mesos",
            *("--quorum=1", "--zk_session_timeout=2secs", "--registry=replicated_log"),
            f"--work_dir={Path(zookeeper.data_dir)}",
        )
        masters = [Master(*flags), Master(*flags)]
        with _running(*masters) as load:
            load.do("agents", count=agents)
            load.do("frameworks", count=frameworks)
            load.do("launch", tasks=tasks)
            leader = next(one for one in masters if one.metrics()["master/elected"])
            other = next(one for one in masters if one is not leader)
            began = time.monotonic()
            leader.kill()
            load.do("masters", masters=[other.address])
            wait_until(
                "another leads", lambda: other.metrics()["master/elected"] == 1, timeout_s=60
            )
            elected_s = time.monotonic() - began
            wait_until(
                "all are back",
                lambda: _is_whole(other, agents, frameworks, tasks),
                lambda: str(other.metrics()),
                timeout_s=300,
            )
            whole_s = time.monotonic() - began
            figures.values["another master leads (session 2 s)"] = f"{elected_s:.2f} s"
            figures.values[f"all agents, frameworks and {tasks} tasks are back, after that"] = (
                f"{whole_s - elected_s:.2f} s"
            )
    return figures


def _is_whole(master: Master, agents: int, frameworks: int, tasks: int) -> bool:
    found = master.metrics()
    return (
        found["master/slaves_active"] == agents
        and found["master/frameworks_active"] == frameworks
        and found["master/tasks_running"] == tasks
    )


def describe_machine() -> str:
    """Where this was run."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
