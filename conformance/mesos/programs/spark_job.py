"""Jobs on Spark, told over standard input: ``spark_job.py MASTER SETTINGS``.

``SETTINGS`` is JSON: what :func:`mesozoic.bridges.spark.session_builder` is to set, and under
``credential`` principal and secret. Each line of the input is the name of a job; its result is
printed behind that name. A job that is slow says how many of its tasks have ended meanwhile.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from mesozoic.bridges.spark import Credential, session_builder

_ROWS: Final = 1_000_000
_SLOW_TASKS: Final = 24
_SLOW_TASK_S: Final = 0.5


def total(spark: Any) -> int:
    """The sum of the first million numbers, by an RDD."""
    return int(spark.sparkContext.parallelize(range(_ROWS), 8).sum())


def words(spark: Any) -> dict[str, int]:
    """How often each word occurs, by a shuffle."""
    lines = spark.sparkContext.parallelize(range(20_000), 8).map(
        lambda n: f"w{n % 7} w{n % 11} all"
    )
    pairs = lines.flatMap(str.split).map(lambda word: (word, 1))
    return dict(sorted(pairs.reduceByKey(lambda a, b: a + b, 4).collect()))


def groups(spark: Any) -> list[list[int]]:
    """An SQL GROUP BY over a million rows: key, count, sum."""
    spark.range(_ROWS).createOrReplaceTempView("numbers")
    rows = spark.sql(
        "SELECT id % 10 AS k, count(*) AS n, sum(id) AS s FROM numbers GROUP BY id % 10 ORDER BY k"
    ).collect()
    return [[row.k, row.n, row.s] for row in rows]


def join(spark: Any) -> list[list[int]]:
    """An SQL JOIN of a million rows with another thousand by a shuffle: name, count, sum."""
    spark.range(_ROWS).createOrReplaceTempView("facts")
    spark.range(1000).createOrReplaceTempView("keys")
    rows = spark.sql(
        "SELECT /*+ SHUFFLE_MERGE(k) */ k.id % 5 AS g, count(*) AS n, sum(f.id) AS s"
        " FROM facts f JOIN keys k ON f.id % 2000 = k.id GROUP BY k.id % 5 ORDER BY g"
    ).collect()
    return [[row.g, row.n, row.s] for row in rows]


def slow(spark: Any) -> dict[int, int]:
    """Squares summed by remainder, in tasks of half a second, then a shuffle."""

    def square(n: int) -> tuple[int, int]:
        time.sleep(_SLOW_TASK_S)
        return n % 3, n * n

    numbers = spark.sparkContext.parallelize(range(_SLOW_TASKS), _SLOW_TASKS)
    ended = threading.Event()
    teller = threading.Thread(target=_tell_progress, args=(spark.sparkContext, ended))
    teller.start()
    try:
        return dict(sorted(numbers.map(square).reduceByKey(lambda a, b: a + b, 3).collect()))
    finally:
        ended.set()
        teller.join()


def _tell_progress(context: Any, ended: threading.Event) -> None:
    tracker = context.statusTracker()
    told = 0
    while not ended.wait(0.05):
        stages = [tracker.getStageInfo(one) for one in tracker.getActiveStageIds()]
        done = max((stage.numCompletedTasks for stage in stages if stage), default=0)
        if done > told:
            told = done
            print("tasks", done, flush=True)


JOBS: Final[dict[str, Callable[[Any], Any]]] = {
    job.__name__: job for job in (total, words, groups, join, slow)
}


def main() -> None:
    """Do what standard input says until it ends."""
    settings = json.loads(sys.argv[2])
    credential = settings.pop("credential", None)
    spark = session_builder(
        sys.argv[1],
        app_name="spark_job",
        credential=Credential(*credential) if credential else None,
        config=settings,
    ).getOrCreate()
    print("framework", spark.sparkContext.applicationId, flush=True)
    for line in sys.stdin:
        print(line.strip(), json.dumps(JOBS[line.strip()](spark)), flush=True)
    spark.stop()
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
