"""pymesos, the Python library that most Mesos frameworks in Python stand on.

A scheduler and an executor of ours on the library, found through ZooKeeper, live through the
loss of the leading master and of an agent; the library's driver for operators watches them.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable

from conformance.mesos.cluster import Cluster
from conformance.mesos.environments import Environment
from conformance.mesos.jobs import PROGRAMS, Client, Program, check, main

#: The library's C extension builds up to Python 3.10.
ENVIRONMENT = Environment("pymesos", ("3.10", "3.9", "3.8"), ("pymesos==0.3.15",))

_FREE_TASKS = 20
_HELD_TASKS = 6
#: Room for the library's pauses before it connects again, which grow from two seconds.
_AGENT_FLAGS = ("--executor_reregistration_timeout=12secs",)


def run(say: Callable[[str], None]) -> None:
    """The job; raises ``RuntimeError`` when one cannot be done."""
    python = ENVIRONMENT.python()
    with Cluster(masters=2, agents=2, agent_flags=_AGENT_FLAGS) as cluster:
        operator = (python, PROGRAMS / "pymesos_operator.py", cluster.leader().address)
        executor = f"exec {shlex.quote(str(python))} {PROGRAMS / 'pymesos_executor.py'}"
        scheduler = (python, PROGRAMS / "pymesos_scheduler.py", cluster.zk_url, executor)
        with contextlib.ExitStack() as programs:
            watcher = programs.enter_context(Program(operator, cluster.directory))
            _ask_as_operator(watcher, cluster, say)
            # Whoever subscribes from now on is news.
            watcher.wait_line("watching")
            program = programs.enter_context(Program(scheduler, cluster.directory))
            framework_id = program.wait_line("registered")
            _square(program, say)
            _watch(watcher, say)
            _hold(program, say)
            _fail_over(program, cluster, say)
            _restart_agent(program, cluster, say)
            _release(program, say)
            program.tell("stop")
            program.wait_end()
        _check_ended(cluster, framework_id, say)


def _ask_as_operator(watcher: Program, cluster: Cluster, say: Callable[[str], None]) -> None:
    check(watcher.wait_line("health") == "True", "the master is healthy")
    version = watcher.wait_line("version")
    check(all(part.isdigit() for part in version.split(".")), "a version of numbers", version)
    check(watcher.wait_line("agents") == str(len(cluster.agents)), "all agents are told")
    check(watcher.wait_line("master") == str(cluster.leader().port), "the leader tells its port")
    watcher.wait_line("asked")
    say(f"the operator driver's calls are answered by a master of version {version}")


def _watch(watcher: Program, say: Callable[[str], None]) -> None:
    watcher.wait_line("framework-added pymesos-squares")
    watcher.wait_line("task-added free-")
    watcher.wait_line("task-updated TASK_FINISHED")
    watcher.close_input()
    watcher.wait_end()
    say("the operator's event stream told of the framework and its tasks")


def _square(program: Program, say: Callable[[str], None]) -> None:
    program.tell(f"launch free {_FREE_TASKS}")
    squares: dict[str, int] = {}
    executors: set[str] = set()
    while len(squares) < _FREE_TASKS:
        kind, _, rest = program.next_line().partition(" ")
        if kind == "message":
            executors.add(rest.split()[0])
        if kind == "update":
            task, state, data, reason = rest.split()
            check(state in ("TASK_RUNNING", "TASK_FINISHED"), "tasks run and finish", rest, reason)
            if state == "TASK_FINISHED":
                squares[task] = int(data)
    wanted = {f"free-{number}": number * number for number in range(_FREE_TASKS)}
    check(squares == wanted, "every task has squared its number", squares)
    say(f"{_FREE_TASKS} tasks on {len(executors)} custom executors gave the right results")


def _hold(program: Program, say: Callable[[str], None]) -> None:
    program.tell(f"launch held {_HELD_TASKS}")
    running: set[str] = set()
    while len(running) < _HELD_TASKS:
        task, state, *_ = program.wait_line("update held-").split()
        check(state == "TASK_RUNNING", "a held task runs", task, state)
        running.add(task)
    program.tell("kill held-0")
    killed = program.wait_line("update held-0").split()[0]
    check(killed == "TASK_KILLED", "the killed task is killed", killed)
    say(f"{_HELD_TASKS} tasks are held running, one of them was killed on demand")


def _fail_over(program: Program, cluster: Cluster, say: Callable[[str], None]) -> None:
    killed = cluster.kill_leader()
    program.wait_line("disconnected")
    program.wait_line("reregistered")
    cluster.wait_agents(len(cluster.agents))
    names = [f"held-{number}" for number in range(1, _HELD_TASKS)]
    program.tell("reconcile " + " ".join(names))
    _wait_running(program, set(names))
    killed.start()
    say("after the leader's end another master knows the framework and its tasks")


def _wait_running(program: Program, names: set[str]) -> None:
    missing = set(names)
    while missing:
        task, state, *_ = program.wait_line("update ").split()
        check(state == "TASK_RUNNING", "the task still runs", task, state)
        missing.discard(task)


def _running(cluster: Cluster) -> set[str]:
    """The tasks that run; one that was killed is kept as long as that is not acknowledged."""
    tasks = cluster.frameworks()[0]["tasks"]
    return {task["id"] for task in tasks if task["state"] == "TASK_RUNNING"}


def _restart_agent(program: Program, cluster: Cluster, say: Callable[[str], None]) -> None:
    agent = cluster.agents[0]
    before = _running(cluster)
    agent.kill()
    agent.start()
    agent.wait_metric("slave/registered", 1)
    # What an executor sends while its agent is not registered is lost, so it is asked now.
    program.tell("tell anybody")
    answered: set[str] = set()
    while len(answered) < len(cluster.agents):
        executor, verb, *_ = program.wait_line("message").split()
        if verb == "heard":
            answered.add(executor)
    after = _running(cluster)
    check(before == after, "the tasks survived their agent", before, after)
    say("an agent was killed and started again, and found its executor and tasks alive")


def _release(program: Program, say: Callable[[str], None]) -> None:
    program.tell("tell release")
    squares: dict[str, int] = {}
    while len(squares) < _HELD_TASKS - 1:
        task, state, data, _ = program.wait_line("update ").split()
        if state == "TASK_FINISHED":
            squares[task] = int(data)
    wanted = {f"held-{number}": number * number for number in range(1, _HELD_TASKS)}
    check(squares == wanted, "every held task has squared its number", squares)
    say("a message to the executors released the held tasks, with the right results")


def _check_ended(cluster: Cluster, framework_id: str, say: Callable[[str], None]) -> None:
    ended = cluster.wait_framework("pymesos-squares", completed=True)
    check(ended["id"] == framework_id, "the framework kept its id", ended["id"], framework_id)
    states = {task["state"] for task in ended["completed_tasks"]}
    check(states == {"TASK_FINISHED", "TASK_KILLED"}, "the tasks' ends are on record", states)
    say("the master keeps the ended framework and its tasks on record")


CLIENT = Client("pymesos", ENVIRONMENT.python, run)

if __name__ == "__main__":
    main(CLIENT)
