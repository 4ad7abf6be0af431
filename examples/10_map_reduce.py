"""A word count by a map-reduce engine that is written on the SDK; an agent is lost in the middle.

Run it with ``python examples/10_map_reduce.py``; ``MESOS=host:port`` uses a cluster that runs,
which then loses nothing. The engine is in ``examples/mapreduce``, to be read.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from mapreduce import Job, run_job
from mesos_compat.testing import EmbeddedCluster

TEXTS = [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]


def words(text: str) -> Iterator[tuple[str, int]]:
    """Of an input, pairs of key and value."""
    for word in text.split():
        yield word, 1


def disturb(cluster: EmbeddedCluster, line: str) -> None:
    """Show how the job goes on, and lose an agent when the maps have written their outputs."""
    print(line)
    if line.startswith("all maps are done") and len(cluster.agents) == 3:
        cluster.lose_agent(0)
        print("an agent is lost, with all that was written there")


def main() -> None:
    """Count, and compare."""
    job = Job(TEXTS, words, sum, reduces=3)
    with ExitStack() as stack:
        if master := os.environ.get("MESOS"):
            counts = asyncio.run(run_job(job, master, print))
        else:
            cluster = stack.enter_context(EmbeddedCluster(agents=3))
            counts = asyncio.run(run_job(job, cluster.url, partial(disturb, cluster)))
    for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]:
        print(f"{count:5} {word}")
    if counts != Counter(word for text in TEXTS for word in text.split()):
        raise SystemExit("that is not what this process counts")


if __name__ == "__main__":
    main()
