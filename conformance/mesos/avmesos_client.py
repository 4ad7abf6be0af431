"""avmesos, a small library with a reader of its own: it sees an event when the next one comes.

So a job here goes at the pace of the master's heartbeats. It is pointed at a master that does
not lead, and has to follow the redirection to the one that does.
"""

from __future__ import annotations

from collections.abc import Callable

from conformance.mesos.cluster import Cluster, Member
from conformance.mesos.environments import Environment
from conformance.mesos.jobs import PROGRAMS, Client, Program, check, main

ENVIRONMENT = Environment("avmesos", ("3.11", "3.12", "3.10", "3.13"), ("avmesos==0.4.2",))

_ENDS = {"writes": "TASK_FINISHED", "fails": "TASK_FAILED", "sleeps": "TASK_KILLED"}


def run(say: Callable[[str], None]) -> None:
    """The job; raises ``RuntimeError`` when it cannot be done."""
    python = ENVIRONMENT.python()
    with Cluster(masters=2) as cluster:
        follower = _follower(cluster)
        command = (python, PROGRAMS / "avmesos_scheduler.py", follower.url(""))
        with Program(command, cluster.directory) as program:
            framework_id = program.wait_line("subscribed")
            say(f"subscribed at the leader, sent there by {follower.name}")
            program.wait_line("accepted")
            program.wait_line("over")
            program.wait_end()
        ended = cluster.wait_framework("avmesos", completed=True)
        check(ended["id"] == framework_id, "the framework is on record", ended["id"], framework_id)
        states = {task["name"]: task["state"] for task in ended["completed_tasks"]}
        check(states == _ENDS, "each task has ended as it should", states)
        said = cluster.sandbox_texts("stdout")
        check("hello from avmesos" in said, "the task's output is in its sandbox", said)
        say(f"{len(_ENDS)} command tasks finished, failed and were killed as they should")


def _follower(cluster: Cluster) -> Member:
    leader = cluster.leader()
    return next(master for master in cluster.masters if master is not leader)


CLIENT = Client("avmesos", ENVIRONMENT.python, run)

if __name__ == "__main__":
    main(CLIENT)
