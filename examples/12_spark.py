"""Apache Spark on the cluster: its executors are tasks.

Run it with ``python examples/12_spark.py``, after ``pip install mesozoic[spark]``; a JDK has to be
there, too (``mesozoic doctor`` says). ``MESOS=host:port`` uses a cluster that runs.
"""

import os
from contextlib import ExitStack

from mesos_compat.testing import EmbeddedCluster
from mesozoic.bridges.spark import session_builder


def main() -> None:
    """A sum, and a group-by in SQL."""
    with ExitStack() as stack:
        master = os.environ.get("MESOS") or stack.enter_context(EmbeddedCluster(agents=2)).url
        session = session_builder(f"mesos://{master.removeprefix('http://')}").getOrCreate()
        stack.callback(session.stop)
        total = session.sparkContext.parallelize(range(100_000), 4).sum()
        print(f"the sum is {total}")
        session.range(1000).selectExpr("id", "id % 3 as k").createOrReplaceTempView("numbers")
        rows = session.sql("select k, count(*) as n from numbers group by k order by k").collect()
        for row in rows:
            print(f"{row.n} numbers leave {row.k} when divided by 3")
        if total != sum(range(100_000)) or [row.n for row in rows] != [334, 333, 333]:
            raise SystemExit("that is not right")


if __name__ == "__main__":
    main()
