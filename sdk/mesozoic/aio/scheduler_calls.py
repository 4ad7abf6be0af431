"""Every call of the scheduler API as a method: what :class:`SchedulerDriver` inherits.

All of them raise :class:`~mesozoic.errors.NotSubscribed` when there is no subscription,
:class:`~mesozoic.errors.CallRefused` when the master answers with an error, and
:class:`~mesozoic.errors.CallLost` when the connection breaks meanwhile. Mesos takes nearly
every well-formed call (202): what comes of it is told by events.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call, OfferConstraints
from mesozoic.core import calls
from mesozoic.core.calls import AgentId, ExecutorId, Filters, InverseOfferId, OfferId, TaskId


class SchedulerCalls(ABC):
    """The calls; what sends them, and knows the offers, is left to who inherits."""

    @abstractmethod
    async def call(self, call: Call) -> None:
        """Send any call; its ``framework_id`` is filled in. Calls arrive in their order."""

    @property
    @abstractmethod
    def held_offers(self) -> Mapping[str, mesos_pb2.Offer]:
        """The offers that are there, neither used nor declined nor rescinded, by id."""

    @property
    @abstractmethod
    def refuse_seconds(self) -> float:
        """How long what :meth:`decline` declines stays away, unless told otherwise."""

    async def accept(
        self,
        offer_ids: Iterable[OfferId],
        operations: Iterable[mesos_pb2.Offer.Operation],
        filters: Filters | None = None,
    ) -> None:
        """ACCEPT: operate, in order, on what offers of one agent and one role have.

        What is left is declined with ``filters``, by Mesos's default for 5 seconds.
        """
        await self.call(calls.accept(offer_ids, operations, filters))

    async def launch(
        self,
        offer_ids: Iterable[OfferId],
        tasks: Iterable[mesos_pb2.TaskInfo],
        filters: Filters | None = None,
    ) -> None:
        """ACCEPT with LAUNCH: run tasks on the agent of these offers.

        A task without ``agent_id`` gets that of the first offer, if it is known here. A task
        that the master refuses is told of by an update (TASK_ERROR, TASK_DROPPED or TASK_LOST).
        """
        offers = list(offer_ids)
        operation = calls.launch_operation(self._placed(offers, tasks))
        await self.call(calls.accept(offers, [operation], filters))

    async def launch_group(
        self,
        offer_ids: Iterable[OfferId],
        executor: mesos_pb2.ExecutorInfo,
        tasks: Iterable[mesos_pb2.TaskInfo],
        filters: Filters | None = None,
    ) -> None:
        """ACCEPT with LAUNCH_GROUP: run tasks together in one executor, all of them or none."""
        offers = list(offer_ids)
        operation = calls.launch_group_operation(executor, self._placed(offers, tasks))
        await self.call(calls.accept(offers, [operation], filters))

    def _placed(
        self, offers: Sequence[OfferId], tasks: Iterable[mesos_pb2.TaskInfo]
    ) -> list[mesos_pb2.TaskInfo]:
        """The tasks, with the agent of the first offer where they have none."""
        if not offers:
            return list(tasks)
        first = offers[0]
        if not isinstance(first, mesos_pb2.Offer):
            known = self.held_offers.get(calls.offer_id(first).value)
            if known is None:
                return list(tasks)
            first = known
        placed = []
        for task in tasks:
            if not task.HasField("agent_id"):
                copy = mesos_pb2.TaskInfo()
                copy.CopyFrom(task)
                copy.agent_id.CopyFrom(first.agent_id)
                placed.append(copy)
            else:
                placed.append(task)
        return placed

    async def decline(self, offer_ids: Iterable[OfferId], filters: Filters | None = None) -> None:
        """DECLINE offers, for :attr:`refuse_seconds` unless ``filters`` say otherwise."""
        given = self.refuse_seconds if filters is None else filters
        await self.call(calls.decline(offer_ids, given))

    async def accept_inverse_offers(
        self, inverse_offer_ids: Iterable[InverseOfferId], filters: Filters | None = None
    ) -> None:
        """ACCEPT_INVERSE_OFFERS: this framework will be gone from those agents in time."""
        await self.call(calls.accept_inverse_offers(inverse_offer_ids, filters))

    async def decline_inverse_offers(
        self, inverse_offer_ids: Iterable[InverseOfferId], filters: Filters | None = None
    ) -> None:
        """DECLINE_INVERSE_OFFERS: this framework may still be there; asked again later."""
        await self.call(calls.decline_inverse_offers(inverse_offer_ids, filters))

    async def revive(self, roles: Iterable[str] = ()) -> None:
        """REVIVE: offers for ``roles`` (none: all) again, whatever was declined or suppressed."""
        await self.call(calls.revive(roles))

    async def suppress(self, roles: Iterable[str] = ()) -> None:
        """SUPPRESS: no offers for ``roles`` (none: all), after a lost subscription neither."""
        await self.call(calls.suppress(roles))

    async def kill(
        self,
        task_id: TaskId,
        agent_id: AgentId | None = None,
        kill_policy: mesos_pb2.KillPolicy | None = None,
    ) -> None:
        """KILL a task. Of one that the master does not know, it tells as when reconciling."""
        await self.call(calls.kill(task_id, agent_id, kill_policy))

    async def shutdown(self, executor_id: ExecutorId, agent_id: AgentId) -> None:
        """SHUTDOWN an executor, with all its tasks."""
        await self.call(calls.shutdown(executor_id, agent_id))

    async def acknowledge(self, status: mesos_pb2.TaskStatus) -> None:
        """ACKNOWLEDGE an update; for drivers whose ``acknowledge`` is ``"manual"``.

        A status without a uuid needs none, and one that is acknowledged no other: nothing is
        sent then. Until it is acknowledged no later update of that task comes.
        """
        if status.uuid:
            await self.call(calls.acknowledge(status))

    async def acknowledge_operation(self, status: mesos_pb2.OperationStatus) -> None:
        """ACKNOWLEDGE_OPERATION_STATUS; as :meth:`acknowledge`."""
        if status.HasField("uuid"):
            await self.call(calls.acknowledge_operation(status))

    async def reconcile(self, tasks: Iterable[tuple[TaskId, AgentId | None]] = ()) -> None:
        """RECONCILE: ask for updates of these tasks, or of all that the master knows.

        The driver does so itself after each subscription and from time to time.
        """
        await self.call(calls.reconcile(tasks))

    async def reconcile_operations(
        self, operations: Iterable[Call.ReconcileOperations.Operation] = ()
    ) -> None:
        """RECONCILE_OPERATIONS: ask for the states of operations, by default of all."""
        await self.call(calls.reconcile_operations(operations))

    async def message(self, agent_id: AgentId, executor_id: ExecutorId, data: bytes) -> None:
        """MESSAGE: send bytes to an executor; nothing tells whether they arrive."""
        await self.call(calls.message(agent_id, executor_id, data))

    async def request(self, requests: Iterable[mesos_pb2.Request]) -> None:
        """REQUEST resources, for allocators that listen; Mesos's own does not."""
        await self.call(calls.request(requests))

    async def update_framework(
        self,
        framework: mesos_pb2.FrameworkInfo,
        suppressed_roles: Iterable[str] = (),
        offer_constraints: OfferConstraints | None = None,
    ) -> None:
        """UPDATE_FRAMEWORK: change name, roles, capabilities and the like while subscribed.

        The three replace what was in force, for later subscriptions too. Raises
        :class:`~mesozoic.errors.CallRefused` with the reason when they are not valid.
        """
        await self.call(calls.update_framework(framework, suppressed_roles, offer_constraints))

    async def teardown(self) -> None:
        """TEARDOWN: end this framework for ever, and kill all its tasks."""
        await self.call(calls.teardown())
