"""What an old framework inherits from, and what its drivers promise.

Method names are those of the old bindings. Messages (``mesos_pb2``) are typed ``Any``, since their
classes are made at run time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mesozoic.classic import mesos_pb2

#: ``DRIVER_NOT_STARTED``, ``DRIVER_RUNNING``, ``DRIVER_ABORTED`` or ``DRIVER_STOPPED``.
Status = int


class Scheduler:
    """Callbacks of a :class:`MesosSchedulerDriver`; by default nothing is done."""

    def registered(self, driver: SchedulerDriver, frameworkId: Any, masterInfo: Any) -> None:
        """The framework has registered for the first time since the driver was started.

        ``frameworkId`` is a ``FrameworkID``, to be used for a failover; ``masterInfo`` a
        ``MasterInfo``.
        """

    def reregistered(self, driver: SchedulerDriver, masterInfo: Any) -> None:
        """The framework is registered again, with this ``MasterInfo``'s master."""

    def disconnected(self, driver: SchedulerDriver) -> None:
        """The master is lost, and all offers with it; the driver looks for another one."""

    def resourceOffers(self, driver: SchedulerDriver, offers: list[Any]) -> None:
        """Resources (a list of ``Offer``) that are this scheduler's until it does something."""

    def inverseOffers(self, driver: SchedulerDriver, inverseOffers: list[Any]) -> None:
        """Agents (a list of ``InverseOffer``) that this framework is asked to leave."""

    def offerRescinded(self, driver: SchedulerDriver, offerId: Any) -> None:
        """The offer of this ``OfferID`` is void; tasks launched with it come back lost."""

    def inverseOfferRescinded(self, driver: SchedulerDriver, inverseOfferId: Any) -> None:
        """The inverse offer of this ``OfferID`` is void."""

    def statusUpdate(self, driver: SchedulerDriver, status: Any) -> None:
        """The ``TaskStatus`` of a task, acknowledged when this returns, if that is implicit."""

    def frameworkMessage(
        self, driver: SchedulerDriver, executorId: Any, slaveId: Any, message: bytes
    ) -> None:
        """Bytes that the executor of this ``ExecutorID`` on this ``SlaveID`` has sent."""

    def slaveLost(self, driver: SchedulerDriver, slaveId: Any) -> None:
        """The agent of this ``SlaveID`` is gone; updates tell what became of its tasks."""

    def executorLost(
        self, driver: SchedulerDriver, executorId: Any, slaveId: Any, status: int
    ) -> None:
        """An executor has ended, with this status as of ``waitpid``; -1 if nobody knows."""

    def error(self, driver: SchedulerDriver, message: str) -> None:
        """Something cannot be mended. The driver is aborted before this is called."""


class SchedulerDriver:
    """What a scheduler may do; every method returns the driver's :data:`Status`.

    To be inherited by stand-ins in tests, too.
    """

    def start(self) -> Status:
        """Begin; any other call needs this before it."""
        raise NotImplementedError

    def stop(self, failover: bool = False) -> Status:
        """End, and the framework with all its tasks, unless it is to come back by its id."""
        raise NotImplementedError

    def abort(self) -> Status:
        """No more callbacks, nor calls; :meth:`join` returns. The framework goes on."""
        raise NotImplementedError

    def join(self) -> Status:
        """Wait until the driver is stopped or aborted."""
        raise NotImplementedError

    def run(self) -> Status:
        """:meth:`start`, and then :meth:`join`."""
        raise NotImplementedError

    def requestResources(self, requests: Iterable[Any]) -> Status:
        """Ask for resources, by a list of ``Request``; Mesos's own allocator ignores it."""
        raise NotImplementedError

    def launchTasks(
        self, offerIds: Any, tasks: Iterable[Any], filters: Any | None = None
    ) -> Status:
        """Launch ``TaskInfo``s with an ``OfferID`` or several ones of one agent.

        What is left is declined with these ``Filters``, by default for 5 seconds; without tasks
        that is all.
        """
        raise NotImplementedError

    def killTask(self, taskId: Any) -> Status:
        """Kill the task of this ``TaskID``; its update says what came of it."""
        raise NotImplementedError

    def acceptOffers(
        self, offerIds: Iterable[Any], operations: Iterable[Any], filters: Any | None = None
    ) -> Status:
        """Do a list of ``Offer.Operation`` with offers of one agent, in order."""
        raise NotImplementedError

    def declineOffer(self, offerId: Any, filters: Any | None = None) -> Status:
        """Decline the offer of this ``OfferID``, by default for 5 seconds."""
        raise NotImplementedError

    def acceptInverseOffers(
        self, inverseOfferIds: Iterable[Any], filters: Any | None = None
    ) -> Status:
        """This framework will have left the agents of these inverse offers in time."""
        raise NotImplementedError

    def declineInverseOffers(
        self, inverseOfferIds: Iterable[Any], filters: Any | None = None
    ) -> Status:
        """It may not have; it will be asked again."""
        raise NotImplementedError

    def reviveOffers(self) -> Status:
        """Offers again, whatever was declined or suppressed."""
        raise NotImplementedError

    def suppressOffers(self) -> Status:
        """No offers until :meth:`reviveOffers`."""
        raise NotImplementedError

    def acknowledgeStatusUpdate(self, status: Any) -> Status:
        """Acknowledge a ``TaskStatus``, where that is explicit.

        Raises ``RuntimeError`` where it is implicit.
        """
        raise NotImplementedError

    def sendFrameworkMessage(self, executorId: Any, slaveId: Any, data: bytes | str) -> Status:
        """Send bytes to an executor; nothing tells whether they arrive."""
        raise NotImplementedError

    def reconcileTasks(self, tasks: Iterable[Any]) -> Status:
        """Ask for updates of these tasks, given by ``TaskStatus``; none is all of them."""
        raise NotImplementedError


