"""What schedulers are told, as messages. Source: scheduler.proto ``Event``."""

from __future__ import annotations

from collections.abc import Iterable

from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

_Event = scheduler_pb2.Event


def subscribed(
    framework_id: str, info: mesos_pb2.MasterInfo, heartbeat_interval_ms: int
) -> scheduler_pb2.Event:
    """SUBSCRIBED, the first of a stream."""
    event = _Event(type=_Event.SUBSCRIBED)
    event.subscribed.framework_id.value = framework_id
    event.subscribed.heartbeat_interval_seconds = heartbeat_interval_ms / 1000
    event.subscribed.master_info.CopyFrom(info)
    return event


def heartbeat() -> scheduler_pb2.Event:
    """HEARTBEAT."""
    return _Event(type=_Event.HEARTBEAT)


def offers(offered: Iterable[mesos_pb2.Offer]) -> scheduler_pb2.Event:
    """OFFERS."""
    event = _Event(type=_Event.OFFERS)
    event.offers.offers.extend(offered)
    return event


def inverse_offers(offered: Iterable[mesos_pb2.InverseOffer]) -> scheduler_pb2.Event:
    """INVERSE_OFFERS."""
    event = _Event(type=_Event.INVERSE_OFFERS)
    event.inverse_offers.inverse_offers.extend(offered)
    return event


def rescind(offer_id: str) -> scheduler_pb2.Event:
    """RESCIND."""
    event = _Event(type=_Event.RESCIND)
    event.rescind.offer_id.value = offer_id
    return event


def rescind_inverse_offer(offer_id: str) -> scheduler_pb2.Event:
    """RESCIND_INVERSE_OFFER."""
    event = _Event(type=_Event.RESCIND_INVERSE_OFFER)
    event.rescind_inverse_offer.inverse_offer_id.value = offer_id
    return event


def update(status: mesos_pb2.TaskStatus) -> scheduler_pb2.Event:
    """UPDATE."""
    event = _Event(type=_Event.UPDATE)
    event.update.status.CopyFrom(status)
    return event


def update_operation_status(status: mesos_pb2.OperationStatus) -> scheduler_pb2.Event:
    """UPDATE_OPERATION_STATUS."""
    event = _Event(type=_Event.UPDATE_OPERATION_STATUS)
    event.update_operation_status.status.CopyFrom(status)
    return event


def message(agent_id: str, executor_id: str, data: bytes) -> scheduler_pb2.Event:
    """MESSAGE of an executor."""
    event = _Event(type=_Event.MESSAGE)
    event.message.agent_id.value = agent_id
    event.message.executor_id.value = executor_id
    event.message.data = data
    return event


def agent_failure(agent_id: str) -> scheduler_pb2.Event:
    """FAILURE of a whole agent."""
    event = _Event(type=_Event.FAILURE)
    event.failure.agent_id.value = agent_id
    return event


def executor_failure(agent_id: str, executor_id: str, status: int) -> scheduler_pb2.Event:
    """FAILURE of an executor: ``status`` is as wait(2) gives it, or -1."""
    event = agent_failure(agent_id)
    event.failure.executor_id.value = executor_id
    event.failure.status = status
    return event


def error(text: str) -> scheduler_pb2.Event:
    """ERROR, the last of a stream."""
    event = _Event(type=_Event.ERROR)
    event.error.message = text
    return event
