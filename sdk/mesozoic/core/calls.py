"""Calls of the scheduler API, each made by a function. Pure.

None of them has its ``framework_id`` yet: who sends a call knows it. Ids may be given as strings
or as messages, offers as themselves or by id, and filters as seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call, OfferConstraints

TaskId: TypeAlias = str | mesos_pb2.TaskID
AgentId: TypeAlias = str | mesos_pb2.AgentID
ExecutorId: TypeAlias = str | mesos_pb2.ExecutorID
OfferId: TypeAlias = str | mesos_pb2.OfferID | mesos_pb2.Offer
InverseOfferId: TypeAlias = str | mesos_pb2.OfferID | mesos_pb2.InverseOffer
#: A number is the seconds for which what is declined is not offered again.
Filters: TypeAlias = mesos_pb2.Filters | float


def text_of(given: str | mesos_pb2.TaskID | mesos_pb2.AgentID | mesos_pb2.ExecutorID) -> str:
    """An id as a string."""
    return given if isinstance(given, str) else given.value


def task_id(given: TaskId) -> mesos_pb2.TaskID:
    """An id as a message."""
    return mesos_pb2.TaskID(value=given) if isinstance(given, str) else given


def agent_id(given: AgentId) -> mesos_pb2.AgentID:
    """An id as a message."""
    return mesos_pb2.AgentID(value=given) if isinstance(given, str) else given


def executor_id(given: ExecutorId) -> mesos_pb2.ExecutorID:
    """An id as a message."""
    return mesos_pb2.ExecutorID(value=given) if isinstance(given, str) else given


def offer_id(given: OfferId | InverseOfferId) -> mesos_pb2.OfferID:
    """The id of an offer, given as a string, as a message or by the offer."""
    if isinstance(given, str):
        return mesos_pb2.OfferID(value=given)
    return given if isinstance(given, mesos_pb2.OfferID) else given.id


def filters_of(given: Filters | None) -> mesos_pb2.Filters | None:
    """Filters as a message."""
    if given is None or isinstance(given, mesos_pb2.Filters):
        return given
    return mesos_pb2.Filters(refuse_seconds=given)


def subscribe(
    framework: mesos_pb2.FrameworkInfo,
    suppressed_roles: Iterable[str] = (),
    offer_constraints: OfferConstraints | None = None,
) -> Call:
    """SUBSCRIBE; with the id of ``framework``, if it has one, for the call as well."""
    call = Call(
        type=Call.SUBSCRIBE,
        subscribe=Call.Subscribe(
            framework_info=framework,
            suppressed_roles=suppressed_roles,
            offer_constraints=offer_constraints,
        ),
    )
    if framework.HasField("id"):
        call.framework_id.CopyFrom(framework.id)
    return call


def teardown() -> Call:
    """TEARDOWN: end the framework and all its tasks."""
    return Call(type=Call.TEARDOWN)


def accept(
    offer_ids: Iterable[OfferId],
    operations: Iterable[mesos_pb2.Offer.Operation],
    filters: Filters | None = None,
) -> Call:
    """ACCEPT offers of one agent, and do ``operations`` with what they have, in order."""
    return Call(
        type=Call.ACCEPT,
        accept=Call.Accept(
            offer_ids=[offer_id(one) for one in offer_ids],
            operations=operations,
            filters=filters_of(filters),
        ),
    )


def launch_operation(tasks: Iterable[mesos_pb2.TaskInfo]) -> mesos_pb2.Offer.Operation:
    """LAUNCH, for :func:`accept`."""
    operation = mesos_pb2.Offer.Operation
    return operation(type=operation.LAUNCH, launch=operation.Launch(task_infos=tasks))


def launch_group_operation(
    executor: mesos_pb2.ExecutorInfo, tasks: Sequence[mesos_pb2.TaskInfo]
) -> mesos_pb2.Offer.Operation:
    """LAUNCH_GROUP, for :func:`accept`."""
    operation = mesos_pb2.Offer.Operation
    return operation(
        type=operation.LAUNCH_GROUP,
        launch_group=operation.LaunchGroup(
            executor=executor, task_group=mesos_pb2.TaskGroupInfo(tasks=tasks)
        ),
    )


def decline(offer_ids: Iterable[OfferId], filters: Filters | None = None) -> Call:
    """DECLINE; without filters Mesos's own of 5 seconds are in force."""
    return Call(
        type=Call.DECLINE,
        decline=Call.Decline(
            offer_ids=[offer_id(one) for one in offer_ids], filters=filters_of(filters)
        ),
    )


