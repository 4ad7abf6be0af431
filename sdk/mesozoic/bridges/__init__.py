"""Existing engines for data, scheduled onto the agents of a Mesos cluster.

Each bridge is a package of its own and needs its engine only when it is used: nothing is imported
from there before. :mod:`mesozoic.bridges.dask` has workers of Dask launched,
:mod:`mesozoic.bridges.spark` runs Apache Spark.
"""
