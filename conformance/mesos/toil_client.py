"""toil, a workflow engine that is still maintained, on its Mesos batch system.

A workflow of ours runs its jobs as tasks of toil's own executor. One job fails once and is tried
again; the last jobs before the result are held while the master is killed and started again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.mesos.cluster import Cluster, wait_until
from conformance.mesos.environments import Environment
from conformance.mesos.jobs import PROGRAMS, Client, Program, check, main

#: toil 9 begins at Python 3.10, and its extra ``mesos`` ends there.
ENVIRONMENT = Environment("toil", ("3.10",), ("toil[mesos]==9.6.0",))

_NAME = "toil-words"
#: As the workflow has them: six texts are counted, three jobs are held, and there is one each
#: to split, to gather and to add; one of all fails at its first try.
_HELD = 3
_HELD_S_MAX = 180.0
_FINISHED = 6 + _HELD + 3
_FAILED = 1
#: Text n has word k n times k times.
_RESULT = {f"word{k}": k * sum(range(1, 7)) for k in range(1, 5)}


def run(say: Callable[[str], None]) -> None:
    """The job; raises ``RuntimeError`` when it cannot be done."""
    python = ENVIRONMENT.python()
    # Agents look the executor up by its name.
    path = {"PATH": os.pathsep.join((os.environ.get("PATH", os.defpath), str(python.parent)))}
    flags = (f"--executor_environment_variables={json.dumps(path)}",)
    with Cluster(agents=2, agent_flags=flags) as cluster:
        marks = cluster.directory / "marks"
        marks.mkdir()
        with Program(_command(python, cluster, marks), cluster.directory, _home(cluster)) as leader:
            _wait_held(cluster, marks)
            say(f"jobs wrote and read the job store, {_HELD} of them are held running")
            _restart_master(cluster, say)
            (marks / "release").touch()
            result = json.loads(leader.wait_line("result"))
            leader.wait_end()
        check(result == _RESULT, "the words are counted right", result)
        say(f"the workflow's result is right: {result}")
        _check_tasks(cluster.wait_framework(_NAME, completed=True), say)


def _home(cluster: Cluster) -> dict[str, str]:
    """What keeps toil's own files in the cluster's directory."""
    place = cluster.directory / "toil"
    place.mkdir()
    return {"HOME": str(place), "TMPDIR": str(place)}


def _command(python: Path, cluster: Cluster, marks: Path) -> tuple[str | Path, ...]:
    return (
        *(python, PROGRAMS / "toil_words.py"),
        "--batchSystem=mesos",
        f"--mesosEndpoint={cluster.leader().address}",
        f"--mesosName={_NAME}",
        *("--defaultCores=1", "--defaultMemory=64Mi", "--defaultDisk=16Mi"),
        *("--retryCount=1", "--retryBackoffSeconds=0.1"),
        f"--coordinationDir={marks}",
        "--publishWorkflowMetrics=no",
        "--disableProgress",
        *(cluster.directory / "store", marks),
    )


def _wait_held(cluster: Cluster, marks: Path) -> None:
    def are_held() -> bool:
        return len(list(marks.glob("held-*"))) == _HELD

    wait_until(
        "jobs are held",
        are_held,
        lambda: cluster.logs() + cluster.sandbox_texts(),
        _HELD_S_MAX,
    )


def _states(framework: Any) -> dict[str, str]:
    return {task["id"]: task["state"] for task in framework["tasks"]}


def _restart_master(cluster: Cluster, say: Callable[[str], None]) -> None:
    before = cluster.wait_framework(_NAME)
    check(len(_states(before)) == _HELD, "the held jobs are the running tasks", before["tasks"])
    cluster.kill_leader().start()
    cluster.wait_agents(len(cluster.agents))

    def is_back() -> Any:
        framework = cluster.wait_framework(_NAME)
        return framework if framework["active"] else None

    after = wait_until("toil has subscribed again", is_back, cluster.logs)
    check(after["id"] == before["id"], "the framework kept its id", before["id"], after["id"])
    check(_states(after) == _states(before), "its tasks are known again", after["tasks"])
    say("toil and its tasks went on with the master that was killed and started again")


def _check_tasks(framework: Any, say: Callable[[str], None]) -> None:
    states = [task["state"] for task in framework["completed_tasks"]]
    failed, finished = states.count("TASK_FAILED"), states.count("TASK_FINISHED")
    # What ended before the master did is known to the agents only, and they tell it.
    check((failed, finished) == (_FAILED, _FINISHED), "tasks ended as jobs did", states)
    say(f"{finished} tasks finished and {failed} failed, as their jobs did")


CLIENT = Client("toil", ENVIRONMENT.python, run)

if __name__ == "__main__":
    main(CLIENT)
