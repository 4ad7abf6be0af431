"""The executors that come with the agent: for tasks with a command, and for task groups.

Each is a program of its own, which the agent starts in a container and which then speaks the
v1 executor API to it. One runs beside every command task, so both import little and do without
asyncio and aiohttp, which would double what they need: a command executor starts in 100 ms and
needs 20 MB.

    agent ==stream==> Stream thread --\\                       /--> Caller thread --calls--> agent
    task's end ---------> a thread ----> inbox > core.step() > ---> a child, a signal
    checks -------------> threads -----/      (main thread)   \\--> a check, an exit status

* :mod:`.command_core` and :mod:`.default_core` decide; they are pure: an event and the time go
  in, actions come out (:mod:`.events`, :mod:`.actions`). They share :mod:`.subscription` (the
  stream, its loss and what is told again behind it), :mod:`.monitoring` (when to check a task
  and what follows), :mod:`.killing` (who is killed how fast) and :mod:`.statuses`.
* :mod:`.driver` is the loop of the main thread. All else that blocks has a thread, whose only
  way to say something is to put an event into the inbox: there are no locks to take, but for
  the one that keeps a reaped child from being signalled (:mod:`.processes`).
* :mod:`.command` and :mod:`.default` are the programs, :mod:`.programs` how the agent starts
  them.

Invariants: an update is told again until the agent has acknowledged it; a task has one terminal
update and it is its last; an executor that cannot find its agent again ends, and its tasks
with it.
"""
