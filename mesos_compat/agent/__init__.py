"""The agent: which executors and tasks run here, and what their frameworks still have to hear.

Owns tasks, executors, status updates, reservations and volumes, nested containers and draining
of one agent, and decides on every message. Pure: an event and the time go into
:meth:`~mesos_compat.agent.core.AgentCore.step`, a list of actions comes out. May import
:mod:`mesos_compat.wire`, :mod:`mesos_compat.resources`, :mod:`mesos_compat.credentials`, the
records of :mod:`mesos_compat.containers.spec`, and of the master what is about messages only:
their validation and the text of metrics.

::

    the master's link ----+                              +--- calls to the master
    executors' calls -----+--> AgentCore.step(event, now) +--- executor events, answers
    containers' ends -----+        |   one module        +--- containers to launch and destroy
    checkpointed ---------+        v   per noun          +--- records to checkpoint
    the time -------------+    AgentState                +--- sandboxes to remove some day

What must outlive the agent is checkpointed below ``<work_dir>/meta``. Records are written in the
order in which they are asked for; whatever may be told only when they are durable (an executor
is started, an update is acknowledged or sent) is decided when the shell says so, so that no
shell can tell it early. The time that a disk takes is the only time that anything waits here.

Invariants (:meth:`AgentCore.check`): a task is in one place, queued, launched, terminated or
completed; every terminated task has a status that is not acknowledged; an executor that runs
has a container of its own; of the statuses of a task only the oldest is under way.
"""
