"""The command ``mesozoic``: a cluster on this machine, and a look into any cluster.

::

    mesozoic up ----> LocalCluster --> zkserver ... mesos-master ... mesos-agent ...
                          |                processes of their own, logs below the data directory
                          +----> reaper    ends them when ``up`` could not
                          +----> record    where it runs, for all other commands

    mesozoic ps, tasks, logs, exec, zk, ... ---> an address: option, variable, or newest record

* :mod:`.local`: the processes of ``up``, their reaper, and what is written down of them.
* :mod:`.addresses`: which cluster a command is about.
* :mod:`.views`, :mod:`.operate`, :mod:`.sandboxes`, :mod:`.attach`, :mod:`.run`, :mod:`.znodes`,
  :mod:`.doctor`, :mod:`.demo`: the commands themselves.
* :mod:`.printing`: tables for people, and JSON for programs (``--json``).

The servers are started as programs, by their modules' names; nothing of them is imported. What a
command cannot do it says in one line, and what to do about it in the next
(:class:`~mesozoic.cli.failures.Failure`).
"""

from mesozoic.cli.app import main

__all__ = ["main"]
