"""What a scheduler may want to hear; each method does what is sensible when not overridden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.core import notices

if TYPE_CHECKING:
    from mesozoic.aio.scheduler import SchedulerDriver


class Scheduler:
    """Callbacks of a :class:`~mesozoic.aio.SchedulerDriver`, all of them optional.

    They are awaited one after the other, in the order of what happened. While one takes its
    time the driver still reads and keeps the subscription alive. An exception of a callback
    ends the driver, and its ``run()`` raises it; the framework can come back by its id.
    """

    def wants_offers(self) -> bool:
        """Whether there is work that waits for resources.

        Asked after each callback and by ``driver.work_changed()``. On False the driver
        suppresses offers and declines what it holds, on True it revives them. By default
        offers are always wanted.
        """
        return True

    async def subscribed(self, driver: SchedulerDriver, event: notices.Subscribed) -> None:
        """The framework is registered, for the first time since the driver started."""

    async def resubscribed(self, driver: SchedulerDriver, event: notices.Resubscribed) -> None:
        """The framework is connected again; all offers of before are void."""

    async def disconnected(self, driver: SchedulerDriver, why: str) -> None:
        """There is no subscription for now; the driver looks for a master."""

    async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
        """Resources to use. What is left unused is declined after a time."""

    async def inverse_offers(
        self, driver: SchedulerDriver, inverse_offers: Sequence[mesos_pb2.InverseOffer]
    ) -> None:
        """Agents to leave. By default nothing is answered, as schedulers do that do not care."""

    async def rescinded(self, driver: SchedulerDriver, offer_id: mesos_pb2.OfferID) -> None:
        """An offer is void."""

    async def inverse_offer_rescinded(
        self, driver: SchedulerDriver, inverse_offer_id: mesos_pb2.OfferID
    ) -> None:
        """An inverse offer is void."""

    async def update(self, driver: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        """The status of a task. Acknowledged when this returns, unless the driver is manual."""

    async def operation_update(
        self, driver: SchedulerDriver, status: mesos_pb2.OperationStatus
    ) -> None:
        """The status of an operation. Acknowledged when this returns, unless manual."""

    async def message(
        self,
        driver: SchedulerDriver,
        agent_id: mesos_pb2.AgentID,
        executor_id: mesos_pb2.ExecutorID,
        data: bytes,
    ) -> None:
        """Bytes that an executor has sent."""

    async def agent_lost(self, driver: SchedulerDriver, agent_id: mesos_pb2.AgentID) -> None:
        """An agent is gone; updates tell what became of its tasks."""

    async def executor_exited(
        self,
        driver: SchedulerDriver,
        agent_id: mesos_pb2.AgentID,
        executor_id: mesos_pb2.ExecutorID,
        status: int,
    ) -> None:
        """An executor has ended; ``status`` is as of ``waitpid``, -1 if nobody knows."""

    async def error(self, driver: SchedulerDriver, message: str) -> None:
        """The master has ended the subscription for good; ``run()`` raises after this."""

    async def heartbeat(self, driver: SchedulerDriver) -> None:
        """The master is there."""


async def tell(scheduler: Scheduler, driver: SchedulerDriver, notice: notices.Notice) -> None:
    """Await the callback that a notice belongs to."""
    match notice:
        case notices.Subscribed():
            await scheduler.subscribed(driver, notice)
        case notices.Resubscribed():
            await scheduler.resubscribed(driver, notice)
        case notices.Disconnected(why):
            await scheduler.disconnected(driver, why)
        case notices.OffersReceived(offers):
            await scheduler.offers(driver, offers)
        case notices.InverseOffersReceived(inverse_offers):
            await scheduler.inverse_offers(driver, inverse_offers)
        case notices.OfferRescinded(offer_id):
            await scheduler.rescinded(driver, offer_id)
        case notices.InverseOfferRescinded(offer_id):
            await scheduler.inverse_offer_rescinded(driver, offer_id)
        case notices.TaskUpdated(status):
            await scheduler.update(driver, status)
        case notices.OperationUpdated(operation_status):
            await scheduler.operation_update(driver, operation_status)
        case notices.MessageReceived(agent_id, executor_id, data):
            await scheduler.message(driver, agent_id, executor_id, data)
        case notices.AgentLost(agent_id):
            await scheduler.agent_lost(driver, agent_id)
        case notices.ExecutorExited(agent_id, executor_id, exit_status):
            await scheduler.executor_exited(driver, agent_id, executor_id, exit_status)
        case notices.ErrorReported(message):
            await scheduler.error(driver, message)
        case notices.Heartbeat():
            await scheduler.heartbeat(driver)
