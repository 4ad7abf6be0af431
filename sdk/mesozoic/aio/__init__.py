"""Drivers on asyncio and aiohttp: what an author of a framework writes against.

::

    class MyScheduler(Scheduler):
        async def offers(self, driver, offers):
            for offer in offers:
                await driver.launch([offer], [my_task()])      # or leave it: it is declined

        async def update(self, driver, status):
            print(status.task_id.value, TaskState.Name(status.state))

    driver = SchedulerDriver("zk://zk1,zk2,zk3/mesos", FrameworkInfo(...), MyScheduler())
    await driver.run()

* :mod:`~mesozoic.aio.scheduler`: :class:`SchedulerDriver`, which keeps a subscription with
  whichever master leads, and :class:`Scheduler`, the callbacks. ``driver.events()`` does
  without callbacks.
* :mod:`~mesozoic.aio.executor`: the same for executors, towards their agent.
* :mod:`~mesozoic.aio.operators`: clients of the operator APIs of master and agent.
* :mod:`~mesozoic.aio.detect`: finds the leading master. :mod:`~mesozoic.aio.framework_ids`:
  where a framework keeps its id, so that it fails over instead of starting anew.

What is decided (when to subscribe again, what to decline, what to acknowledge, what to
reconcile) is decided by the pure :mod:`mesozoic.core`; the modules here carry it out::

    stream from the master --records--> core --notices--> one callback at a time
    calls of the author ----------------> core --calls--> POSTs, in their order

Everything runs on one event loop and is used from there. Messages are Mesos's own
(``mesos_compat.wire.v1``); nothing here needs our master: Apache Mesos will do.
"""

from mesozoic.aio.executor import Executor, ExecutorDriver
from mesozoic.aio.framework_ids import (
    FileFrameworkId,
    FrameworkIdStore,
    MemoryFrameworkId,
    ZooKeeperFrameworkId,
)
from mesozoic.aio.operators import AgentClient, OperatorClient
from mesozoic.aio.scheduler import Scheduler, SchedulerDriver

__all__ = [
    "AgentClient",
    "Executor",
    "ExecutorDriver",
    "FileFrameworkId",
    "FrameworkIdStore",
    "MemoryFrameworkId",
    "OperatorClient",
    "Scheduler",
    "SchedulerDriver",
    "ZooKeeperFrameworkId",
]
