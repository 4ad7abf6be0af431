"""Apache Spark 3.5, as published on PyPI, on our masters and agents by our driver for it.

A program with a session does RDD and SQL jobs, loses an executor in the middle of one, and the
leading master between two; another is submitted by ``spark-submit`` to masters that ask who it is.
Executors are Spark's own, started by the agents as command tasks. The results are compared with
what Python makes of the same numbers.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from conformance.clients.compare import ClientUnavailable
from conformance.mesos.cluster import Cluster, Member, wait_until
from conformance.mesos.environments import Environment
from conformance.mesos.jobs import PROGRAMS, Client, Program, check, main
from mesozoic.bridges.spark.building import SparkUnavailable, find_compiler

#: Spark, and what our SDK stands on: the program uses both.
ENVIRONMENT = Environment(
    "spark",
    ("3.11",),
    ("pyspark==3.5.9", "aiohttp==3.14.5", "kazoo==2.11.0", "protobuf==5.29.6", "click==8.5.1"),
)

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
#: One executor takes all processors of an agent, so two executors are on two agents.
_AGENT: Final = "cpus:2;mem:2048;disk:4096;ports:[31000-31999]"
_SETTINGS: Final = {
    "spark.executor.cores": "2",
    "spark.executor.memory": "512m",
    "spark.cores.max": "4",
    # No job begins before both executors are there.
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
    # The hint for a join by a shuffle shall not be undone when the run is under way.
    "spark.sql.adaptive.enabled": "false",
}
_NAME: Final = "spark_job"
_BACKEND: Final = "CoarseGrainedExecutorBackend"
_ROWS: Final = 1_000_000
#: Java versions that Spark 3.5 runs on.
_JAVAS: Final = range(8, 22)
_START_S_MAX: Final = 120.0
_JOB_S_MAX: Final = 180.0


def prepare() -> None:
    """Brings Spark, and finds a JDK of a version that it runs on."""
    try:
        java = find_compiler().with_name("java")
    except SparkUnavailable as missing:
        raise ClientUnavailable(str(missing)) from missing
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None or int(found[1]) not in _JAVAS:
        raise ClientUnavailable(
            f"Spark 3.5 runs on Java {_JAVAS[0]} to {_JAVAS[-1]}, and {java} is another: "
            "apt-get install openjdk-17-jdk-headless, or name one in JAVA_HOME"
        )
    ENVIRONMENT.python()


def run(say: Callable[[str], None]) -> None:
    """The jobs; raises ``RuntimeError`` when one cannot be done."""
    with Cluster(agents=2, agent_resources=_AGENT) as cluster:
        _do_jobs(cluster, say)
    with Cluster(masters=3, zookeepers=3, agents=2, agent_resources=_AGENT) as cluster:
        _fail_over(cluster, say)
    with tempfile.TemporaryDirectory() as name:
        credentials = Path(name) / "credentials"
        who = {"principal": "spark", "secret": "s3cret"}
        credentials.write_text(json.dumps({"credentials": [who]}))
        flags = ("--authenticate_http_frameworks=true", f"--credentials={credentials}")
        with Cluster(agents=1, agent_resources=_AGENT, master_flags=flags) as cluster:
            _authenticate(cluster, say)


def _environment(cluster: Cluster) -> dict[str, str]:
    """Our SDK to import, and a home directory for what it builds."""
    path = f"{_CHECKOUT}:{_CHECKOUT / 'sdk'}"
    return {"PYTHONPATH": path, "XDG_CACHE_HOME": str(cluster.directory)}


def _session(cluster: Cluster, more: Mapping[str, Any] | None = None) -> Program:
    settings = json.dumps({**_SETTINGS, **(more or {})})
    command = (ENVIRONMENT.python(), PROGRAMS / "spark_job.py", cluster.zk_url, settings)
    return Program(command, cluster.directory, _environment(cluster))


def _do_jobs(cluster: Cluster, say: Callable[[str], None]) -> None:
    with _session(cluster) as program:
        framework_id = program.wait_line("framework", _START_S_MAX)
        _check_total(program)
        agents = {task["slave_id"] for task in _executors(cluster)}
        check(len(agents) == len(cluster.agents), "there is an executor on each agent", agents)
        say(f"the sum of an RDD of {_ROWS} numbers is right, on executors of {len(agents)} agents")
        _check_words(program)
        say("so is the word count, with a shuffle")
        check(_result(program, "groups") == _groups(), "the groups are right")
        say(f"so is an SQL GROUP BY over {_ROWS} rows")
        check(_result(program, "join") == _join(), "the join is right")
        say(f"so is an SQL JOIN of {_ROWS} rows")
        _kill_in_the_middle(program, cluster, say)
        program.close_input()
        program.wait_line("stopped")
        program.wait_end()
    ended = cluster.wait_framework(_NAME, completed=True)
    check(ended["id"] == framework_id, "the framework that ended is Spark's", ended["id"])
    say("Spark's end tore the framework down, and it is on record")
    _run_example(cluster)
    say("our example of a session is right, too")


def _run_example(cluster: Cluster) -> None:
    """What a reader of the examples would do, with the packages of this checkout's tools."""
    environment = {
        "MESOS": cluster.zk_url,
        "PYTHONPATH": str(ENVIRONMENT.packages()),
        "PYSPARK_PYTHON": sys.executable,
        "XDG_CACHE_HOME": str(cluster.directory),
    }
    command = (sys.executable, _CHECKOUT / "examples" / "12_spark.py")
    with Program(command, cluster.directory, environment) as program:
        program.wait_end(_JOB_S_MAX)


