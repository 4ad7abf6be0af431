"""The callbacks of the old bindings (``mesos.interface``, ``mesos.native``) without libmesos.

An old framework ports by its imports::

    from mesozoic.classic import (Executor, MesosExecutorDriver, MesosSchedulerDriver, Scheduler,
                                  mesos_pb2)

* :mod:`~mesozoic.classic.interface`: the classes that a framework inherits from, with the method
  names, arguments and defaults of ``mesos.interface`` 1.x.
* :mod:`~mesozoic.classic.scheduler`, :mod:`~mesozoic.classic.executor`: the drivers. They speak
  HTTP by :mod:`mesozoic.aio`, on a thread of their own.
* :mod:`~mesozoic.classic.mesos_pb2`: messages by their old names (``slave_id``, ``SlaveInfo``).

What is as it was:

* ``start``, ``stop``, ``abort``, ``join`` and ``run`` return a ``Status``, and every call the
  status that the driver has; a call only hands its message over and never waits.
* All callbacks come one after the other in one thread, which is not that of ``run``. One that
  raises aborts the driver.
* Offers are the scheduler's until it uses, declines or loses them: nothing is declined, suppressed
  or reconciled unasked. Tasks launched while there is no master come back as ``TASK_LOST``.
* Updates are acknowledged when ``statusUpdate`` has returned, unless acknowledgements are explicit.

What is not: text is ``str`` and data ``bytes``, as Python 3 has it; an executor's ``run`` returns
once it has shut down, where libmesos killed the process.

Source: the header comments of ``mesos/scheduler.hpp`` and ``mesos/executor.hpp``, and
``src/sched/sched.cpp`` and ``src/exec/exec.cpp`` for what happens in which order.
"""

from mesozoic.classic import mesos_pb2
from mesozoic.classic.executor import MesosExecutorDriver
from mesozoic.classic.interface import Executor, ExecutorDriver, Scheduler, SchedulerDriver
from mesozoic.classic.scheduler import MesosSchedulerDriver

__all__ = [
    "Executor",
    "ExecutorDriver",
    "MesosExecutorDriver",
    "MesosSchedulerDriver",
    "Scheduler",
    "SchedulerDriver",
    "mesos_pb2",
]
