"""What a framework does next. Pure: no clock, socket, file, thread, chance or log.

:class:`~.core.PlanningCore` has one door: ``step(event, now_ms)`` gives the actions that follow,
``next_due_ms()`` says when a Tick is due.

::

    Declared, Scaled, ... --+                 +-- slots     what each slot needs
    offers, statuses -------+--> core.step ---+-- placing   which offer it gets, and why not
    Written, Tick ----------+       |         +-- restarts  when the next one is due
                                    |         +-- killing   what must not run
         Write, Launch, Kill, Decline, AskForOffers, Acknowledge

A *spec* is what was declared; it has *slots*, numbered from 0; an *instance* is one start in a
slot, and one Mesos task. What holds:

* An instance is launched only after its record is durable, and at most once: its id holds the
  *epoch* of the scheduler that made it and a number, and is never used again. A scheduler that
  takes over finds the record, asks the master, and hears either how the task is or that there
  is none; only then the slot may get another one.
* The record of the instance before goes in the same write as that of the next one comes in. So a
  slot has at most one live instance; one that is on an unreachable agent keeps its record,
  marked as replaced, until it has been heard to have ended.
* The end of an instance is durable before its status is acknowledged. What Mesos does not know
  any more has ended, then, and it is known how.
* What a write is about (counts, generations, stops) is durable before anything is killed for it.
* A task that runs under an id which is not kept is killed.
"""
