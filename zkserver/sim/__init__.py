"""A deterministic simulator of whole ensembles with their clients, in one thread.

What runs is what production runs: ``ReplicaCore`` with its Paxos node, the codec between
servers, the wire format towards clients, the write-ahead log, snapshots and recovery.
What is simulated is the world around them: time, links, disks, clocks, processes::

    faults, client operations (drawn from the seed, or read from a scenario file)
           │
    world  heap of (time, number, thunk)      ── trace: a line per event, a running hash
           │
    network ── server (shell) ── ReplicaCore ── storage on a simulated disk
           │        │
    clients ┘    checkers: the sequence, a model of the tree, sessions, watches, replies

A run has two parts. First faults and operations are mixed, and only safety is demanded.
Then everything is healed, and the ensemble has to elect a leader, make progress and come
to equal trees within a bound.

A run is a function of its scenario: same scenario, same trace, whatever
``PYTHONHASHSEED`` says. So a seed is a bug report, and a scenario from which half of the
faults were dropped tells whether they mattered.
"""
