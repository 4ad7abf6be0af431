"""What a scheduler is told, as values. Pure.

A driver hands each to the callback that belongs to it, or out of its ``events()``. Messages
inside are those of Mesos, as they came.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.wire.v1 import mesos_pb2


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The framework is registered, for the first time since this driver started."""

    framework_id: str
    master: mesos_pb2.MasterInfo
    # Of the HEARTBEATs to come.
    heartbeat_interval_ms: int


@dataclass(frozen=True, slots=True)
class Resubscribed:
    """The framework is connected again, perhaps with another master; offers of before are void."""

    framework_id: str
    master: mesos_pb2.MasterInfo
    heartbeat_interval_ms: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """There is no subscription for now; the driver looks for a master. Tasks go on."""

    why: str


@dataclass(frozen=True, slots=True)
class OffersReceived:
    """Resources to use or to decline."""

    offers: tuple[mesos_pb2.Offer, ...]


@dataclass(frozen=True, slots=True)
class InverseOffersReceived:
    """Agents that this framework is asked to leave, by when is in ``unavailability``."""

    inverse_offers: tuple[mesos_pb2.InverseOffer, ...]


@dataclass(frozen=True, slots=True)
class OfferRescinded:
    """An offer is void."""

    offer_id: mesos_pb2.OfferID


@dataclass(frozen=True, slots=True)
class InverseOfferRescinded:
    """An inverse offer is void."""

    inverse_offer_id: mesos_pb2.OfferID


@dataclass(frozen=True, slots=True)
class TaskUpdated:
    """The status of a task; one with a uuid is told once, however often it comes."""

    status: mesos_pb2.TaskStatus


@dataclass(frozen=True, slots=True)
class OperationUpdated:
    """The status of an operation; one with a uuid is told once, however often it comes."""

    status: mesos_pb2.OperationStatus


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """Bytes that an executor has sent."""

    agent_id: mesos_pb2.AgentID
    executor_id: mesos_pb2.ExecutorID
    data: bytes


@dataclass(frozen=True, slots=True)
class AgentLost:
    """FAILURE without an executor: the agent is gone; updates tell what became of its tasks."""

    agent_id: mesos_pb2.AgentID


@dataclass(frozen=True, slots=True)
class ExecutorExited:
    """FAILURE with an executor: it has ended. ``status`` is as of ``waitpid``, -1 if unknown."""

    agent_id: mesos_pb2.AgentID
    executor_id: mesos_pb2.ExecutorID
    status: int


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """The master has ended this framework's subscription for good. Nothing follows."""

    message: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The master is there."""


Notice = (
    Subscribed
    | Resubscribed
    | Disconnected
    | OffersReceived
    | InverseOffersReceived
    | OfferRescinded
    | InverseOfferRescinded
    | TaskUpdated
    | OperationUpdated
    | MessageReceived
    | AgentLost
    | ExecutorExited
    | ErrorReported
    | Heartbeat
)
