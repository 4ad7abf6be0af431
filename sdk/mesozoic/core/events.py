"""What happens to a scheduler, for :class:`~mesozoic.core.scheduler.SchedulerCore`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.wire.v1 import scheduler_pb2
from mesozoic.core.notices import Notice


@dataclass(frozen=True, slots=True)
class Started:
    """The driver runs. ``framework_id`` is that of before, if there is one."""

    framework_id: str | None


@dataclass(frozen=True, slots=True)
class MasterDetected:
    """Another master leads, or nobody (None); ``is_guess`` when it is only the next to try."""

    master: str | None
    is_guess: bool = False


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """SUBSCRIBE was answered by a stream. Streams are numbered as in :class:`actions.Connect`."""

    stream: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Bytes have come, perhaps not yet a whole event."""

    stream: int


@dataclass(frozen=True, slots=True)
class Received:
    """The master has said something."""

    stream: int
    event: scheduler_pb2.Event


@dataclass(frozen=True, slots=True)
class StreamLost:
    """There is no such stream, or no more. ``status`` is that of an answer which was none."""

    stream: int
    why: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class FrameworkIdSaved:
    """What :class:`actions.SaveFrameworkId` has asked for is done."""

    framework_id: str


@dataclass(frozen=True, slots=True)
class CallRequested:
    """The author wants a call to be made, and waits for what ``token`` stands for."""

    token: int
    call: scheduler_pb2.Call


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A call was answered; ``token`` is None for those of the core's own."""

    stream: int
    token: int | None
    call: scheduler_pb2.Call
    status: int
    text: str


@dataclass(frozen=True, slots=True)
class CallBroken:
    """The connection broke within a call, or could not be made."""

    stream: int
    token: int | None
    call: scheduler_pb2.Call
    why: str


@dataclass(frozen=True, slots=True)
class OffersShown:
    """The author is about to see these offers."""

    offer_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """The author's handler of a notice has returned."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class DemandChanged:
    """Whether offers are wanted; ``is_news`` when the author says so of himself."""

    wants_offers: bool
    is_news: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Something may be due."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The driver ends; the framework may come back."""


Event = (
    Started
    | MasterDetected
    | StreamOpened
    | Heard
    | Received
    | StreamLost
    | FrameworkIdSaved
    | CallRequested
    | CallAnswered
    | CallBroken
    | OffersShown
    | Told
    | DemandChanged
    | Tick
    | Stopped
)
