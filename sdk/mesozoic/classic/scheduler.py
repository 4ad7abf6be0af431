"""``MesosSchedulerDriver``: an old scheduler's driver, on that of :mod:`mesozoic.aio`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from mesos_compat.wire.v1 import mesos_pb2 as v1
from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic import aio
from mesozoic.classic import interface
from mesozoic.classic.interface import DRIVER_RUNNING, Status
from mesozoic.classic.mesos_pb2 import older
from mesozoic.classic.threads import DriverThreads
from mesozoic.core import calls, notices
from mesozoic.core.settings import SchedulerSettings
from mesozoic.errors import (
    BadAddress,
    CallLost,
    CallRefused,
    NotSubscribed,
    SubscriptionRefused,
)

#: Offers stay with the scheduler, and nobody asks after tasks but itself.
_FOREVER_MS: Final = 1 << 53
_SETTINGS: Final = SchedulerSettings(
    offer_hold_ms=_FOREVER_MS, acknowledges=False, reconcile_ms=0, reconciles_tasks=False
)

_log = logging.getLogger(__name__)


class MesosSchedulerDriver(interface.SchedulerDriver):
    """Connects an old-style scheduler with the leading master.

    ``framework`` is a ``FrameworkInfo``, with an ``id`` where one is taken over; an empty ``user``
    is that of this process. ``master`` is ``zk://...``, ``host:port`` or a URL. With
    ``implicitAcknowledgements`` an update is acknowledged when ``statusUpdate`` has returned.
    ``credential`` is a ``Credential``. Callbacks and calls: see :mod:`mesozoic.classic`.
    """

    def __init__(
        self,
        scheduler: interface.Scheduler,
        framework: Any,
        master: str,
        implicitAcknowledgements: bool = True,
        credential: Any | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._framework = _newer(framework, v1.FrameworkInfo)
        if not self._framework.user:
            self._framework.ClearField("user")
        self._master = master
        self._is_implicit = bool(implicitAcknowledgements)
        self._credential = None if credential is None else _newer(credential, v1.Credential)
        self._driver: aio.SchedulerDriver | None = None
        self._threads = DriverThreads("mesos-scheduler", self._serve)

    # The beginning and the end.

    def start(self) -> Status:
        """See the base; an address that is none is told to ``Scheduler.error``, as of old."""
        if self._threads.status != interface.DRIVER_NOT_STARTED:
            return self._threads.status
        try:
            self._driver = aio.SchedulerDriver(
                self._master,
                self._framework,
                _Adapter(self, self._scheduler, self._threads, is_implicit=self._is_implicit),
                credential=self._credential,
                settings=_SETTINGS,
            )
        except BadAddress as error:
            self._threads.refuse_to_start()
            self._scheduler.error(self, f"Failed to create a master detector: {error}")
            return self._threads.status
        return self._threads.start()

    async def _serve(self) -> None:
        try:
            await self._needed().run()
        except SubscriptionRefused:
            # The callback has told it.
            self._threads.abort()
        except CallRefused as error:
            await self._threads.fail(self._scheduler.error, self, str(error))

    def _needed(self) -> aio.SchedulerDriver:
        assert self._driver is not None, "the driver was not started"
        return self._driver

    def stop(self, failover: bool = False) -> Status:
        """See the base."""
        return self._threads.stop(lambda: self._needed().stop(failover=failover))

    def abort(self) -> Status:
        """See the base."""
        return self._threads.abort()

    def join(self) -> Status:
        """See the base."""
        return self._threads.join()

    def run(self) -> Status:
        """See the base."""
        status = self.start()
        return self.join() if status == DRIVER_RUNNING else status

    # Calls.

    def _call(self, call: Call) -> Status:
        return self._threads.hand_over(lambda: self._send(call))

    async def _send(self, call: Call) -> None:
        try:
            await self._needed().call(call)
        except NotSubscribed:
            await self._lose(call)
        except (CallLost, CallRefused) as error:
            _log.warning("%s: %s", Call.Type.Name(call.type), error)

    async def _lose(self, call: Call) -> None:
        """There is no master: what it would have launched is lost; anything else is dropped."""
        _log.warning("%s is dropped: there is no master", Call.Type.Name(call.type))
        for task in _launched(call):
            status = v1.TaskStatus(
                task_id=task.task_id,
                state=v1.TASK_LOST,
                source=v1.TaskStatus.SOURCE_MASTER,
                reason=v1.TaskStatus.REASON_MASTER_DISCONNECTED,
                message="Master disconnected",
                timestamp=time.time(),
            )
            await self._threads.call_back(self._scheduler.statusUpdate, self, older(status))

    def requestResources(self, requests: Iterable[Any]) -> Status:
        """See the base."""
        return self._call(calls.request([_newer(one, v1.Request) for one in requests]))

    def launchTasks(
        self, offerIds: Any, tasks: Iterable[Any], filters: Any | None = None
    ) -> Status:
        """See the base."""
        infos = [_newer(task, v1.TaskInfo) for task in tasks]
        operations = [calls.launch_operation(infos)] if infos else []
        return self._call(calls.accept(_ids(offerIds), operations, _filters(filters)))

    def acceptOffers(
        self, offerIds: Iterable[Any], operations: Iterable[Any], filters: Any | None = None
    ) -> Status:
        """See the base."""
        made = [_newer(one, v1.Offer.Operation) for one in operations]
        return self._call(calls.accept(_ids(offerIds), made, _filters(filters)))

    def declineOffer(self, offerId: Any, filters: Any | None = None) -> Status:
        """See the base."""
        return self._call(calls.decline(_ids(offerId), _filters(filters)))

    def acceptInverseOffers(
        self, inverseOfferIds: Iterable[Any], filters: Any | None = None
    ) -> Status:
        """See the base."""
        return self._call(calls.accept_inverse_offers(_ids(inverseOfferIds), _filters(filters)))

    def declineInverseOffers(
        self, inverseOfferIds: Iterable[Any], filters: Any | None = None
    ) -> Status:
        """See the base."""
        return self._call(calls.decline_inverse_offers(_ids(inverseOfferIds), _filters(filters)))

    def killTask(self, taskId: Any) -> Status:
        """See the base."""
        return self._call(calls.kill(str(taskId.value)))

    def reviveOffers(self) -> Status:
        """See the base."""
        return self._call(calls.revive())

    def suppressOffers(self) -> Status:
        """See the base."""
        return self._call(calls.suppress())

    def acknowledgeStatusUpdate(self, status: Any) -> Status:
        """See the base."""
        if self._is_implicit:
            raise RuntimeError(
                "acknowledgeStatusUpdate is for drivers made with implicitAcknowledgements=False"
            )
        newer = _newer(status, v1.TaskStatus)
        # Those without a uuid were made up on the way, and nobody waits for them.
        return self._call(calls.acknowledge(newer)) if newer.uuid else self._threads.status

    def sendFrameworkMessage(self, executorId: Any, slaveId: Any, data: bytes | str) -> Status:
        """See the base."""
        return self._call(calls.message(slaveId.value, executorId.value, _bytes(data)))

    def reconcileTasks(self, tasks: Iterable[Any]) -> Status:
        """See the base."""
        asked = [
            (str(one.task_id.value), str(one.slave_id.value) if one.HasField("slave_id") else None)
            for one in tasks
        ]
        return self._call(calls.reconcile(asked))


class _Adapter(aio.Scheduler):
    """Tells an old-style scheduler what the driver below tells this."""

    def __init__(
        self,
        driver: MesosSchedulerDriver,
        scheduler: interface.Scheduler,
        threads: DriverThreads,
        *,
        is_implicit: bool,
    ) -> None:
        self._driver = driver
        self._scheduler = scheduler
        self._threads = threads
        self._is_implicit = is_implicit

    async def _tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        await self._threads.call_back(callback, self._driver, *arguments)

    async def subscribed(self, driver: aio.SchedulerDriver, event: notices.Subscribed) -> None:
        framework_id = older(v1.FrameworkID(value=event.framework_id))
        await self._tell(self._scheduler.registered, framework_id, older(event.master))

    async def resubscribed(self, driver: aio.SchedulerDriver, event: notices.Resubscribed) -> None:
        await self._tell(self._scheduler.reregistered, older(event.master))

    async def disconnected(self, driver: aio.SchedulerDriver, why: str) -> None:
        await self._tell(self._scheduler.disconnected)

    async def offers(self, driver: aio.SchedulerDriver, offers: Sequence[v1.Offer]) -> None:
        await self._tell(self._scheduler.resourceOffers, [older(one) for one in offers])

    async def inverse_offers(
        self, driver: aio.SchedulerDriver, inverse_offers: Sequence[v1.InverseOffer]
    ) -> None:
        await self._tell(self._scheduler.inverseOffers, [older(one) for one in inverse_offers])

    async def rescinded(self, driver: aio.SchedulerDriver, offer_id: v1.OfferID) -> None:
        await self._tell(self._scheduler.offerRescinded, older(offer_id))

    async def inverse_offer_rescinded(
        self, driver: aio.SchedulerDriver, inverse_offer_id: v1.OfferID
    ) -> None:
        await self._tell(self._scheduler.inverseOfferRescinded, older(inverse_offer_id))

    async def update(self, driver: aio.SchedulerDriver, status: v1.TaskStatus) -> None:
        async def acknowledge() -> None:
            try:
                await driver.call(calls.acknowledge(status))
            except (CallLost, CallRefused, NotSubscribed) as error:
                # It will come again.
                _log.info("an update was not acknowledged: %s", error)

        is_waited_for = self._is_implicit and status.uuid
        await self._threads.call_back(
            self._scheduler.statusUpdate,
            self._driver,
            older(status),
            then=acknowledge if is_waited_for else None,
        )

    async def message(
        self,
        driver: aio.SchedulerDriver,
        agent_id: v1.AgentID,
        executor_id: v1.ExecutorID,
        data: bytes,
    ) -> None:
        await self._tell(
            self._scheduler.frameworkMessage, older(executor_id), older(agent_id), data
        )

    async def agent_lost(self, driver: aio.SchedulerDriver, agent_id: v1.AgentID) -> None:
        await self._tell(self._scheduler.slaveLost, older(agent_id))

    async def executor_exited(
        self,
        driver: aio.SchedulerDriver,
        agent_id: v1.AgentID,
        executor_id: v1.ExecutorID,
        status: int,
    ) -> None:
        await self._tell(self._scheduler.executorLost, older(executor_id), older(agent_id), status)

    async def error(self, driver: aio.SchedulerDriver, message: str) -> None:
        await self._threads.fail(self._scheduler.error, self._driver, message)


def _newer(message: Any, kind: Any) -> Any:
    """An old message by the names of the v1 API; raises what protobuf does for other things."""
    return kind.FromString(message.SerializePartialToString())


def _ids(given: Any) -> list[v1.OfferID]:
    """Of one ``OfferID``, or several."""
    several = [given] if hasattr(given, "value") else list(given)
    return [v1.OfferID(value=one.value) for one in several]


def _filters(given: Any | None) -> v1.Filters | None:
    return None if given is None else _newer(given, v1.Filters)


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)


def _launched(call: Call) -> Iterable[v1.TaskInfo]:
    for operation in call.accept.operations:
        if operation.type == v1.Offer.Operation.LAUNCH:
            yield from operation.launch.task_infos
        elif operation.type == v1.Offer.Operation.LAUNCH_GROUP:
            yield from operation.launch_group.task_group.tasks
