"""Say what should run; this sees to it.

::

    from mesozoic.framework import Framework, Service, Task, unique

    framework = Framework("shop", "zk://zk1,zk2,zk3/mesos", zk="zk://zk1,zk2,zk3/shop")
    framework.add(Service("web", "exec python3 -m http.server $PORT0", count=3,
                          resources={"cpus": 0.5, "mem": 64, "ports": 1},
                          constraints=[unique("hostname")]))
    framework.add(Task("import", load_catalogue, args=["catalogue.csv"]))
    framework.run_blocking()

* :mod:`.declarations`: :class:`Task` and :class:`Service`: a command or a Python callable,
  resources, constraints, count, restarts, health, files, volumes.
* :mod:`.framework`: :class:`Framework`: run, scale, restart, stop, results, and explanations.
* :mod:`.planning` (pure): what to do next. :mod:`.stores`: where that is kept, and who leads.
* :mod:`.leading`: one process's time as the scheduler: a plan, a driver of
  :mod:`mesozoic.aio`, and a store.
* :mod:`.call_executor`, :mod:`.calling`: what runs callables on agents.

::

              add, scale, ...                        +--> store: every record before its effect
    author ------------------> Leadership -- core ---+
              results                ^               +--> driver: launch, kill, acknowledge
                                     +---------------+ offers, statuses

With a store in ZooKeeper the same program may be started several times. One process leads; when
it dies, or loses its session, another one takes the framework over, by the framework id that is
kept, and goes on where the records end. A process that was deposed cannot write any more, and
so launches nothing; its driver is dropped without a word to the master, and it stands by.
"""

from mesozoic.framework.declarations import Service, Task
from mesozoic.framework.errors import (
    DeclarationError,
    Deposed,
    NotLeading,
    StoreFailed,
    TaskFailed,
    UnknownName,
)
from mesozoic.framework.framework import Framework
from mesozoic.framework.planning.constraints import (
    Constraint,
    attribute,
    group_by,
    like,
    max_per,
    unique,
    unlike,
)
from mesozoic.framework.planning.explanations import Explanation, Verdict
from mesozoic.framework.planning.specs import Backoff, HealthCheck, Restart, Uri, Volume
from mesozoic.framework.views import InstanceView

__all__ = [
    "Backoff",
    "Constraint",
    "DeclarationError",
    "Deposed",
    "Explanation",
    "Framework",
    "HealthCheck",
    "InstanceView",
    "NotLeading",
    "Restart",
    "Service",
    "StoreFailed",
    "Task",
    "TaskFailed",
    "UnknownName",
    "Uri",
    "Verdict",
    "Volume",
    "attribute",
    "group_by",
    "like",
    "max_per",
    "unique",
    "unlike",
]
