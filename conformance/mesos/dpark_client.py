"""dpark, a clone of Spark in Python: one long-lived executor per agent, large tasks, shuffles.

It refuses to run as root, and its executors are the same programs at the same paths as its
driver. So where this runs as root, driver and agents run as ``nobody``, keeping the one right
that lets them read what root has installed.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable

from conformance.clients.compare import ClientUnavailable
from conformance.mesos.cluster import Cluster
from conformance.mesos.environments import Environment
from conformance.mesos.jobs import PROGRAMS, Client, Program, check, main

#: The last pymesos whose heartbeats dpark understands, and what looks into ZooKeeper for it; the
#: C parts of dpark build up to Python 3.7.
#: It finds masters through kazoo, but does not ask for it.
ENVIRONMENT = Environment(
    "dpark", ("3.7", "3.6"), ("dpark==0.5.0", "pymesos==0.3.9", "kazoo==2.8.0")
)

_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
)
_NUMBERS = range(10_000)
_JOB_S_MAX = 180.0


def prepare() -> None:
    """The environment, and the means to run as nobody."""
    ENVIRONMENT.python()
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        raise ClientUnavailable("setpriv not found: apt-get install util-linux")


def run(say: Callable[[str], None]) -> None:
    """The job; raises ``RuntimeError`` when it cannot be done."""
    python = ENVIRONMENT.python()
    prefix = _NOBODY if os.getuid() == 0 else ()
    # One agent: executors on one host lock one work directory, and the second does nothing more.
    with Cluster(agent_prefix=prefix) as cluster:
        place = cluster.directory / "dpark"
        place.mkdir()
        place.chmod(0o777)
        settings = place / "dpark.conf"
        settings.write_text(f"DPARK_WORK_DIR = {str(place)!r}\n")
        command = (
            *(*prefix, python, PROGRAMS / "dpark_job.py", "-m", cluster.zk_url),
            *("-c", "0.5", "-M", "64", "--no-color"),
        )
        # Executors of one agent serve all of a driver's jobs; both are found by host name.
        variables = {"DPARK_CONF": str(settings), "HOME": str(place)}
        with Program(command, place, variables) as program:
            sums = program.wait_line("sums", _JOB_S_MAX)
            check(sums == _told(_sums()), "the sums by remainder are right", sums)
            say(f"map and reduceByKey gave the right sums: {sums}")
            lengths = program.wait_line("lengths", _JOB_S_MAX)
            check(lengths == _told(Counter(len(str(n)) for n in _NUMBERS)), "so are the counts")
            say(f"groupBy gave the right counts: {lengths}")
            program.wait_end()
        ended = [one for one in cluster.frameworks(completed=True) if "dpark" in one["name"]]
        check(len(ended) == 1, "the framework is on record", ended)
        states = Counter(task["state"] for task in ended[0]["completed_tasks"])
        check(set(states) == {"TASK_FINISHED"}, "every task has finished", states)
        say(f"{states.total()} tasks of one executor have finished, and so has the framework")


def _sums() -> Counter[int]:
    sums: Counter[int] = Counter()
    for number in _NUMBERS:
        sums[number % 7] += 3 * number
    return sums


def _told(counts: Counter[int]) -> str:
    return " ".join(f"{key}:{count}" for key, count in sorted(counts.items()))


CLIENT = Client("dpark", prepare, run)

if __name__ == "__main__":
    main(CLIENT)
