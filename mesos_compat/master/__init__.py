"""The master: who is there, who was offered what, and what becomes of it.

Owns frameworks, agents, offers, tasks, operations, machines, quotas and weights, and decides
on every call and message. Pure: an event and the time go into
:meth:`~mesos_compat.master.core.MasterCore.step`, a list of actions comes out. May import
:mod:`mesos_compat.wire`, :mod:`mesos_compat.resources` and :mod:`mesos_compat.allocator`.

::

    scheduler calls ---+                                +--- scheduler events, answers
    agent calls -------+--> MasterCore.step(event, now) +--- agent events
    operator calls ----+        |   one module          +--- operator events, answers
    registry stored ---+        v   per noun            +--- StoreRegistry
    the time ----------+    MasterState  <--> Allocator

What must outlive a master (agents, quotas, weights, maintenance) goes through the
:mod:`~mesos_compat.master.registrar`: state changes, and anybody is told, only when the shell
says that it is stored. Frameworks, tasks and offers are not stored; agents and frameworks
bring them back.

Invariants (:meth:`MasterCore.check`): what is offered and used on an agent is no more than it
has, and is what the allocator believes to be held; a task is known to both its agent and its
framework, or to neither; who is offered something is connected, and so is the agent.
"""