def _kill_in_the_middle(program: Program, cluster: Cluster, say: Callable[[str], None]) -> None:
    program.tell("slow")
    done = program.wait_line("tasks", _JOB_S_MAX)
    killed = _kill_executor(cluster.agents[0])
    result = json.loads(program.wait_line("slow", _JOB_S_MAX))
    check(result == _slow(), "the job that lost an executor is right", result)
    say(f"so is a job whose executor (process {killed}) was killed after {done} tasks")
    _wait_executors(cluster, 2)
    states = Counter(task["state"] for task in _framework(cluster)["completed_tasks"])
    check(states == {"TASK_FAILED": 1}, "the killed executor's task has failed", states)
    say("the agent told of its end, and Spark had another one launched")


def _fail_over(cluster: Cluster, say: Callable[[str], None]) -> None:
    with _session(cluster) as program:
        framework_id = program.wait_line("framework", _START_S_MAX)
        _check_total(program)
        before = sorted(task["id"] for task in _executors(cluster))
        killed = cluster.kill_leader()
        _check_words(program)
        cluster.wait_agents(len(cluster.agents))
        found = wait_until("Spark is back", lambda: _connected(cluster), cluster.logs)
        check(found["id"] == framework_id, "the framework kept its id", found["id"])
        after = sorted(task["id"] for task in _wait_executors(cluster, 2))
        check(before == after, "the executors have survived", before, after)
        say(f"with three masters, {killed.name} was killed between two jobs: both are right")
        _kill_executor(cluster.agents[1])
        wait_until("its end is known", lambda: _framework(cluster)["completed_tasks"], cluster.logs)
        _wait_executors(cluster, 2)
        check(_result(program, "groups") == _groups(), "the third job is right")
        say("the next leader knows framework and executors, and launches another for one killed")
        program.close_input()
        program.wait_end()
    cluster.wait_framework(_NAME, completed=True)


