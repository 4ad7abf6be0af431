"""A deterministic simulator of whole clusters, in one thread and on virtual time.

What runs is what production runs: :class:`~mesos_compat.master.core.MasterCore` with its
allocator, :class:`~mesos_compat.agent.core.AgentCore` with what it checkpoints and recovers.
What is simulated is the world around them: time, links, disks, the registry, processes,
executors, schedulers and operators::

    happenings: faults and orders of operators (drawn from the seed, or read from a file)
           │
    world  heap of (time, number, thunk)          ── trace: a line per event, a running hash
           │
    schedulers ── wires ── masters (MasterCore) ── registry
                             │
                           wires ── agents (AgentCore) ── disk ── executors
           │
    checkers: books, usage, statuses, quotas, ids, what operators were promised

A run has two parts. First all kinds of things go wrong, and only safety is demanded. Then
everything is healed and nobody begins anything new; within a bound all agents must be back, all
tasks be over and known to be, all books agree, and all that is free be offered.

A run is a function of its scenario: same scenario, same trace, whatever ``PYTHONHASHSEED``
says. So a seed is a bug report, and a scenario with fewer happenings tells which of them
mattered. May import everything of :mod:`mesos_compat` that is pure; nothing imports it.
"""
