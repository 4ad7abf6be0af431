"""A Dask cluster on a real Mesos cluster: jobs, scaling, a worker that is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import dask.array
import dask.bag
import dask.dataframe
import pandas as pd
import pytest
from distributed import Client

from mesos_compat.testing import EmbeddedCluster
from mesozoic.bridges.dask import MesosCluster

pytestmark = [
    # What distributed itself leaves behind when it ends is not ours to judge.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
WAIT_S = 60.0


@pytest.fixture(scope="module")
def mesos() -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster(agents=2) as made:
        yield made


def test_jobs_run_while_workers_come_and_go(mesos: EmbeddedCluster) -> None:
    with (
        MesosCluster(mesos.url, n_workers=2, cpus=0.2, mem=256) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2, timeout=WAIT_S)
        numbers = dask.array.arange(10_000, chunks=1000)
        assert int(numbers.sum().compute()) == 49_995_000
        words = dask.bag.from_sequence(["a", "b", "a", "c", "b", "a"], npartitions=2)
        assert dict(words.frequencies().compute()) == {"a": 3, "b": 2, "c": 1}
        frame = dask.dataframe.from_pandas(pd.DataFrame({"k": [0, 1] * 50, "v": 1}), npartitions=4)
        assert frame.groupby("k").v.sum().compute().to_dict() == {0: 50, 1: 50}

        victim = client.submit(os.getpid).result(WAIT_S)
        os.kill(victim, signal.SIGKILL)
        futures = client.map(lambda number: number + 1, range(50), pure=False)
        assert client.gather(futures) == list(range(1, 51))
        client.wait_for_workers(2, timeout=WAIT_S)

        cluster.scale(1)
        while len(client.scheduler_info()["workers"]) != 1:
            time.sleep(0.05)
        assert client.submit(sum, [1, 2]).result(WAIT_S) == 3


def slowly(number: int) -> int:
    time.sleep(0.05)
    return number


def test_adaptive_cluster_grows_with_work_and_shrinks_without(mesos: EmbeddedCluster) -> None:
    with MesosCluster(mesos.url, cpus=0.2, mem=256) as cluster, Client(cluster) as client:
        cluster.adapt(minimum=0, maximum=2, interval="50ms", wait_count=2)
        futures = client.map(slowly, range(20), pure=False)
        assert sum(client.gather(futures)) == 190
        del futures
        while client.scheduler_info()["workers"]:
            time.sleep(0.05)
