"""What a framework's driver decides. Pure: no clock, socket, file, thread, chance or log.

:class:`~mesozoic.core.scheduler.SchedulerCore` and
:class:`~mesozoic.core.executor.ExecutorCore` have one door each: ``step(event, now_ms)`` gives
the actions that follow, ``next_due_ms()`` says when a Tick is due. Times are monotonic
milliseconds; chance is a function given at construction.

::

                      +-- subscription   who leads, streams, backoff, silence
    event -> scheduler+-- offers         what is held, declined, suppressed, wanted
       actions <-     +-- updates        tasks that run, uuids seen and acknowledged
                      +-- reconcile      tasks of which nothing is heard

What holds:

* At most one stream is open; what comes of another one is ignored.
* A new framework id is durable before anything else is done or told.
* An offer is told at most once, and is gone after ``offer_hold_ms`` however it ends.
* An update with a uuid is told once. Each time it comes again after it was acknowledged the
  acknowledgement was lost, and is sent again.
* A call of the author's is settled exactly once.
"""
