"""Masters, agents, executors and schedulers killed while tasks run; nothing may be lost.

::

    python -m conformance.mesos.chaos kill            # each of the four in turn, 50 tasks
    python -m conformance.mesos.chaos failover        # 20 leaders under load, three masters,
                                                      # three ZooKeeper servers
    python -m conformance.mesos.chaos jobs            # all of these and ZooKeeper's leader at
                                                      # random, under a pool and 20 services

Everything is a process of its own, killed with SIGKILL. The scheduler
(:mod:`~conformance.mesos.chaos.scheduler`) writes down what it is about to launch before it does,
and every status before it acknowledges it, so the next one with the same journal goes on. Each
task writes into a file of its own when it begins and when it ends.

What must hold: each task has a terminal status; no task has begun twice; a task that finished
has ended in its file; what the master reports as running when asked is what runs on the machine.

Of ``jobs`` (:mod:`~conformance.mesos.chaos.jobs`): each call of the pool is answered once and
rightly, no service is away for longer than its restart delay and the detection of what was killed
meanwhile, and nothing is left at the end.
"""
