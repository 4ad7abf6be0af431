"""A cluster with the scheduler that is killed, and looks at what runs on the machine."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import psutil

from conformance.mesos.chaos.journal import TERMINAL, Known, read
from conformance.mesos.cluster import Cluster, Member, wait_until

_EXECUTOR: Final = str(Path("executors", "run.py"))


class Arena:
    """Starts, kills and looks; ``task_s`` is how long each task takes."""

    def __init__(
        self, cluster: Cluster, *, count: int, at_once: int, task_s: float, dice: random.Random
    ) -> None:
        self.cluster = cluster
        self.count = count
        self.at_once = at_once
        self._task_s = task_s
        self._dice = dice
        self.marks = cluster.directory / "marks"
        self.marks.mkdir(mode=0o777)
        self.marks.chmod(0o777)
        self.journal = cluster.directory / "journal"
        self._process: subprocess.Popen[bytes] | None = None
        self.kills: Counter[str] = Counter()

    # The scheduler.

    def start_scheduler(self) -> None:
        """Start one on the journal."""
        command = (
            f"echo begin >> {self.marks}/TASK; sleep {self._task_s}; echo end >> {self.marks}/TASK"
        )
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "conformance.mesos.chaos.scheduler"),
                *("--zookeeper", self.cluster.zookeeper_hosts),
                *("--journal", str(self.journal)),
                *("--count", str(self.count), "--at-once", str(self.at_once)),
                *("--command", command, "--prefix", "task"),
            ]
        )

    @property
    def is_done(self) -> bool:
        """The scheduler has ended because there is nothing left to do."""
        if self._process is None or self._process.poll() is None:
            return False
        if self._process.returncode != 0:
            raise RuntimeError(f"the scheduler ended with {self._process.returncode}")
        return True

    def wait_done(self, timeout_s: float = 120.0) -> None:
        """Wait until the scheduler has ended; raises ``RuntimeError``."""
        wait_until("all tasks have ended", lambda: self.is_done, self.cluster.logs, timeout_s)

    def known(self) -> Known:
        """What the scheduler has written down."""
        return read(self.journal)

    def stop(self) -> None:
        """End the scheduler, if it has not ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    # Kills.

    def kill(self, what: str) -> float:
        """Kill one of a kind, and start it again; returns how long until all was as before."""
        self.kills[what] += 1
        began = time.monotonic()
        getattr(self, f"_kill_{what}")()
        return time.monotonic() - began

    def _kill_master(self) -> None:
        member = self.cluster.kill_leader()
        if len(self.cluster.masters) == 1:
            member.start()
        self.cluster.leader()
        if not member.is_running:
            member.start()
        self.cluster.wait_agents(len(self.cluster.agents))

    def _kill_agent(self) -> None:
        member: Member = self._dice.choice(self.cluster.agents)
        member.kill()
        member.start()
        self.cluster.wait_agents(len(self.cluster.agents))

    def _kill_executor(self) -> None:
        executors = self.executors()
        if executors:
            self._dice.choice(executors).send_signal(signal.SIGKILL)

    def _kill_scheduler(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self.start_scheduler()

    # What runs.

    def executors(self) -> list[psutil.Process]:
        """The executors of this cluster's agents."""
        return [one for one, line in self._processes() if _EXECUTOR in line]

    def _processes(self) -> list[tuple[psutil.Process, str]]:
        """Processes whose working directory is a sandbox of this cluster, with their commands."""
        found = []
        for one in psutil.process_iter():
            try:
                if one.cwd().startswith(str(self.cluster.directory)):
                    found.append((one, " ".join(one.cmdline())))
            except (psutil.Error, OSError):
                continue
        return found

    def running(self) -> set[str]:
        """The tasks whose commands run."""
        found = set()
        for _, line in self._processes():
            if str(self.marks) in line and _EXECUTOR not in line and "containers" not in line:
                found.add(line.partition(f"{self.marks}/")[2].partition(";")[0])
        return found

    def reported(self) -> set[str]:
        """The tasks that the leading master says are running."""
        body: Any = self.cluster.leader().call({"type": "GET_TASKS"})
        tasks = body["get_tasks"].get("tasks", [])
        return {one["task_id"]["value"] for one in tasks if one["state"] == "TASK_RUNNING"}

    def wait_agreement(self) -> int:
        """Wait until what is reported is what runs; returns how many tasks that are."""

        def agree() -> set[str] | None:
            running, reported = self.running(), self.reported()
            return {*running, ""} if running == reported else None

        def evidence() -> str:
            return f"running {sorted(self.running())}\nreported {sorted(self.reported())}"

        return len(wait_until("what is reported is what runs", agree, evidence)) - 1

    def wait_running(self, count: int) -> None:
        """Wait until so many tasks run."""
        wait_until(f"{count} tasks run", lambda: len(self.running()) == count, self.cluster.logs)

    # The verdict.

    def faults(self) -> list[str]:
        """What of the promises was not kept."""
        known, found = self.known(), []
        if len(known.states) != self.count:
            found.append(f"{len(known.states)} tasks were launched, not {self.count}")
        found += [f"{task} has no terminal status" for task in known.open]
        for task, history in known.history.items():
            if sum(state in TERMINAL for state in history) > 1:
                found.append(f"{task} ended more than once: {', '.join(history)}")
        for task, state in known.states.items():
            path = self.marks / task
            lines = path.read_text().split() if path.exists() else []
            if lines.count("begin") > 1:
                found.append(f"{task} has run {lines.count('begin')} times")
            if state == "TASK_FINISHED" and lines != ["begin", "end"]:
                found.append(f"{task} is said to have finished, and wrote {lines}")
            if state not in ("TASK_FINISHED", "TASK_FAILED") and "end" in lines:
                found.append(f"{task} has finished, and is said to be {state}")
        left = self.running()
        if left:
            found.append(f"still running: {sorted(left)}")
        return found