def accept_inverse_offers(
    inverse_offer_ids: Iterable[InverseOfferId], filters: Filters | None = None
) -> Call:
    """ACCEPT_INVERSE_OFFERS: the framework will be gone from there in time."""
    return Call(
        type=Call.ACCEPT_INVERSE_OFFERS,
        accept_inverse_offers=Call.AcceptInverseOffers(
            inverse_offer_ids=[offer_id(one) for one in inverse_offer_ids],
            filters=filters_of(filters),
        ),
    )


def decline_inverse_offers(
    inverse_offer_ids: Iterable[InverseOfferId], filters: Filters | None = None
) -> Call:
    """DECLINE_INVERSE_OFFERS: the framework will perhaps still be there."""
    return Call(
        type=Call.DECLINE_INVERSE_OFFERS,
        decline_inverse_offers=Call.DeclineInverseOffers(
            inverse_offer_ids=[offer_id(one) for one in inverse_offer_ids],
            filters=filters_of(filters),
        ),
    )


def revive(roles: Iterable[str] = ()) -> Call:
    """REVIVE: offers for ``roles`` again, and no filter is in force any more; none is all."""
    named = list(roles)
    return Call(type=Call.REVIVE, revive=Call.Revive(roles=named) if named else None)


def suppress(roles: Iterable[str] = ()) -> Call:
    """SUPPRESS: no offers for ``roles``; none is all."""
    named = list(roles)
    return Call(type=Call.SUPPRESS, suppress=Call.Suppress(roles=named) if named else None)


def kill(
    task: TaskId, agent: AgentId | None = None, kill_policy: mesos_pb2.KillPolicy | None = None
) -> Call:
    """KILL a task; ``kill_policy`` before that of the task."""
    return Call(
        type=Call.KILL,
        kill=Call.Kill(
            task_id=task_id(task),
            agent_id=None if agent is None else agent_id(agent),
            kill_policy=kill_policy,
        ),
    )


def shutdown(executor: ExecutorId, agent: AgentId) -> Call:
    """SHUTDOWN an executor of the framework, with all its tasks."""
    return Call(
        type=Call.SHUTDOWN,
        shutdown=Call.Shutdown(executor_id=executor_id(executor), agent_id=agent_id(agent)),
    )


def acknowledge(status: mesos_pb2.TaskStatus) -> Call:
    """ACKNOWLEDGE a status that has a uuid."""
    return Call(
        type=Call.ACKNOWLEDGE,
        acknowledge=Call.Acknowledge(
            agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid
        ),
    )


def acknowledge_operation(status: mesos_pb2.OperationStatus) -> Call:
    """ACKNOWLEDGE_OPERATION_STATUS of a status that has a uuid."""
    member = Call.AcknowledgeOperationStatus(
        uuid=status.uuid.value, operation_id=status.operation_id
    )
    if status.HasField("agent_id"):
        member.agent_id.CopyFrom(status.agent_id)
    if status.HasField("resource_provider_id"):
        member.resource_provider_id.CopyFrom(status.resource_provider_id)
    return Call(type=Call.ACKNOWLEDGE_OPERATION_STATUS, acknowledge_operation_status=member)


def reconcile(tasks: Iterable[tuple[TaskId, AgentId | None]] = ()) -> Call:
    """RECONCILE tasks, of which each may have its agent; none is all that the master knows."""
    member = Call.Reconcile()
    for task, agent in tasks:
        entry = member.tasks.add(task_id=task_id(task))
        if agent is not None:
            entry.agent_id.CopyFrom(agent_id(agent))
    return Call(type=Call.RECONCILE, reconcile=member)


def reconcile_operations(
    operations: Iterable[Call.ReconcileOperations.Operation] = (),
) -> Call:
    """RECONCILE_OPERATIONS; none is all that the master knows."""
    return Call(
        type=Call.RECONCILE_OPERATIONS,
        reconcile_operations=Call.ReconcileOperations(operations=operations),
    )


def message(agent: AgentId, executor: ExecutorId, data: bytes) -> Call:
    """MESSAGE to an executor; nothing tells whether it arrives."""
    return Call(
        type=Call.MESSAGE,
        message=Call.Message(
            agent_id=agent_id(agent), executor_id=executor_id(executor), data=data
        ),
    )


def request(requests: Iterable[mesos_pb2.Request]) -> Call:
    """REQUEST resources, which Mesos's own allocator ignores."""
    return Call(type=Call.REQUEST, request=Call.Request(requests=requests))


def update_framework(
    framework: mesos_pb2.FrameworkInfo,
    suppressed_roles: Iterable[str] = (),
    offer_constraints: OfferConstraints | None = None,
) -> Call:
    """UPDATE_FRAMEWORK: all of these replace what was in force."""
    return Call(
        type=Call.UPDATE_FRAMEWORK,
        update_framework=Call.UpdateFramework(
            framework_info=framework,
            suppressed_roles=suppressed_roles,
            offer_constraints=offer_constraints,
        ),
    )