def _authenticate(cluster: Cluster, say: Callable[[str], None]) -> None:
    few = {"spark.cores.max": "2"}
    with _session(cluster, {**few, "credential": ["spark", "wrong"]}) as program:
        refused = ""
        try:
            program.wait_end(_START_S_MAX)
        except RuntimeError as error:
            refused = str(error)
        ended = "ended with status" in refused
        check(ended and "401 Unauthorized" in refused, "a wrong secret ends it", refused)
    check(not cluster.frameworks(), "no framework was taken")
    say("a wrong secret ended Spark, with what the master said")
    with _session(cluster, {**few, "credential": ["spark", "s3cret"]}) as program:
        program.wait_line("framework", _START_S_MAX)
        _check_total(program)
        check(_framework(cluster)["principal"] == "spark", "the principal is Spark's")
        program.close_input()
        program.wait_end()
    say("the right one let it in")
    _submit(cluster, {**_SETTINGS, **few, "spark.mesos.principal": "spark"})
    say("spark-submit did its job there, too")


def _submit(cluster: Cluster, settings: Mapping[str, str]) -> None:
    command: list[str | Path] = [
        *(ENVIRONMENT.python(), "-m", "mesozoic.bridges.spark", "submit"),
        *("--master", f"mesos://{cluster.zk_url}"),
        *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        *(PROGRAMS / "spark_submitted.py", str(_ROWS)),
    ]
    environment = {**_environment(cluster), "SPARK_MESOS_SECRET": "s3cret"}
    with Program(command, cluster.directory, environment) as program:
        told = program.wait_line("submitted", _START_S_MAX)
        check(told == str(sum(range(_ROWS))), "the submitted program's sum is right", told)
        program.wait_end()
    cluster.wait_framework("spark_submitted", completed=True)


def _framework(cluster: Cluster) -> Any:
    return cluster.wait_framework(_NAME)


def _connected(cluster: Cluster) -> Any:
    framework = _framework(cluster)
    return framework if framework["connected"] else None


def _executors(cluster: Cluster) -> list[Any]:
    """The running tasks, each of which is one of Spark's executors."""
    tasks = _framework(cluster)["tasks"]
    return [task for task in tasks if task["state"] == "TASK_RUNNING"]


def _wait_executors(cluster: Cluster, count: int) -> list[Any]:
    def are_there() -> list[Any] | None:
        running = _executors(cluster)
        return running if len(running) == count else None

    return wait_until(f"{count} executors run", are_there, cluster.logs, _START_S_MAX)


def _kill_executor(agent: Member) -> int:
    """SIGKILL the JVM of an executor in a container of ``agent``; its process id."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            sandbox = process.environ().get("MESOS_SANDBOX", "")
            command = process.cmdline()
            is_java = bool(command) and Path(command[0]).name == "java"
            is_ours = sandbox.startswith(f"{agent.directory}/")
            if is_java and is_ours and any(_BACKEND in one for one in command):
                process.kill()
                return int(process.pid)
    raise RuntimeError(f"{agent.name} runs no executor of Spark")


def _result(program: Program, job: str) -> Any:
    program.tell(job)
    return json.loads(program.wait_line(job, _JOB_S_MAX))


def _check_total(program: Program) -> None:
    total = _result(program, "total")
    check(total == sum(range(_ROWS)), "the sum is right", total)


def _check_words(program: Program) -> None:
    words = _result(program, "words")
    wanted = Counter(word for n in range(20_000) for word in (f"w{n % 7}", f"w{n % 11}", "all"))
    check(words == wanted, "the counts are right", words)


def _groups() -> list[list[int]]:
    return [[k, _ROWS // 10, sum(range(k, _ROWS, 10))] for k in range(10)]


def _join() -> list[list[int]]:
    """Rows whose remainder by 2000 is below 1000 find a partner."""
    found: dict[int, list[int]] = {group: [0, 0] for group in range(5)}
    for number in range(_ROWS):
        if (key := number % 2000) < 1000:
            found[key % 5][0] += 1
            found[key % 5][1] += number
    return [[group, *found[group]] for group in sorted(found)]


def _slow() -> dict[str, int]:
    sums: Counter[str] = Counter()
    for number in range(24):
        sums[str(number % 3)] += number * number
    return dict(sums)


CLIENT = Client("spark", prepare, run)

if __name__ == "__main__":
    main(CLIENT)
