"""Dask on a Mesos cluster: a ``distributed`` cluster whose workers are tasks of Mesos.

::

    from dask.distributed import Client
    from mesozoic.bridges.dask import MesosCluster

    with MesosCluster("zk://zk1,zk2,zk3/mesos", n_workers=4, cpus=2, mem=4096) as cluster:
        with Client(cluster) as client:
            print(dask.array.random.random((20_000, 20_000)).mean().compute())
        cluster.adapt(minimum=0, maximum=20)

Dask's scheduler runs in this process, and each worker is a task that runs ``dask worker`` with
a share of an agent's resources. :class:`MesosCluster` is a ``SpecCluster``: it tells which
workers there are to be, and :class:`~mesozoic.bridges.dask.tasks.KeptTasks` keeps a task
running for each of them: one that ends although it is wanted is launched anew, on whatever agent
has room. Agents must be able to reach this host and one another, as always with Dask.

Needs ``pip install mesozoic[dask]`` here, and the same on the agents. What passes between
scheduler and workers is not encrypted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesozoic.bridges.dask.cluster import MesosCluster, MesosWorker

__all__ = ["MesosCluster", "MesosWorker"]


def __getattr__(name: str) -> object:
    # Dask takes its time to be imported, and is an extra.
    if name in __all__:
        from mesozoic.bridges.dask import cluster

        return getattr(cluster, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