class Executor:
    """Callbacks of a :class:`MesosExecutorDriver`; by default nothing is done."""

    def registered(
        self, driver: ExecutorDriver, executorInfo: Any, frameworkInfo: Any, slaveInfo: Any
    ) -> None:
        """The agent (``SlaveInfo``) knows this executor, which is that of ``executorInfo``."""

    def reregistered(self, driver: ExecutorDriver, slaveInfo: Any) -> None:
        """The agent has been restarted, and knows this executor again."""

    def disconnected(self, driver: ExecutorDriver) -> None:
        """The agent is being looked for; tasks go on."""

    def launchTask(self, driver: ExecutorDriver, task: Any) -> None:
        """Run a ``TaskInfo``, in a thread: until this returns there are no other callbacks."""

    def killTask(self, driver: ExecutorDriver, taskId: Any) -> None:
        """Kill the task of this ``TaskID``, and then send ``TASK_KILLED``."""

    def frameworkMessage(self, driver: ExecutorDriver, message: bytes) -> None:
        """Bytes that the scheduler has sent."""

    def shutdown(self, driver: ExecutorDriver) -> None:
        """Kill all tasks and tell of it; after this, nothing is sent any more."""

    def error(self, driver: ExecutorDriver, message: str) -> None:
        """Something cannot be mended. The driver is aborted before this is called."""


class ExecutorDriver:
    """What an executor may do; every method returns the driver's :data:`Status`."""

    def start(self) -> Status:
        """Begin; any other call needs this before it."""
        raise NotImplementedError

    def stop(self) -> Status:
        """End, once the agent has all updates."""
        raise NotImplementedError

    def abort(self) -> Status:
        """No more callbacks, nor calls; :meth:`join` returns."""
        raise NotImplementedError

    def join(self) -> Status:
        """Wait until the driver is stopped or aborted."""
        raise NotImplementedError

    def run(self) -> Status:
        """:meth:`start`, and then :meth:`join`."""
        raise NotImplementedError

    def sendStatusUpdate(self, status: Any) -> Status:
        """Send a ``TaskStatus``, and again until the agent has acknowledged it."""
        raise NotImplementedError

    def sendFrameworkMessage(self, data: bytes | str) -> Status:
        """Send bytes to the scheduler; nothing tells whether they arrive."""
        raise NotImplementedError


#: Kept here so that whoever checks a status need not import the messages.
DRIVER_NOT_STARTED: Status = mesos_pb2.DRIVER_NOT_STARTED
DRIVER_RUNNING: Status = mesos_pb2.DRIVER_RUNNING
DRIVER_ABORTED: Status = mesos_pb2.DRIVER_ABORTED
DRIVER_STOPPED: Status = mesos_pb2.DRIVER_STOPPED
