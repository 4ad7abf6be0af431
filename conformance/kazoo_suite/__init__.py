"""kazoo's own test suite, pointed at any ZooKeeper server.

The suite ships inside the installed kazoo package (``kazoo.tests``). Its harness wants to start
a Java ensemble of its own; we leave the suite as it is and put a cluster of ours in place of
the harness's, before the harness is imported:

    __main__ -> run.run_suite --(pytest subprocess, -p plugin)--> kazoo/tests
                                     plugin: installs a cluster of ours as the harness's,
                                     writes one JSON line per test
    __main__ <- compare: per test id, what Apache passes and ours does not

``cluster.SuiteCluster`` is one standalone server: tests that need three servers, TLS or SASL
are skipped by the cluster object, with the reason, on every server alike.
``ensemble.EnsembleCluster`` is the cluster's full form, asked for by ``--servers 3``: an
ensemble with TLS and SASL.
"""
