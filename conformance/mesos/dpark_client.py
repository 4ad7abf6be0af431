"""dpark, a clone of Spark in Python: one long-lived executor per agent, large tasks, shuffles.

It refuses to run as root, and its executors are the same programs at the same paths as its
driver. So where this runs as root, driver and agents run as ``nobody``, keeping the one right
that lets them read what root has installed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

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
_JOB_S_MAX = 60.0
#: Once in a second dpark's executor looks for tasks whose process has ended, and calls those lost
#: whose result is just on its way. Its driver then leaves the host out for minutes, the only one
#: there is. What the master or the agent calls lost would come with a message, not with None.
_LOST_BY_DPARK = re.compile(r"Lost Task \d+ \(task \S+\) None at")
_TRIES = 3


def prepare() -> None:
    """The environment, and the means to run as nobody."""
    ENVIRONMENT.python()
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        raise ClientUnavailable("setpriv not found: apt-get install util-linux")


def run(say: Callable[[str], None]) -> None:
    """The job; raises ``RuntimeError`` when it cannot be done."""
    prefix = _NOBODY if os.getuid() == 0 else ()
    # One agent: executors on one host lock one work directory, and the second does nothing more.
    with Cluster(agent_prefix=prefix) as cluster:
        for tries_left in reversed(range(_TRIES)):
            try:
                _shuffle(cluster, prefix, say)
                return
            except RuntimeError as error:
                if tries_left == 0 or not _LOST_BY_DPARK.search(str(error)):
                    raise
                say("dpark's executor took an ended task for a dead one; all is done again")


def _shuffle(cluster: Cluster, prefix: Sequence[str], say: Callable[[str], None]) -> None:
    python = ENVIRONMENT.python()
    place = Path(tempfile.mkdtemp(dir=cluster.directory))
    place.chmod(0o777)
    settings = place / "dpark.conf"
    settings.write_text(f"DPARK_WORK_DIR = {str(place)!r}\n")
    job: list[str | Path] = [*prefix, python, PROGRAMS / "dpark_job.py"]
    command = (*job, "-m", cluster.zk_url, "-c", "0.5", "-M", "64", "--no-color")
    variables = {"DPARK_CONF": str(settings), "HOME": str(place)}
    known = {framework["id"] for framework in cluster.frameworks(completed=True)}
    try:
        with Program(command, place, variables) as program:
            sums = program.wait_line("sums", _JOB_S_MAX)
            check(sums == _told(_sums()), "the sums by remainder are right", sums)
            say(f"map and reduceByKey gave the right sums: {sums}")
            lengths = program.wait_line("lengths", _JOB_S_MAX)
            check(lengths == _told(Counter(len(str(n)) for n in _NUMBERS)), "so are the counts")
            say(f"groupBy gave the right counts: {lengths}")
            program.wait_end()
    finally:
        _kill_left(settings)
    ended = [one for one in cluster.frameworks(completed=True) if one["id"] not in known]
    check(len(ended) == 1, "the framework is on record", ended)
    states = Counter(task["state"] for task in ended[0]["completed_tasks"])
    check(set(states) == {"TASK_FINISHED"}, "every task has finished", states)
    say(f"{states.total()} tasks of one executor have finished, and so has the framework")


def _kill_left(settings: Path) -> None:
    """End what a driver that was killed has left: processes it had forked."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("DPARK_CONF") == str(settings):
                process.kill()


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
