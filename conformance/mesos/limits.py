"""``python -m conformance.mesos.limits``: tasks that want more than they were given.

One eats memory, two compete for one processor, one forks without end. Each runs on a real agent
with isolation by cgroups; what the framework is told, and what is measured, is printed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from conformance.mesos.cluster import Cluster
from conformance.mesos.jobs import heed_termination
from conformance.mesos.rawscheduler import Json, RawScheduler, command_task

_ISOLATION: Final = "cgroups/cpu,cgroups/mem,cgroups/pids"
_PIDS_MAX: Final = 60
_SHARES: Final = (1.0, 3.0)
_COUNT_S: Final = 4.0
_WAIT_S: Final = 60.0

#: Counts as fast as it can for some seconds, and writes down how far it came.
_COUNTER: Final = """
exec {python} -c "
import os, time
os.sched_setaffinity(0, [{core}])
while not os.path.exists('{start}'): pass
n, end = 0, time.monotonic() + {seconds}
while time.monotonic() < end: n += 1
print(n, flush=True)"
"""
_HOG: Final = """
exec {python} -c "
held = []
while True: held.append(bytearray(8 << 20))"
"""
#: Bounded by itself, so that a host without the limit survives it.
_FORKS: Final = """
exec {python} -c "
import os, time
count = 0
try:
    for _ in range(2000):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        count += 1
except OSError as error:
    print('stopped after', count, 'by', error.strerror, flush=True)"
"""


def why_not() -> str:
    """Why these limits cannot be tried on this host; empty when they can."""
    if os.geteuid() != 0:
        return "cgroups are for root"
    root = Path("/sys/fs/cgroup")
    if not os.access(root, os.W_OK):
        return f"{root} cannot be written"
    names = [one.name for one in root.iterdir()]
    if "cgroup.controllers" in names:
        known = (root / "cgroup.controllers").read_text().split()
        return "" if {"cpu", "memory", "pids"} <= set(known) else f"controllers: {known}"
    return "" if {"memory", "pids"} <= set(names) else f"controllers: {names}"


class Runner:
    """Launches one task after the other, or two at once, and waits for their ends."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._waiting: list[Json] = []
        self.statuses: dict[str, list[Json]] = {}
        self._news = asyncio.Event()
        self.raw = RawScheduler(self._find, self._on_event, name="limits")

    async def _find(self) -> str:
        return self._cluster.leader().address

    async def _on_event(self, event: Json) -> None:
        if event["type"] == "OFFERS":
            offers = event["offers"]["offers"]
            if self._waiting:
                tasks, self._waiting = self._waiting, []
                await self.raw.launch(offers[0], tasks)
                offers = offers[1:]
            if offers:
                await self.raw.decline(*offers, refuse_seconds=0.2)
        elif event["type"] == "UPDATE":
            status = event["update"]["status"]
            self.statuses.setdefault(status["task_id"]["value"], []).append(status)
            await self.raw.acknowledge(status)
            self._news.set()

    def launch(self, *tasks: Json) -> None:
        """Launch tasks together with the next offer."""
        self._waiting += tasks

    async def wait(self, is_so: Callable[[], bool]) -> None:
        """Until what was heard makes it so."""
        async with asyncio.timeout(_WAIT_S):
            while not is_so():
                self._news.clear()
                await self._news.wait()

    def state(self, task: str) -> str:
        """The last state of a task; empty before the first."""
        found = self.statuses.get(task)
        return str(found[-1]["state"]) if found else ""

    async def end_of(self, task: str) -> Json:
        """The status that ends a task."""
        await self.wait(lambda: self.state(task) in ("TASK_FINISHED", "TASK_FAILED"))
        return self.statuses[task][-1]

    def stdout(self, task: str) -> str:
        """What a task has written."""
        paths = list(
            self._cluster.directory.glob(
                f"agent0/work/slaves/*/frameworks/*/executors/{task}/runs/latest/stdout"
            )
        )
        return "".join(path.read_text() for path in paths)


async def _memory(runner: Runner) -> list[str]:
    runner.launch(command_task("hog", _HOG.format(python=sys.executable), 0.5, 64))
    status = await runner.end_of("hog")
    message = str(status.get("message")).partition("\n")[0]
    print(f"memory: {status['state']}, {status.get('reason')}: {message}")
    wanted = "REASON_CONTAINER_LIMITATION_MEMORY"
    return [] if status.get("reason") == wanted else [f"the reason is not {wanted}"]


async def _shares(runner: Runner, cluster: Cluster) -> list[str]:
    start = cluster.directory / "start"
    for number, cpus in enumerate(_SHARES):
        text = _COUNTER.format(python=sys.executable, core=0, start=start, seconds=_COUNT_S)
        runner.launch(command_task(f"count{number}", text, cpus, 32))
    names = [f"count{number}" for number in range(len(_SHARES))]
    await runner.wait(lambda: all(runner.state(name) == "TASK_RUNNING" for name in names))
    await asyncio.to_thread(time.sleep, 1.0)
    start.touch()
    for name in names:
        await runner.end_of(name)
    counts = [int(runner.stdout(name).split()[-1]) for name in names]
    ratio = counts[1] / counts[0]
    # Each container has its executor's tenth of a processor on top.
    expected = (_SHARES[1] + 0.1) / (_SHARES[0] + 0.1)
    print(
        f"cpu: {_SHARES[1]:g} cpus against {_SHARES[0]:g} on one core: {ratio:.2f} times as far"
        f" ({expected:.2f} expected)"
    )
    return [] if 0.55 * expected < ratio < 1.8 * expected else ["the shares were not kept"]


async def _forks(runner: Runner) -> list[str]:
    runner.launch(command_task("forks", _FORKS.format(python=sys.executable), 0.5, 512))
    await runner.end_of("forks")
    text = next(
        (line for line in runner.stdout("forks").splitlines() if line.startswith("stopped")), ""
    )
    print(f"pids: {text or 'nothing stopped it'}")
    count = int(text.split()[2]) if text else 2000
    return [] if count < _PIDS_MAX else [f"{count} forks were let through"]


async def run(cluster: Cluster) -> list[str]:
    """All of it; what did not hold."""
    runner = Runner(cluster)
    async with runner.raw:
        return [
            *await _memory(runner),
            *await _shares(runner, cluster),
            *await _forks(runner),
        ]


def main() -> None:
    """Print what happens; exit with 1 when a limit was not kept."""
    heed_termination()
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        return
    flags = (f"--isolation={_ISOLATION}", f"--cgroups_pids_max={_PIDS_MAX}")
    with Cluster(agents=1, agent_resources="cpus:8;mem:4096;disk:1000", agent_flags=flags) as one:
        faults = asyncio.run(run(one))
    for fault in faults:
        print(f"  {fault}")
    print("verdict: failed" if faults else "verdict: passed")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
