"""Functions run by Mesos tasks, as :mod:`concurrent.futures` has it.

::

    with MesosPoolExecutor("zk://zk1,zk2,zk3/mesos", max_workers=20) as pool:
        for area in pool.map(area_of, radii):              # in order
            ...
        future = pool.submit(render, scene, frame=7)       # waits for result() or `await future`
        print(pool.workers())                              # who, where, and the sandbox

A pool is a framework of its own. Its workers are tasks (``python -m mesozoic.pool.worker``)
that are launched when there is work, reused, and given back when they are idle::

    caller's threads          thread of the pool                        agents
    submit --> Jobs --------> Engine: SchedulerDriver --> master --> launches workers
    result <-- Future <------    |    Links <---------- TCP ----------- worker: reader, main thread
                                 +--- Sandboxes <------ HTTP ---------- agent: large results

**Why a connection of its own, and not framework messages.** A message goes through the master
and the agent, may be dropped at each, and is gone whenever one of them is away. A worker
connects to the pool instead: a call costs tens of microseconds, and goes on while masters and
agents are restarted. The agents must be able to reach the pool's host for that, as with any
engine for data. Both sides prove with HMAC-SHA256 that they know the worker's key before
anything is unpickled. The key is in the worker's environment, so whoever may see the framework's
executors on the agents can read it; and what follows is not encrypted.

**Why plain commands, and not executors of our own.** The worker needs from its agent that it is
started, watched and killed. The command executor does that, on Apache Mesos as on ours, and the
worker's Python stays free of everything but pickling.

What holds:

* The future of a call gets one result. The function is run once, unless its worker was lost
  while it ran: then it is run again, up to ``retries`` times, and what still waited there goes
  elsewhere without being counted. One that loses its worker each time fails its future with
  :class:`WorkerLost`, which tells what Mesos says of the task.
* A worker does not outlive its connection: when the pool's process dies, or the network between
  them, it ends at once, and runs nothing for nobody.
* Offers are wanted only while workers are lacking. Tasks of a pool that came before with the
  same framework id are killed.
* If workers cannot even start, waiting calls fail with :class:`BrokenMesosPool` and the end of
  a worker's stderr, instead of waiting for ever.

Short calls are sent ahead, so that a worker never waits for the next; how many follows from how
long calls take. Should one take long after all, those behind it are called back and go elsewhere.

:mod:`~mesozoic.pool.jobs` and :mod:`~mesozoic.pool.fleet` decide, and touch nothing;
:mod:`~mesozoic.pool.engine` does. :mod:`~mesozoic.pool.frames`, :mod:`~mesozoic.pool.outcomes`
and :mod:`~mesozoic.pool.worker` are all that is loaded on an agent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesozoic.pool.errors import BrokenMesosPool, RemoteError, RemoteTraceback, WorkerLost
    from mesozoic.pool.executor import MesosPoolExecutor
    from mesozoic.pool.fleet import WorkerInfo
    from mesozoic.pool.futures import MesosFuture

__all__ = [
    "BrokenMesosPool",
    "MesosFuture",
    "MesosPoolExecutor",
    "RemoteError",
    "RemoteTraceback",
    "WorkerInfo",
    "WorkerLost",
]

_MODULES = {
    "errors": ("BrokenMesosPool", "RemoteError", "RemoteTraceback", "WorkerLost"),
    "executor": ("MesosPoolExecutor",),
    "fleet": ("WorkerInfo",),
    "futures": ("MesosFuture",),
}


def __getattr__(name: str) -> object:
    # Each worker imports this package, and starts in a moment only without drivers and HTTP.
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
