"""A scheduler that is killed, and a standby that finishes the job.

Run it with ``python examples/13_standby.py``; ``MESOS=zk://host:port/mesos`` uses a cluster that
runs. Two processes of the same program share a framework, whose state is in ZooKeeper.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from mesos_compat.testing import EmbeddedCluster
from mesozoic.framework import Framework, Task

TASKS = 6


def scheduler(master: str, zk: str, directory: str) -> None:
    """One of the two: leads, or stands by until it does."""
    framework = Framework("relay", master, zk=zk, session_seconds=2.0)
    command = f"mktemp {directory}/XXXXXX; sleep 1.5"
    framework.add(Task("work", command, count=TASKS, resources={"cpus": 0.1, "mem": 32}))
    framework.run_blocking()


def main() -> None:
    """Start two, kill the one that leads when tasks run, and let the other one finish."""
    with ExitStack() as stack:
        master = os.environ.get("MESOS") or stack.enter_context(EmbeddedCluster(masters=2)).zk
        if master is None or not master.startswith("zk://"):
            raise SystemExit("MESOS has to be of the form zk://host:port/path")
        zk = f"{master.rpartition('/')[0]}/relay-{os.getpid()}"
        marks = Path(stack.enter_context(TemporaryDirectory()))
        command = [sys.executable, __file__, master, zk, str(marks)]
        first = subprocess.Popen(command)
        while len(list(marks.iterdir())) < TASKS:
            time.sleep(0.05)
        second = subprocess.Popen(command)
        first.send_signal(signal.SIGKILL)
        first.wait()
        print(f"{TASKS} tasks run; their scheduler was killed")
        if second.wait() != 0:
            raise SystemExit("the standby has failed")
        if len(list(marks.iterdir())) != TASKS:
            raise SystemExit("each was to run once")
        print("the standby has heard of the end of each; none was started twice")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        scheduler(*sys.argv[1:])
    else:
        main()
