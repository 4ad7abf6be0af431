"""A word count with Dask, whose workers are tasks on the cluster.

Run it with ``python examples/11_dask_word_count.py``, after ``pip install mesozoic[dask]``;
``MESOS=host:port`` uses a cluster that runs.
"""

import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import dask.bag
from distributed import Client

from mesos_compat.testing import EmbeddedCluster
from mesozoic.bridges.dask import MesosCluster

TEXTS = sorted(Path(__file__).parent.glob("*.py"))


def main() -> None:
    """Count, on two workers."""
    with ExitStack() as stack:
        master = os.environ.get("MESOS") or stack.enter_context(EmbeddedCluster(agents=2)).url
        cluster = stack.enter_context(MesosCluster(master, n_workers=2, cpus=0.5, mem=512))
        client = stack.enter_context(Client(cluster))
        client.wait_for_workers(2)
        texts = [path.read_text() for path in TEXTS]
        words = dask.bag.from_sequence(texts, npartitions=4).map(str.split).flatten()
        counts = dict(words.frequencies().compute())
        for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]:
            print(f"{count:5} {word}")
        if counts != Counter(word for text in texts for word in text.split()):
            raise SystemExit("that is not what this process counts")
        print(f"{sum(counts.values())} words, counted by {len(cluster.workers)} tasks")


if __name__ == "__main__":
    main()
