"""Offers: made of what the allocator gives, and taken back.

Source: ``Master::offer``, ``rescindOffer``, ``discardOffer``, ``decline``. An offer ends when it
is accepted or declined, when it is discarded (its framework knows why), or when it is rescinded
(its framework is told). In all cases but the first the allocator gets its resources back.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.allocator.interface import Allotment
from mesos_compat.errors import invariant
from mesos_compat.master import inverse_offers, scheduler_events
from mesos_compat.master.context import Context
from mesos_compat.master.state import Agent, Framework, Offer
from mesos_compat.master.timers import Timer, TimerKind
from mesos_compat.master.validation.framework import has_capability
from mesos_compat.master.validation.maintenance import machine_key
from mesos_compat.resources import Format
from mesos_compat.resources.formats import strip_allocation
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_Capability = mesos_pb2.FrameworkInfo.Capability


def run(context: Context) -> None:
    """Let the allocator run if it wants to, and offer what it gives."""
    allocator, now_ms = context.allocator, context.now.mono_ms
    if not allocator.wants_run(now_ms):
        return
    allocation = allocator.allocate(now_ms)
    made: dict[str, list[Offer]] = {}
    for allotment in allocation.offers:
        made.setdefault(allotment.framework_id, []).append(_make(context, allotment))
    for framework_id, offers in made.items():
        framework = context.state.frameworks[framework_id]
        context.metrics.framework(framework_id).offers["sent"] += len(offers)
        context.tell(framework, scheduler_events.offers(offer.message for offer in offers))
    inverse_offers.make(context, allocation.inverse_offers)


def _make(context: Context, allotment: Allotment) -> Offer:
    state = context.state
    framework = state.frameworks[allotment.framework_id]
    agent = state.agents[allotment.agent_id]
    invariant(
        framework.is_connected and agent.is_active,
        "what is offered can be used",
        framework_id=framework.framework_id,
        agent_id=agent.agent_id,
    )
    offer_id = inverse_offers.new_offer_id(context)
    offer = Offer(
        offer_id,
        framework.framework_id,
        agent.agent_id,
        allotment.role,
        allotment.resources,
        _message(context, offer_id, framework, agent, allotment),
    )
    state.offers[offer_id] = offer
    framework.offers[offer_id] = offer
    agent.offers[offer_id] = offer
    timeout_ms = context.settings.offer_timeout_ms
    if timeout_ms is not None:
        timer = Timer(TimerKind.OFFER_TIMEOUT, offer_id)
        context.timers.set(timer, context.now.mono_ms + timeout_ms)
    return offer


def _message(
    context: Context, offer_id: str, framework: Framework, agent: Agent, allotment: Allotment
) -> mesos_pb2.Offer:
    """The offer in the form that the framework understands."""
    knows_refinement = has_capability(framework.info, _Capability.RESERVATION_REFINEMENT)
    resources = allotment.resources.messages(Format.POST if knows_refinement else Format.PRE)
    message = mesos_pb2.Offer(
        id=mesos_pb2.OfferID(value=offer_id),
        framework_id=mesos_pb2.FrameworkID(value=framework.framework_id),
        agent_id=mesos_pb2.AgentID(value=agent.agent_id),
        hostname=agent.info.hostname,
        url=inverse_offers.url_of(agent),
        attributes=agent.info.attributes,
    )
    for executor_id in agent.executors.get(framework.framework_id, {}):
        message.executor_ids.add(value=executor_id)
    if agent.info.HasField("domain"):
        message.domain.CopyFrom(agent.info.domain)
    machine = context.state.machines.get(machine_key(agent.machine_id))
    if machine is not None and machine.info.HasField("unavailability"):
        message.unavailability.CopyFrom(machine.info.unavailability)
    if has_capability(framework.info, _Capability.MULTI_ROLE):
        message.allocation_info.role = allotment.role
    else:
        strip_allocation(resources)
    message.resources.extend(resources)
    return message


def take(context: Context, offer: Offer) -> None:
    """Forget an offer, while its resources stay with the framework."""
    state = context.state
    del state.offers[offer.offer_id]
    del state.frameworks[offer.framework_id].offers[offer.offer_id]
    del state.agents[offer.agent_id].offers[offer.offer_id]
    context.timers.cancel(Timer(TimerKind.OFFER_TIMEOUT, offer.offer_id))


def discard(context: Context, offer: Offer, filters: mesos_pb2.Filters | None = None) -> None:
    """Take an offer back, without a word to its framework."""
    take(context, offer)
    context.allocator.recover_resources(
        offer.framework_id, offer.agent_id, offer.resources, filters, context.now.mono_ms
    )


def rescind(context: Context, offer: Offer, filters: mesos_pb2.Filters | None = None) -> None:
    """Take an offer back, and say so."""
    discard(context, offer, filters)
    framework = context.state.frameworks[offer.framework_id]
    context.metrics.framework(offer.framework_id).offers["rescinded"] += 1
    context.tell(framework, scheduler_events.rescind(offer.offer_id))


def rescind_all(context: Context, offers: Iterable[Offer]) -> None:
    """Take several offers back; they may be those that somebody holds."""
    for offer in list(offers):
        rescind(context, offer)


def time_out(context: Context, offer_id: str) -> None:
    """The timer OFFER_TIMEOUT is due."""
    offer = context.state.offers.get(offer_id)
    if offer is not None:
        rescind(context, offer)


def decline(context: Context, framework: Framework, call: scheduler_pb2.Call.Decline) -> None:
    """DECLINE: unknown offers, and others', are ignored. Without filters the default ones count."""
    for offer_id in call.offer_ids:
        offer = framework.offers.get(offer_id.value)
        if offer is not None:
            context.metrics.framework(framework.framework_id).offers["declined"] += 1
            discard(context, offer, call.filters)
