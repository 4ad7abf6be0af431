"""Calls of schedulers: who may make them, and who carries them out.

Source: ``Master::Http::scheduler``. All but UPDATE_FRAMEWORK are answered 202 as soon as it is
known whose they are; what comes of them is told by events.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.master import (
    accepting,
    executors,
    frameworks,
    inverse_offers,
    operations,
    reconcile,
    tasks,
)
from mesos_compat.master import offers as offering
from mesos_compat.master.actions import Reply
from mesos_compat.master.context import Context
from mesos_compat.master.events import SchedulerCalled
from mesos_compat.master.state import Framework
from mesos_compat.master.validation.scheduler_call import validate_principal
from mesos_compat.wire.v1 import scheduler_pb2

_Call = scheduler_pb2.Call


def called(context: Context, event: SchedulerCalled) -> None:
    """Any call but SUBSCRIBE."""
    call = event.call
    framework = context.state.frameworks.get(call.framework_id.value)
    if framework is None:
        context.emit(Reply(event.route, 400, "Framework cannot be found"))
        return
    refusal = _refusal(framework, event)
    if refusal is not None:
        context.emit(Reply(event.route, *refusal))
        return
    if call.type == _Call.UNKNOWN:
        context.emit(Reply(event.route, 501, "501 Not Implemented."))
        return
    context.metrics.called(framework.framework_id, call)
    if call.type == _Call.UPDATE_FRAMEWORK:
        frameworks.update(context, framework, event)
        return
    context.emit(Reply(event.route, 202))
    _carry_out(context, framework, call)


def _refusal(framework: Framework, event: SchedulerCalled) -> tuple[int, str] | None:
    """Status and text when the call cannot be this framework's."""
    if framework.principal is not None:
        fault = validate_principal(event.principal, framework.principal)
        if fault is not None:
            return 400, fault
    if not framework.is_connected:
        return 403, "Framework is not subscribed"
    if event.stream_id is None:
        return 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    if event.stream_id != framework.stream_id:
        return 400, (
            f"The stream ID '{event.stream_id}' included in this request didn't match the stream"
            f" ID currently associated with framework ID {framework.framework_id}"
        )
    return None


def _carry_out(context: Context, framework: Framework, call: scheduler_pb2.Call) -> None:
    match call.type:
        case _Call.TEARDOWN:
            frameworks.remove(context, framework)
        case _Call.ACCEPT:
            accepting.accept(context, framework, call.accept)
        case _Call.DECLINE:
            offering.decline(context, framework, call.decline)
        case _Call.ACCEPT_INVERSE_OFFERS:
            accepted = call.accept_inverse_offers
            inverse_offers.accept(context, framework, accepted.inverse_offer_ids, accepted.filters)
        case _Call.DECLINE_INVERSE_OFFERS:
            declined = call.decline_inverse_offers
            inverse_offers.decline(context, framework, declined.inverse_offer_ids, declined.filters)
        case _Call.REVIVE:
            revive(context, framework, call.revive.roles)
        case _Call.SUPPRESS:
            suppress(context, framework, call.suppress.roles)
        case _Call.KILL:
            tasks.kill(context, framework, call.kill)
        case _Call.SHUTDOWN:
            executors.shut_down(context, framework, call.shutdown)
        case _Call.ACKNOWLEDGE:
            tasks.acknowledge(context, framework, call.acknowledge)
        case _Call.ACKNOWLEDGE_OPERATION_STATUS:
            operations.acknowledge(context, framework, call.acknowledge_operation_status)
        case _Call.RECONCILE:
            reconcile.reconcile(context, framework, call.reconcile)
        case _Call.RECONCILE_OPERATIONS:
            operations.reconcile(context, framework, call.reconcile_operations)
        case _Call.MESSAGE:
            executors.message_to(context, framework, call.message)
        case _Call.REQUEST:
            context.allocator.request_resources(framework.framework_id, call.request.requests)


def revive(context: Context, framework: Framework, roles: Iterable[str]) -> None:
    """REVIVE: offers again, for these roles or for all; not done at all for a role it lacks."""
    wanted = list(roles)
    own = framework.roles
    if all(role in own for role in wanted):
        for role in wanted or own:
            framework.suppressed_roles.pop(role, None)
        context.allocator.revive(framework.framework_id, wanted, context.now.mono_ms)


def suppress(context: Context, framework: Framework, roles: Iterable[str]) -> None:
    """SUPPRESS: no offers, for these roles or for all; not done at all for a role it lacks."""
    wanted = list(roles)
    own = framework.roles
    if all(role in own for role in wanted):
        framework.suppressed_roles.update(dict.fromkeys(wanted or own))
        context.allocator.suppress(framework.framework_id, wanted)
