"""Apache ZooKeeper and our server side by side under the same load.

The load generator alone (one C thread on epoll; it is compiled on first use, by gcc)::

    python -m conformance.bench load get --port 2181 --connections 50 --depth 16 --seconds 3
    python -m conformance.bench load --help          # all modes and options
    python -m conformance.bench load --stub          # a server that answers at once

It prints one line of JSON (operations a second, latencies in microseconds, errors, xids out
of order, lost connections) and exits with 0 only if nothing went wrong. Modes: ``get exists
children set create crdel mix multi2 sync``, ``connect fanout idle fill first``.

The comparison::

    python -m conformance.bench zk --quick           # under three minutes, one round
    python -m conformance.bench zk                   # everything, three rounds, all variants
    python -m conformance.bench zk --only 'set*' --variants default --json sets.json
    python -m conformance.bench zk --servers 3       # ensembles, connections over all servers

How it is fair: one server runs at a time (the others are stopped), they take turns within
each case, and the order turns as well; all keep their data on the same disk and fsync each
commit; the server is pinned to core 0 and the load to core 1 (but not in the variant
``both``); figures are medians, and ratios the medians over pairs of runs that followed on
one another. Before the first figure each server has been under every kind of load for 40 s
in all, because a JVM needs that long on one core to compile what it runs (seen: create and
delete go from 19,000 a second to 36,000 between second 10 and 25 of a load).

Ensembles are not pinned: all servers and the load share all cores. An ensemble stands still as
a whole while the other one is measured, then goes on and is measured once it has had the same
leader for half a second; Apache's is given limits that it does not reach meanwhile.

Beside these, ``python -m conformance.bench mesos`` loads a master with agents that pretend, and
``python -m conformance.bench pool`` compares the SDK's pool with Dask.

The modules: :mod:`~conformance.bench.loadgen` compiles and runs the generator,
:mod:`~conformance.bench.cases` is the table of cases and targets,
:mod:`~conformance.bench.subjects` is a server or an ensemble to be measured,
:mod:`~conformance.bench.measure` takes one of them through the cases,
:mod:`~conformance.bench.rounds` alternates them, :mod:`~conformance.bench.report`
makes medians, ratios and the table, :mod:`~conformance.bench.machine` says where it was run.
"""
