"""ACCEPT: what a framework does with offers.

Source: ``Master::accept`` and ``_accept``. The operations of one ACCEPT are carried out in their
order, on what the operations before have left; one that cannot be is skipped, and the framework
is told. What is left at the end goes back to the allocator: with the filters of the call if it
was not touched, without if an operation has made it.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.errors import invariant
from mesos_compat.master import action_objects, operations, statuses, tasks
from mesos_compat.master import offers as offering
from mesos_compat.master.acceptance import Acceptance
from mesos_compat.master.context import Context
from mesos_compat.master.launching import launch, launch_group
from mesos_compat.master.state import Agent, Framework, Offer
from mesos_compat.master.validation import offer as offer_validation
from mesos_compat.master.validation import operation as operation_validation
from mesos_compat.master.validation.offer import OfferFacts
from mesos_compat.master.validation.operation import OperationContext
from mesos_compat.resources import ResourceError, Resources
from mesos_compat.resources.convert import apply_conversions, conversions
from mesos_compat.resources.formats import inject_allocation_into, upgrade_all
from mesos_compat.resources.validation import validate_operation
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_Operation = mesos_pb2.Offer.Operation
_Status = mesos_pb2.TaskStatus

# What these make is not for the operations behind them.
_RESIZES = (_Operation.GROW_VOLUME, _Operation.SHRINK_VOLUME)


def accept(context: Context, framework: Framework, call: scheduler_pb2.Call.Accept) -> None:
    """ACCEPT."""

    def find(offer_id: str) -> OfferFacts | None:
        offer = context.state.offers.get(offer_id)
        if offer is None:
            return None
        return OfferFacts(offer.framework_id, offer.agent_id, offer.role)

    fault = offer_validation.validate_accepted(call.offer_ids, find, framework.framework_id)
    if fault is not None:
        _refuse_all(context, framework, call, fault)
        return
    offers = [framework.offers[offer_id.value] for offer_id in call.offer_ids]
    counts = context.metrics.framework(framework.framework_id).offers
    counts["accepted" if call.operations else "declined"] += len(offers)
    acceptance = _begin(context, framework, offers)
    for operation in call.operations:
        prepared = _prepare(context, acceptance, operation)
        if prepared is not None:
            _carry_out(context, acceptance, prepared)
    _finish(context, acceptance, call.filters)


def _begin(context: Context, framework: Framework, offers: list[Offer]) -> Acceptance:
    agent = context.state.agents[offers[0].agent_id]
    invariant(agent.is_connected, "what is offered is there", agent_id=agent.agent_id)
    offered = sum((offer.resources for offer in offers), Resources())
    for offer in offers:
        offering.take(context, offer)
    return Acceptance(framework, agent, offers[0].role, offered, offered, offered.shared())


def _refuse_all(
    context: Context, framework: Framework, call: scheduler_pb2.Call.Accept, fault: str
) -> None:
    """The offers are not what they should be: they are given back, and nothing is done.

    As in Mesos that is so for other frameworks' offers too; they, at least, are told.
    """
    for offer_id in call.offer_ids:
        offer = context.state.offers.get(offer_id.value)
        if offer is not None and offer.framework_id == framework.framework_id:
            offering.discard(context, offer)
        elif offer is not None:
            offering.rescind(context, offer)
    dropped = statuses.for_framework(framework, mesos_pb2.TASK_DROPPED)
    for operation in call.operations:
        if operation.type in (_Operation.LAUNCH, _Operation.LAUNCH_GROUP):
            tasks.refuse(
                context,
                framework,
                tasks_of(operation),
                dropped,
                f"Task launched with invalid offers: {fault}",
                _Status.REASON_INVALID_OFFERS,
            )
        else:
            why = f"Operation attempted with invalid offers: {fault}"
            operations.refuse(context, framework, operation, why)


def tasks_of(operation: mesos_pb2.Offer.Operation) -> Iterable[mesos_pb2.TaskInfo]:
    """The tasks that a launch is about."""
    if operation.type == _Operation.LAUNCH:
        return operation.launch.task_infos
    return operation.launch_group.task_group.tasks


def _prepare(
    context: Context, acceptance: Acceptance, given: mesos_pb2.Offer.Operation
) -> mesos_pb2.Offer.Operation | None:
    """The operation in the form that is used inside, or None when it was refused.

    Resources in either format become the newer one, and are the offer's role's if nothing else
    is said.
    """
    framework, agent = acceptance.framework, acceptance.agent
    operation = _Operation()
    operation.CopyFrom(given)
    is_launch = operation.type in (_Operation.LAUNCH, _Operation.LAUNCH_GROUP)
    fault = validate_operation(operation)
    if fault is None:
        upgrade_all(operation)
        fault = operation_validation.validate_scheduler_only(operation)
    if fault is not None and not is_launch:
        fault = f"Operation attempted with invalid resources: {fault}"
    if fault is None:
        fault = operation_validation.validate_feedback(
            operation, agent.agent_id, agent.capabilities
        )
    if fault is None:
        inject_allocation_into(operation, acceptance.role)
        return operation
    if is_launch:
        is_group = operation.type == _Operation.LAUNCH_GROUP
        reason = _Status.REASON_TASK_GROUP_INVALID if is_group else _Status.REASON_TASK_INVALID
        tasks.refuse(context, framework, tasks_of(operation), mesos_pb2.TASK_ERROR, fault, reason)
    else:
        operations.refuse(context, framework, operation, fault)
    return None


def _carry_out(
    context: Context, acceptance: Acceptance, operation: mesos_pb2.Offer.Operation
) -> None:
    framework, agent = acceptance.framework, acceptance.agent
    if operation.type == _Operation.LAUNCH:
        context.metrics.operated(framework.framework_id, operation)
        launch(context, acceptance, operation.launch)
        return
    if operation.type == _Operation.LAUNCH_GROUP:
        context.metrics.operated(framework.framework_id, operation)
        launch_group(context, acceptance, operation.launch_group)
        return
    fault = _operation_fault(context, acceptance, operation)
    if fault is None:
        try:
            steps = conversions(operation)
            left = apply_conversions(acceptance.left, steps)
        except ResourceError as error:
            fault = str(error)
    if fault is not None:
        operations.refuse(context, framework, operation, fault)
        return
    if operation.type == _Operation.DESTROY:
        _rescind_users(context, agent, Resources(operation.destroy.volumes))
    if operation.type in _RESIZES:
        for step in steps:
            left = left - step.converted
            acceptance.resized = acceptance.resized + step.converted
    acceptance.left = left
    for step in steps:
        acceptance.shared = acceptance.shared - step.consumed.shared() + step.converted.shared()
    acceptance.conversions.extend(steps)
    operations.apply(context, agent, framework, operation)


def _operation_fault(
    context: Context, acceptance: Acceptance, operation: mesos_pb2.Offer.Operation
) -> str | None:
    framework, agent = acceptance.framework, acceptance.agent
    denied = action_objects.first_denied(
        action_objects.of_operation(operation), context.authorizer, framework.principal
    )
    if denied is not None:
        return f"Not authorized to {denied.text}"
    checked = OperationContext(
        capabilities=agent.capabilities,
        checkpointed=operations.checkpointed(agent),
        used=agent.used.values(),
        framework=framework.info,
    )
    fault = operation_validation.validate(operation, checked)
    return f"{fault}; on agent {agent}" if fault else None


def _rescind_users(context: Context, agent: Agent, volumes: Resources) -> None:
    """Take back other offers of volumes that are about to be destroyed; they are shared ones."""
    gone = [Resources([volume]) for volume in volumes.unallocate()]
    for offer in list(agent.offers.values()):
        offered = offer.resources.unallocate()
        if any(offered.contains(volume) for volume in gone):
            offering.rescind(context, offer)


def _finish(context: Context, acceptance: Acceptance, filters: mesos_pb2.Filters) -> None:
    """Tell the allocator what has become of what was offered, and give back what is left."""
    allocator, now_ms = context.allocator, context.now.mono_ms
    framework_id, agent_id = acceptance.framework.framework_id, acceptance.agent.agent_id
    if acceptance.conversions:
        allocator.update_allocation(framework_id, agent_id, acceptance.conversions)
    made = acceptance.left - acceptance.offered
    untouched = acceptance.left - made
    made = made + acceptance.resized
    if made:
        allocator.recover_resources(framework_id, agent_id, made, None, now_ms)
    if untouched:
        allocator.recover_resources(framework_id, agent_id, untouched, filters, now_ms)
