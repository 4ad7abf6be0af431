"""Inverse offers: asking frameworks about agents that will be unavailable.

Source: ``Master::inverseOffer``, ``acceptInverseOffers``, ``declineInverseOffers`` and
``removeInverseOffer``. The allocator decides whom to ask, and keeps the answers.
"""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.allocator.interface import InverseAllotment
from mesos_compat.master import scheduler_events
from mesos_compat.master.context import Context
from mesos_compat.master.state import Agent, Framework, InverseOffer
from mesos_compat.wire.v1 import allocator_pb2, mesos_pb2

_Status = allocator_pb2.InverseOfferStatus


def new_offer_id(context: Context) -> str:
    """The id of the next offer or inverse offer; both are numbered together."""
    number = context.state.next_offer
    context.state.next_offer = number + 1
    return f"{context.state.info.id}-O{number}"


def url_of(agent: Agent) -> mesos_pb2.URL:
    """Where an agent is reached."""
    url = mesos_pb2.URL(scheme="http", path="/slave(1)")
    url.address.hostname = agent.info.hostname
    if agent.address.HasField("ip"):
        url.address.ip = agent.address.ip
    url.address.port = agent.address.port
    return url


def make(context: Context, allotments: Iterable[InverseAllotment]) -> None:
    """Ask what the allocator wants to be asked."""
    state = context.state
    made: dict[str, list[InverseOffer]] = {}
    for allotment in allotments:
        framework = state.frameworks[allotment.framework_id]
        agent = state.agents[allotment.agent_id]
        offer_id = new_offer_id(context)
        message = mesos_pb2.InverseOffer(
            id=mesos_pb2.OfferID(value=offer_id),
            url=url_of(agent),
            framework_id=mesos_pb2.FrameworkID(value=framework.framework_id),
            agent_id=mesos_pb2.AgentID(value=agent.agent_id),
            unavailability=allotment.unavailability,
            resources=allotment.resources.messages(),
        )
        offer = InverseOffer(offer_id, framework.framework_id, agent.agent_id, message)
        state.inverse_offers[offer_id] = offer
        framework.inverse_offers[offer_id] = offer
        agent.inverse_offers[offer_id] = offer
        made.setdefault(framework.framework_id, []).append(offer)
    for framework_id, offers in made.items():
        event = scheduler_events.inverse_offers(offer.message for offer in offers)
        context.tell(state.frameworks[framework_id], event)


def _take(context: Context, offer: InverseOffer) -> None:
    state = context.state
    del state.inverse_offers[offer.offer_id]
    del state.frameworks[offer.framework_id].inverse_offers[offer.offer_id]
    del state.agents[offer.agent_id].inverse_offers[offer.offer_id]


def withdraw_all(context: Context, offers: Iterable[InverseOffer], *, rescind: bool = True) -> None:
    """Take several back; their frameworks are told, unless they know why."""
    for offer in list(offers):
        _take(context, offer)
        context.allocator.update_inverse_offer(
            offer.agent_id, offer.framework_id, None, None, None, context.now.mono_ms
        )
        if rescind:
            event = scheduler_events.rescind_inverse_offer(offer.offer_id)
            context.tell(context.state.frameworks[offer.framework_id], event)


def accept(
    context: Context,
    framework: Framework,
    offer_ids: Iterable[mesos_pb2.OfferID],
    filters: mesos_pb2.Filters,
) -> None:
    """ACCEPT_INVERSE_OFFERS: the framework can do without the agents."""
    _answer(context, framework, offer_ids, filters, _Status.ACCEPT)


def decline(
    context: Context,
    framework: Framework,
    offer_ids: Iterable[mesos_pb2.OfferID],
    filters: mesos_pb2.Filters,
) -> None:
    """DECLINE_INVERSE_OFFERS: it cannot."""
    _answer(context, framework, offer_ids, filters, _Status.DECLINE)


def _answer(
    context: Context,
    framework: Framework,
    offer_ids: Iterable[mesos_pb2.OfferID],
    filters: mesos_pb2.Filters,
    answer: allocator_pb2.InverseOfferStatus.Status,
) -> None:
    """Unknown questions, and others', are ignored. Without filters the default ones count."""
    for offer_id in offer_ids:
        offer = framework.inverse_offers.get(offer_id.value)
        if offer is None:
            continue
        status = _Status(
            status=answer,
            framework_id=mesos_pb2.FrameworkID(value=framework.framework_id),
            timestamp=mesos_pb2.TimeInfo(nanoseconds=context.now.wall_ns),
        )
        _take(context, offer)
        context.allocator.update_inverse_offer(
            offer.agent_id, offer.framework_id, None, status, filters, context.now.mono_ms
        )
