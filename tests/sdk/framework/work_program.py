"""A scheduler as a process of its own, to be killed: ``MASTER ZK MARKS``.

Its tasks write a line when they begin, and end when there is a file called ``go``.
"""

from __future__ import annotations

import sys

from mesozoic.framework import Framework, Restart, Task

TASKS = 3


def framework(master: str, zk: str, marks: str) -> Framework:
    made = Framework("work", master, zk=zk, session_seconds=4)
    command = f"echo x >> {marks}/$MESOZOIC_SLOT; until test -e {marks}/go; do sleep 0.05; done"
    made.add(
        Task(
            "work",
            command,
            count=TASKS,
            resources={"cpus": 0.1, "mem": 32},
            restart=Restart("never"),
        )
    )
    return made


if __name__ == "__main__":
    framework(*sys.argv[1:]).run_blocking()
