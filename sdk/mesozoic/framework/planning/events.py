"""What happens to a framework, for :class:`~.core.PlanningCore`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework.planning.specs import Spec


@dataclass(frozen=True, slots=True)
class Declared:
    """This is to run; a spec of that name which differs is replaced, instance by instance."""

    spec: Spec


@dataclass(frozen=True, slots=True)
class Scaled:
    """So many instances are wanted."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """Each instance is to be replaced, one after the other."""

    name: str


@dataclass(frozen=True, slots=True)
class StopAsked:
    """No instances are wanted any more."""

    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """A write is durable, as are all before it."""

    token: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Calls can be made."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """No calls can be made, and all offers are void."""


@dataclass(frozen=True, slots=True)
class OffersCame:
    """There are resources to use."""

    offers: tuple[mesos_pb2.Offer, ...]


@dataclass(frozen=True, slots=True)
class OfferRescinded:
    """An offer is void."""

    offer_id: str


@dataclass(frozen=True, slots=True)
class StatusCame:
    """The status of a task, from its agent or by reconciling."""

    status: mesos_pb2.TaskStatus


@dataclass(frozen=True, slots=True)
class LaunchRefused:
    """A Launch has certainly not taken effect."""

    task_ids: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class AgentLost:
    """An agent is not there any more."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class FrameworkRemoved:
    """The master has ended the framework with all its tasks, and it begins anew."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Something may be due."""


Event = (
    Declared
    | Scaled
    | RestartAsked
    | StopAsked
    | Written
    | Subscribed
    | Disconnected
    | OffersCame
    | OfferRescinded
    | StatusCame
    | LaunchRefused
    | AgentLost
    | FrameworkRemoved
    | Tick
)
