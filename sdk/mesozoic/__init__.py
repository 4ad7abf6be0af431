"""The SDK for authors of Mesos frameworks, for Apache Mesos as well as for our own.

A ladder, each rung of which can be used alone:

* :mod:`mesozoic.aio`: drivers for schedulers and executors, and clients for operators;
  :mod:`mesozoic.core` is what they decide by, without sockets.
* :mod:`mesozoic.classic`: the callbacks of the bindings that came before, for old frameworks.
* :mod:`mesozoic.framework`: say which tasks and services should run, and it sees to it.
* :mod:`mesozoic.pool`: functions run by tasks, as :mod:`concurrent.futures` has it.
* :mod:`mesozoic.bridges`: Dask and Apache Spark on the cluster.

* :mod:`mesozoic.testing`: schedulers tested without a cluster, and clusters for tests.

And :mod:`mesozoic.cli`, the command ``mesozoic``.
"""
